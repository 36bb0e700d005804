//! Runs a script of calls on a wheel and sends what each returned; knows nothing of the right answers.
//!
//! Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::HashMap;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicI64, Ordering};
use timer_wheel::{Fired, Missed, TimerId, Wheel};

mod answers;

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

thread_local! {
    static DROPS: Cell<u64> = Cell::new(0);
}

/// A timer's value: what its handler does, and how often it did. Counts its drops.
struct Program {
    actions: String,
    runs: u64,
}

impl Program {
    fn new(actions: &str) -> Program {
        Program { actions: actions.to_string(), runs: 0 }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        DROPS.with(|drops| drops.set(drops.get() + 1));
    }
}

/// Ids by number, in the order in which they were given out, and the other way round.
#[derive(Default)]
struct Ids {
    by_number: Vec<TimerId>,
    numbers: HashMap<TimerId, usize>,
}

impl Ids {
    fn note(&mut self, id: TimerId) -> String {
        let number = self.by_number.len();
        self.by_number.push(id);
        match self.numbers.insert(id, number) {
            None => format!("#{}", number),
            Some(other) => format!("#{} is #{} again", number, other),
        }
    }

    fn find(&self, number: &str) -> TimerId {
        self.by_number[number.parse::<usize>().expect("the number of a timer")]
    }
}

struct State {
    wheel: Wheel<Program>,
    ids: Ids,
}

fn tick(text: &str) -> u64 {
    text.parse().expect("a time")
}

fn policy(text: &str) -> Missed {
    match text {
        "burst" => Missed::Burst,
        "skip" => Missed::Skip,
        _ => Missed::Delay,
    }
}

fn or_none(time: Option<u64>) -> String {
    time.map_or("-".to_string(), |time| time.to_string())
}

fn panics(call: impl FnOnce()) -> String {
    (if catch_unwind(AssertUnwindSafe(call)).is_err() { "panicked" } else { "returned" }).to_string()
}

/// What the script and handlers may both do. Times of handlers are relative to the wheel's.
fn act(wheel: &mut Wheel<Program>, ids: &mut Ids, words: &[&str], own: usize, start: u64) -> String {
    let numbered = |number: &str, ids: &Ids| if number == "self" { ids.by_number[own] } else { ids.find(number) };
    match words {
        ["once", due] => ids.note(wheel.once(start + tick(due), Program::new(""))),
        ["once", due, actions] => ids.note(wheel.once(start + tick(due), Program::new(actions))),
        ["every", due, period, missed] => {
            ids.note(wheel.every(start + tick(due), tick(period), policy(missed), Program::new("")))
        }
        ["every", due, period, missed, actions] => {
            ids.note(wheel.every(start + tick(due), tick(period), policy(missed), Program::new(actions)))
        }
        ["every_0"] => panics(|| {
            wheel.every(start, 0, Missed::Burst, Program::new(""));
        }),
        // A timer that adds the next one, so many in all.
        ["chain", delay, left] => {
            let next = format!("chain:{}:{}", delay, tick(left).saturating_sub(1));
            ids.note(wheel.once(start + tick(delay), Program::new(if *left == "1" { "" } else { &next })))
        }
        ["cancel", number] => wheel.cancel(numbered(number, ids)).to_string(),
        ["move", number, due] => wheel.move_to(numbered(number, ids), start + tick(due)).to_string(),
        ["due", number] => or_none(wheel.due(numbered(number, ids))),
        ["state"] => {
            let drops = DROPS.with(|drops| drops.get());
            format!("{} {} {} {} {}", wheel.now(), wheel.len(), wheel.is_empty(), or_none(wheel.next_due()), drops)
        }
        ["try_advance", to] => panics(|| wheel.advance(tick(to), |_, _, _| {})),
        ["try_set_clock", to] => panics(|| wheel.set_clock(tick(to))),
        ["panic"] => panic!("as the script wants"),
        _ => panic!("unknown operation {:?}", words),
    }
}

