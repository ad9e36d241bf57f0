//! The maxima of a ring, in one place.
//!
//! Each figure that bounds memory, work or a wire format is named here, so that it can be found,
//! discussed and changed once; what must hold between them is checked when the crate is compiled.

/// How many subscribers one ring can have at the same time. One bit each in the ring's bitmaps.
pub const MAX_READERS: usize = 64;

/// The smallest capacity of a ring, in bytes. The page size of the machine may ask for more.
pub const CAPACITY_BYTES_MIN: usize = 4096;

/// The largest capacity of a ring, in bytes: 1 GiB. Twice that much address space is taken.
pub const CAPACITY_BYTES_MAX: usize = 1 << 30;

/// Bytes of a frame's header: the payload's length and its kind, each a little-endian `u32`.
pub const FRAME_HEADER_BYTES: usize = 8;

/// A frame's payload is padded to a multiple of this many bytes, and so begins on one.
pub const FRAME_ALIGN_BYTES: usize = 8;

const _: () = {
    assert!(MAX_READERS == u64::BITS as usize, "one bit for each reader");
    assert!(CAPACITY_BYTES_MIN.is_power_of_two() && CAPACITY_BYTES_MAX.is_power_of_two());
    assert!(CAPACITY_BYTES_MIN < CAPACITY_BYTES_MAX);
    assert!(
        CAPACITY_BYTES_MAX <= u32::MAX as usize,
        "a payload's length fits its header"
    );
    assert!(
        FRAME_ALIGN_BYTES.is_power_of_two() && FRAME_HEADER_BYTES.is_multiple_of(FRAME_ALIGN_BYTES)
    );
};
