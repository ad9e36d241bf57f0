//! Every input that the fuzzer keeps, replayed without it.

#[path = "../../fuzz/src/targets.rs"]
mod targets;

use okernel_shell::machine::{Config, Machine};
use std::fs;

/// The inputs that are kept for a target.
fn inputs(target: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files = fs::read_dir(folder).unwrap();
    let inputs: Vec<Vec<u8>> = files
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .collect();
    assert!(inputs.len() > 50, "{target}: {} inputs", inputs.len());
    inputs
}

fn machine() -> Machine {
    Machine::new(Config {
        memory_limit: 4 << 20,
        ..Config::default()
    })
}

/// Those that are text, as the fuzzer gives them to the targets that take text.
fn texts(target: &str) -> Vec<String> {
    let texts = inputs(target).into_iter();
    texts
        .filter_map(|text| String::from_utf8(text).ok())
        .collect()
}

#[test]
fn programs_that_were_parsed() {
    for text in texts("parse") {
        targets::parse(machine(), &text);
    }
}

#[test]
fn programs_that_were_run() {
    for text in texts("eval") {
        targets::eval(machine(), &text);
    }
}

#[test]
fn values_and_json_that_were_read() {
    inputs("decode")
        .iter()
        .for_each(|bytes| targets::decode(bytes));
    inputs("json").iter().for_each(|bytes| targets::json(bytes));
}
