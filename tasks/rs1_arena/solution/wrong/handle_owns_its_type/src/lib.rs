//! A vector of slots and a heap of the free ones; wrong: handles are Send and Sync only if their values are.
//!
//! Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::iter::{Enumerate, FusedIterator};
use std::marker::PhantomData;
use std::num::NonZeroU16;
use std::ops::{Index, IndexMut};

/// `NonZeroU16::MIN` is newer than Rust 1.63.
const FIRST_GENERATION: NonZeroU16 = match NonZeroU16::new(1) {
    Some(one) => one,
    None => panic!("one is not zero"),
};

/// Derives would demand of `T` what they give to the handle, so every trait is written out.
pub struct Handle<T> {
    index: u32,
    generation: NonZeroU16,
    marker: PhantomData<T>,
}

impl<T> Handle<T> {
    fn new(index: usize, generation: NonZeroU16) -> Self {
        let index = u32::try_from(index).expect("an arena has at most 2^32 slots");
        Handle { index, generation, marker: PhantomData }
    }

    pub fn index(self) -> u32 {
        self.index
    }

    pub fn generation(self) -> u16 {
        self.generation.get()
    }

    fn position(self) -> usize {
        self.index as usize
    }
}

impl<T> Copy for Handle<T> {}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> PartialEq for Handle<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.index, self.generation) == (other.index, other.generation)
    }
}

impl<T> Eq for Handle<T> {}

impl<T> PartialOrd for Handle<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Handle<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.index, self.generation).cmp(&(other.index, other.generation))
    }
}

impl<T> Hash for Handle<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.index, self.generation).hash(state);
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Handle({}, {})", self.index, self.generation)
    }
}

#[derive(Clone)]
struct Slot<T> {
    /// Of the value in it, or of the last one if it is free.
    generation: NonZeroU16,
    value: Option<T>,
}

#[derive(Clone)]
pub struct Arena<T> {
    slots: Vec<Slot<T>>,
    /// Free slots that are not worn out, the smallest index on top.
    free: BinaryHeap<Reverse<usize>>,
    len: usize,
}

impl<T> Arena<T> {
    pub fn new() -> Self {
        Arena::with_capacity(0)
    }

    pub fn with_capacity(capacity: usize) -> Self {
        Arena { slots: Vec::with_capacity(capacity), free: BinaryHeap::new(), len: 0 }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn insert(&mut self, value: T) -> Handle<T> {
        self.insert_with(|_| value)
    }

    pub fn insert_with<F: FnOnce(Handle<T>) -> T>(&mut self, make: F) -> Handle<T> {
        // Nothing changes before the closure has returned.
        match self.free.peek() {
            Some(&Reverse(index)) => {
                let next = self.slots[index].generation.get() + 1;
                let generation = NonZeroU16::new(next).expect("worn out slots are never free");
                let handle = Handle::new(index, generation);
                let value = make(handle);
                self.slots[index] = Slot { generation, value: Some(value) };
                self.free.pop();
                self.len += 1;
                handle
            }
            None => {
                let generation = FIRST_GENERATION;
                let handle = Handle::new(self.slots.len(), generation);
                let value = make(handle);
                self.slots.push(Slot { generation, value: Some(value) });
                self.len += 1;
                handle
            }
        }
    }

    pub fn contains(&self, handle: Handle<T>) -> bool {
        self.get(handle).is_some()
    }

    pub fn get(&self, handle: Handle<T>) -> Option<&T> {
        let slot = self.slots.get(handle.position())?;
        slot.value.as_ref().filter(|_| slot.generation == handle.generation)
    }

    pub fn get_mut(&mut self, handle: Handle<T>) -> Option<&mut T> {
        let slot = self.slots.get_mut(handle.position())?;
        if slot.generation == handle.generation {
            slot.value.as_mut()
        } else {
            None
        }
    }

    pub fn pair_mut(&mut self, first: Handle<T>, second: Handle<T>) -> Option<(&mut T, &mut T)> {
        if first == second || !self.contains(first) || !self.contains(second) {
            return None;
        }
        let (low, high) = if first < second { (first, second) } else { (second, first) };
        let (before, after) = self.slots.split_at_mut(high.position());
        let low_value = before[low.position()].value.as_mut()?;
        let high_value = after[0].value.as_mut()?;
        Some(if first < second { (low_value, high_value) } else { (high_value, low_value) })
    }

    pub fn remove(&mut self, handle: Handle<T>) -> Option<T> {
        if self.contains(handle) {
            self.take(handle.position())
        } else {
            None
        }
    }

    pub fn clear(&mut self) {
        for index in 0..self.slots.len() {
            drop(self.take(index));
        }
    }

    pub fn retain<F: FnMut(Handle<T>, &mut T) -> bool>(&mut self, mut keep: F) {
        for index in 0..self.slots.len() {
            let slot = &mut self.slots[index];
            let handle = Handle::new(index, slot.generation);
            let is_refused = slot.value.as_mut().map_or(false, |value| !keep(handle, value));
            if is_refused {
                drop(self.take(index));
            }
        }
    }

    pub fn iter(&self) -> Iter<'_, T> {
        Iter { slots: self.slots.iter().enumerate(), left: self.len }
    }

