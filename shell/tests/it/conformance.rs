//! The conformance facts, each in a fresh machine.

use crate::support::{Fact, Outcome, evaluate, facts};
use okernel_shell::brackets::is_incomplete;
use okernel_shell::error::Source;
use okernel_shell::parser::parse;
use std::rc::Rc;

/// For facts that must only parse.
fn parses(text: &str) -> Outcome {
    let source = Source {
        origin: String::new(),
        line_first: 1,
        text: text.to_owned(),
    };
    match parse(&Rc::new(source)) {
        Ok(_) => Outcome::Value(String::new()),
        Err(error) => Outcome::Error(error),
    }
}

fn check(facts: &[Fact]) -> Vec<String> {
    let mut wrong = Vec::new();
    for fact in facts {
        let got = match &fact.expected {
            Some(_) => evaluate(&fact.source),
            None => parses(&fact.source),
        };
        let right = match (&fact.expected, &got) {
            (None, Outcome::Value(_)) => true,
            (Some(Ok(text)), Outcome::Value(value)) => text == value,
            (Some(Err(class)), Outcome::Error(error)) => class == error.class().word(),
            _ => false,
        };
        if !right {
            wrong.push(format!(
                "{} {:?}\n  want {:?}\n  have {got:?}",
                fact.id, fact.source, fact.expected
            ));
        }
    }
    wrong
}

#[test]
fn the_family_agrees() {
    let facts = facts(include_str!("../conformance/cases.jsonl"));
    assert!(facts.len() > 900);
    let wrong = check(&facts);
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        facts.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_first_kernel_is_kept() {
    let facts = facts(include_str!("../conformance/original.jsonl"));
    assert!(facts.len() > 60);
    let wrong = check(&facts);
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        facts.len(),
        wrong.join("\n")
    );
}

#[test]
fn complete_programs_are_not_waited_for() {
    for fact in facts(include_str!("../conformance/cases.jsonl")) {
        let unbalanced = matches!(&fact.expected, Some(Err(class)) if class == "parse");
        assert!(
            unbalanced || !is_incomplete(&fact.source),
            "{}",
            fact.source
        );
    }
}
