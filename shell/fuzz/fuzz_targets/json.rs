//! Any bytes as JSON: see `targets::json`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use okernel_shell_fuzz::{in_small_heap, targets};

fuzz_target!(|input: &[u8]| {
    in_small_heap(|| targets::json(input));
});
