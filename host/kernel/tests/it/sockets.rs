//! Selectors for sockets: frames both ways, back-pressure, limits, and nothing left behind.

use crate::relay::{Relay, relay};
use crate::support::{Running, column, eventually, grants, ints, kernel, list, run, sym};
use okernel_abi::value::Value;
use okernel_core::Config;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const ANY: &str = "tcp://127.0.0.1:0";

fn stage() -> Running {
    run(kernel(2, Config::default()))
}

fn options<const N: usize>(pairs: [(&str, i64); N]) -> Value {
    grants(pairs.map(|(name, number)| (name, Value::Int(number))))
}

fn client(relay: &Relay) -> TcpStream {
    let stream = TcpStream::connect(relay.socket()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    stream
}

fn selectors(running: &Running, figure: &str) -> Vec<i64> {
    ints(&column(&running.request(list([sym("selectors")])), figure))
}

#[test]
fn connections_share_a_pair_of_rings() {
    let running = stage();
    let relay = relay(&running, 1, ANY, Value::Nil);
    let mut first = client(&relay);
    let (one, peer) = relay.expect("open");
    assert_eq!(peer, first.local_addr().unwrap().to_string());
    let mut second = client(&relay);
    let (two, _) = relay.expect("open");
    first.write_all(b"from the first").unwrap();
    assert_eq!(relay.expect("data"), (one, "from the first".to_string()));
    second.write_all(b"from the second").unwrap();
    assert_eq!(relay.expect("data"), (two, "from the second".to_string()));
    relay.send("data", two, b"to the second");
    relay.send("data", one, b"to the first");
    let mut bytes = [0; 13];
    second.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"to the second");
    first.read_exact(&mut bytes[..12]).unwrap();
    assert_eq!(&bytes[..12], b"to the first");
    assert_eq!(selectors(&running, "connections"), [2]);
    assert_eq!(selectors(&running, "in_bytes"), [29]);
    assert_eq!(selectors(&running, "out_bytes"), [25]);
    // A task closes: the peer sees the end, the task is told once all is written.
    relay.send("data", one, b"goodbye");
    relay.send("close", one, b"");
    assert_eq!(
        relay.expect("close"),
        (one, "closed by the task".to_string())
    );
    let mut rest = Vec::new();
    first.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"goodbye");
    // A peer closes: the task is told, and has the last word.
    drop(second);
    assert_eq!(relay.expect("end").0, two);
    relay.send("close", two, b"");
    assert_eq!(relay.expect("close").0, two);
    // What is for a connection that is no more, or makes no sense, is counted and ignored.
    relay.send("data", two, b"late");
    relay.send_raw(3, b"short");
    relay.send_raw(900, b"of no known kind");
    eventually("they are ignored", || selectors(&running, "ignored") == [3]);
    relay.silence();
    running.halt();
}

#[test]
fn a_half_closed_connection_can_still_be_written() {
    let running = stage();
    let relay = relay(&running, 0, ANY, Value::Nil);
    let mut stream = client(&relay);
    let (number, _) = relay.expect("open");
    stream.write_all(b"question").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(relay.expect("data").1, "question");
    assert_eq!(relay.expect("end").0, number);
    let answer = vec![b'a'; 3_000_000];
    for piece in answer.chunks(50_000) {
        relay.send("data", number, piece);
    }
    relay.send("end", number, b"");
    let mut came = Vec::new();
    stream.read_to_end(&mut came).unwrap();
    assert_eq!(came.len(), answer.len());
    assert_eq!(
        relay.expect("close"),
        (number, "closed by both sides".to_string())
    );
    running.halt();
}

#[test]
fn a_reset_is_told_as_one() {
    let running = stage();
    let relay = relay(&running, 0, ANY, Value::Nil);
    let stream = client(&relay);
    let (number, _) = relay.expect("open");
    relay.send("data", number, b"never read");
    // To close with something unread is to reset.
    assert_eq!(stream.peek(&mut [0; 5]).unwrap(), 5);
    drop(stream);
    assert_eq!(
        relay.expect("close"),
        (number, "reset by the peer".to_string())
    );
    running.halt();
}

