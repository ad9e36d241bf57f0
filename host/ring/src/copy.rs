//! Copying bytes out of a ring while somebody else may be writing them.
//!
//! Two cases: a reader that does not gate copies first and finds out afterwards whether it was
//! overtaken meanwhile; and a publisher's guest may scribble over its ring whenever it likes.
//! The copy may then be torn, which the caller expects. What it must not do is let the compiler
//! assume that memory holds still: so every access here is volatile, a whole word at a time where
//! the address allows. (The language knows no race that is allowed and not atomic; like other
//! seqlocks, and like every access to memory that is shared with another process, this relies on
//! volatile accesses being single plain loads.)

use std::mem::{MaybeUninit, size_of};
use std::ptr;

const WORD_BYTES: usize = size_of::<u64>();

/// Copies `into.len()` bytes from `from`, initialising all of `into`.
///
/// # Safety
///
/// `from` is valid for reads of that many bytes, which may change at any time. It does not overlap
/// `into`.
pub(crate) unsafe fn copy_shared(from: *const u8, into: &mut [MaybeUninit<u8>]) {
    let len = into.len();
    let to = into.as_mut_ptr().cast::<u8>();
    let head = from.align_offset(WORD_BYTES).min(len);
    let words = (len - head) / WORD_BYTES;
    let tail = head + words * WORD_BYTES;
    for at in (0..head).chain(tail..len) {
        // SAFETY: `at` is below `len`; both sides are valid for that, by the caller's word and by
        // the slice.
        unsafe { to.add(at).write(ptr::read_volatile(from.add(at))) };
    }
    for word in 0..words {
        let at = head + word * WORD_BYTES;
        // SAFETY: the word ends at or before `len`, and `from + head` is aligned to a word.
        unsafe {
            let value = ptr::read_volatile(from.add(at).cast::<u64>());
            to.add(at).cast::<u64>().write_unaligned(value);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::copy_shared;
    use std::mem::MaybeUninit;

    #[test]
    fn every_alignment_and_length_is_copied_whole() {
        let source: Vec<u8> = (0..100).collect();
        let (shifts, lengths) = if cfg!(miri) { (9, 20) } else { (20, 70) };
        for from in 0..shifts {
            for len in 0..lengths {
                let mut into = [MaybeUninit::new(0xee_u8); 80];
                // SAFETY: inside the source, which holds still here.
                unsafe { copy_shared(source.as_ptr().add(from), &mut into[5..5 + len]) };
                // SAFETY: initialised above.
                let into: Vec<u8> = into
                    .iter()
                    .map(|byte| unsafe { byte.assume_init() })
                    .collect();
                assert_eq!(into[5..5 + len], source[from..from + len]);
                assert!(
                    into[..5]
                        .iter()
                        .chain(&into[5 + len..])
                        .all(|byte| *byte == 0xee)
                );
            }
        }
    }
}
