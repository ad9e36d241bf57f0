//! States: programs are stopped at random steps, written down, and go on in another machine with
//! equal results; bytes that no machine wrote are refused.

use crate::support::{Host, facts};
use okernel_shell::effect::Effect;
use okernel_shell::error::Error;
use okernel_shell::format::form;
use okernel_shell::machine::{Config, Machine, Step};
use okernel_shell::random::Rng;
use okernel_shell::state::{STATE_VERSION, StateError};
use okernel_shell::value::Value;

/// Programs that hold every kind of frame, value and binding while they run.
const PROGRAMS: &[&str] = &[
    // Deep recursion, tail calls, closures that share cells, locals that call themselves.
    "f:{$[x=0;0;1+f[x-1]]};f 200",
    "{$[x<500;o x+1;x]}0",
    "g:{[n]c:0;up:{c+:x;c};down:{c-:x;c};up 3;down 1;(up n;down 2;c)};g'1 2 3",
    "h:{[n]even:{$[x=0;1;odd x-1]};odd:{$[x=0;0;even x-1]};even n};h'!20",
    "add:{[x]{[y]x+y}};(add 3)'!10",
    "k:{[a]b:a;{[c]b,:c;b}};m:k 1;m 2;m 3;m 4",
    // Adverbs whose functions are called: each, windows, folds, scans, prior, fixpoints, while.
    "{x*x+1}'!50",
    "{x,y}/:[1 2;3 4 5]",
    "(1 2 3){x,y}\\:4 5",
    "3{+/x}':!20",
    "{x+y*2}/!40",
    "{x+y*2}\\!40",
    "5{x-y}/!10",
    "{x-y}':3 1 4 1 5 9 2 6",
    "{_x%2}/1000",
    "{_x%2}\\1000",
    "20{x,#x}/()",
    "{x<100}{x+7}\\0",
    "{x>2}#!9",
    "{x>2}_[a:1;b:5;c:2]",
    "{x+1}'[a:1;b:2;c:3]",
    "{x*2}/[a:1;b:2]",
    "f:{x+y+z};f/[0;1 2 3;4 5 6]",
    // Trains, projections, derived verbs, verbs as values.
    "t:(#|);t'(1 2;3 4 5)",
    "(2*{x+1}|)(1 2 3)",
    "p:{x-y*z}[;2];p[10]'!5",
    "s:+/;a:(s;#;{x};`a;\"b\";2.5;p:-[;1]);(a 0)1 2 3",
    "({x+1};{x*2})@\\:5",
    // Amend with functions, splice with a function, traps, evaluated text.
    "@[!10;2 3 5;{x*x}]",
    "@[!6;1 1 2;{x+y};10 20 30]",
    ".[(1 2;3 4);(0;1);{x*100}]",
    "q:!5;@[`q;1 3;{x+100}];q",
    "?[1 2 3 4 5;(1;3);{|x}]",
    ".[{x+`a};,1;{`got,`$x}]",
    ".[{1+.[{x+y};(x;`b);:]};,2;{(`outer;x)}]",
    "{y:x+1;.\"{y+x}'!4\"}5",
    // Views, and names that depend on each other.
    "a:1;v::a+10;w::v*{x+1}2;b:w;a:5;(b;w;v)",
    "n:3;big::{x*x}'!n;#big;n:20;+/big",
    // Sharing: one value many times.
    "x:!100;y:20#,x;z:(y;y;y);+//z",
    "d:1;e:40{(x;x)}/d;#e",
    // Data of all kinds.
    "t:([]a:1 2 3;b:`x`y`z;c:(1;\"two\";3.5));{x`b}'t",
    "(0N;0w;-0w;1.5 0N 2;`a`b;\"text\";();,1;(`a`b!1 2);2026.11.23;1 2!(3;\"x\"))",
    "{x,1?100}/[();!5]",
    "r:5?1000;{x+1?10}'!5",
    // Effects, and what waits for them.
    "p:pub[0;64];s:sub[0;p];snd[p;1 2 3];{rcv[s]+x}1",
    "p:pub[0;64];s:sub[0;p];{snd[p;x];rcv s}'!5",
    ".[rcv;,99;{(`none;x)}]",
    "print'(1;\"a\";`b);{print x;x+1}/[3;0]",
];

