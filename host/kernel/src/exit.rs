//! How a task ended: the reason that everybody is told, in one word, one line, and in full.
//!
//! The word is what programs compare, the line is what people read in `ps` and in the log, the
//! backtrace is there when the task's own code failed. A task that ended well, or because its
//! supervisor or the kernel ended it in order, has not failed; every other end is a failure, which
//! ends whoever is linked to the task and which a supervisor makes good.

use crate::ids::{CoreId, TaskId};
use crate::task::{Fault, FaultKind};
use okernel_abi::layout::ExitCode;
use okernel_abi::value::Value;
use std::fmt;

/// How a task ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Exit {
    /// It answered End.
    Done,
    /// It failed, or reached a limit.
    Error(Fault),
    /// It was killed.
    Killed,
    /// The kernel halts.
    Halted,
    /// Something was taken from it that it cannot be without; the text names it.
    Revoked(String),
    /// Another one takes its place, for example of a newer version.
    Replaced,
    /// It ended with another task: one that it was linked to, or that had spawned it.
    Linked {
        /// That task.
        task: TaskId,
        /// How that one ended, as one line.
        text: String,
    },
    /// Its supervisor ended it.
    Shutdown,
}

/// An end in one word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// It answered End.
    Done,
    /// It answered Err.
    Error,
    /// The CPU stopped it.
    Trap,
    /// Its own code panicked.
    Panic,
    /// It reached a limit.
    Limit,
    /// It could not be started, or its CPU refused it.
    Refused,
    /// The host has a fault of its own.
    Host,
    /// It was killed.
    Killed,
    /// The kernel halts.
    Halted,
    /// Something was taken from it that it cannot be without.
    Revoked,
    /// Another one takes its place.
    Replaced,
    /// A task that it was linked to, or that had spawned it, ended.
    Linked,
    /// Its supervisor ended it.
    Shutdown,
}

impl Reason {
    /// The word, as `ps` shows it and notices carry it.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Done => "done",
            Reason::Error => "error",
            Reason::Trap => "trap",
            Reason::Panic => "panic",
            Reason::Limit => "limit",
            Reason::Refused => "refused",
            Reason::Host => "host",
            Reason::Killed => "killed",
            Reason::Halted => "halted",
            Reason::Revoked => "revoked",
            Reason::Replaced => "replaced",
            Reason::Linked => "linked",
            Reason::Shutdown => "shutdown",
        }
    }
}

impl Exit {
    /// The number that a guest is told.
    pub fn code(&self) -> ExitCode {
        match self {
            Exit::Done => ExitCode::Done,
            Exit::Error(fault) if fault.kind == FaultKind::Limit => ExitCode::Limit,
            Exit::Error(_) => ExitCode::Error,
            Exit::Killed => ExitCode::Killed,
            Exit::Halted => ExitCode::Halted,
            Exit::Revoked(_) => ExitCode::Revoked,
            Exit::Replaced => ExitCode::Replaced,
            Exit::Linked { .. } => ExitCode::Linked,
            Exit::Shutdown => ExitCode::Shutdown,
        }
    }

    /// The end in one word.
    pub fn reason(&self) -> Reason {
        match self {
            Exit::Done => Reason::Done,
            Exit::Error(fault) => match fault.kind {
                FaultKind::Trap => Reason::Trap,
                FaultKind::Panic => Reason::Panic,
                FaultKind::Limit => Reason::Limit,
                FaultKind::Refused => Reason::Refused,
                FaultKind::Err => Reason::Error,
                FaultKind::Host => Reason::Host,
            },
            Exit::Killed => Reason::Killed,
            Exit::Halted => Reason::Halted,
            Exit::Revoked(_) => Reason::Revoked,
            Exit::Replaced => Reason::Replaced,
            Exit::Linked { .. } => Reason::Linked,
            Exit::Shutdown => Reason::Shutdown,
        }
    }

    /// Whether the end was in order: nobody else ends because of it, and a transient task is not
    /// started again after it.
    pub fn is_orderly(&self) -> bool {
        matches!(
            self,
            Exit::Done | Exit::Halted | Exit::Replaced | Exit::Shutdown
        )
    }