    pub fn iter_mut(&mut self) -> IterMut<'_, T> {
        IterMut { slots: self.slots.iter_mut().enumerate(), left: self.len }
    }

    pub fn drain(&mut self) -> Drain<'_, T> {
        let end = self.slots.len();
        Drain { arena: self, start: 0, end }
    }

    /// Empties one slot, whose index must exist.
    fn take(&mut self, index: usize) -> Option<T> {
        let slot = &mut self.slots[index];
        let value = slot.value.take()?;
        self.len -= 1;
        if slot.generation.get() < u16::MAX {
            self.free.push(Reverse(index));
        }
        Some(value)
    }
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Arena::new()
    }
}

impl<T> Extend<T> for Arena<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        for value in values {
            self.insert(value);
        }
    }
}

impl<T> FromIterator<T> for Arena<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut arena = Arena::new();
        arena.extend(values);
        arena
    }
}

impl<T> Index<Handle<T>> for Arena<T> {
    type Output = T;

    fn index(&self, handle: Handle<T>) -> &T {
        self.get(handle).expect("the handle is no longer valid")
    }
}

impl<T> IndexMut<Handle<T>> for Arena<T> {
    fn index_mut(&mut self, handle: Handle<T>) -> &mut T {
        self.get_mut(handle).expect("the handle is no longer valid")
    }
}

pub struct Iter<'a, T> {
    slots: Enumerate<std::slice::Iter<'a, Slot<T>>>,
    left: usize,
}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Iter { slots: self.slots.clone(), left: self.left }
    }
}

pub struct IterMut<'a, T> {
    slots: Enumerate<std::slice::IterMut<'a, Slot<T>>>,
    left: usize,
}

pub struct IntoIter<T> {
    slots: Enumerate<std::vec::IntoIter<Slot<T>>>,
    left: usize,
}

/// The three iterators over slots differ only in how a slot gives up its value.
macro_rules! iterate_over_slots {
    ([$($parameters:tt)*], $name:ty, $value:ty, $open:expr) => {
        impl<$($parameters)*> Iterator for $name {
            type Item = (Handle<T>, $value);

            fn next(&mut self) -> Option<Self::Item> {
                let item = self.slots.find_map($open)?;
                self.left -= 1;
                Some(item)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.left, Some(self.left))
            }
        }

        impl<$($parameters)*> DoubleEndedIterator for $name {
            fn next_back(&mut self) -> Option<Self::Item> {
                let item = self.slots.by_ref().rev().find_map($open)?;
                self.left -= 1;
                Some(item)
            }
        }

        impl<$($parameters)*> ExactSizeIterator for $name {}
        impl<$($parameters)*> FusedIterator for $name {}
    };
}

iterate_over_slots!(['a, T], Iter<'a, T>, &'a T, |(index, slot)| {
    slot.value.as_ref().map(|value| (Handle::new(index, slot.generation), value))
});
iterate_over_slots!(['a, T], IterMut<'a, T>, &'a mut T, |(index, slot)| {
    let generation = slot.generation;
    slot.value.as_mut().map(|value| (Handle::new(index, generation), value))
});
iterate_over_slots!([T], IntoIter<T>, T, |(index, slot)| {
    let generation = slot.generation;
    slot.value.map(|value| (Handle::new(index, generation), value))
});

impl<'a, T> IntoIterator for &'a Arena<T> {
    type Item = (Handle<T>, &'a T);
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut Arena<T> {
    type Item = (Handle<T>, &'a mut T);
    type IntoIter = IterMut<'a, T>;

    fn into_iter(self) -> IterMut<'a, T> {
        self.iter_mut()
    }
}

impl<T> IntoIterator for Arena<T> {
    type Item = (Handle<T>, T);
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { left: self.len, slots: self.slots.into_iter().enumerate() }
    }
}

pub struct Drain<'a, T> {
    arena: &'a mut Arena<T>,
    start: usize,
    end: usize,
}

impl<T> Drain<'_, T> {
    fn take(&mut self, index: usize) -> Option<(Handle<T>, T)> {
        let value = self.arena.take(index)?;
        Some((Handle::new(index, self.arena.slots[index].generation), value))
    }
}

impl<T> Iterator for Drain<'_, T> {
    type Item = (Handle<T>, T);

    fn next(&mut self) -> Option<Self::Item> {
        while self.start < self.end {
            self.start += 1;
            let item = self.take(self.start - 1);
            if item.is_some() {
                return item;
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.arena.len, Some(self.arena.len))
    }
}

impl<T> DoubleEndedIterator for Drain<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        while self.start < self.end {
            self.end -= 1;
            let item = self.take(self.end);
            if item.is_some() {
                return item;
            }
        }
        None
    }
}

impl<T> ExactSizeIterator for Drain<'_, T> {}
impl<T> FusedIterator for Drain<'_, T> {}

impl<T> Drop for Drain<'_, T> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}
