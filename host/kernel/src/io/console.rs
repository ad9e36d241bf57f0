//! The console: lines to the shell, output to the outside.
//!
//! A thread aside reads one line when it is permitted to, and the next only after the shell has
//! reported how the last one went; so piped input is not read ahead of what it does. Everything
//! that is written goes through one queue ([`crate::io::output`]), and so does the permission to read:
//! a prompt appears below the output that belongs above it.

use crate::aside;
use crate::ids::TaskId;
use crate::inbox::Asker;
use crate::io::output::{Health, Output, Sinks, Stream};
use crate::io::selector::{Door, Effect, Effects, Notice, Selector, Verdict};
use crate::io::source::{Line, LineSource, Offered};
use crate::kernel::INTERRUPTED;
use okernel_abi::layout::{CANCEL_INPUT, END_OF_INPUT, Executed};
use std::fmt;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Where lines come from.
pub type Source = Box<dyn LineSource>;

/// What is written before each line is read, when a person types.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prompt {
    /// Before a new input.
    pub ready: String,
    /// Before a further line of an incomplete input.
    pub more: String,
}

impl Default for Prompt {
    fn default() -> Self {
        Prompt {
            ready: "o) ".to_string(),
            more: "   ".to_string(),
        }
    }
}

/// A console's input.
pub struct ConsoleConfig {
    /// Lines are read from here, to its end.
    pub source: Source,
    /// Shown before each line. With a prompt somebody is there to see the errors, and failed
    /// lines do not make the kernel's exit status 1; without one they do.
    pub prompt: Option<Prompt>,
    /// Where the names go that the shell offers.
    pub offered: Offered,
}

impl fmt::Debug for ConsoleConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prompt = &self.prompt;
        f.debug_struct("ConsoleConfig")
            .field("prompt", prompt)
            .finish_non_exhaustive()
    }
}

/// Permits the reader to read one line, and says what it shows before it.
struct Permit(String);

/// The console's slot.
pub(crate) struct Console {
    sinks: Option<Sinks>,
    output: Output,
    door: Option<Door>,
    input: Option<(ConsoleConfig, TaskId)>,
    reading: Option<Reading>,
    offered: Offered,
}

struct Reading {
    shell: TaskId,
    prompt: Option<Prompt>,
    line: Line,
    permits: Sender<Permit>,
    verdict: Verdict,
    incomplete: Option<Incomplete>,
    /// The source has ended in the middle of an input, and the shell was told.
    cut: Option<Cut>,
    /// Whether the shell works on a line.
    running: Running,
    /// The shell is to forget the lines of an input, and has not reported about that yet.
    cancelling: Option<Cancelling>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Cancelling;

/// What has become of the last line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Running {
    /// The shell has reported about it: a line is awaited.
    No,
    /// The shell works on it.
    Yes,
    /// The same, and it was interrupted where nobody is prompted: that is the end.
    Interrupted,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Cut;

/// The shell has said that the input goes on in the next line.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Incomplete;

impl Reading {
    fn prompt_text(&self) -> &str {
        match (&self.prompt, self.incomplete) {
            (None, _) => "",
            (Some(prompt), None) => &prompt.ready,
            (Some(prompt), Some(Incomplete)) => &prompt.more,
        }
    }
}

impl Console {
    /// A console that writes to `sinks`.
    pub(crate) fn new(sinks: Sinks) -> Console {
        Console {
            sinks: Some(sinks),
            output: Output::default(),
            door: None,
            input: None,
            reading: None,
            offered: Offered::default(),
        }
    }

    fn start(&mut self, verdict: Verdict, effects: &mut Effects<'_>) {
        let Some(((config, shell), door)) = self.input.take().zip(self.door.clone()) else {
            return;
        };
        let (permits, permitted) = channel();
        self.offered = config.offered;
        let source = config.source;
        let line = source.line();
        let reader = aside::spawn("okernel-input", move || {
            read_lines(source, &permitted, &door);
        });
        if let Err(error) = reader {
            tracing::error!(%error, "no thread for the console's input");
            effects.push(Effect::Halt(1));
            return;
        }
        self.reading = Some(Reading {
            shell,
            prompt: config.prompt,
            line,
            permits,
            verdict,
            incomplete: None,
            cut: None,
            running: Running::No,
            cancelling: None,
        });
        self.permit();
    }

    fn permit(&mut self) {
        if let Some(reading) = &self.reading {
            let (prompt, permits) = (reading.prompt_text(), reading.permits.clone());
            let permit = Permit(prompt.to_string());
            // The reader is gone only after it has told that the input has ended.
            self.output.when_written(move || drop(permits.send(permit)));
        }
    }

    /// Shows the prompt again to who types into a plain line.
    fn prompt(&mut self) {
        if let Some(reading) = &self.reading
            && reading.line == Line::Plain
        {
            let text = reading.prompt_text().as_bytes().to_vec();
            self.output.push(Stream::Out, text, None);
        }
    }

