//! Pauses in the middle of long work, so that a verb on a long vector doesn't hold its core.
//!
//! The machine counts steps, but a verb is one step however long its vectors are. Verbs that can take long
//! call here about every [`PACE_ITEMS`] items. Whoever runs the machine may have set a hook: it lets
//! others run, and says whether the work is still wanted and memory allows it. Where nobody is asked a pause
//! costs a look at a counter.
//!
//! Invariant: the hook doesn't touch the machine; the verb goes on as if nothing had happened, or fails
//! with an error of class `limit`, or of class `interrupt` that no trap catches.

use crate::error::{Class, Error};
use std::cell::Cell;
use std::ops::Range;

/// Items between two pauses: some ten microseconds for the simplest of verbs.
pub const PACE_ITEMS: usize = 1 << 15;

/// What the hook answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// The work goes on.
    GoOn,
    /// The work is no longer wanted.
    Stop,
    /// More memory is in use than a program may take.
    Full,
}

thread_local! {
    static HOOK: Cell<Option<fn() -> Pace>> = const { Cell::new(None) };
    static ITEMS: Cell<usize> = const { Cell::new(0) };
}

/// Sets what is asked on this thread.
pub fn set_hook(hook: Option<fn() -> Pace>) {
    HOOK.set(hook);
}

/// The error of a program that somebody has interrupted.
pub fn interrupted() -> Error {
    Error::new(Class::Interrupt, "the evaluation was interrupted")
}

/// A pause.
///
/// # Errors
/// `interrupt` when the work is no longer wanted, `limit` when too much memory is in use.
pub fn pause() -> Result<(), Error> {
    match HOOK.get().map(|hook| hook()) {
        Some(Pace::Stop) => Err(interrupted()),
        Some(Pace::Full) => Err(Error::new(Class::Limit, "out of memory")),
        Some(Pace::GoOn) | None => Ok(()),
    }
}

/// Counts work, and pauses when enough of it has gathered.
///
/// # Errors
/// As for [`pause`].
#[inline]
pub fn work(items: usize) -> Result<(), Error> {
    let done = ITEMS.get() + items;
    if done < PACE_ITEMS {
        ITEMS.set(done);
        return Ok(());
    }
    ITEMS.set(0);
    pause()
}

/// The same where nothing can fail: the work is done to its end, and what follows it fails.
#[inline]
pub fn work_on(items: usize) {
    let _unwanted = work(items);
}

/// In a loop over items: a pause after every [`PACE_ITEMS`] of them.
///
/// # Errors
/// As for [`pause`].
#[inline(always)]
pub fn at(index: usize) -> Result<(), Error> {
    match index % PACE_ITEMS {
        LAST => pause(),
        _ => Ok(()),
    }
}

const LAST: usize = PACE_ITEMS - 1;

/// The numbers from 0 up to `count` in ranges, with a pause after each full one.
pub fn spans(count: usize) -> impl Iterator<Item = Result<Range<usize>, Error>> {
    (0..count).step_by(PACE_ITEMS).map(move |from| {
        let to = count.min(from + PACE_ITEMS);
        work(to - from).map(|()| from..to)
    })
}

/// Adds `count` items that are made one by one, with pauses.
///
/// # Errors
/// As for [`pause`].
#[inline]
pub fn extend<T>(
    out: &mut Vec<T>,
    count: usize,
    mut item: impl FnMut(usize) -> T,
) -> Result<(), Error> {
    for span in spans(count) {
        out.extend(span?.map(&mut item));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PACE_ITEMS, Pace, extend, pause, set_hook, work};
    use crate::error::Class;
    use std::cell::Cell;

    thread_local! {
        static ASKED: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn long_work_pauses_and_can_be_stopped() {
        set_hook(Some(|| {
            ASKED.set(ASKED.get() + 1);
            match ASKED.get() {
                0..=4 => Pace::GoOn,
                _ => Pace::Stop,
            }
        }));
        let mut out = Vec::new();
        extend(&mut out, 3 * PACE_ITEMS, |at| at).unwrap();
        assert_eq!((ASKED.get(), out.len()), (3, 3 * PACE_ITEMS));
        assert!(out.iter().enumerate().all(|(at, item)| at == *item));
        (0..PACE_ITEMS).try_for_each(|_| work(1)).unwrap();
        assert_eq!(ASKED.get(), 4);
        assert_eq!(pause().unwrap_err().class(), Class::Interrupt);
        set_hook(None);
        assert!(pause().is_ok());
    }
}
