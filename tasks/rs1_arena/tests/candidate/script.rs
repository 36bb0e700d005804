//! Runs a script of arena calls and sends what each returned; knows nothing of the right answers.
//!
//! Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use arena::{Arena, Handle};
use std::cell::Cell;
use std::panic::{catch_unwind, AssertUnwindSafe};

mod answers;

thread_local! {
    static DROPS: Cell<u64> = Cell::new(0);
}

/// A value that counts how often one of its kind was dropped.
#[derive(Clone)]
struct Item(String);

impl Drop for Item {
    fn drop(&mut self) {
        DROPS.with(|drops| drops.set(drops.get() + 1));
    }
}

type ItemHandle = Handle<Item>;

#[derive(Default)]
struct State {
    arena: Arena<Item>,
    kept: Arena<Item>,
    /// In the order in which they were given out.
    handles: Vec<ItemHandle>,
}

fn show(handle: ItemHandle) -> String {
    format!("{}.{}", handle.index(), handle.generation())
}

fn show_item(handle: ItemHandle, item: &Item) -> String {
    format!("{}={}", show(handle), item.0)
}

/// Takes from the front for each `f` of the pattern and from the back for each `b`, noting the length before each.
fn take<I, V>(iterator: &mut I, pattern: &str, show_value: impl Fn(V) -> String) -> String
where
    I: DoubleEndedIterator<Item = V> + ExactSizeIterator,
{
    let mut lines = Vec::new();
    for end in pattern.chars() {
        let length = iterator.len();
        let value = if end == 'f' { iterator.next() } else { iterator.next_back() };
        lines.push(format!("{}:{}", length, value.map_or("-".to_string(), &show_value)));
    }
    lines.join(" ")
}

fn join<I: Iterator<Item = String>>(lines: I) -> String {
    lines.collect::<Vec<_>>().join(" ")
}

fn or_none(value: Option<String>) -> String {
    value.unwrap_or_else(|| "-".to_string())
}

impl State {
    fn note(&mut self, handle: ItemHandle) -> String {
        self.handles.push(handle);
        show(handle)
    }

    fn handle(&self, number: &str) -> ItemHandle {
        self.handles[number.parse::<usize>().expect("the number of a handle")]
    }

