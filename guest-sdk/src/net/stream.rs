//! One connection.

use super::hub::{GONE, Hub};
use super::listener::TcpListener;
use crate::context::Context;
use crate::error::{Error, Result};
use core::future::poll_fn;
use core::task::Poll;
use okernel_abi::connection::{FRAME_DATA, FRAME_END, FRAME_TEXT};
use std::rc::Rc;

/// A connection: bytes of a TCP socket, messages of a WebSocket. Dropping it closes it, when all that was
/// written has gone.
pub struct TcpStream {
    pub(super) hub: Rc<Hub>,
    number: u64,
    peer: String,
    /// The kind of frame that the last message came in.
    kind: u32,
    /// What a read has left of a message.
    rest: Vec<u8>,
    rest_from: usize,
}

impl TcpStream {
    pub(super) fn new(hub: &Rc<Hub>, number: u64) -> TcpStream {
        let inboxes = hub.inboxes.borrow();
        let peer = inboxes.get(&number).map(|inbox| inbox.peer.clone());
        TcpStream {
            hub: Rc::clone(hub),
            number,
            peer: peer.unwrap_or_default(),
            kind: FRAME_DATA,
            rest: Vec::new(),
            rest_from: 0,
        }
    }

    /// The connection that a selector makes (`tcp+connect://host:port`), once it is there.
    ///
    /// # Errors
    /// One of the rings was not granted, or the connection cannot be made; the text says why.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_CLOSE, FRAME_DATA, FRAME_OPEN, join};
    /// use okernel_sdk::TcpStream;
    /// let frames: &[(u32, &[u8])] = &[
    ///     (FRAME_OPEN, &join(1, b"127.0.0.1:80")),
    ///     (FRAME_DATA, &join(1, b"an answer")),
    /// ];
    /// let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
    ///     let mut stream = TcpStream::open(&ctx, "in", "out").await?;
    ///     stream.write(b"a question").await?;
    ///     assert_eq!(stream.recv().await?.unwrap(), b"an answer");
    ///     Ok(())
    /// });
    /// done.result.as_ref().unwrap();
    /// assert_eq!(done.frames("out")[0], (FRAME_DATA, join(1, b"a question")));
    ///
    /// let refused: &[(u32, &[u8])] = &[(FRAME_CLOSE, &join(1, b"connection refused"))];
    /// # let done = Harness::new().feed_frames("in", refused).collect("out", 4096).run(async |ctx| {
    /// let error = TcpStream::open(&ctx, "in", "out").await.err().unwrap();
    /// assert_eq!(error.to_string(), "connection refused");
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn open(ctx: &Context, input: &str, output: &str) -> Result<TcpStream> {
        let mut listener = TcpListener::open(ctx, input, output)?;
        if let Some(stream) = listener.accept().await? {
            return Ok(stream);
        }
        let why = listener.hub.refused.take();
        Err(Error::message(why.unwrap_or_else(|| GONE.to_string())))
    }

