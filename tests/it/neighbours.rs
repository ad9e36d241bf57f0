//! What a hostile guest costs the honest tasks on its core: a publisher and its reader go on at their rate.
//!
//! Two figures are compared, of rounds with the guest and rounds without, which take turns:
//! * messages per second of CPU time that the kernel gave to the neighbours. The machine may be busy with other things,
//!   so of that time counts what the operating system gave to the core.
//! * their part of the time of all tasks: whoever always has something to do has at least the share that the weights
//!   entitle it to.
//!
//! The medians are those of a few rounds in a row; where they differ too much the rounds are repeated, up to a bound. A
//! busy machine disturbs some of them, and a guest that harms its neighbours disturbs them all.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::hostile::{Hostile, Live, guests};
use crate::support::okernel;

/// How much of their rate the neighbours keep at least.
const RATE_MIN: f64 = 0.9;

/// The neighbours' part of what tasks get of the core at least: one of the two can always go on, and has the guest's
/// weight. A turn that lies on the border of a round counts in one of them.
const SHARE_MIN: f64 = 0.5 - 0.08;

const ROUND: Duration = Duration::from_millis(40);

/// Of a guest with a hard share: some of the periods in which it may use that, at once or not.
const ROUND_OF_SHARES: Duration = Duration::from_millis(300);

/// How often it is looked whether the guest has ended: then it is spawned again.
const LOOK: Duration = Duration::from_millis(8);

/// Rounds of each kind whose medians are compared.
const ROUNDS: usize = 3;

/// How often they are repeated.
const TRIES_MAX: usize = 15;

/// What has been counted so far.
#[derive(Clone, Copy)]
struct Counted {
    /// What the neighbours have sent.
    bytes: f64,
    /// What the kernel gave to the neighbours.
    neighbours_ms: f64,
    /// What it gave to all tasks of their core.
    tasks_ms: f64,
    /// What the core did, tasks or other work.
    busy_ms: f64,
    /// What the operating system gave to the core.
    core_ns: f64,
}

/// What came of a round.
struct Round {
    /// Bytes that the neighbours sent for each nanosecond of CPU time.
    rate: f64,
    /// Their part of what tasks got.
    share: f64,
}

/// A kernel with two neighbours on core 1.
struct Street(Live);

impl Street {
    fn open(guests: &[Hostile]) -> Street {
        let mut command = okernel();
        command.args(["boot", "--cores", "2"]);
        for guest in guests {
            let load = format!("{}={}", loaded_as(guest), guest.module.display());
            command.args(["--load", &load]);
        }
        let mut live = Live::start(&mut command);
        live.tell("out:pub[1;65536]; in:sub[1;out]; many:\"1000000000000\";");
        live.tell("p:spawn[1;`pump;[out:out;args:(\"64\";many)]];");
        live.tell("d:spawn[1;`drain;[in:in;clock:`clock;console:`console;args:many]];");
        live.tell(
            "counted:{t:ps[];r:rings[];c:cores[];ms:{+/(x`\"cpu_ms\")@&(y=x`task)|z=x`task};
             u:(c`\"tasks_ms\")@1;
             print[\" \"/$'((r`position)@*&out=r`id;ms[t;p;d];u;u+((c`\"bus_ms\")@1)+(c`\"io_ms\")@1)];};",
        );
        live.tell("state:{print[$*(t`state)@&e=(t:ps[])`task];};");
        Street(live)
    }

    fn counted(&mut self) -> Counted {
        self.0.tell("counted[];");
        let line = self.0.line();
        let figures: Vec<f64> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        let [bytes, neighbours_ms, tasks_ms, busy_ms] = figures[..] else {
            panic!("four figures: {line}");
        };
        Counted {
            bytes,
            neighbours_ms,
            tasks_ms,
            busy_ms,
            core_ns: self.core_ns(),
        }
    }

    /// The CPU time of the threads of core 1.
    fn core_ns(&self) -> f64 {
        let threads = fs::read_dir(self.0.proc().join("task")).unwrap();
        let used = threads.filter_map(|thread| {
            let path = thread.ok()?.path();
            let name = fs::read_to_string(path.join("comm")).ok()?;
            let used = fs::read_to_string(path.join("schedstat")).ok()?;
            let used = used.split(' ').next()?.parse::<f64>().ok()?;
            name.starts_with("okernel-1.").then_some(used)
        });
        used.sum()
    }

    /// A round beside a guest, which is ended then, or without one.
    fn round(&mut self, guest: Option<&Hostile>) -> Round {
        let before = self.counted();
        let began = Instant::now();
        match guest {
            Some(guest) => {
                self.spawn(guest);
                let round = match guest.grants.contains("cpu:") {
                    true => ROUND_OF_SHARES,
                    false => ROUND,
                };
                while began.elapsed() < round {
                    thread::sleep(LOOK);
                    self.0.tell("state[];");
                    if self.0.line() == "ended" {
                        self.spawn(guest);
                    }
                }
            }
            None => thread::sleep(ROUND),
        }
        let after = self.counted();
        if guest.is_some() {
            self.0.tell("@[{kill x};e;{0}];");
        }
        let since = |figure: fn(&Counted) -> f64| figure(&after) - figure(&before);
        let neighbours_ms = since(|counted| counted.neighbours_ms);
        // The kernel goes by a clock, which goes on while the operating system lets others run.
        let run_ns = since(|counted| counted.core_ns) / since(|counted| counted.busy_ms);
        Round {
            rate: since(|counted| counted.bytes) / (neighbours_ms * run_ns),
            share: neighbours_ms / since(|counted| counted.tasks_ms),
        }
    }

    fn spawn(&mut self, guest: &Hostile) {
        let grants = match guest.grants.as_str() {
            "" => "[]",
            grants => grants,
        };
        let (before, name) = (&guest.before, loaded_as(guest));
        self.0
            .tell(&format!("{before} e:spawn[1;`{name};{grants}];"));
    }

    /// Answers what a guest does to the neighbours, however often it is tried, that it must not.
    fn harmed_by(&mut self, guest: &Hostile) -> Option<String> {
        let name = guest.name.as_str();
        let mut tries = Vec::new();
        for _ in 0..TRIES_MAX {
            let (mut alone, mut beside, mut shares) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                alone.push(self.round(None).rate);
                let Round { rate, share } = self.round(Some(guest));
                beside.push(rate);
                shares.push(share);
            }
            let (kept, share) = (median(&beside) / median(&alone), median(&shares));
            if kept >= RATE_MIN && share >= SHARE_MIN {
                return None;
            }
            tries.push(format!("{kept:.2} of the rate, {share:.2} of the core"));
        }
        Some(format!("{name}: {}", tries.join("; ")))
    }
}

/// The name under which a guest is loaded: one spawns itself by it.
fn loaded_as(guest: &Hostile) -> String {
    match guest.name.as_str() {
        "floods_spawn" => "evil".to_string(),
        name => name.replace('_', "."),
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

#[test]
fn neighbours_of_hostile_guests_keep_their_rate_and_their_share() {
    let guests = guests("neighbours");
    let mut street = Street::open(&guests);
    let harmed: Vec<String> = guests
        .iter()
        .filter_map(|guest| street.harmed_by(guest))
        .collect();
    street.0.end();
    assert!(harmed.is_empty(), "{}", harmed.join("\n"));
}
