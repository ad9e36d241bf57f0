//! Windows and what could go wrong with them: seams, read-only pages, slots that are used again.

use okernel_abi::Errno;
use okernel_core::{FaultKind, Limits};
use okernel_ring::{Policy, Publisher, Ring, Start, Subscriber};
use wasmtime::Trap;

use super::probe::{GuestCaller, PROBE_BYTES, Probe, compile, engines, probe_text};
use crate::wasm::engine::Engines;
use crate::wasm::limits::{WASM_PAGE_BYTES, WINDOWS_MAX};
use crate::wasm::module::GuestModule;
use crate::wasm::preempt::{Ended, offence};
use crate::wasm::state::memory_of;
use crate::wasm::trap;
use crate::wasm::window::{Access, map_ring};

const CAPACITY: usize = 64 * 1024;
/// Handles of the ring in these tests.
const READ: u32 = 1;
const WRITE: u32 = 2;

/// A ring, its ends, and a probe module whose `ring_map` maps it: handles above 99 are the same
/// ring as often as wanted.
struct Bench {
    engines: Engines,
    module: GuestModule,
    publisher: Publisher,
    subscriber: Subscriber,
}

fn bench_of(capacity: usize) -> Bench {
    let publisher = Ring::create(capacity, Start::Live).unwrap();
    let subscriber = publisher.ring().subscribe(Policy::Block).unwrap();
    let engines = engines();
    let ring = publisher.ring().clone();
    let module = compile(&engines, &probe_text(), |linker| {
        let map = move |mut caller: GuestCaller<'_>, handle: u32| -> i64 {
            let access = if handle == WRITE {
                Access::ReadWrite
            } else {
                Access::Read
            };
            let memory = memory_of(&mut caller).unwrap();
            match map_ring(&mut caller, memory, handle, &ring, access) {
                Ok(address) => address.into(),
                Err(errno) => errno.to_result(),
            }
        };
        linker.func_wrap("okernel", "ring_map", map).unwrap();
        let close = |mut caller: GuestCaller<'_>, handle: u32| -> i64 {
            caller.data_mut().windows.unmap(handle);
            0
        };
        linker.func_wrap("okernel", "close", close).unwrap();
    });
    Bench {
        engines,
        module,
        publisher,
        subscriber,
    }
}

fn bench() -> Bench {
    bench_of(CAPACITY)
}

impl Bench {
    fn probe(&self) -> Probe {
        Probe::new(&self.module, &Limits::default())
    }

    fn publish(&mut self, bytes: &[u8]) {
        self.publisher.write(bytes).unwrap();
    }

    fn next_word(&mut self) -> u64 {
        let word = self.subscriber.batch(8).unwrap()[..8].try_into().unwrap();
        self.subscriber.release(8).unwrap();
        u64::from_le_bytes(word)
    }
}

fn map(probe: &mut Probe, handle: u32) -> u32 {
    let address = probe.call::<u32, i64>("call_ring_map", handle).unwrap();
    u32::try_from(address).unwrap()
}

#[test]
fn a_window_shows_the_ring_twice_in_a_row() {
    let mut bench = bench();
    let mut probe = bench.probe();
    let reader = map(&mut probe, READ);
    let writer = map(&mut probe, WRITE);
    assert_eq!(reader, PROBE_BYTES);
    assert_eq!(writer, PROBE_BYTES + 2 * CAPACITY as u32);
    bench.publish(&vec![1; CAPACITY - 4]);
    bench.subscriber.release(CAPACITY - 4).unwrap();
    bench.publish(&0x1122_3344_5566_7788_u64.to_le_bytes());
    let seam = CAPACITY as u32 - 4;
    assert_eq!(probe.load(reader + seam), 0x1122_3344_5566_7788);
    assert_eq!(bench.next_word(), 0x1122_3344_5566_7788);
    // What the guest writes across the seam is one slice for everybody.
    bench.publisher.write(&vec![0; CAPACITY - 8]).unwrap();
    bench.subscriber.release(CAPACITY - 8).unwrap();
    bench.publisher.grant(8, 8).unwrap();
    probe
        .call::<_, ()>("store", (writer + seam, 0x0102_0304_0506_0708_u64))
        .unwrap();
    bench.publisher.commit(8).unwrap();
    assert_eq!(bench.next_word(), 0x0102_0304_0506_0708);
    assert_eq!(probe.load(reader + seam), 0x0102_0304_0506_0708);
}

