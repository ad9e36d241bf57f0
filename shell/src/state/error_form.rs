//! Effects and errors inside of a state.

use super::StateError;
use super::load::Loader;
use super::save::Saver;
use crate::effect::Effect;
use crate::error::{Class, Error};

pub(super) fn put_effect(saver: &mut Saver<'_>, effect: &Effect) {
    let name = saver.symbol(effect.name);
    saver.body.count(name);
    saver.body.count(effect.args.len());
    for argument in &effect.args {
        saver.value(argument);
    }
}

pub(super) fn effect(loader: &mut Loader<'_, '_>) -> Result<Effect, StateError> {
    let name = loader.symbol()?;
    let args = loader.values()?;
    Ok(Effect { name, args })
}

/// An error that came from outside has no place yet, and no calls.
pub(super) fn put_error(saver: &mut Saver<'_>, error: &Error) {
    saver.body.text(error.class().word().as_bytes());
    saver.body.text(error.text().as_bytes());
}

pub(super) fn error(loader: &mut Loader<'_, '_>) -> Result<Error, StateError> {
    let class = Class::from_word(&loader.input.string()?);
    let class = class.ok_or(StateError::Damaged("an error of no class"))?;
    Ok(Error::new(class, loader.input.string()?))
}
