//! A session: inputs come in, values and errors go out, effects are carried out by a host.
//!
//! The machine only computes. This is what stands between it and whoever types: it joins lines
//! until an input is whole, runs it in portions, prints its value or its error, and hands effects
//! to a [`Host`], which may take its time. A mistake in one input never ends the session.
//!
//! Invariants: an input is reported as executed only after all that it printed was taken; inputs
//! run one after another in the order of their arrival; nothing here knows the kernel.

use std::collections::VecDeque;

use okernel_abi::layout::{CANCEL_INPUT, END_OF_INPUT, OutcomeForm, REPORTED_INPUT};

use crate::brackets::is_incomplete;
use crate::command::{Command, command, is_command};
use crate::effect::Effect;
use crate::error::{Class, Error, Source};
use crate::format::Layout;
use crate::help::help;
pub use crate::host::{Executed, Host, Progress, Stream, Taken};
use crate::machine::{Machine, Shown, Step};
use crate::outcome;
use crate::pace::interrupted;
use crate::script::{Part, Scripts};
use crate::show::{layout_for, listed, printed, shown};
use crate::symbol::Symbol;
use crate::value::{Function, Value};

/// Steps of the machine in one turn, a millisecond or so.
const TURN_STEPS: u64 = 20_000;

/// What an effect counts for: what the host does for it takes about as long as so many steps.
const EFFECT_STEPS: u64 = 50;

/// What there is to do after a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// More computing: call again soon.
    Busy,
    /// Nothing, until what the host armed is ready or another input comes.
    Waiting,
}

/// What is done with the value of an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Echo {
    Value,
    Nothing,
}

/// What the session is busy with.
#[derive(Debug)]
pub(crate) enum Work {
    /// Nothing: the next input may begin.
    Idle,
    /// A program runs; the place is what its errors are shown against.
    Program(Echo),
    /// A program waits for an effect.
    Effect(Echo),
    /// The same, but no host has been asked yet: the session has just been restored.
    Begin(Echo),
    /// A script is being read.
    Script(String),
    /// A script goes on with its next part.
    Part,
    /// A command of the session itself waits for the kernel.
    Halting,
    /// Everything is done but for output that was not taken yet.
    Report(Executed),
}

/// A machine with its inputs and outputs.
pub struct Session {
    pub(crate) machine: Machine,
    pub(crate) inputs: VecDeque<Vec<u8>>,
    pub(crate) partial: String,
    pub(crate) partial_line: u32,
    pub(crate) line: u32,
    pub(crate) origin: String,
    pub(crate) work: Work,
    pub(crate) layout: Layout,
    pub(crate) scripts: Scripts,
    timed_from_ns: Option<u64>,
    pub(crate) output: VecDeque<(Stream, Vec<u8>)>,
    /// Bytes of the first output that were taken already.
    pub(crate) taken: usize,
    /// Steps that this turn still has.
    steps_left: u64,
    /// How the outcome of the input is wanted, if it is to be reported and not printed.
    form: Option<OutcomeForm>,
    outcome: Vec<u8>,
}

impl Session {
    /// A session over a machine. `origin` names the source of lines in errors; empty for a person at
    /// a terminal, who sees the line.
    pub fn new(machine: Machine, origin: &str) -> Session {
        Session {
            machine,
            inputs: VecDeque::new(),
            partial: String::new(),
            partial_line: 1,
            line: 0,
            origin: origin.to_string(),
            work: Work::Idle,
            layout: layout_for(origin),
            scripts: Scripts::default(),
            timed_from_ns: None,
            output: VecDeque::new(),
            taken: 0,
            steps_left: 0,
            form: None,
            outcome: Vec::new(),
        }
    }

    /// The machine, to define names before the first input.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// Values are shown whole, however long they are.
    pub fn show_whole(&mut self) {
        self.layout = Layout::default();
    }

    /// One more input: a line, or several.
    pub fn input(&mut self, text: &[u8]) {
        self.inputs.push_back(text.to_vec());
    }