#[test]
fn a_store_to_a_subscribers_window_is_an_ordinary_trap_of_that_task_alone() {
    let mut bench = bench();
    bench.publish(&7_u64.to_le_bytes());
    let mut victim = bench.probe();
    let mut neighbour = bench.probe();
    let window = map(&mut victim, READ);
    let beside = map(&mut neighbour, READ);
    for at in [0, 8, CAPACITY as u32 - 4, 2 * CAPACITY as u32 - 8] {
        let error = victim
            .call::<_, ()>("store", (window + at, u64::MAX))
            .unwrap_err();
        assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::MemoryOutOfBounds));
        let fault = trap::fault(&error, victim.guest.state());
        assert_eq!(fault.kind, FaultKind::Trap);
        assert_eq!(fault.message, "wrote to a ring that the task can only read");
        assert!(!fault.backtrace.is_empty());
    }
    assert_eq!(
        offence(victim.guest.state()),
        None,
        "a plain store never reaches the page"
    );
    assert_eq!(neighbour.load(beside), 7);
    assert_eq!(bench.next_word(), 7);
}

#[test]
fn a_bulk_write_to_a_subscribers_window_harms_only_the_writer() {
    type Write = fn(&mut Probe, u32) -> wasmtime::Result<()>;
    let writes: [(&str, Write); 5] = [
        ("fill", |probe, to| {
            probe.call("fill", (to, 0xff_u32, 100_u32))
        }),
        ("fill the whole window and what is before", |probe, to| {
            probe.call("fill", (to - 4096, 0xff_u32, 4096 + 2 * CAPACITY as u32))
        }),
        ("copy", |probe, to| {
            probe.call("copy", (to, 0_u32, 1000_u32))
        }),
        ("copy 16 bytes in place", |probe, to| {
            probe.call("copy_16", (to, 0_u32))
        }),
        ("data", |probe, to| probe.call("data", to)),
    ];
    let mut bench = bench();
    for (name, write) in writes {
        bench.publish(&0x0bad_cafe_u64.to_le_bytes());
        let mut probe = bench.probe();
        probe
            .call::<_, ()>("fill", (0_u32, 0xee_u32, 4096_u32))
            .unwrap();
        let at = bench.subscriber.position() as u32 % CAPACITY as u32;
        let window = map(&mut probe, READ);
        assert_eq!(probe.load(window + at), 0x0bad_cafe, "{name}");
        write(&mut probe, window).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert_eq!(
            offence(probe.guest.state()),
            Some(Ended::Scribbled),
            "{name}"
        );
        assert_eq!(bench.next_word(), 0x0bad_cafe, "{name}");
        let mut next = bench.probe();
        let window = map(&mut next, READ);
        assert_eq!(next.load(window + at), 0x0bad_cafe, "{name}");
        assert_eq!(offence(next.guest.state()), None);
    }
}

#[test]
fn bulk_operations_that_only_read_a_window_are_fine() {
    let mut bench = bench();
    bench.publish(b"abcdefghijklmnop");
    let mut probe = bench.probe();
    let window = map(&mut probe, READ);
    probe
        .call::<_, ()>("copy", (0_u32, window, 16_u32))
        .unwrap();
    probe.call::<_, ()>("copy_16", (16_u32, window)).unwrap();
    assert_eq!(probe.load(8).to_le_bytes(), *b"ijklmnop");
    assert_eq!(probe.load(24).to_le_bytes(), *b"ijklmnop");
    assert_eq!(offence(probe.guest.state()), None);
}

#[test]
fn a_backtrace_has_readable_names() {
    let engines = engines();
    let text = probe_text().replace(
        r#"(func (export "abort") (unreachable))"#,
        r#"(func $inner (@name "_ZN5shell5parse17h0123456789abcdefE") (unreachable))
        (func (@name "_RNvC5shell5outer") (export "abort") (call $inner))"#,
    );
    let module = compile(&engines, &text, |_| {});
    let mut probe = Probe::new(&module, &Limits::default());
    let error = probe.call::<(), ()>("abort", ()).unwrap_err();
    let fault = trap::fault(&error, probe.guest.state());
    let lines: Vec<&str> = fault.backtrace.lines().collect();
    assert_eq!(lines.len(), 2, "{}", fault.backtrace);
    assert!(
        lines[0].starts_with("0: ") && lines[0].ends_with(" shell::parse"),
        "{}",
        lines[0]
    );
    assert!(lines[1].ends_with(" shell::outer"), "{}", lines[1]);
}

