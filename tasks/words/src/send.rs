//! Sends counted words as values: `(count;"word")`.
//!
//! What does not fit into one frame follows in further ones, each a string: `"more of the word"`. Giants
//! are read from the text again for that, and, where counts are equal, to find their order.

use crate::giant::Giant;
use crate::source::{Range, Source};
use core::cmp::Ordering;
use okernel_sdk::{FramePublisher, Result, Value};

/// What a frame needs beside the bytes of a word, at most.
const VALUE_BYTES_MAX: usize = 64;

/// The most bytes of a word in one frame.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// Bytes of two giants that are compared at first, and at most at a time.
const COMPARE_BYTES: (u64, u64) = (4 * 1024, 256 * 1024);

/// A word with its count, the larger counts first.
pub type Counted = (u64, Vec<u8>);

/// Sends the first `most` words of `kept`, which are in order, and `giants`.
///
/// # Errors
/// The text could not be read again, or the kernel refused.
pub async fn send(
    out: &mut FramePublisher,
    source: &mut Source,
    kept: impl Iterator<Item = Counted>,
    giants: &[Giant],
    most: usize,
) -> Result<()> {
    let mut kept = kept.peekable();
    let mut giants = in_order(source, giants).await?.into_iter().peekable();
    for _ in 0..most {
        let order = match (kept.peek(), giants.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((count, word)), Some(giant)) => match giant.count.cmp(count) {
                Ordering::Equal => compare(source, Text::Kept(word), Text::Giant(giant)).await?,
                order => order,
            },
        };
        if order == Ordering::Greater {
            if let Some(giant) = giants.next() {
                send_giant(out, source, &giant).await?;
            }
        } else if let Some((count, word)) = kept.next() {
            send_word(out, count, &word).await?;
        }
    }
    Ok(())
}

/// Sends the pieces of one word.
struct Sender<'a> {
    out: &'a mut FramePublisher,
    /// The word's count, until it is sent.
    count: Option<u64>,
}

impl Sender<'_> {
    fn piece_bytes(&self) -> usize {
        let room = self.out.payload_bytes_max().saturating_sub(VALUE_BYTES_MAX);
        room.clamp(1, PIECE_BYTES_MAX)
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        for piece in bytes.chunks(self.piece_bytes()) {
            let text = Value::Chars(piece.to_vec());
            let value = match self.count.take() {
                Some(count) => Value::List(vec![Value::Int(count as i64), text]),
                None => text,
            };
            self.out.send_value(&value).await?;
        }
        Ok(())
    }
}

async fn send_word(out: &mut FramePublisher, count: u64, word: &[u8]) -> Result<()> {
    let count = Some(count);
    Sender { out, count }.send(word).await
}

async fn send_giant(out: &mut FramePublisher, source: &mut Source, giant: &Giant) -> Result<()> {
    let count = Some(giant.count);
    let mut sender = Sender { out, count };
    source.ask(range_of(giant, 0, giant.bytes)).await?;
    while let Some(piece) = source.next().await? {
        let folded = piece.to_ascii_lowercase();
        piece.release();
        sender.send(&folded).await?;
    }
    Ok(())
}

fn range_of(giant: &Giant, from: u64, to: u64) -> Range {
    Range {
        offset: giant.offset + from,
        bytes: to.min(giant.bytes).saturating_sub(from),
    }
}

/// A word of either kind.
#[derive(Clone, Copy)]
enum Text<'a> {
    Kept(&'a [u8]),
    Giant(&'a Giant),
}

impl Text<'_> {
    /// The bytes `from..to`, as far as the word has them.
    async fn part(self, source: &mut Source, from: u64, to: u64) -> Result<Vec<u8>> {
        match self {
            Text::Kept(word) => {
                let end = word.len().min(to as usize);
                Ok(word.get(from as usize..end).unwrap_or(&[]).to_vec())
            }
            Text::Giant(giant) => source.fetch(range_of(giant, from, to)).await,
        }
    }
}

/// The order of two words' bytes.
async fn compare(source: &mut Source, left: Text<'_>, right: Text<'_>) -> Result<Ordering> {
    let (mut from, mut bytes) = (0, COMPARE_BYTES.0);
    loop {
        let to = from + bytes;
        let part = left.part(source, from, to).await?;
        let order = part.cmp(&right.part(source, from, to).await?);
        if order != Ordering::Equal || part.is_empty() {
            return Ok(order);
        }
        from = to;
        bytes = (bytes * 2).min(COMPARE_BYTES.1);
    }
}

/// The commoner first, then the smaller: insertion by bisection, because comparing is waiting.
async fn in_order(source: &mut Source, giants: &[Giant]) -> Result<Vec<Giant>> {
    let mut sorted: Vec<Giant> = Vec::with_capacity(giants.len());
    for giant in giants {
        let (mut low, mut high) = (0, sorted.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let other = &sorted[middle];
            let order = match other.count.cmp(&giant.count) {
                Ordering::Equal => compare(source, Text::Giant(giant), Text::Giant(other)).await?,
                order => order,
            };
            match order {
                Ordering::Less => high = middle,
                _ => low = middle + 1,
            }
        }
        sorted.insert(low, *giant);
    }
    Ok(sorted)
}
