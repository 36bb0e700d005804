//! A vector of slots that are full or free, and a bitmap of the free ones with two bitmaps above it.
//!
//! Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::num::NonZeroU16;
use std::ops::{Index, IndexMut};

pub struct Handle<T> {
    index: u32,
    generation: NonZeroU16,
    marker: PhantomData<fn(T)>,
}

impl<T> Handle<T> {
    fn at(index: usize, generation: u16) -> Self {
        let generation = NonZeroU16::new(generation).expect("generations begin with 1");
        Handle { index: index as u32, generation, marker: PhantomData }
    }

    fn key(self) -> (u32, u16) {
        (self.index, self.generation.get())
    }

    pub fn index(self) -> u32 {
        self.index
    }

    pub fn generation(self) -> u16 {
        self.generation.get()
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Handle<T> {}

impl<T> PartialEq for Handle<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Handle<T> {}

impl<T> PartialOrd for Handle<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.key().partial_cmp(&other.key())
    }
}

impl<T> Ord for Handle<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl<T> Hash for Handle<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, generation) = self.key();
        write!(formatter, "Handle({}, {})", index, generation)
    }
}

/// Sets of slots: bit `b` of word `w` of a level says whether word `64 w + b` of the level below has a bit.
#[derive(Clone, Default)]
struct FreeSlots {
    levels: [Vec<u64>; 3],
}

impl FreeSlots {
    fn set(&mut self, index: usize) {
        let mut position = index;
        for level in &mut self.levels {
            if level.len() <= position / 64 {
                level.resize(position / 64 + 1, 0);
            }
            level[position / 64] |= 1 << (position % 64);
            position /= 64;
        }
    }

    fn unset(&mut self, index: usize) {
        let mut position = index;
        for level in &mut self.levels {
            level[position / 64] &= !(1 << (position % 64));
            if level[position / 64] != 0 {
                break;
            }
            position /= 64;
        }
    }

    fn smallest(&self) -> Option<usize> {
        let top = self.levels[2].iter().position(|word| *word != 0)?;
        let mut position = top;
        for level in self.levels.iter().rev() {
            position = 64 * position + level[position].trailing_zeros() as usize;
        }
        Some(position)
    }
}

#[derive(Clone)]
enum Slot<T> {
    Full(u16, T),
    /// With the generation of the last value, which is 65535 if the slot is worn out.
    Free(u16),
}

impl<T> Slot<T> {
    fn open(&self, index: usize) -> Option<(Handle<T>, &T)> {
        match self {
            Slot::Full(generation, value) => Some((Handle::at(index, *generation), value)),
            Slot::Free(_) => None,
        }
    }

    fn open_mut(&mut self, index: usize) -> Option<(Handle<T>, &mut T)> {
        match self {
            Slot::Full(generation, value) => Some((Handle::at(index, *generation), value)),
            Slot::Free(_) => None,
        }
    }
}

#[derive(Clone)]
pub struct Arena<T> {
    slots: Vec<Slot<T>>,
    free: FreeSlots,
    count: usize,
}

impl<T> Arena<T> {
    pub fn new() -> Self {
        Arena { slots: Vec::new(), free: FreeSlots::default(), count: 0 }
    }

    pub fn with_capacity(capacity: usize) -> Self {
        let mut arena = Arena::new();
        arena.slots.reserve(capacity);
        arena
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn insert(&mut self, value: T) -> Handle<T> {
        self.insert_with(|_| value)
    }

    pub fn insert_with<F: FnOnce(Handle<T>) -> T>(&mut self, make: F) -> Handle<T> {
        let index = self.free.smallest().unwrap_or(self.slots.len());
        let generation = match self.slots.get(index) {
            Some(Slot::Free(last)) => last + 1,
            _ => 1,
        };
        let handle = Handle::at(index, generation);
        let full = Slot::Full(generation, make(handle));
        if index == self.slots.len() {
            self.slots.push(full);
        } else {
            self.slots[index] = full;
            self.free.unset(index);
        }
        self.count += 1;
        handle
    }

    pub fn contains(&self, handle: Handle<T>) -> bool {
        self.get(handle).is_some()
    }

    pub fn get(&self, handle: Handle<T>) -> Option<&T> {
        let (found, value) = self.slots.get(handle.index as usize)?.open(handle.index as usize)?;
        (found == handle).then(|| value)
    }

    pub fn get_mut(&mut self, handle: Handle<T>) -> Option<&mut T> {
        let (found, value) = self.slots.get_mut(handle.index as usize)?.open_mut(handle.index as usize)?;
        (found == handle).then(|| value)
    }

    pub fn pair_mut(&mut self, first: Handle<T>, second: Handle<T>) -> Option<(&mut T, &mut T)> {
        if first.index == second.index {
            return None;
        }
        let (mut one, mut two) = (None, None);
        // One pass over the two slots borrows both at once without splitting by hand.
        let low = first.index.min(second.index) as usize;
        let step = first.index.max(second.index) as usize - low;
        for (number, slot) in self.slots.get_mut(low..)?.iter_mut().step_by(step).take(2).enumerate() {
            let (found, value) = slot.open_mut(low + number * step)?;
            if found == first {
                one = Some(value);
            } else if found == second {
                two = Some(value);
            }
        }
        one.zip(two)
    }

    pub fn remove(&mut self, handle: Handle<T>) -> Option<T> {
        self.get(handle)?;
        self.vacate(handle.index as usize).map(|(_, value)| value)
    }

    pub fn clear(&mut self) {
        self.drain();
    }

    pub fn retain<F: FnMut(Handle<T>, &mut T) -> bool>(&mut self, mut keep: F) {
        for index in 0..self.slots.len() {
            if let Some((handle, value)) = self.slots[index].open_mut(index) {
                if !keep(handle, value) {
                    self.vacate(index);
                }
            }
        }
    }

    pub fn iter(&self) -> Iter<'_, T> {
        Iter { slots: &self.slots, offset: 0, left: self.count }
    }

