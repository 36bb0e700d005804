// Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
// {{canary}}
use std::fs::File;
use std::io::{stdin, BufRead, Write};
use std::os::unix::io::FromRawFd;

/// Reads the nonce, then a count and that many numbers a line, and sends the total of each line.
fn main() {
    let number = std::env::var("ANSWER_PIPE").expect("ANSWER_PIPE").parse().expect("a number");
    // Nothing else in this process owns the pipe that the judge left open for it.
    let mut answers = unsafe { File::from_raw_fd(number) };
    let mut lines = stdin().lock().lines().map(|line| line.expect("a line of text"));
    let nonce = lines.next().expect("a nonce");
    for line in lines.take_while(|line| line != "end") {
        let words = line.split(' ').skip(1);
        let numbers: Vec<i64> = words.map(|word| word.parse().expect("a number")).collect();
        writeln!(answers, "{}", total::total(&numbers)).expect("the judge listens");
    }
    writeln!(answers, "end {}", nonce).expect("the judge listens");
}
