//! Follows a log file and publishes its lines, those that hold a text if one is given.
//!
//! Grants: `in`, the ring of a selector that reads or follows a file; `out`, a publisher of values (each line is
//! a string). Arguments: the text.
//!
//! ```text
//! o) f:select[0;"file:///var/log/syslog?mode=follow"]
//! o) lines:pub[0;65536]; s:sub[0;lines];
//! o) spawn[0;`tail;[in:f`in;out:lines;args:,"error"]]
//! o) rcv s
//! ```

use okernel_sdk::{Context, FileStream, Result, Value};

/// The task.
///
/// # Errors
/// A grant is missing, the file cannot be read, or a line is longer than the ring.
#[okernel_sdk::task(wants("in: subscriber", "out: publisher"))]
pub async fn main(ctx: Context) -> Result<()> {
    let wanted = ctx.args()?.into_iter().next().unwrap_or_default();
    let wanted = wanted.as_bytes();
    let mut file = FileStream::open(&ctx, "in")?;
    let mut out = ctx.frame_publisher("out")?;
    while let Some(line) = file.next_line().await? {
        let holds = wanted.is_empty() || line.windows(wanted.len()).any(|part| part == wanted);
        if holds {
            out.send_value(&Value::Chars(line)).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::main;
    use okernel_sdk::Value;
    use okernel_sdk::abi::connection::{FRAME_CLOSE, FRAME_DATA, FRAME_OPEN, join};
    use okernel_sdk::testing::Harness;

    fn lines(wanted: &str) -> Vec<Value> {
        let frames: &[(u32, &[u8])] = &[
            (FRAME_OPEN, &join(1, b"log")),
            (FRAME_DATA, &join(1, b"an error\nfine\nanother err")),
            (FRAME_DATA, &join(1, b"or\nhalf a li")),
            (FRAME_CLOSE, &join(1, b"replaced")),
            (FRAME_OPEN, &join(2, b"log")),
            (FRAME_DATA, &join(2, b"error in the new one\n")),
        ];
        let done = Harness::new()
            .feed_frames("in", frames)
            .collect("out", 4096)
            .args([wanted])
            .run(main);
        assert_eq!(done.result, Ok(()));
        done.values("out")
    }

    #[test]
    fn lines_are_whole_whatever_the_pieces_and_the_files() {
        let texts = [
            "an error",
            "fine",
            "another error",
            "half a li",
            "error in the new one",
        ];
        assert_eq!(lines(""), texts.map(Value::text));
        assert_eq!(
            lines("error"),
            [texts[0], texts[2], texts[4]].map(Value::text)
        );
    }
}
