//! Every pointer of every system call at every boundary, made from the table.

use std::sync::Arc;

use okernel_abi::Errno;
use okernel_abi::layout::{GrantInfo, RingInfo};
use okernel_abi::syscalls::{SYSCALLS, Syscall};
use okernel_abi::value::Value;
use okernel_core::{Context, CoreId, FileGrant, Grant, Kernel, Spawn};
use okernel_ring::Policy;

use super::probe::{PROBE_BYTES, Probe, probe};
use super::system::{in_task, symbol};

const CAPACITY: u64 = 64 * 1024;
/// The window of the subscriber begins where the probe's memory ended.
const WINDOW: u64 = PROBE_BYTES as u64;
const WINDOW_END: u64 = WINDOW + 2 * CAPACITY;
/// And one page more of its own behind it.
const MEMORY_END: u64 = WINDOW_END + 64 * 1024;

/// Everything that can be granted.
fn everything(kernel: &mut Kernel, spawn: Spawn) -> Spawn {
    kernel
        .console(Box::new(std::io::sink()), Box::new(std::io::sink()))
        .unwrap();
    let ring = kernel.publish(CoreId::BOOT, CAPACITY).unwrap();
    let reader = kernel.subscribe(CoreId::BOOT, ring, Policy::Block).unwrap();
    let file = FileGrant::open(std::path::Path::new(env!("CARGO_MANIFEST_PATH"))).unwrap();
    spawn
        .grant("publisher", Grant::Endpoint(ring))
        .grant("subscriber", Grant::Endpoint(reader))
        .grant("file", Grant::File(Arc::new(file)))
        .grant("timers", Grant::Timers)
        .grant("clock", Grant::Clock)
        .grant("console", Grant::Console)
        .grant("right", Grant::System)
}

fn handle(cx: &Context, name: &str) -> u64 {
    cx.grant(name).unwrap().0.into()
}

/// A right argument for a parameter that is no pointer.
fn argument(cx: &Context, call: &Syscall, param: &str, reply: u64) -> u64 {
    match (call.name, param) {
        ("sub_peek" | "sub_readable" | "sub_release" | "sub_missed", "handle") => {
            handle(cx, "subscriber")
        }
        (_, "handle" | "publisher") => handle(cx, "publisher"),
        (_, "reply") => reply,
        (_, "file" | "timers" | "clock" | "console" | "right") => handle(cx, param),
        (_, "level") => 5,
        _ => 0,
    }
}

/// Which parameters are the address and the length; the length of a structure is fixed.
fn pointer(call: &Syscall) -> Option<(usize, Option<usize>)> {
    let at = |names: &[&str]| {
        call.params
            .iter()
            .position(|param| names.contains(&param.name))
    };
    let address = at(&["address", "name", "info"])?;
    Some((address, at(&["bytes", "name_bytes"])))
}

#[test]
fn no_call_touches_what_is_not_the_tasks_own_memory() {
    let checked = in_task(everything, |cx| {
        let mut probe = probe();
        let window = probe.syscall(cx, "ring_map", &[handle(cx, "subscriber")]);
        assert_eq!(window as u64, WINDOW);
        probe.call::<_, u32>("grow", 1_u32).unwrap();
        let ps = Value::List(vec![symbol("ps")]).to_bytes();
        probe.write(0, &ps);
        let reply = probe.syscall(cx, "request", &[handle(cx, "right"), 0, ps.len() as u64]) as u64;
        probe.write(0, &vec![0; ps.len()]);
        let calls = SYSCALLS.iter().filter(|call| pointer(call).is_some());
        calls.map(|call| check(&mut probe, cx, call, reply)).count()
    });
    let pointers = SYSCALLS
        .iter()
        .flat_map(|call| call.params)
        .filter(|p| p.name == "address");
    assert!(
        checked >= pointers.count() + 2,
        "{checked} calls were checked"
    );
}

fn check(probe: &mut Probe, cx: &mut Context, call: &Syscall, reply: u64) {
    let ends = [0, WINDOW, WINDOW_END, MEMORY_END];
    let mut addresses = vec![u32::MAX as u64, u32::MAX as u64 - 23];
    for end in ends {
        addresses.extend([end, end + 1, end + 8]);
        addresses.extend(
            [1, 2, 23, 24, 25]
                .iter()
                .filter_map(|less| end.checked_sub(*less)),
        );
    }
    let lengths = [
        0,
        1,
        2,
        24,
        25,
        2 * CAPACITY,
        MEMORY_END,
        MEMORY_END + 1,
        u32::MAX as u64,
    ];
    let (address_at, length_at) = pointer(call).unwrap();
    let info_bytes = match call.name {
        "grant_info" => GrantInfo::BYTES,
        _ => RingInfo::BYTES,
    } as u64;
    for &address in &addresses {
        for length in lengths {
            let length = length_at.map_or(info_bytes, |_| length);
            let mut arguments: Vec<u64> = call
                .params
                .iter()
                .map(|p| argument(cx, call, p.name, reply))
                .collect();
            arguments[address_at] = address;
            if let Some(length_at) = length_at {
                arguments[length_at] = length;
            }
            let end = address + length;
            let in_window = length > 0 && address < WINDOW_END && end > WINDOW;
            let bad = end > MEMORY_END || in_window;
            let answer = probe.syscall(cx, call.name, &arguments);
            assert_eq!(
                answer == Errno::BadAddress.to_result(),
                bad,
                "{}{arguments:?} answered {answer}",
                call.name
            );
        }
    }
}

#[test]
fn a_stale_or_foreign_handle_is_bad_in_every_call() {
    const HANDLES: [&str; 9] = [
        "handle",
        "timers",
        "timer",
        "clock",
        "console",
        "file",
        "publisher",
        "right",
        "reply",
    ];
    in_task(everything, |cx| {
        let mut probe = probe();
        let timer = probe.syscall(cx, "timer_set", &[handle(cx, "timers"), u64::MAX / 4, 0]) as u64;
        assert_eq!(probe.syscall(cx, "close", &[timer]), 0);
        for call in SYSCALLS {
            for (at, param) in call.params.iter().enumerate() {
                if !HANDLES.contains(&param.name) {
                    continue;
                }
                for wrong in [timer, 0, u32::MAX.into(), 0xffff, 1 << 16] {
                    let mut arguments: Vec<u64> = call
                        .params
                        .iter()
                        .map(|p| argument(cx, call, p.name, 0))
                        .collect();
                    arguments[at] = wrong;
                    let answer = probe.syscall(cx, call.name, &arguments);
                    if wrong == 1 << 16 {
                        // The first handle there is: of a kind that may be the right one.
                        continue;
                    }
                    let bad = Errno::BadHandle.to_result();
                    assert_eq!(answer, bad, "{}{arguments:?}", call.name);
                }
            }
        }
    });
}