/// How a program went: its result or error as text, and what it printed.
type Outcome = (Result<String, String>, Vec<String>);

fn answer(host: &mut Host, effect: &Effect) -> Result<Value, Error> {
    host.answer(effect)
}

/// Moves a machine into its own bytes and out of them.
fn moved(machine: &Machine, config: Config) -> Machine {
    let bytes = machine.save().unwrap();
    let again = Machine::restore(&bytes, config).unwrap();
    // What was read is what was written.
    let bytes_again = again.save().unwrap();
    assert_eq!(bytes.len(), bytes_again.len());
    again
}

/// Runs a program; after each slice of steps the machine may be replaced.
fn run(source: &str, mut slice: impl FnMut(&mut Machine) -> u64) -> Outcome {
    let mut machine = Machine::new(Config::default());
    let mut host = Host::default();
    if let Err(error) = machine.start(source, "prog.ok") {
        return (Err(error.render("")), Vec::new());
    }
    let mut slices = 0;
    let result = loop {
        slices += 1;
        if slices > 20_000 {
            break Err("endless".to_string());
        }
        let steps = slice(&mut machine);
        match machine.run(steps) {
            Step::Done(value, _) => break Ok(form(&value)),
            Step::Failed(error) => break Err(error.render("")),
            Step::Budget => {}
            Step::Effect(effect) => {
                // The state of a machine that waits is written, too.
                slice(&mut machine);
                assert_eq!(machine.awaited(), Some(&effect));
                machine.resume(answer(&mut host, &effect));
                slice(&mut machine);
            }
        }
    };
    // The names are as good as the value: they are compared by what they show.
    let names = machine.names();
    let shown = names.iter().map(|name| {
        let value = machine.value_of(&name.text());
        format!("{name}:{}", value.map(form).unwrap_or_default().len())
    });
    host.printed.extend(shown);
    (result, host.printed)
}

fn compare(source: &str, rng: &mut Rng, every: u64) {
    let plain = run(source, |_| 1000);
    let mut random = Rng::new(rng.bits());
    let mut stops = 0;
    let stopped = run(source, |machine| {
        *machine = moved(machine, Config::default());
        // Long programs are stopped less and less often, and endless ones soon given up.
        stops += 1;
        1 + random.below(every << (stops / 64).min(10))
    });
    assert_eq!(stopped, plain, "{source}");
}

#[test]
fn programs_go_on_in_another_machine() {
    let mut rng = Rng::new(1);
    for source in PROGRAMS {
        for every in [1, 7, 50] {
            compare(source, &mut rng, every);
        }
    }
}

#[test]
fn conformance_cases_go_on_in_another_machine() {
    let mut rng = Rng::new(2);
    let files = [
        include_str!("../conformance/cases.jsonl"),
        include_str!("../conformance/original.jsonl"),
    ];
    for fact in files.iter().flat_map(|file| facts(file)) {
        compare(&fact.source, &mut rng, 3);
    }
}

#[test]
fn deep_states_are_moved_without_recursion() {
    let deep = "d:{(x;1)}/[200000;()];f:{$[x=0;0;1+f[x-1]]};f 100000";
    let mut moves = 0;
    let outcome = run(deep, |machine| {
        *machine = moved(machine, Config::default());
        moves += 1;
        150_000
    });
    assert_eq!(outcome.0, Ok("100000".to_string()));
    assert!(moves >= 2, "{moves}");
}

