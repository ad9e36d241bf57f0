//! The InterCore protocol: what cores say to each other, and how it travels.
//!
//! On the bus a message is an *envelope*: eight words that any core may read without trusting
//! them to be anything but words. What is not plain data (an endpoint, an order to spawn, text)
//! is left in the *parcels*, a table that all cores share, and the envelope carries its key.
//!
//! | message | parcel | answered by |
//! |---|---|---|
//! | Nop | | AckNop |
//! | Pub capacity | | AckPub endpoint, or Error |
//! | Sub ring, policy | | AckSub endpoint, or Error |
//! | Spawn | the order | AckSpawn task, or Error |
//! | Exec task | the input | AckExec how it went, with the outcome as its parcel, or Error |
//! | Print | the bytes | AckPrint when they are written, or Error |
//! | Offer | the names | AckPrint when the console has them, or Error |
//! | Stats period | | AckPub of the statistics' ring, or Error |
//! | Select | the order | AckSelect with its numbers, or Error |
//! | Drop selector | | AckDrop, or Error |
//! | QoS core or task | the change | AckQoS, or Error |
//! | Load | name, path and class | AckLoad with the module, or Error |
//! | Upgrade | the module's name | AckNop when its tasks are marked |
//! | Check | name and path | AckValue with a table of its tasks, or Error |
//! | Try task | the version | AckTry when it could go on, or Error |
//! | Move task, core | | AckMove when it has arrived there, or Error |
//! | Arrive | the task | AckNop |
//! | Relay | an answer | AckNop |
//! | Read | path | AckRead with the file's bytes, or Error |
//! | Write | path and bytes | AckWrite, or Error |
//! | Kill task | | AckKill when it is gone, or Error |
//! | Migrate endpoint | | AckMigrate with the endpoint, or Error |
//! | Halt status | | AckHalt when the core's tasks have ended |
//! | Interrupt task | | AckInterrupt, or Error |
//! | Revoke task | | AckRevoke when what the task lost cannot be used any more |
//! | Exited supervisor, child | its end | AckExited |
//! | End task | the reason | AckKill when it is gone, or Error |
//! | Release endpoint, holder | who keeps it now | AckRelease |
//! | Begun supervisor, task | | AckNop |
//!
//! What a task waits for that another core brings about (an end, a name) is answered by AckValue with the value as its
//! parcel; it was asked of the directory, not by a message.
//!
//! Invariants: every message but an answer is answered exactly once, with the asker's own number;
//! a parcel is taken out exactly once, by the core that the envelope is for.

use crate::cell::{Begun, Kill};
use crate::config::Quanta;
use crate::envelope::{Address, Envelope, key_to_word, word_to_key};
use crate::exit::Notice;
use crate::files::Writing;
use crate::ids::{CoreId, EndpointId, SelectorId, TaskId};
use crate::io::output::Stream;
use crate::io::select::SelectOrder;
use crate::memory::End;
use crate::moving::{Arrival, Relay};
use crate::program::{Candidate, Class, ModuleInfo};
use crate::refusal::Refusal;
use crate::spawn::{Outlet, Spawn};
use crate::table::Table;
use okernel_abi::layout::Executed;
use okernel_abi::value::Value;
use okernel_ring::Policy;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// A change of shares while the kernel runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum QosChange {
    Core(Quanta),
    Task { task: TaskId, weight: u32 },
}

