//! What is set for a task when it is spawned, among its grants but granted nothing.
//!
//! The names are taken: whatever stands under another name of the dictionary is a grant. A setting's value goes to the
//! kernel as it is, for a number in it is never that of a ring's end.

/// A setting of a task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setting {
    /// Its arguments.
    Args,
    /// Its share of a core beside others.
    Weight,
    /// The most memory that it may have, in bytes.
    Memory,
    /// What else it may have at most, by name.
    Limits,
    /// The seed of its random numbers.
    Seed,
    /// Whether it stays on its core.
    Pin,
}

impl Setting {
    /// The setting with this name.
    pub fn from_name(name: &[u8]) -> Option<Setting> {
        Some(match name {
            b"args" => Setting::Args,
            b"weight" => Setting::Weight,
            b"memory" => Setting::Memory,
            b"limits" => Setting::Limits,
            b"seed" => Setting::Seed,
            b"pin" => Setting::Pin,
            _ => return None,
        })
    }
}
