//! The requests `select` and `drop`, carried out on the core that the selector is to belong to.
//!
//! `select` opens the socket or file, makes a ring towards the tasks and one from them, keeps one end of
//! each and leaves the others in the core's memory, held by nobody: their numbers are what can be granted.

use crate::aside;
use crate::core::{Core, Phase, Shared};
use crate::files::{kind, open_at_once};
use crate::ids::{CoreId, EndpointId, SelectorId, TaskId};
use crate::inbox::Asker;
use crate::io::file::FileAppender;
use crate::io::follow::FileReader;
use crate::io::limits::SelectLimits;
use crate::io::link::{Link, SelectorStats};
use crate::io::network::{Network, Source};
use crate::io::rings::{OwnPublisher, OwnSubscriber};
use crate::io::selector::{Notice, Selector};
use crate::io::target::{Mode, Target};
use crate::io::ticks::Ticks;
use crate::message::Message;
use crate::refusal::Refusal;
use crate::table::Key;
use mio::net::TcpListener;
use okernel_abi::Errno;
use okernel_abi::value::Value;
use okernel_ring::Policy;
use rustix::fs::FileType;
use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::SockRef;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;

/// Connections that may wait to be accepted, as far as the system allows: thousands may come at once, and one that
/// finds no room tries again only after a second.
const BACKLOG: i32 = 4096;

/// Bytes of a file that are read at a time.
const FILE_PIECE_BYTES: usize = 64 << 10;

/// A selector as it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SelectOrder {
    /// As it was written.
    pub(crate) address: String,
    pub(crate) target: Target,
    pub(crate) limits: SelectLimits,
    pub(crate) creator: Option<TaskId>,
}

/// What is known of a selector.
#[derive(Clone, Debug)]
pub(crate) struct SelectorInfo {
    pub(crate) address: String,
    pub(crate) kind: &'static str,
    pub(crate) core: CoreId,
    /// Its slot there, once it has one.
    pub(crate) slot: Option<Key>,
    /// The subscriber that reads what comes, as it was made.
    pub(crate) input: EndpointId,
    /// The publisher of what goes, as it was made.
    pub(crate) output: Option<EndpointId>,
    pub(crate) creator: Option<TaskId>,
    pub(crate) stats: Arc<SelectorStats>,
}

/// A selector's entry in the directory; it is taken out when this is dropped.
pub(crate) struct SelectorEntry {
    id: SelectorId,
    shared: Arc<Shared>,
}

impl SelectorEntry {
    pub(crate) fn id(&self) -> SelectorId {
        self.id
    }
}

impl Drop for SelectorEntry {
    fn drop(&mut self) {
        self.shared.directory.remove_selector(self.id);
    }
}

/// A selector that was dropped and has not gone yet.
pub(crate) struct Leaving {
    slot: Key,
    /// The tasks' ends of its rings.
    ends: Vec<EndpointId>,
    /// Who is told when it has gone.
    asker: Asker,
}

/// What was opened, before it has rings.
enum Opened {
    Network(Source),
    File(File),
    Timer,
}

fn refuse(errno: Errno, text: impl std::fmt::Display) -> Refusal {
    Refusal::new(errno, format!("select: {text}"))
}

impl Core {
    /// Carries out `select`. Answers its number, the numbers of the ends, and the address it has.
    pub(crate) fn select(&mut self, order: SelectOrder) -> Result<Value, Refusal> {
        if self.phase != Phase::Running {
            return Err(refuse(Errno::Halting, "the kernel is halting"));
        }
        let failed =
            |error: std::io::Error| refuse(Errno::Io, format_args!("{}: {error}", order.address));
        let (opened, bound) = open(&order.target).map_err(failed)?;
        let address = match bound {
            Some(bound) => bound.to_string(),
            None => order.address.clone(),
        };
        let own = OwnPublisher::create(&self.shared, self.id, "select", order.limits.in_bytes)?;
        self.shared.directory.set_name(own.id(), &address);
        let input = self.subscribe(own.id(), Policy::Block, order.creator)?;
        let rest = self.select_with(&order, opened, own, input, address);
        if rest.is_err() {
            self.drop_endpoint(input);
        }
        rest
    }

