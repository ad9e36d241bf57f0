//! Words that are too long to be kept: where they lie in the file instead of what they are.
//!
//! A file may be one word. So a word of more than [`crate::scan::CARRY_BYTES_MAX`] bytes is known by its length
//! and 128 bits of hash (SipHash of its folded bytes, twice with different beginnings), and its first place in
//! the file, from where it is read again when it is to be sent. There is at most one for each such length of
//! the file, so that the list stays short.

use std::hash::{DefaultHasher, Hasher};

/// Bytes that are folded at a time.
const FOLD_BYTES: usize = 1 << 12;

/// A word that is too long to be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Giant {
    /// How often it occurs.
    pub count: u64,
    /// Where it occurs first, in bytes from the beginning of the file.
    pub offset: u64,
    /// Its length in bytes.
    pub bytes: u64,
    hash: [u64; 2],
}

/// All giants of a stream.
#[derive(Debug, Default)]
pub struct Giants {
    found: Vec<Giant>,
    unfinished: Option<[DefaultHasher; 2]>,
}

fn hashers() -> [DefaultHasher; 2] {
    [1, 2].map(|beginning| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(beginning);
        hasher
    })
}

impl Giants {
    /// The next bytes of a giant.
    pub fn piece(&mut self, piece: &[u8]) {
        let hashers = self.unfinished.get_or_insert_with(hashers);
        let mut folded = [0; FOLD_BYTES];
        for chunk in piece.chunks(FOLD_BYTES) {
            let folded = &mut folded[..chunk.len()];
            folded.copy_from_slice(chunk);
            folded.make_ascii_lowercase();
            hashers.iter_mut().for_each(|hasher| hasher.write(folded));
        }
    }

    /// The giant of the pieces so far is complete.
    pub fn end(&mut self, offset: u64, bytes: u64) {
        let hash = self
            .unfinished
            .take()
            .unwrap_or_else(hashers)
            .map(|hasher| hasher.finish());
        let same = |giant: &&mut Giant| giant.bytes == bytes && giant.hash == hash;
        match self.found.iter_mut().find(same) {
            Some(giant) => giant.count += 1,
            None => self.found.push(Giant {
                count: 1,
                offset,
                bytes,
                hash,
            }),
        }
    }

    /// What was found, in the order of the file.
    pub fn found(&self) -> &[Giant] {
        &self.found
    }
}

#[cfg(test)]
mod tests {
    use super::Giants;

    #[test]
    fn pieces_do_not_matter() {
        let mut giants = Giants::default();
        let word: Vec<u8> = (0..30_000).map(|n| b"abcXYZ789"[n % 9]).collect();
        for (offset, size) in [(5, 30_000), (50_000, 1), (90_000, 4096), (120_000, 9999)] {
            word.chunks(size).for_each(|piece| giants.piece(piece));
            giants.end(offset, word.len() as u64);
        }
        giants.piece(&word[..29_999]);
        giants.piece(b"!");
        giants.end(200_000, word.len() as u64);
        let found: Vec<_> = giants
            .found()
            .iter()
            .map(|giant| (giant.count, giant.offset))
            .collect();
        assert_eq!(found, [(4, 5), (1, 200_000)]);
    }
}
