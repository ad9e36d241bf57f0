//! Sends back what it receives, on every connection: TCP or WebSocket, thousands at once.
//!
//! Grants: `in` and `out`, the two rings of a selector that listens.
//!
//! ```text
//! o) n:select[0;"tcp://127.0.0.1:9000"]
//! o) spawn[0;`echo;[in:n`in;out:n`out]]
//! ```

use okernel_sdk::{Context, Result, TcpListener, TcpStream};

/// The task.
///
/// # Errors
/// A grant is missing, or its ring cannot be used.
#[okernel_sdk::task(wants("in: subscriber", "out: publisher"))]
pub async fn main(ctx: Context) -> Result<()> {
    let listener = TcpListener::open(&ctx, "in", "out")?;
    listener.serve(echo).await
}

/// One connection, until its peer has sent its last.
async fn echo(mut stream: TcpStream) -> Result<()> {
    while let Some(bytes) = stream.recv().await? {
        // A message of a WebSocket goes back whole, and as what it was.
        match std::str::from_utf8(&bytes) {
            Ok(text) if stream.is_text() => stream.write_text(text).await?,
            _ => stream.write_binary(&bytes).await?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::main;
    use okernel_sdk::abi::connection::{
        FRAME_CLOSE, FRAME_DATA, FRAME_END, FRAME_OPEN, FRAME_TEXT, join, split,
    };
    use okernel_sdk::testing::Harness;

    #[test]
    fn every_connection_gets_its_own_bytes_back() {
        let mut frames = Vec::new();
        for number in 1..=100 {
            frames.push((FRAME_OPEN, join(number, b"somebody")));
        }
        for round in 0..20u64 {
            for number in 1..=100 {
                let text = format!("{number} {round} ").repeat(50);
                frames.push((FRAME_DATA, join(number, text.as_bytes())));
            }
        }
        for number in 1..=100 {
            frames.push((FRAME_END, join(number, b"")));
            frames.push((FRAME_CLOSE, join(number, b"closed by both sides")));
        }
        let frames: Vec<(u32, &[u8])> = frames.iter().map(|(kind, it)| (*kind, &it[..])).collect();
        let done = Harness::new()
            .feed_frames("in", &frames)
            .collect("out", 65536)
            .run(main);
        assert_eq!(done.result, Ok(()));
        let mut came = vec![Vec::new(); 101];
        for (kind, payload) in done.frames("out") {
            let (number, bytes) = split(&payload).unwrap();
            if kind == FRAME_DATA {
                came[number as usize].extend_from_slice(bytes);
            }
        }
        for (number, came) in came.iter().enumerate().skip(1) {
            let sent: String = (0..20)
                .map(|round| format!("{number} {round} ").repeat(50))
                .collect();
            assert_eq!(came, sent.as_bytes());
        }
    }

    #[test]
    fn messages_go_back_whole_and_as_what_they_were() {
        let long = vec![7; 40_000];
        let frames: &[(u32, &[u8])] = &[
            (FRAME_OPEN, &join(1, b"")),
            (FRAME_TEXT, &join(1, "h\u{e9}".as_bytes())),
            (FRAME_DATA, &join(1, b"")),
            (FRAME_DATA, &join(1, &long)),
            (FRAME_END, &join(1, b"")),
        ];
        let done = Harness::new()
            .feed_frames("in", frames)
            .collect("out", 131_072)
            .run(main);
        assert_eq!(done.result, Ok(()));
        let sent = [
            (FRAME_TEXT, join(1, "h\u{e9}".as_bytes())),
            (FRAME_DATA, join(1, b"")),
            (FRAME_DATA, join(1, &long)),
            (FRAME_CLOSE, join(1, b"")),
        ];
        assert_eq!(done.frames("out"), sent);
    }

    #[test]
    fn a_reset_ends_its_connection_and_no_other() {
        let frames: &[(u32, &[u8])] = &[
            (FRAME_OPEN, &join(1, b"")),
            (FRAME_OPEN, &join(2, b"")),
            (FRAME_CLOSE, &join(1, b"reset by the peer")),
            (FRAME_DATA, &join(2, b"still here")),
            (FRAME_END, &join(2, b"")),
        ];
        let done = Harness::new()
            .feed_frames("in", frames)
            .collect("out", 4096)
            .run(main);
        assert_eq!(done.result, Ok(()));
        let sent = [
            (FRAME_DATA, join(2, b"still here")),
            (FRAME_CLOSE, join(2, b"")),
        ];
        assert_eq!(done.frames("out"), sent);
    }
}
