//! A machine of states that takes each byte as it comes and keeps no line.
//!
//! Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use std::collections::BTreeSet;
use std::fmt::{self, Write};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Integer(i64),
    Flag(bool),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub line: u64,
    pub name: String,
    pub fields: Vec<(String, Value)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    LineTooLong,
    InvalidUtf8,
    UnexpectedCharacter,
    UnexpectedEnd,
    BadEscape,
    NumberOutOfRange,
    DuplicateKey,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    pub line: u64,
    pub column: u64,
    pub kind: ErrorKind,
}

enum State {
    Start,
    Comment,
    Word { is_name: bool },
    /// After a name or a value and the blanks behind it.
    Gap,
    ValueStart,
    Minus,
    Digits,
    Flag(&'static str),
    Text,
    Escape,
    EscapeBrace,
    EscapeDigits(u32),
    ValueEnd,
    Broken,
}

pub struct Parser {
    max_line: usize,
    lines: u64,
    /// A carriage return that may belong to the line's end.
    held_return: bool,
    line: Line,
}

/// What is known of the unfinished line.
struct Line {
    length: usize,
    partial: Vec<u8>,
    /// Of the next character.
    column: u64,
    invalid_column: Option<u64>,
    fault: Option<(u64, ErrorKind)>,
    state: State,
    word: String,
    /// Where the key, the value or the escape began.
    mark: u64,
    escape_mark: u64,
    escape_number: u32,
    name: String,
    key: String,
    keys: BTreeSet<String>,
    fields: Vec<(String, Value)>,
}

impl Parser {
    pub fn new(max_line: usize) -> Parser {
        Parser { max_line, lines: 0, held_return: false, line: Line::new() }
    }

    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Result<Record, ParseError>> {
        let mut results = Vec::new();
        for byte in bytes {
            if *byte == b'\n' {
                self.held_return = false;
                results.extend(self.end_line());
                continue;
            }
            self.release_return();
            if *byte == b'\r' {
                self.held_return = true;
            } else {
                self.line.take_byte(*byte, self.max_line);
            }
        }
        results
    }

    pub fn finish(mut self) -> Option<Result<Record, ParseError>> {
        self.release_return();
        if self.line.length == 0 {
            return None;
        }
        self.end_line()
    }

    fn release_return(&mut self) {
        if std::mem::take(&mut self.held_return) {
            self.line.take_byte(b'\r', self.max_line);
        }
    }

    fn end_line(&mut self) -> Option<Result<Record, ParseError>> {
        self.lines += 1;
        let line = std::mem::replace(&mut self.line, Line::new());
        line.end(self.lines, self.max_line)
    }
}

impl Line {
    fn new() -> Line {
        Line {
            length: 0,
            partial: Vec::new(),
            column: 1,
            invalid_column: None,
            fault: None,
            state: State::Start,
            word: String::new(),
            mark: 0,
            escape_mark: 0,
            escape_number: 0,
            name: String::new(),
            key: String::new(),
            keys: BTreeSet::new(),
            fields: Vec::new(),
        }
    }

    fn take_byte(&mut self, byte: u8, max_line: usize) {
        self.length = self.length.saturating_add(1);
        if self.length > max_line {
            self.word = String::new();
            self.state = State::Broken;
            return;
        }
        if self.invalid_column.is_some() {
            return;
        }
        self.partial.push(byte);
        match std::str::from_utf8(&self.partial) {
            Ok(text) => {
                let character = text.chars().next().expect("one byte at least");
                self.partial.clear();
                self.take(character);
                self.column += 1;
            }
            Err(error) if error.error_len().is_some() => self.invalid_column = Some(self.column),
            Err(_) => {}
        }
    }

    fn break_at(&mut self, column: u64, kind: ErrorKind) -> State {
        self.fault = Some((column, kind));
        State::Broken
    }

    fn unexpected(&mut self) -> State {
        self.break_at(self.column, ErrorKind::UnexpectedCharacter)
    }

    fn bad_escape(&mut self) -> State {
        self.break_at(self.escape_mark, ErrorKind::BadEscape)
    }

