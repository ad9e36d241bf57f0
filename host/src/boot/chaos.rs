//! Chaos: a market whose tasks are upgraded, moved, slowed down, and surrounded by tasks that are killed or lose
//! their grants, and whose results are those of a market that is left alone.
//!
//! Every figure is computed twice from the same ring: by tasks that nothing happens to, and by tasks that
//! everything happens to. What they print must be the same. It lasts as many seconds as the environment variable
//! `OKERNEL_CHAOS_SECONDS` says (12), and does what `OKERNEL_CHAOS_SEED` (1) makes of chance.

use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use okernel_abi::value::Value;
use okernel_core::chance::Chance;
use okernel_core::{
    Config, Control, CoreId, EndpointId, Grant, Kernel, Pinning, Program, Spawn, TaskId,
};
use okernel_ring::Policy;

use super::Class;
use super::modules::{embedded, embedded_module};
use crate::wasm::cache::CacheChoice;
use crate::wasm::compile::Compiler;
use crate::wasm::engine::Engines;
use crate::wasm::registry::Foreign;
use crate::wasm::ticker::Ticker;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

const CORES: u64 = 3;

/// Trades in a second.
const RATE: u64 = 100_000;

/// Tasks beside the market's that live at a time.
const BYSTANDERS_MAX: usize = 6;

/// Readers of the feed that belong to nobody at a time.
const ASIDE_MAX: usize = 8;

fn chosen<T: FromStr>(variable: &str, default: T) -> T {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number")),
        Err(_) => default,
    }
}

/// What is printed.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn symbol(name: &str) -> Value {
    Value::Symbol(name.to_string())
}

/// A market that runs until its trades are out.
struct Market {
    control: Control,
    paper: Paper,
    feed: EndpointId,
    /// Those that nothing happens to; their modules have names of their own.
    calm: Vec<TaskId>,
    /// Those that everything happens to.
    stirred: Vec<TaskId>,
    kernel: Option<JoinHandle<()>>,
}

impl Market {
    fn open(seconds: u64) -> Market {
        let engines = Engines::new(64).unwrap();
        let foreign = Foreign::of_anybody(Compiler::Here);
        let registry = embedded(&engines, &CacheChoice::from_environment(), foreign).unwrap();
        let tick = Duration::from_millis(1);
        let ticker = Ticker::start(&engines, tick).unwrap();
        let config = Config {
            pinning: Pinning::Free,
            ..Config::default()
        };
        for (calm, name) in [("calm_vwap", "vwap"), ("calm_record", "record")] {
            registry
                .load_bytes(calm, embedded_module(name).unwrap(), Class::Ordinary)
                .unwrap();
        }
        let modules = Arc::new(registry);
        let mut kernel = Kernel::simple(CORES as usize, config, modules, Arc::new(ticker)).unwrap();
        let paper = Paper::default();
        kernel
            .console(Box::new(paper.clone()), Box::new(paper.clone()))
            .unwrap();
        let feed = kernel.publish(CoreId(0), 65536).unwrap();
        let (mut calm, mut stirred) = (Vec::new(), Vec::new());
        let readers = ["calm_vwap", "calm_record", "vwap", "record"];
        for (number, name) in readers.into_iter().enumerate() {
            let core = CoreId(number as u16 % CORES as u16);
            let end = kernel.subscribe(core, feed, Policy::Block).unwrap();
            let spawn = program(name)
                .grant("in", Grant::Endpoint(end))
                .grant("clock", Grant::Clock)
                .grant("console", Grant::Console);
            match number {
                0 | 1 => calm.push(kernel.spawn(core, spawn.pinned()).unwrap()),
                _ => stirred.push(kernel.spawn(core, spawn).unwrap()),
            }
        }
        let args = [
            "7".to_string(),
            (RATE * seconds).to_string(),
            RATE.to_string(),
        ];
        let source = program("ticker")
            .grant("out", Grant::Endpoint(feed))
            .grant("timer", Grant::Timers)
            .args(args.to_vec());
        stirred.push(kernel.spawn(CoreId(0), source).unwrap());
        let control = kernel.control();
        let thread = std::thread::spawn(move || {
            let _status = kernel.run().unwrap();
        });
        Market {
            control,
            paper,
            feed,
            calm,
            stirred,
            kernel: Some(thread),
        }
    }

