//! What carries out a program's effects: system calls, through the SDK.
//!
//! Effects that the kernel carries out become requests, and their replies the answers. Sending and
//! receiving happen here, on the ends of rings that this task holds; the shell fetches an end
//! that lies elsewhere when it is first used.

use okernel_sdk::abi::handle::NUMBER_BITS;
use okernel_sdk::abi::layout::{self, HandleKind};
use okernel_sdk::{
    Clock, Console, Context, FramePublisher, FrameSubscriber, Pause, Poll, Readiness, Reply,
    Result, Rights,
};
use okernel_sdk::{Sleep, Timers};
use okernel_shell::effect::Effect;
use okernel_shell::encode::encode_within;
use okernel_shell::error::{Class, Error};
use okernel_shell::session::{Executed, Host, Progress, Stream, Taken};
use okernel_shell::symbol::Symbol;
use okernel_shell::value::{Temporal, Value, limit_bytes};
use std::future::Future;
use std::pin::Pin;
use std::task::Waker;
use std::time::Duration;

use crate::answer::{answer, refused};
use crate::files::{Files, lines, text_of_lines};
use crate::ports::{Arm, Port, Ports, Release, Use, payload};
use crate::task::Role;

/// The grant under which errors are written.
const ERRORS_GRANT: &str = "errors";

/// The numbers of granted ends begin here, above all that the kernel gives: none of those is ever taken for one.
const GRANTED_FIRST: i64 = 1 << NUMBER_BITS;

/// The kernel as this task may use it.
pub struct Kernel {
    role: Role,
    rights: Option<Rights>,
    console: Option<Console>,
    errors: Option<Console>,
    pub(crate) timers: Option<Timers>,
    clock: Option<Clock>,
    pub(crate) ports: Ports,
    files: Files,
    /// The granted ends of rings: their numbers, and the names of their grants.
    granted: Vec<(i64, String)>,
    pending: Pending,
    outcome: Option<Executed>,
    failure: Vec<u8>,
    offered: Option<Vec<Symbol>>,
}

/// The effect that is under way.
pub(crate) enum Pending {
    Nothing,
    /// The kernel has been asked.
    Reply(Reply),
    /// The kernel has been asked for a text, which is answered as a list of lines.
    Lines(Reply),
    /// The kernel has been asked, and is waited for so long.
    Limited(Reply, Sleep),
    /// An end of a ring is being fetched; then it is used.
    Attach(Reply, Use),
    Use(Use),
}

/// What a reply is for.
enum Next {
    Answer,
    Lines,
    Use(Use),
}

impl Kernel {
    /// Opens what was granted.
    pub fn open(context: &Context, role: Role) -> Kernel {
        let release = match role {
            Role::Shell => Release::Taken,
            Role::Program => Release::Done,
        };
        Kernel {
            role,
            rights: context.rights().ok(),
            console: context.console().ok(),
            errors: context.console_named(ERRORS_GRANT).ok(),
            timers: context.timers("timer").ok(),
            clock: context.clock("clock").ok(),
            ports: Ports::new(release),
            files: Files::default(),
            granted: Vec::new(),
            pending: Pending::Nothing,
            outcome: None,
            failure: Vec::new(),
            offered: None,
        }
    }

    /// Whether this is the shell.
    pub fn is_shell(&self) -> bool {
        self.role == Role::Shell
    }

    /// Keeps a granted end of a ring or a file; answers what the program knows it by, a number or a symbol,
    /// or nothing for grants of other kinds. In a task that was moved the program knows the `number`
    /// that the end had.
    ///
    /// # Errors
    /// The ring or file cannot be opened.
    pub fn adopt(
        &mut self,
        context: &Context,
        name: &str,
        number: Option<i64>,
    ) -> Result<Option<Value>> {
        let (handle, port) = match context.grant_kind(name)? {
            HandleKind::Publisher => {
                let publisher = context.frame_publisher(name)?;
                (publisher.handle(), Port::Publisher(publisher))
            }
            HandleKind::Subscriber => {
                let subscriber = context.frame_subscriber(name)?;
                (subscriber.handle(), Port::Subscriber(subscriber))
            }
            HandleKind::File => {
                self.files.insert(name, context.file(name)?);
                return Ok(Some(Value::symbol(name)));
            }
            _ => return Ok(None),
        };
        let number = number.unwrap_or(GRANTED_FIRST + i64::from(handle));
        self.ports.insert(number, port);
        self.granted.push((number, name.to_string()));
        Ok(Some(Value::Int(number)))
    }

