//! Whether a module is a task of this kernel.
//!
//! A task says which version of the ABI it was built for, has the four entry points and a memory of
//! its own, and imports nothing but system calls. This is checked before anything is compiled, and each
//! breach gets a sentence that says what is wrong and what to do.
//!
//! Invariant: this looks at the description of a module, which its maker chose; the engine validates
//! the code itself.

use okernel_abi::syscalls::{SYSCALLS, Syscall};
use okernel_abi::{ABI_SECTION, ABI_VERSION, IMPORT_MODULE, WANTS_SECTION, Want};
use wasmparser::ValType;

use super::inspect::{Abi, Import, Inspection, signature};
use super::printable::printable;

/// The entry points that a task exports: name, parameters, results.
pub const ENTRY_POINTS: [(&str, &[ValType], &[ValType]); 4] = [
    ("init", &[], &[ValType::I32]),
    ("exec", &[ValType::I32], &[ValType::I32]),
    ("poll", &[], &[ValType::I32]),
    ("finalize", &[ValType::I32], &[]),
];

/// The entry points that a task may export besides: those by which it goes on in another instance, and the one
/// by which it is told that a ring was taken from it.
pub const OPTIONAL_ENTRY_POINTS: [(&str, &[ValType], &[ValType]); 3] = [
    ("save", &[], &[ValType::I32]),
    ("restore", &[ValType::I32, ValType::I32], &[ValType::I32]),
    ("revoked", &[ValType::I32], &[]),
];

/// The name under which a task exports its memory.
pub const MEMORY_EXPORT: &str = "memory";

/// The module is not a task that this kernel takes.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ContractError {
    /// It does not name an ABI.
    #[error("not a task: it has no section {ABI_SECTION}: build it with 'okernel build'")]
    NoAbi,
    /// The section that names the ABI is malformed.
    #[error("its section {ABI_SECTION} is malformed: build it again with 'okernel build'")]
    BadAbi,
    /// A line of the section that says what it wants is malformed.
    #[error(
        "its section {WANTS_SECTION} has the line \"{line}\", and a name, a kind and perhaps optional are expected: build it again with 'okernel build'"
    )]
    BadWant {
        /// The line, as it can be printed.
        line: String,
    },
    /// It was built for another ABI.
    #[error(
        "built for ABI {found}, this kernel speaks {ABI_VERSION}: rebuild it with this version's SDK"
    )]
    OtherAbi {
        /// What it was built for.
        found: u32,
    },
    /// An entry point is not there.
    #[error("it does not export {name}: write a task with the SDK's entry attribute")]
    NoEntry {
        /// The entry point.
        name: &'static str,
    },
    /// An entry point, or the memory, is of another type.
    #[error(
        "its export {name} is {found}, and must be {wanted}: build it again with 'okernel build'"
    )]
    WrongEntry {
        /// The export.
        name: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        wanted: String,
    },
    /// It imports from somewhere else.
    #[error(
        "it imports {module}.{name}: a task can only import from {IMPORT_MODULE}, and has no system library"
    )]
    ForeignImport {
        /// The import's module.
        module: String,
        /// The import's name.
        name: String,
    },
    /// It imports a system call that there is not.
    #[error(
        "it imports the system call {name}, which this kernel does not have: rebuild it with this version's SDK"
    )]
    UnknownCall {
        /// The import's name.
        name: String,
    },
    /// It imports a system call with another type.
    #[error(
        "it imports the system call {name} as {found}, and it is {wanted}: rebuild it with this version's SDK"
    )]
    WrongCall {
        /// The import's name.
        name: String,
        /// The type that it expects.
        found: String,
        /// The type of the call.
        wanted: String,
    },
}

impl Inspection {
    /// Whether this is a task that this kernel takes.
    ///
    /// # Errors
    /// The first thing that is not as it must be, and what to do about it.
    pub fn check(&self) -> Result<(), ContractError> {
        match self.abi {
            Abi::Missing => return Err(ContractError::NoAbi),
            Abi::Malformed => return Err(ContractError::BadAbi),
            Abi::Version(ABI_VERSION) => {}
            Abi::Version(found) => return Err(ContractError::OtherAbi { found }),
        }
        if let Some(line) = self.wants.iter().find(|line| Want::parse(line).is_none()) {
            let line = printable(line);
            return Err(ContractError::BadWant { line });
        }
        for (name, params, results) in ENTRY_POINTS {
            self.check_export(name, &signature(params, results))?;
        }
        for (name, params, results) in OPTIONAL_ENTRY_POINTS {
            if self.exports.iter().any(|export| export.name == name) {
                self.check_export(name, &signature(params, results))?;
            }
        }
        self.check_export(MEMORY_EXPORT, "memory")?;
        self.imports.iter().try_for_each(check_import)
    }

