//! What a module is, told without compiling or running it.
//!
//! [`inspect`] reads any core module and describes it, as the command line prints it. Whether it is a
//! task is the question of [`Inspection::check`](super::contract).
//!
//! Invariants: nothing here trusts the bytes, and no bytes make it fail in any way but by an error; names are kept as
//! they can be printed, which those of this kernel's contract are already.

use std::fmt;

use okernel_abi::want::Need;
use okernel_abi::{ABI_SECTION, WANTS_SECTION, Want};
use wasmparser::{
    CompositeInnerType, Encoding, ExternalKind, FuncType, MemoryType, Parser, Payload, TypeRef,
    ValType,
};

use super::limits::MODULE_BYTES_MAX;
use super::printable::printable;

/// A description of a module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inspection {
    /// Size of the module in bytes.
    pub bytes: usize,
    /// The ABI that it was built for, if it says so.
    pub abi: Abi,
    /// What it exports, in order.
    pub exports: Vec<Export>,
    /// What it imports, in order.
    pub imports: Vec<Import>,
    /// The grants that it wants: the lines of its section, see [`Want`].
    pub wants: Vec<String>,
    /// Its memory, if it has one.
    pub memory: Option<Memory>,
    /// Its sections, in order.
    pub sections: Vec<Section>,
}

/// What a module says of the ABI that it was built for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Abi {
    /// Nothing: it was not built with the SDK.
    #[default]
    Missing,
    /// The section is there but is not a version.
    Malformed,
    /// This version.
    Version(u32),
}

/// Something that a module exports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// What it is: for a function its type, such as `() -> i32`.
    pub kind: String,
}

/// Something that a module imports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Import {
    /// The module that it is to come from.
    pub module: String,
    /// Its name there.
    pub name: String,
    /// What it is: for a function its type, such as `(i32, i32) -> i64`.
    pub kind: String,
}

/// The memory of a module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Memory {
    /// Pages of 64 KiB that it starts with.
    pub initial_pages: u64,
    /// Pages that it can grow to, if it sets itself a limit.
    pub max_pages: Option<u64>,
}

/// A section of a module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    /// Its name: the standard's word, or the name of a custom section.
    pub name: String,
    /// Size of its contents in bytes.
    pub bytes: usize,
}

/// The bytes are not a module that can be described.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InspectError {
    /// They do not begin as WebAssembly does.
    #[error("not a WebAssembly module: it does not begin with the bytes 00 61 73 6d")]
    NotWasm,
    /// A component, not a core module.
    #[error(
        "a WebAssembly component: a core module is needed, build it for wasm32-unknown-unknown"
    )]
    Component,
    /// Larger than [`MODULE_BYTES_MAX`].
    #[error("{bytes} bytes: a module can have at most {MODULE_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Damaged or of an unknown form.
    #[error("damaged module: {reason} at byte {at}: build it again")]
    Damaged {
        /// What is wrong.
        reason: String,
        /// Offset in the file.
        at: u64,
    },
}

/// Describes a module.
///
/// # Errors
/// The bytes are no core module, or are too many, or are damaged.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    if bytes.len() > MODULE_BYTES_MAX {
        return Err(InspectError::TooLarge { bytes: bytes.len() });
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(InspectError::NotWasm);
    }
    let mut reader = SectionReader {
        found: Inspection {
            bytes: bytes.len(),
            ..Inspection::default()
        },
        ..SectionReader::default()
    };
    for payload in Parser::new(0).parse_all(bytes) {
        reader.payload(&payload?)?;
    }
    Ok(reader.found)
}

impl From<wasmparser::BinaryReaderError> for InspectError {
    fn from(error: wasmparser::BinaryReaderError) -> InspectError {
        let reason = printable(error.message().lines().next().unwrap_or_default());
        InspectError::Damaged {
            reason,
            at: error.offset() as u64,
        }
    }
}

/// What must be remembered from section to section: types come first, are used by functions, and
/// those by exports.
#[derive(Default)]
struct SectionReader {
    found: Inspection,
    types: Vec<Option<FuncType>>,
    functions: Vec<u32>,
    memories: Vec<MemoryType>,
}

