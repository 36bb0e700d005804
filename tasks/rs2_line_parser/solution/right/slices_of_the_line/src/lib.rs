//! Whole lines are slices of the chunk, fields are slices of lines; columns are counted when an error needs one.
//!
//! Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use std::collections::HashSet;
use std::fmt;

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

pub struct Parser {
    max_line: usize,
    number: u64,
    /// The unfinished line's beginning, no longer than it takes to refuse it.
    carried: Vec<u8>,
}

impl Parser {
    pub fn new(max_line: usize) -> Parser {
        Parser { max_line, number: 0, carried: Vec::new() }
    }

    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Result<Record, ParseError>> {
        let mut results = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                None => self.carry(piece),
                Some(end) if self.carried.is_empty() => results.extend(self.parse(without_return(end))),
                Some(end) => {
                    self.carry(end);
                    let line = std::mem::take(&mut self.carried);
                    results.extend(self.parse(without_return(&line)));
                }
            }
        }
        results
    }

    pub fn finish(mut self) -> Option<Result<Record, ParseError>> {
        let line = std::mem::take(&mut self.carried);
        if line.is_empty() {
            None
        } else {
            self.parse(&line)
        }
    }

    fn carry(&mut self, bytes: &[u8]) {
        let most = self.max_line.saturating_add(2);
        let taken = bytes.len().min(most - self.carried.len());
        self.carried.extend_from_slice(&bytes[..taken]);
    }

    fn parse(&mut self, bytes: &[u8]) -> Option<Result<Record, ParseError>> {
        self.number += 1;
        let line = self.number;
        let error = |column: usize, kind| Some(Err(ParseError { line, column: column as u64, kind }));
        if bytes.len() > self.max_line {
            return error(1, ErrorKind::LineTooLong);
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(fault) => {
                let valid = bytes[..fault.valid_up_to()].iter().filter(|byte| **byte & 0xC0 != 0x80);
                return error(1 + valid.count(), ErrorKind::InvalidUtf8);
            }
        };
        let content = text.trim_start_matches(BLANKS);
        if content.is_empty() || content.starts_with('#') {
            return None;
        }
        match parse_content(content) {
            Ok((name, fields)) => Some(Ok(Record { line, name, fields })),
            Err((left, kind)) => error(1 + text[..text.len() - left].chars().count(), kind),
        }
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// How many bytes of the line are left where the error is.
type Fault = (usize, ErrorKind);

fn unexpected(rest: &str) -> Fault {
    (rest.len(), if rest.is_empty() { ErrorKind::UnexpectedEnd } else { ErrorKind::UnexpectedCharacter })
}

fn parse_content(content: &str) -> Result<(String, Vec<(String, Value)>), Fault> {
    let (name, mut rest) = split_word(content)?;
    let mut keys = HashSet::new();
    let mut fields = Vec::new();
    loop {
        let field = rest.trim_start_matches(BLANKS);
        if field.is_empty() {
            return Ok((name.to_string(), fields));
        }
        if field.len() == rest.len() {
            return Err(unexpected(rest));
        }
        let (key, after) = split_word(field)?;
        let value = after.strip_prefix('=').ok_or_else(|| unexpected(after))?;
        if !keys.insert(key) {
            return Err((field.len(), ErrorKind::DuplicateKey));
        }
        let (value, after) = split_value(value)?;
        fields.push((key.to_string(), value));
        rest = after;
    }
}

fn split_word(text: &str) -> Result<(&str, &str), Fault> {
    if !text.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Err(unexpected(text));
    }
    let is_foreign = |other: char| !(other.is_ascii_lowercase() || other.is_ascii_digit() || other == '_');
    Ok(text.split_at(text.find(is_foreign).unwrap_or(text.len())))
}

