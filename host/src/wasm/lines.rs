//! Where in its sources a guest was, if its module has debug information.
//!
//! The engine tells a place in the module's code; the module's DWARF sections say which line that was. They
//! are kept as they came in the file and read only when a guest has failed, so they cost a running
//! guest nothing. They are a stranger's bytes: lines are looked up, functions and types are not, so
//! nothing in them is followed to any depth.

use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian, SectionId};
use wasmparser::{Parser, Payload};

/// Bytes of debug information that are kept for a module; with more it has none.
const DEBUG_BYTES_MAX: usize = 32 << 20;

/// What the names of the sections with debug information begin with.
const PREFIX: &str = ".debug_";

/// The debug information of a module.
pub(super) struct SourceLines {
    sections: Vec<(String, Box<[u8]>)>,
    /// Where the code begins in the module; addresses count from there.
    code_start: usize,
}

impl SourceLines {
    /// That of this module, if it has any.
    pub(super) fn of(wasm: &[u8]) -> Option<SourceLines> {
        let mut lines = SourceLines {
            sections: Vec::new(),
            code_start: 0,
        };
        let mut bytes = 0;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.ok()? {
                Payload::CodeSectionStart { range, .. } => lines.code_start = range.start,
                Payload::CustomSection(section) if section.name().starts_with(PREFIX) => {
                    bytes += section.data().len();
                    let name = section.name().to_string();
                    lines.sections.push((name, section.data().into()));
                }
                _ => {}
            }
        }
        (bytes > 0 && bytes <= DEBUG_BYTES_MAX).then_some(lines)
    }

    /// The places `file:line:column` of these offsets in the module, as far as they are known.
    pub(super) fn places(&self, offsets: &[Option<usize>]) -> Vec<Option<String>> {
        let section = |id: SectionId| -> Result<_, addr2line::gimli::Error> {
            let mut sections = self.sections.iter();
            let found = sections.find(|(name, _)| name == id.name());
            let bytes = found.map_or(&[][..], |(_, bytes)| bytes);
            Ok(EndianSlice::new(bytes, LittleEndian))
        };
        let context = Dwarf::load(section).and_then(Context::from_dwarf);
        let place = |offset: &Option<usize>| {
            let address = (*offset)?.checked_sub(self.code_start)?;
            let location = context.as_ref().ok()?.find_location(address as u64);
            let location = location.ok()??;
            let line = location.line?;
            let column = location.column.unwrap_or(0);
            Some(format!("{}:{line}:{column}", shorten(location.file?)))
        };
        offsets.iter().map(place).collect()
    }
}

/// A path without what is the same for everybody: where the registry and the toolchain lie.
fn shorten(path: &str) -> &str {
    for mark in ["/registry/src/", "/rustc/"] {
        if let Some((_, rest)) = path.split_once(mark) {
            return rest.split_once('/').map_or(rest, |(_, rest)| rest);
        }
    }
    path
}
