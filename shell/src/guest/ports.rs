//! The ends of rings that this task holds, by the numbers that programs use.

use std::collections::BTreeMap;

use okernel_sdk::abi::connection;
use okernel_sdk::abi::frame::{FRAME_BYTES, FRAME_VALUE};
use okernel_sdk::{
    FramePublisher, FrameSubscriber, Readiness, RecvError, Reply, RequestError, SendError, Sleep,
};
use okernel_shell::encode::{decode, encode_within};
use okernel_shell::error::{Class, Error};
use okernel_shell::session::Progress;
use okernel_shell::value::{Value, limit_bytes};

use crate::answer::answer;

/// One end of a ring.
pub enum Port {
    /// Where values are sent.
    Publisher(FramePublisher),
    /// Where values are received.
    Subscriber(FrameSubscriber),
    /// Where the end of a task is told, once.
    Monitor(Reply),
}

/// What is done with an end of a ring.
pub(crate) enum Use {
    Send { number: i64, payload: Vec<u8> },
    Receive { number: i64, limit: Option<Sleep> },
    Look { number: i64 },
}

impl Use {
    /// The end's number.
    pub(crate) fn number(&self) -> i64 {
        match self {
            Use::Send { number, .. } | Use::Receive { number, .. } | Use::Look { number } => {
                *number
            }
        }
    }
}

/// When a message that the program has received is released.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// At once.
    Taken,
    /// When the next one is asked for: a program that fails in the midst of its work on a message, and
    /// is started again, receives that message again.
    Done,
}

/// The ends by their numbers.
pub struct Ports {
    all: BTreeMap<i64, Port>,
    release: Release,
}

impl Ports {
    /// None yet.
    pub fn new(release: Release) -> Ports {
        Ports {
            all: BTreeMap::new(),
            release,
        }
    }

    /// What was received has been dealt with.
    pub fn release_all(&mut self) {
        for port in self.all.values_mut() {
            if let Port::Subscriber(subscriber) = port {
                subscriber.release();
            }
        }
    }

    /// The numbers of all that are here: of monitors, too.
    pub fn numbers(&self) -> impl Iterator<Item = i64> {
        self.all.keys().copied()
    }

    /// Keeps a monitor under a number of its own, less than zero.
    pub fn insert_monitor(&mut self, reply: Reply) -> i64 {
        let least = self.all.keys().next().copied().unwrap_or(0);
        let number = least.min(0) - 1;
        self.all.insert(number, Port::Monitor(reply));
        number
    }

    /// Keeps an end under a number.
    pub fn insert(&mut self, number: i64, port: Port) {
        self.all.insert(number, port);
    }

    /// Whether the end with this number is here.
    pub fn holds(&self, number: i64) -> bool {
        self.all.contains_key(&number)
    }

    /// Forgets the end with this number if it has gone elsewhere.
    pub fn forget_revoked(&mut self, number: i64) {
        let is_revoked = match self.all.get(&number) {
            Some(Port::Publisher(publisher)) => publisher.is_revoked(),
            Some(Port::Subscriber(subscriber)) => subscriber.is_revoked(),
            Some(Port::Monitor(_)) | None => false,
        };
        if is_revoked {
            self.all.remove(&number);
        }
    }

    /// Sends an encoded value; waiting means that the ring is full and the task is armed.
    pub fn send(&mut self, number: i64, payload: &[u8]) -> Progress {
        let publisher = match self.all.get_mut(&number) {
            Some(Port::Publisher(publisher)) => publisher,
            Some(Port::Subscriber(_) | Port::Monitor(_)) => {
                return refused(Class::Type, format!("snd: {number} is a subscriber"));
            }
            None => {
                return refused(
                    Class::Io,
                    format!("snd: there is no publisher {number} here"),
                );
            }
        };
        loop {
            match publisher.try_send(FRAME_VALUE, payload) {
                Ok(()) => break,
                Err(SendError::Full(())) => match publisher.arm(payload.len()) {
                    Ok(Readiness::Ready) => {}
                    Ok(Readiness::Armed) => return Progress::Waiting,
                    Err(error) => return refused(Class::Io, format!("snd: {error}")),
                },
                Err(error) => return refused(Class::Io, format!("snd: {error}")),
            }
        }
        match publisher.flush() {
            Ok(()) => Progress::Done(Ok(Value::Nil)),
            Err(error) => refused(Class::Io, format!("snd: {error}")),
        }
    }

    /// Receives a value; waiting means that there is none yet and the task is armed, if `arm` says so.
    pub fn receive(&mut self, number: i64, verb: &str, arm: Arm) -> Progress {
        let subscriber = match self.all.get_mut(&number) {
            Some(Port::Subscriber(subscriber)) => subscriber,
            Some(Port::Publisher(_)) => {
                return refused(Class::Type, format!("{verb}: {number} is a publisher"));
            }
            Some(Port::Monitor(reply)) => {
                let taken = told(reply, verb, arm);
                if matches!(taken, Progress::Done(_)) {
                    self.all.remove(&number);
                }
                return taken;
            }
            None => {
                return refused(
                    Class::Io,
                    format!("{verb}: there is no subscriber {number} here"),
                );
            }
        };
        loop {
            let received = match subscriber.try_recv() {
                Ok(frame) => match frame.kind {
                    FRAME_BYTES => Ok(Ok(Value::from_chars(frame.payload.to_vec()))),
                    kind => match (connection::name(kind), connection::split(frame.payload)) {
                        (Some(word), Some((number, bytes))) => Ok(Ok(Value::from_items(vec![
                            Value::symbol(word),
                            Value::Int(i64::try_from(number).unwrap_or(i64::MAX)),
                            Value::from_chars(bytes.to_vec()),
                        ]))),
                        _ => Ok(decode(frame.payload)),
                    },
                },
                Err(error) => Err(error),
            };
            match received {
                Ok(value) => {
                    if self.release == Release::Taken {
                        subscriber.release();
                    }
                    return Progress::Done(value);
                }
                Err(RecvError::Empty) if arm == Arm::No => return Progress::Waiting,
                Err(RecvError::Empty) => match subscriber.arm() {
                    Ok(Readiness::Ready) => {}
                    Ok(Readiness::Armed) => return Progress::Waiting,
                    Err(error) => return refused(Class::Io, format!("{verb}: {error}")),
                },
                Err(error) => return refused(Class::Io, format!("{verb}: {error}")),
            }
        }
    }
}

/// What a monitor has told.
fn told(reply: &mut Reply, verb: &str, arm: Arm) -> Progress {
    let failed = |error: RequestError| refused(Class::Io, format!("{verb}: {error}"));
    loop {
        match reply.try_take() {
            Ok(Some(bytes)) => return Progress::Done(answer(&bytes)),
            Ok(None) if arm == Arm::No => return Progress::Waiting,
            Ok(None) => match reply.arm() {
                Ok(Readiness::Ready) => {}
                Ok(Readiness::Armed) => return Progress::Waiting,
                Err(error) => return failed(error),
            },
            Err(error) => return failed(error),
        }
    }
}

/// Whether the task is to be woken when there is something to receive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Arm {
    /// It is.
    Yes,
    /// The program only looks.
    No,
}

/// A value as the payload of a frame.
///
/// # Errors
/// `limit` for a value that stands for more than one result may take.
pub fn payload(value: &Value) -> Result<Vec<u8>, Error> {
    let mut writer = okernel_sdk::abi::value::Writer::new();
    encode_within(value, &mut writer, limit_bytes())?;
    Ok(writer.into_bytes())
}

fn refused(class: Class, text: String) -> Progress {
    Progress::Done(Err(Error::new(class, text)))
}
