//! A parser for lines that arrive in pieces.

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

pub struct Parser {}

impl Parser {
    pub fn new(max_line: usize) -> Parser {
        todo!()
    }

    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Result<Record, ParseError>> {
        todo!()
    }

    pub fn finish(self) -> Option<Result<Record, ParseError>> {
        todo!()
    }
}
