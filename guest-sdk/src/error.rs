//! What can go wrong, one small type for each operation.
//!
//! What could not be taken is handed back (`SendError::Full(message)`). [`Error`] is all of them
//! together, for `?` in a task's `main`; its text becomes the reason why the task ended.

use crate::refused::Told;
use okernel_abi::Errno;
use okernel_abi::layout::HandleKind;
use okernel_abi::value::DecodeError;
use thiserror::Error as ThisError;

/// What a task's functions answer.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a grant could not be opened.
#[derive(Clone, PartialEq, Eq, Debug, ThisError)]
pub enum OpenError {
    /// The spawner did not grant anything under this name.
    #[error("not granted: \"{name}\" ({})", kind.name())]
    NotGranted {
        /// The name that was asked for.
        name: String,
        /// The kind that was asked for.
        kind: HandleKind,
    },
    /// Something else was granted under this name.
    #[error("\"{name}\" was granted as a {}, not as a {}", found.name(), wanted.name())]
    WrongKind {
        /// The name that was asked for.
        name: String,
        /// The kind that was asked for.
        wanted: HandleKind,
        /// The kind that was granted.
        found: HandleKind,
    },
    /// A ring of messages of another size: it stands in the middle of one.
    #[error(
        "\"{name}\" stands at byte {position}, in the middle of a message of {message_bytes} bytes"
    )]
    Unaligned {
        /// The name that was asked for.
        name: String,
        /// Where this end of the ring stands, in bytes since the ring began.
        position: u64,
        /// The size of the messages that were asked for, in bytes.
        message_bytes: usize,
    },
    /// The ring is smaller than one message.
    #[error(
        "a message of {message_bytes} bytes does not fit into \"{name}\", a ring of {capacity_bytes} bytes"
    )]
    MessageTooLarge {
        /// The name that was asked for.
        name: String,
        /// The size of the messages that were asked for, in bytes.
        message_bytes: usize,
        /// What the ring holds, in bytes.
        capacity_bytes: u64,
    },
    /// This task has opened it already, and has not dropped it.
    #[error("\"{name}\" is open already")]
    InUse {
        /// The name that was asked for.
        name: String,
    },
    /// The kernel refused.
    #[error("\"{name}\": {errno}")]
    Refused {
        /// The name that was asked for.
        name: String,
        /// Why.
        errno: Errno,
    },
}

/// Why a message was not sent. The message is handed back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ThisError)]
pub enum SendError<T> {
    /// No room yet: a reader that must not miss anything has not read far enough.
    #[error("the ring is full")]
    Full(T),
    /// The kernel refused, for example because it is halting.
    #[error("the message was not sent: {}", Told(*.1))]
    Refused(T, Errno),
}

/// Why room for messages was not given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ThisError)]
pub enum ClaimError {
    /// Less room than was asked for, yet.
    #[error("the ring is full")]
    Full,
    /// The ring will never hold so much.
    #[error("{asked_bytes} bytes do not fit into a ring of {capacity_bytes} bytes")]
    TooLarge {
        /// What was asked for, in bytes.
        asked_bytes: u64,
        /// What the ring holds, in bytes.
        capacity_bytes: u64,
    },
    /// The kernel refused.
    #[error("the ring gives no room: {}", Told(*.0))]
    Refused(Errno),
}

/// Why no message was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ThisError)]
pub enum RecvError {
    /// Nothing there yet. Never the answer of a call that waits.
    #[error("nothing there yet")]
    Empty,
    /// The publisher has closed the ring, and everything in it was read.
    #[error("the ring is closed")]
    Closed,
    /// This reader was overtaken. The next call goes on with what is there.
    #[error("overtaken: {missed_bytes} bytes were missed")]
    Lapped {
        /// How many bytes were lost since the last that were received.
        missed_bytes: u64,
    },
    /// This reader was detached because it was too slow: nothing more will come.
    #[error("detached for being too slow: {missed_bytes} bytes were missed")]
    Kicked {
        /// How many bytes were lost since the last that were received.
        missed_bytes: u64,
    },
    /// The ring was closed in the middle of a message.
    #[error("the ring was closed in the middle of a message: {left_bytes} bytes are left")]
    Truncated {
        /// How many bytes of the message there are.
        left_bytes: usize,
    },
    /// A frame that is longer than its ring: the publisher does not write frames.
    #[error("not a frame: {frame_bytes} bytes in a ring of {capacity_bytes} bytes")]
    NotAFrame {
        /// Length that the header gives, with header and padding, in bytes.
        frame_bytes: u64,
        /// What the ring holds, in bytes.
        capacity_bytes: u64,
    },
    /// More was asked for at a time than the ring holds.
    #[error("{asked_bytes} bytes never lie in a ring of {capacity_bytes} bytes at a time")]
    TooLarge {
        /// What was asked for, in bytes.
        asked_bytes: u64,
        /// What the ring holds, in bytes.
        capacity_bytes: u64,
    },
    /// The frame's kind is not a value, or its bytes are none.
    #[error("not a value: {0}")]
    NotAValue(ValueError),
    /// The kernel refused.
    #[error("nothing can be received: {}", Told(*.0))]
    Refused(Errno),
}

