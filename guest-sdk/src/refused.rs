//! Which grants the kernel has refused to let the task use, and why: for messages to people.
//!
//! An error of a ring or a right is a small number. What a person wants to know besides is which grant it was and
//! what it is limited to; so the names of grants are kept here when they are opened, refusals are noted,
//! and the text of an error looks them up. Only what fails comes here.

use crate::sys;
use core::fmt;
use okernel_abi::Errno;
use okernel_abi::layout::GrantInfo;
use std::cell::RefCell;

/// A grant that was opened by its name.
struct Named {
    task: usize,
    handle: u32,
    name: String,
    /// Why its use was refused last, if it was.
    refused: Option<Errno>,
}

thread_local! {
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
                refused: None,
            }),
        }
    });
}

/// The kernel has refused a use of this handle. Answers the error, for the way on.
#[cold]
pub(crate) fn note(handle: u32, errno: Errno) -> Errno {
    let task = sys::task_number();
    NAMED.with_borrow_mut(|all| {
        let known = all
            .iter_mut()
            .find(|named| (named.task, named.handle) == (task, handle));
        if let Some(named) = known {
            named.refused = Some(errno);
        }
    });
    errno
}

/// An error as a text that names the grants that were refused with it.
pub(crate) struct Told(pub(crate) Errno);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.text())?;
        let task = sys::task_number();
        let concerned = |named: &&Named| named.task == task && named.refused == Some(self.0);
        NAMED.with_borrow(|all| {
            let grants: Vec<String> = all
                .iter()
                .filter(concerned)
                .filter_map(|named| {
                    let info = sys::grant_info(named.handle).unwrap_or_default();
                    let name = &named.name;
                    Some(match limit(self.0, &info)?.as_str() {
                        "" => format!("\"{name}\""),
                        limit => format!("\"{name}\": {limit}"),
                    })
                })
                .collect();
            if grants.is_empty() {
                return Ok(());
            }
            write!(f, " ({})", grants.join("; "))
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
