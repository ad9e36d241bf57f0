//! A script: inputs that boot feeds to the shell, one after another, and what comes after them.

use crate::ids::TaskId;
use crate::io::console::ConsoleConfig;
use crate::io::selector::{Effect, Effects, Notice, Selector, Verdict};
use okernel_abi::layout::Executed;
use std::collections::VecDeque;
use std::io;

/// What the boot core does after the last input of a script.
#[derive(Debug)]
pub enum After {
    /// Reads lines from a console; its end halts the kernel.
    Console(ConsoleConfig),
    /// Halts when all tasks but the shell have ended; the status is 1 if any of them failed.
    HaltWhenAlone,
    /// Halts at once.
    Halt,
    /// Nothing: a control or a task halts the kernel.
    Stay,
}

/// What the slot itself needs to know of that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Then {
    Console,
    HaltWhenAlone,
    Halt,
    Stay,
}

/// The script's slot.
#[derive(Debug)]
pub(crate) struct Script {
    shell: TaskId,
    inputs: VecDeque<Vec<u8>>,
    then: Then,
    verdict: Verdict,
}

impl Script {
    pub(crate) fn new(shell: TaskId, inputs: Vec<Vec<u8>>, then: Then) -> Script {
        Script {
            shell,
            inputs: inputs.into(),
            then,
            verdict: Verdict::Fine,
        }
    }

    fn next(&mut self, effects: &mut Effects<'_>) {
        if let Some(input) = self.inputs.pop_front() {
            let task = self.shell;
            effects.push(Effect::Exec { task, input });
            return;
        }
        let status = self.verdict.status();
        match self.then {
            Then::Console => effects.push(Effect::StartConsole(self.verdict)),
            Then::HaltWhenAlone => effects.push(Effect::HaltWhenAlone(status)),
            Then::Halt => effects.push(Effect::Halt(status)),
            Then::Stay => {}
        }
    }
}

impl Selector for Script {
    fn register(&mut self, _effects: &mut Effects<'_>) -> io::Result<()> {
        Ok(())
    }

    fn notice(&mut self, notice: Notice, effects: &mut Effects<'_>) {
        if let Notice::Start(_) = notice {
            self.next(effects);
        }
    }

    fn executed(&mut self, executed: Result<Executed, String>, effects: &mut Effects<'_>) {
        match executed {
            Ok(Executed::Done) => {}
            Ok(Executed::Failed) => self.verdict = Verdict::Failed,
            Ok(Executed::Incomplete) => {
                tracing::error!("the script ends in the middle of an expression");
                self.verdict = Verdict::Failed;
            }
            Err(text) => {
                tracing::error!("{text}");
                effects.push(Effect::Halt(1));
                return;
            }
        }
        self.next(effects);
    }

    fn finalise(&mut self, _effects: &mut Effects<'_>) {}
}
