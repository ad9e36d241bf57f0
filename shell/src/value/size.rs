//! How large a result may be.
//!
//! A program that asks for a list that memory can't hold must get an error, not the end of its
//! task. Every verb whose result can be larger than its operands asks here first: the size is
//! checked against a limit and the memory is then reserved in a way that can fail.

use super::Value;
use crate::error::{Class, Error};
use crate::pace::{self, PACE_ITEMS};
use std::cell::Cell;

/// The most items that any list may have, whatever memory there is.
pub const ITEMS_MAX: usize = 1 << 31;

/// The limit for one result when nobody set another, in bytes.
const LIMIT_BYTES_DEFAULT: usize = 1 << 30;

thread_local! {
    static LIMIT_BYTES: Cell<usize> = const { Cell::new(LIMIT_BYTES_DEFAULT) };
}

/// Sets the most bytes that one result may take, on this thread.
pub fn set_limit_bytes(bytes: usize) {
    LIMIT_BYTES.with(|limit| limit.set(bytes));
}

/// The most bytes that one result may take, on this thread.
pub fn limit_bytes() -> usize {
    LIMIT_BYTES.with(Cell::get)
}

/// An error unless so many bytes may be allocated and are there.
///
/// # Errors
/// `limit`.
pub fn check_bytes(bytes: usize) -> Result<(), Error> {
    if bytes > LIMIT_BYTES.with(Cell::get) {
        return Err(too_large(bytes));
    }
    // Small requests are not worth a probe.
    const PROBE_BYTES: usize = 1 << 20;
    if bytes >= PROBE_BYTES {
        let mut probe: Vec<u8> = Vec::new();
        probe
            .try_reserve_exact(bytes)
            .map_err(|_| too_large(bytes))?;
        std::hint::black_box(&mut probe);
    }
    Ok(())
}

/// An error unless a list of so many items of that size may be made.
///
/// # Errors
/// `limit`.
pub fn check_items(items: usize, item_bytes: usize) -> Result<(), Error> {
    match items.checked_mul(item_bytes) {
        Some(bytes) if items <= ITEMS_MAX => check_bytes(bytes),
        _ => Err(Error::new(Class::Limit, format!("a list of {items} items"))),
    }
}

/// Counts what a result of many parts takes while it is made.
///
/// A list may hold one vector a million times without taking memory for it, but what a verb makes
/// of that list is a million vectors.
pub struct Growth {
    bytes: usize,
    limit_bytes: usize,
}

impl Growth {
    /// Nothing yet.
    pub fn new() -> Growth {
        Growth {
            bytes: 0,
            limit_bytes: LIMIT_BYTES.with(Cell::get),
        }
    }

    /// One more part.
    ///
    /// # Errors
    /// `limit` when all parts together take more than one result may.
    pub fn add(&mut self, part: &Value) -> Result<(), Error> {
        let bytes = match part {
            Value::Chars(text) => LIST_BYTES + text.len(),
            list if list.is_list() => LIST_BYTES + list.len() * size_of::<i64>(),
            _ => size_of::<Value>(),
        };
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limit_bytes {
            return Err(too_large(self.bytes));
        }
        Ok(())
    }
}

impl Default for Growth {
    fn default() -> Growth {
        Growth::new()
    }
}

/// What a short list takes at least: the value, the shared header, the vector and its block.
const LIST_BYTES: usize = 96;

/// An error unless so many short lists may be made.
///
/// # Errors
/// `limit`.
pub fn check_lists(lists: usize) -> Result<(), Error> {
    check_items(lists, LIST_BYTES)
}

/// An empty vector with room for so many items.
///
/// # Errors
/// `limit` when that is more than the limit or than memory has, `interrupt`.
pub fn room<T>(items: usize) -> Result<Vec<T>, Error> {
    if items >= PACE_ITEMS {
        pace::work(items)?;
    }
    let bytes = items.checked_mul(size_of::<T>().max(1));
    let limit = LIMIT_BYTES.with(Cell::get);
    if items > ITEMS_MAX || bytes.is_none_or(|bytes| bytes > limit) {
        return Err(Error::new(Class::Limit, format!("a list of {items} items")));
    }
    let mut vector = Vec::new();
    vector.try_reserve_exact(items).map_err(|_| {
        Error::new(
            Class::Limit,
            format!("no memory for a list of {items} items"),
        )
    })?;
    Ok(vector)
}

/// A count of items as the machine's own number, which is of 32 bits where the shell runs.
///
/// # Errors
/// `limit` when it is more than any list may have.
pub fn count_items(count: u64) -> Result<usize, Error> {
    match usize::try_from(count) {
        Ok(items) if items <= ITEMS_MAX => Ok(items),
        _ => Err(Error::new(Class::Limit, format!("a list of {count} items"))),
    }
}

/// The product of two counts.
///
/// # Errors
/// `limit` when it is more than any list may have.
pub fn product(x: usize, y: usize) -> Result<usize, Error> {
    match x.checked_mul(y) {
        Some(items) if items <= ITEMS_MAX => Ok(items),
        _ => Err(Error::new(
            Class::Limit,
            format!("a list of {x} times {y} items"),
        )),
    }
}

fn too_large(bytes: usize) -> Error {
    Error::new(Class::Limit, format!("a result of {bytes} bytes"))
}

#[cfg(test)]
mod tests {
    use super::{check_items, product, room};
    use crate::error::Class;

    #[test]
    fn absurd_sizes_are_errors() {
        for items in [1usize << 40, usize::MAX] {
            assert_eq!(
                room::<u8>(items).map(|_| ()).map_err(|e| e.class()),
                Err(Class::Limit)
            );
            assert!(check_items(items, 8).is_err());
        }
        assert!(product(1 << 30, 1 << 30).is_err());
        assert_eq!(product(3, 4), Ok(12));
        assert!(room::<u64>(1000).is_ok_and(|v| v.capacity() >= 1000));
    }
}