    /// The granted ends of rings, by the numbers that the program knows.
    pub fn granted(&self) -> &[(i64, String)] {
        &self.granted
    }

    /// Whether nothing has been asked of the kernel that could not be asked again, and no end of a ring is
    /// held but those that were granted.
    pub fn is_movable(&self) -> bool {
        let is_granted = |number| self.granted.iter().any(|(granted, _)| *granted == number);
        !self.is_shell()
            && self.ports.numbers().all(is_granted)
            && matches!(self.pending, Pending::Nothing | Pending::Use(_))
    }

    /// What the program has received counts as dealt with: it ends, or its state is written.
    pub fn release_all(&mut self) {
        self.ports.release_all();
    }

    /// How the program of this task went, once it has.
    pub fn outcome(&self) -> Option<Executed> {
        self.outcome
    }

    /// What the program of this task failed with.
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.failure)
            .trim_end()
            .to_string()
    }

    /// What the shell does when its session waits: it sleeps until something armed is ready, or an
    /// input comes.
    pub fn rest(&mut self, _: &Context) -> Poll {
        match self.rights.as_ref().map(Rights::arm) {
            Some(Ok(Readiness::Ready)) => Poll::Infinite,
            _ => Poll::Yield,
        }
    }

    pub(crate) fn request(
        &mut self,
        op: &str,
        args: &[Value],
    ) -> std::result::Result<Reply, Error> {
        let Some(rights) = &self.rights else {
            return Err(Error::new(
                Class::Io,
                format!("{op}: not granted: \"system\""),
            ));
        };
        let mut items = vec![Value::symbol(op)];
        items.extend_from_slice(args);
        let mut writer = okernel_sdk::abi::value::Writer::new();
        writer.list(items.len());
        for item in &items {
            let bytes_max = limit_bytes().saturating_sub(writer.bytes().len());
            encode_within(item, &mut writer, bytes_max)?;
        }
        rights
            .request_bytes(writer.bytes())
            .map_err(|error| refused(op, writer.bytes(), error))
    }

    pub(crate) fn ask(&mut self, op: &str, args: &[Value]) -> Progress {
        match self.request(op, args) {
            Ok(reply) => self.start(Pending::Reply(reply)),
            Err(error) => Progress::Done(Err(error)),
        }
    }

    pub(crate) fn start(&mut self, pending: Pending) -> Progress {
        self.pending = pending;
        self.proceed()
    }

    /// Uses an end of a ring, fetching it first if need be.
    fn with_port(&mut self, used: Use) -> Progress {
        if self.ports.holds(used.number()) || self.rights.is_none() {
            return self.start(Pending::Use(used));
        }
        match self.request("attach", &[Value::Int(used.number())]) {
            Ok(reply) => self.start(Pending::Attach(reply, used)),
            Err(error) => Progress::Done(Err(error)),
        }
    }

    fn use_port(&mut self, mut used: Use) -> Progress {
        let progress = match &mut used {
            Use::Send { number, payload } => self.ports.send(*number, payload),
            Use::Look { number } => match self.ports.receive(*number, "poll", Arm::No) {
                Progress::Waiting => Progress::Done(Ok(Value::Nil)),
                done => done,
            },
            Use::Receive { number, limit } => match self.ports.receive(*number, "rcv", Arm::Yes) {
                Progress::Waiting if limit.as_mut().is_some_and(is_over) => {
                    Progress::Done(Ok(Value::Nil))
                }
                progress => progress,
            },
        };
        if let Progress::Waiting = progress {
            self.pending = Pending::Use(used);
        }
        progress
    }

    /// Opens the end that the kernel has attached to this task.
    fn opened(&mut self, number: i64, handle: &Value) -> std::result::Result<(), Error> {
        let failed =
            |error: &dyn std::fmt::Display| Error::new(Class::Io, format!("{number}: {error}"));
        let handle = handle
            .as_int()
            .and_then(|handle| u32::try_from(handle).ok());
        let handle = handle.ok_or_else(|| failed(&"the kernel gave no handle"))?;
        let port = match FrameSubscriber::from_handle(handle) {
            Ok(subscriber) => Port::Subscriber(subscriber),
            Err(_) => Port::Publisher(
                FramePublisher::from_handle(handle).map_err(|error| failed(&error))?,
            ),
        };
        self.ports.insert(number, port);
        Ok(())
    }

    /// `x 0:y`: a granted file, or for the shell a path, or ``(`file;path;`append)``.
    fn write_lines(&mut self, file: &Value, lines: &Value) -> Progress {
        let text = match text_of_lines(lines) {
            Ok(text) => text,
            Err(error) => return Progress::Done(Err(error)),
        };
        if let Some(file) = self.files.get(file) {
            return Progress::Done(file.write(&text).map(|()| Value::Nil));
        }
        let text = Value::from_chars(text);
        let items: Vec<Value> = file.items().collect();
        match items.as_slice() {
            [Value::Symbol(word), path, access] if file.is_list() && word.bytes() == b"file" => {
                self.ask("write", &[path.clone(), text, access.clone()])
            }
            _ => self.ask("write", &[file.clone(), text]),
        }
    }

    fn now(&self) -> Progress {
        Progress::Done(match &self.clock {
            None => Err(Error::new(Class::Io, "now: not granted: \"clock\"")),
            Some(clock) => match clock.utc() {
                Ok(time) => Ok(Value::temporal(
                    Temporal::Timestamp,
                    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX),
                )),
                Err(error) => Err(Error::new(Class::Io, format!("now: {error}"))),
            },
        })
    }

    fn receive(&mut self, args: &[Value]) -> Progress {
        let (number, limit_ms) = match args {
            [number] => (number.as_int(), None),
            [number, limit] => (number.as_int(), limit.as_int()),
            _ => (None, None),
        };
        let Some(number) = number else {
            return wrong("rcv: a subscriber's number is expected: rcv s, or rcv[s;milliseconds]");
        };
        if args.len() == 1 {
            return self.with_port(Use::Receive {
                number,
                limit: None,
            });
        }
        let Some(limit_ms) = limit_ms.and_then(|ms| u64::try_from(ms).ok()) else {
            return wrong("rcv: the second argument is a time in milliseconds, 0 or more");
        };
        let Some(timers) = &self.timers else {
            return Progress::Done(Err(Error::new(Class::Io, "rcv: not granted: \"timer\"")));
        };
        let limit = Some(timers.sleep(Duration::from_millis(limit_ms)));
        self.with_port(Use::Receive { number, limit })
    }
}

