//! The pipe to the judge: one line of answer for each line of request.
//!
//! Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use std::fs::File;
use std::io::{stdin, BufRead, BufWriter, Lines, StdinLock, Write};
use std::os::unix::io::FromRawFd;

pub struct Answers {
    pipe: BufWriter<File>,
    nonce: String,
    requests: Lines<StdinLock<'static>>,
}

impl Answers {
    /// Takes the nonce, the first line of the request.
    pub fn open() -> Answers {
        let number = std::env::var("ANSWER_PIPE").expect("ANSWER_PIPE").parse().expect("a number");
        let mut requests = stdin().lock().lines();
        let nonce = requests.next().expect("a nonce").expect("a nonce");
        // Nothing else in this process owns the pipe that the judge left open for it.
        let pipe = BufWriter::new(unsafe { File::from_raw_fd(number) });
        Answers { pipe, nonce, requests }
    }

    pub fn next_request(&mut self) -> Option<String> {
        self.requests.next().map(|line| line.expect("a line of text"))
    }

    pub fn send(&mut self, line: &str) {
        writeln!(self.pipe, "{}", line).expect("the judge listens");
    }

    /// What was sent before a call that never returns shall arrive.
    pub fn flush(&mut self) {
        self.pipe.flush().expect("the judge listens");
    }

    pub fn finish(mut self) {
        let line = format!("end {}", self.nonce);
        self.send(&line);
        self.flush();
    }
}
