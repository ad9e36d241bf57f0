//! What each fuzz target does with an input, for the fuzzer and for the plain test that replays the corpus.

use okernel_abi::value::Writer;
use okernel_shell::brackets::is_incomplete;
use okernel_shell::encode::{decode as decode_value, encode};
use okernel_shell::error::{Class, Error};
use okernel_shell::format::{form, form_checked};
use okernel_shell::json as json_text;
use okernel_shell::machine::{Machine, Step};
use okernel_shell::pace::{Pace, set_hook};
use okernel_shell::value::Value;
use std::cell::Cell;

/// Steps of a program, and slices that they come in.
const SLICES: usize = 8;
const SLICE_STEPS: u64 = 128;

/// Pauses that a program may make, and then it is interrupted: a second or two, for a single step can be long. One that
/// goes on all the same is what is to be found.
const PAUSES_MAX: usize = 256;

thread_local! {
    static PAUSES: Cell<usize> = const { Cell::new(0) };
}

fn pause() -> Pace {
    PAUSES.set(PAUSES.get() + 1);
    match PAUSES.get() {
        0..=PAUSES_MAX => Pace::GoOn,
        _ => Pace::Stop,
    }
}

/// What a program gives in a thousand steps; every effect is answered with an error.
fn evaluate(machine: &mut Machine, source: &str) -> Result<Value, Error> {
    PAUSES.set(0);
    set_hook(Some(pause));
    machine.start(source, "fuzz")?;
    for _ in 0..SLICES {
        match machine.run(SLICE_STEPS) {
            Step::Done(value, _) => return Ok(value),
            Step::Failed(error) => return Err(error),
            Step::Effect(_) => machine.resume(Err(Error::new(Class::Io, "nothing is there"))),
            Step::Budget => {}
        }
    }
    Err(machine
        .interrupt()
        .unwrap_or_else(|| Error::new(Class::Limit, "too many steps")))
}

/// Any text: it is read or refused, and a function that was read is displayed as text that gives the
/// same function.
pub fn parse(mut machine: Machine, text: &str) {
    let _incomplete = is_incomplete(text);
    if let Err(error) = machine.start(text, "fuzz") {
        let _shown = error.render(text);
        return;
    }
    machine.interrupt();
    let Ok(function) = evaluate(&mut machine, &format!("{{{text}\n}}")) else {
        return;
    };
    let shown = form(&function);
    match evaluate(&mut machine, &shown) {
        Ok(again) => assert_eq!(form(&again), shown),
        Err(error) => panic!("{shown}\n{error}"),
    }
}

/// Any program, for so many steps and in so much memory: no panic, no hang, no growth past the limit.
/// What it gives is displayed, and its error is rendered.
pub fn eval(mut machine: Machine, text: &str) {
    match evaluate(&mut machine, text) {
        Ok(value) => drop(form_checked(&value)),
        Err(error) => drop(error.render(text)),
    }
    // Whatever happened, the session goes on.
    let three = evaluate(&mut machine, "(+). 1 2").map(|value| value.as_int());
    assert_eq!(three, Ok(Some(3)));
}

/// Any bytes as an encoded value: they are refused, or give a value that is encoded and read as
/// itself.
pub fn decode(bytes: &[u8]) {
    let Ok(value) = decode_value(bytes) else {
        return;
    };
    drop(form_checked(&value));
    let mut writer = Writer::new();
    encode(&value, &mut writer);
    match decode_value(&writer.into_bytes()) {
        Ok(again) => assert_eq!(again, value),
        Err(error) => panic!("{value:?}: {error}"),
    }
}

/// Any text as JSON: it is refused, or gives a value that is written and read as itself.
pub fn json(bytes: &[u8]) {
    let Ok(value) = json_text::parse(&Value::from_chars(bytes.to_vec())) else {
        return;
    };
    // Bytes that are no text are replaced when they are written.
    if std::str::from_utf8(bytes).is_err() {
        return;
    }
    let text = json_text::write(&value).unwrap_or_else(|error| panic!("{value:?}: {error}"));
    let again = match json_text::parse(&Value::from_chars(text.clone())) {
        Ok(again) => again,
        Err(error) => panic!("{value:?}: {error}"),
    };
    assert_eq!(json_text::write(&again), Ok(text));
    // JSON has no word for a number that is too large, which is written as null.
    if !form(&value).contains("0w") {
        assert_eq!(again, value);
    }
}
