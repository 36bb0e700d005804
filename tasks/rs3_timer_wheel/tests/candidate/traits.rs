//! Compiles only if the types are as described. Never run.
//!
//! Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use std::fmt::Debug;
use std::hash::Hash;
use timer_wheel::{Fired, Missed, TimerId, Wheel};

/// Implements nothing.
pub struct Bare;

fn require_id<I: Debug + Clone + Copy + PartialEq + Eq + Hash + Send + Sync + 'static>() {}

fn require_plain<P: Debug + Clone + Copy + PartialEq + Eq>() {}

fn require_send<S: Send>() {}

pub fn require_all(wheel: &mut Wheel<Bare>) -> (u64, usize, bool, Option<u64>, Option<u64>) {
    require_id::<TimerId>();
    require_plain::<Fired>();
    require_plain::<Missed>();
    require_send::<Wheel<Bare>>();
    // Send, and not Sync.
    require_send::<Wheel<std::cell::Cell<u8>>>();
    let id: TimerId = wheel.once(0_u64, Bare);
    let _: TimerId = wheel.every(0_u64, 1_u64, Missed::Burst, Bare);
    let changed: bool = wheel.cancel(id) || wheel.move_to(id, 0_u64);
    wheel.advance(0_u64, |inner: &mut Wheel<Bare>, fired: Fired, _: &mut Bare| {
        let Fired { id, due, skipped } = fired;
        inner.move_to(id, due + skipped);
    });
    wheel.set_clock(0_u64);
    (wheel.now(), wheel.len(), wheel.is_empty() || changed, wheel.due(id), wheel.next_due())
}

pub fn new() -> Wheel<Bare> {
    Wheel::new(0_u64)
}
