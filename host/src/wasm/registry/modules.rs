//! The registry as the kernel sees it: what can be loaded, tried, listed and gone back to.

use std::path::Path;
use std::sync::Arc;

use okernel_abi::Want;
use okernel_core::{
    CheckDone, Class, Fault, Limits, LoadDone, ModuleInfo, Modules, Program, Standing, Task,
    VersionInfo,
};

use super::Registry;
use crate::wasm::loading::{read, work_aside};

impl Modules for Registry {
    fn load(&self, name: &str, path: &Path, class: Class, done: LoadDone) {
        let shared = Arc::clone(&self.shared);
        let (name, path) = (name.to_string(), path.to_path_buf());
        let work = move || {
            let loaded = read(&path).and_then(|wasm| {
                let info = shared.load(&name, &wasm, class);
                info.map_err(|error| error.to_string())
            });
            loaded.map_err(|error| format!("{}: {error}", path.display()))
        };
        work_aside("load", work, done);
    }

    fn check(&self, name: &str, path: &Path, done: CheckDone) {
        let shared = Arc::clone(&self.shared);
        let (name, path) = (name.to_string(), path.to_path_buf());
        let work = move || {
            let checked = read(&path).and_then(|wasm| {
                let checked = shared.check(&name, &wasm);
                checked.map_err(|error| error.to_string())
            });
            checked.map_err(|error| format!("{}: {error}", path.display()))
        };
        work_aside("check", work, done);
    }

    fn instantiate(&self, program: &Program, limits: &Limits) -> Result<Box<dyn Task>, Fault> {
        Ok(Box::new(self.task(program, limits)?))
    }

    fn list(&self) -> Vec<ModuleInfo> {
        self.shared
            .entries()
            .iter()
            .map(|entry| entry.info.clone())
            .collect()
    }

    fn current(&self, name: &str) -> Option<u32> {
        Some(self.shared.read().get(name)?.current)
    }

    fn versions(&self) -> Vec<VersionInfo> {
        let modules = self.shared.read();
        let described = modules.values().flat_map(|named| {
            named.versions.iter().map(|entry| {
                let standing = match entry.info.version == named.current {
                    true => Standing::Current,
                    false => Standing::Kept,
                };
                entry.describe(standing)
            })
        });
        described.collect()
    }

    fn rollback(&self, name: &str) -> Result<ModuleInfo, String> {
        let mut modules = self.shared.write();
        let Some(named) = modules.get_mut(name) else {
            return Err(format!("there is no module {name}"));
        };
        let current = named.current;
        let mut earlier = named.versions.iter().rev();
        let earlier = earlier.find(|entry| entry.info.version < current);
        let Some(earlier) = earlier else {
            return Err(format!(
                "{name}: version {current} is current, and no earlier one is kept"
            ));
        };
        named.current = earlier.info.version;
        Ok(earlier.info.clone())
    }

    fn wants(&self, program: &Program) -> Arc<[Want]> {
        match program {
            Program::Module(name) => self.shared.entry(name).map(|entry| entry.wants.clone()),
            Program::Code(_) => None,
        }
        .unwrap_or_default()
    }
}
