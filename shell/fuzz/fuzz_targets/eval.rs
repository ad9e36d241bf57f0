//! Any program, for so many steps and in so much memory: no panic, no hang, no growth past the limit.
//! What it gives is displayed, and its error is rendered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use okernel_shell::format::form_checked;
use okernel_shell_fuzz::{evaluate, in_small_heap, machine};

fuzz_target!(|text: &str| {
    in_small_heap(|| {
        let mut machine = machine();
        match evaluate(&mut machine, text) {
            Ok(value) => drop(form_checked(&value)),
            Err(error) => drop(error.render(text)),
        }
        // Whatever happened, the session goes on.
        let three = evaluate(&mut machine, "(+). 1 2").map(|value| value.as_int());
        assert_eq!(three, Ok(Some(3)));
    });
});
