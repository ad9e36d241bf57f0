//! Which grants the kernel has refused to let the task use, and why: for messages to people.
//!
//! An error of a ring or a right is a small number. What a person wants to know besides is which grant it was and
//! what it is limited to; so the names of grants are kept here when they are opened, the last refusal is noted,
//! and the text of an error looks it up. Only what fails comes here.

use crate::sys;
use core::fmt;
use okernel_abi::Errno;
use okernel_abi::layout::GrantInfo;
use std::cell::{Cell, RefCell};

/// A grant that was opened by its name.
struct Named {
    task: usize,
    handle: u32,
    name: String,
}

/// A use of a handle that the kernel has refused.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Refused {
    task: usize,
    handle: u32,
    errno: Errno,
}

thread_local! {
    /// The last one: an error is told before the next comes up, or its text says less, but never of other grants.
    static LAST: Cell<Option<Refused>> = const { Cell::new(None) };
    static NAMED: RefCell<Vec<Named>> = const { RefCell::new(Vec::new()) };
}

/// A handle was asked for by its name.
pub(crate) fn name(handle: u32, name: &str) {
    let task = sys::task_number();
    NAMED.with_borrow_mut(|all| {
        let known = all
            .iter_mut()
            .find(|named| (named.task, named.handle) == (task, handle));
        match known {
            Some(named) if named.name == name => {}
            Some(named) => named.name = name.to_string(),
            None => all.push(Named {
                task,
                handle,
                name: name.to_string(),
            }),
        }
    });
}

/// The kernel has refused a use of this handle. Answers the error, for the way on.
#[cold]
pub(crate) fn note(handle: u32, errno: Errno) -> Errno {
    LAST.set(Some(Refused {
        task: sys::task_number(),
        handle,
        errno,
    }));
    errno
}

/// An error as a text that names the grant that was refused with it last.
pub(crate) struct Told(pub(crate) Errno);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.text())?;
        let task = sys::task_number();
        let concerned = |last: &Refused| last.task == task && last.errno == self.0;
        let Some(last) = LAST.get().filter(concerned) else {
            return Ok(());
        };
        let info = sys::grant_info(last.handle).unwrap_or_default();
        let Some(limit) = limit(self.0, &info) else {
            return Ok(());
        };
        NAMED.with_borrow(|all| {
            let is_last = |named: &&Named| (named.task, named.handle) == (task, last.handle);
            match all.iter().find(is_last) {
                Some(Named { name, .. }) if limit.is_empty() => write!(f, " (\"{name}\")"),
                Some(Named { name, .. }) => write!(f, " (\"{name}\": {limit})"),
                None => Ok(()),
            }
        })
    }
}

/// What a grant is limited to, as far as that explains the error. None when it does not.
fn limit(errno: Errno, info: &GrantInfo) -> Option<String> {
    match errno {
        Errno::Revoked | Errno::Expired => Some(String::new()),
        Errno::Quota => Some(format!("{} of {} used", info.used, info.quota)),
        Errno::Throttled => Some(format!("{} a second", info.rate)),
        Errno::TooLarge if info.burst > 0 => Some(format!("at most {} at once", info.burst)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Told, name, note};
    use crate::testing::Harness;
    use okernel_abi::Errno;

    #[test]
    fn a_refusal_is_forgotten_for_the_next() {
        let done = Harness::new().run(async |_| {
            name(101, "in");
            name(102, "out");
            note(101, Errno::Revoked);
            assert!(Told(Errno::Revoked).to_string().ends_with(" (\"in\")"));
            note(102, Errno::Revoked);
            assert!(Told(Errno::Revoked).to_string().ends_with(" (\"out\")"));
            // One of another kind, and one of a handle without a name: neither is the fault of `out`.
            note(101, Errno::Expired);
            assert_eq!(Told(Errno::Revoked).to_string(), Errno::Revoked.text());
            note(103, Errno::Revoked);
            assert_eq!(Told(Errno::Revoked).to_string(), Errno::Revoked.text());
            Ok(())
        });
        assert_eq!(done.result, Ok(()));
    }
}
