//! `bench words`: the words of a text, counted by three sandboxed tasks (`demos/words.ok`), beside a
//! straightforward native program with one thread.

use std::env;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use okernel_tests::{corpus, words};

use super::report::Report;
use super::row::Aim;

/// The demo.
const SCRIPT: &str = include_str!("../../../../demos/words.ok");
/// Length of the text, in bytes.
const TEXT_BYTES: u64 = 64 << 20;
/// Different words in it.
const WORDS: u64 = 50_000;
/// Words that are asked for.
const MOST: usize = 10;
/// Runs of each.
const ROUNDS: usize = 3;

/// Runs the bench.
///
/// # Errors
/// The program does not start, or the two disagree.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let folder = env::temp_dir().join(format!("okernel-bench-words-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let result = measure(report, &folder);
    // What is left in the temporary folder is no failure of the bench.
    drop(fs::remove_dir_all(&folder));
    result
}

fn measure(report: &mut Report, folder: &Path) -> anyhow::Result<()> {
    let (script, text) = (folder.join("words.ok"), folder.join("text"));
    fs::write(&script, SCRIPT)?;
    let mut out = BufWriter::new(File::create(&text)?);
    corpus::write_text(&mut out, report.effort().count(TEXT_BYTES), WORDS, 1)?;
    out.flush()?;
    let megabytes = fs::metadata(&text)?.len() as f64 / 1e6;
    let (mut natives, mut guests) = (Vec::new(), Vec::new());
    for _ in 0..report.effort().rounds(ROUNDS) {
        let begun = Instant::now();
        let native = native(&text)?;
        natives.push(megabytes / begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        let guest = guest(&script, &text)?;
        guests.push(megabytes / begun.elapsed().as_secs_f64());
        ensure!(native == guest, "bench: {guest:?} instead of {native:?}");
    }
    report.row("native, one thread", "MB/s", natives.clone());
    report
        .row("three tasks, two cores", "MB/s", guests)
        .against("native", &natives)
        .aim(Aim::RatioAtLeast(1.0 / 1.5));
    Ok(())
}

fn native(text: &Path) -> anyhow::Result<String> {
    let counted = words::commonest(File::open(text)?, MOST)?;
    let lines = counted.iter().map(|(word, count)| {
        let word = String::from_utf8_lossy(word);
        format!("{count} {word}\n")
    });
    Ok(lines.collect())
}

/// The whole of `okernel run`, start and all.
fn guest(script: &Path, text: &Path) -> anyhow::Result<String> {
    let program = env::current_exe().context("bench: this program has no path")?;
    let output = Command::new(program)
        .arg("run")
        .args([script, text])
        .output()
        .context("bench: the program does not start")?;
    ensure!(output.status.success(), "bench: words.ok failed");
    Ok(String::from_utf8(output.stdout)?)
}
