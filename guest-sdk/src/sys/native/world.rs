//! What the native stand-in knows: rings, tasks with their handles and grants, timers, a console.
//!
//! One world belongs to one thread and is reached through [`with`]. Handles carry generations as the
//! kernel's do, so that a task that uses a closed one is told in a unit test already.

use super::ring::{Ring, Slow};
use okernel_abi::Errno;
use okernel_abi::handle::{HANDLES_MAX, Handle};
use okernel_abi::layout::{Executed, HandleKind, LogLevel};
use okernel_abi::value::Value;
use std::cell::RefCell;
use std::fs::File;
use std::rc::Rc;

/// Console output of one task that may be on its way: more is answered with Again until the next turn.
pub(crate) const CONSOLE_BYTES_MAX: usize = 64 * 1024;

/// Answers requests in a test.
pub(crate) type Answer = Box<dyn FnMut(&Value) -> Value>;

/// Where a granted file's bytes are.
#[derive(Clone)]
pub(crate) enum Source {
    /// In memory.
    Bytes(Rc<[u8]>),
    /// In memory, to be written.
    Memory(Rc<RefCell<Vec<u8>>>),
    /// In the file system.
    File(Rc<File>),
}

/// What a test grants.
#[derive(Clone)]
pub(crate) enum Grant {
    Publisher(String),
    Subscriber(String, Slow),
    File(Source),
    Right(HandleKind),
}

/// What a handle stands for.
pub(crate) enum Object {
    Publisher(usize),
    Subscriber(usize, usize),
    File(Source),
    Right(HandleKind),
    Timer(Timer),
    Reply(Vec<u8>),
}

pub(crate) struct Timer {
    pub(crate) next_ns: Option<u64>,
    pub(crate) period_ns: u64,
    pub(crate) fired: u64,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    object: Option<Object>,
}

/// One task of the world.
#[derive(Default)]
pub(crate) struct TaskState {
    slots: Vec<Slot>,
    grants: Vec<(String, Handle)>,
    pub(crate) args: Vec<String>,
    pub(crate) armed: Vec<(u32, u32)>,
    pub(crate) fault: Option<String>,
    pub(crate) executed: Vec<Executed>,
    pub(crate) outcomes: Vec<Vec<u8>>,
    pub(crate) input: Vec<u8>,
    pub(crate) unacknowledged: usize,
    /// What the task has handed over as its state.
    pub(crate) state: Option<(u32, Vec<u8>)>,
    /// Whether the task is to give up its input.
    pub(crate) interrupted: bool,
}

/// All that one thread's stand-in kernel holds.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) rings: Vec<(String, Ring)>,
    pub(crate) tasks: Vec<TaskState>,
    pub(crate) current: usize,
    pub(crate) now_ns: u64,
    pub(crate) seed: u64,
    pub(crate) console: Vec<u8>,
    pub(crate) offered: Vec<String>,
    pub(crate) log: Vec<(LogLevel, String)>,
    pub(crate) answer: Option<Answer>,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::default());
}

/// Calls `act` with this thread's world.
pub(crate) fn with<R>(act: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(act)
}

impl TaskState {
    pub(crate) fn insert(&mut self, object: Object) -> Result<Handle, Errno> {
        let free = self.slots.iter().position(|slot| slot.object.is_none());
        let index = free.unwrap_or(self.slots.len());
        if index == HANDLES_MAX {
            return Err(Errno::Limit);
        }
        if free.is_none() {
            self.slots.push(Slot {
                generation: 1,
                object: None,
            });
        }
        self.slots[index].object = Some(object);
        Ok(Handle::new(index, self.slots[index].generation))
    }

    pub(crate) fn get(&mut self, handle: u32) -> Result<&mut Object, Errno> {
        let handle = Handle(handle);
        let slot = self.slots.get_mut(handle.index()).ok_or(Errno::BadHandle)?;
        if slot.generation != handle.generation() {
            return Err(Errno::BadHandle);
        }
        slot.object.as_mut().ok_or(Errno::BadHandle)
    }

    pub(crate) fn grant_names(&self) -> Vec<String> {
        self.grants.iter().map(|(name, _)| name.clone()).collect()
    }

    fn remove(&mut self, handle: u32) -> Result<Object, Errno> {
        self.get(handle)?;
        let slot = &mut self.slots[Handle(handle).index()];
        slot.generation = (slot.generation + 1) & 0xffff;
        slot.object.take().ok_or(Errno::BadHandle)
    }
}

impl World {
    /// Begins anew: no rings, no tasks.
    pub(crate) fn reset(&mut self) {
        *self = World::default();
    }

    pub(crate) fn task(&mut self) -> &mut TaskState {
        if self.tasks.is_empty() {
            self.tasks.push(TaskState::default());
        }
        &mut self.tasks[self.current]
    }

    pub(crate) fn ring_index(&self, name: &str) -> Option<usize> {
        self.rings.iter().position(|(ring, _)| ring == name)
    }

