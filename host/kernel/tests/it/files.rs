//! Selectors for files and timers.

use crate::relay::relay;
use crate::support::{PATIENCE, Running, column, eventually, ints, item, kernel, list, run, sym};
use okernel_abi::connection::CONNECTION_BYTES;
use okernel_abi::value::Value;
use okernel_core::Config;
use okernel_ring::FRAME_HEADER_BYTES;
use rustix::fs::{CWD, Mode, mkfifoat};
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::{TryRecvError, channel};
use std::time::{Duration, Instant};

/// A folder of a test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("okernel-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn stage() -> Running {
    run(kernel(2, Config::default()))
}

fn none_left(running: &Running) -> bool {
    ints(&column(
        &running.request(list([sym("selectors")])),
        "selector",
    ))
    .is_empty()
}

#[test]
fn a_file_is_read_to_its_end() {
    let (running, folder) = (stage(), Folder::new("read"));
    let path = folder.file("text");
    let text: Vec<u8> = (0..3_000_000u32)
        .map(|n| (n.wrapping_mul(n) % 251) as u8)
        .collect();
    for length in [0, 1, 100_000, 3_000_000] {
        fs::write(&path, &text[..length]).unwrap();
        let relay = relay(
            &running,
            1,
            &format!("file://{}", path.display()),
            Value::Nil,
        );
        assert_eq!(relay.expect("open"), (1, path.display().to_string()));
        assert!(relay.bytes(length) == text[..length]);
        relay.expect("end");
        assert_eq!(relay.expect("close").1, "end of the file");
        eventually("the selector goes", || none_left(&running));
    }
    running.halt();
}

#[test]
fn a_file_is_followed_through_truncation_and_rotation() {
    let (running, folder) = (stage(), Folder::new("rotate"));
    let path = folder.file("log");
    fs::write(&path, b"old\n").unwrap();
    let follow = format!("file://{}?mode=follow", path.display());
    let relay = relay(&running, 1, &follow, Value::Nil);
    relay.expect("open");
    assert_eq!(relay.bytes(4), b"old\n");
    let mut log = OpenOptions::new().append(true).open(&path).unwrap();
    for line in ["one\n", "two\n", "three\n"] {
        log.write_all(line.as_bytes()).unwrap();
        assert_eq!(relay.bytes(line.len()), line.as_bytes());
    }
    relay.silence();
    log.set_len(0).unwrap();
    assert_eq!(relay.expect("close"), (1, "truncated".to_string()));
    assert_eq!(relay.expect("open").0, 2);
    log.write_all(b"after the cut\n").unwrap();
    assert_eq!(relay.bytes(14), b"after the cut\n");
    fs::rename(&path, folder.file("log.1")).unwrap();
    log.write_all(b"last of the old\n").unwrap();
    assert_eq!(relay.bytes(16), b"last of the old\n");
    fs::write(&path, b"first of the new\n").unwrap();
    assert_eq!(relay.expect("close"), (2, "replaced".to_string()));
    assert_eq!(relay.expect("open").0, 3);
    assert_eq!(relay.bytes(17), b"first of the new\n");
    let mut log = OpenOptions::new().append(true).open(&path).unwrap();
    log.write_all(b"and more\n").unwrap();
    assert_eq!(relay.bytes(9), b"and more\n");
    let id = Value::Int(relay.numbers["id"]);
    assert_eq!(running.request(list([sym("drop"), id])), Value::Nil);
    assert_eq!(relay.expect("close"), (3, "dropped".to_string()));
    running.halt();
}

#[test]
fn a_file_can_be_followed_from_its_end() {
    let (running, folder) = (stage(), Folder::new("tail"));
    let path = folder.file("log");
    fs::write(&path, b"what was before").unwrap();
    let address = format!("file://{}?mode=tail", path.display());
    let relay = relay(&running, 0, &address, Value::Nil);
    relay.expect("open");
    let mut log = OpenOptions::new().append(true).open(&path).unwrap();
    log.write_all(b"new").unwrap();
    assert_eq!(relay.bytes(3), b"new");
    running.halt();
}