    /// A program that is whole, and whose value nobody wants to see.
    pub fn program(&mut self, text: &[u8], host: &mut impl Host) {
        match std::str::from_utf8(text) {
            Ok(text) => self.start(text, Echo::Nothing, host),
            Err(_) => {
                let error = Error::new(Class::Parse, "the program is not UTF-8 text");
                self.finish(Err(error), host);
            }
        }
    }

    /// Whether nothing is under way and no input waits.
    pub fn is_idle(&self) -> bool {
        matches!(self.work, Work::Idle) && self.inputs.is_empty() && self.output.is_empty()
    }

    /// Does about a millisecond of work.
    pub fn turn(&mut self, host: &mut impl Host) -> Turn {
        self.steps_left = TURN_STEPS;
        if host.is_interrupted() {
            self.interrupt(host);
        }
        loop {
            if !self.flush(host) {
                return Turn::Waiting;
            }
            match std::mem::replace(&mut self.work, Work::Idle) {
                Work::Idle => match self.inputs.pop_front() {
                    Some(input) => self.begin(&input, host),
                    None => return Turn::Waiting,
                },
                Work::Report(executed) => {
                    host.names(&self.machine.names());
                    self.report(executed, host);
                }
                Work::Program(echo) if self.steps_left == 0 => {
                    self.work = Work::Program(echo);
                    return Turn::Busy;
                }
                Work::Program(echo) => self.run(echo, host),
                Work::Effect(echo) => match host.proceed() {
                    Progress::Waiting => {
                        self.work = Work::Effect(echo);
                        return Turn::Waiting;
                    }
                    Progress::Done(answer) => {
                        self.machine.resume(answer);
                        self.work = Work::Program(echo);
                    }
                },
                Work::Begin(echo) => match self.machine.awaited().cloned() {
                    Some(effect) => self.effect(&effect, echo, host),
                    None => self.work = Work::Program(echo),
                },
                Work::Script(path) => match host.proceed() {
                    Progress::Waiting => {
                        self.work = Work::Script(path);
                        return Turn::Waiting;
                    }
                    Progress::Done(text) => self.start_script(&path, text, host),
                },
                Work::Part => self.next_part(host),
                Work::Halting => match host.proceed() {
                    Progress::Waiting => {
                        self.work = Work::Halting;
                        return Turn::Waiting;
                    }
                    Progress::Done(answer) => self.finish(answer.map(|_| None), host),
                },
            }
        }
    }

    /// Offers what is to be printed; answers whether everything was taken.
    fn flush(&mut self, host: &mut impl Host) -> bool {
        while let Some((stream, text)) = self.output.front() {
            match host.write(*stream, text, self.taken) {
                Taken::All => {
                    self.output.pop_front();
                    self.taken = 0;
                }
                Taken::Until(taken) => {
                    self.taken = taken;
                    return false;
                }
            }
        }
        true
    }

