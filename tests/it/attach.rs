//! A person at a terminal far from the kernel: `okernel attach`.

use crate::pty::Terminal;
use crate::server::Server;
use crate::support::{okernel, run_with};
use rustix::process::Signal;
use std::process::Command;

const UP: &str = "\x1b[A";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

fn attach(server: &Server, more: &[&str]) -> Command {
    let mut command = okernel();
    command
        .args(["attach", &server.address])
        .args(more)
        .env("XDG_RUNTIME_DIR", server.home.path())
        .env("XDG_STATE_HOME", server.home.path().join("state"));
    command
}

fn sits_down(command: &Command) -> Terminal {
    let terminal = Terminal::start(command, "xterm-256color");
    terminal.last("o)");
    terminal
}

#[test]
fn the_line_is_edited_as_at_the_console() {
    let server = Server::start(&[]);
    let terminal = sits_down(&attach(&server, &[]));
    terminal.line("subtotal:40");
    // The names are those of the session over there.
    terminal.keys("2+subt\t\r");
    terminal.row("42");
    terminal.keys(UP);
    terminal.last("o) 2+subtotal");
    terminal.keys("+1\r");
    terminal.row("43");
    terminal.keys("f:{\r");
    terminal.keys("x*2};f 4\r");
    terminal.row("8");
    terminal.line("\"text\"");
    assert!(terminal.raw().contains("\x1b[32m\"text\"\x1b[0m"));
    terminal.keys("2+`a\r");
    terminal.until("the error has its caret", |rows| {
        let at = rows.iter().position(|row| row.starts_with("type: "));
        at.is_some_and(|at| rows[at + 1..].iter().any(|row| row.trim() == "^"))
    });
    terminal.keys(CTRL_D);
    assert_eq!(terminal.end(), 0);
    // What was typed is kept for the next time.
    let terminal = sits_down(&attach(&server, &[]));
    terminal.keys(UP);
    terminal.last("o) 2+`a");
    terminal.keys(CTRL_C);
    terminal.last("o)");
    terminal.keys("\\\\\r");
    assert_eq!(terminal.end(), 0);
    server.stop();
}

#[test]
fn ctrl_c_ends_what_runs_over_there() {
    let server = Server::start(&[]);
    let terminal = sits_down(&attach(&server, &[]));
    terminal.keys("print 1;{x+1}/0\r");
    terminal.row("1");
    terminal.keys(CTRL_C);
    terminal.until("it is interrupted", |rows| {
        rows.iter().any(|row| row.starts_with("interrupt")) && rows.last().unwrap() == "o)"
    });
    terminal.line("6*7");
    terminal.row("42");
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.end(), 143);
    server.stop();
}

#[test]
fn output_of_tasks_appears_above_the_line_that_is_typed() {
    let server = Server::start(&[]);
    let terminal = sits_down(&attach(&server, &[]));
    terminal.line("s:sub[1;pub[0;64]];");
    terminal
        .line("t:spawn[1;\"{print[x];rcv[s;20];o x+1}100\";[s:s;console:`console;timer:`timer]];");
    let typed = "+/!10";
    terminal.keys(typed);
    terminal.until("output comes, and the line stays", |rows| {
        rows.iter().any(|row| row == "120") && rows.last().unwrap() == &format!("o) {typed}")
    });
    terminal.keys("\r");
    terminal.row("45");
    terminal.keys(CTRL_D);
    assert_eq!(terminal.end(), 0);
    server.stop();
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let server = Server::start(&[]);
    let terminal = Terminal::start(&attach(&server, &[]), "dumb");
    terminal.last("o)");
    terminal.keys("f:{\r");
    terminal.keys("x+1}\r");
    terminal.keys("f 41\r");
    terminal.until("the answer", |rows| {
        rows.iter().any(|row| row.ends_with("42")) && rows.last().unwrap() == "o)"
    });
    // The first line of an input is forgotten when its second is interrupted.
    terminal.keys("g:{\r");
    terminal.last("o) g:{");
    terminal.until("the input goes on", |_| terminal.raw().ends_with("   "));
    terminal.keys(CTRL_C);
    terminal.last("o)");
    terminal.keys("7*7\r");
    terminal.until("the answer", |rows| {
        rows.iter().any(|row| row.ends_with("49")) && rows.last().unwrap() == "o)"
    });
    assert!(!terminal.raw().contains('\x1b'), "{:?}", terminal.raw());
    terminal.keys(CTRL_D);
    assert_eq!(terminal.end(), 0);
    server.stop();
}

#[test]
fn the_consoles_session_can_be_joined() {
    let server = Server::start(&[]);
    let one = run_with(&mut attach(&server, &["--join"]), b"shared:6;\n");
    assert_eq!(one.ok(), "");
    let two = run_with(&mut attach(&server, &["--join"]), b"7*shared\n");
    assert_eq!(two.ok(), "42\n");
    let own = run_with(&mut attach(&server, &[]), b"shared\n");
    assert!(own.failed(1).contains("name"));
    server.stop();
}

#[test]
fn lines_from_a_pipe_are_evaluated_one_after_another() {
    let server = Server::start(&[]);
    let output = run_with(
        &mut attach(&server, &[]),
        b"1+1\nf:{\nx+1};\nf 2\n2+`a\n3\n",
    );
    assert_eq!(output.stdout, "2\n3\n3\n");
    assert!(output.failed(1).starts_with("type: "));
    server.stop();
}

#[test]
fn who_cannot_come_in_is_told_why() {
    let server = Server::start(&[]);
    let home = tempfile::tempdir().unwrap();
    let refused = |args: &[&str]| {
        let mut command = okernel();
        command.args(args).env("XDG_RUNTIME_DIR", home.path());
        let output = run_with(&mut command, b"");
        let text = output.failed(1);
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    };
    for verb in ["attach", "top"] {
        let more: &[&str] = if verb == "top" { &["--once"] } else { &[] };
        let refused = |url: &str| refused(&[&[verb, url], more].concat());
        assert!(refused(&server.address).contains("--token-file"), "{verb}");
        let url = format!("http://{}/?token={}", server.address, "0".repeat(64));
        assert!(refused(&url).contains("token is not this kernel's"));
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/?token=x", nobody.local_addr().unwrap());
        drop(nobody);
        assert!(refused(&url).contains("refused"), "{verb}");
        assert!(refused("ftp://x").contains("http://"), "{verb}");
    }
    server.stop();
}

#[test]
fn top_prints_its_tables_and_shows_them() {
    let server = Server::start(&["--cores", "2"]);
    let url = format!("http://{}/?token={}", server.address, server.viewer);
    let output = run_with(okernel().args(["top", "--once", &url]), b"").ok();
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].starts_with("CORE     CPU"), "{output}");
    assert!(lines[2].starts_with("   1 "), "{output}");
    assert!(
        lines.iter().any(|line| line.contains("  shell ")),
        "{output}"
    );
    let terminal = Terminal::start(okernel().args(["top", &url]), "xterm-256color");
    terminal.until("the shell is shown", |rows| {
        let head = rows
            .first()
            .is_some_and(|row| row.contains(&server.address));
        head && rows.iter().any(|row| row.contains(" shell "))
    });
    terminal.keys("\t");
    terminal.until("the rings are shown", |rows| {
        rows.iter().any(|row| row.contains(" stats "))
    });
    terminal.keys("q");
    assert_eq!(terminal.end(), 0);
    server.stop();
}