    /// Gives a task something under a name.
    pub(crate) fn grant(&mut self, task: usize, name: &str, grant: Grant) -> Result<(), Errno> {
        let object = match grant {
            Grant::Publisher(ring) => {
                Object::Publisher(self.ring_index(&ring).ok_or(Errno::NotFound)?)
            }
            Grant::Subscriber(ring, slow) => {
                let ring = self.ring_index(&ring).ok_or(Errno::NotFound)?;
                Object::Subscriber(ring, self.rings[ring].1.join(slow))
            }
            Grant::File(source) => Object::File(source),
            Grant::Right(kind) => Object::Right(kind),
        };
        let handle = self.tasks[task].insert(object)?;
        self.tasks[task].grants.push((name.to_string(), handle));
        Ok(())
    }

    pub(crate) fn granted(&mut self, name: &str) -> Result<u32, Errno> {
        let grants = &self.task().grants;
        let found = grants.iter().find(|(granted, _)| granted == name);
        found.map(|(_, handle)| handle.0).ok_or(Errno::NotGranted)
    }

    pub(crate) fn kind(&mut self, handle: u32) -> Result<HandleKind, Errno> {
        Ok(match self.task().get(handle)? {
            Object::Publisher(_) => HandleKind::Publisher,
            Object::Subscriber(..) => HandleKind::Subscriber,
            Object::File(_) => HandleKind::File,
            Object::Right(kind) => *kind,
            Object::Timer(_) => HandleKind::Timer,
            Object::Reply(_) => HandleKind::Reply,
        })
    }

    /// The ring that a handle writes to.
    pub(crate) fn publisher(&mut self, handle: u32) -> Result<&mut Ring, Errno> {
        match *self.task().get(handle)? {
            Object::Publisher(ring) => Ok(&mut self.rings[ring].1),
            _ => Err(Errno::WrongKind),
        }
    }

    /// The ring that a handle reads from, and which of its readers it is.
    pub(crate) fn subscriber(&mut self, handle: u32) -> Result<(&mut Ring, usize), Errno> {
        match *self.task().get(handle)? {
            Object::Subscriber(ring, reader) => Ok((&mut self.rings[ring].1, reader)),
            _ => Err(Errno::WrongKind),
        }
    }

    /// Whether the task was given this right.
    pub(crate) fn check_right(&mut self, handle: u32, kinds: &[HandleKind]) -> Result<(), Errno> {
        let kind = self.kind(handle)?;
        if kinds.contains(&kind) {
            Ok(())
        } else {
            Err(Errno::WrongKind)
        }
    }

    /// Gives up a handle of the current task.
    pub(crate) fn close(&mut self, handle: u32) -> Result<(), Errno> {
        let object = self.task().remove(handle)?;
        self.dispose(object);
        Ok(())
    }

    fn dispose(&mut self, object: Object) {
        match object {
            Object::Publisher(ring) => self.rings[ring].1.closed = true,
            Object::Subscriber(ring, reader) => self.rings[ring].1.leave(reader),
            Object::File(_) | Object::Right(_) | Object::Timer(_) | Object::Reply(_) => {}
        }
    }

    /// Closes what a task still holds, as the kernel does when it has ended.
    pub(crate) fn reap(&mut self, task: usize) {
        let slots = std::mem::take(&mut self.tasks[task].slots);
        for object in slots.into_iter().filter_map(|slot| slot.object) {
            self.dispose(object);
        }
    }

    /// Whether an armed handle of the current task is ready.
    pub(crate) fn is_ready(&mut self, handle: u32, bytes: u32) -> Result<bool, Errno> {
        match self.task().get(handle)? {
            Object::Publisher(_) => {
                let ring = self.publisher(handle)?;
                let wanted = u64::from(bytes).clamp(1, ring.capacity);
                Ok(ring.closed || ring.free() >= wanted)
            }
            Object::Subscriber(..) => {
                let (ring, reader) = self.subscriber(handle)?;
                ring.is_ready(reader, u64::from(bytes))
            }
            Object::Timer(timer) => Ok(timer.fired > 0),
            Object::Reply(_) => Ok(true),
            Object::Right(HandleKind::Console) => {
                let waiting = self.task().unacknowledged;
                Ok(waiting == 0 || waiting + bytes.max(1) as usize <= CONSOLE_BYTES_MAX)
            }
            // A task that waits for inputs gets all of them before it is polled.
            Object::Right(HandleKind::System) => Ok(false),
            Object::Right(_) | Object::File(_) => Err(Errno::WrongKind),
        }
    }

    /// When the next timer fires, in nanoseconds.
    pub(crate) fn next_timer_ns(&self) -> Option<u64> {
        let slots = self.tasks.iter().flat_map(|task| &task.slots);
        slots
            .filter_map(|slot| match &slot.object {
                Some(Object::Timer(timer)) if timer.fired == 0 => timer.next_ns,
                _ => None,
            })
            .min()
    }

    /// Moves the clock on and fires what is due.
    pub(crate) fn advance(&mut self, now_ns: u64) {
        self.now_ns = self.now_ns.max(now_ns);
        let slots = self.tasks.iter_mut().flat_map(|task| &mut task.slots);
        for slot in slots {
            if let Some(Object::Timer(timer)) = &mut slot.object {
                while let Some(due_ns) = timer.next_ns.filter(|due_ns| *due_ns <= self.now_ns) {
                    timer.fired += 1;
                    timer.next_ns = match timer.period_ns {
                        0 => None,
                        period_ns => due_ns.checked_add(period_ns),
                    };
                }
            }
        }
    }
}