    fn check_export(&self, name: &'static str, wanted: &str) -> Result<(), ContractError> {
        let export = self.exports.iter().find(|export| export.name == name);
        match export {
            None => Err(ContractError::NoEntry { name }),
            Some(export) if export.kind == wanted => Ok(()),
            Some(export) => Err(ContractError::WrongEntry {
                name,
                found: export.kind.clone(),
                wanted: wanted.to_string(),
            }),
        }
    }
}

fn check_import(import: &Import) -> Result<(), ContractError> {
    let name = import.name.clone();
    if import.module != IMPORT_MODULE {
        return Err(ContractError::ForeignImport {
            module: import.module.clone(),
            name,
        });
    }
    let Some(call) = SYSCALLS.iter().find(|call| call.name == import.name) else {
        return Err(ContractError::UnknownCall { name });
    };
    let wanted = call_signature(call);
    if import.kind == wanted {
        return Ok(());
    }
    Err(ContractError::WrongCall {
        name,
        found: import.kind.clone(),
        wanted,
    })
}

fn call_signature(call: &Syscall) -> String {
    let width = |bits| {
        if bits == 64 {
            ValType::I64
        } else {
            ValType::I32
        }
    };
    let params: Vec<ValType> = call.params.iter().map(|param| width(param.bits)).collect();
    signature(&params, &[ValType::I64])
}

#[cfg(test)]
mod tests {
    use crate::wasm::inspect::inspect;

    const ENTRIES: &str = r#"
        (func (export "init") (result i32) (i32.const 0))
        (func (export "exec") (param i32) (result i32) (i32.const 0))
        (func (export "poll") (result i32) (i32.const 1))
        (func (export "finalize") (param i32))
        (memory (export "memory") 2 100)"#;

    fn module(custom: &str, imports: &str, rest: &str) -> Vec<u8> {
        let text = format!("(module {custom} {imports} {rest})");
        wat::parse_str(text).unwrap()
    }

    const ABI: &str = r#"(@custom "okernel.abi" "\01\00\00\00")"#;

    fn refusal(custom: &str, imports: &str, rest: &str) -> String {
        inspect(&module(custom, imports, rest))
            .unwrap()
            .check()
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn each_breach_of_the_contract_is_named_in_one_line() {
        let cases = [
            (refusal("", "", ENTRIES), "no section okernel.abi"),
            (
                refusal(r#"(@custom "okernel.abi" "1")"#, "", ENTRIES),
                "okernel.abi is malformed",
            ),
            (
                refusal(r#"(@custom "okernel.abi" "\02\00\00\00")"#, "", ENTRIES),
                "built for ABI 2, this kernel speaks 1: rebuild it",
            ),
            (
                refusal(
                    r#"(@custom "okernel.abi" "\01\00\00\00\02\00\00\00")"#,
                    "",
                    ENTRIES,
                ),
                "malformed",
            ),
            (
                refusal(
                    &format!("{ABI} (@custom \"okernel.wants\" \"in pipe\")"),
                    "",
                    ENTRIES,
                ),
                "okernel.wants has the line \"in pipe\"",
            ),
            (
                refusal(ABI, "", &ENTRIES.replace("\"poll\"", "\"pool\"")),
                "does not export poll",
            ),
            (
                refusal(ABI, "", &format!("{ENTRIES} (func (export \"save\"))")),
                "save is () -> (), and must be () -> i32",
            ),
            (
                refusal(ABI, "", &ENTRIES.replace("\"memory\"", "\"mem\"")),
                "does not export memory",
            ),
            (
                refusal(
                    ABI,
                    "",
                    &ENTRIES.replace("\"finalize\") (param i32)", "\"finalize\") (param i64)"),
                ),
                "finalize is (i64) -> (), and must be (i32) -> ()",
            ),
            (
                refusal(
                    ABI,
                    r#"(import "wasi_snapshot_preview1" "fd_write" (func))"#,
                    ENTRIES,
                ),
                "imports wasi_snapshot_preview1.fd_write",
            ),
            (
                refusal(ABI, r#"(import "okernel" "fork" (func))"#, ENTRIES),
                "system call fork",
            ),
            (
                refusal(
                    ABI,
                    r#"(import "okernel" "wait" (func (param i32)))"#,
                    ENTRIES,
                ),
                "wait as (i32) -> (), and it is (i32, i32) -> i64",
            ),
            (
                refusal(ABI, r#"(import "okernel" "wait" (global i32))"#, ENTRIES),
                "wait as global",
            ),
            (
                refusal(
                    ABI,
                    r#"(import "env" "memory" (memory 1))"#,
                    &ENTRIES.replace(
                        "(memory (export \"memory\") 2 100)",
                        "(export \"memory\" (memory 0))",
                    ),
                ),
                "imports env.memory",
            ),
        ];
        for (text, wanted) in cases {
            assert!(text.contains(wanted), "{text:?} does not say {wanted:?}");
            assert!(!text.contains('\n'));
        }
    }
}
