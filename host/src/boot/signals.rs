//! Signals of the operating system: what Ctrl-C and `kill` mean to a kernel.
//!
//! SIGINT interrupts what the shell evaluates, and only that; what else it means where nobody is
//! prompted is the console's and the script's business. SIGTERM halts the kernel in order, and so does
//! SIGHUP, the loss of the terminal, where a person was prompted at it. A signal that comes while the kernel
//! halts already, or gives its last evaluation up, ends the process at once; but no further SIGHUP, of which
//! one comes from the terminal and one from the command shell.
//!
//! Invariant: the handlers only wake a thread of their own; nothing happens in a signal's context.

use std::io;
use std::sync::Arc;
use std::thread::Builder;

use okernel_core::{Control, INTERRUPTED, Status};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level;

use crate::console::terminal;

/// Exit status of a kernel that a signal has ended is this and the signal's number, as in command shells.
const SIGNALLED: Status = 128;

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

/// Makes an error of a write that would make a file longer than this process may (`ulimit -f`): otherwise it is the
/// end of the process. For good.
///
/// # Errors
/// The operating system gives no handler.
pub fn survive_file_limit() -> io::Result<()> {
    // Nobody looks at the flag: whoever writes is told.
    signal_hook::flag::register(libc::SIGXFSZ, Arc::default()).map(drop)
}

/// Takes the signals of this process for a kernel.
///
/// # Errors
/// The operating system gives no thread or no handler.
pub fn take(control: Control, prompted: Prompted) -> io::Result<Guard> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    if prompted == Prompted::Yes {
        signals.add_signal(SIGHUP)?;
    }
    let guard = Guard(signals.handle());
    Builder::new()
        .name("okernel-signals".to_string())
        .spawn(move || {
            let mut ending = None;
            for signal in signals.forever() {
                if let Some(status) = ending {
                    if signal == SIGHUP {
                        continue;
                    }
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
                    signal => {
                        control.halt(SIGNALLED + signal);
                        ending = Some(SIGNALLED + signal);
                    }
                }
            }
        })?;
    Ok(guard)
}
