//! A task that is a Wasm instance.
//!
//! The instance is made when the kernel calls `init`, on the core where it will live: so a start
//! function that never ends is suspended like any other code, and the CPU that will use the memory
//! touches it first. A call into the guest is a plain call: the store takes the kernel's context, the
//! guest runs, the context goes back.
//!
//! Invariants: the context comes back on every path, whatever the guest does; a guest that trapped is
//! never called again; windows are gone before the instance's memory is, and if one cannot be taken
//! away the memory is never given back to the pool.

use std::mem::ManuallyDrop;
use std::sync::Arc;

use okernel_abi::layout::{CALL_NOT_NOW, CALL_OK, PollCode};
use okernel_core::{
    Class, Context, Exit, Fault, FaultKind, Limits, Outcome, SavedState, Task, Unsaved,
};
use wasmtime::{Instance, Store};

use super::entry::{Entry, EntryPoint, Exports};
use super::module::GuestModule;
use super::state::State;
use super::{dense, preempt, scribble, trap};

/// A task made of a module.
pub struct WasmTask {
    module: Arc<GuestModule>,
    version: u32,
    limits: Limits,
    /// The program of the interpreter, which it finds as its input while no `exec` runs.
    source: Option<String>,
    guest: Option<Guest>,
}

/// An instance that can be called.
struct Guest {
    store: GuestStore,
    instance: Instance,
    poll: Entry<(), i32>,
}

/// What a call finds besides the store.
struct Callee<'a> {
    instance: &'a Instance,
    exports: &'a Exports,
    poll: &'a Entry<(), i32>,
}

impl WasmTask {
    /// A task of this module, which is that version of it. Nothing of it exists before `init`.
    pub(super) fn new(
        module: Arc<GuestModule>,
        version: u32,
        limits: Limits,
        source: Option<String>,
    ) -> WasmTask {
        WasmTask {
            module,
            version,
            limits,
            source,
            guest: None,
        }
    }

    /// Makes the instance and makes its first call, which is called `name`.
    fn begin(
        &mut self,
        cx: &mut Context,
        name: &str,
        first: impl FnOnce(&Instance, &Exports, &mut Store<State>) -> wasmtime::Result<i32>,
    ) -> Result<(), Fault> {
        let mut store = GuestStore::new(&self.module, &self.limits);
        store.state().input = self
            .source
            .take()
            .map(String::into_bytes)
            .unwrap_or_default();
        let module = &self.module;
        let exports = module.exports();
        let (instance, poll, status) = store.enter(cx, |store| {
            let instance = instantiate(module, store)?;
            let poll = exports.poll.of(&instance, store)?;
            let status = first(&instance, exports, store)?;
            Ok((instance, poll, status))
        })?;
        if status != CALL_OK {
            return Err(trap::answered(store.state(), name));
        }
        self.guest = Some(Guest {
            store,
            instance,
            poll,
        });
        Ok(())
    }

    /// Calls the guest. One that trapped is dropped at once, and its slot is free.
    fn call<T>(
        &mut self,
        cx: &mut Context,
        call: impl FnOnce(&mut Store<State>, &Callee<'_>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        let Some(guest) = &mut self.guest else {
            return Err(Fault::new(
                FaultKind::Host,
                "a task without an instance was called",
            ));
        };
        let callee = Callee {
            instance: &guest.instance,
            exports: self.module.exports(),
            poll: &guest.poll,
        };
        let result = guest.store.enter(cx, |store| call(store, &callee));
        if result.is_err() {
            self.guest = None;
        }
        result
    }

    /// The fault of a guest that answered that `call` failed.
    fn answered(&mut self, call: &str) -> Fault {
        match &mut self.guest {
            Some(guest) => trap::answered(guest.store.state(), call),
            None => Fault::new(FaultKind::Host, "a task without an instance answered"),
        }
    }
}

impl Task for WasmTask {
    fn init(&mut self, cx: &mut Context) -> Result<(), Fault> {
        self.begin(cx, "init", |instance, exports, store| {
            exports.init.call(instance, store, ())
        })
    }

    fn save(&mut self, cx: &mut Context) -> Result<SavedState, Unsaved> {
        let never = |text: &str| Err(Unsaved::Never(Fault::new(FaultKind::Refused, text)));
        if self.guest.is_none() {
            return never("a task that has not begun has no state");
        }
        if self.module.exports().save.is_none() {
            return never("the module does not export save: its tasks keep their version");
        }
        let called = self.call(cx, |store, callee| {
            store.data_mut().saving = Some(None);
            let status = match &callee.exports.save {
                Some(save) => save.call(callee.instance, store, ()),
                None => Ok(CALL_OK),
            };
            let saved = store.data_mut().saving.take().flatten();
            Ok((status?, saved))
        });
        match called.map_err(Unsaved::Ended)? {
            (CALL_OK, Some(saved)) => Ok(saved),
            (CALL_OK, None) => never("save has handed no state over"),
            (CALL_NOT_NOW, _) => Err(Unsaved::NotNow(self.answered("save"))),
            _ => Err(Unsaved::Never(self.answered("save"))),
        }
    }

