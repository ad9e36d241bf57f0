//! Any text: it is read or refused, and a function that was read is displayed as text that gives the
//! same function.
#![no_main]

use libfuzzer_sys::fuzz_target;
use okernel_shell::format::form;
use okernel_shell::lexer::is_incomplete;
use okernel_shell_fuzz::{evaluate, in_small_heap, machine};

fuzz_target!(|text: &str| {
    in_small_heap(|| {
        let _incomplete = is_incomplete(text);
        let mut machine = machine();
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
    });
});
