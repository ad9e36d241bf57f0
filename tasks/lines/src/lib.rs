//! Streams a file into a ring, whole or in the ranges it is asked for.
//!
//! The bytes go from the file straight into the ring: this task never sees them, and needs the same little
//! memory for any file.
//!
//! Grants: `file`, a file; `out`, a publisher of bytes; and, optional, `ask`, a subscriber of ranges.
//! Without `ask` the whole file is sent. With it, the size of the file is sent first, as eight bytes
//! (little-endian), and then each range that is asked for, until `ask` closes.

use okernel_sdk::{Context, Error, File, OpenError, Pod, Publisher, Result};

/// Bytes that are read at a time to find out the size of a file that does not tell it.
const PROBE_BYTES: usize = 64 * 1024;

/// A part of the file: what is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod)]
#[repr(C)]
pub struct Range {
    /// Where it begins, in bytes from the beginning of the file.
    pub offset: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

/// The task.
///
/// # Errors
/// A grant is missing, the file cannot be read, or a range that is asked for is not within it.
#[okernel_sdk::task(wants("file", "out: publisher", "ask?: subscriber"))]
pub async fn main(ctx: Context) -> Result<()> {
    let file = ctx.file("file")?;
    let mut out = ctx.publisher::<u8>("out")?;
    let mut ask = match ctx.subscriber::<Range>("ask") {
        Ok(ask) => ask,
        Err(OpenError::NotGranted { .. }) => {
            publish(
                &file,
                &mut out,
                Range {
                    offset: 0,
                    bytes: u64::MAX,
                },
            )
            .await?;
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    out.send_all(&size(&file)?.to_le_bytes()).await?;
    while let Some(range) = ask.next().await? {
        let sent = publish(&file, &mut out, range).await?;
        if sent < range.bytes {
            return Err(Error::message(format!(
                "asked for bytes {} to {} of the file, which ends at {}",
                range.offset,
                range.offset.saturating_add(range.bytes),
                range.offset.saturating_add(sent),
            )));
        }
    }
    Ok(())
}

/// Publishes a range, or as much of it as the file has; answers how many bytes.
async fn publish(file: &File, out: &mut Publisher<u8>, range: Range) -> Result<u64> {
    let mut sent = 0;
    while sent < range.bytes {
        let most = usize::try_from(range.bytes - sent).unwrap_or(usize::MAX);
        let Some(offset) = range.offset.checked_add(sent) else {
            break;
        };
        match file.publish_to(out, offset, most).await? {
            0 => break,
            bytes => sent += bytes as u64,
        }
    }
    Ok(sent)
}

/// The size of the file. Some, such as those of `/proc`, say 0 and have bytes all the same.
fn size(file: &File) -> Result<u64> {
    let mut size = file.size()?;
    if size > 0 {
        return Ok(size);
    }
    let mut buffer = vec![0; PROBE_BYTES];
    loop {
        match file.read_at(size, &mut buffer)? {
            0 => return Ok(size),
            bytes => size += bytes as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Range, main};
    use okernel_sdk::testing::{Done, Harness};

    fn text() -> Vec<u8> {
        (0..200_000u32)
            .map(|n| (n.wrapping_mul(n) % 251) as u8)
            .collect()
    }

    fn asked(ranges: &[Range]) -> Done {
        let harness = Harness::new()
            .file("file", &text())
            .collect("out", 32 * 1024);
        harness.feed("ask", ranges).run(main)
    }

    #[test]
    fn the_whole_file() {
        for length in [0, 1, 4095, 4096, 4097, 200_000] {
            let text = &text()[..length];
            let done = Harness::new()
                .file("file", text)
                .collect("out", 4096)
                .run(main);
            assert_eq!(done.result, Ok(()));
            assert_eq!(done.bytes("out"), text);
        }
    }

    #[test]
    fn ranges_after_the_size() {
        let (text, whole) = (
            text(),
            Range {
                offset: 0,
                bytes: 200_000,
            },
        );
        let ranges = [
            whole,
            Range {
                offset: 199_999,
                bytes: 1,
            },
            Range {
                offset: 7,
                bytes: 0,
            },
            whole,
        ];
        let done = asked(&ranges);
        assert_eq!(done.result, Ok(()));
        let mut expected = 200_000u64.to_le_bytes().to_vec();
        for range in ranges {
            expected.extend_from_slice(&text[range.offset as usize..][..range.bytes as usize]);
        }
        assert_eq!(done.bytes("out"), expected);
        assert_eq!(asked(&[]).bytes("out"), 200_000u64.to_le_bytes());
    }

    #[test]
    fn a_range_outside_of_the_file_is_named() {
        for range in [
            Range {
                offset: 199_999,
                bytes: 2,
            },
            Range {
                offset: u64::MAX,
                bytes: u64::MAX,
            },
        ] {
            let error = asked(&[range]).result.unwrap_err().to_string();
            assert!(
                error.contains(&format!("asked for bytes {}", range.offset)),
                "{error}"
            );
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Harness::new()
            .collect("out", 4096)
            .run(main)
            .result
            .unwrap_err();
        assert_eq!(error.to_string(), "not granted: \"file\" (file)");
    }
}
