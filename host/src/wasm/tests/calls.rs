//! What the system calls answer, with a kernel behind them.

use std::io::Write;
use std::sync::Arc;

use okernel_abi::Errno;
use okernel_abi::layout::{HandleKind, RingInfo, Window};
use okernel_abi::value::Value;
use okernel_core::{Context, CoreId, FileGrant, Grant, Kernel, Spawn};
use okernel_ring::Policy;

use super::probe::{PROBE_BYTES, Probe, probe};
use super::system::{in_task, symbol};

const AGAIN: i64 = -(Errno::Again as i64);
const CLOSED: i64 = -(Errno::Closed as i64);
const TOO_LARGE: i64 = -(Errno::TooLarge as i64);
const WRONG_KIND: i64 = -(Errno::WrongKind as i64);
const INVALID: i64 = -(Errno::Invalid as i64);
const UNSUPPORTED: i64 = -(Errno::Unsupported as i64);
const NOT_GRANTED: i64 = -(Errno::NotGranted as i64);

fn handle(cx: &Context, name: &str) -> u64 {
    cx.grant(name).unwrap().0.into()
}

/// A task with a ring of this capacity and a reader of it.
fn with_ring<R: Send + 'static>(
    capacity: u64,
    policy: Policy,
    work: impl FnOnce(&mut Context, &mut Probe, u64, u64) -> R + Send + 'static,
) -> R {
    let prepare = |kernel: &mut Kernel, spawn: Spawn| {
        let ring = kernel.publish(CoreId::BOOT, capacity).unwrap();
        let reader = kernel.subscribe(CoreId::BOOT, ring, policy).unwrap();
        spawn
            .grant("out", Grant::Endpoint(ring))
            .grant("in", Grant::Endpoint(reader))
    };
    in_task(prepare, |cx| {
        let (writer, reader) = (handle(cx, "out"), handle(cx, "in"));
        work(cx, &mut probe(), writer, reader)
    })
}

fn ring_info(cx: &mut Context, probe: &mut Probe, handle: u64) -> RingInfo {
    assert_eq!(probe.syscall(cx, "ring_info", &[handle, 64]), 0);
    let bytes = probe.read(64, RingInfo::BYTES);
    RingInfo::decode(bytes.as_slice().try_into().unwrap()).unwrap()
}

#[test]
fn grants_are_found_by_name_and_everything_else_is_not_granted() {
    in_task(
        |_, spawn| {
            spawn
                .grant("clock", Grant::Clock)
                .args(vec!["a".into(), "bc".into()])
        },
        |cx| {
            let mut probe = probe();
            probe.write(0, b"clock\xff");
            let clock = probe.syscall(cx, "grant", &[0, 5]);
            assert_eq!(clock as u64, handle(cx, "clock"));
            assert_eq!(probe.syscall(cx, "grant", &[0, 4]), NOT_GRANTED);
            assert_eq!(
                probe.syscall(cx, "grant", &[0, 6]),
                -(Errno::Malformed as i64)
            );
            assert_eq!(probe.syscall(cx, "grant", &[0, 60_000]), NOT_GRANTED);
            let kind = probe.syscall(cx, "handle_kind", &[clock as u64]);
            assert_eq!(kind, HandleKind::Clock as i64);
            let first = probe.syscall(cx, "clock", &[clock as u64]);
            assert!(first > 0 && probe.syscall(cx, "clock", &[clock as u64]) >= first);
            for call in ["timer_take", "sub_readable", "file_size", "ring_map"] {
                assert_eq!(
                    probe.syscall(cx, call, &[clock as u64]),
                    WRONG_KIND,
                    "{call}"
                );
            }
            let names = probe.syscall(cx, "grants", &[0, 1000]);
            let names = Value::decode(&probe.read(0, names as usize)).unwrap();
            assert_eq!(names, Value::Symbols(vec!["clock".into()]));
            let args = probe.syscall(cx, "args", &[0, 8]);
            assert!(
                args > 8,
                "the whole length is answered when only a part fits"
            );
            probe.syscall(cx, "args", &[0, args as u64]);
            let args = Value::decode(&probe.read(0, args as usize)).unwrap();
            assert_eq!(args, Value::List(vec![Value::text("a"), Value::text("bc")]));
        },
    );
}

