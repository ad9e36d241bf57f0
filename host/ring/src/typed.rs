//! Skeleton.
use crate::*;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::task::Waker;
/// A publisher of `T`s.
#[derive(Debug)]
pub struct TypedPublisher<T>(Publisher, PhantomData<T>);
/// A subscriber to `T`s.
#[derive(Debug)]
pub struct TypedSubscriber<T>(Subscriber, PhantomData<T>);
/// Room for `T`s.
#[derive(Debug)]
pub struct TypedClaim<'a, T>(Claim<'a>, PhantomData<T>);
/// `T`s to read.
#[derive(Debug)]
pub struct TypedBatch<'a, T>(Batch<'a>, PhantomData<T>);
#[allow(missing_docs, unused)]
impl<T: Pod> TypedPublisher<T> {
    pub fn new(publisher: Publisher) -> Result<Self, ViewError> {
        unimplemented!()
    }
    pub fn publisher(&self) -> &Publisher {
        &self.0
    }
    pub fn into_inner(self) -> Publisher {
        self.0
    }
    pub fn try_send(&mut self, value: T) -> Result<(), SendError<T>> {
        unimplemented!()
    }
    pub fn send_slice(&mut self, values: &[T]) -> Result<(), ClaimError> {
        unimplemented!()
    }
    pub fn claim_n(&mut self, count: usize) -> Result<TypedClaim<'_, T>, ClaimError> {
        unimplemented!()
    }
    pub fn register(&mut self, waker: &Waker, min_count: usize) -> Registered {
        unimplemented!()
    }
}
#[allow(missing_docs, unused)]
impl<T: Pod> TypedSubscriber<T> {
    pub fn new(subscriber: Subscriber) -> Result<Self, ViewError> {
        unimplemented!()
    }
    pub fn subscriber(&self) -> &Subscriber {
        &self.0
    }
    pub fn into_inner(self) -> Subscriber {
        self.0
    }
    pub fn recv(&mut self) -> Result<T, RecvError> {
        unimplemented!()
    }
    pub fn readable(&mut self) -> Result<usize, RecvError> {
        unimplemented!()
    }
    pub fn batch_n(&mut self, max_count: usize) -> Result<TypedBatch<'_, T>, RecvError> {
        unimplemented!()
    }
    pub fn register(&mut self, waker: &Waker, min_count: usize) -> Registered {
        unimplemented!()
    }
}
#[allow(missing_docs, unused)]
impl<T: Pod> TypedClaim<'_, T> {
    pub fn commit(self, count: usize) -> Result<(), CommitError> {
        unimplemented!()
    }
    pub fn commit_all(self) {
        unimplemented!()
    }
}
#[allow(missing_docs, unused)]
impl<T: Pod> TypedBatch<'_, T> {
    pub fn release(self, count: usize) -> Result<(), ReleaseError> {
        unimplemented!()
    }
    pub fn release_all(self) {
        unimplemented!()
    }
}
impl<T: Pod> Deref for TypedClaim<'_, T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        unimplemented!()
    }
}
impl<T: Pod> DerefMut for TypedClaim<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        unimplemented!()
    }
}
impl<T: Pod> Deref for TypedBatch<'_, T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        unimplemented!()
    }
}
