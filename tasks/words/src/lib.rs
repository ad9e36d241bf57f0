//! Counts the words of a stream of bytes and sends the commonest.
//!
//! A word is a maximal run of ASCII letters and digits, folded to lower case; all other bytes separate. The
//! answer is exact for any bytes, and memory is bounded: when the words do not fit, only a part of
//! them is counted, and the text is read again for the others; a word too long to be kept is read again when
//! it is sent. For both, the source must be able to send again what it is asked for.
//!
//! Grants: `in`, a subscriber of bytes; `out`, a publisher of values; and, optional, `ask`, a publisher of
//! ranges (see [`source`]). Argument: how many words are sent at most (10).
//!
//! In reading order: bits for bytes (`mask`), words from bits (`scan`), short words as integers (`key`),
//! what they are counted in (`short`, `long`, `giant`), passes (`partition`, `counter`), the commonest
//! (`ranking`), and the two ends (`source`, `send`).

pub mod mask;

pub mod scan;

pub mod key;

pub mod giant;
pub mod long;
pub mod short;

pub mod counter;
pub mod partition;

pub mod ranking;

pub mod send;
pub mod source;

use counter::{Counter, Limits};
use okernel_sdk::{Context, Error, Result};
use ranking::{BEST_BYTES_MAX, Best, TooMany};
use scan::CARRY_BYTES_MAX;
use short::Full;
use source::Source;

/// How many words are sent when the arguments do not say.
pub const MOST: usize = 10;

/// The task.
///
/// # Errors
/// A grant is missing, an argument is no number, the text ends too early, or there is not enough memory and the
/// text can be read only once.
#[okernel_sdk::task(wants("in: subscriber", "out: publisher", "ask?: publisher"))]
pub async fn main(ctx: Context) -> Result<()> {
    count_words(&ctx, Limits::DEFAULT).await
}

/// The task, with other limits.
///
/// # Errors
/// As for [`main`].
pub async fn count_words(ctx: &Context, limits: Limits) -> Result<()> {
    let most = match ctx.args()?.first() {
        Some(text) => text.parse().map_err(|_| {
            Error::message(format!("how many words? expected a number, not \"{text}\""))
        })?,
        None => MOST,
    };
    let mut out = ctx.frame_publisher("out")?;
    let mut source = Source::open(ctx).await?;
    let mut counter = Counter::new(limits);
    pass(&mut source, &mut counter).await?;
    let giants = counter.giants().to_vec();
    if !counter.is_partial() {
        let ranking = counter.ranking(most);
        let words = (0..ranking.len()).filter_map(|rank| ranking.get(rank));
        let words = words.map(|counted| (counted.count, counted.word()));
        return send::send(&mut out, &mut source, words, &giants, most).await;
    }
    let mut best = Best::new(most);
    best.merge(&counter.ranking(most)).map_err(too_many)?;
    while counter.next_pass() {
        pass(&mut source, &mut counter).await?;
        best.merge(&counter.ranking(most)).map_err(too_many)?;
    }
    let words = best
        .words()
        .iter()
        .map(|(count, word)| (*count, word.to_vec()));
    send::send(&mut out, &mut source, words, &giants, most).await
}

/// Reads the whole text once.
async fn pass(source: &mut Source, counter: &mut Counter) -> Result<()> {
    let full = |_: Full| Error::message("not enough memory for the smallest part of the words");
    let is_only_pass = !source.can_be_asked();
    source.rewind().await?;
    while let Some(piece) = source.next().await? {
        counter.feed(&piece).map_err(full)?;
        piece.release();
        if is_only_pass && counter.is_partial() {
            return Err(Error::message(
                "too many different words for this task's memory: grant \"ask\" to read the text again",
            ));
        }
    }
    counter.finish().map_err(full)?;
    if is_only_pass && !counter.giants().is_empty() {
        return Err(Error::message(format!(
            "a word of more than {CARRY_BYTES_MAX} bytes: grant \"ask\" to read it again"
        )));
    }
    Ok(())
}

fn too_many(_: TooMany) -> Error {
    Error::message(format!(
        "so many commonest words take more than {BEST_BYTES_MAX} bytes: ask for fewer"
    ))
}