#[test]
fn a_ring_says_whether_it_has_a_window() {
    let info = |capacity, policy| {
        with_ring(capacity, policy, |cx, probe, writer, reader| {
            let both = [writer, reader].map(|handle| ring_info(cx, probe, handle));
            let mapped = [writer, reader].map(|handle| probe.syscall(cx, "ring_map", &[handle]));
            let again = [writer, reader].map(|handle| probe.syscall(cx, "ring_map", &[handle]));
            assert_eq!(mapped, again, "the same address is answered each time");
            (
                both.map(|info| info.window),
                mapped.map(|address| address >= 0),
                both,
                mapped,
            )
        })
    };
    let (windows, mapped, both, _) = info(32 * 1024, Policy::Block);
    assert_eq!((windows, mapped), ([Window::Map; 2], [true; 2]));
    assert_eq!(
        both.map(|info| info.kind),
        [HandleKind::Publisher, HandleKind::Subscriber]
    );
    assert_eq!(both.map(|info| info.capacity_bytes), [32 * 1024; 2]);
    let (windows, _, _, mapped) = info(16 * 1024, Policy::Block);
    assert_eq!((windows, mapped), ([Window::Copy; 2], [UNSUPPORTED; 2]));
    for policy in [Policy::Lap, Policy::Kick] {
        let (windows, mapped, ..) = info(64 * 1024, policy);
        assert_eq!(
            (windows, mapped),
            ([Window::Map, Window::Copy], [true, false])
        );
    }
}

#[test]
fn claims_commits_and_releases_are_checked() {
    with_ring(4096, Policy::Block, |cx, probe, writer, reader| {
        assert_eq!(probe.syscall(cx, "sub_readable", &[reader]), AGAIN);
        assert_eq!(probe.syscall(cx, "pub_claim", &[writer, 2, 1]), INVALID);
        assert_eq!(
            probe.syscall(cx, "pub_claim", &[writer, 5000, 5000]),
            TOO_LARGE
        );
        assert_eq!(probe.syscall(cx, "pub_claim", &[writer, 8, 100_000]), 4096);
        assert_eq!(probe.syscall(cx, "pub_claim", &[writer, 8, 100]), 100);
        assert_eq!(probe.syscall(cx, "pub_commit", &[writer, 5000]), INVALID);
        assert_eq!(probe.syscall(cx, "pub_commit", &[writer, 100]), 100);
        assert_eq!(probe.syscall(cx, "sub_readable", &[reader]), 100);
        assert_eq!(probe.syscall(cx, "sub_release", &[reader, 101]), INVALID);
        assert_eq!(probe.syscall(cx, "sub_release", &[reader, 100]), 100);
        assert_eq!(ring_info(cx, probe, reader).position, 100);
        assert_eq!(probe.syscall(cx, "pub_commit", &[reader, 1]), WRONG_KIND);
        assert_eq!(probe.syscall(cx, "sub_release", &[writer, 1]), WRONG_KIND);
        assert_eq!(probe.syscall(cx, "wait", &[writer, 100]), 1);
        assert_eq!(probe.syscall(cx, "wait", &[reader, 1]), 0);
    });
}

