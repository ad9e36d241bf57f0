//! Prints counted words, each as a line `count word`.
//!
//! Grants: `in`, a subscriber of values, as the task `words` sends them: `(count;"word")`, and `"more"` for
//! the rest of a word that did not fit; `console`. Argument: how many words are printed at most (all).

use okernel_sdk::{Console, Context, Error, Result, Value};

/// Bytes that are printed at a time.
const LINES_BYTES: usize = 16 * 1024;

/// The task.
///
/// # Errors
/// A grant is missing, the argument is no number, or something else than counted words came.
#[okernel_sdk::task(wants("in: subscriber", "console"))]
pub async fn main(ctx: Context) -> Result<()> {
    let most = match ctx.args()?.first() {
        Some(text) => text.parse().map_err(|_| {
            Error::message(format!("how many words? expected a number, not \"{text}\""))
        })?,
        None => usize::MAX,
    };
    let mut input = ctx.frame_subscriber("in")?;
    let console = ctx.console()?;
    let mut lines = Vec::with_capacity(LINES_BYTES);
    let mut words = 0;
    while let Some(frame) = input.next().await? {
        match frame.value().map_err(unexpected)? {
            Value::List(counted) => match counted.as_slice() {
                [Value::Int(count), Value::Chars(word)] => {
                    if words == most {
                        break;
                    }
                    if words > 0 {
                        lines.push(b'\n');
                    }
                    words += 1;
                    lines.extend_from_slice(count.to_string().as_bytes());
                    lines.push(b' ');
                    lines.extend_from_slice(word);
                }
                _ => return Err(unexpected("a list of something else")),
            },
            Value::Chars(more) if words > 0 => lines.extend_from_slice(&more),
            _ => return Err(unexpected("something else")),
        }
        if lines.len() >= LINES_BYTES {
            print(&console, &mut lines).await?;
        }
    }
    if words > 0 {
        lines.push(b'\n');
    }
    print(&console, &mut lines).await
}

async fn print(console: &Console, lines: &mut Vec<u8>) -> Result<()> {
    console.print(&*lines).await?;
    lines.clear();
    Ok(())
}

fn unexpected(what: impl core::fmt::Display) -> Error {
    Error::message(format!("expected (count;\"word\"): {what}"))
}

#[cfg(test)]
mod tests {
    use super::main;
    use okernel_sdk::Value;
    use okernel_sdk::testing::{Done, Harness};

    fn counted(count: i64, word: &str) -> Value {
        Value::List(vec![Value::Int(count), Value::text(word)])
    }

    fn printed(values: &[Value], args: &[&str]) -> Done {
        let payloads: Vec<Vec<u8>> = values.iter().map(Value::to_bytes).collect();
        let frames: Vec<(u32, &[u8])> = payloads.iter().map(|payload| (1, &payload[..])).collect();
        let harness = Harness::new().feed_frames("in", &frames).console("console");
        harness.args(args.iter().copied()).run(main)
    }

    #[test]
    fn lines_and_long_words() {
        let values = [
            counted(7, "the"),
            counted(4, "lo"),
            Value::text("ng"),
            counted(1, "a"),
        ];
        let done = printed(&values, &[]);
        assert_eq!(done.result, Ok(()));
        assert_eq!(done.console, b"7 the\n4 long\n1 a\n");
        assert_eq!(printed(&values, &["2"]).console, b"7 the\n4 long\n");
        assert_eq!(printed(&values, &["0"]).console, b"");
        assert_eq!(printed(&[], &[]).console, b"");
    }

    #[test]
    fn more_than_is_printed_at_a_time() {
        let values: Vec<Value> = (0..20_000).map(|n| counted(20_000 - n, "word")).collect();
        let done = printed(&values, &[]);
        let expected: String = (0..20_000)
            .map(|n| format!("{} word\n", 20_000 - n))
            .collect();
        assert_eq!(done.console, expected.as_bytes());
    }

    #[test]
    fn what_is_no_word_is_refused() {
        for value in [
            Value::text("more"),
            Value::Int(3),
            Value::List(vec![Value::Int(3)]),
        ] {
            let error = printed(&[value], &[]).result.unwrap_err().to_string();
            assert!(error.starts_with("expected (count;\"word\")"), "{error}");
        }
        assert!(
            printed(&[], &["ten"])
                .result
                .unwrap_err()
                .to_string()
                .contains("\"ten\"")
        );
    }
}