fn fire(wheel: &mut Wheel<Program>, ids: &mut Ids, fired: Fired, program: &mut Program, log: &mut Vec<String>) {
    program.runs += 1;
    let own = ids.numbers.get(&fired.id).copied().unwrap_or(usize::MAX);
    log.push(format!("#{}@{}/{}*{}+{}", own, fired.due, wheel.now(), program.runs, fired.skipped));
    let actions = program.actions.clone();
    for action in actions.split(';').filter(|action| !action.is_empty()) {
        let words: Vec<&str> = action.split(':').collect();
        let start = wheel.now();
        let said = act(wheel, ids, &words, own, start);
        log.push(said);
    }
}

fn run(state: &mut State, words: &[&str]) -> String {
    let State { wheel, ids } = state;
    match words {
        ["new", now] => {
            *wheel = Wheel::new(tick(now));
            *ids = Ids::default();
            DROPS.with(|drops| drops.set(0));
            "new".to_string()
        }
        ["advance", to] => {
            let mut log = Vec::new();
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                wheel.advance(tick(to), |inner, fired, program| fire(inner, ids, fired, program, &mut log))
            }));
            if outcome.is_err() {
                log.push("panicked".to_string());
            }
            log.join(" ")
        }
        ["set_clock", to] => {
            wheel.set_clock(tick(to));
            "set".to_string()
        }
        ["drop"] => {
            *wheel = Wheel::new(0);
            DROPS.with(|drops| drops.get()).to_string()
        }
        ["many", count] => many(wheel, tick(count)),
        ["hold", count, pending] => hold(wheel, tick(count), tick(pending)),
        ["fill", count] => {
            for number in 0..tick(count) {
                wheel.once(1_000_000 + number % 1_013, Program::new(""));
            }
            wheel.len().to_string()
        }
        ["swing", count] => {
            for number in 0..tick(count) {
                wheel.set_clock(if number % 2 == 0 { 1_000 } else { 5 });
            }
            wheel.now().to_string()
        }
        _ => act(wheel, ids, words, usize::MAX, 0),
    }
}

/// Adds timers all over the next 2^40 ticks, cancels every second one, fires the rest.
fn many(wheel: &mut Wheel<Program>, count: u64) -> String {
    let place = |number: u64| number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 24;
    let ids: Vec<TimerId> = (0..count).map(|number| wheel.once(place(number), Program::new(""))).collect();
    let cancelled = ids.iter().step_by(2).filter(|id| wheel.cancel(**id)).count();
    let (mut fired, mut sum, mut last, mut is_ordered) = (0_u64, 0_u64, 0_u64, true);
    wheel.advance(1 << 40, |_, event, _| {
        fired += 1;
        sum = sum.wrapping_mul(31).wrapping_add(event.due);
        is_ordered &= last <= event.due;
        last = event.due;
    });
    format!("{} {} {} {}", cancelled, fired, sum, is_ordered)
}

/// The most bytes held while timers come and go, so many of them pending at a time.
fn hold(wheel: &mut Wheel<Program>, count: u64, pending: u64) -> String {
    let start = HELD.load(Ordering::Relaxed);
    let mut ids = std::collections::VecDeque::with_capacity(pending as usize + 1);
    let mut most = 0;
    let mut cancelled = 0_u64;
    for number in 0..count {
        ids.push_back(wheel.once(1_000_000 + number * 7_919 % 1_000_003, Program::new("")));
        if ids.len() as u64 == pending {
            cancelled += u64::from(wheel.cancel(ids.pop_front().expect("an id")));
        }
        most = most.max(HELD.load(Ordering::Relaxed) - start);
    }
    format!("{} {}", cancelled, most)
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut answers = answers::Answers::open();
    let mut state = State { wheel: Wheel::new(0), ids: Ids::default() };
    while let Some(request) = answers.next_request() {
        let words: Vec<&str> = request.split_whitespace().collect();
        if words == ["script"] {
            answers.flush();
            answers.send("script");
            continue;
        }
        match catch_unwind(AssertUnwindSafe(|| run(&mut state, &words))) {
            Ok(answer) => answers.send(&answer),
            Err(_) => answers.send("an unexpected panic"),
        }
    }
    answers.finish();
}
