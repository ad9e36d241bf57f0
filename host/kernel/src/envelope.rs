//! The envelope of a message: what travels in the bus, and who it is from and for.
//!
//! Cores pass envelopes on by these words alone, without opening them.

use crate::ids::CoreId;
use crate::table::Key;

/// The asker's number for what it asked; it comes back with the answer.
pub(crate) type Ask = Key;

/// What travels in a bus ring: kind and cores, ask, two arguments, parcel, two spare, sequence.
pub(crate) type Envelope = [u64; 8];

const SEQUENCE: usize = 7;

/// Who sent an envelope to whom, and which of its messages it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Address {
    pub(crate) from: CoreId,
    pub(crate) to: CoreId,
    pub(crate) ask: Ask,
}

/// Where an envelope goes.
pub(crate) fn destination(envelope: &Envelope) -> CoreId {
    CoreId((envelope[0] >> 32) as u16)
}

/// The number of an envelope among those of its sender.
pub(crate) fn sequence(envelope: &Envelope) -> u64 {
    envelope[SEQUENCE]
}

/// Numbers an envelope.
pub(crate) fn set_sequence(envelope: &mut Envelope, sequence: u64) {
    envelope[SEQUENCE] = sequence;
}

/// A key as a word of an envelope.
pub(crate) fn key_to_word(key: Key) -> u64 {
    key.index() as u64 | u64::from(key.generation()) << 32
}

/// What [`key_to_word`] wrote.
pub(crate) fn word_to_key(word: u64) -> Key {
    Key::new(word as u32, (word >> 32) as u32)
}
