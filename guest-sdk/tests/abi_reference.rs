//! The reference page of the ABI is made from the tables of the ABI crate, and is what it would be made now.
//!
//! With the environment variable `OKERNEL_BLESS` set, the page is written instead of compared.

use okernel_sdk::abi::errno::Errno;
use okernel_sdk::abi::frame::{FRAME_ALIGN_BYTES, FRAME_BYTES, FRAME_HEADER_BYTES, FRAME_VALUE};
use okernel_sdk::abi::layout::{
    COPY_RING_BYTES_MAX, Executed, ExitCode, GrantInfo, HandleKind, LogLevel, PollCode, RingInfo,
    Window,
};
use okernel_sdk::abi::syscalls::SYSCALLS;
use okernel_sdk::abi::value::VALUE_DEPTH_MAX;
use okernel_sdk::abi::{ABI_SECTION, ABI_VERSION, IMPORT_MODULE, WANTS_SECTION};
use std::fmt::{Debug, Write};
use std::path::Path;

const BLESS: &str = "OKERNEL_BLESS";

/// The rows `number | name` of a table of small numbers.
fn numbers<T: Debug>(values: impl IntoIterator<Item = (u32, T)>) -> String {
    let mut rows = String::from("| number | name |\n|---|---|\n");
    for (number, value) in values {
        writeln!(rows, "| {number} | {value:?} |").unwrap();
    }
    rows
}

/// The values that `from_number` knows, in order.
fn known<T>(from_number: impl Fn(u32) -> Option<T>) -> Vec<(u32, T)> {
    (0..256)
        .filter_map(|number| Some((number, from_number(number)?)))
        .collect()
}

fn calls() -> String {
    let mut text = String::new();
    for call in SYSCALLS {
        let params: Vec<String> = call
            .params
            .iter()
            .map(|param| format!("{}: u{}", param.name, param.bits))
            .collect();
        let wasm: Vec<String> = call
            .params
            .iter()
            .map(|param| format!("i{}", param.bits))
            .collect();
        writeln!(text, "### `{}({})`\n", call.name, params.join(", ")).unwrap();
        for line in call.doc {
            writeln!(text, "{}", line.trim()).unwrap();
        }
        let params = match wasm.len() {
            0 => String::new(),
            _ => format!(" (param {})", wasm.join(" ")),
        };
        let name = call.name;
        writeln!(
            text,
            "\n    (import \"{IMPORT_MODULE}\" \"{name}\" (func{params} (result i64)))\n"
        )
        .unwrap();
    }
    text
}

fn errors() -> String {
    let mut rows = String::from("| result | name | meaning |\n|---|---|---|\n");
    for errno in Errno::ALL {
        let (result, name, text) = (errno.to_result(), errno.name(), errno.text());
        writeln!(rows, "| {result} | {name} | {text} |").unwrap();
    }
    rows
}

fn kinds() -> String {
    let mut rows = String::from("| number | name | word in grants and wants |\n|---|---|---|\n");
    for (number, kind) in known(HandleKind::from_number) {
        let word = match kind {
            HandleKind::Timer | HandleKind::Reply => "",
            kind => kind.name(),
        };
        writeln!(rows, "| {number} | {kind:?} | {word} |").unwrap();
    }
    rows
}