/// One message.
#[derive(Debug)]
pub(crate) enum Message {
    Nop,
    AckNop,
    Pub {
        capacity_bytes: u64,
        creator: Option<TaskId>,
    },
    AckPub(EndpointId),
    Sub {
        ring: EndpointId,
        policy: Policy,
        creator: Option<TaskId>,
    },
    AckSub(EndpointId),
    Spawn(Box<Spawn>),
    AckSpawn(TaskId),
    Exec {
        task: TaskId,
        input: Vec<u8>,
    },
    AckExec(Executed, Vec<u8>),
    Print {
        outlet: Outlet,
        stream: Stream,
        bytes: Vec<u8>,
    },
    AckPrint,
    /// Names for whoever types, as an encoded vector of symbols.
    Offer(Outlet, Vec<u8>),
    /// The statistics' ring is wanted; a period of 0 ms leaves the one that it has.
    Stats {
        period_ms: u64,
    },
    Select(Box<SelectOrder>),
    AckSelect(Value),
    Drop(SelectorId),
    AckDrop,
    Qos(QosChange),
    AckQos,
    Load {
        name: String,
        path: PathBuf,
        class: Class,
    },
    AckLoad(ModuleInfo),
    /// A module has another current version: its tasks are to be upgraded.
    Upgrade(String),
    /// What would come of loading a module?
    Check {
        name: String,
        path: PathBuf,
    },
    Try {
        task: TaskId,
        candidate: Candidate,
    },
    AckTry,
    /// A task is to move to another core.
    Move {
        task: TaskId,
        to: CoreId,
    },
    AckMove,
    Arrive(Box<Arrival>),
    /// Something for a task that is on another core by now.
    Relay(Box<Relay>),
    Read(PathBuf),
    AckRead(Vec<u8>),
    /// Writes a file; the answer is an AckWrite or an Error.
    Write(Box<Writing>),
    AckWrite,
    Kill(TaskId),
    AckKill,
    Migrate {
        endpoint: EndpointId,
        /// The task that asks: it may move what it holds itself.
        asker: Option<TaskId>,
    },
    AckMigrate(End),
    Halt(i32),
    AckHalt,
    /// The task is to give up the input that it works on.
    Interrupt(TaskId),
    AckInterrupt,
    /// A supervised task has ended.
    Exited {
        supervisor: TaskId,
        /// Its place in the supervisor's list.
        child: usize,
        /// Whether it had begun.
        begun: Begun,
        notice: Box<Notice>,
    },
    AckExited,
    /// The task is to end, for that reason.
    End(TaskId, Kill),
    /// A supervisor no longer keeps an endpoint.
    Release {
        endpoint: EndpointId,
        holder: TaskId,
        heir: Option<TaskId>,
    },
    AckRelease,
    /// What a task has waited for.
    AckValue(Value),
    /// The task has lost some of its grants: capabilities of its are no longer good.
    Revoke(TaskId),
    AckRevoke,
    /// A supervised task has begun.
    Begun {
        supervisor: TaskId,
        task: TaskId,
    },
    Error(Refusal),
}

/// What cannot be written as words.
#[derive(Debug)]
pub(crate) enum Parcel {
    Creator(Option<TaskId>),
    Spawn(Box<Spawn>),
    Bytes(Vec<u8>),
    Qos(QosChange),
    Select(Box<SelectOrder>),
    Value(Value),
    Load(String, PathBuf, Class),
    Check(String, PathBuf),
    Name(String),
    Candidate(Candidate),
    Arrival(Box<Arrival>),
    Relay(Box<Relay>),
    Path(PathBuf),
    Writing(Box<Writing>),
    Module(ModuleInfo),
    End(End),
    Refusal(Refusal),
    Notice(Box<Notice>),
    Kill(Kill),
}

/// The parcels of all cores.
#[derive(Debug, Default)]
pub(crate) struct Parcels(Mutex<Table<Parcel>>);

impl Parcels {
    fn put(&self, parcel: Parcel) -> u64 {
        let mut parcels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        key_to_word(parcels.insert(parcel)) + 1
    }

    fn take(&self, word: u64) -> Option<Parcel> {
        let mut parcels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parcels.remove(word_to_key(word.checked_sub(1)?))
    }