    fn run(&mut self, words: &[&str]) -> String {
        match words {
            ["insert", text] => {
                let handle = self.arena.insert(Item(text.to_string()));
                self.note(handle)
            }
            ["insert_with", text] => {
                let handle = self.arena.insert_with(|handle| Item(format!("{}@{}", text, show(handle))));
                self.note(handle)
            }
            ["insert_panic"] => {
                let arena = &mut self.arena;
                let outcome = catch_unwind(AssertUnwindSafe(|| arena.insert_with(|_| panic!("as the script wants"))));
                format!("{} {}", if outcome.is_err() { "panicked" } else { "returned" }, self.arena.len())
            }
            ["contains", number] => self.arena.contains(self.handle(number)).to_string(),
            ["get", number] => or_none(self.arena.get(self.handle(number)).map(|item| item.0.clone())),
            ["set", number, text] => {
                let handle = self.handle(number);
                or_none(self.arena.get_mut(handle).map(|item| std::mem::replace(&mut item.0, text.to_string())))
            }
            ["index", number] => {
                let (arena, handle) = (&self.arena, self.handle(number));
                let outcome = catch_unwind(AssertUnwindSafe(|| arena[handle].0.clone()));
                outcome.unwrap_or_else(|_| "panicked".to_string())
            }
            ["index_set", number, text] => {
                let handle = self.handle(number);
                let arena = &mut self.arena;
                let outcome = catch_unwind(AssertUnwindSafe(|| arena[handle].0 = text.to_string()));
                outcome.map_or("panicked", |_| "set").to_string()
            }
            ["pair", first, second] => {
                let (first, second) = (self.handle(first), self.handle(second));
                or_none(self.arena.pair_mut(first, second).map(|(one, two)| {
                    std::mem::swap(&mut one.0, &mut two.0);
                    format!("{} {}", one.0, two.0)
                }))
            }
            ["remove", number] => or_none(self.arena.remove(self.handle(number)).map(|item| item.0.clone())),
            ["len"] => format!("{} {}", self.arena.len(), self.arena.is_empty()),
            ["clear"] => {
                self.arena.clear();
                "cleared".to_string()
            }
            ["retain", divisor] => {
                let divisor: u32 = divisor.parse().expect("a divisor");
                let mut visited = Vec::new();
                self.arena.retain(|handle, item| {
                    visited.push(show_item(handle, item));
                    item.0.push('!');
                    handle.index() % divisor == 0
                });
                visited.join(" ")
            }
            ["retain_panic", refusals] => {
                let mut left: usize = refusals.parse().expect("a number of refusals");
                let arena = &mut self.arena;
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    arena.retain(|_, _| {
                        assert!(left > 0, "as the script wants");
                        left -= 1;
                        false
                    })
                }));
                (if outcome.is_err() { "panicked" } else { "returned" }).to_string()
            }
            ["iter"] => join(self.arena.iter().map(|(handle, item)| show_item(handle, item))),
            ["reverse"] => join((&self.arena).into_iter().rev().map(|(handle, item)| show_item(handle, item))),
            ["iter_clone"] => {
                let mut iterator = self.arena.iter();
                iterator.next();
                let copy = iterator.clone();
                let count = iterator.count();
                format!("{} {}", count, join(copy.map(|(handle, item)| show_item(handle, item))))
            }
            ["ends", pattern] => take(&mut self.arena.iter(), pattern, |(handle, item)| show_item(handle, item)),
            ["ends_mut", pattern] => take(&mut self.arena.iter_mut(), pattern, |(handle, item)| {
                item.0.push('~');
                show_item(handle, item)
            }),
            ["drain", pattern] => take(&mut self.arena.drain(), pattern, |(handle, item)| show_item(handle, &item)),
            ["drain"] => {
                drop(self.arena.drain());
                "drained".to_string()
            }
            ["into_iter", pattern] => {
                let mut iterator = std::mem::take(&mut self.arena).into_iter();
                take(&mut iterator, pattern, |(handle, item)| show_item(handle, &item))
            }
            ["extend", texts @ ..] => {
                self.arena.extend(texts.iter().map(|text| Item(text.to_string())));
                self.arena.len().to_string()
            }
            ["collect", texts @ ..] => {
                self.arena = texts.iter().map(|text| Item(text.to_string())).collect();
                self.arena.len().to_string()
            }
            ["with_capacity", capacity] => {
                self.arena = Arena::with_capacity(capacity.parse().expect("a capacity"));
                self.arena.len().to_string()
            }
            ["clone"] => {
                self.kept = self.arena.clone();
                self.kept.len().to_string()
            }
            ["swap"] => {
                std::mem::swap(&mut self.arena, &mut self.kept);
                self.arena.len().to_string()
            }
            ["drops"] => DROPS.with(|drops| drops.get()).to_string(),
            ["debug", number] => format!("{:?}", self.handle(number)),
            ["compare", first, second] => {
                let (first, second) = (self.handle(first), self.handle(second));
                format!("{:?} {}", first.cmp(&second), first == second)
            }
            ["wear", count] => {
                let count: u32 = count.parse().expect("a count");
                let mut last = None;
                for _ in 0..count {
                    let handle = self.arena.insert(Item(String::new()));
                    self.arena.remove(handle);
                    last = Some(handle);
                }
                self.note(last.expect("a count above zero"))
            }
            ["churn", count] => self.churn(count.parse().expect("a count")),
            _ => panic!("unknown operation {:?}", words),
        }
    }

    /// Inserts, removes every third and then the others, inserts again; sums up where the last ones went.
    fn churn(&mut self, count: usize) -> String {
        let fill = |arena: &mut Arena<Item>| -> Vec<ItemHandle> {
            (0..count).map(|_| arena.insert(Item(String::new()))).collect()
        };
        let handles = fill(&mut self.arena);
        for third in [0, 1, 2] {
            for handle in handles.iter().skip(third).step_by(3) {
                self.arena.remove(*handle);
            }
        }
        let again = fill(&mut self.arena);
        let is_ascending = again.windows(2).all(|pair| pair[0] < pair[1]);
        let generations: u64 = again.iter().map(|handle| u64::from(handle.generation())).sum();
        let found = again.iter().filter(|handle| self.arena.contains(**handle)).count();
        format!("{} {} {} {}", is_ascending, generations, found, self.arena.len())
    }
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut answers = answers::Answers::open();
    let mut state = State::default();
    while let Some(request) = answers.next_request() {
        let words: Vec<&str> = request.split_whitespace().collect();
        if words == ["script"] {
            answers.flush();
            state = State::default();
            DROPS.with(|drops| drops.set(0));
            answers.send("script");
            continue;
        }
        match catch_unwind(AssertUnwindSafe(|| state.run(&words))) {
            Ok(answer) => answers.send(&answer),
            Err(_) => answers.send("an unexpected panic"),
        }
    }
    answers.finish();
}
