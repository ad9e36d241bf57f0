//! Where the text comes from: a ring of bytes, and perhaps a way to ask for parts of it again.
//!
//! With the ring alone the text can be read once, until the ring closes. When `ask` is granted, the other
//! side (the task `lines`, for example) first sends the size of its text as eight bytes, and then
//! each range that it is asked for, until `ask` closes.

use core::ops::Deref;
use okernel_sdk::{Batch, Context, Error, OpenError, Pod, Publisher, Result, Subscriber};

/// The most bytes that are handed out at a time: while they are looked at, the other side can refill the ring.
const PIECE_BYTES_MAX: usize = 128 * 1024;

/// A part of the text: what is sent to `ask`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod)]
#[repr(C)]
pub struct Range {
    /// Where it begins, in bytes from the beginning of the text.
    pub offset: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

/// The text.
pub struct Source {
    input: Subscriber<u8>,
    asking: Option<Asking>,
}

struct Asking {
    ask: Publisher<Range>,
    size: u64,
    /// Bytes of the last range that were not handed out yet.
    left: u64,
}

impl Source {
    /// The text that comes by the subscriber `in`, with `ask` if that is granted.
    ///
    /// # Errors
    /// `in` is not granted, or one of the two is something else.
    pub async fn open(ctx: &Context) -> Result<Source> {
        let mut input = ctx.subscriber::<u8>("in")?;
        let asking = match ctx.publisher::<Range>("ask") {
            Ok(ask) => {
                let greeting = input.batch_of(size_of::<u64>()).await?;
                let size = greeting
                    .first_chunk()
                    .map_or(0, |bytes| u64::from_le_bytes(*bytes));
                greeting.release_first(size_of::<u64>());
                Some(Asking { ask, size, left: 0 })
            }
            Err(OpenError::NotGranted { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Source { input, asking })
    }

    /// Whether the text can be read more than once.
    pub fn can_be_asked(&self) -> bool {
        self.asking.is_some()
    }

    /// Goes to the beginning of the text. A text that can be read only once is there already.
    ///
    /// # Errors
    /// The kernel refused.
    pub async fn rewind(&mut self) -> Result<()> {
        match &self.asking {
            Some(asking) => {
                let bytes = asking.size;
                self.ask(Range { offset: 0, bytes }).await
            }
            None => Ok(()),
        }
    }

    /// Asks for a part of the text, which [`Source::next`] then hands out.
    ///
    /// # Errors
    /// The text can be read only once, or the kernel refused.
    pub async fn ask(&mut self, range: Range) -> Result<()> {
        let Some(asking) = &mut self.asking else {
            return Err(Error::message(
                "the text can be read only once: grant \"ask\"",
            ));
        };
        asking.ask.send(range).await?;
        asking.left = range.bytes;
        Ok(())
    }

    /// The next bytes of what was asked for, or of the text; nothing at its end.
    ///
    /// # Errors
    /// The text ended before all that was asked for had come, or the kernel refused.
    pub async fn next(&mut self) -> Result<Option<Piece<'_>>> {
        let Some(asking) = &mut self.asking else {
            let batch = self.input.next_batch().await?;
            return Ok(batch.map(|batch| Piece::new(batch, u64::MAX)));
        };
        if asking.left == 0 {
            return Ok(None);
        }
        match self.input.next_batch().await? {
            Some(batch) => {
                let piece = Piece::new(batch, asking.left);
                asking.left -= piece.len() as u64;
                Ok(Some(piece))
            }
            None => Err(Error::message(format!(
                "the text ended {} bytes before its end",
                asking.left
            ))),
        }
    }

    /// A part of the text, folded to lower case.
    ///
    /// # Errors
    /// As for [`Source::ask`] and [`Source::next`].
    pub async fn fetch(&mut self, range: Range) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.ask(range).await?;
        while let Some(piece) = self.next().await? {
            bytes.extend_from_slice(&piece);
            piece.release();
        }
        bytes.make_ascii_lowercase();
        Ok(bytes)
    }
}

/// Some bytes of the text where they lie in the ring. To be released before the next.
pub struct Piece<'a> {
    batch: Batch<'a, u8>,
    bytes: usize,
}

impl<'a> Piece<'a> {
    fn new(batch: Batch<'a, u8>, bytes_max: u64) -> Piece<'a> {
        let most = usize::try_from(bytes_max)
            .unwrap_or(usize::MAX)
            .min(PIECE_BYTES_MAX);
        let bytes = batch.len().min(most);
        Piece { batch, bytes }
    }

    /// Gives the bytes back to the publisher as room.
    pub fn release(self) {
        self.batch.release_first(self.bytes);
    }
}

impl Deref for Piece<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.batch[..self.bytes]
    }
}
