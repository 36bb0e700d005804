//! A hierarchical wheel: levels of 64 slots, each a list of timers, which cascade as its time comes near.
//!
//! Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use std::collections::HashMap;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    Burst,
    Skip,
    Delay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimerId(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fired {
    pub id: TimerId,
    pub due: u64,
    pub skipped: u64,
}

const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
/// Enough for any time of 128 bits.
const LEVELS: usize = 22;

/// The ends of a list of timers in the order in which they were armed.
#[derive(Clone, Copy, Default)]
struct List {
    first: Option<u64>,
    last: Option<u64>,
}

struct Timer<T> {
    at: u128,
    level: usize,
    before: Option<u64>,
    after: Option<u64>,
    period: Option<(u64, Missed)>,
    value: Option<T>,
}

pub struct Wheel<T> {
    now: u64,
    /// Ticks that passed in advances; setting the clock changes `now` alone. No timer's `at` is before it.
    passed: u128,
    levels: Vec<[List; SLOTS]>,
    /// Which slots of each level have timers.
    occupied: [u64; LEVELS],
    timers: HashMap<u64, Timer<T>>,
    next_id: u64,
    is_firing: bool,
}

impl<T> Wheel<T> {
    pub fn new(now: u64) -> Self {
        Wheel {
            now,
            passed: 0,
            levels: vec![[List::default(); SLOTS]; LEVELS],
            occupied: [0; LEVELS],
            timers: HashMap::new(),
            next_id: 0,
            is_firing: false,
        }
    }

    pub fn now(&self) -> u64 {
        self.now
    }

    pub fn len(&self) -> usize {
        self.timers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.timers.is_empty()
    }

    pub fn once(&mut self, due: u64, value: T) -> TimerId {
        self.add(due, None, value)
    }

    pub fn every(&mut self, due: u64, period: u64, missed: Missed, value: T) -> TimerId {
        assert_ne!(period, 0, "a period must be above 0");
        self.add(due, Some((period, missed)), value)
    }

    pub fn cancel(&mut self, id: TimerId) -> bool {
        let is_pending = self.timers.contains_key(&id.0);
        if is_pending {
            self.unlink(id.0);
            self.timers.remove(&id.0);
        }
        is_pending
    }

    pub fn move_to(&mut self, id: TimerId, due: u64) -> bool {
        let is_pending = self.timers.contains_key(&id.0);
        if is_pending {
            self.unlink(id.0);
            self.link_at(id.0, self.ticks(due));
        }
        is_pending
    }

    pub fn due(&self, id: TimerId) -> Option<u64> {
        self.timers.get(&id.0).map(|timer| self.on_the_clock(timer.at))
    }

    pub fn next_due(&self) -> Option<u64> {
        // Every timer of a level is due before those of the levels above it.
        let level = self.occupied.iter().position(|slots| *slots != 0)?;
        let mut next = self.levels[level][self.occupied[level].trailing_zeros() as usize].first;
        let mut smallest = u128::MAX;
        while let Some(id) = next {
            smallest = smallest.min(self.timers[&id].at);
            next = if level == 0 { None } else { self.timers[&id].after };
        }
        Some(self.on_the_clock(smallest))
    }

    pub fn advance<F: FnMut(&mut Wheel<T>, Fired, &mut T)>(&mut self, to: u64, mut handler: F) {
        assert!(!self.is_firing, "a handler called advance");
        if to < self.now {
            return;
        }
        let end = self.ticks(to);
        while let Some(level) = self.occupied.iter().position(|slots| *slots != 0) {
            let slot = self.occupied[level].trailing_zeros();
            let shift = BITS * level as u32;
            let start = (self.passed >> shift >> BITS << BITS | u128::from(slot)) << shift;
            if start > end {
                break;
            }
            self.pass_to(start.max(self.passed));
            if level == 0 {
                let id = self.levels[0][slot as usize].first.expect("an occupied slot");
                self.fire(id, to, &mut handler);
            }
        }
        self.pass_to(end);
    }

    pub fn set_clock(&mut self, to: u64) {
        assert!(!self.is_firing, "a handler called set_clock");
        self.now = to;
    }

    fn ticks(&self, due: u64) -> u128 {
        self.passed + u128::from(due.saturating_sub(self.now))
    }

    fn on_the_clock(&self, at: u128) -> u64 {
        self.now + u64::try_from(at - self.passed).expect("due times stay in range")
    }

    fn add(&mut self, due: u64, period: Option<(u64, Missed)>, value: T) -> TimerId {
        let id = self.next_id;
        self.next_id += 1;
        let timer = Timer { at: 0, level: 0, before: None, after: None, period, value: Some(value) };
        self.timers.insert(id, timer);
        self.link_at(id, self.ticks(due));
        TimerId(id)
    }

    fn timer(&mut self, id: u64) -> &mut Timer<T> {
        self.timers.get_mut(&id).expect("lists hold pending timers")
    }

    fn slot_of(level: usize, at: u128) -> usize {
        (at >> (BITS as usize * level)) as usize % SLOTS
    }

    /// Appends a timer that is in no list to the one where its time belongs, seen from the time that has passed.
    fn link_at(&mut self, id: u64, at: u128) {
        let differing = 127 - (at ^ self.passed | 1).leading_zeros();
        let level = (differing / BITS) as usize;
        let slot = Self::slot_of(level, at);
        let last = self.levels[level][slot].last.replace(id);
        match last {
            Some(last) => self.timer(last).after = Some(id),
            None => self.levels[level][slot].first = Some(id),
        }
        self.occupied[level] |= 1 << slot;
        let timer = self.timer(id);
        timer.at = at;
        timer.level = level;
        timer.before = last;
        timer.after = None;
    }

    fn unlink(&mut self, id: u64) {
        let Timer { at, level, before, after, .. } = *self.timer(id);
        let slot = Self::slot_of(level, at);
        match before {
            Some(before) => self.timer(before).after = after,
            None => self.levels[level][slot].first = after,
        }
        match after {
            Some(after) => self.timer(after).before = before,
            None => self.levels[level][slot].last = before,
        }
        if self.levels[level][slot].first.is_none() {
            self.occupied[level] &= !(1 << slot);
        }
    }

    /// Lets time pass, to no later than the next timer, and hands down the timers of the slots it comes into.
    fn pass_to(&mut self, at: u128) {
        self.now += (at - self.passed) as u64;
        self.passed = at;
        for level in (1..LEVELS).rev() {
            let slot = Self::slot_of(level, at);
            if self.occupied[level] & 1 << slot == 0 {
                continue;
            }
            self.occupied[level] &= !(1 << slot);
            let mut next = std::mem::take(&mut self.levels[level][slot]).first;
            while let Some(id) = next {
                next = self.timer(id).after;
                let due = self.timer(id).at;
                self.link_at(id, due);
            }
        }
    }

    fn fire<F: FnMut(&mut Wheel<T>, Fired, &mut T)>(&mut self, id: u64, to: u64, handler: &mut F) {
        let due = self.now;
        self.unlink(id);
        let timer = self.timer(id);
        let mut value = timer.value.take().expect("no handler has it");
        let mut skipped = 0;
        let next = timer.period.and_then(|(period, missed)| {
            let whole = (to - due) / period;
            let last = match missed {
                Missed::Burst => return due.checked_add(period),
                Missed::Skip => due + whole * period,
                Missed::Delay => to,
            };
            skipped = whole;
            last.checked_add(period)
        });
        match next {
            Some(next) => self.link_at(id, self.ticks(next)),
            None => drop(self.timers.remove(&id)),
        }
        self.is_firing = true;
        let fired = Fired { id: TimerId(id), due, skipped };
        let outcome = catch_unwind(AssertUnwindSafe(|| handler(self, fired, &mut value)));
        self.is_firing = false;
        match self.timers.get_mut(&id) {
            Some(timer) => timer.value = Some(value),
            None => drop(value),
        }
        outcome.unwrap_or_else(|panic| resume_unwind(panic));
    }
}