#[test]
fn a_reader_that_pauses_stops_the_sockets_and_loses_nothing() {
    let running = stage();
    let small = options([("in", 65_536), ("message", 8192)]);
    let relay = relay(&running, 1, ANY, small);
    let mut stream = client(&relay);
    let (number, _) = relay.expect("open");
    relay.pause();
    stream.set_nonblocking(true).unwrap();
    let mut written = Vec::new();
    let mut blocked_since = Instant::now();
    while blocked_since.elapsed() < Duration::from_millis(300) {
        let piece = [written.len() as u8; 10_000];
        match stream.write(&piece) {
            Ok(count) => {
                written.extend(&piece[..count]);
                blocked_since = Instant::now();
                assert!(written.len() < 200 << 20, "nothing stops the peer");
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                thread::sleep(Duration::from_millis(2));
            }
        }
    }
    // The ring bounds what the kernel has taken.
    assert!(selectors(&running, "in_bytes")[0] <= 65_536);
    relay.go_on();
    assert!(
        relay.bytes(written.len()) == written,
        "in order, and nothing is lost"
    );
    drop(stream);
    assert_eq!(relay.expect("end").0, number);
    running.halt();
}

#[test]
fn a_socket_that_takes_nothing_holds_the_ring_up_and_then_ends() {
    let running = stage();
    let limits = options([("queue", 100_000), ("stall", 400), ("out", 262_144)]);
    let relay = relay(&running, 1, ANY, limits);
    let mut stuck = client(&relay);
    let (number, _) = relay.expect("open");
    let mut other = client(&relay);
    let (second, _) = relay.expect("open");
    let started = Instant::now();
    for _ in 0..1000 {
        relay.send("data", number, &[7; 50_000]);
    }
    relay.send("data", second, b"after all that");
    let (closed, why) = relay.expect("close");
    assert_eq!(closed, number);
    assert!(
        why.starts_with("slow: ") && why.ends_with("for 400 ms"),
        "{why}"
    );
    assert!(started.elapsed() >= Duration::from_millis(400));
    let mut bytes = [0; 14];
    other.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"after all that");
    assert_eq!(selectors(&running, "limited"), [1]);
    eventually("nothing is queued", || selectors(&running, "queued") == [0]);
    // The stuck one finds what was sent before, and then its end.
    let mut rest = Vec::new();
    let _ = stuck.read_to_end(&mut rest);
    assert!(rest.len() < 50_000_000 && rest.iter().all(|byte| *byte == 7));
    running.halt();
}

#[test]
fn a_slow_socket_that_goes_on_gets_everything() {
    let running = stage();
    let limits = options([("queue", 50_000), ("out", 65_536)]);
    let relay = relay(&running, 1, ANY, limits);
    let mut stream = client(&relay);
    let (number, _) = relay.expect("open");
    let count = 400;
    for piece in 0..count {
        relay.send("data", number, &[piece as u8; 30_000]);
    }
    relay.send("close", number, b"");
    let mut came = vec![0; 30_000];
    for piece in 0..count {
        if piece % 40 == 0 {
            thread::sleep(Duration::from_millis(30));
        }
        stream.read_exact(&mut came).unwrap();
        assert!(came.iter().all(|byte| *byte == piece as u8), "{piece}");
    }
    assert_eq!(stream.read(&mut came).unwrap(), 0);
    assert_eq!(relay.expect("close").0, number);
    running.halt();
}

