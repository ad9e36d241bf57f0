//! Any bytes as an encoded value: they are refused, or give a value that is encoded and read as
//! itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use okernel_abi::value::Writer;
use okernel_shell::encode::{decode, encode};
use okernel_shell::format::form_checked;
use okernel_shell_fuzz::in_small_heap;

fuzz_target!(|bytes: &[u8]| {
    in_small_heap(|| {
        let Ok(value) = decode(bytes) else {
            return;
        };
        drop(form_checked(&value));
        let mut writer = Writer::new();
        encode(&value, &mut writer);
        match decode(&writer.into_bytes()) {
            Ok(again) => assert_eq!(again, value),
            Err(error) => panic!("{value:?}: {error}"),
        }
    });
});
