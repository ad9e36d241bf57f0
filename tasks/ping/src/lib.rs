//! Measures round trips to pong over two rings.
//!
//! Sends 0, 1, 2.. and waits for each to come back before it sends the next. Prints one line: `round trips
//! N median NS p99 NS min NS`, in nanoseconds. The clock is read once for each trip, whose end is the
//! beginning of the next: a reading is part of what is measured.
//!
//! Grants: `out`, a publisher of u64; `in`, a subscriber of u64; `clock`; `console`. Arguments: the number
//! of round trips; `sleep` (the default: waits until the answer comes) or `spin` (looks again and again).

use okernel_sdk::{Context, Error, Publisher, RecvError, Result, Subscriber, yield_now};

/// How often an empty ring is looked at again before the turn ends: a look takes some nanoseconds, a turn many times
/// that.
const LOOKS: usize = 1000;

/// The most round trips: each takes four bytes until the end.
pub const TRIPS_MAX: usize = 10_000_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wait {
    Spin,
    Sleep,
}

/// The task.
///
/// # Errors
/// A grant is missing, an argument is wrong, or an answer is not what was sent.
#[okernel_sdk::task(wants("out: publisher", "in: subscriber", "clock", "console"))]
pub async fn main(ctx: Context) -> Result<()> {
    let (trips, wait) = arguments(&ctx.args()?)?;
    let (mut out, mut input) = (ctx.publisher("out")?, ctx.subscriber("in")?);
    let (clock, console) = (ctx.clock("clock")?, ctx.console()?);

    let mut trips_ns = Vec::with_capacity(trips);
    let mut before_ns = clock.now_ns()?;
    for trip in 0..trips as u64 {
        let answer = round_trip(&mut out, &mut input, trip, wait).await?;
        if answer != trip {
            return Err(Error::message(format!(
                "sent {trip}, and {answer} came back"
            )));
        }
        let now_ns = clock.now_ns()?;
        trips_ns.push(u32::try_from(now_ns.saturating_sub(before_ns)).unwrap_or(u32::MAX));
        before_ns = now_ns;
    }
    console.print(summary(&mut trips_ns)).await
}

async fn round_trip(
    out: &mut Publisher<u64>,
    input: &mut Subscriber<u64>,
    number: u64,
    wait: Wait,
) -> Result<u64> {
    out.send(number).await?;
    if wait == Wait::Sleep {
        // Waiting publishes what was sent.
        return Ok(input.recv().await?);
    }
    out.flush()?;
    loop {
        match look(input) {
            // A task that yields without waiting for anything is polled again in its core's next turn.
            Err(RecvError::Empty) => yield_now().await,
            answer => return Ok(answer?),
        }
    }
}

/// Looks until there is something, but not for ever.
fn look(input: &mut Subscriber<u64>) -> Result<u64, RecvError> {
    for _ in 1..LOOKS {
        match input.try_recv() {
            Err(RecvError::Empty) => {}
            answer => return answer,
        }
    }
    input.try_recv()
}

fn arguments(args: &[String]) -> Result<(usize, Wait)> {
    let usage = || {
        Error::message(format!(
            "expected a number of round trips up to {TRIPS_MAX}, and spin or sleep"
        ))
    };
    let trips = args
        .first()
        .and_then(|text| text.parse().ok())
        .ok_or_else(usage)?;
    let wait = match args.get(1).map(String::as_str) {
        None | Some("sleep") => Wait::Sleep,
        Some("spin") => Wait::Spin,
        Some(_) => return Err(usage()),
    };
    if trips > TRIPS_MAX {
        return Err(usage());
    }
    Ok((trips, wait))
}

/// The line that is printed. Puts the times in order.
fn summary(trips_ns: &mut [u32]) -> String {
    trips_ns.sort_unstable();
    let at = |percent: usize| {
        trips_ns
            .get(trips_ns.len() * percent / 100)
            .copied()
            .unwrap_or(0)
    };
    let (median, p99, least) = (at(50), at(99), at(0));
    format!(
        "round trips {} median {median} p99 {p99} min {least}\n",
        trips_ns.len()
    )
}

#[cfg(test)]
mod tests {
    use super::{main, summary};
    use okernel_sdk::testing::{Done, Harness};

    fn with_pong(trips: &str, mode: &str) -> Done {
        Harness::new()
            .ring("there", 4096)
            .ring("back", 64 * 1024)
            .subscriber("in", "there")
            .publisher("out", "back")
            .args([mode])
            .task(pong::main)
            .publisher("out", "there")
            .subscriber("in", "back")
            .clock("clock")
            .console("console")
            .args([trips, mode])
            .run(main)
    }

    #[test]
    fn numbers_go_there_and_back() {
        for mode in ["spin", "sleep"] {
            let done = with_pong("300", mode);
            assert_eq!(done.results, [Ok(()), Ok(())]);
            let line = String::from_utf8(done.console).unwrap();
            assert!(line.starts_with("round trips 300 median "), "{line}");
        }
    }

    #[test]
    fn a_wrong_answer_is_an_error() {
        let harness = Harness::new()
            .feed("in", &[0u64, 1, 3])
            .collect("out", 4096);
        let done = harness
            .clock("clock")
            .console("console")
            .args(["5"])
            .run(main);
        assert_eq!(
            done.result.unwrap_err().to_string(),
            "sent 2, and 3 came back"
        );
    }

    #[test]
    fn arguments_are_checked() {
        for args in [vec![], vec!["many"], vec!["5", "run"], vec!["99999999999"]] {
            let error = Harness::new()
                .args(args)
                .run(main)
                .result
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("expected a number of round trips"),
                "{error}"
            );
        }
    }

    #[test]
    fn ranks() {
        let mut times: Vec<u32> = (1..=200).rev().collect();
        assert_eq!(
            summary(&mut times),
            "round trips 200 median 101 p99 199 min 1\n"
        );
        assert_eq!(summary(&mut []), "round trips 0 median 0 p99 0 min 0\n");
    }
}