    /// How many have not been taken yet.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Zero is the console, any other word is a slot.
fn outlet_to_word(outlet: Outlet) -> u64 {
    match outlet {
        Outlet::Console => 0,
        Outlet::Slot(slot) => key_to_word(slot) + 1,
    }
}

fn word_to_outlet(word: u64) -> Outlet {
    match word.checked_sub(1) {
        None => Outlet::Console,
        Some(slot) => Outlet::Slot(word_to_key(slot)),
    }
}

impl Message {
    /// Writes the message as words; what is not plain data goes to the parcels.
    pub(crate) fn seal(self, address: Address, parcels: &Parcels) -> Envelope {
        let put = |parcel| parcels.put(parcel);
        let (kind, a, b, parcel): (u16, u64, u64, u64) = match self {
            Message::Nop => (0, 0, 0, 0),
            Message::AckNop => (1, 0, 0, 0),
            Message::Pub {
                capacity_bytes,
                creator,
            } => (2, capacity_bytes, 0, put(Parcel::Creator(creator))),
            Message::AckPub(endpoint) => (3, key_to_word(endpoint.0), 0, 0),
            Message::Sub {
                ring,
                policy,
                creator,
            } => {
                let policy = match policy {
                    Policy::Block => 0,
                    Policy::Lap => 1,
                    Policy::Kick => 2,
                };
                (
                    4,
                    key_to_word(ring.0),
                    policy,
                    put(Parcel::Creator(creator)),
                )
            }
            Message::AckSub(endpoint) => (5, key_to_word(endpoint.0), 0, 0),
            Message::Spawn(spawn) => (6, 0, 0, put(Parcel::Spawn(spawn))),
            Message::AckSpawn(task) => (7, key_to_word(task.0), 0, 0),
            Message::Exec { task, input } => (8, key_to_word(task.0), 0, put(Parcel::Bytes(input))),
            Message::AckExec(executed, outcome) => {
                (9, executed as u64, 0, put(Parcel::Bytes(outcome)))
            }
            Message::Print {
                outlet,
                stream,
                bytes,
            } => {
                let outlet = outlet_to_word(outlet);
                (10, stream as u64, outlet, put(Parcel::Bytes(bytes)))
            }
            Message::AckPrint => (11, 0, 0, 0),
            Message::Select(order) => (12, 0, 0, put(Parcel::Select(order))),
            Message::AckSelect(value) => (32, 0, 0, put(Parcel::Value(value))),
            Message::Drop(selector) => (33, key_to_word(selector.0), 0, 0),
            Message::AckDrop => (34, 0, 0, 0),
            Message::Qos(change) => (13, 0, 0, put(Parcel::Qos(change))),
            Message::AckQos => (14, 0, 0, 0),
            Message::Load { name, path, class } => (15, 0, 0, put(Parcel::Load(name, path, class))),
            Message::AckLoad(module) => (16, 0, 0, put(Parcel::Module(module))),
            Message::Kill(task) => (17, key_to_word(task.0), 0, 0),
            Message::AckKill => (18, 0, 0, 0),
            Message::Migrate { endpoint, asker } => {
                (19, key_to_word(endpoint.0), 0, put(Parcel::Creator(asker)))
            }
            Message::AckMigrate(end) => (20, 0, 0, put(Parcel::End(end))),
            Message::Halt(status) => (21, status as u32 as u64, 0, 0),
            Message::AckHalt => (22, 0, 0, 0),
            Message::Error(refusal) => (23, 0, 0, put(Parcel::Refusal(refusal))),
            Message::Read(path) => (24, 0, 0, put(Parcel::Path(path))),
            Message::AckRead(bytes) => (25, 0, 0, put(Parcel::Bytes(bytes))),
            Message::Interrupt(task) => (26, key_to_word(task.0), 0, 0),
            Message::AckInterrupt => (27, 0, 0, 0),
            Message::Stats { period_ms } => (28, period_ms, 0, 0),
            Message::Offer(outlet, names) => {
                (29, 0, outlet_to_word(outlet), put(Parcel::Bytes(names)))
            }
            Message::Write(writing) => (30, 0, 0, put(Parcel::Writing(writing))),
            Message::AckWrite => (31, 0, 0, 0),
            Message::Exited {
                supervisor,
                child,
                begun,
                notice,
            } => {
                let (supervisor, notice) = (key_to_word(supervisor.0), put(Parcel::Notice(notice)));
                (
                    35,
                    supervisor,
                    child as u64 * 2 + u64::from(begun == Begun::Yes),
                    notice,
                )
            }
            Message::AckExited => (36, 0, 0, 0),
            Message::End(task, kill) => (37, key_to_word(task.0), 0, put(Parcel::Kill(kill))),
            Message::Release {
                endpoint,
                holder,
                heir,
            } => {
                let (endpoint, holder) = (key_to_word(endpoint.0), key_to_word(holder.0));
                (38, endpoint, holder, put(Parcel::Creator(heir)))
            }
            Message::AckRelease => (39, 0, 0, 0),
            Message::AckValue(value) => (40, 0, 0, put(Parcel::Value(value))),
            Message::Upgrade(module) => (41, 0, 0, put(Parcel::Name(module))),
            Message::Check { name, path } => (42, 0, 0, put(Parcel::Check(name, path))),
            Message::Try { task, candidate } => (
                43,
                key_to_word(task.0),
                0,
                put(Parcel::Candidate(candidate)),
            ),
            Message::AckTry => (44, 0, 0, 0),
            Message::Move { task, to } => (45, key_to_word(task.0), to.0.into(), 0),
            Message::AckMove => (46, 0, 0, 0),
            Message::Arrive(arrival) => (47, 0, 0, put(Parcel::Arrival(arrival))),
            Message::Relay(relay) => (48, 0, 0, put(Parcel::Relay(relay))),
            Message::Revoke(task) => (49, key_to_word(task.0), 0, 0),
            Message::AckRevoke => (50, 0, 0, 0),
            Message::Begun { supervisor, task } => {
                (51, key_to_word(supervisor.0), key_to_word(task.0), 0)
            }
        };
        let head =
            u64::from(kind) | u64::from(address.from.0) << 16 | u64::from(address.to.0) << 32;
        [head, key_to_word(address.ask), a, b, parcel, 0, 0, 0]
    }

