//! Compiles only if handles have their traits for a type that implements nothing; sends their sizes.
//!
//! Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use arena::Handle;
use std::fmt::Debug;
use std::hash::Hash;
use std::mem::size_of;

mod answers;

/// Implements nothing, and is neither Send nor Sync.
pub struct Bare {
    _pointer: *mut u8,
}

fn require<H: Copy + Eq + Ord + Hash + Debug + Send + Sync>() {}

fn main() {
    require::<Handle<Bare>>();
    require::<Handle<std::rc::Rc<String>>>();
    let mut answers = answers::Answers::open();
    answers.send(&format!("{} {}", size_of::<Handle<Bare>>(), size_of::<Option<Handle<Bare>>>()));
    answers.finish();
}
