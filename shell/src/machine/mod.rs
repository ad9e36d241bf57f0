//! The machine: runs compiled programs step by step.
//!
//! Its whole state is data: global names, a stack of values, a stack of frames and what comes
//! next. It never calls itself, so that deep programs need heap and no stack, and it can stop
//! between any two steps: for want of budget, or because the program asks for something that only
//! the world outside can do. Reading order: the public face, the loop over frames, the loop over
//! operations, and the operations that are more than a line.

mod assign;
mod cycles;
mod dispatch;
mod execute;
mod operations;
mod run;

pub(crate) use dispatch::{Exit, int_pair, monad_needs_machine, needs_machine, plain_call};

pub(crate) use cycles::Suspects;

use crate::compile::compile;
use crate::effect::{EFFECTS, Effect, NATIVES, function};
use crate::env::Env;
use crate::error::{Class, Error, Source};
use crate::frame::Frame;
use crate::pace::interrupted;
use crate::random::Rng;
use crate::symbol::Symbol;
use crate::value::{Function, Value, set_limit_bytes};
use crate::verb::Verb;
use std::rc::Rc;

/// The memory limit of a machine when its owner sets none, in bytes.
pub const MEMORY_LIMIT_DEFAULT: usize = 256 << 20;

/// Steps between two looks at the heap in use. A step takes little that is not looked at by itself: a
/// frame, a short list.
const LOOK_STEPS: i64 = 256;

/// How a machine is set up.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The most bytes that frames and stack may take together, and the most that one result may
    /// take. Deeper recursion and larger results are errors of class `limit`.
    pub memory_limit: usize,
    /// Tells how many bytes of heap are in use, if the owner counts them; more than
    /// `memory_limit` is an error of class `limit`.
    pub memory_used: Option<fn() -> usize>,
    /// What random numbers begin with: equal seeds give equal numbers.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            memory_limit: MEMORY_LIMIT_DEFAULT,
            memory_used: None,
            seed: 0,
        }
    }
}

/// Whether a result is meant to be displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It is.
    Yes,
    /// It is nil, for instance because the line ends with `;`.
    No,
}

/// Why the machine stopped.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The program is done, with this value.
    Done(Value, Shown),
    /// The program failed. The names that it had bound by then stay bound.
    Failed(Error),
    /// The program waits for the answer to this.
    Effect(Effect),
    /// The budget is spent; the program goes on with the next [`Machine::run`].
    Budget,
}

/// What the machine does next.
pub(crate) enum Control {
    /// Gives a value to the frame on top.
    Value(Value),
    /// Lets the frame on top go on.
    Again,
    /// Asks the host.
    Effect(Box<Effect>),
}

const _: () = assert!(size_of::<Control>() == 16);

pub(crate) enum State {
    /// Nothing to do.
    Idle,
    /// Going on with this.
    Ready(Control),
    /// An error came from outside.
    Raised(Error),
    /// The host is asked this.
    Waiting(Box<Effect>),
}

/// An interpreter of one program after the other, with global names that stay.
pub struct Machine {
    pub(crate) env: Env,
    pub(crate) stack: Vec<Value>,
    pub(crate) frames: Vec<Frame>,
    /// Steps until the next look at the heap; below zero when they are spent.
    pub(crate) budget: i64,
    /// Steps of the budget beyond those.
    budget_rest: i64,
    pub(crate) rng: Rng,
    pub(crate) suspects: Suspects,
    over_limit: bool,
    frames_max: usize,
    stack_max: usize,
    pub(crate) config: Config,
    pub(crate) state: State,
}

