//! Signals: Ctrl-C ends an evaluation, and where nobody is prompted the process with 130.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::okernel;

/// A run of the binary that can be sent signals.
struct Run {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Run {
    fn start(command: &mut Command) -> Run {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Run { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the end; answers the exit status, what was written to stderr, and how long it took.
    fn end(mut self) -> (i32, String, Duration) {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > Duration::from_secs(60) {
                self.child.kill().unwrap();
                panic!("a signal did not end the process");
            }
            thread::sleep(Duration::from_millis(2));
        };
        let took = started.elapsed();
        let mut errors = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut errors).unwrap();
        (status.code().unwrap_or(-1), errors, took)
    }
}

#[test]
fn an_interrupt_fails_an_evaluation_with_its_call_stack() {
    let mut run = Run::start(okernel().args(["eval", "f:{print 1;1+{x+1}/x};f 0"]));
    assert_eq!(run.line(), "1\n");
    run.signal(Signal::INT);
    let (status, errors, _) = run.end();
    assert_eq!(status, 130, "{errors}");
    assert!(errors.starts_with("interrupt: "), "{errors}");
    assert!(errors.contains("in f"), "{errors}");
}

/// Sorting what takes long to compare would go on for minutes: four large values, equal and not the same one, many
/// times each.
#[test]
fn an_interrupt_ends_a_sort_in_the_middle() {
    let program = "x:4 4000#1 4 213#54;print 1;#<3000000#x";
    let mut run = Run::start(okernel().args(["eval", program]));
    assert_eq!(run.line(), "1\n");
    thread::sleep(Duration::from_millis(300));
    run.signal(Signal::INT);
    let (status, errors, took) = run.end();
    assert_eq!(status, 130, "{errors}");
    assert!(errors.starts_with("interrupt: "), "{errors}");
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[test]
fn an_interrupt_ends_a_wait_and_the_lines_after_it() {
    let mut run = Run::start(&mut okernel());
    let stdin = run.child.stdin.as_mut().unwrap();
    stdin
        .write_all(b"s:sub[0;pub[0;64]];\nprint 1;rcv s\nprint 2\n")
        .unwrap();
    assert_eq!(run.line(), "1\n");
    run.signal(Signal::INT);
    assert_eq!(run.line(), "");
    let (status, errors, _) = run.end();
    assert_eq!(status, 130, "{errors}");
    assert!(errors.starts_with("interrupt: "), "{errors}");
    assert!(errors.contains("stdin:2"), "{errors}");
}

#[test]
fn an_interrupt_between_lines_or_after_a_script_ends_the_process() {
    let mut run = Run::start(&mut okernel());
    let stdin = run.child.stdin.as_mut().unwrap();
    stdin.write_all(b"print 1\n").unwrap();
    assert_eq!(run.line(), "1\n");
    thread::sleep(Duration::from_millis(100));
    run.signal(Signal::INT);
    assert_eq!(run.end().0, 130);

    let endless = "spawn[1;\"{x+1}/0\"];print 1;";
    let mut run = Run::start(okernel().args(["eval", endless]));
    assert_eq!(run.line(), "1\n");
    thread::sleep(Duration::from_millis(100));
    run.signal(Signal::INT);
    assert_eq!(run.end().0, 130);
}

#[test]
fn a_signal_to_terminate_halts_in_order() {
    let mut run = Run::start(okernel().args(["eval", "print 1;{x+1}/0"]));
    assert_eq!(run.line(), "1\n");
    run.signal(Signal::TERM);
    let (status, errors, _) = run.end();
    assert_eq!((status, errors.as_str()), (143, ""));
}