#[test]
fn small_rings_are_written_and_read_by_copies() {
    with_ring(4096, Policy::Block, |cx, probe, writer, reader| {
        let text: Vec<u8> = (0..3000_u32).map(|i| i as u8).collect();
        probe.write(1000, &text);
        for round in 0..3 {
            assert_eq!(probe.syscall(cx, "pub_write", &[writer, 1000, 3000]), 3000);
            assert_eq!(probe.syscall(cx, "pub_write", &[writer, 1000, 3000]), AGAIN);
            assert_eq!(
                probe.syscall(cx, "pub_write", &[writer, 1000, 5000]),
                TOO_LARGE
            );
            assert_eq!(probe.syscall(cx, "pub_write", &[writer, 1000, 0]), 0);
            assert_eq!(
                probe.syscall(cx, "sub_peek", &[reader, 0, 8000, 5000]),
                3000
            );
            assert_eq!(probe.read(8000, 3000), text, "round {round}");
            assert_eq!(
                probe.syscall(cx, "sub_peek", &[reader, 2990, 20_000, 100]),
                10
            );
            assert_eq!(probe.read(20_000, 10), text[2990..]);
            assert_eq!(
                probe.syscall(cx, "sub_peek", &[reader, 3000, 20_000, 100]),
                0
            );
            assert_eq!(
                probe.syscall(cx, "sub_peek", &[reader, u32::MAX.into(), 0, 100]),
                0
            );
            assert_eq!(probe.syscall(cx, "sub_release", &[reader, 3000]), 3000);
        }
        assert_eq!(probe.syscall(cx, "sub_missed", &[reader]), 0);
        assert_eq!(probe.syscall(cx, "close", &[writer]), 0);
        assert_eq!(probe.syscall(cx, "sub_readable", &[reader]), CLOSED);
        assert_eq!(probe.syscall(cx, "sub_peek", &[reader, 0, 0, 10]), CLOSED);
        assert_eq!(
            probe.syscall(cx, "close", &[writer]),
            -(Errno::BadHandle as i64)
        );
    });
}

#[test]
fn one_call_copies_a_bounded_amount() {
    let (_kept, file) = file_of(&vec![7; 3 << 20]);
    let prepare = |kernel: &mut Kernel, spawn: Spawn| {
        kernel
            .console(Box::new(std::io::sink()), Box::new(std::io::sink()))
            .unwrap();
        let ring = kernel.publish(CoreId::BOOT, 4 << 20).unwrap();
        let reader = kernel.subscribe(CoreId::BOOT, ring, Policy::Lap).unwrap();
        let spawn = spawn
            .grant("out", Grant::Endpoint(ring))
            .grant("in", Grant::Endpoint(reader));
        spawn.grant("file", file).grant("console", Grant::Console)
    };
    in_task(prepare, |cx| {
        let mut probe = probe();
        probe.call::<_, u32>("grow", 64_u32).unwrap();
        let [file, writer, reader, console] =
            ["file", "out", "in", "console"].map(|name| handle(cx, name));
        assert_eq!(
            probe.syscall(cx, "file_read", &[file, 0, 0, 3 << 20]),
            1 << 20
        );
        assert_eq!(
            probe.syscall(cx, "pub_write", &[writer, 0, 3 << 20]),
            TOO_LARGE
        );
        assert_eq!(
            probe.syscall(cx, "console_write", &[console, 0, 3 << 20]),
            TOO_LARGE
        );
        for offset in 0..2 {
            assert_eq!(
                probe.syscall(cx, "file_publish", &[file, offset, writer, 3 << 20]),
                1 << 20
            );
        }
        assert_eq!(
            probe.syscall(cx, "sub_peek", &[reader, 0, 0, 3 << 20]),
            1 << 20
        );
        assert_eq!(
            probe.syscall(cx, "sub_peek", &[reader, (2 << 20) - 5, 0, 3 << 20]),
            5
        );
        assert_eq!(
            probe.syscall(cx, "sub_peek", &[reader, 2 << 20, 0, 3 << 20]),
            0
        );
        assert_eq!(
            probe.syscall(cx, "sub_peek", &[reader, 3 << 20, 0, 3 << 20]),
            0
        );
    });
}

