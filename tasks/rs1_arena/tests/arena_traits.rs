//! Compiles only if the arena and its iterators have their traits; sends a few lengths.
//!
//! Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use arena::{Arena, Drain, Handle, IntoIter, Iter, IterMut};
use std::iter::FusedIterator;
use std::ops::IndexMut;

mod answers;

/// Implements nothing.
pub struct Bare;

fn require_iterator<I: DoubleEndedIterator + ExactSizeIterator + FusedIterator>(iterator: I) -> usize {
    iterator.len()
}

fn require_clone<C: Clone>(_: &C) {}

fn require_arena<A>()
where
    A: Default + Extend<Bare> + FromIterator<Bare> + IndexMut<Handle<Bare>, Output = Bare>,
    A: IntoIterator<Item = (Handle<Bare>, Bare), IntoIter = IntoIter<Bare>>,
    for<'a> &'a A: IntoIterator<Item = (Handle<Bare>, &'a Bare), IntoIter = Iter<'a, Bare>>,
    for<'a> &'a mut A: IntoIterator<Item = (Handle<Bare>, &'a mut Bare), IntoIter = IterMut<'a, Bare>>,
{
}

fn main() {
    require_arena::<Arena<Bare>>();
    let mut arena: Arena<Bare> = Arena::default();
    arena.extend([Bare, Bare, Bare]);
    let shared: Iter<'_, Bare> = arena.iter();
    require_clone(&shared);
    let mut lengths = vec![require_iterator(shared.clone()), require_iterator(shared)];
    let unique: IterMut<'_, Bare> = arena.iter_mut();
    lengths.push(require_iterator(unique));
    let drained: Drain<'_, Bare> = arena.drain();
    lengths.push(require_iterator(drained));
    lengths.push(require_iterator(arena.into_iter()));
    let mut answers = answers::Answers::open();
    answers.send(&format!("{:?}", lengths));
    answers.finish();
}
