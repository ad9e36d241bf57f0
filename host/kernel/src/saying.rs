//! What a task says: lines of the log, bytes for the console, names for whoever types there.
//!
//! Each is bounded: the log in lines a second, the rest in bytes on their way, so that no task fills a queue of the
//! kernel's.

use crate::capability::Object;
use crate::cell::{Cell, Stage};
use crate::context::{Context, Inner, wrong};
use crate::core::Core;
use crate::ids::CoreId;
use crate::io::output::Stream;
use crate::limits::LOG_LINE_BYTES_MAX;
use crate::message::Message;
use crate::pending::Pending;
use okernel_abi::layout::LogLevel;
use okernel_abi::value::Value;
use okernel_abi::{Errno, Handle};

impl Context {
    /// Writes a line to the kernel's log. What is longer than 8 KiB is cut off.
    ///
    /// # Errors
    /// Limit: the task has written more lines a second of late than it may.
    pub fn log(&mut self, level: LogLevel, text: &str) -> Result<(), Errno> {
        let Inner { core, cell } = self.inner_mut();
        let now_ns = core.read_clock();
        let refused = cell.log_budget.take(now_ns).ok_or(Errno::Limit)?;
        let mut end = text.len().min(LOG_LINE_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = &text[..end];
        let (task, name, core) = (self.task(), self.name(), self.core());
        if refused > 0 {
            let per_second = self.limits().log_lines_per_second;
            tracing::warn!(target: "task", %task, name, %core, "{refused} lines were left out: more than {per_second} a second");
        }
        match level {
            LogLevel::Error => tracing::error!(target: "task", %task, name, %core, "{text}"),
            LogLevel::Warn => tracing::warn!(target: "task", %task, name, %core, "{text}"),
            LogLevel::Info => tracing::info!(target: "task", %task, name, %core, "{text}"),
            LogLevel::Debug => tracing::debug!(target: "task", %task, name, %core, "{text}"),
            LogLevel::Trace => tracing::trace!(target: "task", %task, name, %core, "{text}"),
        }
        Ok(())
    }

    /// Writes bytes to the console: all of them; nothing, when the task has been told to end and goes on with its turn.
    ///
    /// # Errors
    /// Again: too much of this task's output is still on its way, wait for the console. TooLarge:
    /// more than may ever be on its way. BadHandle, WrongKind; Quota, Throttled: the grant is limited.
    pub fn print(&mut self, console: Handle, bytes: &[u8]) -> Result<(), Errno> {
        let Inner { core, cell } = self.inner_mut();
        cell.has_effects()?;
        let stream = stream(cell, console)?;
        // What it makes of being told to end in the middle of a turn is for nobody.
        let is_over = cell.kill.is_some() && cell.stage == Stage::Live;
        if bytes.is_empty() || is_over {
            return Ok(());
        }
        let pending = on_its_way(core, cell, console, bytes.len())?;
        let print = Message::Print {
            outlet: cell.outlet,
            stream,
            bytes: bytes.to_vec(),
        };
        core.ask(CoreId::BOOT, print, pending);
        Ok(())
    }

    /// Tells whoever types at the console which names there are, as an encoded vector of symbols.
    ///
    /// # Errors
    /// Malformed: something else was encoded. Again, TooLarge, BadHandle, WrongKind, Quota, Throttled as
    /// for [`Context::print`]: names are output too.
    pub fn offer(&mut self, console: Handle, names: &[u8]) -> Result<(), Errno> {
        let Inner { core, cell } = self.inner_mut();
        cell.has_effects()?;
        stream(cell, console)?;
        if !matches!(Value::decode(names), Ok(Value::Symbols(_))) {
            return Err(Errno::Malformed);
        }
        let pending = on_its_way(core, cell, console, names.len())?;
        let offer = Message::Offer(cell.outlet, names.to_vec());
        core.ask(CoreId::BOOT, offer, pending);
        Ok(())
    }
}

/// The stream that a right to the console is for.
fn stream(cell: &Cell, console: Handle) -> Result<Stream, Errno> {
    match cell.handles.get(console)?.plain() {
        Object::Console(stream) => Ok(*stream),
        other => Err(wrong(other)),
    }
}

/// Counts bytes that a task sends to the console, if it may send so many now.
fn on_its_way(
    core: &Core,
    cell: &mut Cell,
    console: Handle,
    bytes: usize,
) -> Result<Pending, Errno> {
    let (now_ns, units) = (core.shared.clock.now_ns(), bytes as u64);
    let meter = cell.handles.get(console)?.meter();
    if let Some(meter) = meter {
        meter.room(now_ns, units, units)?;
    }
    let bytes_max = core.shared.config.print_bytes_max;
    if bytes > bytes_max || bytes as u64 > cell.limits.message_bytes {
        return Err(Errno::TooLarge);
    }
    let full = cell.print_bytes > 0 && cell.print_bytes + bytes > bytes_max;
    if full || cell.print_elsewhere > 0 {
        return Err(Errno::Again);
    }
    // The last to refuse: what another holder has used since there was room is not used twice.
    if let Some(meter) = meter {
        meter.charge(now_ns, units)?;
    }
    cell.print_bytes += bytes;
    let task = cell.id;
    Ok(Pending::Print { task, bytes })
}