#[test]
fn a_reader_that_was_overtaken_is_told_what_it_missed() {
    with_ring(4096, Policy::Lap, |cx, probe, writer, reader| {
        for _ in 0..3 {
            assert_eq!(probe.syscall(cx, "pub_write", &[writer, 0, 4000]), 4000);
        }
        assert_eq!(
            probe.syscall(cx, "sub_readable", &[reader]),
            -(Errno::Lapped as i64)
        );
        let mut read = 0;
        loop {
            let readable = probe.syscall(cx, "sub_readable", &[reader]);
            if readable == AGAIN {
                break;
            }
            read += readable;
            probe.syscall(cx, "sub_release", &[reader, readable as u64]);
        }
        assert_eq!(probe.syscall(cx, "sub_missed", &[reader]) + read, 12_000);
    });
}

fn file_of(bytes: &[u8]) -> (tempfile::NamedTempFile, Grant) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let grant = Grant::File(Arc::new(FileGrant::open(file.path()).unwrap()));
    (file, grant)
}

#[test]
fn files_are_read_into_memory_and_straight_into_rings() {
    let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let (_kept, file) = file_of(&text);
    let whole = text.clone();
    let prepare = |kernel: &mut Kernel, spawn: Spawn| {
        let ring = kernel.publish(CoreId::BOOT, 65536).unwrap();
        let reader = kernel.subscribe(CoreId::BOOT, ring, Policy::Block).unwrap();
        let spawn = spawn
            .grant("out", Grant::Endpoint(ring))
            .grant("in", Grant::Endpoint(reader));
        spawn.grant("file", file)
    };
    in_task(prepare, move |cx| {
        let mut probe = probe();
        let [file, writer, reader] = ["file", "out", "in"].map(|name| handle(cx, name));
        assert_eq!(probe.syscall(cx, "file_size", &[file]), 400_000);
        assert_eq!(probe.syscall(cx, "file_read", &[file, 399_990, 0, 100]), 10);
        assert_eq!(probe.read(0, 10), whole[399_990..]);
        assert_eq!(probe.syscall(cx, "file_read", &[file, 400_000, 0, 100]), 0);
        assert_eq!(probe.syscall(cx, "file_read", &[file, u64::MAX, 0, 100]), 0);
        assert_eq!(
            probe.syscall(cx, "file_publish", &[file, u64::MAX, writer, 100]),
            0
        );
        assert_eq!(
            probe.syscall(cx, "file_publish", &[file, 0, writer, 0]),
            INVALID
        );
        assert_eq!(
            probe.syscall(cx, "file_publish", &[writer, 0, writer, 9]),
            WRONG_KIND
        );
        let mut seen = Vec::new();
        loop {
            let offset = seen.len() as u64;
            let sent = probe.syscall(cx, "file_publish", &[file, offset, writer, 1 << 30]);
            assert_eq!(
                probe.syscall(cx, "file_publish", &[file, 0, writer, 1]) == AGAIN,
                sent == 65536
            );
            if sent == 0 {
                break;
            }
            let subscriber = cx.subscriber(okernel_abi::Handle(reader as u32)).unwrap();
            seen.extend_from_slice(&subscriber.batch(sent as usize).unwrap());
            let there = subscriber.readable().unwrap();
            subscriber.release(there).unwrap();
        }
        assert!(
            seen == whole,
            "every byte of the file has come through the ring"
        );

        // Straight into a claimed part of the task's own window, but not into a reader's.
        let window = probe.syscall(cx, "ring_map", &[writer]) as u64;
        let other = probe.syscall(cx, "ring_map", &[reader]) as u64;
        let bad = -(Errno::BadAddress as i64);
        assert_eq!(probe.syscall(cx, "file_read", &[file, 0, other, 8]), bad);
        let at = window + ring_info(cx, &mut probe, writer).position % 65536;
        probe.syscall(cx, "sub_release", &[reader, 1]);
        assert_eq!(probe.syscall(cx, "pub_claim", &[writer, 400, 400]), 400);
        assert_eq!(probe.syscall(cx, "file_read", &[file, 4000, at, 400]), 400);
        assert_eq!(probe.syscall(cx, "pub_commit", &[writer, 400]), 400);
        let subscriber = cx.subscriber(okernel_abi::Handle(reader as u32)).unwrap();
        let readable = subscriber.readable().unwrap();
        let batch = subscriber.batch(readable).unwrap();
        assert_eq!(batch[readable - 400..], whole[4000..4400]);
    });
}

