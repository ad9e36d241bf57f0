//! Which of 64 bytes belong to words, as one bit each.
//!
//! Everything else in this crate looks at bits: a word's ends are where neighbouring bits differ, so
//! text costs a few instructions per 16 bytes and per word instead of some for each byte. In a sandbox
//! with vector instructions they do it; elsewhere the same arithmetic is done on eight bytes in a `u64`.

/// Bytes that one mask describes.
pub const BLOCK_BYTES: usize = 64;

/// This bit makes a capital letter a small one, and leaves small letters and digits as they are.
pub const FOLD_BIT: u8 = 0x20;

/// Bit `i` says whether byte `i` is an ASCII letter or digit.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline]
pub fn word_mask(block: &[u8; BLOCK_BYTES]) -> u64 {
    use core::arch::wasm32::{i8x16_bitmask, u8x16_lt, u8x16_splat, u8x16_sub, u64x2, v128_or};

    let mut mask = 0;
    let (lanes, _) = block.as_chunks::<16>();
    for (index, lane) in lanes.iter().enumerate() {
        let word = u128::from_le_bytes(*lane);
        let bytes = u64x2(word as u64, (word >> 64) as u64);
        let folded = v128_or(bytes, u8x16_splat(FOLD_BIT));
        let letters = u8x16_lt(u8x16_sub(folded, u8x16_splat(b'a')), u8x16_splat(26));
        let digits = u8x16_lt(u8x16_sub(bytes, u8x16_splat(b'0')), u8x16_splat(10));
        mask |= u64::from(i8x16_bitmask(v128_or(letters, digits))) << (16 * index);
    }
    mask
}

/// Bit `i` says whether byte `i` is an ASCII letter or digit.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline]
pub fn word_mask(block: &[u8; BLOCK_BYTES]) -> u64 {
    let mut mask = 0;
    let (lanes, _) = block.as_chunks::<8>();
    for (index, lane) in lanes.iter().enumerate() {
        mask |= lane_mask(u64::from_le_bytes(*lane)) << (8 * index);
    }
    mask
}

/// The bits of eight bytes. Each byte's seventh bit becomes the answer of a comparison: adding
/// `0x80 - n` to a byte below `0x80` sets it if the byte is at least `n`, and never carries over.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline]
fn lane_mask(bytes: u64) -> u64 {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = EACH << 7;
    /// Bit `8 * i` times this gives bit `56 + i`.
    const GATHER: u64 = 0x0102_0408_1020_4080;

    let at_least = |bytes: u64, limit: u8| bytes + EACH * u64::from(0x80 - limit);
    let ascii = bytes & !HIGH;
    let folded = ascii | (EACH * u64::from(FOLD_BIT));
    let letters = at_least(folded, b'a') & !at_least(folded, b'z' + 1);
    let digits = at_least(ascii, b'0') & !at_least(ascii, b'9' + 1);
    let found = (letters | digits) & !bytes & HIGH;
    (found >> 7).wrapping_mul(GATHER) >> 56
}

/// How many bytes at the front of `bytes` belong to words.
pub fn leading_word_bytes(bytes: &[u8]) -> usize {
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    for (index, block) in blocks.iter().enumerate() {
        let mask = word_mask(block);
        if mask != u64::MAX {
            return index * BLOCK_BYTES + mask.trailing_ones() as usize;
        }
    }
    let others = |byte: &u8| !byte.is_ascii_alphanumeric();
    let in_rest = rest.iter().position(others).unwrap_or(rest.len());
    bytes.len() - rest.len() + in_rest
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_BYTES, leading_word_bytes, word_mask};

    #[test]
    fn every_byte_in_every_place() {
        for byte in 0..=255u8 {
            for place in 0..BLOCK_BYTES {
                for around in [b' ', b'x', 0xff] {
                    let mut block = [around; BLOCK_BYTES];
                    block[place] = byte;
                    let mask = word_mask(&block);
                    for (index, byte) in block.iter().enumerate() {
                        let bit = mask >> index & 1 == 1;
                        assert_eq!(bit, byte.is_ascii_alphanumeric(), "{byte} at {index}");
                    }
                }
            }
        }
    }

    #[test]
    fn leading_bytes_of_every_length() {
        for length in 0..200 {
            for end in 0..=length {
                let mut bytes = vec![b'x'; length];
                if end < length {
                    bytes[end] = b'-';
                }
                assert_eq!(leading_word_bytes(&bytes), end);
            }
        }
    }
}
