//! A file that is appended to, over the pair of rings of a selector.

use super::hub::Pumped;
use super::stream::TcpStream;
use crate::context::Context;
use crate::error::{Error, Result};
use core::future::poll_fn;
use core::task::Poll;
use okernel_abi::connection::{CLOSED_BY_TASK, FRAME_CLOSE};

/// A file to whose end is written (`file://path?mode=append`). Dropping it lets it go when all that was written
/// is in the file; [`FileAppender::close`] waits for that.
///
/// ```
/// use okernel_sdk::FileAppender;
/// use okernel_sdk::abi::connection::{FRAME_DATA, FRAME_OPEN, join};
/// use okernel_sdk::testing::Harness;
///
/// let frames: &[(u32, &[u8])] = &[(FRAME_OPEN, &join(1, b"/var/log/some"))];
/// let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
///     let mut file = FileAppender::open(&ctx, "in", "out").await?;
///     file.write(b"a line\n").await
/// });
/// done.result.as_ref().unwrap();
/// assert_eq!(done.frames("out")[0], (FRAME_DATA, join(1, b"a line\n")));
/// ```
pub struct FileAppender {
    stream: TcpStream,
}

impl FileAppender {
    /// Opens the two rings that were granted under these names: what the selector says, and what is written.
    ///
    /// # Errors
    /// One of them was not granted, or is something else.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::FileAppender;
    /// # let done = Harness::new().feed_frames("in", &[]).run(async |ctx| {
    /// let error = FileAppender::open(&ctx, "in", "out").await.err().unwrap();
    /// assert_eq!(error.to_string(), "not granted: \"out\" (publisher)");
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn open(ctx: &Context, input: &str, output: &str) -> Result<FileAppender> {
        let stream = TcpStream::open(ctx, input, output).await?;
        Ok(FileAppender { stream })
    }

    /// The file's path.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_OPEN, join};
    /// # use okernel_sdk::FileAppender;
    /// # let frames: &[(u32, &[u8])] = &[(FRAME_OPEN, &join(1, b"/var/log/some"))];
    /// # let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
    /// let file = FileAppender::open(&ctx, "in", "out").await?;
    /// assert_eq!(file.path(), "/var/log/some");
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn path(&self) -> &str {
        self.stream.peer()
    }

    /// Appends bytes, waiting while the disk is slower. They are in the file some time later.
    ///
    /// # Errors
    /// Something that was written before did not go well (the disk is full), or the file was let go.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_CLOSE, FRAME_OPEN, join};
    /// # use okernel_sdk::FileAppender;
    /// # let frames: &[(u32, &[u8])] = &[
    /// #     (FRAME_OPEN, &join(1, b"/full")),
    /// #     (FRAME_CLOSE, &join(1, b"cannot append to /full: no space")),
    /// # ];
    /// # let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
    /// let mut file = FileAppender::open(&ctx, "in", "out").await?;
    /// let error = file.write(b"a line\n").await.unwrap_err();
    /// assert_eq!(error.to_string(), "cannot append to /full: no space");
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        while self.stream.hub.pump()? == Pumped::Frame {}
        self.stream.write(bytes).await
    }

    /// Waits until all is in the file, and lets it go.
    ///
    /// # Errors
    /// Not all of it could be written; the text says why.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_CLOSE, FRAME_OPEN, join};
    /// # use okernel_sdk::FileAppender;
    /// # let closed = |why: &str| {
    /// #     let frames = [(FRAME_OPEN, join(1, b"/full")), (FRAME_CLOSE, join(1, why.as_bytes()))];
    /// #     let frames: Vec<(u32, &[u8])> = frames.iter().map(|(kind, it)| (*kind, &it[..])).collect();
    /// #     let done = Harness::new().feed_frames("in", &frames).collect("out", 4096).run(async |ctx| {
    /// let file = FileAppender::open(&ctx, "in", "out").await?;
    /// file.close().await
    /// #     });
    /// #     done.result.map_err(|error| error.to_string())
    /// # };
    /// # assert_eq!(closed("closed by the task"), Ok(()));
    /// # assert!(closed("cannot append to /full: no space").unwrap_err().contains("no space"));
    /// ```
    pub async fn close(self) -> Result<()> {
        let (hub, number) = (&self.stream.hub, self.stream.number());
        hub.send(FRAME_CLOSE, number, &[]).await?;
        poll_fn(|cx| {
            loop {
                let inboxes = hub.inboxes.borrow();
                let closed = inboxes.get(&number).and_then(|inbox| inbox.closed.clone());
                drop(inboxes);
                match closed.as_deref() {
                    Some(CLOSED_BY_TASK) => return Poll::Ready(Ok(())),
                    Some(why) => return Poll::Ready(Err(Error::message(why))),
                    None => {}
                }
                match hub.poll_news(Some(number), cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                }
            }
        })
        .await
    }
}
