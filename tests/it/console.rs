//! The console as a person meets it, at a pseudo-terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::pty::Terminal;
use crate::support::{okernel, run_with};

const UP: &str = "\x1b[A";
const LEFT: &str = "\x1b[D";
const RIGHT: &str = "\x1b[C";
const HOME: &str = "\x1b[H";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const BACKSPACE: &str = "\x7f";

/// A person with a state folder of their own.
struct Person(TempDir);

impl Person {
    fn new() -> Person {
        Person(tempfile::tempdir().unwrap())
    }

    fn command(&self) -> Command {
        let mut command = okernel();
        command
            .args(["--cores", "2"])
            .env("XDG_STATE_HOME", self.0.path());
        command
    }

    /// Sits down and waits for the prompt.
    fn sits_down(&self) -> Terminal {
        let terminal = Terminal::start(self.command().arg("--no-listen"), "xterm-256color");
        terminal.last("o)");
        terminal
    }
}

#[test]
fn lines_are_typed_and_edited() {
    let person = Person::new();
    let terminal = person.sits_down();
    terminal.line("2+3");
    terminal.row("5");
    terminal.keys(&format!("13{LEFT}2{HOME}0{BACKSPACE}40{RIGHT}\r"));
    terminal.row("40123");
    terminal.line("\"\u{e4}\u{6f22}\"");
    terminal.keys(CTRL_D);
    assert_eq!(terminal.end(), 0);
}

