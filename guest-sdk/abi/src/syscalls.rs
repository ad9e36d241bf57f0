//! The table of system calls: one source for the linker, the SDK's imports and the reference page.
//!
//! Every call answers an `i64`: zero or more is its result, less than zero a negated
//! [`Errno`](crate::Errno). Addresses and lengths are bytes of the guest's linear memory; the host
//! treats them as allegations. Times are nanoseconds. To add a call, add it at the end: order and
//! names are part of the ABI.

/// Calls the macro `$apply` with the whole table: for each call its documentation, its name and its
/// parameters with their types (`u32` or `u64`). All calls return `i64`.
#[macro_export]
macro_rules! syscalls {
    ($apply:ident) => {
        $apply! {
            /// The handle of the grant with this name. NotGranted when the spawner did not give it.
            fn grant(name: u32, name_bytes: u32);
            /// The kind of a handle, a number of `HandleKind`.
            fn handle_kind(handle: u32);
            /// Gives a handle up. A publisher closes its ring; a subscriber leaves it; a timer is cancelled.
            fn close(handle: u32);
            /// Arms the task for this handle: answers 1 when it is ready now (a subscriber with at least
            /// `bytes` to read or closed, a publisher with at least `bytes` free, a timer that fired, a
            /// reply that came, a console that takes `bytes` more; a right to make requests waits for the next
            /// `exec`), or 0, and then the task sleeps after `poll` answered Yield until this or another
            /// armed handle is ready.
            fn wait(handle: u32, bytes: u32);
            /// Writes a `RingInfo` at `info`.
            fn ring_info(handle: u32, info: u32);
            /// Maps the ring into the task's memory, twice in a row, and answers the address; for a
            /// subscriber it can only be read. Unsupported when `RingInfo` says Copy. The same address is
            /// answered each time.
            fn ring_map(handle: u32);
            /// How many bytes the publisher may write at its position: at least `min`, at most `max`.
            /// Again when there is less room than `min`, TooLarge when the ring is smaller than `min`.
            fn pub_claim(handle: u32, min: u32, max: u32);
            /// Publishes the next `bytes` of what was claimed.
            fn pub_commit(handle: u32, bytes: u32);
            /// Copies bytes into the ring and publishes them: all of them, or Again.
            fn pub_write(handle: u32, address: u32, bytes: u32);
            /// How many bytes can be read at the subscriber's position. Again when there are none, Closed when
            /// there will be none, Lapped once after data was lost, Kicked when detached.
            fn sub_readable(handle: u32);
            /// Moves the subscriber's position on: the publisher may overwrite what lies before it.
            fn sub_release(handle: u32, bytes: u32);
            /// Copies up to `bytes` readable bytes from position plus `skip` to `address`, without
            /// releasing them; answers how many.
            fn sub_peek(handle: u32, skip: u32, address: u32, bytes: u32);
            /// How many bytes this subscriber has missed in all.
            fn sub_missed(handle: u32);
            /// Sets a timer `delay_ns` from now that repeats each `period_ns` (0: once); answers its handle.
            fn timer_set(timers: u32, delay_ns: u64, period_ns: u64);
            /// How often the timer has fired since this was last asked; Again when it has not.
            fn timer_take(timer: u32);
            /// Nanoseconds of the monotonic clock since the kernel's boot.
            fn clock(clock: u32);
            /// Writes bytes to the console: all of them, or Again while too much of this task's output is
            /// still on its way.
            fn console_write(console: u32, address: u32, bytes: u32);
            /// Writes a line to the kernel's log. Levels are those of `LogLevel`. Limit when the task has
            /// written too many lines of late.
            fn log(level: u32, address: u32, bytes: u32);
            /// Copies the input of the running `exec` to `address`, up to `bytes`; answers its whole length.
            fn input(address: u32, bytes: u32);
            /// Copies the task's arguments to `address`, up to `bytes`, as an encoded value (a list of
            /// strings); answers its whole length.
            fn args(address: u32, bytes: u32);
            /// The size of a granted file in bytes.
            fn file_size(file: u32);
            /// Reads up to `bytes` of the file at `offset` to `address`; answers how many, 0 at its end.
            fn file_read(file: u32, offset: u64, address: u32, bytes: u32);
            /// Reads up to `max` bytes of the file at `offset` straight into the publisher's ring and
            /// publishes them; answers how many, 0 at the file's end, Again when the ring is full.
            fn file_publish(file: u32, offset: u64, publisher: u32, max: u32);
            /// Sends a request (an encoded value) to the kernel; answers a handle for its reply.
            fn request(right: u32, address: u32, bytes: u32);
            /// Copies the reply to `address`, up to `bytes`, as an encoded value; answers its whole length.
            /// Again while there is none.
            fn reply(reply: u32, address: u32, bytes: u32);
            /// Reports how the input given by `exec` went, a number of `Executed`.
            fn executed(status: u32);
            /// Tells why the task is about to trap or to answer Err: the text becomes its reason.
            fn fault(address: u32, bytes: u32);
            /// Copies the names of all of the task's grants to `address`, up to `bytes`, as an encoded value (a
            /// vector of symbols); answers its whole length.
            fn grants(address: u32, bytes: u32);
            /// For code that meters itself, in the middle of long work: if the task's turn is over, others have
            /// theirs before this call comes back. Answers 1 when the task is to give up the input that it works
            /// on (somebody has interrupted it) or is being ended, otherwise 0.
            fn pause();
            /// Tells whoever types at this console which names there are now, as an encoded value (a vector of
            /// symbols), in place of those told before: the console completes them. Again while too much of
            /// this task's output is still on its way.
            fn console_offer(console: u32, address: u32, bytes: u32);
            /// Nanoseconds of the wall clock since 1970-01-01 in UTC. It may be set while the kernel runs: for
            /// distances in time there is `clock`.
            fn clock_utc(clock: u32);
            /// The seed for the task's random numbers, 63 bits: what its spawner set, else one made from the
            /// task's number, so that a kernel that does the same again gives the same seeds.
            fn seed();
            /// Writes bytes to the file, at `offset` or, when it was granted for appending, at its end;
            /// answers how many. NotGranted for a file to read, NoSpace when the device or a quota is full.
            fn file_write(file: u32, offset: u64, address: u32, bytes: u32);
            /// Cuts the file off at `bytes`, or fills it up with zeros. NotGranted for a file to read or append to.
            fn file_resize(file: u32, bytes: u64);
            /// The most bytes of memory of its own that the task may have, its static data and stack among them.
            fn memory();
            /// Hands over the task's state, with the version of its form: in the middle of `save`.
            fn state(version: u32, address: u32, bytes: u32);
            /// As `executed`, with an encoded value for whoever gave the input: its outcome. TooLarge for more
            /// than `REPORT_BYTES_MAX`.
            fn report(status: u32, address: u32, bytes: u32);
            /// Writes a `GrantInfo` at `info`: what the grant behind this handle is limited to. It answers for a
            /// grant that was taken back, too.
            fn grant_info(handle: u32, info: u32);
        }
    };
}

