//! Structures that cross the boundary as bytes, and the small numbers that calls take and give.
//!
//! Everything is little-endian, and every structure says its size.

/// What a handle stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u32)]
pub enum HandleKind {
    /// The writer's end of a ring.
    Publisher = 1,
    /// A reader's end of a ring.
    Subscriber = 2,
    /// The right to set timers.
    Timers = 3,
    /// A timer that was set.
    Timer = 4,
    /// The right to read the monotonic clock.
    Clock = 5,
    /// The right to write to the console.
    Console = 6,
    /// A file, for reading.
    File = 7,
    /// The right to make every request of the kernel (the shell's).
    System = 8,
    /// The right to spawn tasks.
    Spawn = 9,
    /// A request whose answer is expected.
    Reply = 10,
}

impl HandleKind {
    /// The kind with this number.
    pub fn from_number(number: u32) -> Option<HandleKind> {
        Some(match number {
            1 => HandleKind::Publisher,
            2 => HandleKind::Subscriber,
            3 => HandleKind::Timers,
            4 => HandleKind::Timer,
            5 => HandleKind::Clock,
            6 => HandleKind::Console,
            7 => HandleKind::File,
            8 => HandleKind::System,
            9 => HandleKind::Spawn,
            10 => HandleKind::Reply,
            _ => return None,
        })
    }

    /// The word for it in messages, in spawn's grants and in a module's wants.
    pub fn name(self) -> &'static str {
        match self {
            HandleKind::Publisher => "publisher",
            HandleKind::Subscriber => "subscriber",
            HandleKind::Timers => "timer",
            HandleKind::Timer => "timer",
            HandleKind::Clock => "clock",
            HandleKind::Console => "console",
            HandleKind::File => "file",
            HandleKind::System => "system",
            HandleKind::Spawn => "spawn",
            HandleKind::Reply => "reply",
        }
    }
}

/// What `poll` of a guest answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum PollCode {
    /// Did what it could: sleep until something armed by `wait` is ready, or, with nothing
    /// armed, poll again next turn.
    Yield = 0,
    /// Finished well.
    End = 1,
    /// Failed; `fault` has told why.
    Err = 2,
    /// Has always more to do: poll again next turn.
    Infinite = 3,
}

impl PollCode {
    /// The code with this number.
    pub fn from_number(number: i32) -> Option<PollCode> {
        Some(match number {
            0 => PollCode::Yield,
            1 => PollCode::End,
            2 => PollCode::Err,
            3 => PollCode::Infinite,
            _ => return None,
        })
    }
}

/// What `init` and `exec` of a guest answer when all is well; anything else is a failure that
/// `fault` has told about.
pub const CALL_OK: i32 = 0;

/// What `save` answers when the task cannot be saved at this moment, and may be asked again after a turn.
pub const CALL_NOT_NOW: i32 = 2;

/// Why a task ended, as its `finalize` is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum ExitCode {
    /// It answered End.
    Done = 0,
    /// It answered Err.
    Error = 1,
    /// It was killed.
    Killed = 2,
    /// The kernel halts.
    Halted = 3,
    /// It reached a limit that it may not cross.
    Limit = 4,
    /// Something was taken from it that it cannot be without.
    Revoked = 5,
    /// Another one takes its place.
    Replaced = 6,
    /// A task that it is linked to, or that spawned it, has ended.
    Linked = 7,
    /// Its supervisor ended it.
    Shutdown = 8,
}

impl ExitCode {
    /// The code with this number.
    pub fn from_number(number: u32) -> Option<ExitCode> {
        Some(match number {
            0 => ExitCode::Done,
            1 => ExitCode::Error,
            2 => ExitCode::Killed,
            3 => ExitCode::Halted,
            4 => ExitCode::Limit,
            5 => ExitCode::Revoked,
            6 => ExitCode::Replaced,
            7 => ExitCode::Linked,
            8 => ExitCode::Shutdown,
            _ => return None,
        })
    }
}

/// The last byte of an input for the shell that is not to go on in the next line, whatever it lacks.
pub const END_OF_INPUT: u8 = 4;

/// The only byte of an input by which the shell forgets the lines of an input that is not whole yet.
pub const CANCEL_INPUT: u8 = 24;

/// The first byte of an input for the shell whose outcome is to be reported, not printed. The next byte is a
/// number of [`OutcomeForm`], and the rest is the input.
pub const REPORTED_INPUT: u8 = 1;

/// The most bytes of a reported outcome.
pub const REPORT_BYTES_MAX: usize = 8 << 20;

/// How the outcome of a reported input is wanted. What has failed is a dictionary of `class`, `message`,
/// `text`, `stack` (a list of dictionaries with `name` and a place) and, when it has a place, `line`,
/// `column`, `source` and `origin`; what is incomplete is nil.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum OutcomeForm {
    /// A string: what the shell shows, with the newline at its end; empty for nothing.
    Text = 0,
    /// The value; nil when the shell would show nothing.
    Value = 1,
}

impl OutcomeForm {
    /// The form with this number.
    pub fn from_number(number: u8) -> Option<OutcomeForm> {
        Some(match number {
            0 => OutcomeForm::Text,
            1 => OutcomeForm::Value,
            _ => return None,
        })
    }
}

