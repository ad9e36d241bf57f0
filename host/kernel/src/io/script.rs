//! A script: inputs that boot feeds to the shell, one after another, and what comes after them.

use crate::ids::TaskId;
use crate::io::console::ConsoleConfig;
use crate::io::selector::{Effect, Effects, Notice, Selector, Verdict};
use crate::kernel::INTERRUPTED;
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
    /// The same with a person who types there: an interrupted script is not the end.
    Prompt,
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
    stage: Stage,
}

/// How far the script has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// An input runs.
    Running,
    /// An input runs that was interrupted, and that is the end.
    Interrupted,
    /// All inputs have run.
    Over,
}

impl Script {
    pub(crate) fn new(shell: TaskId, inputs: Vec<Vec<u8>>, then: Then) -> Script {
        Script {
            shell,
            inputs: inputs.into(),
            then,
            verdict: Verdict::Fine,
            stage: Stage::Over,
        }
    }

    fn next(&mut self, effects: &mut Effects<'_>) {
        if let Some(input) = self.inputs.pop_front() {
            let task = self.shell;
            effects.push(Effect::Exec { task, input });
            self.stage = Stage::Running;
            return;
        }
        self.stage = Stage::Over;
        let status = self.verdict.status();
        match self.then {
            Then::Console | Then::Prompt => effects.push(Effect::StartConsole(self.verdict)),
            Then::HaltWhenAlone => effects.push(Effect::HaltWhenAlone(status)),
            Then::Halt => effects.push(Effect::Halt(status)),
            Then::Stay => {}
        }
    }

    /// A person interrupts: the input that runs is given up, and unless a person can go on from there the
    /// kernel halts.
    fn interrupt(&mut self, effects: &mut Effects<'_>) {
        if self.stage == Stage::Over {
            return effects.push(Effect::Halt(INTERRUPTED));
        }
        effects.push(Effect::Interrupt { task: self.shell });
        if self.then != Then::Prompt {
            self.stage = Stage::Interrupted;
        }
    }
}

impl Selector for Script {
    fn register(&mut self, _effects: &mut Effects<'_>) -> io::Result<()> {
        Ok(())
    }

    fn notice(&mut self, notice: Notice, effects: &mut Effects<'_>) {
        match notice {
            Notice::Start(_) => self.next(effects),
            Notice::Interrupt => self.interrupt(effects),
            _ => {}
        }
    }

    fn executed(&mut self, executed: Result<Executed, String>, effects: &mut Effects<'_>) {
        match executed {
            _ if self.stage == Stage::Interrupted => {
                return effects.push(Effect::Halt(INTERRUPTED));
            }
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
