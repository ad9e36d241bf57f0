//! What verbs allocate: an operand that nobody else holds is written over.
//!
//! A program of its own, because the allocator is counted.

use cap::Cap;
use okernel_shell::error::Class;
use okernel_shell::machine::{Config, Machine, Step};
use okernel_shell::pace::{Pace, set_hook};
use okernel_shell::value::limit_bytes;
use std::alloc::System;
use std::sync::Mutex;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// One test at a time: the heap is everybody's.
static TURN: Mutex<()> = Mutex::new(());

/// The bytes of the long vectors.
const VECTOR_BYTES: usize = 8_000_000;

fn run(machine: &mut Machine, source: &str) {
    machine.start(source, "").unwrap();
    match machine.run(u64::MAX) {
        Step::Done(..) => {}
        other => panic!("{source}: {other:?}"),
    }
}

#[test]
fn vectors_that_nobody_else_holds_are_written_over() {
    let _turn = TURN.lock().unwrap();
    let programs = [
        // A name's vector, changed by assignment.
        ("a:!1000000", "a+:1;", 0),
        ("a:!1000000", "a*:3;", 0),
        ("a:!1000000;b:2*a", "a-:b;", 0),
        ("a:0.5*!1000000", "a*:0.1;", 0),
        ("a:!1000000", "a&:7;", 0),
        ("a:!1000000", "a[7]:1;a[8]+:1;", 0),
        ("a:!1000000", "a[7 8 9]+:1;", 0),
        ("a:(!1000000;!3)", "a[0;5]:1;", 0),
        // What verbs hand to each other.
        ("a:!1000000", "#1+2*3-a", 1),
        ("a:0.5*!1000000", "#0.1+%2*a", 1),
        ("a:!1000000", "#(2*a)+3*a", 2),
        // A local that is read for the last time.
        ("f:{b:2*x;b+1}", "#f@!1000000", 1),
        ("f:{[x]x+:1;x*:2;#x}", "f@!1000000;", 1),
        ("f:{x[5]:1;x}", "#f@!1000000", 1),
        ("f:{x+1}", "#10 f/!1000000", 1),
        // Somebody else does hold it.
        ("a:!1000000;b:a", "a+:1;", 1),
        ("a:!1000000", "{x[5]:1;#x}a", 1),
    ];
    let mut wrong = Vec::new();
    for (setting, program, vectors) in programs {
        let mut machine = Machine::new(Config::default());
        run(&mut machine, setting);
        let before = HEAP.total_allocated();
        run(&mut machine, program);
        let allocated = HEAP.total_allocated() - before;
        let expected = vectors * VECTOR_BYTES;
        if !(expected..expected + VECTOR_BYTES / 8).contains(&allocated) {
            wrong.push(format!("{setting}; {program} allocates {allocated} bytes"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_program_that_took_too_much_in_its_last_step_is_no_matter_of_the_next() {
    let _turn = TURN.lock().unwrap();
    let mut machine = Machine::new(Config {
        memory_limit: HEAP.allocated() + (4 << 20),
        memory_used: Some(|| HEAP.allocated()),
        ..Config::default()
    });
    for program in ["#(!200000),'(!200000),'!200000", "#in?+7 -!--1 -&84651 ;"] {
        machine.start(program, "").unwrap();
        let _done_or_failed = machine.run(1_000_000);
        run(&mut machine, "(+). 1 2");
    }
}

/// A program may take little in each step and never give it back: frames, short lists, functions.
#[test]
fn what_gathers_in_small_parts_is_limited_too() {
    const LIMIT_BYTES: usize = 48 << 20;
    let _turn = TURN.lock().unwrap();
    set_hook(Some(|| match HEAP.allocated() > limit_bytes() {
        true => Pace::Full,
        false => Pace::GoOn,
    }));
    let mut wrong = Vec::new();
    for program in [
        // Values that hold each other.
        "{(x;1)}/[1000000000;()]",
        "{[a]{a;x}}/[1000000000;1]",
        "{[a:x;b:2]}/[1000000000;1]",
        "{x@}/[1000000000;1]",
        // Calls inside each other, with frames of all kinds and what they hold.
        "f:{1+f x};f 1",
        "f:{f'x,1};f 1",
        "f:{.[f;,x;:]};f 1",
        "f:{.[f;,x;{1}]};f 1",
        "f:{@[1 2;0;f]};f 1",
        "f:{x;.\"f x\"};f 1",
        "f:{x f/:1 2;y};f[1;2]",
        "f:{x f\\1 2;y};f[1;2]",
        "f:{?[1 2 3;0 1;f]};f 1",
        "f:{a:!100;b:f x+1;a};f 0",
        "f:{a:200 200#0;b:f x+1;a};f 0",
        "f:{1+(f@)/x};f 1",
        // Results of one verb.
        "2\\!10000000",
        "24 60 60\\!10000000",
        "=3000",
        "(!10000)+/:!10000",
        "{x+1}\\1",
        "{x,x}/\"ab\"",
    ] {
        let before = HEAP.allocated();
        let mut machine = Machine::new(Config {
            memory_limit: before + LIMIT_BYTES,
            memory_used: Some(|| HEAP.allocated()),
            ..Config::default()
        });
        let mut most = 0;
        machine.start(program, "").unwrap();
        let outcome = loop {
            match machine.run(20_000) {
                Step::Budget => most = HEAP.allocated().max(most),
                outcome => break outcome,
            }
        };
        match outcome {
            Step::Failed(error) if error.class() == Class::Limit => {}
            // A trap on the way may have answered.
            Step::Done(..) if program.contains(".[") => {}
            other => wrong.push(format!("{program}: {other:?}")),
        }
        if most > before + LIMIT_BYTES + (8 << 20) {
            wrong.push(format!("{program}: {most} bytes"));
        }
        run(&mut machine, "1+1");
    }
    set_hook(None);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Vectors that grow are there twice for a moment.
    let most = HEAP.max_allocated();
    assert!(most < 4 * LIMIT_BYTES, "{most} bytes");
}
