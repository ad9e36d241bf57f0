//! Receives what pump publishes, checks it and tells how long it took.
//!
//! Prints one line when all have come: `messages N sum S ns T`, where T is the time from the first to the
//! last in nanoseconds. Every number must be the next in sequence.
//!
//! Grants: `in`, a subscriber of u64; `clock`; `console`. Arguments: how many numbers; then, in any order,
//! `single` (takes them one by one instead of all there are), and `sleep` (the default: waits for more) or
//! `spin` (looks again after a few turns).

use okernel_sdk::{Context, Error, RecvError, Result, Subscriber, yield_now};

/// Numbers that are summed together: a fixed count needs no loop, and a turn's end is looked for once.
/// As many as there are vector registers for: the compiler loads them all before it adds.
const CHUNK: usize = 16;

/// Numbers that are little to take at a time.
const LITTLE: u64 = 4096;

/// Turns that the publisher gets for itself when little has come. A reader that follows at its heels takes the lines
/// that are being written out of its cache, since a CPU fetches ahead: batches of 16 numbers then go at less than half
/// the rate.
const TURNS_TO_GATHER: u32 = 4;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wait {
    Spin,
    Sleep,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Take {
    Single,
    Batch,
}

/// What has come so far.
#[derive(Clone, Copy, Default, Debug)]
struct Received {
    messages: u64,
    sum: u64,
}

/// The task.
///
/// # Errors
/// A grant is missing, an argument is wrong, a number is not the next, or the ring was closed too early.
#[okernel_sdk::task(wants("in: subscriber", "clock", "console"))]
pub async fn main(ctx: Context) -> Result<()> {
    let (messages, take, wait) = arguments(&ctx.args()?)?;
    let mut input = ctx.subscriber::<u64>("in")?;
    let (clock, console) = (ctx.clock("clock")?, ctx.console()?);

    let mut received = Received::default();
    let mut started_ns = None;
    while received.messages < messages {
        let before = received.messages;
        let taken = match take {
            Take::Single => received.singles(&mut input, messages),
            Take::Batch => received.batch(&mut input),
        };
        match taken {
            Ok(()) | Err(Error::Recv(RecvError::Empty)) => {}
            Err(error) => return Err(error),
        }
        let came = received.messages - before;
        if started_ns.is_none() && came > 0 {
            started_ns = Some(clock.now_ns()?);
        }
        if came == 0 && wait == Wait::Sleep {
            // A batch that is dropped stays in the ring: this waits until there is one.
            drop(input.batch().await?);
        } else if came < LITTLE && received.messages < messages {
            gather().await;
        }
    }
    let ended_ns = clock.now_ns()?;
    let Received { messages, sum } = received;
    let took_ns = ended_ns - started_ns.unwrap_or(ended_ns);
    console
        .print(format!("messages {messages} sum {sum} ns {took_ns}\n"))
        .await
}

/// Lets more come.
async fn gather() {
    for _ in 0..TURNS_TO_GATHER {
        yield_now().await;
    }
}

fn arguments(args: &[String]) -> Result<(u64, Take, Wait)> {
    let usage = || Error::message("expected how many numbers, and single, spin or sleep");
    let messages = args
        .first()
        .and_then(|text| text.parse().ok())
        .ok_or_else(usage)?;
    let (mut take, mut wait) = (Take::Batch, Wait::Sleep);
    for arg in &args[1..] {
        match arg.as_str() {
            "single" => take = Take::Single,
            "spin" => wait = Wait::Spin,
            "sleep" => wait = Wait::Sleep,
            _ => return Err(usage()),
        }
    }
    Ok((messages, take, wait))
}

impl Received {
    /// Takes everything that is there, where it lies in the ring. A batch must begin and end with the
    /// numbers that are next, and have the sum of all between; which one is wrong is looked up only then.
    fn batch(&mut self, input: &mut Subscriber<u64>) -> Result<()> {
        let batch = input.try_batch()?;
        let (count, first) = (batch.len() as u64, self.messages);
        let sum = sum(&batch);
        // What is over 64 bits is lost on both sides.
        let expected = u128::from(count) * (2 * u128::from(first) + u128::from(count) - 1) / 2;
        let ends = batch.first() == Some(&first) && batch.last() == Some(&(first + count - 1));
        if !ends || sum != expected as u64 {
            let found = batch
                .iter()
                .zip(first..)
                .find(|(number, expected)| *number != expected);
            return Err(found.map_or_else(|| out_of_order(0, first), |(n, e)| out_of_order(*n, e)));
        }
        self.messages += count;
        self.sum = self.sum.wrapping_add(sum);
        batch.release();
        Ok(())
    }

    /// Takes one number after another, up to `messages` in all.
    fn singles(&mut self, input: &mut Subscriber<u64>, messages: u64) -> Result<()> {
        while self.messages < messages {
            let number = input.try_recv()?;
            if number != self.messages {
                return Err(out_of_order(number, self.messages));
            }
            self.messages += 1;
            self.sum = self.sum.wrapping_add(number);
        }
        Ok(())
    }
}

/// The sum of all numbers; what is over 64 bits is lost.
#[inline(never)]
fn sum(numbers: &[u64]) -> u64 {
    let (chunks, rest) = numbers.as_chunks::<CHUNK>();
    let sum = chunks
        .iter()
        .fold(0, |sum: u64, chunk| sum.wrapping_add(sum_chunk(chunk)));
    rest.iter()
        .fold(sum, |sum, number| sum.wrapping_add(*number))
}

/// Two numbers at a time: the compiler finds no vector instructions for this by itself.
#[cfg(target_feature = "simd128")]
fn sum_chunk(chunk: &[u64; CHUNK]) -> u64 {
    use core::arch::wasm32::{u64x2, u64x2_add, u64x2_extract_lane};
    let mut sums = u64x2(0, 0);
    for [even, odd] in chunk.as_chunks().0 {
        sums = u64x2_add(sums, u64x2(*even, *odd));
    }
    u64x2_extract_lane::<0>(sums).wrapping_add(u64x2_extract_lane::<1>(sums))
}

#[cfg(not(target_feature = "simd128"))]
fn sum_chunk(chunk: &[u64; CHUNK]) -> u64 {
    chunk
        .iter()
        .fold(0, |sum, number| sum.wrapping_add(*number))
}

fn out_of_order(number: u64, expected: u64) -> Error {
    Error::message(format!("received {number}, and {expected} was the next"))
}

#[cfg(test)]
mod tests {
    use super::main;
    use okernel_sdk::testing::{Done, Harness};

    fn drained(numbers: &[u64], args: &[&str]) -> Done {
        let harness = Harness::new()
            .seams(11)
            .feed("in", numbers)
            .clock("clock")
            .console("console");
        harness.args(args.iter().copied()).run(main)
    }

    #[test]
    fn counts_and_sums() {
        let numbers: Vec<u64> = (0..3000).collect();
        for args in [
            &["3000"][..],
            &["3000", "spin"],
            &["3000", "single"],
            &["3000", "spin", "single"],
        ] {
            let done = drained(&numbers, args);
            assert_eq!(done.result, Ok(()));
            let line = String::from_utf8(done.console).unwrap();
            assert!(line.starts_with("messages 3000 sum 4498500 ns "), "{line}");
        }
        assert_eq!(drained(&[], &["0"]).console, b"messages 0 sum 0 ns 0\n");
    }

    #[test]
    fn what_is_wrong_is_told() {
        let failure =
            |numbers: &[u64], args: &[&str]| drained(numbers, args).result.unwrap_err().to_string();
        for take in [&["4"][..], &["4", "single"]] {
            assert_eq!(
                failure(&[0, 1, 3, 2], take),
                "received 3, and 2 was the next"
            );
            assert_eq!(failure(&[0, 1], take), "the ring is closed");
        }
        for args in [&[][..], &["x"], &["4", "twice"]] {
            assert!(failure(&[], args).starts_with("expected how many numbers"));
        }
    }
}
