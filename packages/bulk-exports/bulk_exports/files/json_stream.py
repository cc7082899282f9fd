"""A JSON object that is larger than memory: the text goes by, and the parts that are wanted come out.

Python's own scanner of JSON takes a value from wherever it begins in a text and tells where it ends
(`json.JSONDecoder.raw_decode`). So a value that is in memory whole is read at once, however much there is in it: a
profile with all its events, say. Only a value that is too large for that is entered, and its members are read one by
one. That is three times as fast as to build values from the tokens of `ijson`, and it is as exact: each bracket,
comma and colon between the values that are read at once is looked at here, everything within them by the scanner.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from bulk_exports.engine.errors import CorruptFileError
from bulk_exports.exact_numbers import MAX_DIGITS, read_number
from bulk_exports.files.json_parts import UnexpectedPartError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bulk_exports.files.json_parts import Crossing, Part

PIECE_BYTES: Final = 256 * 1024
"""What is decoded at a time."""
MAX_WHOLE: Final = 1024 * 1024
"""Characters of a value that is read at once. A larger one is entered."""
MAX_PART: Final = 16 * 1024 * 1024
"""Characters of a part, which is always read at once."""
MAX_LEVELS: Final = 500
"""So deep may values be entered."""

_TOO_DEEP: Final = f"values within values on more than {MAX_LEVELS} levels"
_BLANK: Final = re.compile(r"[ \t\n\r]*")
_DIGITS: Final = re.compile(r"[0-9.eE+-]*")
_BEGUN: Final = re.compile(r"-?[0-9.eE+-]*|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?")
"""What may be left of a number, of true, false or null where a file was cut."""
_OPEN_TEXT: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*\\?', re.DOTALL)
"""What is left of a text where a file was cut."""
_CLOSING: Final = {"{": "}", "[": "]"}


class UnexpectedJsonError(Exception):
    """The JSON is not what was expected.

    Args:
        what: What there is instead.
        where: In which place.
    """

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"the JSON object holds {what}, in {where}")


class _Entered(NamedTuple):
    """A value that was entered.

    Attributes:
        there: Where it stands; None where no path leads to.
        closing: The bracket that ends it.
        name: Its name, if it stands in an object.
        broken: Whether it must not come to a good end, because the scanner did not take it.
    """

    there: Crossing | None
    closing: str
    name: str
    broken: bool


class JsonStream:
    """A text with one JSON object.

    Args:
        chunks: Its bytes.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._pieces = self._decoded(chunks)
        self._text = ""
        self._at = 0
        self._before = 0
        self._at_end = False
        self._beside: str | None = None
        self._is_named = False
        self._scanner = json.JSONDecoder(parse_float=read_number, parse_constant=_refuse_constant)

    def parts(self, start: Crossing) -> Iterator[Part]:
        """Yield the parts that are wanted, in their order.

        Args:
            start: Where all paths begin.

        Raises:
            CorruptFileError: The text ends before the object does.
            UnexpectedJsonError: It is no JSON object, or one that cannot be read.
        """
        if self._next() != "{":
            self._refuse("something else")
        way = [self._enter(start, "", broken=False)]
        has: list[set[str]] = [set()]  # of what is needed of each value that was entered
        follows = False
        found: list[Part] = []
        while way:
            if self._next() == way[-1].closing:
                if way[-1].broken:
                    self._refuse("something malformed")
                self._look_at_entered(way, has.pop())
                way.pop()
                self._at += 1
                follows = True
                continue
            if follows:
                self._take(",")
            follows = self._take_value(way, has, found)
            yield from found
            found.clear()
        if self._more_than_blanks():
            self._refuse("something behind its end")
        if self._beside and not self._is_named:
            self._refuse(self._beside)

    def _look_at_entered(self, way: list[_Entered], has: set[str]) -> None:
        """Look whether what has been entered, and ends here, is what is expected there."""
        entered = way[-1]
        if entered.there is not None:
            try:
                entered.there.check(has, tuple(each.name for each in way[1:]), is_list=entered.closing == "]")
            except UnexpectedPartError as odd:
                self._unexpected(odd, way)

    def _unexpected(self, odd: UnexpectedPartError, way: list[_Entered]) -> None:
        """Refuse what is not expected, or remember it: anything may stand beside a name that a path has."""
        start = way[0].there
        if start is not None and odd.names[0] in start.named:
            self._refuse(str(odd))
        self._beside = self._beside or str(odd)

    def _collect_elements(self, there: Crossing, names: tuple[str, ...], parts: list[Part]) -> None:
        """Take elements of a list as long as each of them, and the comma behind it, is in memory.

        It stops where an element begins. What it does could be left to `parts`, which takes three times as long.
        """
        text, at, decode = self._text, self._at, self._scanner.raw_decode
        while True:
            try:
                value, end = decode(text, at)
            except (ValueError, RecursionError):
                break
            if text[end : end + 1] != "," or end + 1 == len(text):
                break
            there.collect(value, names, parts)
            at = end + 1
            if text[at] in " \t\n\r":
                at = _BLANK.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        self._at = at
        self._next()

    def _enter(self, there: Crossing | None, name: str, *, broken: bool) -> _Entered:
        """Go into the value that begins here, because it is not to be had at once."""
        bracket = self._text[self._at]
        if bracket not in _CLOSING:
            self._refuse_simple()
        if broken and not self._at_end:
            self._refuse(f"a part of more than {MAX_PART:,} characters, or something malformed")
        self._at += 1
        return _Entered(there, _CLOSING[bracket], name, broken)

    def _take_value(self, way: list[_Entered], has: list[set[str]], parts: list[Part]) -> bool:
        """Take the next value of what was entered last, or enter it; return whether a comma may follow."""
        inner = way[-1]
        name, there = self._onwards(inner)
        names = (*[entered.name for entered in way[1:]], name)  # the outermost object has none
        if inner.there is not None and name in inner.there.named:
            has[-1].add(name)
            self._is_named |= len(way) == 1
        if there is not None and inner.closing == "]":
            self._collect_elements(there, names, parts)
        is_part = there is not None and there.part is not None
        # A name that comes twice there must not replace what the first one had: it is entered, however small it is.
        is_entered = len(way) == 1 and there is not None and not is_part and self._text[self._at] in _CLOSING
        found, value = (False, None) if is_entered else self._value(MAX_PART if is_part else MAX_WHOLE)
        if not found:
            way.append(self._enter(None if is_part else there, name, broken=is_part))
            has.append(set())
            if len(way) > MAX_LEVELS:
                self._refuse(_TOO_DEEP)
        elif there is not None:
            try:
                there.collect(value, names, parts)
            except UnexpectedPartError as odd:
                self._unexpected(odd, way)
        return found

    def _onwards(self, inner: _Entered) -> tuple[str, Crossing | None]:
        """Go to where the next value of an object or a list begins; return its name, and where it stands."""
        name = self._name() if inner.closing == "}" else ""
        self._next()
        if inner.there is None:
            return name, None
        return name, inner.there.onwards(name) if inner.closing == "}" else inner.there.others

    def _name(self) -> str:
        """Take a name and its colon."""
        if self._next() != '"':
            self._refuse("something malformed")
        found, name = self._value(MAX_PART)
        if not found:
            self._refuse_simple()
        self._take(":")
        return str(name)

    def _take(self, character: str) -> None:
        if self._next() != character:
            self._refuse("something malformed")
        self._at += 1

    def _value(self, most: int) -> tuple[bool, Any]:
        """Return whether the value that begins here is to be had at once, and it.

        Args:
            most: As many characters may be in memory for it, if it is one that can be entered.
        """
        most = most if self._text[self._at] in _CLOSING else MAX_PART
        while True:
            length = len(self._text) - self._at
            try:
                value, end = self._scanner.raw_decode(self._text, self._at)
            except RecursionError:
                self._refuse(_TOO_DEEP)
            except ArithmeticError:  # with the digits that follow, it is longer still
                self._refuse(f"a number of more than {MAX_DIGITS:,} digits")
            except ValueError:
                if length >= most or self._at_end:
                    return False, None
            else:
                if self._text[end - 1] in '}]"' or not _DIGITS.fullmatch(self._text, end):
                    self._at = end
                    return True, value
                # More digits of a number may follow, or what is there is the beginning of its exponent.
                if self._at_end:
                    self._cut_short()
            # It is read from its beginning again: twice as much of it, or that would take its time squared.
            while len(self._text) - self._at < 2 * length and self._read():
                pass

    def _next(self) -> str:
        """Go to the next character that is not blank, and return it."""
        if not self._more_than_blanks():
            self._cut_short()
        return self._text[self._at]

    def _more_than_blanks(self) -> bool:
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text):
                return True
            if not self._read():
                return False

    def _read(self) -> bool:
        """Read on; return whether there was more."""
        piece = next(self._pieces, None)
        if piece is None:
            self._at_end = True
            return False
        self._before += self._at
        self._text = self._text[self._at :] + piece
        self._at = 0
        return True

    def _decoded(self, chunks: Iterable[bytes]) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        try:
            for chunk in chunks:
                for start in range(0, len(chunk), PIECE_BYTES):
                    yield decoder.decode(chunk[start : start + PIECE_BYTES])
        except UnicodeDecodeError:
            self._refuse("something that is not UTF-8")
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            self._cut_short()

    def _refuse(self, what: str) -> NoReturn:
        raise UnexpectedJsonError(what, f"what follows its first {self._before + self._at:,} characters")

    def _refuse_simple(self) -> NoReturn:
        """Say what is wrong with a value that the scanner does not take, and that is neither an object nor a list."""
        if self._at_end and (_OPEN_TEXT.fullmatch(self._text, self._at) or _BEGUN.fullmatch(self._text, self._at)):
            self._cut_short()
        self._refuse(f"something malformed, or a text of more than {MAX_PART:,} characters")

    def _cut_short(self) -> NoReturn:
        raise CorruptFileError("the file is cut short: its JSON object does not end")


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)
