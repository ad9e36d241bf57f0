//! Lines for the kernel's log. Every task may write them; they are for people, not for programs.
//!
//! ```
//! use okernel_sdk::abi::layout::LogLevel;
//! use okernel_sdk::testing::Harness;
//!
//! let done = Harness::new().run(async |_| {
//!     okernel_sdk::warn!("{} trades without a price", 3);
//!     Ok(())
//! });
//! assert_eq!(done.log, [(LogLevel::Warn, "3 trades without a price".to_string())]);
//! ```

use crate::sys;
use core::fmt;
pub use okernel_abi::layout::LogLevel;

/// The longest line, in bytes; what is longer is cut.
pub const LOG_BYTES_MAX: usize = 4096;

/// Writes a line. The macros `error!`, `warn!`, `info!`, `debug!` and `trace!` call this.
///
/// ```
/// use okernel_sdk::log::{LogLevel, write};
/// write(LogLevel::Info, format_args!("{} trades", 7));
/// ```
pub fn write(level: LogLevel, text: fmt::Arguments<'_>) {
    let mut line = match text.as_str() {
        Some(line) => line.to_string(),
        None => text.to_string(),
    };
    line.truncate(line.floor_char_boundary(LOG_BYTES_MAX));
    // A log that does not take the line is no reason to fail.
    let _ = sys::log(level as u32, &line);
}

/// Logs that something failed.
///
/// ```
/// okernel_sdk::error!("no trades for {} s", 7);
/// ```
#[macro_export]
macro_rules! error {
    ($($text:tt)*) => { $crate::log::write($crate::log::LogLevel::Error, format_args!($($text)*)) };
}

/// Logs that something is suspicious.
///
/// ```
/// okernel_sdk::warn!("{} trades without a price", 3);
/// ```
#[macro_export]
macro_rules! warn {
    ($($text:tt)*) => { $crate::log::write($crate::log::LogLevel::Warn, format_args!($($text)*)) };
}

/// Logs news.
///
/// ```
/// okernel_sdk::info!("{} trades", 7);
/// ```
#[macro_export]
macro_rules! info {
    ($($text:tt)*) => { $crate::log::write($crate::log::LogLevel::Info, format_args!($($text)*)) };
}

/// Logs what helps to find a fault.
///
/// ```
/// okernel_sdk::debug!("batch of {} trades", 7);
/// ```
#[macro_export]
macro_rules! debug {
    ($($text:tt)*) => { $crate::log::write($crate::log::LogLevel::Debug, format_args!($($text)*)) };
}

/// Logs everything.
///
/// ```
/// okernel_sdk::trace!("trade {}", 7);
/// ```
#[macro_export]
macro_rules! trace {
    ($($text:tt)*) => { $crate::log::write($crate::log::LogLevel::Trace, format_args!($($text)*)) };
}