/// Why a frame is not a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ThisError)]
pub enum ValueError {
    /// The frame is of another kind.
    #[error("the frame is of kind {0}")]
    Kind(u32),
    /// The bytes cannot be decoded.
    #[error("{0}")]
    Bytes(#[from] DecodeError),
}

/// Why a request to the kernel has no answer.
#[derive(Clone, PartialEq, Eq, Debug, ThisError)]
pub enum RequestError {
    /// The task may not make requests.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The kernel refused the request itself.
    #[error("the request was refused: {}", Told(*.0))]
    Refused(Errno),
    /// The answer is not a value.
    #[error("the answer is not a value: {0}")]
    Malformed(#[from] DecodeError),
    /// The request was carried out and failed; the text says why.
    #[error("{0}")]
    Failed(String),
}

/// Any failure of a task.
#[derive(Clone, PartialEq, Eq, Debug, ThisError)]
pub enum Error {
    /// A grant could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A message was not sent.
    #[error(transparent)]
    Send(SendError<()>),
    /// No room in a ring.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// No message was received.
    #[error(transparent)]
    Recv(#[from] RecvError),
    /// A frame is not the value that it should be.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// A request failed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A system call was refused.
    #[error("{call}: {}", Told(*errno))]
    Call {
        /// What was tried, for example `read the file`.
        call: &'static str,
        /// Why it was refused.
        errno: Errno,
    },
    /// Not at this moment, but perhaps after a turn: an answer of [`Task::save`](crate::Task::save).
    #[error("{0}")]
    NotNow(String),
    /// The task's own reason.
    #[error("{0}")]
    Message(String),
}

impl Error {
    /// An error with a text of one's own.
    ///
    /// ```
    /// let error = okernel_sdk::Error::message("the count is not a number");
    /// assert_eq!(error.to_string(), "the count is not a number");
    /// ```
    pub fn message(text: impl Into<String>) -> Error {
        Error::Message(text.into())
    }

    /// An error of [`Task::save`](crate::Task::save): the task cannot be saved at this moment, and may be asked again
    /// after its next turn.
    ///
    /// ```
    /// let error = okernel_sdk::Error::not_now("a file is half read");
    /// assert_eq!(error.to_string(), "a file is half read");
    /// ```
    pub fn not_now(text: impl Into<String>) -> Error {
        Error::NotNow(text.into())
    }
}

impl<T> SendError<T> {
    /// The same error without the message.
    ///
    /// ```
    /// use okernel_sdk::SendError;
    /// assert_eq!(SendError::Full(7u64).without_message(), SendError::Full(()));
    /// ```
    pub fn without_message(self) -> SendError<()> {
        match self {
            SendError::Full(_) => SendError::Full(()),
            SendError::Refused(_, errno) => SendError::Refused((), errno),
        }
    }

    /// The message that was not sent.
    ///
    /// ```
    /// use okernel_sdk::SendError;
    /// assert_eq!(SendError::Full(7u64).into_message(), 7);
    /// ```
    pub fn into_message(self) -> T {
        match self {
            SendError::Full(message) | SendError::Refused(message, _) => message,
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error::Message(error.to_string())
    }
}

impl<T> From<SendError<T>> for Error {
    fn from(error: SendError<T>) -> Error {
        Error::Send(error.without_message())
    }
}
