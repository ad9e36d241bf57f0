//! Named functions: those that the machine carries out itself, and the way of the others to the host.

use crate::apply::effect;
use crate::effect::arguments;
use crate::error::{Class, Error};
use crate::help::usage;
use crate::machine::{Control, Machine};
use crate::random::Rng;
use crate::symbol::Symbol;
use crate::value::{Function, Value};

impl Machine {
    /// Calls a named function with so many arguments on the stack: it is carried out here, or asked of the host.
    ///
    /// # Errors
    /// What `raise` was given, `type` and `rank` for wrong arguments.
    pub(crate) fn native(&mut self, name: Symbol, count: usize) -> Result<Control, Error> {
        let args = self.take(count);
        match (name.bytes(), args.as_slice()) {
            (b"raise", [text]) => Err(raised(text)),
            (b"seed", [seed]) => {
                let known = seed.as_int().and_then(|seed| u64::try_from(seed).ok());
                let Some(known) = known else {
                    let text = format!("seed of {}: an integer from 0 is wanted", seed.describe());
                    return Err(Error::new(Class::Type, text));
                };
                self.rng = Rng::new(known);
                Ok(Control::Value(Value::Nil))
            }
            (b"limit", [grant, limits @ Value::Dict(_)]) => {
                Ok(Control::Value(Value::from_items(vec![
                    Value::Symbol(name),
                    grant.clone(),
                    limits.clone(),
                ])))
            }
            (b"limit", [_, other]) => Err(Error::new(
                Class::Type,
                format!(
                    "limit with {}: a dictionary of limits is wanted, like [rate:1000;quota:1000000]",
                    other.describe()
                ),
            )),
            (b"limit", args) => Err(Error::new(
                Class::Rank,
                format!(
                    "limit takes a grant and its limits, 2 arguments, not {}",
                    args.len()
                ),
            )),
            (b"raise" | b"seed", args) => Err(Error::new(
                Class::Rank,
                format!("{name} takes one argument, not {}", args.len()),
            )),
            (b"help", args) => {
                let topic = args.first().and_then(help_topic).unwrap_or_default();
                Ok(effect(name, vec![Value::string(&topic)]))
            }
            (_, given) => {
                check_count(name, given.len())?;
                Ok(effect(name, args))
            }
        }
    }
}

/// An error for a number of arguments that an effect doesn't take.
fn check_count(name: Symbol, count: usize) -> Result<(), Error> {
    let name = name.text();
    let Some(takes) = arguments(&name).filter(|takes| !takes.contains(&count)) else {
        return Ok(());
    };
    let (least, most) = (*takes.start(), *takes.end());
    let takes = match most {
        0 => "no arguments".to_owned(),
        1 if least == 1 => "one argument".to_owned(),
        _ if least == most => format!("{most} arguments"),
        _ => format!("{least} to {most} arguments"),
    };
    let usage = usage(&name).map_or(String::new(), |usage| format!(": {usage}"));
    Err(Error::new(
        Class::Rank,
        format!("{name} takes {takes}, not {count}{usage}"),
    ))
}

/// The error that `raise` is given: a text, or a symbol.
fn raised(text: &Value) -> Error {
    let bytes = match text {
        Value::Symbol(name) => Some(name.bytes().to_vec()),
        other => other.as_text().map(|text| text.into_owned()),
    };
    match bytes {
        Some(bytes) => Error::raised(&String::from_utf8_lossy(&bytes)),
        None => Error::new(
            Class::Type,
            format!("raise of {}: a text is wanted", text.describe()),
        ),
    }
}

/// What help is asked about: a text, a name, or a function itself.
fn help_topic(argument: &Value) -> Option<String> {
    match argument {
        Value::Symbol(name) => Some(name.text().into_owned()),
        Value::Function(function) => match &**function {
            Function::Verb(verb) | Function::Monad(verb) => Some(verb.glyph().to_owned()),
            Function::Native(name) => Some(name.text().into_owned()),
            _ => None,
        },
        other => other
            .as_text()
            .map(|text| String::from_utf8_lossy(&text).into_owned()),
    }
}
