//! A binary heap in which cancelled and moved timers leave stale places, swept when they are the most.
//!
//! Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

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

/// Ticks that this wheel has seen pass, a rank, and the timer.
type Place = Reverse<(u128, u64, u64)>;

struct Entry<T> {
    due: u128,
    rank: u64,
    period: u64,
    missed: Missed,
    value: Option<T>,
}

pub struct Wheel<T> {
    now: u64,
    /// Grows with every advance and is not touched when the clock is set.
    passed: u128,
    heap: BinaryHeap<Place>,
    entries: HashMap<u64, Entry<T>>,
    rank: u64,
    next_id: u64,
    busy: bool,
}

/// Puts the value back and ends the firing, also while a handler's panic passes by.
struct Firing<'a, T> {
    wheel: &'a mut Wheel<T>,
    id: u64,
    value: Option<T>,
}

impl<T> Drop for Firing<'_, T> {
    fn drop(&mut self) {
        self.wheel.busy = false;
        if let Some(entry) = self.wheel.entries.get_mut(&self.id) {
            entry.value = self.value.take();
        }
    }
}

impl<T> Wheel<T> {
    pub fn new(now: u64) -> Self {
        let (heap, entries) = (BinaryHeap::new(), HashMap::new());
        Wheel { now, passed: 0, heap, entries, rank: 0, next_id: 0, busy: false }
    }

    pub fn now(&self) -> u64 {
        self.now
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn once(&mut self, due: u64, value: T) -> TimerId {
        self.insert(due, 0, Missed::Burst, value)
    }

    pub fn every(&mut self, due: u64, period: u64, missed: Missed, value: T) -> TimerId {
        if period == 0 {
            panic!("the period must not be 0");
        }
        self.insert(due, period, missed, value)
    }

    fn insert(&mut self, due: u64, period: u64, missed: Missed, value: T) -> TimerId {
        let id = self.next_id;
        self.next_id += 1;
        self.entries.insert(id, Entry { due: 0, rank: 0, period, missed, value: Some(value) });
        self.push(id, due);
        TimerId(id)
    }

    fn push(&mut self, id: u64, due: u64) {
        self.rank += 1;
        let due = self.passed + u128::from(due.saturating_sub(self.now));
        let entry = self.entries.get_mut(&id).expect("a pending timer");
        entry.due = due;
        entry.rank = self.rank;
        self.heap.push(Reverse((due, self.rank, id)));
        self.sweep();
    }

    /// Afterwards the top is live, and at least half of the rest.
    fn sweep(&mut self) {
        let entries = &self.entries;
        let is_live = |place: &Place| entries.get(&place.0 .2).map_or(false, |entry| entry.rank == place.0 .1);
        if self.heap.len() > 2 * entries.len() + 32 {
            let live: Vec<Place> = self.heap.drain().filter(is_live).collect();
            self.heap = live.into();
        }
        while self.heap.peek().map_or(false, |top| !is_live(top)) {
            self.heap.pop();
        }
    }

    pub fn cancel(&mut self, id: TimerId) -> bool {
        let entry = self.entries.remove(&id.0);
        self.sweep();
        entry.is_some()
    }

    pub fn move_to(&mut self, id: TimerId, due: u64) -> bool {
        let is_pending = self.entries.contains_key(&id.0);
        if is_pending {
            self.push(id.0, due);
        }
        is_pending
    }

    fn clock(&self, due: u128) -> u64 {
        self.now + u64::try_from(due - self.passed).expect("in range")
    }

    pub fn due(&self, id: TimerId) -> Option<u64> {
        self.entries.get(&id.0).map(|entry| self.clock(entry.due))
    }

    pub fn next_due(&self) -> Option<u64> {
        self.heap.peek().map(|top| self.clock(top.0 .0))
    }

    fn pass_to(&mut self, now: u64) {
        self.passed += u128::from(now - self.now);
        self.now = now;
    }

    pub fn advance<F: FnMut(&mut Wheel<T>, Fired, &mut T)>(&mut self, to: u64, mut handler: F) {
        assert!(!self.busy, "advance within advance");
        if to < self.now {
            return;
        }
        while let Some(due) = self.next_due().filter(|due| *due <= to) {
            self.pass_to(due);
            let Reverse((_, _, id)) = self.heap.pop().expect("a timer is due");
            let entry = self.entries.get_mut(&id).expect("the top is live");
            entry.rank = 0;
            let value = entry.value.take();
            let (period, missed) = (entry.period, entry.missed);
            let whole = if period == 0 { 0 } else { (to - due) / period };
            let (from, skipped) = match missed {
                Missed::Burst => (due, 0),
                Missed::Skip => (due + whole * period, whole),
                Missed::Delay => (to, whole),
            };
            match from.checked_add(period) {
                Some(next) if period > 0 => self.push(id, next),
                _ => {
                    self.entries.remove(&id);
                    self.sweep();
                }
            }
            self.busy = true;
            let mut firing = Firing { wheel: self, id, value };
            let Firing { wheel, value, .. } = &mut firing;
            handler(wheel, Fired { id: TimerId(id), due, skipped }, value.as_mut().expect("a value"));
        }
        self.pass_to(to);
    }

    pub fn set_clock(&mut self, to: u64) {
        assert!(!self.busy, "set_clock within advance");
        self.now = to;
    }
}
