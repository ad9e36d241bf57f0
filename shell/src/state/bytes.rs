//! Numbers and texts as bytes: counts take as few bytes as they can, everything else has a fixed size.

use super::StateError;

/// Bytes that are being written. Want of memory is told at the end.
#[derive(Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    /// Set when something did not fit any more.
    full: bool,
}

impl Output {
    fn room(&mut self, bytes: usize) -> bool {
        self.full |= self.bytes.try_reserve(bytes).is_err();
        !self.full
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.raw(&[byte]);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        if self.room(bytes.len()) {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Seven bits in each byte, the lowest first; the last byte has no eighth bit.
    pub(super) fn count(&mut self, count: usize) {
        let mut left = count as u64;
        while left >= 0x80 {
            self.byte(left as u8 | 0x80);
            left >>= 7;
        }
        self.byte(left as u8);
    }

    pub(super) fn word(&mut self, word: u64) {
        self.raw(&word.to_le_bytes());
    }

    pub(super) fn words(&mut self, words: impl ExactSizeIterator<Item = u64>) {
        self.count(words.len());
        if self.room(words.len().saturating_mul(8)) {
            words.for_each(|word| self.bytes.extend_from_slice(&word.to_le_bytes()));
        }
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        self.count(text.len());
        self.raw(text);
    }

    /// What was written.
    pub(super) fn finish(self) -> Result<Vec<u8>, StateError> {
        match self.full {
            true => Err(StateError::Memory),
            false => Ok(self.bytes),
        }
    }
}

/// Bytes that are being read.
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

const SHORT: StateError = StateError::Damaged("it ends too early");

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { rest: bytes }
    }

    /// All that is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn raw(&mut self, bytes: usize) -> Result<&'a [u8], StateError> {
        let (raw, rest) = self.rest.split_at_checked(bytes).ok_or(SHORT)?;
        self.rest = rest;
        Ok(raw)
    }

    pub(super) fn byte(&mut self) -> Result<u8, StateError> {
        let (byte, rest) = self.rest.split_first().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*byte)
    }

    pub(super) fn count(&mut self) -> Result<usize, StateError> {
        let mut count = 0u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            count |= bits << shift;
            if bits << shift >> shift != bits {
                break;
            }
            if byte < 0x80 {
                return usize::try_from(count).map_err(|_| StateError::Memory);
            }
        }
        Err(StateError::Damaged("a count that is too large"))
    }

    pub(super) fn small(&mut self) -> Result<u32, StateError> {
        let count = self.count()?;
        u32::try_from(count).map_err(|_| StateError::Damaged("a number that is too large"))
    }

    /// A count of things that take at least so many bytes each.
    pub(super) fn length(&mut self, bytes_each: usize) -> Result<usize, StateError> {
        let count = self.count()?;
        match count.checked_mul(bytes_each) {
            Some(bytes) if bytes <= self.rest.len() => Ok(count),
            _ => Err(SHORT),
        }
    }

    pub(super) fn word(&mut self) -> Result<u64, StateError> {
        let mut word = [0; 8];
        word.copy_from_slice(self.raw(8)?);
        Ok(u64::from_le_bytes(word))
    }

    pub(super) fn words<T>(&mut self, of: impl Fn(u64) -> T) -> Result<Vec<T>, StateError> {
        let count = self.length(8)?;
        let mut words = room(count)?;
        for _ in 0..count {
            words.push(of(self.word()?));
        }
        Ok(words)
    }

    pub(super) fn text(&mut self) -> Result<&'a [u8], StateError> {
        let bytes = self.length(1)?;
        self.raw(bytes)
    }

    pub(super) fn string(&mut self) -> Result<String, StateError> {
        let text = std::str::from_utf8(self.text()?);
        let text = text.map_err(|_| StateError::Damaged("a text that is not UTF-8"))?;
        Ok(text.to_owned())
    }

    /// So many things, one after another, each of which takes a byte at least.
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Input<'a>) -> Result<T, StateError>,
    ) -> Result<Vec<T>, StateError> {
        let count = self.length(1)?;
        let mut items = room(count)?;
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }
}

/// An empty vector with room for so many items.
pub(super) fn room<T>(count: usize) -> Result<Vec<T>, StateError> {
    crate::value::room(count).map_err(|_| StateError::Memory)
}

#[cfg(test)]
mod tests {
    use super::{Input, Output};

    #[test]
    fn numbers_survive() {
        let counts = [0, 1, 127, 128, 300, 1 << 20, u32::MAX as usize, usize::MAX];
        let mut out = Output::default();
        counts.iter().for_each(|count| out.count(*count));
        out.words([0u64, 1, u64::MAX].into_iter());
        out.text(b"text");
        let bytes = out.finish().unwrap();
        let mut input = Input::new(&bytes);
        for count in counts {
            assert_eq!(input.count(), Ok(count));
        }
        assert_eq!(input.words(|word| word).unwrap(), [0, 1, u64::MAX]);
        assert_eq!(input.text(), Ok(&b"text"[..]));
        assert!(input.is_at_end());
        assert!(input.byte().is_err());
    }

    #[test]
    fn lengths_that_no_bytes_follow_are_refused() {
        let mut out = Output::default();
        out.count(1 << 40);
        out.raw(&[0; 64]);
        let bytes = out.finish().unwrap();
        assert!(Input::new(&bytes).words(|word| word).is_err());
        assert!(Input::new(&bytes).text().is_err());
        assert!(Input::new(&[0xff; 32]).count().is_err());
    }
}
