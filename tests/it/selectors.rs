//! Sockets and files through the real binary: the demos `echo`, `http` and `tail`.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use tungstenite::Message;

use crate::support::okernel;

const PATIENCE: Duration = Duration::from_secs(60);

/// A demo that runs until it is killed.
struct Demo {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Demo {
    fn start(args: &[&str]) -> Demo {
        let mut child = okernel()
            .arg("run")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Demo { child, stdout }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_string()
    }

    fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(folder).unwrap().count()
    }

    /// Waits until it holds fewer descriptors than that.
    fn comes_back_to(&self, count: usize) {
        let until = Instant::now() + PATIENCE;
        while self.descriptors() >= count {
            assert!(Instant::now() < until, "{} descriptors", self.descriptors());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until no module is compiled ahead any more: with a cold cache that takes memory for some seconds.
    fn is_warmed_up(&self) {
        let tasks = format!("/proc/{}/task", self.child.id());
        let warms_up = || {
            let threads = std::fs::read_dir(&tasks).unwrap().flatten();
            let mut names = threads
                .filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
            names.any(|name| name.trim() == "warm-up")
        };
        let until = Instant::now() + PATIENCE;
        while warms_up() {
            assert!(Instant::now() < until, "modules are still compiled");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Memory that it uses.
    fn resident_bytes(&self) -> usize {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
        kibibytes.parse::<usize>().unwrap() << 10
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(at: &str) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Descriptors of the test itself, and of those beside it.
const DESCRIPTORS: usize = 1000;

/// How many connections one core serves at a time: `OKERNEL_CONNECTIONS`, or a thousand; no more than the system
/// allows.
fn connections() -> usize {
    let wanted = std::env::var("OKERNEL_CONNECTIONS");
    let wanted = wanted.map_or(1000, |count| count.parse().unwrap());
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    let most = limit
        .maximum
        .map_or(wanted, |most| (most as usize).saturating_sub(DESCRIPTORS));
    if most < wanted {
        eprintln!("NOT TESTED: {wanted} connections; the system allows {most} descriptors");
    }
    wanted.min(most)
}

/// What a connection may cost the kernel and its task, in bytes; and what all of them cost once: the pages of the
/// two rings, each in several mappings, and of the task's code.
const CONNECTION_BYTES_MAX: usize = 4 << 10;
const RINGS_BYTES_MAX: usize = 16 << 20;

/// Opens connections and lets each have its own bytes back, three times.
fn everybody_is_answered(at: &str, count: usize) -> Vec<TcpStream> {
    let mut streams: Vec<_> = (0..count).map(|_| connect(at)).collect();
    for round in 0..3 {
        let text = |number: usize| format!("{number} {round} ").repeat(40);
        for (number, stream) in streams.iter_mut().enumerate() {
            stream.write_all(text(number).as_bytes()).unwrap();
        }
        for (number, stream) in streams.iter_mut().enumerate() {
            let mut came = vec![0; text(number).len()];
            stream.read_exact(&mut came).unwrap();
            assert_eq!(came, text(number).as_bytes());
        }
    }
    streams
}

#[test]
fn thousands_of_connections_get_back_what_they_send_in_bounded_memory() {
    let count = connections();
    let mut demo = Demo::start(&["--cores", "1", "demos/echo.ok", "tcp://127.0.0.1:0"]);
    let line = demo.line();
    let at = line.strip_prefix("echo at tcp://").expect(&line);
    demo.is_warmed_up();
    let before = demo.resident_bytes();
    let mut peaks = Vec::new();
    for _ in 0..4 {
        let started = Instant::now();
        let streams = everybody_is_answered(at, count);
        assert!(demo.descriptors() > count);
        peaks.push(demo.resident_bytes());
        drop(streams);
        // A kernel that has just started has some more for a moment, so the bound is a round one.
        demo.comes_back_to(100);
        eprintln!(
            "{count} connections in {} ms, {} KiB more than without",
            started.elapsed().as_millis(),
            (peaks[peaks.len() - 1] - before) >> 10
        );
    }
    let bound = before + RINGS_BYTES_MAX + count * CONNECTION_BYTES_MAX;
    assert!(
        peaks[0] < bound,
        "{before} bytes before, {peaks:?} with {count}"
    );
    // Connections of before leave nothing behind: once the heap has its size, in the second round, it keeps it.
    assert!(
        peaks[3] < peaks[1] + (peaks[1] - before) / 10,
        "{before}, {peaks:?}"
    );
}

#[test]
fn messages_of_a_web_socket_come_back_as_what_they_were() {
    let mut demo = Demo::start(&["demos/echo.ok", "ws://127.0.0.1:0"]);
    let line = demo.line();
    let at = line.strip_prefix("echo at ").expect(&line);
    let (mut socket, _) = tungstenite::connect(format!("{at}/")).unwrap();
    for message in [
        Message::text("h\u{e9}"),
        Message::binary(Vec::new()),
        Message::text(""),
        Message::binary(vec![255; 60_000]),
    ] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
}

#[test]
fn a_page_is_served() {
    let mut demo = Demo::start(&["demos/http.ok", "tcp://127.0.0.1:0", "a page"]);
    let line = demo.line();
    let at = line.strip_prefix("page at http://").expect(&line);
    let mut stream = connect(at);
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.ends_with("<h1>a page</h1>\n<p>Request 1.</p>\n"),
        "{answer}"
    );
}

#[test]
fn a_log_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, "an error of before\n").unwrap();
    let mut demo = Demo::start(&["demos/tail.ok", path.to_str().unwrap(), "error"]);
    assert_eq!(demo.line(), format!("following {}", path.display()));
    let mut log = OpenOptions::new().append(true).open(&path).unwrap();
    log.write_all(b"fine\nan error\n").unwrap();
    assert_eq!(demo.line(), "an error");
    std::fs::rename(&path, folder.path().join("log.1")).unwrap();
    std::fs::write(&path, "error in the new file\n").unwrap();
    assert_eq!(demo.line(), "error in the new file");
}

#[test]
fn programs_in_o_speak_to_sockets_too() {
    let lines = "n:select[0;\"tcp://127.0.0.1:0\"];\n\
        m:select[1;\"tcp+connect://\",6_n`at];\n\
        a:rcv n`in; b:rcv m`in; (*a;*b)\n\
        snd[m`out;\"hello\"]; 2_rcv n`in\n\
        snd[n`out;(`data;a 1;\"back\")]; snd[n`out;(`close;a 1)];\n\
        2_rcv m`in\n*rcv m`in\n(#selectors[];drop n;^drop m`id)\n";
    let output = crate::support::shell(lines);
    assert!(
        output
            .stdout
            .starts_with("`open`open\n,\"hello\"\n,\"back\"\n`end\n"),
        "{output:?}"
    );
    let output = crate::support::shell(
        "spawn[0;\"select[0;\\\"timer://1s\\\"]\"];rcv[sub[0;pub[0;64]];200];\n",
    );
    assert!(output.stderr.contains("not granted"), "{}", output.stderr);
}