impl SectionReader {
    fn payload(&mut self, payload: &Payload<'_>) -> Result<(), InspectError> {
        if let Payload::CustomSection(section) = payload {
            self.custom(section.name(), section.data());
        } else if let Some((id, range)) = payload.as_section() {
            let bytes = range.end - range.start;
            self.found.sections.push(Section {
                name: section_name(id).to_string(),
                bytes,
            });
        }
        match payload {
            Payload::Version {
                encoding: Encoding::Component,
                ..
            } => {
                return Err(InspectError::Component);
            }
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    for sub in group?.into_types() {
                        let function = match sub.composite_type.inner {
                            CompositeInnerType::Func(function) => Some(function),
                            _ => None,
                        };
                        self.types.push(function);
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    let import = import?;
                    let kind = self.type_ref(import.ty);
                    self.found.imports.push(Import {
                        module: printable(import.module),
                        name: printable(import.name),
                        kind,
                    });
                }
            }
            Payload::FunctionSection(section) => {
                for index in section.clone() {
                    self.functions.push(index?);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    self.memory(memory?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    let kind = self.export(export.kind, export.index);
                    self.found.exports.push(Export {
                        name: printable(export.name),
                        kind,
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn custom(&mut self, name: &str, data: &[u8]) {
        self.found.sections.push(Section {
            name: printable(name),
            bytes: data.len(),
        });
        if name == ABI_SECTION {
            self.found.abi = abi_of(data);
        }
        if name == WANTS_SECTION {
            let text = String::from_utf8_lossy(data);
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            self.found.wants.extend(lines.map(str::to_string));
        }
    }

    fn memory(&mut self, memory: MemoryType) {
        self.memories.push(memory);
        self.found.memory.get_or_insert(Memory {
            initial_pages: memory.initial,
            max_pages: memory.maximum,
        });
    }

    fn type_ref(&mut self, ty: TypeRef) -> String {
        match ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.functions.push(index);
                self.function_type(index)
            }
            TypeRef::Memory(memory) => {
                self.memory(memory);
                "memory".to_string()
            }
            TypeRef::Table(_) => "table".to_string(),
            TypeRef::Global(_) => "global".to_string(),
            TypeRef::Tag(_) => "tag".to_string(),
        }
    }

    fn function_type(&self, index: u32) -> String {
        match self.types.get(index as usize) {
            Some(Some(function)) => signature(function.params(), function.results()),
            _ => "function of an unknown type".to_string(),
        }
    }

    fn export(&self, kind: ExternalKind, index: u32) -> String {
        match kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                match self.functions.get(index as usize) {
                    Some(&type_index) => self.function_type(type_index),
                    None => "function that is not there".to_string(),
                }
            }
            ExternalKind::Memory => "memory".to_string(),
            ExternalKind::Table => "table".to_string(),
            ExternalKind::Global => "global".to_string(),
            ExternalKind::Tag => "tag".to_string(),
        }
    }
}

/// Linkers join sections of one name: two libraries that both state the version must agree.
fn abi_of(data: &[u8]) -> Abi {
    let (versions, []) = data.as_chunks::<4>() else {
        return Abi::Malformed;
    };
    match versions {
        [first, rest @ ..] if rest.iter().all(|other| other == first) => {
            Abi::Version(u32::from_le_bytes(*first))
        }
        _ => Abi::Malformed,
    }
}

/// A function's type, such as `(i32, i32) -> i64`.
pub(super) fn signature(params: &[ValType], results: &[ValType]) -> String {
    let list = |types: &[ValType]| {
        types
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match results {
        [one] => format!("({}) -> {one}", list(params)),
        _ => format!("({}) -> ({})", list(params), list(results)),
    }
}

fn section_name(id: u8) -> &'static str {
    const NAMES: [&str; 14] = [
        "custom",
        "type",
        "import",
        "function",
        "table",
        "memory",
        "global",
        "export",
        "start",
        "element",
        "code",
        "data",
        "data count",
        "tag",
    ];
    NAMES.get(usize::from(id)).copied().unwrap_or("unknown")
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.abi {
            Abi::Missing => writeln!(f, "abi      none")?,
            Abi::Malformed => writeln!(f, "abi      malformed")?,
            Abi::Version(version) => writeln!(f, "abi      {version}")?,
        }
        match self.check() {
            Ok(()) => writeln!(f, "task     yes")?,
            Err(error) => writeln!(f, "task     no: {error}")?,
        }
        if let Some(memory) = self.memory {
            let max = memory
                .max_pages
                .map_or("no limit".to_string(), |max| format!("at most {max}"));
            writeln!(
                f,
                "memory   {} pages of 64 KiB, {max}",
                memory.initial_pages
            )?;
        }
        for line in &self.wants {
            match Want::parse(line) {
                None => writeln!(f, "wants    malformed: \"{}\"", printable(line))?,
                Some(want) => {
                    let (name, kind, right) = (&want.name, want.kind.name(), want.right());
                    let optional = match want.need {
                        Need::Required => "",
                        Need::Optional => ", optional",
                    };
                    writeln!(f, "wants    {name} {kind}, to {right}{optional}")?;
                }
            }
        }
        for export in &self.exports {
            writeln!(f, "export   {} {}", export.name, export.kind)?;
        }
        for import in &self.imports {
            writeln!(
                f,
                "import   {}.{} {}",
                import.module, import.name, import.kind
            )?;
        }
        for section in &self.sections {
            writeln!(f, "section  {} {} bytes", section.name, section.bytes)?;
        }
        writeln!(f, "size     {} bytes", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{Abi, InspectError, Memory, inspect};
    use crate::wasm::limits::MODULE_BYTES_MAX;

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

    #[test]
    fn a_task_is_described_and_passes() {
        let custom = format!(
            r#"{ABI} (@custom "okernel.wants" "in subscriber\nout publisher\nlog file append optional\nclock clock\n")"#
        );
        let imports = r#"(import "okernel" "wait" (func (param i32 i32) (result i64)))
            (import "okernel" "timer_set" (func (param i32 i64 i64) (result i64)))"#;
        let found = inspect(&module(&custom, imports, ENTRIES)).unwrap();
        found.check().unwrap();
        assert_eq!(found.abi, Abi::Version(1));
        let wants = [
            "in subscriber",
            "out publisher",
            "log file append optional",
            "clock clock",
        ];
        assert_eq!(found.wants, wants);
        assert_eq!(
            found.memory,
            Some(Memory {
                initial_pages: 2,
                max_pages: Some(100)
            })
        );
        let text = found.to_string();
        for line in [
            "abi      1\n",
            "task     yes\n",
            "memory   2 pages of 64 KiB, at most 100\n",
            "wants    in subscriber, to read\n",
            "wants    out publisher, to write\n",
            "wants    log file, to append, optional\n",
            "wants    clock clock, to use\n",
            "export   poll () -> i32\n",
            "export   finalize (i32) -> ()\n",
            "import   okernel.timer_set (i32, i64, i64) -> i64\n",
            "section  okernel.abi 4 bytes\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
    }

    #[test]
    fn what_is_no_module_is_refused() {
        assert_eq!(inspect(b""), Err(InspectError::NotWasm));
        assert_eq!(inspect(b"#!/bin/sh"), Err(InspectError::NotWasm));
        assert_eq!(inspect(b"\0asm\x0d\0\x01\0"), Err(InspectError::Component));
        assert!(matches!(
            inspect(b"\0asm\x07\0\0\0"),
            Err(InspectError::Damaged { .. })
        ));
        let bytes = vec![0; MODULE_BYTES_MAX + 1];
        assert!(matches!(
            inspect(&bytes),
            Err(InspectError::TooLarge { .. })
        ));
    }

    #[test]
    fn damage_anywhere_is_an_error_or_a_module() {
        let bytes = module(ABI, "", ENTRIES);
        for end in 0..bytes.len() {
            let _ = inspect(&bytes[..end]);
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                if let Ok(found) = inspect(&flipped) {
                    let _ = (found.check(), found.to_string());
                }
            }
        }
    }
}
