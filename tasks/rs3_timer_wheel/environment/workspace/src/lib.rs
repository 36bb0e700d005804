//! Timers on a clock of ticks.

use std::marker::PhantomData;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    Burst,
    Skip,
    Delay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimerId {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fired {
    pub id: TimerId,
    pub due: u64,
    pub skipped: u64,
}

pub struct Wheel<T> {
    marker: PhantomData<T>,
}
