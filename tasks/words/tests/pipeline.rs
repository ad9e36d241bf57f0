//! The three tasks of the words pipeline together, over rings of all sizes.

use okernel_sdk::testing::{Done, Harness};
use okernel_sdk::{Context, Result};
use std::collections::HashMap;
use words::counter::Limits;

/// What should be printed.
fn expected(text: &[u8], most: usize) -> Vec<u8> {
    let mut counts: HashMap<Vec<u8>, u64> = HashMap::new();
    for word in text.split(|byte| !byte.is_ascii_alphanumeric()) {
        if !word.is_empty() {
            *counts.entry(word.to_ascii_lowercase()).or_default() += 1;
        }
    }
    let mut counted: Vec<(Vec<u8>, u64)> = counts.into_iter().collect();
    counted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let lines = counted.into_iter().take(most);
    let line =
        |(word, count): (Vec<u8>, u64)| [count.to_string().as_bytes(), b" ", &word, b"\n"].concat();
    lines.flat_map(line).collect()
}

fn pipeline(
    text: &[u8],
    most: usize,
    ring_bytes: usize,
    words: impl AsyncFnOnce(Context) -> Result<()> + 'static,
) -> Done {
    Harness::new()
        .ring("text", ring_bytes)
        .ring("asked", 4096)
        .ring("counted", ring_bytes)
        .file("file", text)
        .publisher("out", "text")
        .subscriber("ask", "asked")
        .task(lines::main)
        .subscriber("in", "text")
        .publisher("ask", "asked")
        .publisher("out", "counted")
        .args([most.to_string()])
        .task(words)
        .subscriber("in", "counted")
        .console("console")
        .run(report::main)
}

#[track_caller]
fn check(text: &[u8], most: usize, ring_bytes: usize) {
    let done = pipeline(text, most, ring_bytes, words::main);
    assert_eq!(done.results, [Ok(()), Ok(()), Ok(())]);
    assert!(done.console == expected(text, most), "{} bytes", text.len());
}

#[test]
fn small_texts() {
    let texts: [&[u8]; 7] = [
        b"",
        b"\n",
        b"a",
        b" ,. ",
        b"one two One 2 TWO one-two",
        b"\xff\x00caf\xc3\xa9 CAF caf",
        b"b a c b a c d",
    ];
    for text in texts {
        for most in [0, 2, 10] {
            check(text, most, 4096);
            check(text, most, 1 << 20);
        }
    }
}

#[test]
fn bytes_of_all_kinds() {
    let mut state = 7u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    let bytes: Vec<u8> = (0..700_001).map(|_| random()).collect();
    for ring_bytes in [4096, 16 * 1024, 1 << 20] {
        check(&bytes, 50, ring_bytes);
        check(&bytes, 1_000_000, ring_bytes);
    }
}

#[test]
fn words_longer_than_rings_and_than_memory() {
    let mut text = b"x ".to_vec();
    text.resize(300_000, b'Q');
    text.extend_from_slice(b" X y y ");
    check(&text, 3, 4096);
    // Giants: two that differ in their last byte, one of them twice, one as often as a short word.
    let giant = |last: u8| [&vec![b'Z'; 1_500_000][..], &[last]].concat();
    let parts = [
        giant(b'b'),
        giant(b'a'),
        b"zz".to_vec(),
        giant(b'B'),
        b"zzz".to_vec(),
        b"zz".to_vec(),
    ];
    let text = parts.join(&b' ');
    for most in [1, 2, 3, 4, 10] {
        check(&text, most, 256 * 1024);
    }
    let whole = vec![b'k'; 5_000_000];
    check(&whole, 3, 1 << 20);
}

#[test]
fn more_words_than_memory_holds() {
    let text: String = (0..20_000u64).map(|n| format!("w{:x} ", n * n)).collect();
    let small = async |ctx: Context| {
        let limits = Limits {
            slots_max: 4096,
            long_bytes_max: 4096,
        };
        words::count_words(&ctx, limits).await
    };
    let done = pipeline(text.as_bytes(), 1000, 64 * 1024, small);
    assert_eq!(done.results, [Ok(()), Ok(()), Ok(())]);
    assert!(done.console == expected(text.as_bytes(), 1000));
    // A text that can be read only once is refused instead of being counted wrongly.
    let done = Harness::new()
        .feed("in", text.as_bytes())
        .collect("out", 4096)
        .run(small);
    let error = done.result.unwrap_err().to_string();
    assert!(error.contains("grant \"ask\""), "{error}");
}

#[test]
fn a_stream_without_questions() {
    let text = b"to be or not to be";
    let done = Harness::new()
        .seams(3)
        .feed("in", text)
        .collect("out", 4096)
        .args(["2"])
        .run(words::main);
    let words: Vec<String> = done
        .values("out")
        .iter()
        .map(|value| format!("{value:?}"))
        .collect();
    assert_eq!(words.len(), 2);
    assert!(
        words[0].contains("Int(2), Chars([98, 101])"),
        "{}",
        words[0]
    );
    let long = vec![b'a'; 2_000_000];
    let done = Harness::new()
        .feed("in", &long)
        .collect("out", 4096)
        .run(words::main);
    assert!(
        done.result
            .unwrap_err()
            .to_string()
            .contains("grant \"ask\"")
    );
}

#[test]
fn mistakes_are_named() {
    let done = Harness::new()
        .feed("in", b"")
        .collect("out", 4096)
        .args(["many"])
        .run(words::main);
    assert!(done.result.unwrap_err().to_string().contains("\"many\""));
    let done = Harness::new().collect("out", 4096).run(words::main);
    assert_eq!(
        done.result.unwrap_err().to_string(),
        "not granted: \"in\" (subscriber)"
    );
}
