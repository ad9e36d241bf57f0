//! `bench upgrade`: for how long a task is paused by a new version of its module, while trades come as fast as it takes
//! them.
//!
//! `ticker` publishes on core 0, `record` counts and checksums on core 1 and is upgraded again and again between two
//! versions of the same code. The pause is the kernel's own figure: from the old instance's `save` to the new one's
//! first turn. The checksum must be that of a run in which nothing was upgraded.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::child::Kernel;
use super::machine::ModuleFile;
use super::report::Report;
use super::samples::Samples;
use crate::boot::embedded_module;

/// The task that is upgraded.
const MODULE: &str = "record";
/// Trades: some seconds of them.
const TRADES: u64 = 200_000_000;
/// Those of a quick bench: enough for an upgrade or two.
const TRADES_QUICK: u64 = 40_000_000;
/// Upgrades while they pass, or there is nothing to be said of them.
const UPGRADES_MIN: u64 = 100;
/// How long an upgrade may take, from the order on.
const PATIENCE: Duration = Duration::from_secs(20);
/// A custom section that makes other bytes, and so another version, of the same module.
const MARK: &[u8] = b"\x00\x05\x04mark";

/// Runs the bench.
///
/// # Errors
/// The kernel does not boot, an upgrade was refused, or the checksums differ.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let trades = report.effort().of(TRADES, TRADES_QUICK);
    let plain = feed(&[], trades)?;
    let module = embedded_module(MODULE).context("bench: the module is missing")?;
    let one = ModuleFile::of(MODULE, module)?;
    let other = ModuleFile::of(MODULE, &[module, MARK].concat())?;
    let upgraded = feed(&[other, one], trades)?;
    ensure!(
        plain.checksum == upgraded.checksum,
        "bench: checksum {} with upgrades, {} without",
        upgraded.checksum,
        plain.checksum
    );
    let upgrades = upgraded.upgrades;
    ensure!(
        upgrades as u64 >= report.effort().count(UPGRADES_MIN),
        "bench: only {upgrades} upgrades while {trades} trades passed"
    );
    report.samples("pause of the task", "us", upgraded.pauses_us);
    report.samples("order to upgraded", "us", upgraded.orders_us);
    report.row("trades, no upgrade", "M/s", vec![plain.rate / 1e6]);
    report.row_against(
        "trades, upgraded all the time",
        "M/s",
        vec![upgraded.rate / 1e6],
        ("no upgrade", &[plain.rate / 1e6]),
    );
    report.note(format!(
        "{upgrades} upgrades; all of {trades} trades counted once and in order, by checksum"
    ));
    Ok(())
}

/// What a run came to.
struct Fed {
    checksum: String,
    rate: f64,
    upgrades: usize,
    pauses_us: Samples,
    orders_us: Samples,
}

/// Lets all trades pass, and upgrades the task that counts them all the while, to these versions in turn.
fn feed(versions: &[ModuleFile], trades: u64) -> anyhow::Result<Fed> {
    let mut kernel = Kernel::boot(&["--cores", "2"])?;
    kernel.tell(&format!(
        "feed:pub[0;1048576];tape:sub[1;feed];\
         spawn[1;`{MODULE};[in:tape;clock:`clock;console:`console]];\
         spawn[0;`ticker;[out:feed;args:(\"1\";\"{trades}\")]];"
    ))?;
    let (mut pauses_us, mut orders_us) = (Samples::new(), Samples::new());
    let (mut line, mut upgrades) = (None, 0);
    'trades: for version in versions.iter().cycle() {
        let begun = Instant::now();
        let said = kernel.tell(&format!("load[`{MODULE};\"{}\"];", version.shown()))?;
        line = recorded(&said);
        loop {
            let said = kernel.tell("(+/v`upgraded),|/(v`current)*(v:versions[])`\"pause_us\"")?;
            line = line.or_else(|| recorded(&said));
            if line.is_some() {
                break 'trades;
            }
            let words = said.iter().flat_map(|line| line.split_whitespace());
            let numbers: Vec<f64> = words.filter_map(|word| word.parse().ok()).collect();
            let [done, pause_us] = numbers[..] else {
                bail!("bench: versions answered {said:?}");
            };
            if done as usize > upgrades {
                upgrades += 1;
                pauses_us.add(pause_us);
                orders_us.add(begun.elapsed().as_secs_f64() * 1e6);
                break;
            }
            ensure!(begun.elapsed() < PATIENCE, "bench: an upgrade was refused");
            thread::yield_now();
        }
    }
    let line = match line {
        Some(line) => line,
        None => kernel.wait_for(MODULE)?,
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    let [
        _,
        "trades",
        arrived,
        "checksum",
        checksum,
        "missed",
        "0",
        "bytes,",
        rate,
        "trades/s",
    ] = words[..]
    else {
        bail!("bench: {MODULE} printed {line:?}");
    };
    ensure!(
        arrived == trades.to_string(),
        "bench: {arrived} of {trades} trades arrived"
    );
    let rate = rate.parse();
    Ok(Fed {
        checksum: checksum.to_string(),
        rate: rate.with_context(|| format!("bench: {MODULE} printed {line:?}"))?,
        upgrades,
        pauses_us,
        orders_us,
    })
}

/// What the task prints at its end, if it is among these lines.
fn recorded(said: &[String]) -> Option<String> {
    said.iter().find(|line| line.starts_with(MODULE)).cloned()
}
