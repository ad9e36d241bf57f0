//! Writing to the console.
//!
//! The kernel holds a bounded amount of a task's output that is still on its way; what is more waits here, so
//! a task that prints much is as slow as the console and takes no memory for it.

use crate::error::{Error, Result};
use crate::executor;
use crate::open;
use crate::readiness::{Readiness, readiness};
use crate::refused;
use crate::sys;
use core::future::poll_fn;
use core::task::Poll;
use okernel_abi::Errno;
use okernel_abi::value::Value;
use std::io;

/// The most bytes that one call hands to the kernel.
const PIECE_BYTES_MAX: usize = 4096;

/// The right to write to the console.
///
/// ```
/// use okernel_sdk::testing::Harness;
///
/// let done = Harness::new().console("console").run(async |ctx| {
///     ctx.console()?.print("hello\n").await?;
///     Ok(())
/// });
/// assert_eq!(done.console, b"hello\n");
/// ```
#[derive(Debug)]
pub struct Console {
    handle: u32,
    /// What one call may hand to the kernel.
    piece_bytes: usize,
}

impl Console {
    pub(crate) fn new(handle: u32) -> Console {
        Console {
            handle,
            piece_bytes: open::piece_bytes(handle, PIECE_BYTES_MAX),
        }
    }

    fn failed(&self, errno: Errno) -> Error {
        Error::Call {
            call: "write to the console",
            errno: refused::note(self.handle, errno),
        }
    }

    /// Writes all of it, waiting while too much is on its way.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().console("console").run(async |ctx| {
    /// let console = ctx.console()?;
    /// console.print("text, ").await?;
    /// console.print(b"bytes\n").await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.console, b"text, bytes\n");
    /// ```
    pub async fn print(&self, text: impl AsRef<[u8]>) -> Result<()> {
        for piece in text.as_ref().chunks(self.piece_bytes) {
            poll_fn(|cx| {
                loop {
                    match sys::console_write(self.handle, piece) {
                        Err(Errno::Again | Errno::Throttled) => {}
                        result => {
                            return Poll::Ready(result.map_err(|errno| self.failed(errno)));
                        }
                    }
                    match readiness(self.handle, piece.len()) {
                        Ok(Readiness::Ready) => {}
                        Ok(Readiness::Armed) => {
                            executor::park(cx);
                            return Poll::Pending;
                        }
                        Err(errno) => return Poll::Ready(Err(self.failed(errno))),
                    }
                }
            })
            .await?;
        }
        Ok(())
    }

    /// Writes as much as the kernel takes now, and answers how many bytes that is: for tasks that
    /// write their own `poll`.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().console("console").run(async |ctx| {
    /// assert_eq!(ctx.console()?.try_print("now\n")?, 4);
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.console, b"now\n");
    /// ```
    pub fn try_print(&self, text: impl AsRef<[u8]>) -> Result<usize> {
        let mut written = 0;
        for piece in text.as_ref().chunks(self.piece_bytes) {
            match sys::console_write(self.handle, piece) {
                Ok(()) => written += piece.len(),
                Err(Errno::Again | Errno::Throttled) => break,
                Err(errno) => return Err(self.failed(errno)),
            }
        }
        Ok(written)
    }

    /// Arms the task for a console that takes more: for tasks that write their own `poll`.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::Readiness;
    /// # let done = Harness::new().console("console").run(async |ctx| {
    /// assert_eq!(ctx.console()?.arm()?, Readiness::Ready);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn arm(&self) -> Result<Readiness> {
        readiness(self.handle, self.piece_bytes).map_err(|errno| self.failed(errno))
    }

    /// Tells whoever types at the console which names there are now, so that it can complete them.
    ///
    /// # Errors
    /// The kernel refused; `Again` when too much of this task's output is still on its way.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// # let done = Harness::new().console("console").run(async |ctx| {
    /// ctx.console()?.offer(["price", "volume"])?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.offered, ["price", "volume"]);
    /// ```
    pub fn offer<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let names = names.into_iter().map(str::to_string).collect();
        let encoded = Value::Symbols(names).to_bytes();
        sys::console_offer(self.handle, &encoded).map_err(|errno| Error::Call {
            call: "offer names",
            errno,
        })
    }

    /// A buffer for `write!`, printed by [`Output::flush`].
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use std::io::Write;
    /// # let done = Harness::new().console("console").run(async |ctx| {
    /// let mut output = ctx.console()?.output();
    /// for (word, count) in [("the", 7), ("of", 4)] {
    ///     writeln!(output, "{count} {word}")?;
    /// }
    /// output.flush().await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.console, b"7 the\n4 of\n");
    /// ```
    pub fn output(self) -> Output {
        Output {
            console: self,
            buffer: Vec::new(),
        }
    }
}

/// Text on its way to the console. `std::io::Write`, which cannot wait, fills it; `flush` prints it.
pub struct Output {
    console: Console,
    buffer: Vec<u8>,
}

impl Output {
    /// Prints what was written.
    ///
    /// # Errors
    /// The kernel refused.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use std::io::Write;
    /// # let done = Harness::new().console("console").run(async |ctx| {
    /// let mut output = ctx.console()?.output();
    /// write!(output, "{}", 7)?;
    /// output.flush().await?;
    /// # Ok(())
    /// # });
    /// # assert_eq!(done.console, b"7");
    /// ```
    pub async fn flush(&mut self) -> Result<()> {
        self.console.print(&self.buffer).await?;
        self.buffer.clear();
        Ok(())
    }

    /// How many bytes wait to be printed: flush now and then.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use std::io::Write;
    /// # let done = Harness::new().console("console").run(async |ctx| {
    /// let mut output = ctx.console()?.output();
    /// write!(output, "seven b")?;
    /// assert_eq!(output.waiting_bytes(), 7);
    /// # Ok(())
    /// # });
    /// # done.result.unwrap();
    /// ```
    pub fn waiting_bytes(&self) -> usize {
        self.buffer.len()
    }
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
