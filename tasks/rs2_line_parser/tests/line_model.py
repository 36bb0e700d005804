"""What a right parser makes of lines, written for clearness: a whole line at a time.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import re
from dataclasses import dataclass

USIZE_MAX = 2**64 - 1
SHORT_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}
ERROR_TEXTS = {
    "LineTooLong": "line too long",
    "InvalidUtf8": "invalid UTF-8",
    "UnexpectedCharacter": "unexpected character",
    "UnexpectedEnd": "unexpected end of line",
    "BadEscape": "bad escape",
    "NumberOutOfRange": "number out of range",
    "DuplicateKey": "duplicate key",
}

Value = str | int | bool


class LineError(Exception):
    """What is wrong with a line, and at which character, counted from 1."""

    def __init__(self, column: int, kind: str) -> None:
        super().__init__(column, kind)
        self.column, self.kind = column, kind


@dataclass(frozen=True)
class Record:
    name: str
    fields: dict[str, Value]

    def show(self, line: int) -> str:
        return " ".join([f"{line} {self.name}", *(f"{key}={_show(value)}" for key, value in self.fields.items())])

    def display(self) -> str:
        return " ".join([self.name, *(f"{key}={_display(value)}" for key, value in self.fields.items())])


def read_lines(data: bytes, max_line: int) -> list[tuple[int, Record | LineError]]:
    """The results with the numbers of their lines."""
    *ended, last = data.split(b"\n")
    lines = [line.removesuffix(b"\r") for line in ended] + ([last] if last else [])
    results: list[tuple[int, Record | LineError]] = []
    for number, line in enumerate(lines, 1):
        try:
            record = _read_line(line, max_line)
        except LineError as error:
            results.append((number, error))
        else:
            if record is not None:
                results.append((number, record))
    return results


def show(number: int, result: Record | LineError) -> str:
    return result.show(number) if isinstance(result, Record) else f"{number}:{result.column} {result.kind}"


def display(number: int, result: Record | LineError) -> str:
    if isinstance(result, Record):
        return result.display()
    return f"{number}:{result.column}: {ERROR_TEXTS[result.kind]}"


def _read_line(line: bytes, max_line: int) -> Record | None:
    if len(line) > max_line:
        raise LineError(1, "LineTooLong")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise LineError(1 + len(line[: error.start].decode()), "InvalidUtf8") from None
    if re.fullmatch(r"[ \t]*(#.*)?", text, re.DOTALL):
        return None
    return _Reader(text).read_record()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def read_record(self) -> Record:
        self.skip_blanks()
        name = self.read_word()
        fields: dict[str, Value] = {}
        while self.skip_to_field():
            start = self.at
            key = self.read_word()
            self.expect("=")
            if key in fields:
                raise LineError(start + 1, "DuplicateKey")
            fields[key] = self.read_value()
        return Record(name, fields)

    def skip_to_field(self) -> bool:
        """Past the blanks that have to stand before a field; False at the end."""
        if self.at < len(self.text) and self.text[self.at] not in " \t":
            raise self.unexpected()
        self.skip_blanks()
        return self.at < len(self.text)

    def skip_blanks(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1

    def unexpected(self) -> LineError:
        return LineError(self.at + 1, "UnexpectedCharacter" if self.at < len(self.text) else "UnexpectedEnd")

    def match(self, pattern: str) -> str:
        found = re.compile(pattern).match(self.text, self.at)
        if found is None:
            raise self.unexpected()
        self.at = found.end()
        return found[0]

    def read_word(self) -> str:
        return self.match("[a-z][a-z0-9_]*")

    def expect(self, text: str) -> None:
        for character in text:
            self.match(re.escape(character))

    def read_value(self) -> Value:
        start = self.at
        first = self.text[self.at : self.at + 1]
        if first == '"':
            self.at += 1
            return self.read_text()
        if first in ("t", "f"):
            self.expect("true" if first == "t" else "false")
            return first == "t"
        if first == "-":
            self.at += 1
        number = int(self.text[start : self.at] + self.match("[0-9]+"))
        if not -(2**63) <= number < 2**63:
            raise LineError(start + 1, "NumberOutOfRange")
        return number

    def read_text(self) -> str:
        parts: list[str] = []
        while (character := self.match(r"(?s:.)")) != '"':
            parts.append(self.read_escape() if character == "\\" else character)
        return "".join(parts)

    def read_escape(self) -> str:
        column = self.at
        try:
            character = self.match(r'["\\ntu]')
            if character != "u":
                return SHORT_ESCAPES[character]
            self.expect("{")
            digits = self.match("[0-9a-fA-F]{1,6}")
            self.expect("}")
        except LineError as error:
            if error.kind == "UnexpectedCharacter":
                raise LineError(column, "BadEscape") from None
            raise
        code = int(digits, 16)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise LineError(column, "BadEscape")
        return chr(code)


def _show(value: Value) -> str:
    if type(value) is str:
        return f"text:{value.encode().hex()}"
    return f"flag:{str(value).lower()}" if type(value) is bool else f"integer:{value}"


def _display(value: Value) -> str:
    if type(value) is not str:
        return str(value).lower()
    escaped = re.sub(r'(["\\])', r"\\\1", value).replace("\n", "\\n").replace("\t", "\\t")
    return '"' + re.sub("[\x00-\x1f\x7f]", lambda found: f"\\u{{{ord(found[0]):x}}}", escaped) + '"'
