//! Any text as JSON: it is refused, or gives a value that is written and read as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use okernel_shell::format::form;
use okernel_shell::json::{parse, write};
use okernel_shell::value::Value;
use okernel_shell_fuzz::in_small_heap;

fuzz_target!(|bytes: &[u8]| {
    in_small_heap(|| {
        let Ok(value) = parse(&Value::from_chars(bytes.to_vec())) else {
            return;
        };
        // Bytes that are no text are replaced when they are written.
        if std::str::from_utf8(bytes).is_err() {
            return;
        }
        let text = write(&value).unwrap_or_else(|error| panic!("{value:?}: {error}"));
        let again = match parse(&Value::from_chars(text.clone())) {
            Ok(again) => again,
            Err(error) => panic!("{value:?}: {error}"),
        };
        assert_eq!(write(&again), Ok(text));
        // JSON has no word for a number that is too large, which is written as null.
        if !form(&value).contains("0w") {
            assert_eq!(again, value);
        }
    });
});
