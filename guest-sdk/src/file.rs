//! Granted files: reading, and writing where that was granted.

use crate::error::{ClaimError, Error, Result};
use crate::open;
use crate::publisher::Publisher;
use crate::refused;
use crate::sys;
use core::future::poll_fn;
use okernel_abi::Errno;

/// At most this part of a ring is filled from a file at a time, so that the reader has room to follow.
const PIECES_PER_RING: usize = 4;

/// What is tried by reading, in the text of errors.
const READ: &str = "read the file";

/// A file that may be read, and written if it was granted for that.
///
/// ```
/// use okernel_sdk::testing::Harness;
///
/// let done = Harness::new().file("file", b"some text").run(async |ctx| {
///     let file = ctx.file("file")?;
///     let mut buffer = [0; 4];
///     let length = file.read_at(5, &mut buffer)?;
///     assert_eq!(&buffer[..length], b"text");
///     Ok(())
/// });
/// done.result.unwrap();
/// ```
#[derive(Debug)]
pub struct File {
    handle: u32,
}

impl File {
    pub(crate) fn new(handle: u32) -> File {
        File { handle }
    }

    fn failed(&self, call: &'static str, errno: Errno) -> Error {
        let errno = refused::note(self.handle, errno);
        Error::Call { call, errno }
    }

    /// The size of the file in bytes.
    ///
    /// # Errors
    /// The operating system refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().file("file", b"some text").run(async |ctx| {
    /// assert_eq!(ctx.file("file")?.size()?, 9);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn size(&self) -> Result<u64> {
        sys::file_size(self.handle).map_err(|errno| self.failed(READ, errno))
    }

    /// Reads at an offset in bytes; answers how many bytes were read: 0 at the end of the file, and
    /// perhaps fewer than there are.
    ///
    /// # Errors
    /// The operating system refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().file("file", b"some text").run(async |ctx| {
    /// assert_eq!(ctx.file("file")?.read_at(9, &mut [0; 8])?, 0);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        let length =
            sys::file_read(self.handle, offset, into).map_err(|errno| self.failed(READ, errno))?;
        Ok((length as usize).min(into.len()))
    }

    /// Writes all of these bytes at an offset in bytes; in a file that was granted for appending, at its end.
    ///
    /// # Errors
    /// NotGranted for a file to read, NoSpace when the device is full, and what else the operating system
    /// says; a part may have been written.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().file_to_write("log").run(async |ctx| {
    ///     ctx.file("log")?.write_at(0, b"some text")
    /// });
    /// assert_eq!(done.file("log"), b"some text");
    /// ```
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let failed = |errno| self.failed("write the file", errno);
        let mut written = 0;
        // Also without bytes the kernel is asked, so that a file to read refuses.
        loop {
            let offset = offset + written as u64;
            let more = sys::file_write(self.handle, offset, &bytes[written..]).map_err(failed)?;
            written += more as usize;
            if written >= bytes.len() {
                return Ok(());
            }
            if more == 0 {
                return Err(failed(Errno::Io));
            }
        }
    }

    /// Cuts the file off at so many bytes, or fills it up with zeros.
    ///
    /// # Errors
    /// NotGranted for a file to read or to append to, and what the operating system says.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().file_to_write("log").run(async |ctx| {
    ///     let log = ctx.file("log")?;
    ///     log.write_at(0, b"some text")?;
    ///     log.resize(4)
    /// });
    /// assert_eq!(done.file("log"), b"some");
    /// ```
    pub fn resize(&self, bytes: u64) -> Result<()> {
        sys::file_resize(self.handle, bytes).map_err(|errno| self.failed("resize the file", errno))
    }

    /// Reads at an offset in bytes straight into a ring and publishes what was read, waiting for room. Answers
    /// how many bytes: 0 at the end of the file, at most `max`, and perhaps fewer than there are.
    ///
    /// # Errors
    /// The operating system or the ring refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let text = vec![b'x'; 100_000];
    /// # let done = Harness::new().file("file", &text).collect("out", 4096).run(async |ctx| {
    /// let file = ctx.file("file")?;
    /// let mut out = ctx.publisher::<u8>("out")?;
    /// let mut offset = 0;
    /// loop {
    ///     match file.publish_to(&mut out, offset, usize::MAX).await? {
    ///         0 => break,
    ///         bytes => offset += bytes as u64,
    ///     }
    /// }
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.bytes("out"), text);
    /// ```
    pub async fn publish_to(
        &self,
        publisher: &mut Publisher<u8>,
        offset: u64,
        max: usize,
    ) -> Result<usize> {
        let piece = (publisher.capacity() / PIECES_PER_RING).clamp(1, max.max(1));
        let lane = publisher.lane();
        let piece = open::piece_bytes(lane.handle(), piece);
        lane.stand_aside()?;
        let published = poll_fn(|cx| {
            lane.poll_room(piece, cx, |lane| {
                // Without this much room the file would be read in crumbs.
                match sys::pub_claim(lane.handle(), piece as u32, piece as u32) {
                    Ok(_) => {}
                    Err(Errno::Again | Errno::Throttled) => return Err(ClaimError::Full),
                    Err(errno) => {
                        let errno = refused::note(lane.handle(), errno);
                        return Err(ClaimError::Refused(errno));
                    }
                }
                match sys::file_publish(self.handle, offset, lane.handle(), piece as u32) {
                    Ok(bytes) => {
                        lane.published_elsewhere(bytes);
                        Ok(Ok(bytes as usize))
                    }
                    Err(Errno::Again) => Err(ClaimError::Full),
                    Err(errno) => Ok(Err(self.failed(READ, errno))),
                }
            })
        });
        published.await?
    }
}
