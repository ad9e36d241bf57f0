//! The task: which role it has, and its turns.

use okernel_sdk::{Context, Error, Poll, Result, Task};
use okernel_shell::machine::{Config, Machine};
use okernel_shell::session::{Executed, Session, Turn};
use okernel_shell::value::Value;

use crate::heap::used_bytes;
use crate::kernel::Kernel;

/// What the shell's first argument says when its inputs are lines of a file or a pipe.
const LINES: &str = "lines";

/// The most memory of the shell's programs, in bytes: a quarter of the shell's own limit, because a
/// vector that grows is there twice for a moment, and its places are not all used again.
const SHELL_BYTES_MAX: usize = 512 << 20;
/// The same for a spawned program, whose task has the limit of all tasks.
const PROGRAM_BYTES_MAX: usize = 64 << 20;

/// The guest's state: nothing before `init`.
#[derive(Default)]
pub struct Interpreter {
    running: Option<(Session, Kernel)>,
}

#[okernel_sdk::task]
impl Task for Interpreter {
    fn init(&mut self, context: &mut Context) -> Result<()> {
        let mut kernel = Kernel::open(context);
        let memory_limit = match kernel.is_shell() {
            true => SHELL_BYTES_MAX,
            false => PROGRAM_BYTES_MAX,
        };
        let config = Config {
            memory_limit,
            memory_used: Some(used_bytes),
            seed: context.seed(),
            ..Config::default()
        };
        let mut machine = Machine::new(config);
        let mut args = context.args()?;
        if kernel.is_shell() {
            let lines = !args.is_empty() && args.remove(0) == LINES;
            machine.define("args", strings(&args));
            let origin = if lines { "stdin" } else { "" };
            self.running = Some((Session::new(machine, origin), kernel));
            return Ok(());
        }
        machine.define("args", strings(&args));
        for name in context.grants()? {
            if let Some(value) = kernel.adopt(context, &name)? {
                machine.define(&name, value);
            }
        }
        let mut session = Session::new(machine, "");
        session.program(&context.input()?, &mut kernel);
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

/// Texts as a list of strings; one character is a string too.
fn strings(texts: &[String]) -> Value {
    let strings = texts
        .iter()
        .map(|text| Value::from_chars(text.as_bytes().to_vec()));
    Value::from_items(strings.collect())
}
