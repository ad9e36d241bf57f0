//! Publishes 0, 1, 2.. as fast as it goes, in batches.
//!
//! Grants: `out`, a publisher of u64; and, both optional, `clock` and `console`: with them it prints one line at
//! the end, `published N ns T`, the time that it took. Arguments: numbers in a batch (1: sent one by one, and
//! published by the SDK in blocks; `each`: each is published by itself), how many numbers in all, and
//! `sleep` (the default: waits for room) or `spin` (looks again each turn).

use okernel_sdk::{ClaimError, Context, Error, OpenError, Publisher, Result, SendError, yield_now};

/// How numbers are published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Publish {
    /// Each by itself.
    Each,
    /// Sent one by one; the SDK publishes them in blocks.
    Singles,
    /// So many at a time.
    Batches(usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wait {
    Spin,
    Sleep,
}

/// The task.
///
/// # Errors
/// The grant is missing, an argument is wrong, or a batch is larger than the ring.
#[okernel_sdk::task(wants("out: publisher"))]
pub async fn main(ctx: Context) -> Result<()> {
    let (publish, messages, wait) = arguments(&ctx.args()?)?;
    let mut out = ctx.publisher::<u64>("out")?;
    let timing = optional(ctx.clock("clock"))?.zip(optional(ctx.console())?);
    let started_ns = match &timing {
        Some((clock, _)) => clock.now_ns()?,
        None => 0,
    };
    match publish {
        Publish::Each => each(&mut out, messages, wait).await?,
        Publish::Singles => singles(&mut out, messages, wait).await?,
        Publish::Batches(batch) => batches(&mut out, batch, messages, wait).await?,
    }
    out.flush()?;
    let Some((clock, console)) = timing else {
        return Ok(());
    };
    let took_ns = clock.now_ns()? - started_ns;
    console
        .print(format!("published {messages} ns {took_ns}\n"))
        .await
}

/// What was granted, or nothing.
fn optional<T>(opened: Result<T, OpenError>) -> Result<Option<T>> {
    match opened {
        Ok(end) => Ok(Some(end)),
        Err(OpenError::NotGranted { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn arguments(args: &[String]) -> Result<(Publish, u64, Wait)> {
    let usage =
        || Error::message("expected the size of a batch, how many numbers, and spin or sleep");
    let publish = match args.first().map(String::as_str) {
        Some("each") => Publish::Each,
        Some("1") => Publish::Singles,
        Some(text) => match text.parse() {
            Ok(batch) if batch > 0 => Publish::Batches(batch),
            _ => return Err(usage()),
        },
        None => return Err(usage()),
    };
    let messages = args
        .get(1)
        .and_then(|text| text.parse().ok())
        .ok_or_else(usage)?;
    let wait = match args.get(2).map(String::as_str) {
        None | Some("sleep") => Wait::Sleep,
        Some("spin") => Wait::Spin,
        Some(_) => return Err(usage()),
    };
    Ok((publish, messages, wait))
}

/// Each number is published before the next is written.
async fn each(out: &mut Publisher<u64>, messages: u64, wait: Wait) -> Result<()> {
    let mut next = 0;
    loop {
        match (each_while_there_is_room(out, &mut next, messages), wait) {
            (Ok(()), _) => return Ok(()),
            (Err(ClaimError::Full), Wait::Spin) => yield_now().await,
            // A claim that is dropped publishes nothing: this waits until there is room.
            (Err(ClaimError::Full), Wait::Sleep) => drop(out.claim(1).await?),
            (full, _) => full?,
        }
    }
}

/// What is hot waits for nothing, as in [`burst`].
fn each_while_there_is_room(
    out: &mut Publisher<u64>,
    next: &mut u64,
    messages: u64,
) -> Result<(), ClaimError> {
    while *next < messages {
        out.try_send(*next).map_err(|error| match error {
            SendError::Full(_) => ClaimError::Full,
            SendError::Refused(_, errno) => ClaimError::Refused(errno),
        })?;
        out.flush()?;
        *next += 1;
    }
    Ok(())
}

/// Each number is written to a block that the SDK has claimed ahead: a few nanoseconds, no system call.
async fn singles(out: &mut Publisher<u64>, messages: u64, wait: Wait) -> Result<()> {
    for number in 0..messages {
        match out.try_send(number) {
            Ok(()) => {}
            Err(SendError::Full(number)) => {
                while wait == Wait::Spin && out.try_send(number).is_err() {
                    yield_now().await;
                }
                if wait == Wait::Sleep {
                    out.send(number).await?;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Numbers that are written together: a fixed count needs no loop, and a turn's end is looked for once.
const CHUNK: usize = 64;
/// And what is left of a batch.
const SMALL_CHUNK: usize = 8;

/// Writes consecutive numbers.
#[inline(never)]
fn fill(slots: &mut [u64], mut next: u64) {
    let (chunks, slots) = slots.as_chunks_mut::<CHUNK>();
    for chunk in chunks {
        count_up(chunk, next);
        next += CHUNK as u64;
    }
    let (chunks, slots) = slots.as_chunks_mut::<SMALL_CHUNK>();
    for chunk in chunks {
        count_up(chunk, next);
        next += SMALL_CHUNK as u64;
    }
    for (slot, number) in slots.iter_mut().zip(next..) {
        *slot = number;
    }
}

/// Two numbers at a time: the compiler finds no vector instructions for this by itself.
#[cfg(target_feature = "simd128")]
fn count_up<const COUNT: usize>(chunk: &mut [u64; COUNT], first: u64) {
    use core::arch::wasm32::{u64x2, u64x2_add, u64x2_extract_lane, u64x2_splat};
    let mut pair = u64x2(first, first + 1);
    // Not known to be 2, or the compiler would make a constant for each pair, and run out of registers.
    let step = u64x2_splat(std::hint::black_box(2));
    for slots in chunk.as_chunks_mut().0 {
        *slots = [u64x2_extract_lane::<0>(pair), u64x2_extract_lane::<1>(pair)];
        pair = u64x2_add(pair, step);
    }
}

#[cfg(not(target_feature = "simd128"))]
fn count_up<const COUNT: usize>(chunk: &mut [u64; COUNT], first: u64) {
    for (slot, number) in chunk.iter_mut().zip(first..) {
        *slot = number;
    }
}

/// Each batch is filled where it lies in the ring, and published as a whole.
async fn batches(out: &mut Publisher<u64>, batch: usize, messages: u64, wait: Wait) -> Result<()> {
    let mut next = 0;
    loop {
        let full = burst(out, batch, &mut next, messages);
        if next == messages {
            return Ok(());
        }
        match (full, wait) {
            (Err(ClaimError::Full), Wait::Spin) => yield_now().await,
            // A claim that is dropped publishes nothing: this waits until there is room.
            (Err(ClaimError::Full), Wait::Sleep) => {
                drop(out.claim(part(batch, messages - next)).await?)
            }
            (full, _) => full?,
        }
    }
}

/// A batch, or what is left.
fn part(batch: usize, left: u64) -> usize {
    batch.min(usize::try_from(left).unwrap_or(batch))
}

/// Publishes batches until all numbers are out, or there is no room. What is hot waits for nothing: an
/// await in this loop would keep its variables in memory.
fn burst(
    out: &mut Publisher<u64>,
    batch: usize,
    next: &mut u64,
    messages: u64,
) -> Result<(), ClaimError> {
    while *next < messages {
        let count = part(batch, messages - *next);
        let mut claim = out.try_claim(count)?;
        fill(&mut claim, *next);
        claim.commit()?;
        *next += count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::main;
    use okernel_sdk::testing::Harness;

    #[test]
    fn all_numbers_in_order_whatever_the_batch() {
        let expected: Vec<u64> = (0..10_000).collect();
        for ring_bytes in [4096, 64 * 1024] {
            for batch in ["each", "1", "7", "512"] {
                for wait in ["spin", "sleep"] {
                    let harness = Harness::new().collect("out", ring_bytes);
                    let done = harness.args([batch, "10000", wait]).run(main);
                    assert_eq!(done.result, Ok(()));
                    assert_eq!(done.sent::<u64>("out"), expected, "{batch} {wait}");
                }
            }
        }
    }

    #[test]
    fn with_a_clock_and_a_console_it_tells_how_long_it_took() {
        let harness = Harness::new().collect("out", 4096);
        let harness = harness.clock("clock").console("console");
        let done = harness.args(["each", "100"]).run(main);
        let line = String::from_utf8(done.console).unwrap();
        assert!(line.starts_with("published 100 ns "), "{line}");
    }

    #[test]
    fn mistakes_are_named() {
        for args in [
            &[][..],
            &["1"],
            &["0", "5"],
            &["1", "5", "run"],
            &["x", "5"],
        ] {
            let harness = Harness::new()
                .collect("out", 4096)
                .args(args.iter().copied());
            let error = harness.run(main).result.unwrap_err().to_string();
            assert!(error.starts_with("expected the size of a batch"), "{error}");
        }
        let done = Harness::new()
            .collect("out", 4096)
            .args(["513", "9999"])
            .run(main);
        let error = done.result.unwrap_err().to_string();
        assert_eq!(error, "4104 bytes do not fit into a ring of 4096 bytes");
    }
}