#[test]
fn an_idle_connection_ends_and_a_busy_one_does_not() {
    let running = stage();
    let relay = relay(&running, 1, ANY, options([("idle", 500)]));
    let mut idle = client(&relay);
    let (first, _) = relay.expect("open");
    let mut busy = client(&relay);
    let (second, _) = relay.expect("open");
    let started = Instant::now();
    loop {
        busy.write_all(b"x").unwrap();
        match relay.next() {
            ("data", number, _) => assert_eq!(number, second),
            ("close", number, why) => {
                assert_eq!(number, first);
                assert_eq!(why, b"idle for 500 ms");
                break;
            }
            other => panic!("{}", other.0),
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert!(started.elapsed() >= Duration::from_millis(400));
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
    running.halt();
}

#[test]
fn no_more_connections_than_the_limit_are_open_and_the_others_wait() {
    let running = stage();
    let relay = relay(&running, 0, ANY, options([("connections", 2)]));
    let mut streams: Vec<_> = (0..4).map(|_| client(&relay)).collect();
    let first = relay.expect("open").0;
    relay.expect("open");
    relay.silence();
    drop(streams.remove(0));
    assert_eq!(relay.expect("end").0, first);
    relay.send("close", first, b"");
    assert_eq!(relay.expect("close").0, first);
    relay.expect("open");
    relay.silence();
    assert_eq!(selectors(&running, "connections"), [2]);
    running.halt();
}

#[test]
fn one_connection_is_made_and_its_end_ends_the_selector() {
    let running = stage();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost"] {
        let relay = relay(
            &running,
            1,
            &format!("tcp+connect://{host}:{port}"),
            Value::Nil,
        );
        let (mut stream, _) = listener.accept().unwrap();
        let (number, peer) = relay.expect("open");
        assert_eq!(peer, format!("127.0.0.1:{port}"));
        stream.write_all(b"hello").unwrap();
        assert_eq!(relay.expect("data"), (number, "hello".to_string()));
        // It may be spoken to without its number.
        relay.send_raw(0, b"plain bytes");
        let mut bytes = [0; 11];
        stream.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"plain bytes");
        drop(stream);
        relay.expect("end");
        relay.send("close", number, b"");
        relay.expect("close");
        eventually("the selector goes", || {
            selectors(&running, "selector").is_empty()
        });
        relay.end();
    }
    drop(listener);
    let relay = relay(
        &running,
        0,
        &format!("tcp+connect://127.0.0.1:{port}"),
        Value::Nil,
    );
    let (_, why) = relay.expect("close");
    assert!(why.to_lowercase().contains("refused"), "{why}");
    eventually("the selector goes", || {
        selectors(&running, "selector").is_empty()
    });
    running.halt();
}

#[test]
fn what_is_dropped_or_loses_its_task_leaves_nothing_behind() {
    let running = stage();
    for round in 0..4 {
        let relay = relay(&running, 1, ANY, Value::Nil);
        let mut streams: Vec<_> = (0..20).map(|_| client(&relay)).collect();
        (0..20).for_each(|_| drop(relay.expect("open")));
        for stream in &mut streams[..10] {
            stream.write_all(b"some").unwrap();
        }
        (0..10).for_each(|_| drop(relay.expect("data")));
        if round % 2 == 0 {
            let id = Value::Int(relay.numbers["id"]);
            assert_eq!(running.request(list([sym("drop"), id.clone()])), Value::Nil);
            (0..20).for_each(|_| assert_eq!(relay.expect("close").1, "dropped"));
            let again = running.request(list([sym("drop"), id]));
            assert!(matches!(again, Value::Error(text) if text.contains("no selector")));
            relay.end();
        } else {
            relay.end();
        }
        for stream in &mut streams {
            assert_eq!(stream.read(&mut [0; 8]).unwrap_or(0), 0);
        }
        eventually("the selector is gone", || {
            selectors(&running, "selector").is_empty()
        });
        eventually("the rings are gone", || {
            ints(&column(&running.request(list([sym("rings")])), "id")).is_empty()
        });
        assert!(
            TcpStream::connect(relay.socket()).is_err(),
            "nobody listens"
        );
    }
    running.halt();
}

#[test]
fn select_refuses_with_the_reason() {
    let running = stage();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("tcp://{}", taken.local_addr().unwrap());
    for (core, address, word) in [
        (0, at.as_str(), "in use"),
        (9, ANY, "no core 9"),
        (0, "tcp://nowhere", "IP address"),
        (0, "file:///no/such/file", "No such file"),
        (0, "file:///tmp", "directory"),
        (0, "ws://0.0.0.0:1", "TLS"),
    ] {
        let answer = running.request(list([
            sym("select"),
            Value::Int(core),
            Value::text(address),
        ]));
        let Value::Error(text) = answer else {
            panic!("{address}: {answer:?}");
        };
        assert!(
            text.starts_with("select: ") && text.contains(word),
            "{text}"
        );
    }
    assert!(ints(&column(&running.request(list([sym("rings")])), "id")).is_empty());
    running.halt();
}