/// Whether a timer has fired; arms the task for it if not.
fn is_over(sleep: &mut Sleep) -> bool {
    let mut context = std::task::Context::from_waker(Waker::noop());
    Pin::new(sleep).poll(&mut context).is_ready()
}

pub(crate) fn wrong(text: &str) -> Progress {
    Progress::Done(Err(Error::new(Class::Type, text)))
}

fn status(executed: Executed) -> layout::Executed {
    match executed {
        Executed::Done => layout::Executed::Done,
        Executed::Failed => layout::Executed::Failed,
        Executed::Incomplete => layout::Executed::Incomplete,
    }
}

impl Host for Kernel {
    fn begin(&mut self, effect: &Effect) -> Progress {
        let name = effect.name.text();
        let args = &effect.args;
        match (&*name, args.as_slice()) {
            ("snd", [number, value]) => match number.as_int() {
                Some(number) => match payload(value) {
                    Ok(payload) => self.with_port(Use::Send { number, payload }),
                    Err(error) => Progress::Done(Err(error)),
                },
                None => wrong("snd: a publisher's number is expected: snd[p;value]"),
            },
            ("rcv", args) => self.receive(args),
            ("poll", [number]) => match number.as_int() {
                Some(number) => self.with_port(Use::Look { number }),
                None => wrong("poll: a subscriber's number is expected: poll s"),
            },
            ("spawn", [_, _, ..]) => self.spawn(args),
            ("now", _) => self.now(),
            ("supervise", args) => self.supervise(args),
            ("monitor", [task]) => self.monitor(task),
            ("await", args) => self.await_name(args),
            ("load", args) => {
                // The names of modules are offered beside those of the program.
                self.offered = None;
                self.ask("load", args)
            }
            ("0:", [file]) => match self.files.get(file) {
                Some(file) => Progress::Done(file.read().map(|text| lines(&text))),
                None => match self.request("read", std::slice::from_ref(file)) {
                    Ok(reply) => self.start(Pending::Lines(reply)),
                    Err(error) => Progress::Done(Err(error)),
                },
            },
            ("0:", [file, lines]) => self.write_lines(file, lines),
            (name, args) => self.ask(name, args),
        }
    }

