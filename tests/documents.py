"""What README.md and the pages of docs/ say: sections, blocks of code, tables."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def section(page, heading):
    text = text_of(page)
    begin = text.index(f"\n{heading}") + 1
    return text[begin : text.find("\n## ", begin + 1)]


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code in a document."""

    page: str
    language: str
    code: str

    def __str__(self):
        return f"{self.page}: {self.code.splitlines()[0]}"


def blocks(language):
    return [
        Block(str(page.relative_to(ROOT)), language, code)
        for page in PAGES
        for code in re.findall(
            rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        )
    ]


def block(page, language, beginning):
    """The one block of a page that begins so."""
    (found,) = [each for each in blocks(language) if each.page == page and each.code.startswith(beginning)]
    return found.code
