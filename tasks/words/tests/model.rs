//! The counting core against a naive model: any bytes, any batches, any number of passes.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::test_runner::Config;
use std::collections::HashMap;
use words::counter::{Counter, Limits};
use words::ranking::Best;

type Counted = Vec<(u64, Vec<u8>)>;

/// What the words of a text are, byte by byte.
fn model(text: &[u8], most: usize) -> Counted {
    let mut counts: HashMap<Vec<u8>, u64> = HashMap::new();
    for word in text.split(|byte| !byte.is_ascii_alphanumeric()) {
        if !word.is_empty() {
            *counts.entry(word.to_ascii_lowercase()).or_default() += 1;
        }
    }
    let mut counted: Counted = counts
        .into_iter()
        .map(|(word, count)| (count, word))
        .collect();
    counted.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    counted.truncate(most);
    counted
}

/// Feeds `text` in batches of the lengths of `seams`, again and again; answers the words and how many
/// passes it took.
fn counted(text: &[u8], seams: &[usize], most: usize, limits: Limits) -> (Counted, usize) {
    let mut counter = Counter::new(limits);
    let mut best = Best::new(most);
    let mut passes = 0;
    loop {
        passes += 1;
        let mut rest = text;
        let mut lengths = seams.iter().cycle();
        while !rest.is_empty() {
            let length = lengths
                .next()
                .map_or(rest.len(), |length| (*length).min(rest.len()));
            counter.feed(&rest[..length]).unwrap();
            rest = &rest[length..];
        }
        counter.finish().unwrap();
        best.merge(&counter.ranking(most)).unwrap();
        if !counter.next_pass() {
            let words = best
                .words()
                .iter()
                .map(|(count, word)| (*count, word.to_vec()));
            return (words.collect(), passes);
        }
    }
}

/// Bytes of which words have every length: runs of letters, runs of others, and whatever there is.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let run = prop_oneof![
        8 => vec(prop_oneof![b'a'..=b'c', b'A'..=b'C', b'0'..=b'1'], 1..9),
        2 => vec(prop_oneof![b'a'..=b'b', Just(b'Z')], 7..40),
        1 => vec(Just(b'q'), 60..200),
        8 => vec(prop_oneof![Just(b' '), Just(b'\n'), Just(0x80 | b'a'), Just(0)], 1..4),
        1 => vec(Just(b'-'), 60..200),
        2 => vec(any::<u8>(), 1..30),
    ];
    vec(run, 0..120).prop_map(|runs| runs.concat())
}

fn seams() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1..4usize, 1..70usize, 100..1000usize], 1..20)
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(300) })]

    #[test]
    fn any_bytes_in_any_batches(text in text(), seams in seams(), most in 0..30usize) {
        let (words, passes) = counted(&text, &seams, most, Limits::DEFAULT);
        assert_eq!((words, passes), (model(&text, most), 1));
    }
}

/// Short and long words that share beginnings, in no order, some often.
fn many_words(words: u64) -> Vec<u8> {
    let mut text = Vec::new();
    for index in 0..words {
        let number = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        for _ in 0..1 + number % 37 / 12 {
            text.extend_from_slice(format!("{number:x}").as_bytes());
            text.extend_from_slice(
                [&b" "[..], b"x", b"withalongtailbehind "][(number % 3) as usize],
            );
        }
    }
    text
}

#[test]
fn words_that_do_not_fit_take_several_passes() {
    let text = many_words(30_000);
    let small = Limits {
        slots_max: 4096,
        long_bytes_max: 64 * 1024,
    };
    for most in [0, 1, 10, 5000, usize::MAX] {
        let (words, passes) = counted(&text, &[1000, 77], most, small);
        assert!(passes > 4, "{passes} passes");
        assert_eq!(words, model(&text, most));
    }
    let (words, passes) = counted(&text, &[], 100, Limits::DEFAULT);
    assert_eq!((words, passes), (model(&text, 100), 1));
}

#[test]
fn a_word_that_never_fits_is_told() {
    let none = Limits {
        slots_max: 0,
        long_bytes_max: 10,
    };
    let mut counter = Counter::new(none);
    loop {
        // The pass whose part of the words has this one finds that even the smallest part is too large.
        if counter
            .feed(b"short words first, incomprehensibilities then ")
            .is_err()
        {
            break;
        }
        counter.finish().unwrap();
        assert!(counter.next_pass(), "the long word was counted nowhere");
    }
}
