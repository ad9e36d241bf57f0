//! Plain old data: which types may travel through a ring as they lie in memory.
//!
//! The bytes of a ring may have been written by anybody who was granted it, so a type may travel
//! only if every bit pattern is one of its values, and if it has no padding that would carry
//! uninitialised bytes out.

/// A type whose values are just their bytes.
///
/// # Safety
///
/// Every bit pattern of `size_of::<Self>()` bytes is a valid value; there are no padding bytes,
/// pointers, interior mutability or destructor; the alignment is at most 8 bytes.
pub unsafe trait Pod: Copy + Send + Sync + 'static {}

macro_rules! pod {
    ($($type:ty),*) => {$(
        // SAFETY: numbers of at most 8 bytes: all bit patterns are values, and there is no padding.
        unsafe impl Pod for $type {}
    )*};
}

pod!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

// SAFETY: an array is its elements in a row, without padding between them.
unsafe impl<T: Pod, const N: usize> Pod for [T; N] {}