impl Machine {
    /// A machine with the names that come with the language.
    pub fn new(config: Config) -> Machine {
        let mut env = Env::new();
        for verb in Verb::all().filter(|verb| {
            verb.named_arity() > 0 && verb.glyph().as_bytes()[0].is_ascii_alphabetic()
        }) {
            env.set_system(
                Symbol::new(verb.glyph()),
                Value::function(Function::Verb(verb)),
            );
        }
        for name in EFFECTS.iter().chain(&NATIVES) {
            env.set_system(Symbol::new(name), function(name));
        }
        let half = config.memory_limit / 2;
        Machine {
            env,
            stack: Vec::new(),
            frames: Vec::new(),
            budget: 0,
            budget_rest: 0,
            rng: Rng::new(config.seed),
            suspects: Suspects::new(),
            over_limit: false,
            frames_max: half / size_of::<Frame>(),
            stack_max: half / size_of::<Value>(),
            config,
            state: State::Idle,
        }
    }

    /// Binds a global name that comes with the host: arguments, capabilities.
    pub fn define(&mut self, name: &str, value: Value) {
        self.env.set_system(Symbol::new(name), value);
    }

    /// The value of a global name; none for names that are unset, and for views that have to be
    /// computed first.
    pub fn value_of(&self, name: &str) -> Option<&Value> {
        self.env
            .find(Symbol::new(name))
            .and_then(|number| self.env.value(number))
    }

    /// The names that programs have bound, in alphabetic order.
    pub fn names(&self) -> Vec<Symbol> {
        self.env.user_names()
    }

    /// Takes a program to run. `origin` is the file that it comes from, or empty.
    ///
    /// # Errors
    /// `parse` for text that is no program, `limit` when another program is still running.
    pub fn start(&mut self, source: &str, origin: &str) -> Result<(), Error> {
        self.start_source(Source {
            origin: origin.to_owned(),
            line_first: 1,
            text: source.to_owned(),
        })
    }

    /// The same for a text that knows where it comes from.
    ///
    /// # Errors
    /// As for [`Machine::start`].
    pub fn start_source(&mut self, source: Source) -> Result<(), Error> {
        if !self.is_idle() {
            return Err(Error::new(Class::Limit, "another program is running"));
        }
        let code = compile(&Rc::new(source), &mut self.env)?;
        self.push_program(code, Vec::new());
        // What the program before took in its last step is no matter of this one.
        self.over_limit = false;
        self.state = State::Ready(Control::Again);
        Ok(())
    }

    /// Steps of the last budget that are left; none when it was overdrawn.
    pub fn steps_left(&self) -> u64 {
        u64::try_from(self.budget.saturating_add(self.budget_rest)).unwrap_or(0)
    }

