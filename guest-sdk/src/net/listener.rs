//! Accepting connections.

use super::hub::{Hub, Pumped};
use super::serve;
use super::stream::TcpStream;
use crate::context::Context;
use crate::error::Result;
use core::future::poll_fn;
use core::task::Poll;
use std::rc::Rc;

/// Where connections come from: the rings of a selector that listens, or of one that makes one connection.
///
/// ```
/// use okernel_sdk::TcpListener;
/// use okernel_sdk::abi::connection::{FRAME_DATA, FRAME_END, FRAME_OPEN, join};
/// use okernel_sdk::testing::Harness;
///
/// let frames: &[(u32, &[u8])] = &[
///     (FRAME_OPEN, &join(1, b"127.0.0.1:50000")),
///     (FRAME_DATA, &join(1, b"hello")),
///     (FRAME_END, &join(1, b"")),
/// ];
/// let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
///     let mut listener = TcpListener::open(&ctx, "in", "out")?;
///     while let Some(mut stream) = listener.accept().await? {
///         while let Some(bytes) = stream.recv().await? {
///             stream.write(&bytes).await?;
///         }
///         stream.close().await?;
///     }
///     Ok(())
/// });
/// done.result.as_ref().unwrap();
/// assert_eq!(done.frames("out")[0], (FRAME_DATA, join(1, b"hello")));
/// ```
pub struct TcpListener {
    pub(super) hub: Rc<Hub>,
}

impl TcpListener {
    /// Opens the two rings that were granted under these names: what comes, and what goes.
    ///
    /// # Errors
    /// One of them was not granted, or is something else.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::TcpListener;
    /// # let done = Harness::new().feed_frames("in", &[]).run(async |ctx| {
    /// let error = TcpListener::open(&ctx, "in", "out").err().unwrap();
    /// assert_eq!(error.to_string(), "not granted: \"out\" (publisher)");
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn open(ctx: &Context, input: &str, output: &str) -> Result<TcpListener> {
        let hub = Hub::new(ctx.frame_subscriber(input)?, ctx.frame_publisher(output)?);
        Ok(TcpListener { hub: Rc::new(hub) })
    }

    /// The next connection; None when the selector is gone.
    ///
    /// What comes meanwhile for the others is kept for them, up to 256 KiB each; a connection that is not
    /// read for longer is closed. To serve many at once use [`TcpListener::serve`].
    ///
    /// # Errors
    /// The ring cannot be read.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_OPEN, join};
    /// # use okernel_sdk::TcpListener;
    /// # let frames: &[(u32, &[u8])] = &[(FRAME_OPEN, &join(1, b"127.0.0.1:50000"))];
    /// # let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
    /// let mut listener = TcpListener::open(&ctx, "in", "out")?;
    /// let stream = listener.accept().await?.unwrap();
    /// assert_eq!(stream.peer(), "127.0.0.1:50000");
    /// assert!(listener.accept().await?.is_none());
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn accept(&mut self) -> Result<Option<TcpStream>> {
        poll_fn(|cx| {
            loop {
                let next = self.hub.accepted.borrow_mut().pop_front();
                if let Some(number) = next {
                    return Poll::Ready(Ok(Some(TcpStream::new(&self.hub, number))));
                }
                match self.hub.poll_news(None, cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(Pumped::Over)) => return Poll::Ready(Ok(None)),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                }
            }
        })
        .await
    }

    /// Serves every connection by a future of its own, all at once, until the selector is gone.
    ///
    /// The future has the connection for as long as it likes; when it is done the connection is closed. Its
    /// failure is its connection's end and nobody else's. A connection that is not read stops the ring when
    /// 256 KiB wait for it, so handlers should go on reading.
    ///
    /// # Errors
    /// The ring cannot be read or written.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_CLOSE, FRAME_DATA, FRAME_END, FRAME_OPEN, join};
    /// # use okernel_sdk::TcpListener;
    /// let frames: &[(u32, &[u8])] = &[
    ///     (FRAME_OPEN, &join(1, b"")),
    ///     (FRAME_OPEN, &join(2, b"")),
    ///     (FRAME_DATA, &join(2, b"two")),
    ///     (FRAME_DATA, &join(1, b"one")),
    ///     (FRAME_END, &join(2, b"")),
    ///     (FRAME_END, &join(1, b"")),
    /// ];
    /// let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
    ///     let listener = TcpListener::open(&ctx, "in", "out")?;
    ///     listener
    ///         .serve(async |mut stream| {
    ///             while let Some(bytes) = stream.recv().await? {
    ///                 stream.write(&bytes).await?;
    ///             }
    ///             Ok(())
    ///         })
    ///         .await
    /// });
    /// done.result.as_ref().unwrap();
    /// let mut sent = done.frames("out");
    /// sent.sort();
    /// assert_eq!(sent[0], (FRAME_DATA, join(1, b"one")));
    /// assert_eq!(sent[1], (FRAME_DATA, join(2, b"two")));
    /// assert_eq!(sent[2], (FRAME_CLOSE, join(1, b"")));
    /// ```
    pub async fn serve(self, handler: impl AsyncFn(TcpStream) -> Result<()>) -> Result<()> {
        serve::serve(&self.hub, handler).await
    }
}