fn split_value(text: &str) -> Result<(Value, &str), Fault> {
    match text.as_bytes().first() {
        Some(b'"') => split_text(&text[1..]),
        Some(b't') => split_flag(text, "true"),
        Some(b'f') => split_flag(text, "false"),
        Some(b'-' | b'0'..=b'9') => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let rest = digits.trim_start_matches(|digit: char| digit.is_ascii_digit());
            if rest.len() == digits.len() {
                return Err(unexpected(rest));
            }
            let number = text[..text.len() - rest.len()].parse();
            Ok((Value::Integer(number.map_err(|_| (text.len(), ErrorKind::NumberOutOfRange))?), rest))
        }
        _ => Err(unexpected(text)),
    }
}

fn split_flag<'a>(text: &'a str, word: &str) -> Result<(Value, &'a str), Fault> {
    let same = text.bytes().zip(word.bytes()).take_while(|(found, wanted)| found == wanted).count();
    let rest = &text[same..];
    if same < word.len() {
        return Err(unexpected(rest));
    }
    Ok((Value::Flag(word == "true"), rest))
}

fn split_text(text: &str) -> Result<(Value, &str), Fault> {
    let mut content = String::new();
    let mut rest = text;
    loop {
        let special = rest.find(['"', '\\']).ok_or((0, ErrorKind::UnexpectedEnd))?;
        content.push_str(&rest[..special]);
        rest = &rest[special..];
        if let Some(after) = rest.strip_prefix('"') {
            return Ok((Value::Text(content), after));
        }
        let (character, after) = split_escape(&rest[1..]).map_err(|kind| match kind {
            ErrorKind::UnexpectedEnd => (0, kind),
            _ => (rest.len(), kind),
        })?;
        content.push(character);
        rest = after;
    }
}

fn split_escape(text: &str) -> Result<(char, &str), ErrorKind> {
    let mut characters = text.chars();
    let mut next = || characters.next().ok_or(ErrorKind::UnexpectedEnd);
    let simple = match next()? {
        'n' => '\n',
        't' => '\t',
        itself @ ('"' | '\\') => itself,
        'u' => {
            if next()? != '{' {
                return Err(ErrorKind::BadEscape);
            }
            let mut number = 0;
            for count in 0..7 {
                match next()? {
                    '}' if count > 0 => {
                        let character = char::from_u32(number).ok_or(ErrorKind::BadEscape)?;
                        return Ok((character, characters.as_str()));
                    }
                    digit if count < 6 => number = 16 * number + digit.to_digit(16).ok_or(ErrorKind::BadEscape)?,
                    _ => return Err(ErrorKind::BadEscape),
                }
            }
            return Err(ErrorKind::BadEscape);
        }
        _ => return Err(ErrorKind::BadEscape),
    };
    Ok((simple, characters.as_str()))
}

impl fmt::Display for ParseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::LineTooLong => "line too long",
            ErrorKind::InvalidUtf8 => "invalid UTF-8",
            ErrorKind::UnexpectedCharacter => "unexpected character",
            ErrorKind::UnexpectedEnd => "unexpected end of line",
            ErrorKind::BadEscape => "bad escape",
            ErrorKind::NumberOutOfRange => "number out of range",
            ErrorKind::DuplicateKey => "duplicate key",
        };
        write!(formatter, "{}:{}: {}", self.line, self.column, what)
    }
}

impl std::error::Error for ParseError {}

impl fmt::Display for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        for (key, value) in &self.fields {
            write!(formatter, " {}=", key)?;
            match value {
                Value::Text(text) => write_text(formatter, text)?,
                Value::Integer(number) => write!(formatter, "{}", number)?,
                Value::Flag(flag) => write!(formatter, "{}", flag)?,
            }
        }
        Ok(())
    }
}

fn write_text(formatter: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    formatter.write_str("\"")?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(formatter, "\\{}", character)?,
            '\n' => formatter.write_str("\\n")?,
            '\t' => formatter.write_str("\\t")?,
            '\0'..='\x1f' | '\x7f' => write!(formatter, "\\u{{{:x}}}", character as u32)?,
            _ => write!(formatter, "{}", character)?,
        }
    }
    formatter.write_str("\"")
}
