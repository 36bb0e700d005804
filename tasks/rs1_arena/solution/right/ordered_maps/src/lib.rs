//! A generational arena over ordered maps: values by slot number, free slots in a set.
//!
//! Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
//! harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942

use std::cmp::Ordering;
use std::collections::{btree_map, BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::num::NonZeroU16;
use std::ops::{Index, IndexMut};

pub struct Handle<T> {
    index: u32,
    generation: NonZeroU16,
    value: PhantomData<fn(T) -> T>,
}

impl<T> Handle<T> {
    pub fn index(self) -> u32 {
        self.index
    }

    pub fn generation(self) -> u16 {
        self.generation.get()
    }

    fn of(index: u32, generations: &[u16]) -> Self {
        let generation = NonZeroU16::new(generations[index as usize]).expect("generations begin with 1");
        Handle { index, generation, value: PhantomData }
    }

    fn key(&self) -> (u32, u16) {
        (self.index, self.generation.get())
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
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.key().hash(hasher)
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.index).field(&self.generation).finish()
    }
}

#[derive(Clone)]
pub struct Arena<T> {
    values: BTreeMap<u32, T>,
    generations: Vec<u16>,
    free: BTreeSet<u32>,
}

impl<T> Arena<T> {
    pub fn new() -> Self {
        Arena { values: BTreeMap::new(), generations: Vec::new(), free: BTreeSet::new() }
    }

    pub fn with_capacity(capacity: usize) -> Self {
        Arena { generations: Vec::with_capacity(capacity), ..Arena::new() }
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn insert(&mut self, value: T) -> Handle<T> {
        self.insert_with(move |_| value)
    }

    pub fn insert_with<F: FnOnce(Handle<T>) -> T>(&mut self, make: F) -> Handle<T> {
        let reused = self.free.iter().next().copied();
        let index = reused.unwrap_or(self.generations.len() as u32);
        let generation = reused.map_or(1, |index| self.generations[index as usize] + 1);
        let handle = Handle {
            index,
            generation: NonZeroU16::new(generation).expect("a free slot is not worn out"),
            value: PhantomData,
        };
        let value = make(handle);
        if reused.is_some() {
            self.free.remove(&index);
            self.generations[index as usize] = generation;
        } else {
            self.generations.push(generation);
        }
        self.values.insert(index, value);
        handle
    }

    fn is_current(&self, handle: Handle<T>) -> bool {
        self.generations.get(handle.index as usize) == Some(&handle.generation.get())
    }

    pub fn contains(&self, handle: Handle<T>) -> bool {
        self.is_current(handle) && self.values.contains_key(&handle.index)
    }

    pub fn get(&self, handle: Handle<T>) -> Option<&T> {
        if !self.is_current(handle) {
            return None;
        }
        self.values.get(&handle.index)
    }

    pub fn get_mut(&mut self, handle: Handle<T>) -> Option<&mut T> {
        if !self.is_current(handle) {
            return None;
        }
        self.values.get_mut(&handle.index)
    }

    pub fn pair_mut(&mut self, first: Handle<T>, second: Handle<T>) -> Option<(&mut T, &mut T)> {
        if first == second || !self.contains(first) || !self.contains(second) {
            return None;
        }
        let (from, to) = (first.index.min(second.index), first.index.max(second.index));
        let mut between = self.values.range_mut(from..=to);
        let (_, low) = between.next()?;
        let (_, high) = between.next_back()?;
        Some(if first.index == from { (low, high) } else { (high, low) })
    }

    fn release(&mut self, index: u32) {
        if self.generations[index as usize] != u16::MAX {
            self.free.insert(index);
        }
    }

    pub fn remove(&mut self, handle: Handle<T>) -> Option<T> {
        if !self.contains(handle) {
            return None;
        }
        self.release(handle.index);
        self.values.remove(&handle.index)
    }

    pub fn clear(&mut self) {
        self.drain();
    }

    pub fn retain<F: FnMut(Handle<T>, &mut T) -> bool>(&mut self, mut keep: F) {
        let indexes: Vec<u32> = self.values.keys().copied().collect();
        for index in indexes {
            let handle = Handle::of(index, &self.generations);
            let kept = self.values.get_mut(&index).map(|value| keep(handle, value));
            if kept == Some(false) {
                self.remove(handle);
            }
        }
    }

    pub fn iter(&self) -> Iter<'_, T> {
        Iter { values: self.values.iter(), generations: &self.generations }
    }

