//! The binary as a child process: run to its end with input, output and a time limit.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// No run of the binary in these tests may take longer.
const RUN_SECONDS_MAX: u64 = 120;

/// What a run left.
#[derive(Debug)]
pub struct Output {
    /// Exit status, or -1 when a signal ended it.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// The standard output of a run that must have gone well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(
            self.status, 0,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self.stdout
    }

    /// The standard error of a run that must have ended with `status`.
    #[track_caller]
    pub fn failed(self, status: i32) -> String {
        assert_eq!(
            self.status, status,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self.stderr
    }
}

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// A command for the binary; its cache is the tests' own.
pub fn okernel() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_okernel"));
    command
        .current_dir(root())
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Runs the binary with `args`, nothing on standard input.
pub fn run(args: &[&str]) -> Output {
    run_with(okernel().args(args), b"")
}

/// Boots the shell with `input` on standard input.
pub fn shell(input: &str) -> Output {
    run_with(&mut okernel(), input.as_bytes())
}

/// Runs `command` to its end with `input` on its standard input.
///
/// # Panics
/// It does not end in time (it is killed then), or cannot be started.
pub fn run_with(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A child that ends early closes its input: that is not the writer's failure.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    let status = wait(&mut child);
    writer.join().unwrap();
    Output {
        status,
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

fn collect(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("the output is read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child) -> i32 {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        if started.elapsed() > Duration::from_secs(RUN_SECONDS_MAX) {
            child.kill().unwrap();
            panic!("the binary did not end within {RUN_SECONDS_MAX} s");
        }
        thread::sleep(Duration::from_millis(2));
    }
}
