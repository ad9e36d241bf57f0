//! Sockets and files through the real binary: the demos `echo`, `http` and `tail`.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

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

#[test]
fn a_thousand_connections_get_back_what_they_send() {
    // A thousand descriptors and those of the test itself.
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    let mut demo = Demo::start(&["demos/echo.ok", "tcp://127.0.0.1:0"]);
    let line = demo.line();
    let at = line.strip_prefix("echo at tcp://").expect(&line);
    let mut streams: Vec<_> = (0..1000).map(|_| connect(at)).collect();
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
    assert!(demo.descriptors() > 1000);
    drop(streams);
    let until = Instant::now() + PATIENCE;
    // A kernel that has just started has some more for a moment, so the bound is a round one.
    while demo.descriptors() > 100 {
        assert!(Instant::now() < until, "{} descriptors", demo.descriptors());
        std::thread::sleep(Duration::from_millis(10));
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