#[test]
fn what_is_shared_is_written_once() {
    let mut machine = Machine::new(Config::default());
    machine.start("a:!1000;b:60{(x;x)}/a;", "").unwrap();
    assert!(matches!(machine.run(100_000), Step::Done(..)));
    let bytes = machine.save().unwrap();
    assert!(bytes.len() < 20_000, "{}", bytes.len());
    let mut again = Machine::restore(&bytes, Config::default()).unwrap();
    assert_eq!(again.save().unwrap().len(), bytes.len());
    // Still one value: a change of the one leaves the other alone.
    again.start("a[0]:7;(a 0;60{x 0}/b)", "").unwrap();
    match again.run(100_000) {
        Step::Done(value, _) => assert!(form(&value).starts_with("(7\n 0 1 2 3"), "{value:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn circles_among_closures_are_cut_after_a_move_too() {
    let source = "f:{[n]g:{$[x=0;0;h x-1]};h:{$[x=0;1;g x-1]};g n};";
    let mut machine = Machine::new(Config::default());
    machine.start(source, "").unwrap();
    machine.run(1000);
    let mut machine = moved(&machine, Config::default());
    machine.start("f'10000#5;1", "").unwrap();
    loop {
        match machine.run(10_000) {
            Step::Budget => machine = moved(&machine, Config::default()),
            Step::Done(..) => break,
            other => panic!("{other:?}"),
        }
    }
    let bytes = machine.save().unwrap();
    assert!(bytes.len() < 20_000, "circles pile up: {}", bytes.len());
}

/// States of machines in the middle of each of the programs.
fn states() -> Vec<Vec<u8>> {
    let mut states = Vec::new();
    for source in PROGRAMS {
        let mut machine = Machine::new(Config::default());
        let mut host = Host::default();
        machine.start(source, "").unwrap();
        for steps in [3, 20, 40] {
            if let Step::Effect(effect) = machine.run(steps) {
                states.push(machine.save().unwrap());
                machine.resume(answer(&mut host, &effect));
            }
            states.push(machine.save().unwrap());
        }
    }
    states
}

fn small() -> Config {
    Config {
        memory_limit: 8 << 20,
        ..Config::default()
    }
}

/// A restored machine runs for a while, whatever it was made of.
fn goes_on(bytes: &[u8]) {
    if let Ok(mut machine) = Machine::restore(bytes, small()) {
        for _ in 0..20 {
            match machine.run(200) {
                Step::Budget => {}
                Step::Effect(_) => machine.resume(Ok(Value::Int(1))),
                Step::Done(..) | Step::Failed(_) => break,
            }
        }
        // What it has become can be written again.
        assert!(machine.save().is_ok());
    }
}

#[test]
fn states_that_are_not_whole_are_refused() {
    for state in states() {
        let mut rng = Rng::new(state.len() as u64);
        for _ in 0..20 {
            let length = rng.below(state.len() as u64) as usize;
            assert!(Machine::restore(&state[..length], small()).is_err());
        }
        let longer = [&state[..], &[0]].concat();
        assert!(Machine::restore(&longer, small()).is_err());
    }
}

#[test]
fn other_versions_are_named() {
    let mut state = Machine::new(Config::default()).save().unwrap();
    state[4..8].copy_from_slice(&7u32.to_le_bytes());
    let error = Machine::restore(&state, small()).err().unwrap();
    assert_eq!(error, StateError::Version { found: 7 });
    assert!(error.to_string().contains(&STATE_VERSION.to_string()));
    let error = Machine::restore(b"nonsense", small()).err().unwrap();
    assert!(error.to_string().contains("damaged"));
}

#[test]
fn damaged_states_do_no_harm() {
    let mut rng = Rng::new(3);
    for state in states() {
        for _ in 0..60 {
            let mut damaged = state.clone();
            for _ in 0..=rng.below(3) {
                let at = rng.below(damaged.len() as u64) as usize;
                damaged[at] = match rng.below(4) {
                    0 => 0xff,
                    1 => rng.bits() as u8,
                    2 => damaged[at].wrapping_add(1),
                    _ => damaged[at] ^ (1 << rng.below(8)),
                };
            }
            goes_on(&damaged);
        }
    }
}
