//! What is left when a test's tasks have ended.

use crate::error::Result;
use crate::pod::{Pod, from_bytes};
use okernel_abi::frame::{FRAME_HEADER_BYTES, FRAME_VALUE, FrameHeader};
use okernel_abi::layout::{Executed, LogLevel};
use okernel_abi::value::Value;

/// What the tasks of a [`Harness`](super::Harness) did.
#[derive(Debug)]
pub struct Done {
    /// How the task that `run` was given ended.
    pub result: Result<()>,
    /// How every task ended, in the order in which they were added; the last is that of `run`.
    pub results: Vec<Result<()>>,
    /// How often tasks were polled in all.
    pub polls: u64,
    /// What was printed.
    pub console: Vec<u8>,
    /// The names that were last offered to whoever types.
    pub offered: Vec<String>,
    /// The lines of the log.
    pub log: Vec<(LogLevel, String)>,
    /// What was reported of executed inputs.
    pub executed: Vec<Executed>,
    /// The outcomes that came with these reports, encoded.
    pub outcomes: Vec<Vec<u8>>,
    /// The time at the end, in nanoseconds since the beginning.
    pub now_ns: u64,
    pub(super) collected: Vec<(String, Vec<u8>)>,
    pub(super) files: Vec<(String, Vec<u8>)>,
}

impl Done {
    /// The bytes that are in the file that was granted by `file_to_write` under this name.
    ///
    /// # Panics
    /// Nothing was granted so.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().file_to_write("log").run(async |_| Ok(()));
    /// assert!(done.file("log").is_empty());
    /// ```
    pub fn file(&self, name: &str) -> &[u8] {
        match self.files.iter().find(|(file, _)| file == name) {
            Some((_, bytes)) => bytes,
            None => panic!("no file to write is granted as \"{name}\""),
        }
    }

    /// The bytes that were written to what was granted by `collect` under this name.
    ///
    /// # Panics
    /// Nothing was granted so.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().collect("out", 4096).run(async |ctx| {
    ///     Ok(ctx.publisher::<u8>("out")?.send_all(b"text").await?)
    /// });
    /// assert_eq!(done.bytes("out"), b"text");
    /// ```
    pub fn bytes(&self, name: &str) -> &[u8] {
        match self
            .collected
            .iter()
            .find(|(collected, _)| collected == name)
        {
            Some((_, bytes)) => bytes,
            None => panic!("nothing is collected as \"{name}\""),
        }
    }

    /// The messages that were written to what was granted by `collect` under this name.
    ///
    /// # Panics
    /// Nothing was granted so.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().collect("out", 4096).run(async |ctx| {
    ///     Ok(ctx.publisher::<u64>("out")?.send(7).await?)
    /// });
    /// assert_eq!(done.sent::<u64>("out"), [7]);
    /// ```
    pub fn sent<T: Pod>(&self, name: &str) -> Vec<T> {
        from_bytes(self.bytes(name))
    }

    /// The frames, kind and payload, that were written to what was granted by `collect` under this name.
    ///
    /// # Panics
    /// Nothing was granted so, or the bytes are not frames.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// let done = Harness::new().collect("out", 4096).run(async |ctx| {
    ///     Ok(ctx.frame_publisher("out")?.send(300, b"one").await?)
    /// });
    /// assert_eq!(done.frames("out"), [(300, b"one".to_vec())]);
    /// ```
    pub fn frames(&self, name: &str) -> Vec<(u32, Vec<u8>)> {
        let mut rest = self.bytes(name);
        let mut frames = Vec::new();
        while let Some((header, tail)) = rest.split_first_chunk::<FRAME_HEADER_BYTES>() {
            let header = FrameHeader::decode(*header);
            let payload = &tail[..header.payload_bytes as usize];
            frames.push((header.kind, payload.to_vec()));
            rest = &rest[header.frame_bytes() as usize..];
        }
        assert!(rest.is_empty(), "bytes that are no frame");
        frames
    }

    /// The values that were written to what was granted by `collect` under this name.
    ///
    /// # Panics
    /// Nothing was granted so, or something else than values was written.
    ///
    /// ```
    /// # use okernel_sdk::testing::Harness;
    /// use okernel_sdk::Value;
    /// let done = Harness::new().collect("out", 4096).run(async |ctx| {
    ///     Ok(ctx.frame_publisher("out")?.send_value(&Value::Int(7)).await?)
    /// });
    /// assert_eq!(done.values("out"), [Value::Int(7)]);
    /// ```
    pub fn values(&self, name: &str) -> Vec<Value> {
        let values = self.frames(name).into_iter().map(|(kind, payload)| {
            assert_eq!(kind, FRAME_VALUE, "a frame that is no value");
            match Value::decode(&payload) {
                Ok(value) => value,
                Err(error) => panic!("a frame that is no value: {error}"),
            }
        });
        values.collect()
    }
}