    fn select_with(
        &mut self,
        order: &SelectOrder,
        opened: Opened,
        own: OwnPublisher,
        input: EndpointId,
        address: String,
    ) -> Result<Value, Refusal> {
        let (output, commands) = if order.target.takes_frames() {
            let output = self.publish(order.limits.out_bytes, order.creator)?;
            match OwnSubscriber::join(&self.shared, self.id, output, Policy::Block) {
                Ok(commands) => {
                    self.shared.directory.set_name(commands.id(), &address);
                    (Some(output), Some(commands))
                }
                Err(refusal) => {
                    self.drop_endpoint(output);
                    return Err(refusal);
                }
            }
        } else {
            (None, None)
        };
        let stats = Arc::new(SelectorStats::default());
        let made = self.shared.directory.add_selector(SelectorInfo {
            address: address.clone(),
            kind: order.target.kind(),
            core: self.id,
            slot: None,
            input,
            output,
            creator: order.creator,
            stats: Arc::clone(&stats),
        });
        let slot = made.and_then(|id| {
            let shared = Arc::clone(&self.shared);
            let entry = SelectorEntry { id, shared };
            let link = Link::new(own, commands, stats);
            let slot = self.add_selector(selector(order, opened, link, entry));
            let slot = slot
                .map_err(|error| refuse(Errno::Io, format_args!("{}: {error}", order.address)))?;
            self.shared.directory.set_selector_slot(id, slot);
            Ok((id, slot))
        });
        let (id, slot) = match slot {
            Ok(made) => made,
            Err(refusal) => {
                output
                    .into_iter()
                    .for_each(|output| self.drop_endpoint(output));
                return Err(refusal);
            }
        };
        if let Target::TcpConnect(host, port) = &order.target {
            self.resolve(slot, host.clone(), *port);
        }
        let mut names = vec!["id", "in"];
        let mut values = vec![Value::Int(id.number()), Value::Int(input.number())];
        if let Some(output) = output {
            names.push("out");
            values.push(Value::Int(output.number()));
        }
        names.push("at");
        values.push(Value::text(&address));
        let names = names.into_iter().map(str::to_string).collect();
        Ok(Value::Dict(Box::new((
            Value::Symbols(names),
            Value::List(values),
        ))))
    }

    /// Finds the addresses of a host, aside: a name may take seconds.
    fn resolve(&mut self, slot: Key, host: String, port: u16) {
        let signal = Arc::clone(&self.signal);
        let post = move |resolved| {
            signal.post(crate::inbox::Post::Notice(slot, Notice::Resolved(resolved)));
        };
        if let Ok(ip) = host.parse() {
            return self.notice(slot, Notice::Resolved(Ok(vec![SocketAddr::new(ip, port)])));
        }
        let started = aside::spawn("okernel-resolve", move || {
            let found = (host.as_str(), port).to_socket_addrs();
            post(match found {
                Ok(addresses) => Ok(addresses.collect()),
                Err(error) => Err(format!("{host}: {error}")),
            });
        });
        if let Err(error) = started {
            self.notice(slot, Notice::Resolved(Err(format!("no thread: {error}"))));
        }
    }

    /// Carries out `drop`: the selector goes when what it has left is written, and then whoever asked is told.
    pub(crate) fn drop_selector(&mut self, asker: Asker, id: SelectorId) {
        let info = self.shared.directory.selector(id);
        let Some((slot, info)) = info.and_then(|info| Some((info.slot?, info))) else {
            return self.answer(asker, Message::Error(no_selector(id)));
        };
        self.leaving.push(Leaving {
            slot,
            ends: info.output.into_iter().chain([info.input]).collect(),
            asker,
        });
        let effects = self.io.leave(slot, self.now_ns);
        self.carry_out_effects(slot, effects);
    }