/// What the shell reports of an input that it was given by `exec`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Executed {
    /// Evaluated without an error.
    Done = 0,
    /// An error was reported.
    Failed = 1,
    /// The input is not complete: more lines are expected.
    Incomplete = 2,
}

impl Executed {
    /// The report with this number.
    pub fn from_number(number: u32) -> Option<Executed> {
        Some(match number {
            0 => Executed::Done,
            1 => Executed::Failed,
            2 => Executed::Incomplete,
            _ => return None,
        })
    }
}

/// Levels of `log`, from the most to the least severe.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u32)]
pub enum LogLevel {
    /// Something failed.
    Error = 1,
    /// Something is suspicious.
    Warn = 2,
    /// News.
    Info = 3,
    /// For whoever looks for a fault.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

impl LogLevel {
    /// The level with this number.
    pub fn from_number(number: u32) -> Option<LogLevel> {
        Some(match number {
            1 => LogLevel::Error,
            2 => LogLevel::Warn,
            3 => LogLevel::Info,
            4 => LogLevel::Debug,
            5 => LogLevel::Trace,
            _ => return None,
        })
    }
}

/// What `ring_info` writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RingInfo {
    /// Capacity in bytes, a power of two.
    pub capacity_bytes: u64,
    /// This end's position: where it writes or reads next, in bytes since the ring began.
    pub position: u64,
    /// [`HandleKind::Publisher`] or [`HandleKind::Subscriber`].
    pub kind: HandleKind,
    /// Whether `ring_map` gives a window. Small rings and readers that may be overtaken are
    /// read and written by the copying calls.
    pub window: Window,
}

/// Whether a ring can be mapped into the task's memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Window {
    /// Use the copying calls.
    Copy = 0,
    /// `ring_map` maps it.
    Map = 1,
}

impl RingInfo {
    /// Size in bytes of the encoded structure.
    pub const BYTES: usize = 24;

    /// Encodes: capacity u64, position u64, kind u32, window u32.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0..8].copy_from_slice(&self.capacity_bytes.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.position.to_le_bytes());
        bytes[16..20].copy_from_slice(&(self.kind as u32).to_le_bytes());
        bytes[20..24].copy_from_slice(&(self.window as u32).to_le_bytes());
        bytes
    }

    /// Decodes what [`RingInfo::encode`] made.
    pub fn decode(bytes: &[u8; Self::BYTES]) -> Option<RingInfo> {
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let tail = word(16);
        Some(RingInfo {
            capacity_bytes: word(0),
            position: word(8),
            kind: HandleKind::from_number(tail as u32)?,
            window: if tail >> 32 == 0 {
                Window::Copy
            } else {
                Window::Map
            },
        })
    }
}

/// What `grant_info` writes: what a grant is limited to, all grants that it was derived from together. Zero
/// stands for no such limit. The unit is a byte for rings, files and the console; a timer that is set, a reading of
/// the clock or a request for the other rights.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GrantInfo {
    /// Units per second.
    pub rate: u64,
    /// Units that may be used at once after a rest; a single message is never larger.
    pub burst: u64,
    /// Units in all.
    pub quota: u64,
    /// Units used so far through this grant.
    pub used: u64,
    /// When it expires, in nanoseconds of the monotonic clock since the kernel's boot.
    pub until_ns: u64,
}

impl GrantInfo {
    /// Size in bytes of the encoded structure.
    pub const BYTES: usize = 40;

    /// Encodes: rate, burst, quota, used and until_ns, each a u64.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let words = [self.rate, self.burst, self.quota, self.used, self.until_ns];
        let mut bytes = [0; Self::BYTES];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Decodes what [`GrantInfo::encode`] made.
    pub fn decode(bytes: &[u8; Self::BYTES]) -> GrantInfo {
        let word = |index: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[index * 8..index * 8 + 8]);
            u64::from_le_bytes(word)
        };
        GrantInfo {
            rate: word(0),
            burst: word(1),
            quota: word(2),
            used: word(3),
            until_ns: word(4),
        }
    }

    /// Whether there is a rate or a quota: then every use is counted, and a ring has no window.
    pub fn is_metered(&self) -> bool {
        self.rate > 0 || self.quota > 0
    }
}

/// Rings of at most this many bytes have no window: a mapping costs more than their copies.
pub const COPY_RING_BYTES_MAX: u64 = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::{GrantInfo, HandleKind, RingInfo, Window};

    #[test]
    fn grant_info_comes_back() {
        let info = GrantInfo {
            rate: 1,
            burst: u64::MAX,
            quota: 1 << 40,
            used: 3,
            until_ns: 4,
        };
        assert_eq!(GrantInfo::decode(&info.encode()), info);
        assert!(info.is_metered() && !GrantInfo::default().is_metered());
    }

    #[test]
    fn ring_info_comes_back() {
        let info = RingInfo {
            capacity_bytes: 1 << 20,
            position: u64::MAX - 5,
            kind: HandleKind::Subscriber,
            window: Window::Map,
        };
        assert_eq!(RingInfo::decode(&info.encode()), Some(info));
    }

    #[test]
    fn an_unknown_kind_is_refused() {
        let mut bytes = [0; RingInfo::BYTES];
        bytes[16] = 200;
        assert_eq!(RingInfo::decode(&bytes), None);
    }
}