    /// Where the task's own code was when it failed, one frame per line; empty when there is nothing
    /// to show.
    pub fn backtrace(&self) -> &str {
        match self {
            Exit::Error(fault) => &fault.backtrace,
            _ => "",
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Error(fault) => write!(f, "{fault}"),
            Exit::Revoked(text) => write!(f, "revoked: {text}"),
            Exit::Linked { task, text } => write!(f, "linked: task {task}: {text}"),
            other => f.write_str(other.reason().name()),
        }
    }
}

/// What others are told of an end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Notice {
    pub(crate) task: TaskId,
    pub(crate) name: String,
    /// Where it was.
    pub(crate) core: CoreId,
    pub(crate) exit: Exit,
}

impl Notice {
    /// As a value: a dictionary of `task name reason text backtrace`.
    pub(crate) fn to_value(&self) -> Value {
        let (keys, values): (Vec<&str>, Vec<Value>) = [
            ("task", Value::Int(self.task.number())),
            ("name", Value::Symbol(self.name.clone())),
            (
                "reason",
                Value::Symbol(self.exit.reason().name().to_string()),
            ),
            ("text", Value::text(&self.exit.to_string())),
            ("backtrace", Value::text(self.exit.backtrace())),
        ]
        .into_iter()
        .unzip();
        let keys = keys.into_iter().map(str::to_string).collect();
        Value::Dict(Box::new((Value::Symbols(keys), Value::List(values))))
    }
}

#[cfg(test)]
mod tests {
    use super::{Exit, Notice};
    use crate::ids::{CoreId, TaskId};
    use crate::task::{Fault, FaultKind};
    use okernel_abi::layout::ExitCode;
    use okernel_abi::value::Value;

    fn fault(kind: FaultKind, message: &str) -> Exit {
        Exit::Error(Fault::new(kind, message))
    }

    #[test]
    fn an_end_has_one_word_one_line_and_a_number() {
        let task = TaskId::from_number(5).unwrap();
        let linked = Exit::Linked {
            task,
            text: "trap: unreachable".to_string(),
        };
        for (exit, word, line, code) in [
            (Exit::Done, "done", "done", ExitCode::Done),
            (
                fault(FaultKind::Err, "no luck"),
                "error",
                "error: no luck",
                ExitCode::Error,
            ),
            (
                fault(FaultKind::Trap, "unreachable"),
                "trap",
                "trap: unreachable",
                ExitCode::Error,
            ),
            (
                fault(FaultKind::Limit, "too much memory"),
                "limit",
                "limit: too much memory",
                ExitCode::Limit,
            ),
            (Exit::Killed, "killed", "killed", ExitCode::Killed),
            (
                Exit::Revoked("the ring in".to_string()),
                "revoked",
                "revoked: the ring in",
                ExitCode::Revoked,
            ),
            (Exit::Replaced, "replaced", "replaced", ExitCode::Replaced),
            (
                linked,
                "linked",
                "linked: task 5: trap: unreachable",
                ExitCode::Linked,
            ),
            (Exit::Shutdown, "shutdown", "shutdown", ExitCode::Shutdown),
            (Exit::Halted, "halted", "halted", ExitCode::Halted),
        ] {
            assert_eq!(exit.reason().name(), word);
            assert_eq!(exit.to_string(), line);
            assert_eq!(exit.code(), code);
        }
    }

    #[test]
    fn a_notice_says_who_and_why() {
        let notice = Notice {
            task: TaskId::from_number(7).unwrap(),
            name: "split".to_string(),
            core: CoreId(1),
            exit: Exit::Error(Fault {
                kind: FaultKind::Trap,
                message: "unreachable".to_string(),
                backtrace: "0: split\n1: poll".to_string(),
            }),
        };
        let Value::Dict(pair) = notice.to_value() else {
            panic!("a dictionary");
        };
        let (Value::Symbols(keys), Value::List(values)) = *pair else {
            panic!("names and values");
        };
        assert_eq!(keys, ["task", "name", "reason", "text", "backtrace"]);
        assert_eq!(
            values,
            [
                Value::Int(7),
                Value::Symbol("split".to_string()),
                Value::Symbol("trap".to_string()),
                Value::text("trap: unreachable"),
                Value::text("0: split\n1: poll"),
            ]
        );
    }
}