    fn restore(&mut self, cx: &mut Context, state: SavedState) -> Result<(), Fault> {
        if !self.module.restores() {
            let text = "the module does not export restore";
            return Err(Fault::new(FaultKind::Refused, text));
        }
        self.begin(cx, "restore", |instance, exports, store| {
            match &exports.restore {
                Some(restore) => go_on(restore, instance, store, state),
                None => Ok(CALL_OK),
            }
        })
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn exec(&mut self, cx: &mut Context, input: &[u8]) -> Result<(), Fault> {
        let Ok(bytes) = u32::try_from(input.len()) else {
            return Err(Fault::new(FaultKind::Limit, "an input of more than 4 GiB"));
        };
        let status = self.call(cx, |store, callee| {
            let program = std::mem::replace(&mut store.data_mut().input, input.to_vec());
            let exec = &callee.exports.exec;
            let status = exec.call(callee.instance, store, bytes);
            store.data_mut().input = program;
            status
        })?;
        if status == CALL_OK {
            Ok(())
        } else {
            Err(self.answered("exec"))
        }
    }

    fn poll(&mut self, cx: &mut Context) -> Outcome {
        let poll = |store: &mut Store<State>, callee: &Callee<'_>| {
            if !store.data().lost_windows.is_empty() {
                callee.tell_revoked(store)?;
            }
            callee.poll.call(store, ())
        };
        let code = match self.call(cx, poll) {
            Ok(code) => code,
            Err(fault) => return Outcome::Err(fault),
        };
        match PollCode::from_number(code) {
            Some(PollCode::Yield) => Outcome::Yield,
            Some(PollCode::End) => Outcome::End,
            Some(PollCode::Err) => Outcome::Err(self.answered("poll")),
            Some(PollCode::Infinite) => Outcome::Infinite,
            None => Outcome::Err(Fault::new(
                FaultKind::Err,
                format!("poll answered {code}, which is no outcome"),
            )),
        }
    }

    fn finalize(&mut self, cx: &mut Context, exit: &Exit) {
        if self.guest.is_none() {
            return;
        }
        let code = exit.code() as u32;
        let finalize = |store: &mut Store<State>, callee: &Callee<'_>| {
            let finalize = &callee.exports.finalize;
            finalize.call(callee.instance, store, code)
        };
        if let Err(fault) = self.call(cx, finalize) {
            tracing::warn!(task = %cx.task(), "finalize: {fault}");
        }
        self.guest = None;
    }
}

impl Callee<'_> {
    /// Tells the guest which of its windows are gone, so that it does not go on with what it had claimed or not
    /// read yet there.
    fn tell_revoked(&self, store: &mut Store<State>) -> wasmtime::Result<()> {
        let handles = std::mem::take(&mut store.data_mut().lost_windows);
        let Some(revoked) = &self.exports.revoked else {
            return Ok(());
        };
        handles
            .into_iter()
            .try_for_each(|handle| revoked.call(self.instance, store, handle))
    }
}

/// Lets a new instance go on where another one was: what it reads as its input meanwhile is the state.
fn go_on(
    restore: &EntryPoint<(u32, u32), i32>,
    instance: &Instance,
    store: &mut Store<State>,
    state: SavedState,
) -> wasmtime::Result<i32> {
    let bytes = u32::try_from(state.bytes.len())?;
    let program = std::mem::replace(&mut store.data_mut().input, state.bytes);
    let status = restore.call(instance, store, (state.version, bytes));
    store.data_mut().input = program;
    status
}

/// Makes the instance, which runs its start function if it has one.
pub(super) fn instantiate(
    module: &GuestModule,
    store: &mut Store<State>,
) -> wasmtime::Result<Instance> {
    let instance = module.pre().instantiate(&mut *store)?;
    if let Some(memory) = module.exports().memory(&instance, store) {
        let base = memory.data_ptr(&*store);
        if module.class() == Class::Dense {
            dense::open(base).map_err(wasmtime::Error::new)?;
        }
        store.data_mut().attach(memory, base);
    }
    Ok(instance)
}

/// A store that takes its windows away before its memory is used again.
pub(super) struct GuestStore(ManuallyDrop<Store<State>>);

impl GuestStore {
    /// A store for an instance of this module.
    pub(super) fn new(module: &GuestModule, limits: &Limits) -> GuestStore {
        let mut store = Store::new(module.engine(), State::new(module.class(), limits));
        store.data_mut().lines = module.lines().cloned();
        store.limiter(|state| state);
        preempt::install(&mut store);
        let scribbles = Arc::clone(store.data().windows.scribbles());
        scribble::install(&mut store, scribbles, module.traps().clone());
        GuestStore(ManuallyDrop::new(store))
    }

    /// The store itself.
    #[cfg(test)]
    pub(super) fn store(&mut self) -> &mut Store<State> {
        &mut self.0
    }

    /// Its data.
    pub(super) fn state(&mut self) -> &mut State {
        self.0.data_mut()
    }

    /// Runs `call` with the kernel's context in the store's data.
    pub(super) fn enter<T>(
        &mut self,
        cx: &mut Context,
        call: impl FnOnce(&mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        let entered = Entered::new(&mut self.0, cx);
        entered.store.data_mut().drop_revoked_windows();
        preempt::start(entered.store);
        let result = call(entered.store);
        let state = entered.store.data_mut();
        match (result, preempt::offence(state)) {
            (Ok(value), None) => Ok(value),
            (Ok(_), Some(ended)) => Err(trap::ended(ended)),
            (Err(error), _) => Err(trap::fault(&error, state)),
        }
    }
}

impl Drop for GuestStore {
    fn drop(&mut self) {
        let windows = &mut self.state().windows;
        windows.put_back();
        if windows.is_poisoned() {
            tracing::error!("a task's memory is given up: a ring is still mapped in it");
            return;
        }
        // SAFETY: the store is not used again: this is its only drop.
        unsafe { ManuallyDrop::drop(&mut self.0) };
    }
}

/// The context is in the store's data for as long as this lives, also when the call unwinds.
struct Entered<'a> {
    store: &'a mut Store<State>,
    cx: &'a mut Context,
}

impl<'a> Entered<'a> {
    fn new(store: &'a mut Store<State>, cx: &'a mut Context) -> Entered<'a> {
        store.data_mut().cx = cx.take();
        Entered { store, cx }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        *self.cx = self.store.data_mut().cx.take();
    }
}
