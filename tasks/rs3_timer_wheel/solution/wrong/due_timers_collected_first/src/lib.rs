//! An ordered map of due times and ranks; wrong: the timers that are due are collected before the first of them fires.
//!
//! Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use std::collections::{BTreeMap, HashMap};
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

/// A time that only `advance` moves, and a rank that grows whenever a timer is put into the queue.
type Place = (i128, u64);

struct Timer<T> {
    place: Place,
    period: Option<(u64, Missed)>,
    /// Taken out while the handler has it.
    value: Option<T>,
}

pub struct Wheel<T> {
    now: u64,
    /// The clock's time less the time of places.
    offset: i128,
    queue: BTreeMap<Place, TimerId>,
    timers: HashMap<TimerId, Timer<T>>,
    ranks: u64,
    ids: u64,
    is_firing: bool,
}

impl<T> Wheel<T> {
    pub fn new(now: u64) -> Self {
        Wheel {
            now,
            offset: 0,
            queue: BTreeMap::new(),
            timers: HashMap::new(),
            ranks: 0,
            ids: 0,
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
        assert!(period > 0, "a period of 0");
        self.add(due, Some((period, missed)), value)
    }

    pub fn cancel(&mut self, id: TimerId) -> bool {
        match self.timers.remove(&id) {
            Some(timer) => {
                self.queue.remove(&timer.place);
                true
            }
            None => false,
        }
    }

    pub fn move_to(&mut self, id: TimerId, due: u64) -> bool {
        let due = due.max(self.now);
        if let Some(timer) = self.timers.get(&id) {
            self.queue.remove(&timer.place);
            self.arm(id, due);
            true
        } else {
            false
        }
    }

    pub fn due(&self, id: TimerId) -> Option<u64> {
        self.timers.get(&id).map(|timer| self.on_the_clock(timer.place))
    }

    pub fn next_due(&self) -> Option<u64> {
        self.queue.keys().next().map(|place| self.on_the_clock(*place))
    }

    pub fn advance<F: FnMut(&mut Wheel<T>, Fired, &mut T)>(&mut self, to: u64, mut handler: F) {
        assert!(!self.is_firing, "advance was called from a handler");
        if to < self.now {
            return;
        }
        loop {
            let last = (i128::from(to) - self.offset, u64::MAX);
            let due_now: Vec<(Place, TimerId)> =
                self.queue.range(..=last).map(|(place, id)| (*place, *id)).collect();
            if due_now.is_empty() {
                break;
            }
            for (place, id) in due_now {
                if self.queue.remove(&place).is_some() {
                    let due = self.on_the_clock(place);
                    self.now = due;
                    self.fire(id, due, to, &mut handler);
                }
            }
        }
        self.now = to;
    }

    pub fn set_clock(&mut self, to: u64) {
        assert!(!self.is_firing, "set_clock was called from a handler");
        self.offset += i128::from(to) - i128::from(self.now);
        self.now = to;
    }

    fn add(&mut self, due: u64, period: Option<(u64, Missed)>, value: T) -> TimerId {
        let id = TimerId(self.ids);
        self.ids += 1;
        self.timers.insert(id, Timer { place: (0, 0), period, value: Some(value) });
        self.arm(id, due.max(self.now));
        id
    }

    fn arm(&mut self, id: TimerId, due: u64) {
        let place = (i128::from(due) - self.offset, self.ranks);
        self.ranks += 1;
        self.queue.insert(place, id);
        if let Some(timer) = self.timers.get_mut(&id) {
            timer.place = place;
        }
    }

    fn on_the_clock(&self, place: Place) -> u64 {
        u64::try_from(place.0 + self.offset).expect("due times stay in range")
    }

    fn fire<F: FnMut(&mut Wheel<T>, Fired, &mut T)>(&mut self, id: TimerId, due: u64, to: u64, handler: &mut F) {
        let timer = self.timers.get_mut(&id).expect("the queue holds pending timers");
        let mut value = timer.value.take().expect("only its handler has a timer's value");
        let (next, skipped) = match timer.period {
            None => (None, 0),
            Some((period, Missed::Burst)) => (due.checked_add(period), 0),
            Some((period, Missed::Delay)) => (to.checked_add(period), (to - due) / period),
            Some((period, Missed::Skip)) => {
                let whole = (to - due) / period;
                ((due + whole * period).checked_add(period), whole)
            }
        };
        match next {
            Some(next) => self.arm(id, next),
            None => drop(self.timers.remove(&id)),
        }
        self.is_firing = true;
        let outcome = catch_unwind(AssertUnwindSafe(|| handler(self, Fired { id, due, skipped }, &mut value)));
        self.is_firing = false;
        if let Some(timer) = self.timers.get_mut(&id) {
            timer.value = Some(value);
        } else {
            drop(value);
        }
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
    }
}
