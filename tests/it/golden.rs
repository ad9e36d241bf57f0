//! Golden transcripts: sessions as they were typed and answered, for a person to read.
//!
//! In `tests/golden/*.txt` a line that begins with `o) ` is typed, as are the lines beginning with `.. ` that
//! complete it; what stands between is the answer, values and errors alike. With `OKERNEL_BLESS=1` the files are
//! written anew from what the binary answers.

use crate::support::{okernel, root};
use std::io::{Read, Write};
use std::process::Stdio;

const PROMPT: &str = "o) ";
const MORE: &str = ".. ";
/// Printed after each input, so that the answers can be told apart.
const MARK: &str = "==mark==";

/// The inputs of a transcript, each one or several lines.
fn inputs(transcript: &str) -> Vec<String> {
    let mut inputs: Vec<String> = Vec::new();
    for line in transcript.lines() {
        if let Some(line) = line.strip_prefix(PROMPT) {
            inputs.push(line.to_string());
        } else if let (Some(line), Some(input)) = (line.strip_prefix(MORE), inputs.last_mut()) {
            input.push('\n');
            input.push_str(line);
        }
    }
    inputs
}

/// The whole transcript as the binary answers it now.
fn replay(inputs: &[String]) -> String {
    let (mut answers, both) = std::io::pipe().unwrap();
    let mut child = okernel()
        .stdin(Stdio::piped())
        .stdout(both.try_clone().unwrap())
        .stderr(both)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let typed: String = inputs
        .iter()
        .map(|input| format!("{input}\nprint\"{MARK}\";\n"))
        .collect();
    let writer = std::thread::spawn(move || stdin.write_all(typed.as_bytes()));
    let mut text = String::new();
    answers.read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    writer.join().unwrap().unwrap();
    let mark = format!("{MARK}\n");
    let mut parts = text.split(&mark);
    let mut out = String::new();
    for input in inputs {
        out.push_str(PROMPT);
        out.push_str(&input.replace('\n', &format!("\n{MORE}")));
        out.push('\n');
        out.push_str(parts.next().unwrap_or("(no answer)\n"));
    }
    out
}

#[test]
fn sessions_go_as_they_are_written_down() {
    let folder = root().join("tests/golden");
    let bless = std::env::var_os("OKERNEL_BLESS").is_some();
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let transcript = std::fs::read_to_string(&path).unwrap();
        let replayed = replay(&inputs(&transcript));
        count += 1;
        if bless {
            std::fs::write(&path, &replayed).unwrap();
            continue;
        }
        assert_eq!(replayed, transcript, "{}", path.display());
    }
    assert!(count >= 2, "transcripts are missing");
}