fn page() -> String {
    let poll = numbers(known(|number| PollCode::from_number(number as i32)));
    let exit = numbers(known(ExitCode::from_number));
    let executed = numbers(known(Executed::from_number));
    let levels = numbers(known(LogLevel::from_number));
    let windows = numbers([Window::Copy, Window::Map].map(|window| (window as u32, window)));
    format!(
        "\
# The ABI of a task

What a WebAssembly module and the kernel agree on, version {ABI_VERSION}. A module in any language that keeps to this page is a
task. This page is made from the tables of the crate `okernel-abi`, from which the kernel's linker and the
Rust SDK are made too; a test compares them. Everything is little-endian; addresses and lengths are bytes of the
module's memory, times are nanoseconds.

## The module

It imports functions from `{IMPORT_MODULE}` only, those listed below and no others. It exports its memory as `memory` and:

| export | called |
|---|---|
| `init() -> i32` | once, before everything else; 0 when all is well |
| `exec(input_bytes: i32) -> i32` | when an input was sent to the task, which `input` fetches; 0 when all is well |
| `poll() -> i32` | when it is the task's turn; a number of PollCode |
| `finalize(exit: i32)` | once, after everything else, unless the task has trapped; a number of ExitCode. A task that was told to end has 20 ms of CPU time for it |

and, if the task can go on in another instance (perhaps of a newer module), these two:

| export | called |
|---|---|
| `save() -> i32` | between two turns: hands the whole state over by `state`, with a version of its own; 0 when it did, 2 when it cannot at this moment and may be asked again after its next turn. With any other answer too the task goes on as if nothing had happened |
| `restore(version: i32, state_bytes: i32) -> i32` | instead of `init`, with a state that `save` of another instance gave and that `input` fetches; 0 when all is well. In an upgrade handles keep their numbers; elsewhere the grants are there under their names, but handles may have other numbers. Until it has come back nothing that it does has an effect: it may look at what it holds (`grant`, `grants`, `args`, `input`, `ring_info`, `ring_map`, `sub_missed`, clocks, files to read) and set timers; what it closes stays open until then; everything else is refused with NotNow |

and, if it wants to be told of rings that are taken from it:

| export | called |
|---|---|
| `revoked(handle: i32)` | before the next `poll`, for each handle whose window is gone because the grant was taken back or has expired. Without it, a task that goes on with what it had claimed or not read yet there traps |

Two custom sections describe it:

| section | content |
|---|---|
| `{ABI_SECTION}` | the version of this page as four bytes: {version:?}. The kernel refuses other versions |
| `{WANTS_SECTION}` | the grants that the task asks for: lines of UTF-8, each a name, a space and the word of a kind, for a file perhaps `write` or `append`, and perhaps `optional`, ended by a line feed. The kernel does not start a task without those that are not optional. May be missing |

PollCode:

{poll}
ExitCode:

{exit}
## System calls

Every call answers an i64: zero or more is its result, less than zero an error. An address range that is not
all in the module's own memory, or that touches a window, is refused with BadAddress; a handle that was closed, with
BadHandle.

{calls}## Errors

{errors}
## Handles

A handle is a number that means something only to the task that holds it: 16 bits of index, 16 bits of generation.
Grants have handles from the beginning, asked for by name; timers and replies get theirs when they are made. HandleKind:

{kinds}
A grant may be limited: to a rate, a quota, a time. `grant_info` writes {grant_info} bytes about it: rate u64, burst u64, quota u64,
used u64, until_ns u64; zero stands for no such limit. Units are bytes for rings, files and the console, uses for the other rights.
Of a ring with a rate or a quota there is no window. `pub_claim` gives no more room, and `sub_readable` and `sub_peek` show no more bytes,
than the limits allow; what is committed or released counts. While a rate is used up a call answers Throttled, and `wait`
waits for that too; with less left than was asked for it answers Quota; more than the burst is TooLarge; and after
the grant was taken back or has expired every call answers Revoked or Expired.

## Rings

`ring_info` writes {info} bytes: capacity_bytes u64, position u64, kind u32 (HandleKind), window u32:

{windows}
A ring of at most {copied} bytes, and a reader that may be overtaken, has no window: `pub_write` and `sub_peek` copy. Any other is mapped
by `ring_map` into the task's memory, which grows by twice the capacity: the ring lies there twice in a row, so that
the byte at position `p` is at `address + p mod capacity`, and up to a whole capacity from there lies in one piece. A
subscriber's window can only be read; a write to it traps.

A publisher claims (`pub_claim`), writes at its position, and commits (`pub_commit`), in parts if it likes. A
subscriber asks how much is there (`sub_readable`), reads at its position, and releases (`sub_release`). What is
released may be overwritten at once. What another task has written may be any bytes.

Two views of a ring are in use. *Typed*: messages of one size, one after another. *Framed*: each message is a header of {header} bytes
(length of the payload u32, kind u32), the payload, and padding to a multiple of {align} bytes. Kind {bytes} is bytes, {value} is a value, and
the user's own kinds begin at 256.

## Values

A value is one or more tokens. A token is eight bytes (kind u8, three bytes of zero, count u32), then a payload
padded with zeros to a multiple of eight.

| kind | count | payload |
|---|---|---|
| 0 nil | 0 | none |
| 1 int, 2 float | 1 | eight bytes; the null integer is the least one |
| 3 char | the byte | none |
| 4 symbol, 7 chars, 12 function, 13 error | bytes | the bytes; UTF-8 except for chars |
| 5 ints, 6 floats | items | eight bytes each |
| 14 date, 15 timestamp, 16 span | 1 | eight bytes: days since 1970-01-01, nanoseconds since then in UTC, nanoseconds; the null is the least integer |
| 17 dates, 18 timestamps, 19 spans | items | eight bytes each |
| 8 symbols | items | the length of what follows u64; then for each item its length u32 and its bytes |
| 9 list | items | none; as many values follow |
| 10 dict | 2 | none; keys and values follow |
| 11 table | 2 | none; column names and columns follow |

The kernel decodes requests nested at most {depth} deep.

## Other numbers

Executed:

{executed}
LogLevel:

{levels}",
        version = ABI_VERSION.to_le_bytes(),
        calls = calls(),
        errors = errors(),
        kinds = kinds(),
        info = RingInfo::BYTES,
        grant_info = GrantInfo::BYTES,
        copied = COPY_RING_BYTES_MAX,
        header = FRAME_HEADER_BYTES,
        align = FRAME_ALIGN_BYTES,
        bytes = FRAME_BYTES,
        value = FRAME_VALUE,
        depth = VALUE_DEPTH_MAX,
    )
}

#[test]
fn the_page_is_made_from_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/abi.md");
    let page = page();
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/abi.md is not what its tables say: run this test with {BLESS}=1 and look at the difference"
    );
}