#[test]
fn a_backtrace_has_one_line_for_each_frame_whatever_its_names_are() {
    // A name that is the beginning of another; line ends in a mangled one; one that only looks mangled.
    let text = probe_text().replace(
        r#"(func (export "abort") (unreachable))"#,
        r#"(func $a (@name "a\n0: 0x1 - forged") (unreachable))
        (func $b (@name "a") (call $a))
        (func $c (@name "_ZN3b\0ac17h0123456789abcdefE") (call $b))
        (func $d (@name "_RNvC1a") (call $c))
        (func (@name "\1b[2J") (export "abort") (call $d))"#,
    );
    let text = text.replacen("(module", r#"(module $m (@name "m\nn")"#, 1);
    let module = compile(&engines(), &text, |_| {});
    let mut probe = Probe::new(&module, &Limits::default());
    let error = probe.call::<(), ()>("abort", ()).unwrap_err();
    let backtrace = trap::fault(&error, probe.guest.state()).backtrace;
    let lines: Vec<&str> = backtrace.lines().collect();
    assert_eq!(lines.len(), 5, "{backtrace}");
    let ends = [
        r"m\nn!a\n0: 0x1 - forged",
        r"m\nn!a",
        r"m\nn!b\nc",
        "m\\nn!_RNvC1a",
        r"m\nn!\u{1b}[2J",
    ];
    for ((index, line), end) in lines.iter().enumerate().zip(ends) {
        assert!(line.starts_with(&format!("{index}: ")), "{line}");
        assert!(line.ends_with(end), "{line}");
        assert!(!line.contains(char::is_control), "{line}");
    }
}

/// What a guest with a window at this address does at last.
type End = fn(&mut Probe, u32);

/// Ways in which a guest can end after it had windows.
const ENDS: [(&str, End); 6] = [
    ("quietly", |_, _| {}),
    ("by a trap", |probe, _| {
        assert!(probe.call::<(), ()>("abort", ()).is_err())
    }),
    ("by writing where it must not", |probe, window| {
        assert!(probe.call::<_, ()>("store", (window, 1_u64)).is_err());
    }),
    ("by scribbling", |probe, window| {
        probe
            .call::<_, ()>("fill", (window, 0xff_u32, 100_u32))
            .unwrap();
    }),
    ("after it closed its windows", |probe, _| {
        probe.call::<_, i64>("call_close", READ).unwrap();
        probe.call::<_, i64>("call_close", WRITE).unwrap();
    }),
    ("by scribbling where a window was", |probe, window| {
        probe.call::<_, i64>("call_close", READ).unwrap();
        probe
            .call::<_, ()>("fill", (window, 0xff_u32, 100_u32))
            .unwrap();
    }),
];

#[test]
fn the_next_instance_in_the_slot_sees_nothing_of_the_ring() {
    let mut bench = bench();
    for (name, end) in ENDS {
        bench.publish(&0x5ec2_e700_u64.to_le_bytes());
        let mut first = bench.probe();
        let slot = first.base();
        let reader = map(&mut first, READ);
        let writer = map(&mut first, WRITE);
        let at = bench.subscriber.position() as u32;
        assert_eq!(first.load(reader + at), 0x5ec2_e700);
        end(&mut first, reader);
        drop(first);

        let mut second = bench.probe();
        assert_eq!(second.base(), slot, "{name}: the slot is used again");
        let pages = 4 * CAPACITY / WASM_PAGE_BYTES;
        assert_eq!(second.call::<_, u32>("grow", pages as u32).unwrap(), 1);
        for window in [reader, writer] {
            assert_eq!(second.load(window + at), 0, "{name}: the ring can be read");
            second
                .call::<_, ()>("store", (window + at, u64::MAX))
                .unwrap();
            second
                .call::<_, ()>("fill", (window, 0xdd_u32, 2 * CAPACITY as u32))
                .unwrap();
        }
        assert_eq!(
            bench.next_word(),
            0x5ec2_e700,
            "{name}: the ring can be written"
        );
        drop(second);

        let mut third = bench.probe();
        assert_eq!(third.base(), slot);
        third.call::<_, u32>("grow", pages as u32).unwrap();
        assert_eq!(
            third.load(reader + at),
            0,
            "{name}: memory of the second is seen"
        );
    }
}

#[test]
fn a_closed_window_cannot_be_touched_and_its_place_is_used_again() {
    let mut bench = bench();
    bench.publish(&9_u64.to_le_bytes());
    let mut probe = bench.probe();
    let first = map(&mut probe, READ);
    let second = map(&mut probe, WRITE);
    let size = probe.call::<(), u32>("size", ()).unwrap();
    probe.call::<_, i64>("call_close", READ).unwrap();
    probe.call::<_, i64>("call_close", WRITE).unwrap();
    for address in [first, second, second + 2 * CAPACITY as u32 - 8] {
        let error = probe.call::<_, u64>("load", address).unwrap_err();
        let fault = trap::fault(&error, probe.guest.state());
        assert_eq!(
            fault.message,
            "touched a ring that was closed, given away or taken back"
        );
        assert!(probe.call::<_, ()>("store", (address, 1_u64)).is_err());
    }
    assert_eq!(map(&mut probe, 100), first);
    assert_eq!(map(&mut probe, 101), second);
    assert_eq!((probe.load(first), probe.load(second)), (9, 9));
    assert_eq!(
        probe.call::<(), u32>("size", ()).unwrap(),
        size,
        "memory did not grow again"
    );
    assert_eq!(offence(probe.guest.state()), None);
    drop(probe);
    // A task cannot use what its windows leave behind as memory beyond its limit, in no way.
    let touches: [fn(&mut Probe, u32) -> wasmtime::Result<()>; 3] = [
        |probe, at| probe.call("fill", (at, 0xff_u32, 4 * CAPACITY as u32)),
        |probe, at| probe.call("copy", (0_u32, at, 100_u32)),
        |probe, at| probe.call("copy_16", (0_u32, at)),
    ];
    for touch in touches {
        let mut probe = bench.probe();
        let window = map(&mut probe, WRITE);
        map(&mut probe, READ);
        probe.call::<_, i64>("call_close", READ).unwrap();
        probe.call::<_, i64>("call_close", WRITE).unwrap();
        touch(&mut probe, window).unwrap();
        assert_eq!(offence(probe.guest.state()), Some(Ended::Scribbled));
    }
    assert_eq!(bench.next_word(), 9);
}

#[test]
fn windows_are_bounded_and_do_not_count_as_the_tasks_memory() {
    let bench = bench_of(1 << 20);
    let limits = Limits {
        memory_bytes: 4 * WASM_PAGE_BYTES as u64,
        ..Limits::default()
    };
    let mut probe = Probe::new(&bench.module, &limits);
    for handle in 0..3 {
        map(&mut probe, 100 + handle);
    }
    assert_eq!(probe.call::<_, i32>("grow", 4_u32).unwrap(), -1);
    assert!(probe.guest.state().memory_refused.is_some());
    assert!(probe.call::<_, i32>("grow", 3_u32).unwrap() > 0);
    assert_eq!(probe.call::<_, i32>("grow", 1_u32).unwrap(), -1);
    let mut count = 3;
    let refused = loop {
        let answer = probe
            .call::<u32, i64>("call_ring_map", 100 + count)
            .unwrap();
        if answer < 0 {
            break answer;
        }
        count += 1;
    };
    assert_eq!(refused, Errno::Limit.to_result());
    assert_eq!(count as usize, WINDOWS_MAX);
    drop(probe);

    let bench = bench_of(1 << 30);
    let mut probe = bench.probe();
    map(&mut probe, READ);
    let answer = probe.call::<u32, i64>("call_ring_map", WRITE).unwrap();
    assert_eq!(answer, Errno::Limit.to_result(), "3 GiB of windows at most");
}

#[test]
fn a_module_that_limits_its_memory_gets_no_window() {
    let engines = engines();
    let ring = Ring::create(CAPACITY, Start::Live).unwrap();
    let theirs = ring.ring().clone();
    let text = probe_text().replace(
        r#"(memory (export "memory") 1)"#,
        r#"(memory (export "memory") 1 2)"#,
    );
    let module = compile(&engines, &text, |linker| {
        let map = move |mut caller: GuestCaller<'_>, handle: u32| -> i64 {
            let memory = memory_of(&mut caller).unwrap();
            let mapped = map_ring(&mut caller, memory, handle, &theirs, Access::Read);
            mapped.map_or_else(Errno::to_result, i64::from)
        };
        linker.func_wrap("okernel", "ring_map", map).unwrap();
    });
    let mut probe = Probe::new(&module, &Limits::default());
    let answer = probe.call::<u32, i64>("call_ring_map", READ).unwrap();
    assert_eq!(answer, Errno::Limit.to_result());
    assert_eq!(
        probe.call::<_, i32>("grow", 1_u32).unwrap(),
        1,
        "its own memory still grows"
    );
}

#[test]
fn many_tasks_come_and_go_with_windows() {
    let mut bench = bench();
    for round in 0..200_u64 {
        bench.publish(&round.to_le_bytes());
        let mut probe = bench.probe();
        let at = bench.subscriber.position() as u32 % CAPACITY as u32;
        let window = map(&mut probe, READ);
        assert_eq!(probe.load(window + at), round);
        assert_eq!(bench.next_word(), round);
    }
    assert!(bench.engines.instances_max() > 0);
}