    fn request(&self, items: Vec<Value>) -> Value {
        let (tell, told) = channel();
        self.control.request(Value::List(items), move |answer| {
            let _ = tell.send(answer);
        });
        told.recv_timeout(PATIENCE).expect("the kernel answers")
    }

    fn spawn(&self, core: u64, spawn: Spawn) -> Option<TaskId> {
        let (tell, told) = channel();
        self.control
            .spawn(CoreId(core as u16), spawn, move |answer| {
                let _ = tell.send(answer);
            });
        let answer = told.recv_timeout(PATIENCE).expect("the kernel answers");
        answer.as_int().and_then(TaskId::from_number)
    }

    /// What `ps` says of a task in this column, as text.
    fn ps(&self, task: TaskId, name: &str) -> String {
        let Value::Table(table) = self.request(vec![symbol("ps")]) else {
            panic!("ps answers a table");
        };
        let (Value::Symbols(names), Value::List(columns)) = *table else {
            panic!("a table has columns");
        };
        let column = |name: &str| &columns[names.iter().position(|n| n == name).unwrap()];
        let Value::Ints(numbers) = column("task") else {
            panic!("tasks have numbers");
        };
        let row = numbers.iter().position(|n| *n == task.number()).unwrap();
        match column(name) {
            Value::Ints(items) => items[row].to_string(),
            Value::Symbols(items) => items[row].clone(),
            Value::List(items) => items[row].as_text().unwrap(),
            other => panic!("{name}: {other:?}"),
        }
    }

    fn has_ended(&self, task: TaskId) -> bool {
        self.ps(task, "state") == "ended"
    }

    /// The lines that tasks have printed, by what they begin with.
    fn lines(&self, word: &str) -> Vec<String> {
        let text = String::from_utf8(self.paper.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().filter(|line| line.starts_with(word));
        lines.map(str::to_string).collect()
    }
}

impl Drop for Market {
    fn drop(&mut self) {
        self.control.halt(0);
        if let Some(kernel) = self.kernel.take()
            && kernel.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the kernel panicked");
        }
    }
}

fn program(name: &str) -> Spawn {
    Spawn::program(name, Program::Module(name.to_string()))
}

/// A module that is another one's code in another file: it has one more section, with this in it.
fn marked(wasm: &[u8], mark: u8) -> Vec<u8> {
    let section = [0, 6, 4, b'm', b'a', b'r', b'k', mark];
    [wasm, &section].concat()
}

/// A task that fails to take over.
fn failing(mark: u8) -> Vec<u8> {
    let text = format!(
        r#"(module (@custom "okernel.abi" "\01\00\00\00") (@custom "mark" "{mark}")
            (memory (export "memory") 1)
            (func (export "init") (result i32) (i32.const 0))
            (func (export "exec") (param i32) (result i32) (i32.const 0))
            (func (export "poll") (result i32) (i32.const 1))
            (func (export "finalize") (param i32))
            (func (export "save") (result i32) (i32.const 1))
            (func (export "restore") (param i32 i32) (result i32) (unreachable)))"#
    );
    wat::parse_str(text).unwrap()
}

/// The files that modules are loaded from: name of the module, path.
fn files(folder: &std::path::Path) -> Vec<(&'static str, PathBuf)> {
    let mut files = Vec::new();
    for name in ["vwap", "record", "ticker"] {
        for mark in 0..4 {
            let bytes = match mark {
                3 => failing(mark),
                mark => marked(embedded_module(name).unwrap(), mark),
            };
            let path = folder.join(format!("{name}{mark}.wasm"));
            std::fs::write(&path, bytes).unwrap();
            files.push((name, path));
        }
    }
    files
}

/// A task beside the market's.
#[derive(Clone, Copy)]
struct Bystander {
    task: TaskId,
    /// Where it reads the feed, which waits for it.
    reader: Option<EndpointId>,
}

/// What chance does to a market, and to tasks beside it.
struct Chaos<'m> {
    market: &'m Market,
    numbers: Chance,
    files: Vec<(&'static str, PathBuf)>,
    bystanders: Vec<Bystander>,
    /// Readers that were taken from their tasks. They stay where they are: if the feed waited for one, it would be stuck.
    aside: Vec<EndpointId>,
    /// How many readers were taken from their tasks.
    revoked: u64,
    /// How many of those were granted to another task.
    granted_again: u64,
}

