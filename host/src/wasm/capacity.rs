//! How many tasks this machine holds, and what bounds them.
//!
//! A sandbox costs address space (reserved, so that no access needs a check), mappings, and some memory. Each
//! of these has a maximum that somebody has set: the operating system, an administrator, a container. The count
//! is reckoned once, at boot; what is over it is refused with the name of the maximum that is in the way, which
//! is better than an operating system that refuses a mapping in the middle of something.
//!
//! Invariant: of what is reckoned here a part is left for everything else that the process needs.

use std::fs;

use rustix::process::Resource;

use super::limits::{
    INSTANCES_MAX, INSTANCES_MIN, MAPPINGS_PER_INSTANCE, MEMORY_GUARD_BYTES,
    MEMORY_RESERVATION_BYTES, RESIDENT_BYTES_PER_INSTANCE,
};

/// The address space of a process on this kind of processor, in bytes.
const USER_SPACE_BYTES: u64 = 1 << 47;

/// Linux's own value of `vm.max_map_count`.
const MAPPINGS_DEFAULT: u64 = 65_530;

/// Engines that have slots for every task: the one of users' tasks and the interpreter's.
const ENGINES: u64 = 2;

/// What a machine has, as far as it bounds tasks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Machine {
    /// Mappings that a process may have: `vm.max_map_count`.
    pub mappings: u64,
    /// Address space of this process, in bytes: `ulimit -v`, or all that there is.
    pub address_space_bytes: u64,
    /// Memory that this process may use, in bytes: the machine's, or its control group's.
    pub memory_bytes: u64,
    /// Descriptors that this process may have open: `ulimit -n`.
    pub descriptors: u64,
    /// Threads that this user may have: `ulimit -u`.
    pub threads: u64,
}

/// One maximum, and the tasks that it leaves room for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bound {
    /// What has the maximum.
    pub what: &'static str,
    /// Tasks that fit.
    pub tasks: u64,
    /// How to change it.
    pub advice: &'static str,
}

impl Machine {
    /// This machine, as this process sees it.
    pub fn look() -> Machine {
        let limit = |resource| rustix::process::getrlimit(resource).current;
        Machine {
            mappings: number_in("/proc/sys/vm/max_map_count").unwrap_or(MAPPINGS_DEFAULT),
            address_space_bytes: limit(Resource::As)
                .unwrap_or(USER_SPACE_BYTES)
                .min(USER_SPACE_BYTES),
            memory_bytes: memory_bytes(),
            descriptors: limit(Resource::Nofile).unwrap_or(u64::MAX),
            threads: limit(Resource::Nproc).unwrap_or(u64::MAX),
        }
    }

    /// What bounds the count of tasks, the tightest first.
    pub fn bounds(&self) -> Vec<Bound> {
        // The program lies in the middle of the address space, and each engine's slots in a row beside it.
        let slot_bytes = ENGINES * (MEMORY_RESERVATION_BYTES + MEMORY_GUARD_BYTES);
        let mut bounds = vec![
            Bound {
                what: "mappings (vm.max_map_count)",
                tasks: self.mappings / MAPPINGS_PER_INSTANCE,
                advice: "raise it with 'sysctl vm.max_map_count=N': four for each task",
            },
            Bound {
                what: "address space (ulimit -v)",
                tasks: self.address_space_bytes / 8 * 5 / slot_bytes,
                advice: "raise it with 'ulimit -v unlimited'; beyond that this processor has no more",
            },
            Bound {
                what: "memory",
                tasks: self.memory_bytes / 4 * 3 / RESIDENT_BYTES_PER_INSTANCE,
                advice: "give the machine or its control group more memory",
            },
            Bound {
                what: "this program",
                tasks: INSTANCES_MAX.into(),
                advice: "it is built for no more (INSTANCES_MAX)",
            },
        ];
        bounds.sort_by_key(|bound| bound.tasks);
        bounds
    }

    /// How many tasks fit.
    pub fn tasks(&self) -> u32 {
        let fewest = self.bounds().iter().map(|bound| bound.tasks).min();
        let fewest = fewest.unwrap_or(0).min(INSTANCES_MAX.into());
        (fewest as u32).max(INSTANCES_MIN)
    }

    /// What to do where there are as many as fit: the end of the sentence that refuses one more.
    pub fn advice(&self) -> String {
        match self.bounds().first() {
            Some(bound) => format!(
                "{} holds no more on this machine: {} ('okernel doctor' explains)",
                bound.what, bound.advice
            ),
            None => String::new(),
        }
    }
}

/// The number in a file of the operating system's.
fn number_in(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The machine's memory, or what the control group of this process may have of it.
fn memory_bytes() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| {
        let kib = line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?;
        kib.trim().parse::<u64>().ok()
    });
    // A machine that does not say is taken to have a gigabyte.
    let total = total.map_or(1 << 30, |kib| kib << 10);
    let group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let path = group.lines().find_map(|line| line.strip_prefix("0::"));
    let limit =
        path.and_then(|path| number_in(&format!("/sys/fs/cgroup{}/memory.max", path.trim())));
    limit.map_or(total, |limit| total.min(limit))
}

#[cfg(test)]
mod tests {
    use super::Machine;
    use crate::wasm::limits::{INSTANCES_MAX, INSTANCES_MIN};

    const ROOM: Machine = Machine {
        mappings: u64::MAX,
        address_space_bytes: 1 << 62,
        memory_bytes: u64::MAX,
        descriptors: u64::MAX,
        threads: u64::MAX,
    };

    #[test]
    fn the_count_follows_what_is_scarcest() {
        let mappings = Machine {
            mappings: 4000,
            ..ROOM
        };
        assert_eq!(mappings.tasks(), 1000);
        assert!(mappings.advice().starts_with("mappings (vm.max_map_count)"));
        let space = Machine {
            address_space_bytes: 1 << 40,
            ..ROOM
        };
        assert_eq!(space.tasks(), 79);
        assert!(space.advice().contains("ulimit -v"));
        let memory = Machine {
            memory_bytes: 64 << 20,
            ..ROOM
        };
        assert_eq!(memory.tasks(), 1536);
        assert_eq!(ROOM.tasks(), INSTANCES_MAX);
        let none = Machine {
            mappings: 0,
            memory_bytes: 0,
            ..ROOM
        };
        assert_eq!(none.tasks(), INSTANCES_MIN);
    }

    #[test]
    fn this_machine_can_be_looked_at() {
        let machine = Machine::look();
        assert!(
            machine.mappings > 1000 && machine.memory_bytes > 64 << 20,
            "{machine:?}"
        );
        assert!((INSTANCES_MIN..=INSTANCES_MAX).contains(&machine.tasks()));
    }
}
