//! The names of things: cores, tasks, endpoints.
//!
//! Task and endpoint ids are given out by the kernel-wide directory, so they are unique over all
//! cores. A user sees an id as one integer: index in the low bits, generation above them, so that
//! the first ids are 0, 1, 2 and a stale number is still recognised.

use crate::limits::NUMBER_INDEX_BITS;
use crate::table::Key;
use okernel_abi::handle::NUMBER_BITS;
use std::fmt;

// A generation has 32 bits.
const _: () = assert!(u32::BITS + NUMBER_INDEX_BITS <= NUMBER_BITS);

/// A scheduler, counted from 0, which is the boot core.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CoreId(pub u16);

impl CoreId {
    /// The core that boots, and has the console.
    pub const BOOT: CoreId = CoreId(0);

    /// As an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for CoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

macro_rules! id {
    ($(#[doc = $doc:literal])* $name:ident) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(pub(crate) Key);

        impl $name {
            /// The integer that users see and type.
            pub fn number(self) -> i64 {
                (self.0.index() as i64) | (i64::from(self.0.generation()) << NUMBER_INDEX_BITS)
            }

            /// The id with this number, if a number can be one; whether there is such an object is
            /// another question.
            pub fn from_number(number: i64) -> Option<$name> {
                let number = u64::try_from(number).ok()?;
                let generation = u32::try_from(number >> NUMBER_INDEX_BITS).ok()?;
                let index = number & ((1 << NUMBER_INDEX_BITS) - 1);
                Some($name(Key::new(index as u32, generation)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.number())
            }
        }
    };
}

id! {
    /// A task, on whichever core.
    TaskId
}

id! {
    /// A publisher or a subscriber, on whichever core. Both share one space of numbers; the
    /// publisher's number is also the ring's.
    EndpointId
}

id! {
    /// A selector that was asked for, on whichever core.
    SelectorId
}

#[cfg(test)]
mod tests {
    use super::{EndpointId, TaskId};
    use crate::table::Key;
    use okernel_abi::handle::NUMBER_BITS;

    #[test]
    fn numbers_come_back() {
        for (index, generation) in [(0, 0), (5, 0), (0, 1), (1_048_575, u32::MAX)] {
            let id = TaskId(Key::new(index, generation));
            assert_eq!(TaskId::from_number(id.number()), Some(id));
        }
        assert_eq!(TaskId(Key::new(3, 0)).number(), 3);
    }

    #[test]
    fn numbers_that_are_no_ids_are_refused() {
        assert_eq!(EndpointId::from_number(-1), None);
        assert_eq!(EndpointId::from_number(i64::MIN), None);
        assert_eq!(EndpointId::from_number(i64::MAX), None);
        assert_eq!(EndpointId::from_number(1 << NUMBER_BITS), None);
    }
}
