//! A generational arena.

use std::marker::PhantomData;

pub struct Handle<T> {
    marker: PhantomData<T>,
}

pub struct Arena<T> {
    marker: PhantomData<T>,
}