    /// True when no program is running.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// True when the program waits for [`Machine::resume`].
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting(_))
    }

    /// Runs for so many steps at most. A step is a call, a turn of an adverb or a statement; a
    /// verb on a long vector counts for several.
    pub fn run(&mut self, budget_steps: u64) -> Step {
        self.budget = 0;
        self.budget_rest = i64::try_from(budget_steps.max(1)).unwrap_or(i64::MAX);
        self.refill();
        set_limit_bytes(self.config.memory_limit);
        let mut result = match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => return Step::Done(Value::Nil, Shown::No),
            State::Waiting(effect) => {
                self.state = State::Waiting(effect);
                return Step::Budget;
            }
            State::Ready(control) => Ok(control),
            State::Raised(error) => Err(error),
        };
        loop {
            let control = match result {
                Ok(control) => control,
                Err(error) => match self.unwind(error) {
                    Ok(control) => control,
                    Err(error) => {
                        self.stack = Vec::new();
                        self.frames = Vec::new();
                        return Step::Failed(error);
                    }
                },
            };
            if self.over_limit {
                self.over_limit = false;
                self.budget = self.budget.max(0);
                result = Err(self.out_of_memory());
                continue;
            }
            if self.budget < 0 {
                self.refill();
                if self.budget < 0 {
                    self.state = State::Ready(control);
                    return Step::Budget;
                }
                if self.is_over_limit() {
                    result = Err(self.out_of_memory());
                    continue;
                }
            }
            result = match control {
                Control::Value(value) if self.frames.is_empty() => {
                    self.stack.clear();
                    let shown = if matches!(value, Value::Nil) {
                        Shown::No
                    } else {
                        Shown::Yes
                    };
                    return Step::Done(value, shown);
                }
                Control::Value(value) => self.deliver(value),
                Control::Again => self.again(),
                Control::Effect(effect) => {
                    self.state = State::Waiting(effect.clone());
                    return Step::Effect(*effect);
                }
            };
        }
    }

    /// The effect that the program waits for.
    pub fn awaited(&self) -> Option<&Effect> {
        match &self.state {
            State::Waiting(effect) => Some(effect),
            _ => None,
        }
    }

    /// Answers the effect that the program waits for; the next [`Machine::run`] goes on with it.
    /// An error is raised where the effect was asked for. Without a waiting program nothing
    /// happens.
    pub fn resume(&mut self, answer: Result<Value, Error>) {
        if self.is_waiting() {
            self.state = match answer {
                Ok(value) => State::Ready(Control::Value(value)),
                Err(error) => State::Raised(error),
            };
        }
    }

    /// Ends the running program; no trap of the program holds this up. Returns the error with the
    /// place where the program was, or nothing when none was running.
    pub fn interrupt(&mut self) -> Option<Error> {
        if let State::Idle = std::mem::replace(&mut self.state, State::Idle) {
            return None;
        }
        let error = self.unwind(interrupted()).err();
        self.stack = Vec::new();
        self.frames = Vec::new();
        error
    }

    /// Checks what the program holds against the memory limit.
    pub(crate) fn check_memory(&self) -> Result<(), Error> {
        if self.frames.len() > self.frames_max || self.stack.len() > self.stack_max {
            let text = format!(
                "{} calls inside each other are more than memory allows",
                self.frames.len()
            );
            return Err(Error::new(Class::Limit, text));
        }
        match self.is_over_limit() {
            true => Err(self.out_of_memory()),
            false => Ok(()),
        }
    }

    /// Takes the steps until the next look at the heap from the rest of the budget.
    fn refill(&mut self) {
        let left = self.budget.saturating_add(self.budget_rest);
        self.budget = left.min(LOOK_STEPS);
        self.budget_rest = left - self.budget;
    }

    /// True when more heap is in use than a program may take.
    fn is_over_limit(&self) -> bool {
        let used = self.config.memory_used;
        used.is_some_and(|used| used() > self.config.memory_limit)
    }

    fn out_of_memory(&self) -> Error {
        /// So many calls inside each other are worth mentioning.
        const CALLS_DEEP: usize = 1000;
        let text = match self.frames.len() {
            calls @ CALLS_DEEP.. => format!("out of memory with {calls} calls inside each other"),
            _ => "out of memory".to_owned(),
        };
        Error::new(Class::Limit, text)
    }

    /// True when another frame or value might be too many.
    #[inline]
    pub(crate) fn is_deep(&self) -> bool {
        self.frames.len() > self.frames_max || self.stack.len() > self.stack_max
    }

    /// The memory limit in bytes.
    pub(crate) fn memory_limit(&self) -> usize {
        self.config.memory_limit
    }

    /// Charges a verb's work by the length of its result.
    #[inline]
    pub(crate) fn charge(&mut self, value: &Value) {
        /// How many items count as one step.
        const ITEMS_PER_STEP: usize = 256;
        if value.is_atom() {
            return;
        }
        let steps = value.len() / ITEMS_PER_STEP;
        if steps > 0 || value.nests() {
            self.charge_steps(steps);
        }
    }

    #[cold]
    fn charge_steps(&mut self, steps: usize) {
        self.budget -= steps as i64;
        if self.is_over_limit() {
            // The next step finds the budget spent, and then the reason.
            self.over_limit = true;
            self.budget = -1;
        }
    }
}