    fn proceed(&mut self) -> Progress {
        let mut limit = None;
        let (mut reply, next) = match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => return Progress::Waiting,
            Pending::Use(used) => return self.use_port(used),
            Pending::Reply(reply) => (reply, Next::Answer),
            Pending::Limited(reply, sleep) => {
                limit = Some(sleep);
                (reply, Next::Answer)
            }
            Pending::Lines(reply) => (reply, Next::Lines),
            Pending::Attach(reply, used) => (reply, Next::Use(used)),
        };
        let taken = loop {
            match reply.try_take() {
                Ok(Some(bytes)) => break answer(&bytes),
                Ok(None) => match reply.arm() {
                    Ok(Readiness::Ready) => {}
                    Ok(Readiness::Armed) => {
                        if limit.as_mut().is_some_and(is_over) {
                            return Progress::Done(Ok(Value::Nil));
                        }
                        self.pending = match next {
                            Next::Use(used) => Pending::Attach(reply, used),
                            Next::Lines => Pending::Lines(reply),
                            Next::Answer => match limit {
                                Some(sleep) => Pending::Limited(reply, sleep),
                                None => Pending::Reply(reply),
                            },
                        };
                        return Progress::Waiting;
                    }
                    Err(error) => break Err(Error::new(Class::Io, error.to_string())),
                },
                Err(error) => break Err(Error::new(Class::Io, error.to_string())),
            }
        };
        match (taken, next) {
            (Ok(text), Next::Lines) => Progress::Done(Ok(lines(&text))),
            (Ok(handle), Next::Use(used)) => match self.opened(used.number(), &handle) {
                Ok(()) => self.use_port(used),
                Err(error) => Progress::Done(Err(error)),
            },
            (taken, _) => Progress::Done(taken),
        }
    }

    fn write(&mut self, stream: Stream, text: &[u8], from: usize) -> Taken {
        let console = match stream {
            Stream::Errors if !self.is_shell() => {
                self.failure.extend_from_slice(&text[from..]);
                return Taken::All;
            }
            Stream::Errors => &self.errors,
            Stream::Out => &self.console,
        };
        let Some(console) = console else {
            return Taken::All;
        };
        let mut from = from;
        loop {
            match console.try_print(&text[from..]) {
                Ok(written) => from += written,
                // A console that is gone takes everything.
                Err(_) => return Taken::All,
            }
            if from == text.len() {
                return Taken::All;
            }
            if !matches!(console.arm(), Ok(Readiness::Ready)) {
                return Taken::Until(from);
            }
        }
    }

    fn is_interrupted(&mut self) -> bool {
        Context::pause() == Pause::Interrupted
    }

    fn abandon(&mut self) {
        self.pending = Pending::Nothing;
    }

    fn now_ns(&mut self) -> Option<u64> {
        let now = self.clock.as_ref()?.now().ok()?;
        u64::try_from(now.as_nanos()).ok()
    }

    fn names(&mut self, names: &[Symbol]) {
        let Some(console) = self.console.as_ref().filter(|_| self.is_shell()) else {
            return;
        };
        if self.offered.as_deref() == Some(names) {
            return;
        }
        let texts: Vec<_> = names.iter().map(|name| name.text()).collect();
        // What the console does not take now is offered again after the next input.
        if console.offer(texts.iter().map(|text| &**text)).is_ok() {
            self.offered = Some(names.to_vec());
        }
    }

    fn executed(&mut self, executed: Executed) {
        self.outcome = Some(executed);
        if executed == Executed::Done {
            self.ports.release_all();
        }
        if self.is_shell() {
            // The kernel refuses a report that nobody waits for, which is no harm.
            drop(Context::report(status(executed)));
        }
    }

    fn reported(&mut self, executed: Executed, outcome: &[u8]) {
        // What is not shown cannot be too large: the session has seen to that.
        drop(Context::report_outcome(status(executed), outcome));
    }
}