    /// Takes a selector away. If it was dropped, those of its rings' other ends go as well that no task holds.
    pub(crate) fn remove_selector(&mut self, slot: Key) {
        self.mirrors.retain(|mirror| *mirror != slot);
        self.io.remove(slot, self.now_ns);
        let gone: Vec<Leaving> = self
            .leaving
            .extract_if(.., |one| one.slot == slot)
            .collect();
        for leaving in gone {
            for end in leaving.ends {
                let unheld = self.shared.directory.endpoint(end);
                if unheld.is_some_and(|end| end.owner.is_none() && end.home == Some(self.id)) {
                    self.drop_endpoint(end);
                }
            }
            self.answer(leaving.asker, Message::AckDrop);
        }
    }
}

/// There is no such selector, or no more.
pub(crate) fn no_selector(id: SelectorId) -> Refusal {
    Refusal::new(Errno::NotFound, format!("drop: there is no selector {id}"))
}

fn selector(
    order: &SelectOrder,
    opened: Opened,
    link: Link,
    entry: SelectorEntry,
) -> Box<dyn Selector> {
    let piece_bytes = order.limits.message_bytes.min(FILE_PIECE_BYTES);
    match (&order.target, opened) {
        (Target::File(path, Mode::Append), Opened::File(file)) => {
            Box::new(FileAppender::new(file, path.clone(), link, entry))
        }
        (Target::File(path, mode), Opened::File(file)) => {
            let path = path.clone();
            Box::new(FileReader::new(file, path, *mode, piece_bytes, link, entry))
        }
        (Target::Timer { period_ns }, _) => Box::new(Ticks::new(*period_ns, link, entry)),
        (_, Opened::Network(source)) => Box::new(Network::new(source, link, entry, order.limits)),
        // A target is opened as what it is.
        (_, _) => Box::new(Network::new(Source::Nowhere, link, entry, order.limits)),
    }
}

/// Opens what the selector is for, and the address that a listener has got.
fn open(target: &Target) -> std::io::Result<(Opened, Option<String>)> {
    let listen = |address: SocketAddr, scheme: &str| {
        raise_descriptors_limit();
        let listener = TcpListener::bind(address)?;
        SockRef::from(&listener).listen(BACKLOG)?;
        let bound = format!("{scheme}://{}", listener.local_addr()?);
        Ok::<_, std::io::Error>((listener, Some(bound)))
    };
    Ok(match target {
        Target::TcpListen(address) => {
            let (listener, bound) = listen(*address, "tcp")?;
            (Opened::Network(Source::Tcp(listener)), bound)
        }
        Target::WebSocketListen(address) => {
            let (listener, bound) = listen(*address, "ws")?;
            (Opened::Network(Source::WebSocket(listener)), bound)
        }
        Target::TcpConnect(..) => (Opened::Network(Source::Connect(VecDeque::new())), None),
        Target::File(path, mode) => (Opened::File(open_file(path, *mode)?), None),
        Target::Timer { .. } => (Opened::Timer, None),
    })
}

fn open_file(path: &Path, mode: Mode) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    match mode {
        Mode::Append => options.append(true).create(true),
        Mode::Read | Mode::Follow | Mode::Tail => options.read(true),
    };
    let file = open_at_once(&mut options, path)?;
    match (kind(&file)?, mode) {
        (FileType::Directory, _) => Err(std::io::Error::other("it is a directory")),
        (FileType::Fifo, Mode::Read | Mode::Follow | Mode::Tail) => Err(std::io::Error::other(
            "it is a pipe, which can only be appended to",
        )),
        _ => Ok(file),
    }
}

/// Each connection takes a descriptor: as many as this process may have are made possible.
fn raise_descriptors_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit of descriptors stays");
        }
    }
}