/// A parameter of a system call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Param {
    /// Its name in the table.
    pub name: &'static str,
    /// Its width in bits: 32 or 64.
    pub bits: u32,
}

/// A system call as data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Syscall {
    /// The name of the import.
    pub name: &'static str,
    /// Its parameters in order.
    pub params: &'static [Param],
    /// Its documentation, one line each.
    pub doc: &'static [&'static str],
}

macro_rules! table {
    ($($(#[doc = $doc:literal])* fn $name:ident($($param:ident: $type:ident),*);)*) => {
        /// The whole table, in the order of the ABI.
        pub const SYSCALLS: &[Syscall] = &[$(Syscall {
            name: stringify!($name),
            params: &[$(Param { name: stringify!($param), bits: $type::BITS },)*],
            doc: &[$($doc,)*],
        },)*];
    };
}

syscalls!(table);

#[cfg(test)]
mod tests {
    use super::SYSCALLS;

    #[test]
    fn names_are_unique_and_documented() {
        for (index, call) in SYSCALLS.iter().enumerate() {
            assert!(!call.doc.is_empty(), "{} has no documentation", call.name);
            assert!(
                SYSCALLS[..index]
                    .iter()
                    .all(|other| other.name != call.name),
                "{}",
                call.name
            );
            assert!(call.params.len() <= 4);
        }
    }
}