    /// Reads what [`Message::seal`] wrote. None when the words are none of ours or the parcel is gone,
    /// which is a fault of the host.
    pub(crate) fn open(envelope: &Envelope, parcels: &Parcels) -> Option<(Address, Message)> {
        let [head, ask, a, b, parcel, ..] = *envelope;
        let address = Address {
            from: CoreId((head >> 16) as u16),
            to: CoreId((head >> 32) as u16),
            ask: word_to_key(ask),
        };
        let parcel = parcels.take(parcel);
        let message = match (head as u16, parcel) {
            (0, None) => Message::Nop,
            (1, None) => Message::AckNop,
            (2, Some(Parcel::Creator(creator))) => Message::Pub {
                capacity_bytes: a,
                creator,
            },
            (3, None) => Message::AckPub(EndpointId(word_to_key(a))),
            (4, Some(Parcel::Creator(creator))) => Message::Sub {
                ring: EndpointId(word_to_key(a)),
                policy: match b {
                    0 => Policy::Block,
                    1 => Policy::Lap,
                    _ => Policy::Kick,
                },
                creator,
            },
            (5, None) => Message::AckSub(EndpointId(word_to_key(a))),
            (6, Some(Parcel::Spawn(spawn))) => Message::Spawn(spawn),
            (7, None) => Message::AckSpawn(TaskId(word_to_key(a))),
            (8, Some(Parcel::Bytes(input))) => Message::Exec {
                task: TaskId(word_to_key(a)),
                input,
            },
            (9, Some(Parcel::Bytes(outcome))) => {
                Message::AckExec(Executed::from_number(a as u32)?, outcome)
            }
            (10, Some(Parcel::Bytes(bytes))) => Message::Print {
                outlet: word_to_outlet(b),
                stream: match a {
                    0 => Stream::Out,
                    _ => Stream::Errors,
                },
                bytes,
            },
            (11, None) => Message::AckPrint,
            (12, Some(Parcel::Select(order))) => Message::Select(order),
            (32, Some(Parcel::Value(value))) => Message::AckSelect(value),
            (33, None) => Message::Drop(SelectorId(word_to_key(a))),
            (34, None) => Message::AckDrop,
            (13, Some(Parcel::Qos(change))) => Message::Qos(change),
            (14, None) => Message::AckQos,
            (15, Some(Parcel::Load(name, path, class))) => Message::Load { name, path, class },
            (16, Some(Parcel::Module(module))) => Message::AckLoad(module),
            (17, None) => Message::Kill(TaskId(word_to_key(a))),
            (18, None) => Message::AckKill,
            (19, Some(Parcel::Creator(asker))) => Message::Migrate {
                endpoint: EndpointId(word_to_key(a)),
                asker,
            },
            (20, Some(Parcel::End(end))) => Message::AckMigrate(end),
            (21, None) => Message::Halt(a as u32 as i32),
            (22, None) => Message::AckHalt,
            (23, Some(Parcel::Refusal(refusal))) => Message::Error(refusal),
            (24, Some(Parcel::Path(path))) => Message::Read(path),
            (25, Some(Parcel::Bytes(bytes))) => Message::AckRead(bytes),
            (26, None) => Message::Interrupt(TaskId(word_to_key(a))),
            (27, None) => Message::AckInterrupt,
            (28, None) => Message::Stats { period_ms: a },
            (29, Some(Parcel::Bytes(names))) => Message::Offer(word_to_outlet(b), names),
            (30, Some(Parcel::Writing(writing))) => Message::Write(writing),
            (31, None) => Message::AckWrite,
            (35, Some(Parcel::Notice(notice))) => Message::Exited {
                supervisor: TaskId(word_to_key(a)),
                child: b as usize / 2,
                begun: match b % 2 {
                    0 => Begun::No,
                    _ => Begun::Yes,
                },
                notice,
            },
            (36, None) => Message::AckExited,
            (37, Some(Parcel::Kill(kill))) => Message::End(TaskId(word_to_key(a)), kill),
            (38, Some(Parcel::Creator(heir))) => Message::Release {
                endpoint: EndpointId(word_to_key(a)),
                holder: TaskId(word_to_key(b)),
                heir,
            },
            (39, None) => Message::AckRelease,
            (40, Some(Parcel::Value(value))) => Message::AckValue(value),
            (41, Some(Parcel::Name(module))) => Message::Upgrade(module),
            (42, Some(Parcel::Check(name, path))) => Message::Check { name, path },
            (43, Some(Parcel::Candidate(candidate))) => Message::Try {
                task: TaskId(word_to_key(a)),
                candidate,
            },
            (44, None) => Message::AckTry,
            (45, None) => Message::Move {
                task: TaskId(word_to_key(a)),
                to: CoreId(b as u16),
            },
            (46, None) => Message::AckMove,
            (47, Some(Parcel::Arrival(arrival))) => Message::Arrive(arrival),
            (48, Some(Parcel::Relay(relay))) => Message::Relay(relay),
            (49, None) => Message::Revoke(TaskId(word_to_key(a))),
            (50, None) => Message::AckRevoke,
            (51, None) => Message::Begun {
                supervisor: TaskId(word_to_key(a)),
                task: TaskId(word_to_key(b)),
            },
            _ => return None,
        };
        Some((address, message))
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
