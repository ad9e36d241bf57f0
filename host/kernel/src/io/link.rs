//! The pair of rings between a selector and the tasks that use it.
//!
//! Towards the tasks go frames of connections; a frame is only made when there is room for it, so that
//! nothing is taken from a socket or file that could not be handed on. From the tasks come
//! commands: frames of the same kinds, or values ``(`data;number;"bytes")`` of programs in O.

use crate::io::rings::{OwnPublisher, OwnSubscriber};
use crate::io::selector::Effects;
use crate::stats::Count;
use okernel_abi::connection::{
    CLOSED_BY_TASK, CONNECTION_BYTES, FRAME_CLOSE, FRAME_DATA, FRAME_END, FRAME_TEXT, kind, split,
};
use okernel_abi::frame::{FRAME_BYTES, FRAME_VALUE};
use okernel_abi::value::Value;
use okernel_ring::Registered;
use okernel_ring::{ClaimError, FRAME_ALIGN_BYTES, FRAME_HEADER_BYTES, FrameError, RecvError};
use std::sync::Arc;

/// Figures of one selector, written by its core.
#[derive(Debug, Default)]
pub(crate) struct SelectorStats {
    /// Connections that are open.
    pub(crate) connections: Count,
    /// Connections that there were, those that are open included.
    pub(crate) opened: Count,
    /// Bytes that came, without frames.
    pub(crate) in_bytes: Count,
    /// Bytes that went, without frames.
    pub(crate) out_bytes: Count,
    /// Bytes that were taken from the ring and wait to be written.
    pub(crate) queued_bytes: Count,
    /// Connections that were ended because of a limit.
    pub(crate) limited: Count,
    /// Frames from tasks that made no sense, or were for a connection that is no more.
    pub(crate) ignored: Count,
}

/// No room in the ring towards the tasks; the selector will be called when there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full;

/// Why there is no command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NoCommand {
    /// None yet; the selector will be called.
    Empty,
    /// None will come: the tasks' end is closed, or writes nonsense.
    Over(String),
}

/// What a task wants to be done with a connection; its bytes are in [`Link::bytes`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Command {
    pub(crate) connection: u64,
    /// [`FRAME_DATA`], [`FRAME_TEXT`], [`FRAME_END`] or [`FRAME_CLOSE`].
    pub(crate) kind: u32,
    /// Where in the payload the bytes begin.
    start: usize,
}

/// The two ends that the selector has.
pub(crate) struct Link {
    input: OwnPublisher,
    output: Option<OwnSubscriber>,
    pub(crate) stats: Arc<SelectorStats>,
    payload: Vec<u8>,
}

impl Link {
    pub(crate) fn new(
        input: OwnPublisher,
        output: Option<OwnSubscriber>,
        stats: Arc<SelectorStats>,
    ) -> Link {
        Link {
            input,
            output,
            stats,
            payload: Vec::new(),
        }
    }

    /// Makes sure of room for a frame of a connection with so many bytes; otherwise the selector will be
    /// called when there is.
    pub(crate) fn reserve(&mut self, bytes: usize, effects: &Effects<'_>) -> Result<(), Full> {
        let frame =
            FRAME_HEADER_BYTES + (CONNECTION_BYTES + bytes).next_multiple_of(FRAME_ALIGN_BYTES);
        loop {
            if self.input.end.publisher().free_bytes() >= frame {
                return Ok(());
            }
            let registered = self
                .input
                .end
                .register(&effects.waker(), CONNECTION_BYTES + bytes);
            if registered == Registered::Waiting {
                return Err(Full);
            }
        }
    }

    /// Sends a frame of a connection.
    pub(crate) fn send(
        &mut self,
        kind: u32,
        connection: u64,
        bytes: &[u8],
        effects: &Effects<'_>,
    ) -> Result<(), Full> {
        self.reserve(bytes.len(), effects)?;
        let sent = self
            .input
            .end
            .claim(kind, CONNECTION_BYTES + bytes.len())
            .map(|mut claim| {
                claim[..CONNECTION_BYTES].copy_from_slice(&connection.to_le_bytes());
                claim[CONNECTION_BYTES..].copy_from_slice(bytes);
                claim.commit();
            });
        if kind == FRAME_DATA || kind == FRAME_TEXT {
            self.stats.in_bytes.add(bytes.len() as u64);
        }
        match sent {
            Err(ClaimError::Full) => Err(Full),
            // The limits keep payloads smaller than the ring, and only the selector closes it.
            Ok(()) | Err(ClaimError::TooLarge | ClaimError::Closed) => Ok(()),
        }
    }

    /// Sends a value.
    pub(crate) fn send_value(&mut self, value: &Value, effects: &Effects<'_>) -> Result<(), Full> {
        let bytes = value.to_bytes();
        self.reserve(bytes.len(), effects)?;
        match self.input.end.send(FRAME_VALUE, &bytes) {
            Err(ClaimError::Full) => Err(Full),
            Ok(()) | Err(ClaimError::TooLarge | ClaimError::Closed) => Ok(()),
        }
    }

    /// Whether all who read what the selector sends have gone.
    pub(crate) fn is_deserted(&self) -> bool {
        self.input.end.publisher().ring().lags().is_empty()
    }

