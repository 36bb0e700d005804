//! A buffer for the unfinished line and a reader over characters; wrong: one buffer is searched from its start and drained line by line.
//!
//! Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use std::collections::HashSet;
use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

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
    /// Lines that have ended.
    lines: u64,
    /// The beginning of the unfinished line, cut where it is too long in any case.
    unfinished: Vec<u8>,
}

impl Parser {
    pub fn new(max_line: usize) -> Parser {
        Parser { max_line, lines: 0, unfinished: Vec::new() }
    }

    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Result<Record, ParseError>> {
        let mut results = Vec::new();
        self.unfinished.extend_from_slice(bytes);
        while let Some(end) = self.unfinished.iter().position(|byte| *byte == b'\n') {
            let mut line: Vec<u8> = self.unfinished.drain(..=end).collect();
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            results.extend(self.end_line(&line));
        }
        // Two more than fit, since the last one may be a carriage return that does not count.
        self.unfinished.truncate(self.max_line.saturating_add(2));
        results
    }

    pub fn finish(mut self) -> Option<Result<Record, ParseError>> {
        if self.unfinished.is_empty() {
            None
        } else {
            let line = std::mem::take(&mut self.unfinished);
            self.end_line(&line)
        }
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Result<Record, ParseError>> {
        self.lines += 1;
        let result = read_line(line, self.max_line, self.lines);
        result.map_err(|(column, kind)| ParseError { line: self.lines, column, kind }).transpose()
    }
}

/// A column and what is wrong there.
type Fault = (u64, ErrorKind);

fn read_line(bytes: &[u8], max_line: usize, line: u64) -> Result<Option<Record>, Fault> {
    if bytes.len() > max_line {
        return Err((1, ErrorKind::LineTooLong));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        (valid.chars().count() as u64 + 1, ErrorKind::InvalidUtf8)
    })?;
    let mut reader = Reader { characters: text.chars().peekable(), column: 1 };
    reader.skip_blanks();
    if matches!(reader.peek(), None | Some('#')) {
        return Ok(None);
    }
    reader.read_record(line).map(Some)
}

struct Reader<'a> {
    characters: Peekable<Chars<'a>>,
    /// Of the next character.
    column: u64,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        self.characters.peek().copied()
    }

    fn unexpected(&mut self) -> Fault {
        match self.peek() {
            Some(_) => (self.column, ErrorKind::UnexpectedCharacter),
            None => (self.column, ErrorKind::UnexpectedEnd),
        }
    }

    fn take(&mut self, accepts: impl Fn(char) -> bool) -> Result<char, Fault> {
        match self.peek() {
            Some(character) if accepts(character) => {
                self.characters.next();
                self.column += 1;
                Ok(character)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn skip_blanks(&mut self) {
        while self.take(is_blank).is_ok() {}
    }

    fn read_record(&mut self, line: u64) -> Result<Record, Fault> {
        let name = self.read_word()?;
        let mut fields = Vec::new();
        let mut keys = HashSet::new();
        loop {
            if self.peek().is_some() {
                self.take(is_blank)?;
                self.skip_blanks();
            }
            if self.peek().is_none() {
                return Ok(Record { line, name, fields });
            }
            let start = self.column;
            let key = self.read_word()?;
            self.take(|character| character == '=')?;
            if !keys.insert(key.clone()) {
                return Err((start, ErrorKind::DuplicateKey));
            }
            let value = self.read_value()?;
            fields.push((key, value));
        }
    }

    fn read_word(&mut self) -> Result<String, Fault> {
        let mut word = self.take(|character| character.is_ascii_lowercase())?.to_string();
        let is_further = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '_');
        while let Ok(character) = self.take(is_further) {
            word.push(character);
        }
        Ok(word)
    }

    fn read_value(&mut self) -> Result<Value, Fault> {
        match self.peek() {
            Some('"') => self.read_text().map(Value::Text),
            Some('t') => self.read_flag("true", true),
            Some('f') => self.read_flag("false", false),
            Some('-' | '0'..='9') => self.read_integer().map(Value::Integer),
            _ => Err(self.unexpected()),
        }
    }

    fn read_flag(&mut self, word: &str, flag: bool) -> Result<Value, Fault> {
        for expected in word.chars() {
            self.take(|character| character == expected)?;
        }
        Ok(Value::Flag(flag))
    }

    fn read_integer(&mut self) -> Result<i64, Fault> {
        let start = self.column;
        let mut digits = String::new();
        digits.extend(self.take(|character| character == '-'));
        digits.push(self.take(|character| character.is_ascii_digit())?);
        while let Ok(digit) = self.take(|character| character.is_ascii_digit()) {
            digits.push(digit);
        }
        digits.parse().map_err(|_| (start, ErrorKind::NumberOutOfRange))
    }

    fn read_text(&mut self) -> Result<String, Fault> {
        let mut text = String::new();
        self.take(|character| character == '"')?;
        loop {
            let column = self.column;
            match self.take(|_| true)? {
                '"' => return Ok(text),
                '\\' => text.push(self.read_escape().map_err(|fault| match fault.1 {
                    ErrorKind::UnexpectedEnd => fault,
                    _ => (column, ErrorKind::BadEscape),
                })?),
                character => text.push(character),
            }
        }
    }

    fn read_escape(&mut self) -> Result<char, Fault> {
        match self.take(|character| matches!(character, '"' | '\\' | 'n' | 't' | 'u'))? {
            'n' => return Ok('\n'),
            't' => return Ok('\t'),
            'u' => {}
            itself => return Ok(itself),
        }
        self.take(|character| character == '{')?;
        let mut digits = self.take(|character| character.is_ascii_hexdigit())?.to_string();
        while digits.len() < 6 {
            match self.take(|character| character.is_ascii_hexdigit()) {
                Ok(digit) => digits.push(digit),
                Err(_) => break,
            }
        }
        self.take(|character| character == '}')?;
        let number = u32::from_str_radix(&digits, 16).ok();
        number.and_then(char::from_u32).ok_or((self.column, ErrorKind::BadEscape))
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
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
