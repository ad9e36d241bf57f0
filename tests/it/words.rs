//! `demos/words.ok` on real files: the answer of the native yardstick, for files of every size.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use okernel_tests::corpus::{SplitMix, write_text};
use okernel_tests::words::commonest;

use crate::support::run;

fn expected(path: &Path, most: usize) -> String {
    let mut text = String::new();
    for (word, count) in commonest(File::open(path).unwrap(), most).unwrap() {
        text.push_str(&format!("{count} {}\n", String::from_utf8(word).unwrap()));
    }
    text
}

#[track_caller]
fn check(path: &Path, most: usize) {
    let counted = run(&[
        "run",
        "demos/words.ok",
        path.to_str().unwrap(),
        &most.to_string(),
    ])
    .ok();
    assert_eq!(counted, expected(path, most), "{}", path.display());
}

#[test]
fn small_files_and_seams() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
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
        fs::write(&path, text).unwrap();
        check(&path, 10);
    }
}

#[test]
fn random_bytes_and_long_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bytes");
    let mut random = SplitMix::new(7);
    let bytes: Vec<u8> = (0..3_000_001).map(|_| random.next_u64() as u8).collect();
    fs::write(&path, bytes).unwrap();
    check(&path, 50);
    let mut long = vec![b'Q'; 5_000_000];
    long.extend_from_slice(b" x x ");
    fs::write(&path, long).unwrap();
    check(&path, 3);
}

#[test]
fn a_large_text_with_many_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    let mut out = BufWriter::new(File::create(&path).unwrap());
    write_text(&mut out, 64 << 20, 400_000, 3).unwrap();
    out.flush().unwrap();
    let started = Instant::now();
    check(&path, 10);
    println!("64 MiB counted twice in {:?}", started.elapsed());
}

#[test]
fn without_a_file_the_script_says_how_it_is_used() {
    let output = run(&["run", "demos/words.ok"]);
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("words.ok FILE"), "{}", output.stderr);
    let output = run(&["run", "demos/words.ok", "/no/such/file"]);
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("/no/such/file"), "{}", output.stderr);
}
