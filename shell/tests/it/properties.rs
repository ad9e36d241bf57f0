//! Properties: slicing changes nothing, and no text makes the machine panic or hang.

use crate::support::{Host, Outcome, facts, run};
use okernel_shell::brackets::is_incomplete;
use okernel_shell::format::form;
use okernel_shell::machine::{Config, Machine, Step};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

/// The text of whatever a program gives.
fn outcome(source: &str, slice: impl FnMut() -> u64) -> (String, Vec<String>) {
    let mut machine = Machine::new(Config::default());
    let mut host = Host::default();
    let text = match run(&mut machine, &mut host, source, slice) {
        Outcome::Value(text) => text,
        Outcome::Error(error) => error.render(""),
    };
    (text, host.printed)
}

/// Every fact gives the same in slices of one step as in one go.
#[test]
fn the_smallest_slices_change_nothing() {
    for fact in facts(include_str!("../conformance/cases.jsonl")) {
        let whole = outcome(&fact.source, || 1_000_000);
        assert_eq!(outcome(&fact.source, || 1), whole, "{}", fact.source);
    }
}

fn tokens() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("+"),
        Just("-"),
        Just("*"),
        Just("%"),
        Just("!"),
        Just("&"),
        Just("|"),
        Just("<"),
        Just(">"),
        Just("="),
        Just("~"),
        Just(","),
        Just("^"),
        Just("#"),
        Just("_"),
        Just("$"),
        Just("?"),
        Just("@"),
        Just("."),
        Just(":"),
        Just("::"),
        Just("'"),
        Just("/"),
        Just("\\"),
        Just("':"),
        Just("/:"),
        Just("\\:"),
        Just("("),
        Just(")"),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just(";"),
        Just("\n"),
        Just(" "),
        Just("$["),
        Just("x"),
        Just("y"),
        Just("z"),
        Just("o"),
        Just("a"),
        Just("b"),
        Just("in"),
        Just("1"),
        Just("2"),
        Just("0N"),
        Just("3.5"),
        Just("0w"),
        Just("\"ab\""),
        Just("`c"),
        Just("sin"),
        Just("<="),
        Just("5:"),
        Just("a:"),
        Just("[a:"),
    ];
    proptest::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

/// Runs a text as far as it goes in a few steps, with little memory.
fn bounded(source: &str) {
    let _incomplete = is_incomplete(source);
    let mut machine = Machine::new(Config {
        memory_limit: 1 << 20,
        ..Config::default()
    });
    if machine.start(source, "").is_err() {
        return;
    }
    for _ in 0..20 {
        match machine.run(200) {
            Step::Done(value, _) => {
                let _text = form(&value);
                return;
            }
            Step::Failed(error) => {
                let _text = error.render(source);
                return;
            }
            Step::Effect(effect) => machine.resume(Ok(effect.printed())),
            Step::Budget => {}
        }
    }
    machine.interrupt();
}

proptest! {
    #[test]
    fn any_tokens_are_safe(source in tokens()) {
        bounded(&source);
    }

    #[test]
    fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        bounded(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_slices_give_the_same(sizes in proptest::collection::vec(1u64..40, 1..8), pick in 0usize..10_000) {
        let facts = facts(include_str!("../conformance/cases.jsonl"));
        let source = &facts[pick % facts.len()].source;
        let whole = outcome(source, || 1_000_000);
        let mut at = 0;
        let sliced = outcome(source, || {
            at += 1;
            sizes[at % sizes.len()]
        });
        assert_eq!(sliced, whole, "{source}");
    }
}