#[test]
fn timers_inputs_and_requests() {
    in_task(
        |_, spawn| {
            spawn
                .grant("timers", Grant::Timers)
                .grant("system", Grant::System)
        },
        |cx| {
            let mut probe = probe();
            let timers = handle(cx, "timers");
            let timer = probe.syscall(cx, "timer_set", &[timers, 3_600_000_000_000, 0]);
            assert_eq!(probe.syscall(cx, "timer_take", &[timer as u64]), AGAIN);
            assert_eq!(probe.syscall(cx, "close", &[timer as u64]), 0);
            probe.guest.state().input = b"a line".to_vec();
            assert_eq!(probe.syscall(cx, "input", &[0, 3]), 6);
            assert_eq!(probe.read(0, 4), b"a l\0");
            let system = handle(cx, "system");
            let refused = probe.syscall(cx, "request", &[system, 0, 5]);
            assert_eq!(refused, -(Errno::Malformed as i64));
            assert_eq!(probe.syscall(cx, "executed", &[9]), INVALID);
            assert_eq!(probe.syscall(cx, "log", &[0, 0, 1]), INVALID);
            assert_eq!(probe.syscall(cx, "log", &[5, 0, 60_000]), 0);
        },
    );
}

#[test]
fn a_ring_that_the_task_gives_away_is_no_longer_in_its_memory() {
    let prepare = |kernel: &mut Kernel, spawn: Spawn| {
        let ring = kernel.publish(CoreId::BOOT, 65536).unwrap();
        let name = ring.number().to_string();
        let spawn = spawn.grant("out", Grant::Endpoint(ring)).args(vec![name]);
        spawn.grant("system", Grant::System)
    };
    in_task(prepare, |cx| {
        let mut probe = probe();
        let [out, system] = ["out", "system"].map(|name| handle(cx, name));
        let window = probe.syscall(cx, "ring_map", &[out]) as u32;
        assert_eq!(window, PROBE_BYTES);
        let ring = cx
            .publisher(okernel_abi::Handle(out as u32))
            .unwrap()
            .ring()
            .clone();
        let mut reader = ring.subscribe(Policy::Block).unwrap();
        probe.syscall(cx, "pub_claim", &[out, 8, 8]);
        probe
            .call::<_, ()>("store", (window, 0x005e_c2e7_u64))
            .unwrap();
        probe.syscall(cx, "pub_commit", &[out, 8]);

        let number = cx.args()[0].parse().unwrap();
        let grants = (
            Value::Symbols(vec!["out".into()]),
            Value::Ints(vec![number]),
        );
        let spawn = vec![
            symbol("spawn"),
            Value::Int(0),
            symbol("m"),
            Value::Dict(grants.into()),
        ];
        let spawn = Value::List(spawn).to_bytes();
        probe.write(0, &spawn);
        assert!(probe.syscall(cx, "request", &[system, 0, spawn.len() as u64]) > 0);
        assert_eq!(
            probe.syscall(cx, "pub_commit", &[out, 0]),
            -(Errno::Revoked as i64)
        );
        assert!(probe.call::<_, u64>("load", window).is_err());
        let there = [out, window.into(), 8];
        assert_eq!(
            probe.syscall(cx, "pub_write", &there),
            -(Errno::BadAddress as i64)
        );
        assert_eq!(reader.batch(8).unwrap()[..], 0x005e_c2e7_u64.to_le_bytes());
    });
}