    /// Who is at the other end: address and port.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_OPEN, join};
    /// # use okernel_sdk::TcpListener;
    /// # let frames: &[(u32, &[u8])] = &[(FRAME_OPEN, &join(1, b"127.0.0.1:50000"))];
    /// # let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
    /// # let mut listener = TcpListener::open(&ctx, "in", "out")?;
    /// let stream = listener.accept().await?.unwrap();
    /// assert_eq!(stream.peer(), "127.0.0.1:50000");
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// The connection's number, as it stands in the frames; never used again.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_OPEN, join};
    /// # use okernel_sdk::TcpListener;
    /// # let frames: &[(u32, &[u8])] = &[(FRAME_OPEN, &join(7, b""))];
    /// # let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
    /// # let mut listener = TcpListener::open(&ctx, "in", "out")?;
    /// assert_eq!(listener.accept().await?.unwrap().number(), 7);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next bytes as they came, or the next message; None when the peer has sent its last.
    ///
    /// # Errors
    /// The connection ended before that: a reset, a limit.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_CLOSE, FRAME_DATA, FRAME_OPEN, join};
    /// # use okernel_sdk::TcpListener;
    /// let frames: &[(u32, &[u8])] = &[
    ///     (FRAME_OPEN, &join(1, b"")),
    ///     (FRAME_DATA, &join(1, b"half of a ques")),
    ///     (FRAME_CLOSE, &join(1, b"reset by the peer")),
    /// ];
    /// # let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
    /// # let mut listener = TcpListener::open(&ctx, "in", "out")?;
    /// let mut stream = listener.accept().await?.unwrap();
    /// assert_eq!(stream.recv().await?.unwrap(), b"half of a ques");
    /// assert_eq!(stream.recv().await.unwrap_err().to_string(), "reset by the peer");
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn recv(&mut self) -> Result<Option<Vec<u8>>> {
        if self.rest_from < self.rest.len() {
            let rest = self.rest.split_off(self.rest_from);
            self.rest.clear();
            self.rest_from = 0;
            return Ok(Some(rest));
        }
        let taken = poll_fn(|cx| {
            loop {
                if let Some(taken) = self.hub.take(self.number) {
                    return Poll::Ready(Ok(Some(taken)));
                }
                match self.hub.inboxes.borrow().get(&self.number) {
                    Some(inbox) if inbox.ended => return Poll::Ready(Ok(None)),
                    Some(inbox) => {
                        if let Some(why) = &inbox.closed {
                            return Poll::Ready(Err(Error::message(why.as_str())));
                        }
                    }
                    None => return Poll::Ready(Ok(None)),
                }
                match self.hub.poll_news(Some(self.number), cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                }
            }
        })
        .await?;
        Ok(taken.map(|(kind, bytes)| {
            self.kind = kind;
            bytes
        }))
    }

    /// Whether what [`TcpStream::recv`] has answered last was a text message of a WebSocket.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_DATA, FRAME_OPEN, FRAME_TEXT, join};
    /// # use okernel_sdk::TcpListener;
    /// # let frames: &[(u32, &[u8])] = &[
    /// #     (FRAME_OPEN, &join(1, b"")),
    /// #     (FRAME_TEXT, &join(1, b"hello")),
    /// #     (FRAME_DATA, &join(1, b"\xff")),
    /// # ];
    /// # let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
    /// # let mut listener = TcpListener::open(&ctx, "in", "out")?;
    /// # let mut stream = listener.accept().await?.unwrap();
    /// assert_eq!(stream.recv().await?.unwrap(), b"hello");
    /// assert!(stream.is_text());
    /// assert_eq!(stream.recv().await?.unwrap(), b"\xff");
    /// assert!(!stream.is_text());
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn is_text(&self) -> bool {
        self.kind == FRAME_TEXT
    }

