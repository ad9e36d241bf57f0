//! A guest's number for an object that it was granted.
//!
//! A handle means something only together with the task that holds it. It carries a generation, so
//! that a closed handle is an error and never another object.

/// Bits of a handle that are the index; the rest are the generation.
pub const HANDLE_INDEX_BITS: u32 = 16;

/// The number of handles that one task can hold at a time.
pub const HANDLES_MAX: usize = 1 << HANDLE_INDEX_BITS;

/// Bits of the numbers that the kernel gives to tasks and to ends of rings, which a float holds exactly. Numbers from
/// 2^52 are free: a guest may use them for what it has no kernel's number of.
pub const NUMBER_BITS: u32 = 52;

/// A task's number for something that it may use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Handle(pub u32);

impl Handle {
    /// Joins an index below [`HANDLES_MAX`] and a generation; higher bits of either are cut off.
    pub fn new(index: usize, generation: u32) -> Handle {
        let index = (index & (HANDLES_MAX - 1)) as u32;
        Handle((generation << HANDLE_INDEX_BITS) | index)
    }

    /// The place in the task's table.
    pub fn index(self) -> usize {
        (self.0 as usize) & (HANDLES_MAX - 1)
    }

    /// The generation of that place, 16 bits.
    pub fn generation(self) -> u32 {
        self.0 >> HANDLE_INDEX_BITS
    }
}

#[cfg(test)]
mod tests {
    use super::{HANDLES_MAX, Handle};

    #[test]
    fn index_and_generation_come_back() {
        let handle = Handle::new(HANDLES_MAX - 1, 0xabcd);
        assert_eq!(
            (handle.index(), handle.generation()),
            (HANDLES_MAX - 1, 0xabcd)
        );
    }
}
