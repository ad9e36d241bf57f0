//! The system calls, answered by this thread's [`world`](super::world).
//!
//! The functions are those of `wasm.rs`, one for each line of the table: a line without one does not
//! compile.

use super::memory::Mirror;
use super::world::{Object, Source, Timer, with};
use core::ptr::NonNull;
use okernel_abi::Errno;
use okernel_abi::layout::{
    Executed, GrantInfo, HandleKind, LogLevel, REPORT_BYTES_MAX, RingInfo, Window,
};
use okernel_abi::value::Value;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

/// Longest text of one line of the log and of one fault, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;

macro_rules! check_all_are_here {
    ($($(#[doc = $doc:literal])* fn $name:ident($($param:ident: $type:ident),*);)*) => {
        const _: () = {
            $(let _ = $name;)*
        };
    };
}

okernel_abi::syscalls!(check_all_are_here);

/// Copies as much as fits and answers the whole length.
fn copy_out(from: &[u8], into: &mut [u8]) -> u64 {
    let length = from.len().min(into.len());
    into[..length].copy_from_slice(&from[..length]);
    from.len() as u64
}

pub(crate) fn grant(name: &str) -> Result<u32, Errno> {
    with(|world| world.granted(name))
}

pub(crate) fn handle_kind(handle: u32) -> Result<u32, Errno> {
    with(|world| world.kind(handle).map(|kind| kind as u32))
}

pub(crate) fn close(handle: u32) -> Result<(), Errno> {
    with(|world| world.close(handle))
}

pub(crate) fn wait(handle: u32, bytes: u32) -> Result<u64, Errno> {
    with(|world| {
        if world.is_ready(handle, bytes)? {
            return Ok(1);
        }
        world.task().armed.push((handle, bytes));
        Ok(0)
    })
}

pub(crate) fn ring_info(handle: u32) -> Result<RingInfo, Errno> {
    with(|world| {
        let kind = world.kind(handle)?;
        match kind {
            HandleKind::Publisher => {
                let ring = world.publisher(handle)?;
                Ok(RingInfo {
                    capacity_bytes: ring.capacity,
                    position: ring.published,
                    kind,
                    window: ring.window(None),
                })
            }
            _ => {
                let (ring, reader) = world.subscriber(handle)?;
                Ok(RingInfo {
                    capacity_bytes: ring.capacity,
                    position: ring.reader(reader)?.cursor,
                    kind,
                    window: ring.window(Some(reader)),
                })
            }
        }
    })
}

/// The memory of a ring, kept for as long as an end of it may hold its address.
pub(crate) struct Mapping(Rc<Mirror>);

impl Mapping {
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.0.address()
    }
}

/// Which task of the world is running.
pub(crate) fn task_number() -> usize {
    with(|world| world.current)
}

pub(crate) fn ring_map(handle: u32) -> Result<Mapping, Errno> {
    if ring_info(handle)?.window == Window::Copy {
        return Err(Errno::Unsupported);
    }
    with(|world| match *world.task().get(handle)? {
        Object::Publisher(ring) | Object::Subscriber(ring, _) => {
            Ok(Mapping(Rc::clone(&world.rings[ring].1.memory)))
        }
        _ => Err(Errno::WrongKind),
    })
}

pub(crate) fn pub_claim(handle: u32, min: u32, max: u32) -> Result<u64, Errno> {
    with(|world| world.publisher(handle)?.claim(min.into(), max.into()))
}

pub(crate) fn pub_commit(handle: u32, bytes: u32) -> Result<(), Errno> {
    with(|world| world.publisher(handle)?.commit(bytes.into()))
}

pub(crate) fn pub_write(handle: u32, bytes: &[u8]) -> Result<(), Errno> {
    with(|world| world.publisher(handle)?.write(bytes))
}

pub(crate) fn sub_readable(handle: u32) -> Result<u64, Errno> {
    with(|world| {
        let (ring, reader) = world.subscriber(handle)?;
        ring.readable(reader)
    })
}

pub(crate) fn sub_release(handle: u32, bytes: u32) -> Result<(), Errno> {
    with(|world| {
        let (ring, reader) = world.subscriber(handle)?;
        ring.release(reader, bytes.into())
    })
}

pub(crate) fn sub_peek(handle: u32, skip: u32, into: &mut [u8]) -> Result<u64, Errno> {
    with(|world| {
        let (ring, reader) = world.subscriber(handle)?;
        ring.peek(reader, skip.into(), into)
    })
}

pub(crate) fn sub_missed(handle: u32) -> Result<u64, Errno> {
    with(|world| {
        let (ring, reader) = world.subscriber(handle)?;
        ring.missed(reader)
    })
}

pub(crate) fn timer_set(timers: u32, delay_ns: u64, period_ns: u64) -> Result<u32, Errno> {
    with(|world| {
        world.check_right(timers, &[HandleKind::Timers])?;
        let timer = Timer {
            next_ns: world.now_ns.checked_add(delay_ns),
            period_ns,
            fired: 0,
        };
        let handle = world.task().insert(Object::Timer(timer))?;
        let now_ns = world.now_ns;
        world.advance(now_ns);
        Ok(handle.0)
    })
}

pub(crate) fn timer_take(timer: u32) -> Result<u64, Errno> {
    with(|world| match world.task().get(timer)? {
        Object::Timer(timer) if timer.fired == 0 => Err(Errno::Again),
        Object::Timer(timer) => Ok(std::mem::take(&mut timer.fired)),
        _ => Err(Errno::WrongKind),
    })
}

pub(crate) fn clock(clock: u32) -> Result<u64, Errno> {
    with(|world| {
        world.check_right(clock, &[HandleKind::Clock])?;
        Ok(world.now_ns)
    })
}

pub(crate) fn clock_utc(clock: u32) -> Result<u64, Errno> {
    with(|world| {
        world.check_right(clock, &[HandleKind::Clock])?;
        Ok(world.now_ns)
    })
}

pub(crate) fn seed() -> Result<u64, Errno> {
    with(|world| Ok(world.seed))
}

pub(crate) fn console_write(console: u32, bytes: &[u8]) -> Result<(), Errno> {
    use super::world::CONSOLE_BYTES_MAX;
    with(|world| {
        world.check_right(console, &[HandleKind::Console])?;
        if bytes.len() > CONSOLE_BYTES_MAX {
            return Err(Errno::TooLarge);
        }
        let task = world.task();
        if task.unacknowledged + bytes.len() > CONSOLE_BYTES_MAX {
            return Err(Errno::Again);
        }
        task.unacknowledged += bytes.len();
        world.console.extend_from_slice(bytes);
        Ok(())
    })
}

pub(crate) fn console_offer(console: u32, names: &[u8]) -> Result<(), Errno> {
    let names = match Value::decode(names) {
        Ok(Value::Symbols(names)) => names,
        _ => return Err(Errno::Malformed),
    };
    with(|world| {
        world.check_right(console, &[HandleKind::Console])?;
        world.offered = names;
        Ok(())
    })
}

pub(crate) fn log(level: u32, text: &str) -> Result<(), Errno> {
    let level = LogLevel::from_number(level).ok_or(Errno::Invalid)?;
    if text.len() > TEXT_BYTES_MAX {
        return Err(Errno::TooLarge);
    }
    with(|world| world.log.push((level, text.to_string())));
    Ok(())
}

pub(crate) fn input(into: &mut [u8]) -> Result<u64, Errno> {
    with(|world| Ok(copy_out(&world.task().input, into)))
}

pub(crate) fn args(into: &mut [u8]) -> Result<u64, Errno> {
    with(|world| {
        let args = &world.task().args;
        let list = Value::List(args.iter().map(|arg| Value::text(arg)).collect());
        Ok(copy_out(&list.to_bytes(), into))
    })
}

pub(crate) fn grants(into: &mut [u8]) -> Result<u64, Errno> {
    let names = with(|world| world.task().grant_names());
    Ok(copy_out(&Value::Symbols(names).to_bytes(), into))
}

fn file(handle: u32) -> Result<Source, Errno> {
    with(|world| match world.task().get(handle)? {
        Object::File(source) => Ok(source.clone()),
        _ => Err(Errno::WrongKind),
    })
}

pub(crate) fn file_size(handle: u32) -> Result<u64, Errno> {
    match file(handle)? {
        Source::Bytes(bytes) => Ok(bytes.len() as u64),
        Source::Memory(bytes) => Ok(bytes.borrow().len() as u64),
        Source::File(file) => Ok(file.metadata().map_err(|_| Errno::Io)?.len()),
    }
}

pub(crate) fn file_read(handle: u32, offset: u64, into: &mut [u8]) -> Result<u64, Errno> {
    match file(handle)? {
        Source::Bytes(bytes) => Ok(read_bytes(&bytes, offset, into)),
        Source::Memory(bytes) => Ok(read_bytes(&bytes.borrow(), offset, into)),
        Source::File(file) => {
            let length = file.read_at(into, offset).map_err(|_| Errno::Io)?;
            Ok(length as u64)
        }
    }
}

fn read_bytes(bytes: &[u8], offset: u64, into: &mut [u8]) -> u64 {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let rest = bytes.get(offset..).unwrap_or_default();
    copy_out(rest, into).min(into.len() as u64)
}

pub(crate) fn file_write(handle: u32, offset: u64, bytes: &[u8]) -> Result<u64, Errno> {
    let Source::Memory(file) = file(handle)? else {
        return Err(Errno::NotGranted);
    };
    let mut file = file.borrow_mut();
    let start = usize::try_from(offset).map_err(|_| Errno::NoSpace)?;
    let end = start.checked_add(bytes.len()).ok_or(Errno::NoSpace)?;
    if file.len() < end {
        file.resize(end, 0);
    }
    file[start..end].copy_from_slice(bytes);
    Ok(bytes.len() as u64)
}

pub(crate) fn file_resize(handle: u32, bytes: u64) -> Result<(), Errno> {
    let Source::Memory(file) = file(handle)? else {
        return Err(Errno::NotGranted);
    };
    let bytes = usize::try_from(bytes).map_err(|_| Errno::NoSpace)?;
    file.borrow_mut().resize(bytes, 0);
    Ok(())
}

pub(crate) fn file_publish(file: u32, offset: u64, publisher: u32, max: u32) -> Result<u64, Errno> {
    if max == 0 {
        return Err(Errno::Invalid);
    }
    let room = pub_claim(publisher, 1, max)?;
    let mut bytes = vec![0; room as usize];
    let length = file_read(file, offset, &mut bytes)?;
    pub_write(publisher, &bytes[..length as usize])?;
    Ok(length)
}

pub(crate) fn request(right: u32, bytes: &[u8]) -> Result<u32, Errno> {
    let request = Value::decode(bytes).map_err(|_| Errno::Malformed)?;
    let answer = with(|world| {
        world.check_right(right, &[HandleKind::System, HandleKind::Spawn])?;
        world.answer.take().ok_or(Errno::Unsupported)
    });
    let mut answer = answer?;
    let value = answer(&request);
    with(|world| {
        world.answer = Some(answer);
        let handle = world.task().insert(Object::Reply(value.to_bytes()))?;
        Ok(handle.0)
    })
}

pub(crate) fn reply(reply: u32, into: &mut [u8]) -> Result<u64, Errno> {
    with(|world| match world.task().get(reply)? {
        Object::Reply(bytes) => Ok(copy_out(bytes, into)),
        _ => Err(Errno::WrongKind),
    })
}

pub(crate) fn executed(status: u32) -> Result<(), Errno> {
    let status = Executed::from_number(status).ok_or(Errno::Invalid)?;
    with(|world| world.task().executed.push(status));
    Ok(())
}

pub(crate) fn pause() -> Result<u64, Errno> {
    with(|world| Ok(u64::from(world.task().interrupted)))
}

/// What a test's task may have.
const MEMORY_BYTES_MAX: u64 = 256 << 20;

pub(crate) fn memory() -> Result<u64, Errno> {
    Ok(MEMORY_BYTES_MAX)
}

pub(crate) fn state(version: u32, bytes: &[u8]) -> Result<(), Errno> {
    with(|world| world.task().state = Some((version, bytes.to_vec())));
    Ok(())
}

pub(crate) fn report(status: u32, outcome: &[u8]) -> Result<(), Errno> {
    if outcome.len() > REPORT_BYTES_MAX {
        return Err(Errno::TooLarge);
    }
    executed(status)?;
    with(|world| world.task().outcomes.push(outcome.to_vec()));
    Ok(())
}

pub(crate) fn fault(text: &str) -> Result<(), Errno> {
    with(|world| world.task().fault = Some(text.to_string()));
    Ok(())
}

/// In the stand-in nothing is limited.
pub(crate) fn grant_info(handle: u32) -> Result<GrantInfo, Errno> {
    handle_kind(handle).map(|_| GrantInfo::default())
}
