//! Every bench, with as little to do as shows that it works.

use crate::support::run;

/// The names of all benches, as the program lists them.
fn names() -> Vec<String> {
    let stderr = run(&["bench", "nothing"]).failed(1);
    let (_, names) = stderr.trim().rsplit_once("choose from ").unwrap();
    names.split(", ").map(str::to_string).collect()
}

/// Runs benches and looks at each row of their reports.
#[track_caller]
fn work(names: &[&str]) {
    let output = run(&[&["bench", "--quick", "--json"], names].concat());
    // Tasks that fail on purpose leave nothing in the log.
    assert!(!output.stderr.contains(" ERROR "), "{}", output.stderr);
    let json = output.ok();
    let reports: serde_json::Value = serde_json::from_str(&json).unwrap();
    let reports = reports.as_array().unwrap();
    let ran: Vec<_> = reports.iter().map(|report| &report["bench"]).collect();
    assert_eq!(ran, names);
    for report in reports {
        let rows = report["rows"].as_array().unwrap();
        assert!(!rows.is_empty(), "{report}");
        let notes = report["notes"].to_string();
        assert!(notes.contains("the figures mean nothing"), "{notes}");
        for row in rows {
            assert!(row["median"].is_number(), "{}: {row}", report["bench"]);
            assert!(!row["label"].as_str().unwrap().trim().is_empty(), "{row}");
        }
    }
}

const DATA: &[&str] = &["ring", "guest", "size", "cores", "fanout", "publish"];
const TIME: &[&str] = &["preempt", "rtt", "fair", "timers", "idle", "compute"];
const TASKS: &[&str] = &["spawn", "density", "boot", "load", "upgrade"];
const PROGRAMS: &[&str] = &["o", "ws", "words"];

#[test]
fn all_benches_are_among_these() {
    let mut tested = [DATA, TIME, TASKS, PROGRAMS].concat();
    let mut all = names();
    tested.sort_unstable();
    all.sort_unstable();
    assert_eq!(all, tested);
}

#[test]
fn benches_of_data_work() {
    work(DATA);
}

#[test]
fn benches_of_time_work() {
    work(TIME);
}

#[test]
fn benches_of_tasks_work() {
    work(TASKS);
}

#[test]
fn benches_of_programs_work() {
    work(PROGRAMS);
}

#[test]
fn a_quick_bench_is_compared_with_nothing() {
    let stderr = run(&["bench", "boot", "--quick", "--graphs", "graphs"]).failed(2);
    assert!(stderr.contains("cannot be used with"), "{stderr}");
}