#[test]
fn a_file_is_appended_to_in_order_and_to_the_end() {
    let (running, folder) = (stage(), Folder::new("append"));
    let path = folder.file("log");
    fs::write(&path, b"there ").unwrap();
    let append = format!("file://{}?mode=append", path.display());
    let relay = relay(&running, 1, &append, Value::Nil);
    relay.expect("open");
    relay.send("data", 1, b"as data ");
    relay.send_raw(0, b"as bytes ");
    relay.send_raw(1, &Value::text("as a value\n").to_bytes());
    let mut expected = b"there as data as bytes as a value\n".to_vec();
    for piece in 0..100u8 {
        relay.send("data", 1, &[piece; 20_000]);
        expected.extend([piece; 20_000]);
    }
    // The task ends: everything that it published is written.
    relay.end();
    eventually("the selector goes", || none_left(&running));
    assert!(fs::read(&path).unwrap() == expected);
    running.halt();
}

/// A pipe stands for a disk that writes nothing for a while.
#[test]
fn a_file_that_is_slow_holds_up_whoever_drops_it_and_not_its_core() {
    let (running, folder) = (stage(), Folder::new("slow"));
    let path = folder.file("pipe");
    mkfifoat(CWD, &path, Mode::from(0o600)).unwrap();
    let mut reader = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let relay = relay(
        &running,
        1,
        &format!("file://{}?mode=append", path.display()),
        Value::Nil,
    );
    relay.expect("open");
    let sent: Vec<u8> = (0..200_000u32).map(|at| (at % 251) as u8).collect();
    for piece in sent.chunks(20_000) {
        relay.send("data", 1, piece);
    }
    let published = || {
        let rings = running.request(list([sym("rings")]));
        let row = ints(&column(&rings, "id"))
            .iter()
            .position(|id| *id == relay.numbers["out"]);
        item(&column(&rings, "position"), row.unwrap())
    };
    let frames = FRAME_HEADER_BYTES + CONNECTION_BYTES + 20_000;
    let all = Value::Int(10 * frames as i64);
    eventually("all is published", || published() == all);
    let (tell, dropped) = channel();
    let drop = list([sym("drop"), Value::Int(relay.numbers["id"])]);
    running
        .control
        .request(drop, move |answer| tell.send(answer).unwrap());
    // The core serves others meanwhile.
    let ticks = self::relay(&running, 1, "timer://1ms", Value::Nil);
    for _ in 0..50 {
        ticks.next();
    }
    assert_eq!(dropped.try_recv(), Err(TryRecvError::Empty));
    let mut written = vec![0; sent.len()];
    reader.read_exact(&mut written).unwrap();
    assert!(written == sent);
    assert_eq!(dropped.recv_timeout(PATIENCE), Ok(Value::Nil));
    ticks.end();
    assert!(relay.expect("close").1.contains("dropped"));
    relay.end();
    eventually("the selectors go", || none_left(&running));
    running.halt();
}

#[test]
fn a_pipe_holds_nobody_up_who_opens_it() {
    let (running, folder) = (stage(), Folder::new("pipe"));
    let path = folder.file("pipe");
    mkfifoat(CWD, &path, Mode::from(0o600)).unwrap();
    let select = |mode: &str| {
        let address = format!("file://{}{mode}", path.display());
        match running.request(list([sym("select"), Value::Int(1), Value::text(&address)])) {
            Value::Error(text) => text,
            other => panic!("{other:?}"),
        }
    };
    for mode in ["", "?mode=follow"] {
        let text = select(mode);
        assert!(
            text.contains("it is a pipe, which can only be appended to"),
            "{text}"
        );
    }
    // Nobody reads it.
    let text = select("?mode=append");
    assert!(text.contains("No such device or address"), "{text}");
    running.halt();
}

#[test]
fn a_full_disk_is_the_reason_of_the_close() {
    let running = stage();
    let relay = relay(&running, 1, "file:///dev/full?mode=append", Value::Nil);
    relay.expect("open");
    relay.send("data", 1, b"more than it holds");
    let (_, why) = relay.expect("close");
    assert!(why.contains("/dev/full: No space left"), "{why}");
    eventually("the selector goes", || none_left(&running));
    running.halt();
}

#[test]
fn a_timer_ticks_and_counts_what_nobody_took() {
    let running = stage();
    let started = Instant::now();
    let relay = relay(&running, 1, "timer://10ms", Value::Nil);
    let ticks = |count: i64| {
        let mut sum = 0;
        while sum < count {
            let (_, _, payload) = relay.next();
            match Value::decode(&payload) {
                Ok(Value::Int(ticks)) => sum += ticks,
                other => panic!("{other:?}"),
            }
        }
        sum
    };
    ticks(20);
    assert!(started.elapsed() >= Duration::from_millis(199));
    relay.end();
    eventually("the selector goes with its task", || none_left(&running));
    running.halt();
}
