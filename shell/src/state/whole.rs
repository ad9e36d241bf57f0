//! A machine as a whole: its globals, its stack and frames, and what comes next.

use super::StateError;
use super::error_form::{effect, error, put_effect, put_error};
use super::frames::{Comes, check};
use super::load::Loader;
use super::save::Saver;
use crate::env::{Binding, Env, Owner, ViewState};
use crate::machine::{Config, Control, Machine, State};
use crate::random::Rng;
use crate::value::set_limit_bytes;

mod next {
    pub(super) const IDLE: u8 = 0;
    pub(super) const VALUE: u8 = 1;
    pub(super) const AGAIN: u8 = 2;
    pub(super) const EFFECT: u8 = 3;
    pub(super) const RAISED: u8 = 4;
    pub(super) const WAITING: u8 = 5;
}

impl Machine {
    /// The whole state between two steps: to be called when [`Machine::run`] has returned.
    ///
    /// # Errors
    /// Memory does not suffice for the bytes.
    pub fn save(&self) -> Result<Vec<u8>, StateError> {
        let mut saver = Saver::new(&self.env);
        put_globals(&mut saver, &self.env);
        for word in self.rng.state() {
            saver.body.word(word);
        }
        saver.put_values(&self.stack);
        saver.body.count(self.frames.len());
        for frame in &self.frames {
            saver.frame(frame);
        }
        match &self.state {
            State::Idle => saver.body.byte(next::IDLE),
            State::Ready(Control::Value(value)) => {
                saver.body.byte(next::VALUE);
                saver.value(value);
            }
            State::Ready(Control::Again) => saver.body.byte(next::AGAIN),
            State::Ready(Control::Effect(wanted)) => {
                saver.body.byte(next::EFFECT);
                put_effect(&mut saver, wanted);
            }
            State::Raised(raised) => {
                saver.body.byte(next::RAISED);
                put_error(&mut saver, raised);
            }
            State::Waiting(asked) => {
                saver.body.byte(next::WAITING);
                put_effect(&mut saver, asked);
            }
        }
        saver.finish()
    }

    /// A machine that goes on where another one was when it wrote these bytes. What `config` says is
    /// this machine's own; its seed has no say, because the random numbers go on too.
    ///
    /// # Errors
    /// The bytes are no state of this version, or memory does not suffice.
    pub fn restore(bytes: &[u8], config: Config) -> Result<Machine, StateError> {
        set_limit_bytes(config.memory_limit);
        let mut machine = Machine::new(config);
        let mut env = std::mem::take(&mut machine.env);
        let mut loader = Loader::new(bytes, &mut env)?;
        globals(&mut loader)?;
        let mut words = [0; 4];
        for word in &mut words {
            *word = loader.input.word()?;
        }
        machine.rng = Rng::from_state(words);
        machine.stack = loader.values()?;
        for _ in 0..loader.input.length(1)? {
            let frame = loader.frame()?;
            machine.frames.push(frame);
        }
        machine.state = match loader.input.byte()? {
            next::IDLE => State::Idle,
            next::VALUE => State::Ready(Control::Value(loader.value()?)),
            next::AGAIN => State::Ready(Control::Again),
            next::EFFECT => State::Ready(Control::Effect(Box::new(effect(&mut loader)?))),
            next::RAISED => State::Raised(error(&mut loader)?),
            next::WAITING => State::Waiting(Box::new(effect(&mut loader)?)),
            _ => return Err(StateError::Damaged("nothing comes next")),
        };
        if !loader.input.is_at_end() {
            return Err(StateError::Damaged("something follows it"));
        }
        let comes = match machine.state {
            State::Ready(Control::Again) => Comes::Nothing,
            _ => Comes::Value,
        };
        check(&machine.frames, machine.stack.len(), comes)?;
        machine.suspects.remember(loader.cells());
        drop(loader);
        machine.env = env;
        Ok(machine)
    }
}

fn put_globals(saver: &mut Saver<'_>, env: &Env) {
    let worth = |binding: &Binding, dependents: &[u32]| {
        !(matches!(binding, Binding::Unset) && dependents.is_empty())
    };
    let globals = || env.globals().filter(|global| worth(global.1, global.3));
    saver.body.count(globals().count());
    for (name, binding, owner, dependents) in globals() {
        let name = saver.symbol(name);
        saver.body.count(name);
        saver.body.byte(match owner {
            Owner::System => 0,
            Owner::User => 1,
        });
        match binding {
            Binding::Unset => saver.body.byte(0),
            Binding::Value(value) => {
                saver.body.byte(1);
                saver.value(value);
            }
            Binding::View(view) => {
                saver.body.byte(2);
                let code = saver.code(&view.code);
                saver.body.count(code);
                saver.put_optional(view.value.as_ref());
            }
        }
        saver.body.count(dependents.len());
        for dependent in dependents {
            saver.put_global(*dependent);
        }
    }
}

fn globals(loader: &mut Loader<'_, '_>) -> Result<(), StateError> {
    for _ in 0..loader.input.length(4)? {
        let number = loader.global()?;
        let owner = match loader.input.byte()? {
            0 => Owner::System,
            1 => Owner::User,
            _ => return Err(StateError::Damaged("a name of nobody's")),
        };
        let binding = match loader.input.byte()? {
            0 => Binding::Unset,
            1 => Binding::Value(loader.value()?),
            2 => Binding::View(ViewState {
                code: loader.code()?,
                value: loader.optional(Loader::value)?,
            }),
            _ => return Err(StateError::Damaged("a name bound in no way")),
        };
        let mut dependents = Vec::new();
        for _ in 0..loader.input.length(1)? {
            dependents.push(loader.global()?);
        }
        loader.env.restore(number, binding, owner, dependents);
    }
    Ok(())
}