    pub fn iter_mut(&mut self) -> IterMut<'_, T> {
        IterMut { left: self.count, offset: 0, slots: &mut self.slots }
    }

    pub fn drain(&mut self) -> Drain<'_, T> {
        Drain { front: 0, back: self.slots.len(), arena: self }
    }

    fn vacate(&mut self, index: usize) -> Option<(Handle<T>, T)> {
        let generation = match self.slots[index] {
            Slot::Full(generation, _) => generation,
            Slot::Free(_) => return None,
        };
        self.count -= 1;
        if generation != u16::MAX {
            self.free.set(index);
        }
        match std::mem::replace(&mut self.slots[index], Slot::Free(generation)) {
            Slot::Full(_, value) => Some((Handle::at(index, generation), value)),
            Slot::Free(_) => None,
        }
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
        self.get(handle).unwrap_or_else(|| panic!("{:?} is not valid", handle))
    }
}

impl<T> IndexMut<Handle<T>> for Arena<T> {
    fn index_mut(&mut self, handle: Handle<T>) -> &mut T {
        self.get_mut(handle).unwrap_or_else(|| panic!("{:?} is not valid", handle))
    }
}

/// The slots still to be looked at, of which the first has the number `offset`.
pub struct Iter<'a, T> {
    slots: &'a [Slot<T>],
    offset: usize,
    left: usize,
}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Iter { ..*self }
    }
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = (Handle<T>, &'a T);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((slot, rest)) = self.slots.split_first() {
            self.slots = rest;
            self.offset += 1;
            if let Some(item) = slot.open(self.offset - 1) {
                self.left -= 1;
                return Some(item);
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        while let Some((slot, rest)) = self.slots.split_last() {
            self.slots = rest;
            if let Some(item) = slot.open(self.offset + rest.len()) {
                self.left -= 1;
                return Some(item);
            }
        }
        None
    }
}

pub struct IterMut<'a, T> {
    slots: &'a mut [Slot<T>],
    offset: usize,
    left: usize,
}

impl<'a, T> Iterator for IterMut<'a, T> {
    type Item = (Handle<T>, &'a mut T);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((slot, rest)) = std::mem::take(&mut self.slots).split_first_mut() {
            self.slots = rest;
            self.offset += 1;
            if let Some(item) = slot.open_mut(self.offset - 1) {
                self.left -= 1;
                return Some(item);
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> DoubleEndedIterator for IterMut<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        while let Some((slot, rest)) = std::mem::take(&mut self.slots).split_last_mut() {
            let index = self.offset + rest.len();
            self.slots = rest;
            if let Some(item) = slot.open_mut(index) {
                self.left -= 1;
                return Some(item);
            }
        }
        None
    }
}

/// Owns the arena and empties it from both ends.
pub struct IntoIter<T> {
    arena: Arena<T>,
    front: usize,
    back: usize,
}

pub struct Drain<'a, T> {
    arena: &'a mut Arena<T>,
    front: usize,
    back: usize,
}

macro_rules! iterate_by_vacating {
    ([$($parameters:tt)*], $name:ty) => {
        impl<$($parameters)*> Iterator for $name {
            type Item = (Handle<T>, T);

            fn next(&mut self) -> Option<Self::Item> {
                let index = (self.front..self.back).find(|index| self.arena.slots[*index].open(0).is_some());
                self.front = index.map_or(self.back, |index| index + 1);
                self.arena.vacate(index?)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.arena.count, Some(self.arena.count))
            }
        }

        impl<$($parameters)*> DoubleEndedIterator for $name {
            fn next_back(&mut self) -> Option<Self::Item> {
                let index = (self.front..self.back).rev().find(|index| self.arena.slots[*index].open(0).is_some());
                self.back = index.unwrap_or(self.front);
                self.arena.vacate(index?)
            }
        }
    };
}

iterate_by_vacating!([T], IntoIter<T>);
iterate_by_vacating!(['a, T], Drain<'a, T>);

impl<T> Drop for Drain<'_, T> {
    fn drop(&mut self) {
        while self.next().is_some() {}
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}
impl<T> ExactSizeIterator for IterMut<'_, T> {}
impl<T> ExactSizeIterator for IntoIter<T> {}
impl<T> ExactSizeIterator for Drain<'_, T> {}
impl<T> FusedIterator for Iter<'_, T> {}
impl<T> FusedIterator for IterMut<'_, T> {}
impl<T> FusedIterator for IntoIter<T> {}
impl<T> FusedIterator for Drain<'_, T> {}

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
        IntoIter { front: 0, back: self.slots.len(), arena: self }
    }
}