    pub fn iter_mut(&mut self) -> IterMut<'_, T> {
        IterMut { values: self.values.iter_mut(), generations: &self.generations }
    }

    pub fn drain(&mut self) -> Drain<'_, T> {
        let values = std::mem::take(&mut self.values);
        for &index in values.keys() {
            self.release(index);
        }
        Drain { values: values.into_iter(), generations: &self.generations }
    }
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Extend<T> for Arena<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, iterator: I) {
        iterator.into_iter().for_each(|value| {
            self.insert(value);
        });
    }
}

impl<T> FromIterator<T> for Arena<T> {
    fn from_iter<I: IntoIterator<Item = T>>(iterator: I) -> Self {
        let mut arena = Self::new();
        arena.extend(iterator);
        arena
    }
}

impl<T> Index<Handle<T>> for Arena<T> {
    type Output = T;

    fn index(&self, handle: Handle<T>) -> &T {
        match self.get(handle) {
            Some(value) => value,
            None => panic!("{:?} is not valid", handle),
        }
    }
}

impl<T> IndexMut<Handle<T>> for Arena<T> {
    fn index_mut(&mut self, handle: Handle<T>) -> &mut T {
        match self.get_mut(handle) {
            Some(value) => value,
            None => panic!("{:?} is not valid", handle),
        }
    }
}

pub struct Iter<'a, T> {
    values: btree_map::Iter<'a, u32, T>,
    generations: &'a [u16],
}

impl<'a, T> Clone for Iter<'a, T> {
    fn clone(&self) -> Self {
        Iter { values: self.values.clone(), generations: self.generations }
    }
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = (Handle<T>, &'a T);

    fn next(&mut self) -> Option<Self::Item> {
        self.values.next().map(|(&index, value)| (Handle::of(index, self.generations), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.values.size_hint()
    }
}

impl<'a, T> DoubleEndedIterator for Iter<'a, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.values.next_back().map(|(&index, value)| (Handle::of(index, self.generations), value))
    }
}

impl<'a, T> ExactSizeIterator for Iter<'a, T> {}
impl<'a, T> FusedIterator for Iter<'a, T> {}

pub struct IterMut<'a, T> {
    values: btree_map::IterMut<'a, u32, T>,
    generations: &'a [u16],
}

impl<'a, T> Iterator for IterMut<'a, T> {
    type Item = (Handle<T>, &'a mut T);

    fn next(&mut self) -> Option<Self::Item> {
        self.values.next().map(|(&index, value)| (Handle::of(index, self.generations), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.values.size_hint()
    }
}

impl<'a, T> DoubleEndedIterator for IterMut<'a, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.values.next_back().map(|(&index, value)| (Handle::of(index, self.generations), value))
    }
}

impl<'a, T> ExactSizeIterator for IterMut<'a, T> {}
impl<'a, T> FusedIterator for IterMut<'a, T> {}

pub struct IntoIter<T> {
    values: btree_map::IntoIter<u32, T>,
    generations: Vec<u16>,
}

impl<T> Iterator for IntoIter<T> {
    type Item = (Handle<T>, T);

    fn next(&mut self) -> Option<Self::Item> {
        self.values.next().map(|(index, value)| (Handle::of(index, &self.generations), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.values.size_hint()
    }
}

impl<T> DoubleEndedIterator for IntoIter<T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.values.next_back().map(|(index, value)| (Handle::of(index, &self.generations), value))
    }
}

impl<T> ExactSizeIterator for IntoIter<T> {}
impl<T> FusedIterator for IntoIter<T> {}

/// The arena is empty already while this lives; what is left of it is dropped with it.
pub struct Drain<'a, T> {
    values: btree_map::IntoIter<u32, T>,
    generations: &'a [u16],
}

impl<'a, T> Iterator for Drain<'a, T> {
    type Item = (Handle<T>, T);

    fn next(&mut self) -> Option<Self::Item> {
        self.values.next().map(|(index, value)| (Handle::of(index, self.generations), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.values.size_hint()
    }
}

impl<'a, T> DoubleEndedIterator for Drain<'a, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.values.next_back().map(|(index, value)| (Handle::of(index, self.generations), value))
    }
}

impl<'a, T> ExactSizeIterator for Drain<'a, T> {}
impl<'a, T> FusedIterator for Drain<'a, T> {}

impl<T> IntoIterator for Arena<T> {
    type Item = (Handle<T>, T);
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { values: self.values.into_iter(), generations: self.generations }
    }
}

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
