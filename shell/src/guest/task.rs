//! The task: which role it has, and its turns.

use okernel_sdk::{Context, Error, Pause, Poll, Result, Saved, Task, Value as Encoded};
use okernel_shell::machine::{Config, Machine};
use okernel_shell::pace::{Pace, set_hook};
use okernel_shell::session::{Executed, Session, Turn};
use okernel_shell::state::StateError;
use okernel_shell::value::{Value, limit_bytes};

use crate::heap::used_bytes;
use crate::kernel::Kernel;

/// What the shell's first argument says when its inputs are lines of a file or a pipe.
const LINES: &str = "lines";

/// What it says when nobody reads along: for a script and for one text.
const SCRIPT: &str = "script";

/// The part of its task's memory that a program may take: a vector that grows is there twice for a
/// moment, and its places are not all used again.
const PROGRAM_PART: u64 = 4;

/// What the interpreter itself takes: code's data, its stack, the names that come with the language.
const OWN_BYTES: u64 = 2 << 20;

/// The version of the form in which a task's state is written.
const STATE_VERSION: u32 = 1;

/// What this task is, which does not follow from what it may do: a program may have rights, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It reads inputs that come by `exec`, for as long as there are any.
    Shell,
    /// It runs one program, and ends with it.
    Program,
}

/// The guest's state: nothing before `init`.
#[derive(Default)]
pub struct Interpreter {
    running: Option<(Session, Kernel)>,
}

#[okernel_sdk::task(own_allocator)]
impl Task for Interpreter {
    fn init(&mut self, context: &mut Context) -> Result<()> {
        let program = context.input()?;
        let role = match program.is_empty() {
            true => Role::Shell,
            false => Role::Program,
        };
        let mut kernel = Kernel::open(context, role);
        let mut machine = Machine::new(config(context));
        let mut args = context.args()?;
        if role == Role::Shell {
            let mode = match args.is_empty() {
                true => String::new(),
                false => args.remove(0),
            };
            machine.define("args", strings(&args));
            let origin = if mode == LINES { "stdin" } else { "" };
            let mut session = Session::new(machine, origin);
            if mode == SCRIPT {
                session.show_whole();
            }
            self.running = Some((session, kernel));
            return Ok(());
        }
        machine.define("args", strings(&args));
        for name in context.grants()? {
            if let Some(value) = kernel.adopt(context, &name, None)? {
                machine.define(&name, value);
            }
        }
        let mut session = Session::new(machine, "");
        session.program(&program, &mut kernel);
        self.running = Some((session, kernel));
        Ok(())
    }

    fn exec(&mut self, _: &mut Context, input: &[u8]) -> Result<()> {
        match &mut self.running {
            Some((session, kernel)) if kernel.is_shell() => {
                session.input(input);
                Ok(())
            }
            _ => Err(Error::message(
                "an O task takes no input by exec: grant it a ring",
            )),
        }
    }

    fn save(&mut self, _: &mut Context) -> Result<Saved> {
        let Some((session, kernel)) = &mut self.running else {
            return Err(Error::message("the task has not begun"));
        };
        if !kernel.is_movable() {
            return Err(Error::not_now(StateError::Busy.to_string()));
        }
        let state = session.save().map_err(|error| match error {
            StateError::Busy => Error::not_now(error.to_string()),
            error => Error::message(error.to_string()),
        })?;
        kernel.release_all();
        let (numbers, names): (Vec<i64>, Vec<String>) = kernel.granted().iter().cloned().unzip();
        let bytes = Encoded::List(vec![
            Encoded::Ints(numbers),
            Encoded::Symbols(names),
            Encoded::Chars(state),
        ])
        .to_bytes();
        Ok(Saved {
            version: STATE_VERSION,
            bytes,
        })
    }

    fn restore(&mut self, context: &mut Context, saved: &Saved) -> Result<()> {
        if saved.version != STATE_VERSION {
            let text = format!(
                "a state of version {}, and this interpreter reads version {STATE_VERSION}",
                saved.version
            );
            return Err(Error::message(text));
        }
        let mut kernel = Kernel::open(context, Role::Program);
        let parts = match Encoded::decode(&saved.bytes) {
            Ok(Encoded::List(parts)) => parts,
            _ => return Err(Error::message("the state is damaged")),
        };
        let [
            Encoded::Ints(numbers),
            Encoded::Symbols(names),
            Encoded::Chars(state),
        ] = parts.as_slice()
        else {
            return Err(Error::message("the state is damaged"));
        };
        for name in context.grants()? {
            let known = names.iter().position(|known| *known == name);
            let number = known.and_then(|at| numbers.get(at).copied());
            kernel.adopt(context, &name, number)?;
        }
        let session = Session::restore(state, config(context));
        let session = session.map_err(|error| Error::message(error.to_string()))?;
        self.running = Some((session, kernel));
        Ok(())
    }

    fn poll(&mut self, context: &mut Context) -> Poll {
        let Some((session, kernel)) = &mut self.running else {
            return Poll::End;
        };
        if session.turn(kernel) == Turn::Busy {
            return Poll::Infinite;
        }
        if kernel.is_shell() {
            return kernel.rest(context);
        }
        match kernel.outcome() {
            Some(Executed::Failed) => Poll::Err(Error::message(kernel.errors())),
            Some(_) => Poll::End,
            None => Poll::Yield,
        }
    }
}

/// A machine's set-up in this task, which lets others run in the middle of long verbs.
fn config(context: &Context) -> Config {
    set_hook(Some(|| match Context::pause() {
        Pause::Interrupted => Pace::Stop,
        Pause::GoOn if used_bytes() > limit_bytes() => Pace::Full,
        Pause::GoOn => Pace::GoOn,
    }));
    let task_bytes = Context::memory_bytes_max();
    let memory_limit = task_bytes.saturating_sub(OWN_BYTES) / PROGRAM_PART;
    Config {
        memory_limit: usize::try_from(memory_limit).unwrap_or(usize::MAX),
        memory_used: Some(used_bytes),
        seed: context.seed(),
    }
}

/// Texts as a list of strings; one character is a string too.
fn strings(texts: &[String]) -> Value {
    let strings = texts
        .iter()
        .map(|text| Value::from_chars(text.as_bytes().to_vec()));
    Value::from_items(strings.collect())
}
