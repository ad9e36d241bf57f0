//! The conformance cases of the language, each through a binary of its own.
//!
//! The language's unit tests run the same files against the library; here the whole way is tested:
//! command line, boot, shell guest, console.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use crate::support::{root, run};

/// Processes at a time.
const THREADS: usize = 4;

/// What is wrong with a case, or nothing.
fn check(case: &Value) -> Option<String> {
    let expr = case["expr"].as_str()?;
    let expected = &case["expect"];
    // The shell shows a table as a grid; the files hold the re-readable form.
    let table = expected.as_str().is_some_and(|text| text.starts_with("(["));
    let text = if table {
        format!("print[5:{expr}];")
    } else {
        expr.to_string()
    };
    let output = run(&["eval", "--cores", "3", &text]);
    let found = if output.status == 0 {
        output.stdout.trim_end_matches('\n').to_string()
    } else {
        let class = output.stderr.split(':').next().unwrap_or_default();
        format!("error {class}")
    };
    let expected = match expected {
        Value::String(text) => text.clone(),
        // For parsing only: it may run for ever.
        Value::Null => return None,
        other => format!("error {}", other["error"].as_str().unwrap_or("?")),
    };
    // What is printed comes before the value.
    let printed = found.ends_with(&format!("\n{expected}"));
    (found != expected && !printed).then(|| {
        let stderr = output.stderr.trim();
        format!("{expr}\n  expected {expected:?}\n  found    {found:?} {stderr}")
    })
}

fn check_file(name: &str) {
    let path = root().join("shell/tests/conformance").join(name);
    let text = fs::read_to_string(&path).unwrap();
    let cases: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|case: &Value| !case["expect"].is_null())
        .collect();
    assert!(cases.len() > 50, "{name} holds {} cases", cases.len());
    let next = AtomicUsize::new(0);
    let wrong: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let mut wrong = Vec::new();
                    while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        wrong.extend(check(case));
                    }
                    wrong
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_line_of_the_first_kernel() {
    check_file("original.jsonl");
}

#[test]
fn every_case_of_the_dialects() {
    check_file("cases.jsonl");
}
