//! What selectors do for people elsewhere: sessions of their own, requests, a copy of the console's output.

use crate::cell::Cell;
use crate::core::Core;
use crate::exit::Exit;
use crate::ids::{CoreId, TaskId};
use crate::inbox::Asker;
use crate::io::output::Stream;
use crate::io::selector::{Door, Notice};
use crate::message::Message;
use crate::pending::Pending;
use crate::refusal::Refusal;
use crate::spawn::{Outlet, Spawn};
use crate::table::Key;
use okernel_abi::Errno;
use okernel_abi::value::Value;
use std::sync::Arc;

impl Core {
    fn door(&self, slot: Key) -> Door {
        Door::new(Arc::clone(&self.signal), slot)
    }

    /// Carries out a request of the selector in this slot, which is answered by a notice.
    pub(crate) fn selector_request(&mut self, slot: Key, tag: u64, request: &Value) {
        let door = self.door(slot);
        let done = Box::new(move |answer| door.notice(Notice::Answer(tag, answer)));
        self.control_request(request, done);
    }

    /// Spawns a task for the selector in this slot.
    pub(crate) fn selector_spawn(&mut self, slot: Key, mut spawn: Box<Spawn>) {
        spawn.outlet = Outlet::Slot(slot);
        let door = self.door(slot);
        let done = Box::new(move |answer| door.notice(Notice::Spawned(answer)));
        self.shared.directory.spawn_begins();
        self.ask(self.id, Message::Spawn(spawn), Pending::ControlSpawn(done));
    }

    /// News for a selector that is gone. A task that was spawned for it is ended.
    pub(crate) fn notice_too_late(&mut self, notice: &Notice) {
        if let Notice::Spawned(answer) = notice
            && let Some(task) = answer.as_int().and_then(TaskId::from_number)
        {
            let kill = Value::List(vec![
                Value::Symbol("kill".to_string()),
                Value::Int(task.number()),
            ]);
            self.control_request(&kill, Box::new(drop));
        }
    }

    /// Hands names to whoever types, with those of the modules.
    pub(crate) fn offer(&mut self, asker: Asker, outlet: Outlet, names: &[u8]) {
        if self.console.is_none() && outlet == Outlet::Console {
            let refusal = Refusal::new(Errno::Unsupported, "offer: this core has no console");
            return self.answer(asker, Message::Error(refusal));
        }
        if let Ok(Value::Symbols(mut names)) = Value::decode(names) {
            let modules = self.shared.modules.list();
            names.extend(modules.iter().map(|module| format!("`{}", module.name)));
            let slots = match outlet {
                Outlet::Console => [self.console.as_slice(), &self.mirrors].concat(),
                Outlet::Slot(slot) => vec![slot],
            };
            for slot in slots {
                self.io.offer(slot, names.clone());
            }
        }
        self.answer(asker, Message::AckPrint);
    }

    /// The selectors that asked for it are told what is written to the console.
    pub(crate) fn mirror(&mut self, stream: Stream, bytes: &[u8]) {
        if self.mirrors.is_empty() {
            return;
        }
        let bytes: Arc<[u8]> = Arc::from(bytes);
        for slot in self.mirrors.clone() {
            self.notice(slot, Notice::Output(stream, Arc::clone(&bytes)));
        }
    }

    /// A task has ended: whoever has its output is told, if it is on this core.
    pub(crate) fn tell_outlet(&mut self, cell: &Cell, exit: &Exit) {
        if let Outlet::Slot(slot) = cell.outlet
            && self.id == CoreId::BOOT
        {
            self.notice(slot, Notice::Ended(cell.id, exit.to_string()));
        }
    }
}
