//! Compiles only if the types are as described. Never run.
//!
//! Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use line_parser::{ErrorKind, ParseError, Parser, Record, Value};
use std::error::Error;
use std::fmt::{Debug, Display};

fn require_plain<P: Debug + Clone + Eq>(_: &P) {}

fn require_copy<C: Copy + Debug + Eq>(_: C) {}

fn require_display<D: Display>(_: &D) {}

pub fn require_all(kind: ErrorKind) -> Result<(), Box<dyn Error>> {
    require_copy(kind);
    let fields: Vec<(String, Value)> = vec![
        (String::new(), Value::Text(String::new())),
        (String::new(), Value::Integer(0_i64)),
        (String::new(), Value::Flag(true)),
    ];
    let record = Record { line: 1_u64, name: String::new(), fields };
    require_plain(&record);
    require_plain(&record.fields[0].1);
    require_display(&record);
    let mut parser: Parser = Parser::new(1_usize);
    let results: Vec<Result<Record, ParseError>> = parser.feed(b"");
    require_plain(&results);
    let last: Option<Result<Record, ParseError>> = parser.finish();
    require_plain(&last);
    match kind {
        ErrorKind::LineTooLong | ErrorKind::InvalidUtf8 | ErrorKind::UnexpectedCharacter => {}
        ErrorKind::UnexpectedEnd | ErrorKind::BadEscape => {}
        ErrorKind::NumberOutOfRange | ErrorKind::DuplicateKey => {}
    }
    Err(ParseError { line: 1_u64, column: 1_u64, kind })?
}
