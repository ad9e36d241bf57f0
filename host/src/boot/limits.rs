//! What the kernel and its tasks may use, as a person sets it: `--limit NAME=NUMBER`.
//!
//! The names of a task's limits set the default of all tasks; those of the kernel bound all together, and what it
//! takes to compile a module.

use okernel_core::{DescribedLimit, LimitChanges, Limits, TasksMax};

use crate::wasm::capacity::Machine;
use crate::wasm::compile::CompileLimits;
use crate::wasm::limits::{DENSE_INSTANCES_MAX, MODULE_BYTES_MAX};

/// The names of the kernel's own limits.
pub const KERNEL_NAMES: [&str; 5] = [
    "tasks",
    "all_memory",
    "module",
    "compile_seconds",
    "compile_memory",
];

/// The largest number that a limit of the kernel can be set to, where nothing smaller bounds it.
const NUMBER_MAX: u64 = 1_000_000_000_000_000;

/// The limits of one kernel.
#[derive(Clone, PartialEq, Debug)]
pub struct BootLimits {
    /// Of a task whose spawner gives none: over the kernel's own defaults.
    tasks: LimitChanges,
    /// Tasks at a time, if fewer than the machine holds.
    tasks_max: u64,
    /// Memory of all tasks together, in bytes, if not the machine's.
    all_memory_bytes: Option<u64>,
    /// Of one compilation.
    compile: CompileLimits,
}

impl Default for BootLimits {
    fn default() -> BootLimits {
        BootLimits {
            tasks: LimitChanges::default(),
            tasks_max: u64::MAX,
            all_memory_bytes: None,
            compile: CompileLimits::default(),
        }
    }
}

impl BootLimits {
    /// Sets the limit with this name.
    ///
    /// # Errors
    /// There is no such limit, or the number is out of its range.
    pub fn set(&mut self, name: &str, number: f64) -> Result<(), String> {
        let whole = |most: u64| {
            if number.fract() == 0.0 && (1.0..=most as f64).contains(&number) {
                return Ok(number as u64);
            }
            Err(format!(
                "{name}: {number} is no whole number from 1 to {most}"
            ))
        };
        match name {
            "tasks" => self.tasks_max = whole(NUMBER_MAX)?,
            "all_memory" => self.all_memory_bytes = Some(whole(NUMBER_MAX)?),
            "module" => self.compile.module_bytes = whole(MODULE_BYTES_MAX as u64)?,
            "compile_seconds" => self.compile.seconds = whole(NUMBER_MAX)?,
            "compile_memory" => self.compile.memory_bytes = whole(NUMBER_MAX)?,
            _ => {
                let set = self.tasks.set(name, number);
                set.map_err(|error| match error.strip_prefix("there is no limit") {
                    Some(_) => format!("{error}, {}", KERNEL_NAMES.join(", ")),
                    None => error,
                })?;
            }
        }
        Ok(())
    }

    /// Limits of a task whose spawner gives none.
    pub fn of_a_task(&self) -> Limits {
        self.tasks.over(&Limits::default())
    }

    /// Tasks at a time: what was asked for, if there are slots for it; and what to do about it.
    pub fn tasks(&self, machine: &Machine, slots: u32) -> TasksMax {
        // Dense tasks have slots of their own; what is full first says so itself.
        let holds = u64::from(slots) + u64::from(DENSE_INSTANCES_MAX);
        match usize::try_from(self.tasks_max.min(holds)) {
            Ok(count) if self.tasks_max < holds => TasksMax {
                count,
                advice: "boot with a larger --limit tasks".to_string(),
            },
            _ => TasksMax {
                count: holds as usize,
                advice: machine.advice(),
            },
        }
    }

    /// Memory of all tasks together, in bytes.
    pub fn all_memory_bytes(&self, machine: &Machine) -> u64 {
        self.all_memory_bytes.unwrap_or(machine.memory_bytes)
    }

    /// Those of the kernel, in the order of [`KERNEL_NAMES`].
    pub fn described(&self, machine: &Machine) -> [DescribedLimit; KERNEL_NAMES.len()] {
        let tasks = self.tasks(machine, machine.tasks()).count as u64;
        let count = DescribedLimit::count;
        [
            count("tasks", tasks, "tasks at a time, dense ones among them"),
            count(
                "all_memory",
                self.all_memory_bytes(machine),
                "bytes of linear memory of all tasks together",
            ),
            count(
                "module",
                self.compile.module_bytes,
                "bytes of a module's file",
            ),
            count(
                "compile_seconds",
                self.compile.seconds,
                "seconds that compiling a module may take",
            ),
            count(
                "compile_memory",
                self.compile.memory_bytes,
                "bytes of memory that compiling a module may take",
            ),
        ]
    }

    /// What one compilation may take.
    pub fn compile(&self) -> CompileLimits {
        self.compile
    }
}

#[cfg(test)]
mod tests {
    use super::{BootLimits, DENSE_INSTANCES_MAX, KERNEL_NAMES};
    use crate::wasm::capacity::Machine;
    use okernel_core::Amount;

    #[test]
    fn every_limit_can_be_set_and_wrong_ones_are_named() {
        let machine = Machine::look();
        for (at, name) in KERNEL_NAMES.into_iter().enumerate() {
            let mut limits = BootLimits::default();
            assert_eq!(limits.set(name, 5.0), Ok(()), "{name}");
            let limit = limits.described(&machine)[at];
            assert_eq!((limit.name, limit.most), (name, Some(Amount::Count(5))));
            assert_ne!(limits, BootLimits::default(), "{name}");
            for wrong in [0.0, -1.0, 0.5, f64::NAN, f64::INFINITY] {
                assert!(limits.set(name, wrong).unwrap_err().starts_with(name));
            }
        }
        let mut limits = BootLimits::default();
        let large = limits.set("module", 128.0 * 1024.0 * 1024.0).unwrap_err();
        assert!(large.ends_with("from 1 to 67108864"), "{large}");
        limits.set("timers", 7.0).unwrap();
        assert_eq!(limits.of_a_task().timers, 7);
        let unknown = limits.set("time", 7.0).unwrap_err();
        assert!(
            unknown.contains("memory, ") && unknown.ends_with("compile_memory"),
            "{unknown}"
        );
    }

    #[test]
    fn fewer_tasks_than_the_machine_holds_can_be_asked_for() {
        let machine = Machine::look();
        let slots = machine.tasks();
        let holds = (slots + DENSE_INSTANCES_MAX) as usize;
        let mut limits = BootLimits::default();
        assert_eq!(limits.tasks(&machine, slots).count, holds);
        assert!(
            limits
                .tasks(&machine, slots)
                .advice
                .contains("okernel doctor")
        );
        limits.set("tasks", 1e9).unwrap();
        assert_eq!(limits.tasks(&machine, slots).count, holds);
        limits.set("tasks", 3.0).unwrap();
        assert_eq!(limits.tasks(&machine, slots).count, 3);
        assert!(
            limits
                .tasks(&machine, slots)
                .advice
                .contains("--limit tasks")
        );
    }
}
