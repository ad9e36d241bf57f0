//! Signals of the operating system: what Ctrl-C and `kill` mean to a kernel.
//!
//! SIGINT interrupts what the shell evaluates, and only that; what else it means where nobody is
//! prompted is the console's and the script's business. SIGTERM halts the kernel in order. A signal
//! that comes while the kernel halts already, or gives its last evaluation up, ends the process at once.
//!
//! Invariant: the handlers only wake a thread of their own; nothing happens in a signal's context.

use std::io;
use std::thread::Builder;

use okernel_core::{Control, INTERRUPTED, Status};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level;

use crate::console::terminal;

/// Exit status of a kernel that was told to terminate: what a command shell calls signal 15.
const TERMINATED: Status = 143;

/// Whether a person is prompted for the next line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prompted {
    /// An interrupt never ends the kernel.
    Yes,
    /// The first interrupt ends it in order, the second at once.
    No,
}

/// Signals are taken for as long as this lives.
pub struct Guard(Handle);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Takes the signals of this process for a kernel.
///
/// # Errors
/// The operating system gives no thread or no handler.
pub fn take(control: Control, prompted: Prompted) -> io::Result<Guard> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let guard = Guard(signals.handle());
    Builder::new()
        .name("okernel-signals".to_string())
        .spawn(move || {
            let mut ending = None;
            for signal in signals.forever() {
                if let Some(status) = ending {
                    terminal::restore();
                    low_level::exit(status);
                }
                match signal {
                    SIGINT => {
                        control.interrupt_input();
                        if prompted == Prompted::No {
                            ending = Some(INTERRUPTED);
                        }
                    }
                    _ => {
                        control.halt(TERMINATED);
                        ending = Some(TERMINATED);
                    }
                }
            }
        })?;
    Ok(guard)
}