    fn take(&mut self, character: char) {
        let state = std::mem::replace(&mut self.state, State::Broken);
        self.state = match (state, character) {
            (State::Start, ' ' | '\t') => State::Start,
            (State::Start, '#') | (State::Comment, _) => State::Comment,
            (State::Start, 'a'..='z') => self.begin_word(character, true),
            (State::Word { is_name }, 'a'..='z' | '0'..='9' | '_') => {
                self.word.push(character);
                State::Word { is_name }
            }
            (State::Word { is_name: true }, ' ' | '\t') => {
                self.name = std::mem::take(&mut self.word);
                State::Gap
            }
            (State::Word { is_name: false }, '=') => {
                self.key = std::mem::take(&mut self.word);
                if self.keys.insert(self.key.clone()) {
                    State::ValueStart
                } else {
                    self.break_at(self.mark, ErrorKind::DuplicateKey)
                }
            }
            (State::Gap | State::ValueEnd, ' ' | '\t') => State::Gap,
            (State::Gap, 'a'..='z') => self.begin_word(character, false),
            (State::ValueStart, _) => self.begin_value(character),
            (State::Minus | State::Digits, '0'..='9') => {
                self.word.push(character);
                State::Digits
            }
            (State::Digits, _) => match self.end_integer() {
                State::Broken => State::Broken,
                _ if matches!(character, ' ' | '\t') => State::Gap,
                _ => self.unexpected(),
            },
            (State::Flag(rest), _) if rest.starts_with(character) => {
                if rest.len() > 1 {
                    State::Flag(&rest[1..])
                } else {
                    self.end_value(Value::Flag(self.word == "t"))
                }
            }
            (State::Text, '"') => {
                let text = std::mem::take(&mut self.word);
                self.end_value(Value::Text(text))
            }
            (State::Text, '\\') => {
                self.escape_mark = self.column;
                State::Escape
            }
            (State::Text, _) => self.extend_text(character),
            (State::Escape, '"' | '\\') => self.extend_text(character),
            (State::Escape, 'n') => self.extend_text('\n'),
            (State::Escape, 't') => self.extend_text('\t'),
            (State::Escape, 'u') => State::EscapeBrace,
            (State::EscapeBrace, '{') => {
                self.escape_number = 0;
                State::EscapeDigits(0)
            }
            (State::EscapeDigits(1..=6), '}') => match char::from_u32(self.escape_number) {
                Some(escaped) => self.extend_text(escaped),
                None => self.bad_escape(),
            },
            (State::EscapeDigits(count), _) => match character.to_digit(16) {
                Some(digit) if count < 6 => {
                    self.escape_number = 16 * self.escape_number + digit;
                    State::EscapeDigits(count + 1)
                }
                _ => self.bad_escape(),
            },
            (State::Escape | State::EscapeBrace, _) => self.bad_escape(),
            (State::Broken, _) => State::Broken,
            _ => self.unexpected(),
        }
    }

    fn begin_word(&mut self, character: char, is_name: bool) -> State {
        self.mark = self.column;
        self.word = character.to_string();
        State::Word { is_name }
    }

    fn begin_value(&mut self, character: char) -> State {
        self.mark = self.column;
        self.word.clear();
        if character != '"' {
            self.word.push(character);
        }
        match character {
            '"' => State::Text,
            '-' => State::Minus,
            '0'..='9' => State::Digits,
            't' => State::Flag("rue"),
            'f' => State::Flag("alse"),
            _ => self.unexpected(),
        }
    }

    fn extend_text(&mut self, character: char) -> State {
        self.word.push(character);
        State::Text
    }

    fn end_value(&mut self, value: Value) -> State {
        self.fields.push((std::mem::take(&mut self.key), value));
        State::ValueEnd
    }

    fn end_integer(&mut self) -> State {
        match self.word.parse() {
            Ok(number) => self.end_value(Value::Integer(number)),
            Err(_) => self.break_at(self.mark, ErrorKind::NumberOutOfRange),
        }
    }

    fn end(mut self, line: u64, max_line: usize) -> Option<Result<Record, ParseError>> {
        let error = |(column, kind)| Some(Err(ParseError { line, column, kind }));
        if self.length > max_line {
            return error((1, ErrorKind::LineTooLong));
        }
        if !self.partial.is_empty() {
            return error((self.invalid_column.unwrap_or(self.column), ErrorKind::InvalidUtf8));
        }
        match self.state {
            State::Start | State::Comment => return None,
            State::Word { is_name: true } => self.name = std::mem::take(&mut self.word),
            State::Gap | State::ValueEnd | State::Broken => {}
            State::Digits => drop(self.end_integer()),
            _ => self.fault = Some((self.column, ErrorKind::UnexpectedEnd)),
        }
        match self.fault {
            Some(fault) => error(fault),
            None => Some(Ok(Record { line, name: self.name, fields: self.fields })),
        }
    }
}

impl ErrorKind {
    fn text(self) -> &'static str {
        match self {
            ErrorKind::LineTooLong => "line too long",
            ErrorKind::InvalidUtf8 => "invalid UTF-8",
            ErrorKind::UnexpectedCharacter => "unexpected character",
            ErrorKind::UnexpectedEnd => "unexpected end of line",
            ErrorKind::BadEscape => "bad escape",
            ErrorKind::NumberOutOfRange => "number out of range",
            ErrorKind::DuplicateKey => "duplicate key",
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.line, self.column, self.kind.text())
    }
}

impl std::error::Error for ParseError {}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Value::Integer(number) => return write!(formatter, "{}", number),
            Value::Flag(flag) => return write!(formatter, "{}", flag),
            Value::Text(text) => text,
        };
        formatter.write_char('"')?;
        for character in text.chars() {
            match character {
                '"' => formatter.write_str("\\\"")?,
                '\\' => formatter.write_str("\\\\")?,
                '\n' => formatter.write_str("\\n")?,
                '\t' => formatter.write_str("\\t")?,
                control if control.is_ascii_control() => write!(formatter, "{}", control.escape_unicode())?,
                other => formatter.write_char(other)?,
            }
        }
        formatter.write_char('"')
    }
}

impl fmt::Display for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        self.fields.iter().try_for_each(|(key, value)| write!(formatter, " {}={}", key, value))
    }
}