    /// Notes how the outcome of an input is wanted; answers the input without that.
    fn take_form<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        match input {
            [REPORTED_INPUT, form, input @ ..] => {
                self.form = OutcomeForm::from_number(*form);
                input
            }
            input => {
                self.form = None;
                input
            }
        }
    }

    fn begin(&mut self, input: &[u8], host: &mut impl Host) {
        let input = self.take_form(input);
        if input == [CANCEL_INPUT] {
            self.partial.clear();
            self.work = Work::Report(Executed::Done);
            return;
        }
        let (input, ended) = match input.split_last() {
            Some((&END_OF_INPUT, input)) => (input, true),
            _ => (input, false),
        };
        let text = match std::str::from_utf8(input) {
            Ok(text) => text,
            Err(error) => {
                let at = error.valid_up_to();
                let text = format!("the input is not UTF-8: byte {at} is {:#04x}", input[at]);
                self.partial.clear();
                self.finish(Err(Error::new(Class::Parse, text)), host);
                return;
            }
        };
        self.line += 1;
        if self.partial.is_empty() {
            self.partial_line = self.line;
            if is_command(text) {
                self.command(text, host);
                return;
            }
        } else {
            self.partial.push('\n');
        }
        self.partial
            .push_str(text.strip_suffix('\n').unwrap_or(text));
        if !ended && is_incomplete(&self.partial) {
            self.report(Executed::Incomplete, host);
            return;
        }
        let text = std::mem::take(&mut self.partial);
        self.start(&text, Echo::Value, host);
    }

    /// Carries out a command of the session.
    fn command(&mut self, line: &str, host: &mut impl Host) {
        match command(line) {
            Err(error) => self.finish(Err(error), host),
            Ok(Command::Exit) => {
                self.scripts.close();
                self.ask(host, "halt", Vec::new(), Work::Halting);
            }
            Ok(Command::Load(path)) => {
                let args = vec![Value::string(&path)];
                self.ask(host, "read", args, Work::Script(path));
            }
            Ok(Command::Time(text)) => {
                self.timed_from_ns = host.now_ns();
                self.start(&text, Echo::Value, host);
            }
            Ok(Command::Help(topic)) => self.say(&help(&topic), host),
            Ok(Command::Names) => self.say(&listed(&self.machine.names()), host),
            Ok(Command::Precision(digits)) => {
                self.layout.digits = digits;
                self.finish(Ok(None), host);
            }
        }
    }

    /// Begins an effect of the session's own; `work` is what waits for its answer.
    fn ask(&mut self, host: &mut impl Host, name: &str, args: Vec<Value>, work: Work) {
        let effect = Effect {
            name: Symbol::new(name),
            args,
        };
        match (host.begin(&effect), work) {
            (Progress::Waiting, work) => self.work = work,
            (Progress::Done(text), Work::Script(path)) => self.start_script(&path, text, host),
            (Progress::Done(answer), _) => self.finish(answer.map(|_| None), host),
        }
    }

    fn say(&mut self, text: &str, host: &mut impl Host) {
        if !text.is_empty() {
            self.output
                .push_back((Stream::Out, format!("{text}\n").into_bytes()));
        }
        self.finish(Ok(None), host);
    }

    /// Starts a program that came by lines.
    fn start(&mut self, text: &str, echo: Echo, host: &mut impl Host) {
        let source = Source {
            origin: self.origin.clone(),
            line_first: self.partial_line,
            text: text.to_owned(),
        };
        self.start_source(source, echo, host);
    }

    fn start_source(&mut self, source: Source, echo: Echo, host: &mut impl Host) {
        match self.machine.start_source(source) {
            Ok(()) => self.work = Work::Program(echo),
            Err(error) => self.finish(Err(error), host),
        }
    }

    fn start_script(&mut self, path: &str, text: Result<Value, Error>, host: &mut impl Host) {
        match text.and_then(|text| self.scripts.open(path, &text)) {
            Ok(()) => self.work = Work::Part,
            Err(error) => self.finish(Err(error), host),
        }
    }

    /// Goes on with the scripts that are open.
    fn next_part(&mut self, host: &mut impl Host) {
        match self.scripts.next() {
            Some(Part::Command(line)) => self.command(&line, host),
            Some(Part::Program(part)) => self.start_source(part, Echo::Nothing, host),
            None => self.finish(Ok(None), host),
        }
    }

    fn run(&mut self, echo: Echo, host: &mut impl Host) {
        let step = self.machine.run(self.steps_left);
        let left = self.machine.steps_left();
        self.steps_left = match &step {
            Step::Budget => 0,
            Step::Effect(_) => left.saturating_sub(EFFECT_STEPS),
            _ => left,
        };
        match step {
            Step::Budget => self.work = Work::Program(echo),
            // Help by itself is what somebody types who knows nothing yet.
            Step::Done(Value::Function(function), Shown::Yes)
                if echo == Echo::Value
                    && self.form.is_none()
                    && matches!(&*function, Function::Native(name) if *name == Symbol::new("help")) =>
            {
                self.say(&help(""), host);
            }
            Step::Done(value, shown) => {
                let shown = shown == Shown::Yes && echo == Echo::Value;
                self.finish(Ok(shown.then_some(value)), host);
            }
            Step::Failed(error) => self.finish(Err(error), host),
            Step::Effect(effect) if effect.name == Symbol::new("print") => {
                for value in &effect.args {
                    self.output
                        .push_back((Stream::Out, printed(value, &self.layout)));
                }
                self.machine.resume(Ok(effect.printed()));
                self.work = Work::Program(echo);
            }
            Step::Effect(effect) if effect.name == Symbol::new("help") => {
                let topic = effect.args.first().and_then(Value::as_text);
                let topic = topic.unwrap_or_default();
                let page = format!("{}\n", help(&String::from_utf8_lossy(&topic)));
                self.output.push_back((Stream::Out, page.into_bytes()));
                self.machine.resume(Ok(Value::Nil));
                self.work = Work::Program(echo);
            }
            Step::Effect(effect) => self.effect(&effect, echo, host),
        }
    }

    fn effect(&mut self, effect: &Effect, echo: Echo, host: &mut impl Host) {
        match host.begin(effect) {
            Progress::Done(answer) => {
                self.machine.resume(answer);
                self.work = Work::Program(echo);
            }
            Progress::Waiting => self.work = Work::Effect(echo),
        }
    }

    /// Gives up what is under way, and what it wanted to print.
    fn interrupt(&mut self, host: &mut impl Host) {
        let work = std::mem::replace(&mut self.work, Work::Idle);
        match work {
            Work::Report(_) | Work::Halting => {
                self.work = work;
                return;
            }
            // An input that has not begun.
            Work::Idle => {
                let Some(input) = self.inputs.pop_front() else {
                    return;
                };
                self.take_form(&input);
                self.partial.clear();
            }
            _ => {}
        }
        if let Work::Effect(_) | Work::Script(_) = work {
            host.abandon();
        }
        let cut = self.output.drain(..).next().filter(|_| self.taken > 0);
        self.taken = 0;
        if let Some((stream, _)) = cut {
            self.output.push_back((stream, b"\n".to_vec()));
        }
        let error = self.machine.interrupt().unwrap_or_else(interrupted);
        self.finish(Err(error), host);
    }

    /// Prints the outcome of an input and reports it.
    fn finish(&mut self, outcome: Result<Option<Value>, Error>, host: &mut impl Host) {
        let took_ns = self
            .timed_from_ns
            .take()
            .zip(host.now_ns())
            .map(|(from, to)| to.saturating_sub(from));
        let took = took_ns.map(|took_ns| format!("{} ms\n", took_ns as f64 / 1e6).into_bytes());
        let outcome = outcome.and_then(|value| self.show(value));
        if let Some(took) = took {
            self.output.push_back((Stream::Out, took));
        }
        self.work = match outcome {
            Ok(()) if !self.scripts.is_empty() => Work::Part,
            Ok(()) => Work::Report(Executed::Done),
            Err(error) => {
                let error = self.scripts.placed(error);
                self.scripts.close();
                match self.form {
                    Some(_) => self.outcome = outcome::of_error(&error),
                    None => {
                        let text = error.render("") + "\n";
                        self.output.push_back((Stream::Errors, text.into_bytes()));
                    }
                }
                Work::Report(Executed::Failed)
            }
        };
    }

    /// Prints the value of an input, if it is to be shown, or makes it the outcome.
    fn show(&mut self, value: Option<Value>) -> Result<(), Error> {
        match (self.form, value) {
            (None, None) => {}
            (None, Some(value)) => {
                let text = shown(&value, &self.layout);
                self.output.push_back((Stream::Out, text));
            }
            (Some(form), None) => self.outcome = outcome::of_value(form, None)?,
            (Some(form), Some(value)) => {
                let text = match form {
                    OutcomeForm::Text => shown(&value, &self.layout),
                    OutcomeForm::Value => Vec::new(),
                };
                self.outcome = outcome::of_value(form, Some((&value, &text)))?;
            }
        }
        Ok(())
    }

    /// Tells the host how the input went, and what it has come to if that was asked for.
    fn report(&mut self, executed: Executed, host: &mut impl Host) {
        let mut outcome = std::mem::take(&mut self.outcome);
        if outcome.is_empty() {
            outcome = outcome::nothing();
        }
        match self.form.take() {
            Some(_) => host.reported(executed, &outcome),
            None => host.executed(executed),
        }
    }
}
