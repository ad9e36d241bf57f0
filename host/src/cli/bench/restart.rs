//! Rows of `bench spawn`: tasks that trap, and are started again by their supervisor without a pause.
//!
//! A trap is a signal. Where `unreachable` is an instruction that the CPU does not know, a virtual machine may look at it
//! first, which takes it several times as long as a fault of an address: so there is a row for each.
//!
//! A life is the instance, `init`, the first `poll`, in which it traps, its end, the supervisor's turn, and the start of
//! the next life. What a failure writes to the log is left out.
//!
//! One supervisor bears a million restarts in its shortest period, a millisecond, so it never gives up here.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use okernel_abi::value::Value;
use okernel_core::Config;

use super::machine::{ModuleFile, Running, column, names};
use super::report::Report;
use super::ring::ROUNDS;
use super::row::Aim;
use crate::boot::{self, Class};

/// How long restarts are counted.
const SPAN: Duration = Duration::from_millis(300);
/// How long they run before.
const WARM_UP: Duration = Duration::from_millis(100);
/// Children of one supervisor in the run that is about the rate.
const CHILDREN: usize = 64;
const NAME: &str = "traps";

/// A module up to its code: the entry points, in order, and a page of memory.
const HEAD: &[u8] = b"\0asm\x01\0\0\0\
    \x00\x10\x0bokernel.abi\x01\0\0\0\
    \x01\x0e\x03\x60\0\x01\x7f\x60\x01\x7f\x01\x7f\x60\x01\x7f\0\
    \x03\x05\x04\0\x01\0\x02\
    \x05\x03\x01\0\x01\
    \x07\x2a\x05\x04init\0\0\x04exec\0\x01\x04poll\0\x02\x08finalize\0\x03\x06memory\x02\0";

/// The body of a `poll` that traps by an `unreachable` instruction.
const UNREACHABLE: &[u8] = b"\0\0\x0b";
/// The same by a load from an address that is not its memory's.
const ASTRAY: &[u8] = b"\0\x41\x7f\x28\x02\0\x0b";

/// A task that begins well, and whose first `poll` has this body.
fn module(poll: &[u8]) -> Vec<u8> {
    const ZERO: &[u8] = b"\0\x41\0\x0b";
    const NOTHING: &[u8] = b"\0\x0b";
    let bodies = [ZERO, ZERO, poll, NOTHING];
    let mut code = vec![bodies.len() as u8];
    for body in bodies {
        code.push(body.len() as u8);
        code.extend(body);
    }
    let section = [0x0a, code.len() as u8];
    [HEAD, &section, &code].concat()
}

/// Adds the rows.
///
/// # Errors
/// The kernel does not boot, or a supervisor gave up.
pub fn rows(report: &mut Report) -> anyhow::Result<()> {
    let (mut rates, mut astray, mut lives_us) = (Vec::new(), Vec::new(), Vec::new());
    let (traps, strays) = (module(UNREACHABLE), module(ASTRAY));
    for _ in 0..report.effort().rounds(ROUNDS) {
        rates.push(per_second(&traps, CHILDREN)? / 1e3);
        astray.push(per_second(&strays, CHILDREN)? / 1e3);
        lives_us.push(1e6 / per_second(&traps, 1)?);
    }
    report
        .row("restarts of trapped tasks", "k/s", rates)
        .aim(Aim::AtLeast(150.0));
    report
        .row("the same, of a bad address", "k/s", astray)
        .aim(Aim::AtLeast(150.0));
    report.row("one task: trap to trap", "us", lives_us);
    Ok(())
}

/// Restarts per second of so many children of a module, each of which traps at once.
fn per_second(module: &[u8], children: usize) -> anyhow::Result<f64> {
    let file = ModuleFile::of(NAME, module)?;
    let kernel = boot::bare(1, Config::default(), &[file.load(NAME, Class::Ordinary)])?;
    let kernel = Running::start_quiet(kernel);
    kernel.request(vec![
        Value::Symbol("supervise".to_string()),
        Value::Symbol("one".to_string()),
        dictionary(vec![
            ("intensity".to_string(), Value::Int(1_000_000)),
            ("period".to_string(), Value::Int(1)),
            ("backoff".to_string(), Value::Int(0)),
        ]),
        dictionary((0..children).map(child).collect()),
    ])?;
    thread::sleep(WARM_UP);
    let (before, begun) = (restarts(&kernel)?, Instant::now());
    thread::sleep(SPAN);
    let (after, took) = (restarts(&kernel)?, begun.elapsed());
    ensure!(after > before, "bench: the supervisor has given up");
    Ok((after - before) / took.as_secs_f64())
}

fn child(number: usize) -> (String, Value) {
    let run = ("run".to_string(), Value::Symbol(NAME.to_string()));
    (format!("c{number}"), dictionary(vec![run]))
}

fn dictionary(entries: Vec<(String, Value)>) -> Value {
    let (keys, values) = entries.into_iter().unzip();
    Value::Dict(Box::new((Value::Symbols(keys), Value::List(values))))
}

/// How often the children were started again, all together. The list has some that ended besides: the latest life of each
/// child counts.
fn restarts(kernel: &Running) -> anyhow::Result<f64> {
    let table = kernel.request(vec![Value::Symbol("ps".to_string())])?;
    let mut latest = HashMap::new();
    for (name, restarts) in names(&table, "name")?
        .iter()
        .zip(column(&table, "restarts")?)
    {
        let most = latest.entry(name).or_insert(0.0f64);
        *most = most.max(restarts);
    }
    Ok(latest.into_values().sum())
}

#[cfg(test)]
mod tests {
    use super::{ASTRAY, UNREACHABLE, module, per_second};

    #[test]
    fn the_modules_are_what_they_say() {
        let text = r#"(module
            (@custom "okernel.abi" (before first) "\01\00\00\00")
            (type (func (result i32)))
            (type (func (param i32) (result i32)))
            (type (func (param i32)))
            (func (export "init") (result i32) (i32.const 0))
            (func (export "exec") (param i32) (result i32) (i32.const 0))
            (func (export "poll") (result i32) unreachable)
            (func (export "finalize") (param i32))
            (memory (export "memory") 1))"#;
        assert_eq!(wat::parse_str(text).unwrap(), module(UNREACHABLE));
        let astray = text.replace("unreachable", "(i32.load (i32.const -1))");
        assert_eq!(wat::parse_str(astray).unwrap(), module(ASTRAY));
    }

    #[test]
    fn trapped_children_are_started_again() {
        for poll in [UNREACHABLE, ASTRAY] {
            assert!(per_second(&module(poll), 2).unwrap() > 0.0);
        }
    }
}