impl Chaos<'_> {
    fn act(&mut self) {
        match self.numbers.below(14) {
            0 | 1 => self.load(),
            2 => self.roll_back(),
            3..=5 => self.move_somebody(),
            6 => self.change_shares(),
            7 => self.spawn(),
            8 | 9 => self.subscribe(),
            10 => self.revoke(),
            11 => self.grant_again(),
            12 => self.revoke_what_is_not_needed(),
            _ => self.kill(),
        }
    }

    fn somebody(&mut self) -> TaskId {
        let mut all = self.market.stirred.clone();
        all.extend(self.bystanders.iter().map(|bystander| bystander.task));
        all[self.numbers.below(all.len() as u64) as usize]
    }

    fn load(&mut self) {
        let which = self.numbers.below(self.files.len() as u64) as usize;
        let (name, path) = &self.files[which];
        let path = Value::text(path.to_str().unwrap());
        let load = vec![symbol("load"), symbol(name), path];
        assert_eq!(self.market.request(load), symbol(name));
    }

    fn roll_back(&mut self) {
        let name = ["vwap", "record"][self.numbers.below(2) as usize];
        let _ = self.market.request(vec![symbol("rollback"), symbol(name)]);
    }

    fn move_somebody(&mut self) {
        let task = self.somebody();
        let core = Value::Int(self.numbers.below(CORES) as i64);
        let request = vec![symbol("move"), Value::Int(task.number()), core];
        // Who computes for ever moves never: nobody waits for that.
        let waits = self.market.stirred.contains(&task) && self.numbers.below(2) == 0;
        if waits {
            // It may have ended meanwhile.
            let _ = self.market.request(request);
        } else {
            let request = Value::List(request);
            self.market.control.request(request, drop);
        }
    }

    fn change_shares(&mut self) {
        let request = match self.numbers.below(2) {
            0 => {
                let weight = Value::Int(1 + self.numbers.below(1000) as i64);
                let task = Value::Int(self.somebody().number());
                vec![symbol("qos"), symbol("task"), task, weight]
            }
            _ => {
                let core = Value::Int(self.numbers.below(CORES) as i64);
                let quanta = [200, 200, 2000].map(|us| 1 + self.numbers.below(us) as i64);
                vec![symbol("qos"), core, Value::Ints(quanta.to_vec())]
            }
        };
        let _ = self.market.request(request);
    }

    fn spawn(&mut self) {
        if self.bystanders.len() < BYSTANDERS_MAX {
            let core = self.numbers.below(CORES);
            let task = self.market.spawn(core, program("burn"));
            let bystander = |task| Bystander { task, reader: None };
            self.bystanders.extend(task.map(bystander));
        }
    }

    /// One more reader of the feed, which the market waits for until it is killed or loses the feed.
    fn subscribe(&mut self) {
        if self.bystanders.len() >= BYSTANDERS_MAX {
            return;
        }
        let core = self.numbers.below(CORES);
        let request = vec![
            symbol("sub"),
            Value::Int(core as i64),
            Value::Int(self.market.feed.number()),
        ];
        let answer = self.market.request(request);
        let Some(end) = answer.as_int().and_then(EndpointId::from_number) else {
            // The market has closed.
            return;
        };
        self.read(core, end);
    }

    /// Spawns a task that reads the feed there and says nothing of it.
    fn read(&mut self, core: u64, end: EndpointId) {
        let spawn = program("calm_vwap").grant("in", Grant::Endpoint(end));
        let bystander = |task| Bystander {
            task,
            reader: Some(end),
        };
        let task = self.market.spawn(core, spawn);
        self.bystanders.extend(task.map(bystander));
    }

    /// Takes the feed from a task that reads it, which ends by that.
    fn revoke(&mut self) {
        let readers = self.bystanders.iter().enumerate();
        let readers = readers.filter_map(|(index, bystander)| Some((index, bystander.reader?)));
        let readers: Vec<(usize, EndpointId)> = readers.collect();
        if readers.is_empty() || self.aside.len() == ASIDE_MAX {
            return;
        }
        let (index, end) = readers[self.numbers.below(readers.len() as u64) as usize];
        let task = Value::Int(self.bystanders.swap_remove(index).task.number());
        let answer = self
            .market
            .request(vec![symbol("revoke"), task, symbol("in")]);
        // It has none when it has ended by itself.
        if answer == Value::Nil {
            self.revoked += 1;
            self.aside.push(end);
        }
    }

    /// Grants to another task what was taken from one, where it lies.
    fn grant_again(&mut self) {
        if self.bystanders.len() < BYSTANDERS_MAX
            && let Some(end) = self.aside.pop()
        {
            let core = self.numbers.below(CORES);
            self.granted_again += 1;
            self.read(core, end);
        }
    }

    /// One of the market's own tasks loses what it does without.
    fn revoke_what_is_not_needed(&mut self) {
        let task = Value::Int(self.market.stirred[0].number());
        let request = vec![symbol("revoke"), task, symbol("clock")];
        // Once only: then it has none, and after an upgrade too.
        let _ = self.market.request(request);
    }

    fn kill(&mut self) {
        if !self.bystanders.is_empty() {
            let which = self.numbers.below(self.bystanders.len() as u64) as usize;
            let task = Value::Int(self.bystanders.swap_remove(which).task.number());
            // It may have ended by itself.
            let _ = self.market.request(vec![symbol("kill"), task]);
        }
    }
}