    /// A person interrupts: the evaluation, or the line that is being typed and those before it that
    /// belong to it. Where nobody is prompted that is the end.
    fn interrupt(&mut self, effects: &mut Effects<'_>) {
        let Some(reading) = &mut self.reading else {
            return effects.push(Effect::Halt(INTERRUPTED));
        };
        let task = reading.shell;
        match (reading.running, &reading.prompt) {
            (Running::Yes, Some(_)) => {
                if reading.line == Line::Plain {
                    // The terminal has shown the key, and the cursor stands behind it.
                    self.output.push(Stream::Out, b"\n".to_vec(), None);
                }
                effects.push(Effect::Interrupt { task });
            }
            (Running::Yes, None) => {
                reading.running = Running::Interrupted;
                effects.push(Effect::Interrupt { task });
            }
            (Running::No, Some(_)) => {
                if reading.line == Line::Plain {
                    self.output.push(Stream::Out, b"\n".to_vec(), None);
                }
                if reading.incomplete.is_none() {
                    return self.prompt();
                }
                if reading.cancelling.replace(Cancelling).is_some() {
                    return;
                }
                let input = vec![CANCEL_INPUT];
                effects.push(Effect::Exec { task, input });
            }
            (Running::No, None) => effects.push(Effect::Halt(INTERRUPTED)),
            (Running::Interrupted, _) => {}
        }
    }

    fn end(&mut self, effects: &mut Effects<'_>) {
        if let Some(reading) = &mut self.reading
            && reading.incomplete.is_some()
            && reading.cut.is_none()
        {
            // The shell knows best what is missing.
            reading.cut = Some(Cut);
            effects.push(Effect::Exec {
                task: reading.shell,
                input: vec![END_OF_INPUT],
            });
            return;
        }
        let Some(reading) = self.reading.take() else {
            return;
        };
        if reading.prompt.is_some() {
            effects.push(Effect::Halt(0));
            return;
        }
        let mut verdict = reading.verdict;
        if reading.incomplete.is_some() {
            tracing::error!("the input ends in the middle of an expression");
            verdict = Verdict::Failed;
        }
        effects.push(Effect::Halt(verdict.status()));
    }
}

impl Selector for Console {
    fn register(&mut self, effects: &mut Effects<'_>) -> io::Result<()> {
        let door = effects.door();
        if let Some(sinks) = self.sinks.take() {
            self.output = Output::start(sinks, door.clone())?;
        }
        self.door = Some(door);
        Ok(())
    }

    fn notice(&mut self, notice: Notice, effects: &mut Effects<'_>) {
        match notice {
            Notice::Input(config, shell) => self.input = Some((config, shell)),
            Notice::Start(verdict) => self.start(verdict, effects),
            Notice::Line(input) => {
                if let Some(reading) = &mut self.reading {
                    let task = reading.shell;
                    reading.running = Running::Yes;
                    effects.push(Effect::Exec { task, input });
                }
            }
            Notice::Interrupt => self.interrupt(effects),
            Notice::End => self.end(effects),
            Notice::File(_) | Notice::Resolved(_) => {}
            Notice::Failed(text) => {
                tracing::error!("{text}");
                if let Some(reading) = &mut self.reading {
                    (reading.verdict, reading.prompt) = (Verdict::Failed, None);
                }
                self.end(effects);
            }
            // These are for selectors that ask for more than a console does.
            Notice::Answer(..) | Notice::Spawned(_) | Notice::Ended(..) | Notice::Output(..) => {}
        }
    }

    fn executed(&mut self, executed: Result<Executed, String>, effects: &mut Effects<'_>) {
        let Some(reading) = &mut self.reading else {
            return;
        };
        reading.incomplete = None;
        if reading.cancelling.take().is_some() {
            // The reader was permitted to read before.
            if reading.running == Running::No {
                self.prompt();
            }
            return;
        }
        if std::mem::replace(&mut reading.running, Running::No) == Running::Interrupted {
            self.reading = None;
            return effects.push(Effect::Halt(INTERRUPTED));
        }
        match executed {
            Ok(Executed::Done) => {}
            Ok(Executed::Failed) => reading.verdict = Verdict::Failed,
            Ok(Executed::Incomplete) => reading.incomplete = Some(Incomplete),
            Err(text) => {
                tracing::error!("{text}");
                self.reading = None;
                effects.push(Effect::Halt(1));
                return;
            }
        }
        if reading.cut.is_some() {
            return self.end(effects);
        }
        self.permit();
    }

    fn write(&mut self, stream: Stream, bytes: Vec<u8>, asker: Asker) -> Option<()> {
        self.output.push(stream, bytes, Some(asker));
        Some(())
    }

    fn offer(&mut self, names: Vec<String>) {
        self.offered.set(names);
    }

    fn finalise(&mut self, effects: &mut Effects<'_>) {
        if self.output.finish() == Health::Broken {
            effects.push(Effect::Halt(1));
        }
    }
}

/// The reader's thread: one line for each permit.
fn read_lines(mut source: Source, permitted: &Receiver<Permit>, door: &Door) {
    while let Ok(Permit(prompt)) = permitted.recv() {
        match source.read_line(&prompt) {
            Ok(Some(line)) => door.notice(Notice::Line(line)),
            Ok(None) => return door.notice(Notice::End),
            Err(error) => {
                return door.notice(Notice::Failed(format!("input cannot be read: {error}")));
            }
        }
    }
}
