//! Compiles only if the arena and its iterators have their traits. Never run.
//!
//! Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use arena::{Arena, Drain, Handle, IntoIter, Iter, IterMut};
use std::iter::FusedIterator;
use std::ops::IndexMut;

/// Implements nothing.
pub struct Bare;

fn require_iterator<I: DoubleEndedIterator + ExactSizeIterator + FusedIterator>(_: I) {}

fn require_clone<C: Clone>(_: &C) {}

fn require_arena<A>()
where
    A: Default + Extend<Bare> + FromIterator<Bare> + IndexMut<Handle<Bare>, Output = Bare>,
    A: IntoIterator<Item = (Handle<Bare>, Bare), IntoIter = IntoIter<Bare>>,
    for<'a> &'a A: IntoIterator<Item = (Handle<Bare>, &'a Bare), IntoIter = Iter<'a, Bare>>,
    for<'a> &'a mut A: IntoIterator<Item = (Handle<Bare>, &'a mut Bare), IntoIter = IterMut<'a, Bare>>,
{
}

pub fn require_all(mut arena: Arena<Bare>, copied: &Arena<String>) {
    require_arena::<Arena<Bare>>();
    require_clone(copied);
    let shared: Iter<'_, Bare> = arena.iter();
    require_clone(&shared);
    require_iterator(shared);
    let unique: IterMut<'_, Bare> = arena.iter_mut();
    require_iterator(unique);
    let drained: Drain<'_, Bare> = arena.drain();
    require_iterator(drained);
    require_iterator(arena.into_iter());
}