#[test]
fn a_market_in_chaos_computes_what_one_computes_that_is_left_alone() {
    let seconds = chosen("OKERNEL_CHAOS_SECONDS", 12);
    let seed = chosen("OKERNEL_CHAOS_SEED", 1);
    let folder = tempfile::tempdir().unwrap();
    let market = Market::open(seconds);
    let mut chaos = Chaos {
        market: &market,
        numbers: Chance::new(seed),
        files: files(folder.path()),
        bystanders: Vec::new(),
        aside: Vec::new(),
        revoked: 0,
        granted_again: 0,
    };
    let source = market.stirred[2];
    let began = Instant::now();
    let patience = Duration::from_secs(seconds * 10) + PATIENCE;
    while !market.has_ended(source) {
        chaos.act();
        std::thread::sleep(Duration::from_micros(chaos.numbers.below(4000)));
        assert!(
            began.elapsed() < patience,
            "seed {seed}: the market is stuck"
        );
    }
    while !chaos.bystanders.is_empty() {
        chaos.kill();
    }
    for task in [market.calm.as_slice(), &market.stirred].concat() {
        let until = Instant::now() + PATIENCE;
        while !market.has_ended(task) {
            assert!(Instant::now() < until, "seed {seed}: task {task} is stuck");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(market.ps(task, "exit"), "done", "seed {seed}: task {task}");
    }
    let figures = |name: &str| {
        let tasks = market.stirred.iter();
        let figures = tasks.map(|task| market.ps(*task, name).parse::<u64>().unwrap());
        figures.collect::<Vec<u64>>()
    };
    let (upgrades, moves) = (figures("upgrades"), figures("moves"));
    assert!(
        upgrades[..2].iter().all(|count| *count > 2) && moves.iter().all(|count| *count > 2),
        "upgrades {upgrades:?}, moves {moves:?}"
    );
    let (revoked, granted_again) = (chaos.revoked, chaos.granted_again);
    assert!(
        revoked > 2 && granted_again > 2,
        "revoked {revoked}, granted again {granted_again}"
    );
    // Each line is there twice: from who was left alone, and from who was not.
    let mut averages = market.lines("vwap ");
    averages.sort();
    assert!(averages.len() >= 4, "{averages:?}");
    for pair in averages.chunks(2) {
        assert!(
            pair.len() == 2 && pair[0] == pair[1],
            "seed {seed}: {averages:?}"
        );
    }
    let records = market.lines("record ");
    let sums: Vec<_> = records
        .iter()
        .map(|line| line.split(" bytes").next())
        .collect();
    let trades = format!("record trades {} checksum ", RATE * seconds);
    assert!(
        sums.len() == 2 && sums[0] == sums[1] && records[0].starts_with(&trades),
        "seed {seed}: {records:?}"
    );
}
