//! Tests of [`super::Message`]: every message survives the bus, and no words can do harm.

use super::{Address, Message, Parcels, QosChange};
use crate::cell::{Begun, Kill};
use crate::config::Quanta;
use crate::envelope::destination;
use crate::exit::{Exit, Notice};
use crate::files::{Access, Writing};
use crate::ids::{CoreId, EndpointId, SelectorId, TaskId};
use crate::io::limits::SelectLimits;
use crate::io::output::Stream;
use crate::io::select::SelectOrder;
use crate::io::target::Target;
use crate::memory::End;
use crate::moving::{Delivery, Relay};
use crate::program::{Candidate, Class, ModuleInfo, Program};
use crate::refusal::Refusal;
use crate::spawn::{Outlet, Spawn};
use crate::table::Key;
use crate::task::{Fault, FaultKind};
use okernel_abi::Errno;
use okernel_abi::layout::Executed;
use okernel_abi::value::Value;
use okernel_ring::{Policy, Ring, Start};

fn task() -> TaskId {
    TaskId(Key::new(7, 3))
}

fn endpoint() -> EndpointId {
    EndpointId(Key::new(u32::MAX, u32::MAX))
}

fn all() -> Vec<Message> {
    let publisher = Ring::create(4096, Start::Hold).unwrap();
    let quanta = Quanta::default();
    let creator = Some(task());
    let weight = 5;
    vec![
        Message::Nop,
        Message::AckNop,
        Message::Pub {
            capacity_bytes: u64::MAX,
            creator,
        },
        Message::AckPub(endpoint()),
        Message::Sub {
            ring: endpoint(),
            policy: Policy::Block,
            creator: None,
        },
        Message::Sub {
            ring: endpoint(),
            policy: Policy::Lap,
            creator,
        },
        Message::Sub {
            ring: endpoint(),
            policy: Policy::Kick,
            creator,
        },
        Message::AckSub(endpoint()),
        Message::Spawn(Box::new(Spawn::program(
            "name",
            Program::Code("1".to_string()),
        ))),
        Message::AckSpawn(task()),
        Message::Exec {
            task: task(),
            input: b"1+1".to_vec(),
        },
        Message::AckExec(Executed::Done, b"outcome".to_vec()),
        Message::AckExec(Executed::Failed, b"outcome".to_vec()),
        Message::AckExec(Executed::Incomplete, b"outcome".to_vec()),
        Message::Print {
            outlet: Outlet::Console,
            stream: Stream::Out,
            bytes: b"out".to_vec(),
        },
        Message::Print {
            outlet: Outlet::Slot(Key::new(4, 9)),
            stream: Stream::Errors,
            bytes: b"err".to_vec(),
        },
        Message::AckPrint,
        Message::Offer(Outlet::Console, b"names".to_vec()),
        Message::Offer(Outlet::Slot(Key::new(1, 2)), b"names".to_vec()),
        Message::Stats { period_ms: 250 },
        Message::Select(Box::new(SelectOrder {
            address: "timer://1s".to_string(),
            target: Target::Timer { period_ns: 1 },
            limits: SelectLimits::default(),
            creator,
        })),
        Message::AckSelect(Value::Int(7)),
        Message::Drop(SelectorId::from_number(3).unwrap()),
        Message::AckDrop,
        Message::Qos(QosChange::Core(quanta)),
        Message::Qos(QosChange::Task {
            task: task(),
            weight,
        }),
        Message::AckQos,
        Message::Load {
            name: "m".to_string(),
            path: "m.wasm".into(),
            class: Class::Dense,
        },
        Message::AckLoad(ModuleInfo::default()),
        Message::Upgrade("m".to_string()),
        Message::Check {
            name: "m".to_string(),
            path: "m.wasm".into(),
        },
        Message::Try {
            task: task(),
            candidate: Candidate::new(|_| Err(Fault::new(FaultKind::Host, "none"))),
        },
        Message::AckTry,
        Message::Move {
            task: task(),
            to: CoreId(63),
        },
        Message::AckMove,
        Message::Relay(Box::new(Relay {
            task: task(),
            delivery: Delivery::Printed(5),
        })),
        Message::Read("file".into()),
        Message::AckRead(b"bytes".to_vec()),
        Message::Write(Box::new(Writing {
            path: "file".into(),
            access: Access::Append,
            bytes: b"bytes".to_vec(),
        })),
        Message::AckWrite,
        Message::Kill(task()),
        Message::AckKill,
        Message::Migrate {
            endpoint: endpoint(),
            asker: creator,
        },
        Message::AckMigrate(End::Publisher(endpoint(), publisher)),
        Message::Halt(-1),
        Message::AckHalt,
        Message::Exited {
            supervisor: task(),
            child: 3,
            begun: Begun::Yes,
            notice: Box::new(Notice {
                task: task(),
                name: "n".to_string(),
                core: CoreId(3),
                exit: Exit::Killed,
            }),
        },
        Message::AckExited,
        Message::Begun {
            supervisor: task(),
            task: task(),
        },
        Message::End(task(), Kill::Shutdown),
        Message::Release {
            endpoint: endpoint(),
            holder: task(),
            heir: Some(task()),
        },
        Message::AckRelease,
        Message::AckValue(Value::Int(5)),
        Message::Error(Refusal::new(Errno::Busy, "busy")),
    ]
}

#[test]
fn every_message_survives_the_bus() {
    let parcels = Parcels::default();
    for message in all() {
        let address = Address {
            from: CoreId(63),
            to: CoreId(u16::MAX),
            ask: Key::new(9, u32::MAX),
        };
        let before = format!("{message:?}");
        let envelope = message.seal(address, &parcels);
        assert_eq!(destination(&envelope), address.to);
        let (opened, message) = Message::open(&envelope, &parcels).unwrap();
        assert_eq!((opened, format!("{message:?}")), (address, before));
        assert_eq!(parcels.count(), 0);
    }
}

#[test]
fn an_envelope_is_opened_once_and_nonsense_never() {
    let parcels = Parcels::default();
    let address = Address {
        from: CoreId(0),
        to: CoreId(0),
        ask: Key::new(0, 0),
    };
    let print = Message::Print {
        outlet: Outlet::Console,
        stream: Stream::Out,
        bytes: vec![1],
    };
    let envelope = print.seal(address, &parcels);
    assert!(Message::open(&envelope, &parcels).is_some());
    assert!(Message::open(&envelope, &parcels).is_none());
    for kind in 52..=u16::MAX {
        assert!(Message::open(&[kind.into(), 0, 0, 0, 0, 0, 0, 0], &parcels).is_none());
    }
    assert!(Message::open(&[9, 0, 77, 0, 0, 0, 0, 0], &parcels).is_none());
}
