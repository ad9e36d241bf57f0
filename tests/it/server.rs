//! A kernel that listens, for tests of what reaches it over the network.

use crate::support::okernel;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStderr, ChildStdin, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A kernel that listens, with its console at our end of a pipe.
pub struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    _stderr: BufReader<ChildStderr>,
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// Its tokens.
    pub owner: String,
    pub viewer: String,
    /// Where it leaves them: `XDG_RUNTIME_DIR`.
    pub home: TempDir,
}

impl Server {
    /// Boots with these arguments more.
    pub fn start(more: &[&str]) -> Server {
        let home = tempfile::tempdir().unwrap();
        // Small rings share memory, which the first one makes and none gives back.
        let first = home.path().join("first.ok");
        fs::write(&first, "pub[0;4096];").unwrap();
        let mut command = okernel();
        command
            .args(["boot", "--listen", "127.0.0.1:0", "--init"])
            .arg(&first)
            .args(more)
            .env("XDG_RUNTIME_DIR", home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("web console at ") {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "the kernel ended");
        }
        let url = line.trim().rsplit(' ').next().unwrap();
        let place = url.split("://").nth(1).unwrap();
        let address = place.split('/').next().unwrap().to_string();
        let port = address.rsplit(':').next().unwrap();
        let file = home.path().join(format!("okernel/{port}.token"));
        let (owner, viewer) = match fs::read_to_string(&file) {
            Ok(text) => {
                assert_eq!(
                    fs::metadata(&file).unwrap().permissions().mode() & 0o777,
                    0o600
                );
                let (owner, viewer) = text.trim().split_once('\n').unwrap();
                assert!(url.ends_with(&format!("?token={owner}")));
                (owner.to_string(), viewer.to_string())
            }
            Err(_) => Default::default(),
        };
        Server {
            stdin: child.stdin.take(),
            child,
            _stderr: stderr,
            address,
            owner,
            viewer,
            home,
        }
    }

    /// How many descriptors it holds.
    pub fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        fs::read_dir(folder).unwrap().count()
    }

    /// How many descriptors it holds once it serves and nothing has changed for a moment: modules are read, and
    /// connections are closed, aside.
    pub fn settled(&self) -> usize {
        let answer = self.http(&format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", self.address));
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        let (mut count, mut since) = (self.descriptors(), Instant::now());
        while since.elapsed() < Duration::from_millis(300) {
            std::thread::sleep(Duration::from_millis(10));
            let now = self.descriptors();
            if now != count {
                (count, since) = (now, Instant::now());
            }
        }
        count
    }

    /// Waits until it holds no more descriptors than that.
    pub fn comes_back_to(&self, count: usize) {
        let started = Instant::now();
        while self.descriptors() > count {
            let now = self.descriptors();
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "{now} descriptors, {count} before"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends its input, and so the kernel, which must have gone well.
    pub fn stop(mut self) {
        drop(self.stdin.take());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
        assert!(
            fs::read_dir(self.home.path().join("okernel"))
                .unwrap()
                .next()
                .is_none(),
            "the token's file is still there"
        );
    }

    /// What it answers to some bytes.
    pub fn http(&self, request: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already when all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
