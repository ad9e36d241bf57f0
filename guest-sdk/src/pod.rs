//! Plain data: the types that may lie in a ring.
//!
//! What is read from a ring was written by another task, so every pattern of bits must be a value
//! of the type, and what is written is seen whole, so there must be no padding between the fields.

/// A type whose every pattern of bits is a value and that has no padding.
///
/// Derive it for a struct with `#[repr(C)]` whose fields are plain data:
///
/// ```
/// use okernel_sdk::Pod;
///
/// #[derive(Clone, Copy, Debug, Pod)]
/// #[repr(C)]
/// struct Trade {
///     time_ns: u64,
///     price: f64,
///     size: u64,
///     symbol: u64,
/// }
/// ```
///
/// A struct with padding is refused by the derive:
///
/// ```compile_fail
/// use okernel_sdk::Pod;
///
/// #[derive(Clone, Copy, Pod)]
/// #[repr(C)]
/// struct Gap {
///     small: u8,
///     large: u64,
/// }
/// ```
///
/// # Safety
/// Every pattern of bits is a value of the type, it has no padding and no pointers in it, its size
/// is not zero and its alignment is at most [`POD_ALIGN_BYTES_MAX`].
pub unsafe trait Pod: Copy + 'static {}

/// The largest alignment of plain data in a ring, in bytes.
pub const POD_ALIGN_BYTES_MAX: usize = 16;

macro_rules! pods {
    ($($type:ty)*) => {
        $(
            // SAFETY: numbers have no padding, and every pattern of bits is one.
            unsafe impl Pod for $type {}
        )*
    };
}

pods!(u8 i8 u16 i16 u32 i32 u64 i64 u128 i128 f32 f64);

// SAFETY: the items of an array follow each other without padding. (A ring of `[T; 0]` does not
// compile: see `item_bytes`.)
unsafe impl<T: Pod, const N: usize> Pod for [T; N] {}

/// The size of `T` in bytes, checked when the program is compiled.
pub(crate) const fn item_bytes<T: Pod>() -> usize {
    const {
        assert!(size_of::<T>() > 0, "a message of no bytes");
        assert!(align_of::<T>() <= POD_ALIGN_BYTES_MAX);
        size_of::<T>()
    }
}

/// The bytes of messages, as they lie in a ring.
///
/// ```
/// assert_eq!(okernel_sdk::as_bytes(&[1u16, 2]), [1, 0, 2, 0]);
/// ```
pub fn as_bytes<T: Pod>(messages: &[T]) -> &[u8] {
    // SAFETY: plain data has no padding, so each of its bytes is initialised; the slice covers the
    // same memory for the same time.
    unsafe { core::slice::from_raw_parts(messages.as_ptr().cast(), size_of_val(messages)) }
}

/// The messages whose bytes these are. Bytes at the end that are not a whole message are left out.
///
/// ```
/// assert_eq!(okernel_sdk::from_bytes::<u16>(&[1, 0, 2, 0, 3]), [1, 2]);
/// ```
pub fn from_bytes<T: Pod>(bytes: &[u8]) -> Vec<T> {
    let whole = bytes.chunks_exact(item_bytes::<T>());
    whole
        // SAFETY: the chunk has the size of a `T`, any bits are one, and the read does not assume
        // alignment.
        .map(|chunk| unsafe { chunk.as_ptr().cast::<T>().read_unaligned() })
        .collect()
}
