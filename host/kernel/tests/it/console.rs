//! The console: one line at a time, a slow output, prompts, the exit status.

use crate::support::{Running, Shell, eventually, kernel, polled, run};
use okernel_abi::Errno;
use okernel_abi::layout::{END_OF_INPUT, Executed};
use okernel_abi::value::Value;
use okernel_core::{
    After, Config, ConsoleConfig, Context, CoreId, Grant, Kernel, LineSource, Offered, Outcome,
    PlainLines, Prompt, Resumed, Spawn, Status,
};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// An output that can be held up.
#[derive(Clone, Default)]
struct Paper(Arc<Desk>);

#[derive(Default)]
struct Desk {
    written: Mutex<(Vec<u8>, Held)>,
    changed: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Held {
    #[default]
    No,
    Yes,
}

impl Paper {
    fn hold(&self, held: Held) {
        self.0.written.lock().unwrap().1 = held;
        self.0.changed.notify_all();
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.written.lock().unwrap().0.clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut paper = self.0.written.lock().unwrap();
        while paper.1 == Held::Yes {
            paper = self.0.changed.wait(paper).unwrap();
        }
        paper.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A source that gives one line for each read and counts them.
struct Lines(Vec<&'static str>, Arc<AtomicUsize>);

impl Read for Lines {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let at = self.1.fetch_add(1, Ordering::SeqCst);
        let line = self.0.get(at).copied().unwrap_or("").as_bytes();
        into[..line.len()].copy_from_slice(line);
        Ok(line.len())
    }
}

/// Repeats its input; `bad` fails, what ends with `+` is incomplete. Checks that no line was read
/// before the one before it was done.
fn echo(read: &Arc<AtomicUsize>) -> Spawn {
    let (read, mut seen) = (Arc::clone(read), 0);
    let exec = move |cx: &mut Context, input: &[u8]| {
        let console = cx.grant("console").unwrap();
        if input == [END_OF_INPUT] {
            cx.print(console, b"cut\n").unwrap();
            cx.executed(Executed::Failed).unwrap();
            return Ok(());
        }
        seen += 1;
        assert_eq!(read.load(Ordering::SeqCst), seen, "read ahead");
        let mut line = input.to_vec();
        line.push(b'\n');
        cx.print(console, &line).unwrap();
        cx.executed(match input {
            b"bad" => Executed::Failed,
            input if input.ends_with(b"+") => Executed::Incomplete,
            _ => Executed::Done,
        })
        .unwrap();
        Ok(())
    };
    Spawn::native("shell", Box::new(Shell(exec)))
        .grant("console", Grant::Console)
        .grant("system", Grant::System)
}

fn session(lines: Vec<&'static str>, prompt: Option<Prompt>) -> (String, Status) {
    let mut kernel = kernel(2, Config::default());
    let paper = Paper::default();
    kernel
        .console(Box::new(paper.clone()), Box::new(io::sink()))
        .unwrap();
    let read = Arc::new(AtomicUsize::new(0));
    let shell = kernel.spawn(CoreId(0), echo(&read)).unwrap();
    let lines = Lines(lines, read);
    let source = match &prompt {
        Some(_) => PlainLines::prompting(lines, paper.clone()),
        None => PlainLines::new(lines),
    };
    let config = ConsoleConfig {
        source: Box::new(source),
        prompt,
        offered: Offered::default(),
    };
    kernel
        .script(shell, Vec::new(), After::Console(config))
        .unwrap();
    let status = run(kernel).end();
    (paper.text(), status)
}

#[test]
fn lines_are_executed_one_after_another() {
    let (text, status) = session(vec!["one\n", "two\n", "last\n"], None);
    assert_eq!((text.as_str(), status), ("one\ntwo\nlast\n", 0));
}

#[test]
fn a_failed_line_makes_the_exit_status_and_does_not_stop_the_rest() {
    let (text, status) = session(vec!["one\n", "bad\n", "two\n"], None);
    assert_eq!((text.as_str(), status), ("one\nbad\ntwo\n", 1));
}

#[test]
fn an_input_that_ends_too_early_is_a_failure() {
    let (text, status) = session(vec!["one+\n", "two\n", "three+\n"], None);
    assert_eq!((text.as_str(), status), ("one+\ntwo\nthree+\ncut\n", 1));
}

#[test]
fn prompts_stand_below_the_output_of_the_line_before() {
    let (text, status) = session(vec!["one\n", "two+\n", "bad\n"], Some(Prompt::default()));
    let expected = "o) one\no) two+\n   bad\no) \n";
    assert_eq!((text.as_str(), status), (expected, 0));
}

#[test]
fn what_the_shell_offers_is_there_before_the_next_line_is_read() {
    let mut kernel = kernel(2, Config::default());
    kernel
        .console(Box::new(io::sink()), Box::new(io::sink()))
        .unwrap();
    let exec = |cx: &mut Context, input: &[u8]| {
        let console = cx.grant("console").unwrap();
        let name = String::from_utf8(input.to_vec()).unwrap();
        let names = Value::Symbols(vec![name]).to_bytes();
        assert_eq!(cx.offer(console, b"junk"), Err(Errno::Malformed));
        let system = cx.grant("system").unwrap();
        assert_eq!(cx.offer(system, &names), Err(Errno::WrongKind));
        cx.offer(console, &names).unwrap();
        cx.executed(Executed::Done).unwrap();
        Ok(())
    };
    let shell = Spawn::native("shell", Box::new(Shell(exec)))
        .grant("console", Grant::Console)
        .grant("system", Grant::System);
    let shell = kernel.spawn(CoreId(0), shell).unwrap();
    let offered = Offered::default();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let config = ConsoleConfig {
        source: Box::new(Watching(
            vec!["one", "two"],
            offered.clone(),
            Arc::clone(&seen),
        )),
        prompt: None,
        offered,
    };
    kernel
        .script(shell, Vec::new(), After::Console(config))
        .unwrap();
    assert_eq!(run(kernel).end(), 0);
    let expected: [&[&str]; 3] = [&[], &["one"], &["two"]];
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// A source that notes which names are offered whenever it is asked for a line.
struct Watching(Vec<&'static str>, Offered, Arc<Mutex<Vec<Vec<String>>>>);

impl LineSource for Watching {
    fn read_line(&mut self, _: &str) -> io::Result<Option<Vec<u8>>> {
        let mut seen = self.2.lock().unwrap();
        seen.push(self.1.get().to_vec());
        let line = self.0.get(seen.len() - 1);
        Ok(line.map(|line| line.as_bytes().to_vec()))
    }
}

fn with_console(cores: usize) -> (Kernel, Paper) {
    let mut kernel = kernel(cores, Config::default());
    let paper = Paper::default();
    kernel
        .console(Box::new(paper.clone()), Box::new(io::sink()))
        .unwrap();
    (kernel, paper)
}

#[test]
fn a_blocked_output_holds_up_who_prints_and_nobody_else() {
    let (mut kernel, paper) = with_console(2);
    paper.hold(Held::Yes);
    let (line, lines) = (b"0123456789abcde\n", 20_000);
    let again = Arc::new(AtomicUsize::new(0));
    let held_up = Arc::clone(&again);
    let mut printed = 0;
    let printer = polled("printer", move |cx| {
        let console = cx.grant("console").unwrap();
        while printed < lines {
            match cx.print(console, line) {
                Ok(()) => printed += 1,
                Err(errno) => {
                    assert_eq!(errno, Errno::Again);
                    held_up.fetch_add(1, Ordering::SeqCst);
                    let _ = cx.wait(console, 0).unwrap();
                    return Outcome::Yield;
                }
            }
        }
        Outcome::End
    });
    let printer = printer.grant("console", Grant::Console);
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&polls);
    let other = polled("other", move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Outcome::Yield
    });
    let printer = kernel.spawn(CoreId(1), printer).unwrap();
    kernel.spawn(CoreId(0), other).unwrap();
    let running: Running = run(kernel);
    eventually("the printer is held up", || {
        again.load(Ordering::SeqCst) > 0
    });
    let before = polls.load(Ordering::SeqCst);
    eventually("the other goes on", || {
        polls.load(Ordering::SeqCst) > before + 1000
    });
    assert_eq!(again.load(Ordering::SeqCst), 1, "it sleeps meanwhile");
    paper.hold(Held::No);
    eventually("all is printed", || {
        running.ps(printer, "state") == Some(crate::support::sym("ended"))
    });
    running.halt();
    assert_eq!(paper.text().len(), lines * line.len());
}

#[test]
fn what_was_printed_before_the_halt_is_written() {
    let (mut kernel, paper) = with_console(3);
    let printer = polled("printer", |cx| {
        let console = cx.grant("console").unwrap();
        for number in 0..100 {
            cx.print(console, format!("{number}\n").as_bytes()).unwrap();
        }
        Outcome::End
    });
    let printer = kernel
        .spawn(CoreId(2), printer.grant("console", Grant::Console))
        .unwrap();
    let running = run(kernel);
    eventually("it ends", || {
        running.ps(printer, "state") == Some(crate::support::sym("ended"))
    });
    running.halt();
    let expected: String = (0..100).map(|number| format!("{number}\n")).collect();
    assert_eq!(paper.text(), expected);
}

#[test]
fn errors_have_a_sink_of_their_own() {
    let mut kernel = kernel(2, Config::default());
    let (out, errors) = (Paper::default(), Paper::default());
    kernel
        .console(Box::new(out.clone()), Box::new(errors.clone()))
        .unwrap();
    let printer = polled("printer", |cx| {
        for name in ["out", "err", "out"] {
            let console = cx.grant(name).unwrap();
            cx.print(console, name.as_bytes()).unwrap();
        }
        Outcome::End
    });
    let printer = printer
        .grant("out", Grant::Console)
        .grant("err", Grant::Errors);
    kernel.spawn(CoreId(1), printer).unwrap();
    let running = run(kernel);
    eventually("all is written", || out.text().len() == 6);
    running.halt();
    assert_eq!(
        (out.text().as_str(), errors.text().as_str()),
        ("outout", "err")
    );
}

#[test]
fn what_a_task_says_after_it_was_told_to_end_is_for_nobody() {
    let mut kernel = kernel(1, Config::default());
    let paper = Paper::default();
    kernel
        .console(Box::new(paper.clone()), Box::new(io::sink()))
        .unwrap();
    let long = polled("long", |cx| {
        let console = cx.grant("console").unwrap();
        cx.print(console, b"early\n").unwrap();
        while cx.preempt() == Resumed::Continue {}
        cx.print(console, b"late\n").unwrap();
        Outcome::End
    });
    let long = long.grant("console", Grant::Console);
    kernel.spawn(CoreId(0), long).unwrap();
    let running = run(kernel);
    eventually("it has begun", || paper.text() == "early\n");
    running.halt();
    assert_eq!(paper.text(), "early\n");
}

/// An output that nobody reads any more.
struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_broken_output_halts_the_kernel() {
    let mut kernel = kernel(1, Config::default());
    kernel
        .console(Box::new(Broken), Box::new(io::sink()))
        .unwrap();
    let printer = polled("printer", |cx| {
        let console = cx.grant("console").unwrap();
        if cx.print(console, b"x\n").is_err() {
            let _ = cx.wait(console, 0).unwrap();
        }
        Outcome::Yield
    });
    kernel
        .spawn(CoreId(0), printer.grant("console", Grant::Console))
        .unwrap();
    assert_eq!(run(kernel).end(), 1);
}

/// An output that takes its time, and then refuses.
struct Refusing(Arc<AtomicUsize>);

impl Write for Refusing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(300));
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn output_that_is_refused_while_the_kernel_halts_is_a_failure() {
    let mut kernel = kernel(1, Config::default());
    let begun = Arc::new(AtomicUsize::new(0));
    let out = Refusing(Arc::clone(&begun));
    kernel.console(Box::new(out), Box::new(io::sink())).unwrap();
    let printer = polled("printer", |cx| {
        let console = cx.grant("console").unwrap();
        cx.print(console, b"x\n").unwrap();
        Outcome::End
    });
    kernel
        .spawn(CoreId(0), printer.grant("console", Grant::Console))
        .unwrap();
    let running = run(kernel);
    eventually("the output is written to", || {
        begun.load(Ordering::SeqCst) == 1
    });
    running.control.halt(0);
    assert_eq!(running.end(), 1);
}
