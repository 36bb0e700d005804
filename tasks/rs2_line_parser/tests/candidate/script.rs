//! Feeds a parser as a script says and sends what it returns; knows nothing of the right answers.
//!
//! Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use line_parser::{ParseError, Parser, Record, Value};
use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicI64, Ordering};

mod answers;

type Parsed = Result<Record, ParseError>;

/// Counts the bytes that are allocated and not yet freed.
struct Counting;

static HELD: AtomicI64 = AtomicI64::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size() as i64, Ordering::Relaxed);
        System.alloc(layout)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        System.dealloc(pointer, layout)
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{:02x}", byte)).collect()
}

fn bytes_of(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("two digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

fn number_of(text: &str) -> usize {
    text.parse().expect("a number")
}

fn show_value(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("text:{}", hexadecimal(text.as_bytes())),
        Value::Integer(number) => format!("integer:{}", number),
        Value::Flag(flag) => format!("flag:{}", flag),
    }
}

fn show(parsed: &Parsed) -> String {
    match parsed {
        Ok(record) => {
            let fields = record.fields.iter().map(|(key, value)| format!(" {}={}", key, show_value(value)));
            format!("{} {}{}", record.line, record.name, fields.collect::<String>())
        }
        Err(error) => format!("{}:{} {:?}", error.line, error.column, error.kind),
    }
}

fn show_all(results: &[Parsed]) -> String {
    results.iter().map(show).collect::<Vec<_>>().join("; ")
}

fn run(parser: &mut Option<Parser>, words: &[&str]) -> String {
    let mut feed = |bytes: &[u8]| parser.as_mut().expect("a parser").feed(bytes);
    match words {
        ["new", max_line] => {
            *parser = Some(Parser::new(number_of(max_line)));
            "new".to_string()
        }
        ["feed"] => show_all(&feed(&[])),
        ["feed", bytes] => show_all(&feed(&bytes_of(bytes))),
        ["finish"] => {
            let last = parser.take().expect("a parser").finish();
            last.as_ref().map_or("nothing".to_string(), show)
        }
        // Byte by byte, as often as said.
        ["trickle", bytes, count] => {
            let bytes = bytes_of(bytes);
            let mut results = Vec::new();
            for _ in 0..number_of(count) {
                for byte in &bytes {
                    results.extend(feed(std::slice::from_ref(byte)));
                }
            }
            show_all(&results)
        }
        // As many copies of a line in one call.
        ["flood", line, count] => {
            let results = feed(&bytes_of(line).repeat(number_of(count)));
            let (mut records, mut lines, mut sum) = (0_u64, 0_u64, 0_i64);
            for record in results.iter().flatten() {
                records += 1;
                lines += record.line;
                for (_, value) in &record.fields {
                    if let Value::Integer(number) = value {
                        sum += number;
                    }
                }
            }
            format!("{} {} {} {}", results.len(), records, lines, sum)
        }
        // The same chunk again and again: the most bytes held between two calls.
        ["held", chunk, count] => {
            let chunk = bytes_of(chunk);
            let mut most = i64::MIN;
            for _ in 0..number_of(count) {
                let results = feed(&chunk).len();
                assert!(results == 0, "a line that has not ended gave a result");
                most = most.max(HELD.load(Ordering::Relaxed));
            }
            most.to_string()
        }
        ["baseline"] => HELD.load(Ordering::Relaxed).to_string(),
        ["display", bytes] => {
            let mut parser = Parser::new(1_000_000);
            let mut results = parser.feed(&bytes_of(bytes));
            results.extend(parser.finish());
            let display = |parsed: &Parsed| match parsed {
                Ok(record) => hexadecimal(record.to_string().as_bytes()),
                Err(error) => hexadecimal(error.to_string().as_bytes()),
            };
            results.iter().map(display).collect::<Vec<_>>().join(" ")
        }
        _ => panic!("unknown operation {:?}", words),
    }
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut answers = answers::Answers::open();
    let mut parser = None;
    while let Some(request) = answers.next_request() {
        let words: Vec<&str> = request.split_whitespace().collect();
        if words == ["script"] {
            answers.flush();
            parser = None;
            answers.send("script");
            continue;
        }
        match catch_unwind(AssertUnwindSafe(|| run(&mut parser, &words))) {
            Ok(answer) => answers.send(&answer),
            Err(_) => answers.send("an unexpected panic"),
        }
    }
    answers.finish();
}
