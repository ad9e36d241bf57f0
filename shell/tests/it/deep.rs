//! Programs, values and sources that go deep, in a small stack and little memory.

use crate::support::{Host, Outcome, run};
use okernel_shell::brackets::is_incomplete;
use okernel_shell::error::Class;
use okernel_shell::format::form;
use okernel_shell::machine::{Config, Machine};
use okernel_shell::value::Value;
use std::rc::Rc;

/// Runs something with a small stack, as a guest has it.
fn with_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(512 << 10)
        .spawn(run)
        .unwrap();
    thread.join().unwrap();
}

#[test]
fn recursion_is_bounded_by_memory_and_trapped() {
    with_small_stack(|| {
        let config = Config {
            memory_limit: 4 << 20,
            ..Config::default()
        };
        for source in [
            "{1+o x}1",
            "f:{1+f x};f 1",
            "{1+o'x}1",
            "{x,o x}1",
            "{(o x)+1}/1",
            "{@[o;x;{x+1}]}1",
        ] {
            let mut machine = Machine::new(config);
            let mut host = Host::default();
            match run(&mut machine, &mut host, source, || 100_000) {
                Outcome::Error(error) => {
                    assert_eq!(error.class(), Class::Limit, "{source}: {error}")
                }
                // A trap on the way may have answered.
                Outcome::Value(value) => assert!(source.contains('@'), "{source}: {value}"),
            }
            assert!(
                matches!(run(&mut machine, &mut host, "1+1", || 100), Outcome::Value(text) if text == "2")
            );
        }
    });
}

#[test]
fn tail_calls_take_constant_space() {
    let config = Config {
        memory_limit: 64 << 10,
        ..Config::default()
    };
    for source in [
        "{$[x;o x-1;7]}60000",
        "f:{$[x;f x-1;7]};f 60000",
        "e:{$[x;d[x-1];7]};d:{$[x;e[x-1];7]};e 60000",
        "{$[x;o@x-1;7]}60000",
        "{$[x;o . ,x-1;7]}60000",
        "f:{[a;b]$[a;f[a-1;b+1];b]};f[60000;-59993]",
        "{[x]b:x;$[x;o b-1;{b}0;7;7]}60000",
        "{$[x;(x-1)o y;y]}[60000;7]",
        "f:{$[y;x . (x;y-1);7]};f[f;60000]",
    ] {
        let mut machine = Machine::new(config);
        match run(&mut machine, &mut Host::default(), source, || 100_000) {
            Outcome::Value(text) => assert_eq!(text, "7", "{source}"),
            Outcome::Error(error) => panic!("{source}: {error}"),
        }
    }
}

#[test]
fn local_functions_that_call_themselves_are_dropped() {
    let mut machine = Machine::new(Config::default());
    for source in [
        "l:!9;{k:l;g:{$[x;g x-1;#k]};1+g 1}'!9;0",
        "l:!9;{k:l;g:{$[x;g x-1;#k]};g 1}'!900;0",
        "l:!9;{k:l;g:{$[x;h x-1;#k]};h:{$[x;g x-1;#k]};g 1}'!900;0",
        "l:!9;{k:l;g:{$[x;g x-1;#k]};h:(g;,[g]);0}'!900;0",
        "l:!9;{k:l;g:{$[x;g x-1;#k]};@[g;]'1 2}'!900;0",
        "l:!9;f:{[k]g:{k;g};h:{h;k;g};h[]}l;r:f 0;f:0;r:0;0",
    ] {
        let outcome = run(&mut machine, &mut Host::default(), source, || 100_000);
        assert!(
            matches!(outcome, Outcome::Value(text) if text == "0"),
            "{source}"
        );
        match machine.value_of("l") {
            // What is left waits for the next look at it.
            Some(Value::Ints(list)) => assert!(Rc::strong_count(list) < 300, "{source}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn deep_source_needs_no_stack() {
    with_small_stack(|| {
        for (open, inner, close) in [
            ("(", "1", ")"),
            ("[", "1", "]"),
            ("-", "1", ""),
            ("1+", "1", ""),
            ("(1;", "1", ")"),
            ("#(,", "1", ")"),
            ("$[1;", "1", ";2]"),
            ("f[", "1", "]"),
            ("{x}[", "1", "]"),
            ("a:", "1", ""),
            ("+'", "1", ""),
            ("(-", "", ")"),
        ] {
            let source = format!("{}{inner}{}", open.repeat(100_000), close.repeat(100_000));
            let mut machine = Machine::new(Config::default());
            let started = machine.start(&source, "");
            if started.is_ok() {
                let _outcome = machine.run(10_000_000);
            }
            assert!(!is_incomplete(&source), "{open}");
        }
        assert!(is_incomplete(&"(".repeat(100_000)));
        let lambdas = format!("{}{}", "{".repeat(100_000), "}".repeat(100_000));
        assert_eq!(
            Machine::new(Config::default())
                .start(&lambdas, "")
                .map_err(|e| e.class()),
            Err(Class::Limit)
        );
    });
}

#[test]
fn deep_values_and_functions_need_no_stack() {
    with_small_stack(|| {
        for source in [
            "#100000{,(x;1)}/0",
            "100000{[g]{g x}}/{x};0",
            "f:100000{@[x;]}/{x+1};f 1",
            "f:100000{(x@)}/{x+1};f 1",
            "f:10000{.[x;;{`e}]}/{x+1};f 1",
            "f:1000{x'}/{x+1};f 1",
            "f:{x'}/[100000;{x+1}];f 1",
            "a:();100000{a::,a}/0;a~a",
            "(1000{,(x;1)}/0)+1000{,(x;1)}/0",
            "f:100000{{[g;y]g y}[x;]}/{x+1};f 1",
        ] {
            let mut machine = Machine::new(Config::default());
            if let Outcome::Error(error) =
                run(&mut machine, &mut Host::default(), source, || 100_000)
            {
                panic!("{source}: {error}");
            }
        }
    });
}

#[test]
fn a_deep_value_is_shown_as_far_as_memory_allows() {
    let config = Config {
        memory_limit: 4 << 20,
        ..Config::default()
    };
    let mut machine = Machine::new(config);
    let source = "d:{(x;1)}/[10000;()];5:d";
    // Its text has a line for each level, indented by the level.
    match run(&mut machine, &mut Host::default(), source, || 100_000) {
        Outcome::Error(error) => assert_eq!(error.class(), Class::Limit),
        Outcome::Value(text) => panic!("{} bytes", text.len()),
    }
    let deep = machine.value_of("d").cloned().unwrap_or_default();
    assert_eq!(form(&deep).len(), 2 << 20);
}