    /// Reads as much as there is, at most as much as fits; answers how many bytes: 0 when the peer has sent its
    /// last.
    ///
    /// # Errors
    /// As for [`TcpStream::recv`].
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_DATA, FRAME_END, FRAME_OPEN, join};
    /// # use okernel_sdk::TcpListener;
    /// # let frames: &[(u32, &[u8])] = &[
    /// #     (FRAME_OPEN, &join(1, b"")),
    /// #     (FRAME_DATA, &join(1, b"hello")),
    /// #     (FRAME_END, &join(1, b"")),
    /// # ];
    /// # let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
    /// # let mut listener = TcpListener::open(&ctx, "in", "out")?;
    /// let mut stream = listener.accept().await?.unwrap();
    /// let mut buffer = [0; 4];
    /// assert_eq!(stream.read(&mut buffer).await?, 4);
    /// assert_eq!(stream.read(&mut buffer).await?, 1);
    /// assert_eq!(stream.read(&mut buffer).await?, 0);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub async fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        if self.rest_from >= self.rest.len() {
            match self.recv().await? {
                None => return Ok(0),
                Some(bytes) => (self.rest, self.rest_from) = (bytes, 0),
            }
        }
        let rest = &self.rest[self.rest_from..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.rest_from += count;
        Ok(count)
    }

    /// Writes bytes, waiting for room; to a WebSocket as binary messages of at most 16 KiB.
    ///
    /// # Errors
    /// The connection is over; the text says why.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_DATA, FRAME_OPEN, join};
    /// # use okernel_sdk::TcpListener;
    /// # let frames: &[(u32, &[u8])] = &[(FRAME_OPEN, &join(1, b""))];
    /// # let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
    /// # let mut listener = TcpListener::open(&ctx, "in", "out")?;
    /// let mut stream = listener.accept().await?.unwrap();
    /// stream.write(b"hello").await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.frames("out")[0], (FRAME_DATA, join(1, b"hello")));
    /// ```
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        for piece in bytes.chunks(self.hub.piece_bytes()) {
            self.check()?;
            self.hub.send(FRAME_DATA, self.number, piece).await?;
        }
        Ok(())
    }

    /// Writes a text, waiting for room: one text message of a WebSocket.
    ///
    /// # Errors
    /// As for [`TcpStream::write`]; or the text is longer than the ring.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_OPEN, FRAME_TEXT, join};
    /// # use okernel_sdk::TcpListener;
    /// # let frames: &[(u32, &[u8])] = &[(FRAME_OPEN, &join(1, b""))];
    /// # let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
    /// # let mut listener = TcpListener::open(&ctx, "in", "out")?;
    /// # let mut stream = listener.accept().await?.unwrap();
    /// stream.write_text("{\"price\":1.5}").await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.frames("out")[0], (FRAME_TEXT, join(1, b"{\"price\":1.5}")));
    /// ```
    pub async fn write_text(&mut self, text: &str) -> Result<()> {
        self.check()?;
        self.hub
            .send(FRAME_TEXT, self.number, text.as_bytes())
            .await
    }

    /// Writes bytes in one piece, waiting for room: one binary message of a WebSocket, which may be empty.
    ///
    /// # Errors
    /// As for [`TcpStream::write`]; or there are more bytes than the ring has.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_DATA, FRAME_OPEN, join};
    /// # use okernel_sdk::TcpListener;
    /// # let frames: &[(u32, &[u8])] = &[(FRAME_OPEN, &join(1, b""))];
    /// # let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
    /// # let mut listener = TcpListener::open(&ctx, "in", "out")?;
    /// # let mut stream = listener.accept().await?.unwrap();
    /// stream.write_binary(&[]).await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.frames("out")[0], (FRAME_DATA, join(1, b"")));
    /// ```
    pub async fn write_binary(&mut self, bytes: &[u8]) -> Result<()> {
        self.check()?;
        self.hub.send(FRAME_DATA, self.number, bytes).await
    }

    /// Tells the peer that nothing more will be written. Reading goes on.
    ///
    /// # Errors
    /// As for [`TcpStream::write`].
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_END, FRAME_OPEN, join};
    /// # use okernel_sdk::TcpListener;
    /// # let frames: &[(u32, &[u8])] = &[(FRAME_OPEN, &join(1, b""))];
    /// # let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
    /// # let mut listener = TcpListener::open(&ctx, "in", "out")?;
    /// # let mut stream = listener.accept().await?.unwrap();
    /// stream.finish().await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.frames("out")[0], (FRAME_END, join(1, b"")));
    /// ```
    pub async fn finish(&mut self) -> Result<()> {
        self.check()?;
        self.hub.send(FRAME_END, self.number, &[]).await
    }

    /// Closes the connection, when all that was written has gone. Dropping it does the same.
    ///
    /// # Errors
    /// The ring cannot be written.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # use okernel_sdk::abi::connection::{FRAME_CLOSE, FRAME_OPEN, join};
    /// # use okernel_sdk::TcpListener;
    /// # let frames: &[(u32, &[u8])] = &[(FRAME_OPEN, &join(1, b""))];
    /// # let done = Harness::new().feed_frames("in", frames).collect("out", 4096).run(async |ctx| {
    /// # let mut listener = TcpListener::open(&ctx, "in", "out")?;
    /// # let stream = listener.accept().await?.unwrap();
    /// stream.close().await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.frames("out")[0], (FRAME_CLOSE, join(1, b"")));
    /// ```
    pub async fn close(self) -> Result<()> {
        self.hub.forget(self.number);
        self.hub.flush().await
    }

    /// Whether the connection is over.
    fn check(&self) -> Result<()> {
        match self.hub.inboxes.borrow().get(&self.number) {
            Some(inbox) => match &inbox.closed {
                None => Ok(()),
                Some(why) => Err(Error::message(why.as_str())),
            },
            None => Err(Error::message("the connection is closed")),
        }
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        self.hub.forget(self.number);
    }
}
