//! Any text, read and displayed: see `targets::parse`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use okernel_shell_fuzz::{in_small_heap, machine, targets};

fuzz_target!(|input: &str| {
    in_small_heap(|| targets::parse(machine(), input));
});