#[test]
fn history_is_kept_between_runs_for_the_user_alone() {
    let person = Person::new();
    let terminal = person.sits_down();
    terminal.line("40+2");
    // Ctrl-D leaves only from an empty line, and what was not run is not kept.
    terminal.keys("7");
    terminal.keys(CTRL_D);
    terminal.keys("8");
    terminal.last("o) 78");
    drop(terminal);
    let terminal = person.sits_down();
    terminal.keys(UP);
    terminal.last("o) 40+2");
    terminal.keys("+1\r");
    terminal.row("43");
    terminal.keys(CTRL_D);
    assert_eq!(terminal.end(), 0);
    let kept = person.0.path().join("okernel/history");
    assert_eq!(
        fs::metadata(&kept).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(fs::read_to_string(kept).unwrap(), "#V2\n40+2\n40+2+1\n");
}

#[test]
fn an_input_goes_on_until_it_is_whole() {
    let person = Person::new();
    let terminal = person.sits_down();
    terminal.keys("f:{\r");
    terminal.keys("x+1};f 41\r");
    terminal.row("42");
    terminal.last("o)");
    // The whole input is one entry of the history.
    terminal.keys(UP);
    terminal.until("both lines", |rows| {
        rows.ends_with(&["o) f:{".to_string(), "x+1};f 41".to_string()])
    });
    terminal.keys(&format!("{BACKSPACE}0\r"));
    terminal.row("41");
}

#[test]
fn names_commands_modules_and_files_are_completed() {
    let person = Person::new();
    let terminal = person.sits_down();
    terminal.line("subtotal:40");
    terminal.keys("2+subt\t\r");
    terminal.row("42");
    terminal.keys("spawn[1;`burn\t");
    terminal.last("o) spawn[1;`burn");
    terminal.keys(CTRL_C);
    terminal.last("o)");
    terminal.keys("\\l demos/wor\t");
    terminal.last("o) \\l demos/words.ok");
    terminal.keys(CTRL_C);
    terminal.last("o)");
    terminal.keys("sp\t");
    terminal.last("o) spawn");
    terminal.keys(CTRL_C);
    terminal.last("o)");
    terminal.keys("1+\t");
    terminal.until("the verb's page", |rows| {
        rows.iter().any(|row| row.contains("x+y    add")) && rows.last().unwrap() == "o) 1+"
    });
    terminal.keys("2\r");
    terminal.row("3");
}

#[test]
fn ctrl_c_clears_the_line_or_interrupts_what_runs() {
    let person = Person::new();
    let terminal = person.sits_down();
    terminal.keys("1+nonsense");
    terminal.last("o) 1+nonsense");
    terminal.keys(CTRL_C);
    terminal.last("o)");
    // What it prints shows that it runs: until then a Ctrl-C is a key of the line.
    terminal.keys("print 1;{x+1}/0\r");
    terminal.row("1");
    terminal.keys(CTRL_C);
    terminal.until("it is interrupted", |rows| {
        rows.iter().any(|row| row.starts_with("interrupt")) && rows.last().unwrap() == "o)"
    });
    terminal.keys("f:{\r");
    terminal.keys(CTRL_C);
    terminal.last("o)");
    terminal.line("6*7");
    terminal.row("42");
    terminal.keys(CTRL_D);
    assert_eq!(terminal.end(), 0);
}

#[test]
fn output_of_tasks_appears_above_the_line_that_is_typed() {
    let person = Person::new();
    let terminal = person.sits_down();
    terminal.line("p:pub[0;4096]; s:sub[1;p];");
    terminal
        .line("t:spawn[1;\"{print[x];rcv[s;20];o x+1}100\";[s:s;console:`console;timer:`timer]];");
    terminal.row("100");
    let typed = "subtotal:{x+y}/!10";
    for (at, key) in typed.char_indices() {
        terminal.keys(&key.to_string());
        let rows = terminal.until("the line is whole", |rows| {
            rows.last()
                .is_some_and(|last| *last == format!("o) {}", &typed[..=at]))
        });
        let printed = rows[rows.len() - 2].parse::<u32>();
        assert!(printed.is_ok(), "{rows:?}");
    }
    terminal.until("more is printed", |rows| {
        rows.iter().any(|row| row == "130") && rows.last().unwrap() == &format!("o) {typed}")
    });
    terminal.keys("\r");
    terminal.row("45");
    terminal.keys("kill t;\r");
    terminal.keys("2+2\r");
    terminal.row("4");
    // Nothing that was printed is lost, doubled or out of order.
    let raw = terminal.raw();
    let mut numbers = raw.lines().filter_map(|line| {
        let line = line
            .rsplit(['\r', '\x1b'])
            .next()?
            .trim_start_matches("[A")
            .trim_start_matches("[K");
        line.parse::<u32>().ok().filter(|number| *number >= 100)
    });
    let first = numbers.next().unwrap();
    assert_eq!(first, 100);
    let mut last = first;
    for number in numbers {
        assert_eq!(number, last + 1);
        last = number;
    }
    assert!(last >= 130);
}

#[test]
fn what_a_failed_task_logs_does_not_spoil_the_line() {
    let person = Person::new();
    let terminal = person.sits_down();
    terminal.keys("spawn[1;\"rcv[s;300];1+`x\";[s:sub[1;pub[0;64]];timer:`timer]];\r");
    terminal.last("o)");
    terminal.keys("2*21");
    terminal.until("the log stands above", |rows| {
        rows.iter().any(|row| row.contains("ERROR")) && rows.last().unwrap() == "o) 2*21"
    });
    terminal.keys("\r");
    terminal.row("42");
}

#[test]
fn a_long_line_follows_the_terminals_width() {
    let person = Person::new();
    let terminal = person.sits_down();
    let sum = vec!["1"; 100].join("+");
    terminal.keys(&sum);
    terminal.until("it wraps", |rows| {
        rows.len() == 4 && rows[3].ends_with("+1")
    });
    terminal.resize(50);
    terminal.keys("+0");
    terminal.keys("\r");
    terminal.row("100");
    terminal.resize(132);
    // Twice the rows of the screen.
    terminal.keys(&vec!["1"; 3000].join("+"));
    terminal.keys("\r");
    terminal.row("3000");
    terminal.line("1+1");
    terminal.row("2");
}

#[test]
fn a_thousand_pasted_lines_are_run_one_after_another() {
    let person = Person::new();
    let terminal = person.sits_down();
    terminal.line("a:0");
    let mut lines = vec!["a+:1;"; 998];
    lines.extend(["f:{", "  x+1}"]);
    terminal.paste(&format!("{}\nf a", lines.join("\n")));
    // What has no line end waits for it.
    terminal.last("o) f a");
    terminal.keys("\r");
    terminal.row("999");
    terminal.keys("#");
    terminal.paste("1 2 3");
    terminal.last("o) #1 2 3");
    terminal.keys(CTRL_C);
    terminal.last("o)");
}

#[test]
fn ctrl_c_ends_a_paste() {
    let person = Person::new();
    let terminal = person.sits_down();
    terminal.paste("1+1\nprint 5;{x+1}/0\n7*191\n");
    terminal.row("5");
    terminal.keys(CTRL_C);
    terminal.until("it is over", |rows| {
        rows.iter().any(|row| row.starts_with("interrupt")) && rows.last().unwrap() == "o)"
    });
    assert!(!terminal.raw().contains("1337"));
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let person = Person::new();
    let terminal = Terminal::start(&person.command(), "dumb");
    terminal.last("o)");
    terminal.keys("f:{\r");
    terminal.keys("x+1}\r");
    terminal.keys("f 41\r");
    // What is typed ahead is echoed by the terminal, so that the answer may stand behind a prompt.
    terminal.until("the answer", |rows| {
        rows.iter().any(|row| row.ends_with("42")) && rows.last().unwrap() == "o)"
    });
    terminal.keys("print 1;{x+1}/0\r");
    terminal.row("1");
    terminal.keys(CTRL_C);
    terminal.until("it is interrupted", |rows| {
        rows.iter().any(|row| row.starts_with("interrupt")) && rows.last().unwrap() == "o)"
    });
    assert!(!terminal.raw().contains('\x1b'), "{:?}", terminal.raw());
    terminal.keys(CTRL_D);
    assert_eq!(terminal.end(), 0);
}

#[test]
fn colours_are_left_away_when_they_are_unwanted() {
    let person = Person::new();
    let mut command = person.command();
    command.env("NO_COLOR", "1");
    let terminal = Terminal::start(&command, "xterm-256color");
    terminal.last("o)");
    terminal.line("\"text\"");
    let raw = terminal.raw();
    for code in ["\x1b[0m", "\x1b[1m", "\x1b[32m"] {
        assert!(!raw.contains(code), "{raw:?}");
    }
    let terminal = person.sits_down();
    terminal.line("\"text\"");
    assert!(terminal.raw().contains("\x1b[32m\"text\"\x1b[0m"));
}

#[test]
fn the_terminal_is_put_back_whoever_ends_the_kernel() {
    let person = Person::new();
    let terminal = person.sits_down();
    terminal.keys("half a li");
    terminal.last("o) half a li");
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.end(), 143);
    let terminal = person.sits_down();
    // The terminal says so and its command shell as well: the kernel still ends in order.
    terminal.signal(Signal::HUP);
    terminal.signal(Signal::HUP);
    assert_eq!(terminal.end(), 129);
    let terminal = person.sits_down();
    terminal.keys("\\\\\r");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn compiling_shows_a_note_that_is_gone_afterwards() {
    let cache = tempfile::tempdir().unwrap();
    let mut command = okernel();
    command
        .args(["eval", "1+1", "--cores", "1"])
        .env("XDG_CACHE_HOME", cache.path());
    let terminal = Terminal::start(&command, "xterm-256color");
    terminal.row("2");
    assert_eq!(terminal.rows(), ["2"]);
    assert!(
        terminal.raw().contains("compiling shell"),
        "{:?}",
        terminal.raw()
    );
    assert_eq!(terminal.end(), 0);
    let cache = tempfile::tempdir().unwrap();
    let output = run_with(command.env("XDG_CACHE_HOME", cache.path()), b"");
    assert_eq!((output.status, output.stderr.as_str()), (0, ""));
}
