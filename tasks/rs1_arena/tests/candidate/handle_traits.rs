//! Compiles only if handles have their traits and size for a type that implements nothing. Never run.
//!
//! Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use arena::Handle;
use std::fmt::Debug;
use std::hash::Hash;
use std::mem::size_of;

/// Implements nothing, and is neither Send nor Sync.
pub struct Bare {
    _pointer: *mut u8,
}

fn require<H: Copy + Clone + PartialEq + Eq + PartialOrd + Ord + Hash + Debug + Send + Sync>() {}

pub fn require_all() {
    require::<Handle<Bare>>();
    require::<Handle<std::rc::Rc<String>>>();
    require::<Handle<std::cell::Cell<&'static str>>>();
}

const _: [(); 8] = [(); size_of::<Handle<Bare>>()];
const _: [(); 8] = [(); size_of::<Option<Handle<Bare>>>()];
const _: [(); 8] = [(); size_of::<Option<Handle<[u64; 100]>>>()];
