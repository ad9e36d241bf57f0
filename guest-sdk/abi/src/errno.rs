//! The errors of system calls: the guest is told and may go on.
//!
//! A system call answers an `i64`: zero or more is the result, less than zero is the negated
//! number of an [`Errno`].

use core::fmt;

macro_rules! errnos {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $text:literal;)*) => {
        /// Why a system call was refused. The numbers are part of the ABI.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        #[repr(i32)]
        pub enum Errno {
            $($(#[doc = $doc])* $name = $number,)*
        }

        impl Errno {
            /// All errors, in the order of their numbers.
            pub const ALL: &'static [Errno] = &[$(Errno::$name,)*];

            /// The error with this number, if there is one.
            pub fn from_number(number: i32) -> Option<Errno> {
                match number {
                    $($number => Some(Errno::$name),)*
                    _ => None,
                }
            }

            /// One plain sentence for a person.
            pub fn text(self) -> &'static str {
                match self {
                    $(Errno::$name => $text,)*
                }
            }

            /// The name of the error as it is written in the reference.
            pub fn name(self) -> &'static str {
                match self {
                    $(Errno::$name => stringify!($name),)*
                }
            }
        }
    };
}

errnos! {
    /// Nothing there yet, or no room yet: arm with `wait`, yield, and try again.
    Again = 1, "nothing there yet";
    /// The other side has closed, and everything before it has been read.
    Closed = 2, "the other side is closed";
    /// More bytes than the ring, the buffer or the limit can ever hold.
    TooLarge = 3, "larger than the ring or the limit allows";
    /// A handle that was never given, or that is closed: its generation does not match.
    BadHandle = 4, "no such handle, or it is closed";
    /// The handle is of another kind than the call needs.
    WrongKind = 5, "the handle is of another kind";
    /// The spawner did not grant this.
    NotGranted = 6, "not granted by the spawner";
    /// The grant has been taken back.
    Revoked = 7, "the grant was revoked";
    /// An address range that is not the guest's own memory, or is a window of a ring.
    BadAddress = 8, "the address range is outside of the task's own memory";
    /// An argument outside of its range.
    Invalid = 9, "an argument is out of range";
    /// A limit of the task or of the kernel is reached.
    Limit = 10, "a limit is reached";
    /// This reader was overtaken: bytes were lost, `sub_missed` tells how many.
    Lapped = 11, "the reader was overtaken and missed data";
    /// This reader was detached by the publisher because it was too slow.
    Kicked = 12, "the reader was detached because it was too slow";
    /// The file, module, task or ring that was named is not there.
    NotFound = 13, "not found";
    /// The operating system refused an input or output operation.
    Io = 14, "input or output failed";
    /// The object is in use by another task.
    Busy = 15, "in use by another task";
    /// The kernel cannot do this.
    Unsupported = 16, "not supported by this kernel";
    /// The bytes that were given are not what the call expects.
    Malformed = 17, "the bytes are malformed";
    /// The kernel is stopping.
    Halting = 18, "the kernel is halting";
    /// The device that a file lies on, or the user's share of it, is full.
    NoSpace = 19, "no space is left on the device";
    /// A task that is being restored looks at what it holds; it can do this from its first `poll` on.
    NotNow = 20, "not while the task is being restored";
    /// The grant was given for a time, and that is over.
    Expired = 21, "the grant has expired";
    /// The grant was given for so much in all, and what is left of that is less than was asked for.
    Quota = 22, "the grant's quota is used up";
    /// The grant was given for so much a second, and that is used up for now: `wait` tells when to try again.
    Throttled = 23, "the grant's rate is used up for now";
}

impl Errno {
    /// The value that a system call answers for this error.
    pub fn to_result(self) -> i64 {
        -(self as i32 as i64)
    }

    /// Splits what a system call answered. An unknown negative number reads as
    /// [`Errno::Unsupported`]: it comes from a newer host.
    #[inline]
    pub fn check(result: i64) -> Result<u64, Errno> {
        if result >= 0 {
            return Ok(result as u64);
        }
        Err(Errno::from_result(result))
    }

    #[cold]
    fn from_result(result: i64) -> Errno {
        let number = i32::try_from(result.unsigned_abs()).unwrap_or(0);
        Errno::from_number(number).unwrap_or(Errno::Unsupported)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Errno {}

#[cfg(test)]
mod tests {
    use super::Errno;

    #[test]
    fn every_error_survives_the_boundary() {
        for &errno in Errno::ALL {
            assert_eq!(Errno::check(errno.to_result()), Err(errno));
        }
    }

    #[test]
    fn results_and_unknown_errors_are_told_apart() {
        assert_eq!(Errno::check(0), Ok(0));
        assert_eq!(Errno::check(i64::MAX), Ok(i64::MAX as u64));
        assert_eq!(Errno::check(-9999), Err(Errno::Unsupported));
        assert_eq!(Errno::check(i64::MIN), Err(Errno::Unsupported));
    }
}
