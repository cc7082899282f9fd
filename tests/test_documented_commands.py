"""No command is printed that nobody has run: each block of code and each command in a sentence is in a test.

A block counts as run where a test takes it from the page with `block("page", "language", "how it begins")`. What is run
in another way, or cannot be run here, is named below with the place or the reason. A new one that is neither fails.
"""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

from tests.documents import PAGES, ROOT

MORE_PAGES = [
    ROOT / "CONTRIBUTING.md",
    *sorted(ROOT.glob("packages/*/README.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
]
LANGUAGES = {"console", "json", "python", "sh", "sql", "yaml"}
"""Blocks without a language are drawings and what programs print."""

ELSEWHERE = {
    ("CONTRIBUTING.md", "make demo "): "chores; .ci/run and the workflows run them",
    ("docs/airbyte.md", "docker build --build-arg VERSION=0.1.0"): ".ci/image.py builds and tries the image",
    ("docs/airbyte.md", "uv tool install tap-cometly"): "for the day of the release; .ci/package.py installs the wheel",
    ("docs/airbyte.md", "import airbyte"): "tests/airbyte/official/test_pyairbyte.py, with a local Cometly",
    ("docs/current-truth.md", "create or replace view cometly.events_now"): "tests/e2e/test_truth_in_warehouses.py",
    ("docs/current-truth.md", "create or replace view events_now"): "tests/e2e/test_commands_of_documents.py",
    ("docs/current-truth.md", "select event_date, event_days.row_count"): "tests/e2e/test_truth_in_warehouses.py",
    ("examples/fleet/README.md", "pip install tap-cometly"): "tests/fleet/test_loading.py, in its own environment",
    ("examples/fleet/README.md", "pip install 'dagster>=1.13,<1.14'"): "tests/fleet/test_machines.py",
    ("packages/bulk-exports/README.md", "import dataclasses"): "tests/kit/test_readme.py",
    ("packages/tap-apsis-one/README.md", "$ make demo-apsis"): "tests/e2e/test_apsis.py, with a local APSIS One",
    ("packages/tap-pardot-exports/README.md", "$ make demo-pardot"): "tests/e2e/test_pardot.py, with a local vendor",
}
"""Blocks that no test takes from the page: where the same is run, or why it is not."""

PROGRAMS = r"(?:make|meltano|uvx|uv|pipx|pip|docker|flock|python|source-cometly|tap-cometly|\.venv/bin/\S+)"
IN_SENTENCES = {
    "docker build -t tap-cometly .": ".ci/image.py",
    "docker run --entrypoint tap-cometly IMAGE --about": ".ci/image.py",
    "make bench": "benchmarks/__main__.py; nothing depends on what it prints",
    "make bench-lookback": "benchmarks/lookback.py; nothing depends on what it prints",
    "make clean": "tests/test_chores.py",
    "make fleet-demo": "tests/fleet/test_machines.py starts the same",
    "make image": ".ci/image.py",
    "make test": ".ci/run",
    "make test-airbyte": ".ci/run",
    "make test-fleet": ".ci/run",
    "meltano add --plugin-type extractor tap-cometly --from-ref hub/tap-cometly.yml": "tests/e2e/test_hub.py",
    "meltano config print tap-cometly": "tests/e2e/test_commands_of_documents.py",
    "meltano invoke": "tests/e2e/test_commands_of_documents.py",
    "meltano run": "tests/e2e/test_commands_of_documents.py",
    "meltano run --full-refresh tap-cometly target-postgres": "tests/e2e/test_commands_of_documents.py",
    "meltano run tap-cometly--acme target-postgres": "tests/e2e/test_commands_of_documents.py",
    "meltano state get": "tests/e2e/test_commands_of_documents.py",
    'pip install "dlt[duckdb]"': "tests/e2e/test_dlt.py",
    'pip install "tap-cometly[s3]"': "for the day of the release; tests/test_command_line.py says when it is needed",
    "pip install tap-cometly": "for the day of the release; .ci/package.py",
    "pipx run tap-cometly --version": "for the day of the release; .ci/package.py starts the same with uvx",
    "python -m benchmarks.fleet --spaces 100": "benchmarks/fleet.py; nothing depends on what it prints",
    "python -m benchmarks.formats": "benchmarks/formats.py; nothing depends on what it prints",
    "python -m benchmarks.pardot": "benchmarks/pardot.py; nothing depends on what it prints",
    "python -m benchmarks.targets": "benchmarks/targets.py; nothing depends on what it prints",
    "python -m fleet": "tests/fleet/test_loading.py",
    "source-cometly check --config FILE": "tests/airbyte/test_command.py",
    "source-cometly discover --config FILE": "tests/airbyte/test_command.py",
    "source-cometly read --config FILE --catalog FILE [--state FILE]": "tests/airbyte/test_command.py",
    "source-cometly spec": "tests/airbyte/test_command.py",
    "tap-cometly --about": "tests/test_command_line.py",
    "tap-cometly --plan=json": "tests/test_command_line.py",
    "uvx --from . source-cometly spec": ".ci/package.py",
    "uvx --from . tap-cometly --version": ".ci/package.py",
    "uvx tap-cometly --version": "for the day of the release; .ci/package.py",
}
"""Commands within sentences of README.md and docs/: where they are run, or why they are not."""


def blocks_of(page):
    found = re.findall(r"^ *```(\w+)\n(.*?)^ *```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [(language, code) for language, code in found if language in LANGUAGES]


def name_of(page):
    return str(page.relative_to(ROOT))


@functools.cache
def taken():
    """Return what tests take from pages: page, language, beginning."""
    return {
        tuple(argument.value for argument in call.args)
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", None) == "block"
        and len(call.args) == 3
        and all(isinstance(argument, ast.Constant) for argument in call.args)
    }


def is_run(page, language, code):
    return any(name == page and of == language and code.startswith(begin) for name, of, begin in taken())


def named(page, code):
    return [key for key in ELSEWHERE if key[0] == page and code.startswith(key[1])]


def test_every_block_of_code_is_run_or_named_with_its_reason():
    forgotten = [
        f"{name_of(page)}: {code.splitlines()[0]}"
        for page in (*PAGES, *MORE_PAGES)
        for language, code in blocks_of(page)
        if not is_run(name_of(page), language, code) and not named(name_of(page), code)
    ]
    assert not forgotten


def commands_in_sentences(text):
    prose = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)
    spans = {" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)}
    return {span for span in spans if re.match(rf"{PROGRAMS} \S", span)}


def test_every_command_in_a_sentence_is_run_or_named_with_its_reason():
    told = {command for page in PAGES for command in commands_in_sentences(page.read_text(encoding="utf-8"))}
    assert told == IN_SENTENCES.keys()


def test_what_is_named_is_there_and_not_run_in_another_way():
    """A list that nobody shortens would hide the next gap."""
    printed = {(name_of(page), language, code) for page in (*PAGES, *MORE_PAGES) for language, code in blocks_of(page)}
    for page, begin in ELSEWHERE:
        (found,) = [each for each in printed if each[0] == page and each[2].startswith(begin)]
        assert not is_run(*found), begin
    for reason in (*ELSEWHERE.values(), *IN_SENTENCES.values()):
        for place in re.findall(r"(?<!\S)(?:\.ci|tests|benchmarks)/[\w./]*\w", reason):
            assert (ROOT / place).exists(), place


def test_a_new_command_would_be_found():
    page = Path("docs/new.md")
    assert not is_run(str(page), "sh", "tap-cometly --newest\n")
    assert not named(str(page), "tap-cometly --newest\n")
    assert commands_in_sentences("Run `tap-cometly --newest`, or `make\nbrand-new`; `meltano` alone is a name.") == {
        "tap-cometly --newest",
        "make brand-new",
    }
