//! Reading a file over the ring of a selector: to its end, or for ever as others write to it.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::frame_subscriber::FrameSubscriber;
use okernel_abi::connection::{FRAME_CLOSE, FRAME_DATA, FRAME_END, FRAME_OPEN, split};

/// Something that came of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FilePiece {
    /// More of its bytes.
    Bytes(Vec<u8>),
    /// What comes now is from the beginning again: it was truncated, or replaced by another file.
    Anew(String),
}

/// A file that a selector reads (`file://path?mode=read`, `follow` or `tail`).
///
/// ```
/// use okernel_sdk::abi::connection::{FRAME_CLOSE, FRAME_DATA, FRAME_END, FRAME_OPEN, join};
/// use okernel_sdk::testing::Harness;
/// use okernel_sdk::FileStream;
///
/// let frames: &[(u32, &[u8])] = &[
///     (FRAME_OPEN, &join(1, b"/var/log/some")),
///     (FRAME_DATA, &join(1, b"first line\nsec")),
///     (FRAME_DATA, &join(1, b"ond line\n")),
///     (FRAME_END, &join(1, b"")),
///     (FRAME_CLOSE, &join(1, b"end of the file")),
/// ];
/// let done = Harness::new().feed_frames("in", frames).run(async |ctx| {
///     let mut file = FileStream::open(&ctx, "in")?;
///     assert_eq!(file.next_line().await?.unwrap(), b"first line");
///     assert_eq!(file.next_line().await?.unwrap(), b"second line");
///     assert_eq!(file.next_line().await?, None);
///     Ok(())
/// });
/// done.result.unwrap();
/// ```
pub struct FileStream {
    input: FrameSubscriber,
    /// Why the last file was closed.
    closed: Option<String>,
    ended: bool,
    /// Bytes that were received and are no whole line yet, and how many of them were looked at.
    text: Vec<u8>,
    from: usize,
}

impl FileStream {
    /// Opens the ring that was granted under this name.
    ///
    /// # Errors
    /// It was not granted, or is something else.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().run(async |ctx| {
    /// assert!(okernel_sdk::FileStream::open(&ctx, "in").is_err());
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn open(ctx: &Context, name: &str) -> Result<FileStream> {
        Ok(FileStream {
            input: ctx.frame_subscriber(name)?,
            closed: None,
            ended: false,
            text: Vec::new(),
            from: 0,
        })
    }

    /// What comes next; None when there will be nothing more.
    ///
    /// # Errors
    /// The file cannot be read on; the text says why.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_CLOSE, FRAME_DATA, FRAME_OPEN, join};
    /// use okernel_sdk::{FilePiece, FileStream};
    /// let frames: &[(u32, &[u8])] = &[
    ///     (FRAME_OPEN, &join(1, b"/var/log/some")),
    ///     (FRAME_DATA, &join(1, b"old")),
    ///     (FRAME_CLOSE, &join(1, b"replaced")),
    ///     (FRAME_OPEN, &join(2, b"/var/log/some")),
    ///     (FRAME_DATA, &join(2, b"new")),
    /// ];
    /// # let done = Harness::new().feed_frames("in", frames).run(async |ctx| {
    /// let mut file = FileStream::open(&ctx, "in")?;
    /// assert_eq!(file.next().await?, Some(FilePiece::Bytes(b"old".to_vec())));
    /// assert_eq!(file.next().await?, Some(FilePiece::Anew("replaced".to_string())));
    /// assert_eq!(file.next().await?, Some(FilePiece::Bytes(b"new".to_vec())));
    /// assert_eq!(file.next().await?, None);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn next(&mut self) -> Result<Option<FilePiece>> {
        loop {
            let Some(frame) = self.input.next().await? else {
                let failed = self.closed.take().filter(|why| why != "dropped");
                return match failed {
                    Some(why) if !self.ended => Err(Error::message(why)),
                    _ => Ok(None),
                };
            };
            let Some((_, bytes)) = split(frame.payload) else {
                continue;
            };
            match frame.kind {
                FRAME_DATA => return Ok(Some(FilePiece::Bytes(bytes.to_vec()))),
                FRAME_OPEN => {
                    if let Some(why) = self.closed.take() {
                        return Ok(Some(FilePiece::Anew(why)));
                    }
                }
                FRAME_END => self.ended = true,
                FRAME_CLOSE => self.closed = Some(String::from_utf8_lossy(bytes).into_owned()),
                _ => {}
            }
        }
    }

    /// The next line, without its end (`\n` or `\r\n`); the last may have none. None when there will be nothing
    /// more. A file that begins anew ends the line before.
    ///
    /// # Errors
    /// As for [`FileStream::next`].
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_DATA, join};
    /// # use okernel_sdk::FileStream;
    /// # let frames: &[(u32, &[u8])] = &[(FRAME_DATA, &join(1, b"one\r\nlast"))];
    /// # let done = Harness::new().feed_frames("in", frames).run(async |ctx| {
    /// let mut file = FileStream::open(&ctx, "in")?;
    /// let mut lines = Vec::new();
    /// while let Some(line) = file.next_line().await? {
    ///     lines.push(line);
    /// }
    /// assert_eq!(lines, [&b"one"[..], b"last"]);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn next_line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut seen = self.from;
        loop {
            if let Some(at) = self.text[seen..].iter().position(|byte| *byte == b'\n') {
                let line = self.text[self.from..seen + at].to_vec();
                self.from = seen + at + 1;
                return Ok(Some(without_return(line)));
            }
            // What was handed out makes room once for each piece, not for each line.
            self.text.drain(..self.from);
            self.from = 0;
            seen = self.text.len();
            match self.next().await? {
                Some(FilePiece::Bytes(bytes)) => self.text.extend_from_slice(&bytes),
                Some(FilePiece::Anew(_)) if self.text.is_empty() => {}
                None if self.text.is_empty() => return Ok(None),
                _ => return Ok(Some(without_return(std::mem::take(&mut self.text)))),
            }
        }
    }
}

fn without_return(mut line: Vec<u8>) -> Vec<u8> {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    line
}
