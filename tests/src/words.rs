//! The yardstick of the words pipeline: a straightforward native program for the same question.
//!
//! One thread, one hash map, a buffer of a mebibyte, and no trick: what one would write in a minute.

use std::collections::HashMap;
use std::io::{self, Read};

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// Counts the words of `input` (maximal runs of ASCII letters and digits, folded to lower case);
/// answers the `most` commonest with their counts, ties in byte order.
///
/// # Errors
/// What reading answers.
pub fn commonest(mut input: impl Read, most: usize) -> io::Result<Vec<(Vec<u8>, u64)>> {
    let mut counts: HashMap<Vec<u8>, u64> = HashMap::new();
    let mut word = Vec::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let bytes = input.read(&mut buffer)?;
        if bytes == 0 {
            break;
        }
        for byte in &buffer[..bytes] {
            if byte.is_ascii_alphanumeric() {
                word.push(byte.to_ascii_lowercase());
            } else if !word.is_empty() {
                count(&mut counts, &mut word);
            }
        }
    }
    if !word.is_empty() {
        count(&mut counts, &mut word);
    }
    let mut counted: Vec<(Vec<u8>, u64)> = counts.into_iter().collect();
    counted.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counted.truncate(most);
    Ok(counted)
}

fn count(counts: &mut HashMap<Vec<u8>, u64>, word: &mut Vec<u8>) {
    match counts.get_mut(word.as_slice()) {
        Some(count) => *count += 1,
        None => {
            counts.insert(word.clone(), 1);
        }
    }
    word.clear();
}

#[cfg(test)]
mod tests {
    use super::commonest;

    #[test]
    fn counts_and_orders() {
        let text = b"One fish, two FISH\x00red1 fish; two";
        let expected = [
            (b"fish".to_vec(), 3),
            (b"two".to_vec(), 2),
            (b"one".to_vec(), 1),
        ];
        assert_eq!(commonest(&text[..], 3).unwrap(), expected);
    }
}