    /// The next command.
    pub(crate) fn recv(&mut self, effects: &Effects<'_>) -> Result<Command, NoCommand> {
        loop {
            let Some(output) = &mut self.output else {
                return Err(NoCommand::Empty);
            };
            match output.end.recv(&mut self.payload) {
                Ok(frame) => match command(frame.kind, &mut self.payload) {
                    Some(command) => return Ok(command),
                    None => self.stats.ignored.add(1),
                },
                Err(FrameError::Recv(RecvError::Empty)) => {
                    if output.end.register(&effects.waker()) == Registered::Waiting {
                        return Err(NoCommand::Empty);
                    }
                }
                Err(FrameError::Recv(RecvError::Closed)) => {
                    self.output = None;
                    return Err(NoCommand::Over(CLOSED_BY_TASK.to_string()));
                }
                Err(error) => {
                    self.output = None;
                    return Err(NoCommand::Over(error.to_string()));
                }
            }
        }
    }

    /// Bytes of commands that tasks have published and that were not received yet, their frames' headers
    /// included.
    pub(crate) fn waiting_bytes(&self) -> usize {
        let waiting = |output: &OwnSubscriber| output.end.subscriber().lag_bytes() as usize;
        self.output.as_ref().map_or(0, waiting)
    }

    /// The bytes of the command that was received last.
    pub(crate) fn bytes(&self, command: Command) -> &[u8] {
        self.payload.get(command.start..).unwrap_or(&[])
    }
}

/// Reads a command. What comes from a value replaces the payload. Bytes and texts without a number are for
/// the connection 0, which selectors with one connection take as theirs.
fn command(frame: u32, payload: &mut Vec<u8>) -> Option<Command> {
    let whole = |kind| Command {
        connection: 0,
        kind,
        start: 0,
    };
    match frame {
        FRAME_DATA | FRAME_TEXT | FRAME_END | FRAME_CLOSE => {
            let (connection, _) = split(payload)?;
            Some(Command {
                connection,
                kind: frame,
                start: CONNECTION_BYTES,
            })
        }
        FRAME_BYTES => Some(whole(FRAME_DATA)),
        FRAME_VALUE => match Value::decode(payload).ok()? {
            Value::List(items) => {
                let mut items = items.into_iter();
                let word = items.next()?.as_text()?;
                let connection = u64::try_from(items.next()?.as_int()?).ok()?;
                *payload = match items.next() {
                    None => Vec::new(),
                    Some(text) => chars(text)?,
                };
                let kind = kind(&word).filter(|kind| *kind >= FRAME_DATA)?;
                items.next().is_none().then_some(Command {
                    connection,
                    kind,
                    start: 0,
                })
            }
            text => {
                *payload = chars(text)?;
                Some(whole(FRAME_DATA))
            }
        },
        _ => None,
    }
}

/// The bytes of a text; `()` is the empty one.
fn chars(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::Chars(bytes) => Some(bytes),
        Value::Char(byte) => Some(vec![byte]),
        Value::List(items) if items.is_empty() => Some(Vec::new()),
        Value::Nil => Some(Vec::new()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, command};
    use okernel_abi::connection::{FRAME_CLOSE, FRAME_DATA, FRAME_OPEN, FRAME_TEXT};
    use okernel_abi::frame::{FRAME_BYTES, FRAME_VALUE};
    use okernel_abi::value::Value;

    fn read(kind: u32, payload: &[u8]) -> Option<(u64, u32, Vec<u8>)> {
        let mut payload = payload.to_vec();
        let Command {
            connection,
            kind,
            start,
        } = command(kind, &mut payload)?;
        Some((connection, kind, payload[start..].to_vec()))
    }

    fn value(items: Vec<Value>) -> Vec<u8> {
        Value::List(items).to_bytes()
    }

    #[test]
    fn frames_and_values_are_commands() {
        let number = 7u64.to_le_bytes();
        let data = Some((7, FRAME_DATA, b"ab".to_vec()));
        assert_eq!(read(FRAME_DATA, &[&number[..], b"ab"].concat()), data);
        let symbol = |word: &str| Value::Symbol(word.to_string());
        let list = value(vec![symbol("data"), Value::Int(7), Value::text("ab")]);
        assert_eq!(read(FRAME_VALUE, &list), data);
        let list = value(vec![symbol("text"), Value::Int(7), Value::Char(b'x')]);
        assert_eq!(
            read(FRAME_VALUE, &list),
            Some((7, FRAME_TEXT, b"x".to_vec()))
        );
        let list = value(vec![symbol("close"), Value::Int(7)]);
        assert_eq!(read(FRAME_VALUE, &list), Some((7, FRAME_CLOSE, Vec::new())));
        let whole = Some((0, FRAME_DATA, b"line".to_vec()));
        assert_eq!(read(FRAME_VALUE, &Value::text("line").to_bytes()), whole);
        assert_eq!(read(FRAME_BYTES, b"line"), whole);
    }

    #[test]
    fn nonsense_is_no_command() {
        let symbol = |word: &str| Value::Symbol(word.to_string());
        assert_eq!(read(FRAME_DATA, b"short"), None);
        assert_eq!(read(FRAME_OPEN, &[0; 16]), None);
        assert_eq!(read(300, &[0; 16]), None);
        assert_eq!(read(FRAME_VALUE, b"nonsense"), None);
        for items in [
            vec![],
            vec![symbol("data")],
            vec![symbol("open"), Value::Int(1)],
            vec![symbol("data"), Value::Int(-1)],
            vec![symbol("data"), Value::Int(1), Value::Int(2)],
            vec![symbol("data"), Value::Int(1), Value::text("a"), Value::Nil],
        ] {
            assert_eq!(read(FRAME_VALUE, &value(items)), None);
        }
    }
}
