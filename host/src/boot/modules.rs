//! The modules that are part of this program, and those that boot was told to load.

use crate::wasm::cache::CacheChoice;
use crate::wasm::engine::Engines;
use crate::wasm::registry::{Foreign, INTERPRETER, Registry};

use super::{BootError, Load};

/// The guests that the build has compiled: name, module.
const EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/modules.rs"));

/// A registry of the embedded modules, which are compiled when first wanted. Others it takes as `foreign` says.
pub fn embedded(
    engines: &Engines,
    cache: &CacheChoice,
    foreign: Foreign,
) -> Result<Registry, BootError> {
    let named = |name: &str| {
        let name = name.to_string();
        move |error| BootError::Module { name, error }
    };
    let registry = Registry::new(engines, cache, foreign).map_err(named("system calls"))?;
    for (name, wasm) in EMBEDDED {
        let embedded = match *name {
            INTERPRETER => registry.embed_interpreter(wasm),
            name => registry.embed(name, wasm),
        };
        embedded.map_err(named(name))?;
    }
    Ok(registry)
}

/// An embedded module as the build has compiled it, by its name.
pub fn embedded_module(name: &str) -> Option<&'static [u8]> {
    let found = EMBEDDED.iter().find(|(known, _)| *known == name);
    found.map(|(_, wasm)| *wasm)
}

/// Loads the modules that were named, one after another.
pub fn load(registry: &Registry, loads: &[Load]) -> Result<(), BootError> {
    for Load { name, path, class } in loads {
        let shown = || path.display().to_string();
        let wasm = std::fs::read(path).map_err(|error| BootError::File {
            path: shown(),
            error,
        })?;
        registry
            .load_bytes(name, &wasm, *class)
            .map_err(|error| BootError::Module {
                name: shown(),
                error,
            })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::EMBEDDED;
    use crate::wasm::registry::INTERPRETER;
    use std::collections::HashMap;
    use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

    /// For each function of a module, by the end of its name, the vector instructions in it.
    fn vector_instructions(wasm: &[u8]) -> Vec<(String, Vec<String>)> {
        let (mut imports, mut names, mut bodies) = (0, HashMap::new(), Vec::new());
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.unwrap() {
                Payload::ImportSection(section) => {
                    let all = section.into_imports().map(|import| import.unwrap().ty);
                    imports = all.filter(|ty| matches!(ty, TypeRef::Func(_))).count();
                }
                Payload::CodeSectionEntry(body) => {
                    let operators = body.get_operators_reader().unwrap().into_iter();
                    let texts = operators.map(|operator| format!("{:?}", operator.unwrap()));
                    let is_vector = |text: &String| {
                        ["I64x2", "F64x2"].iter().any(|lane| text.starts_with(lane))
                    };
                    bodies.push(texts.filter(is_vector).collect::<Vec<String>>());
                }
                Payload::CustomSection(section) => {
                    let KnownCustom::Name(reader) = section.as_known() else {
                        continue;
                    };
                    for name in reader {
                        if let Name::Function(map) = name.unwrap() {
                            let named = map.into_iter().map(|name| name.unwrap());
                            names.extend(
                                named.map(|name| (name.index as usize, name.name.to_string())),
                            );
                        }
                    }
                }
                _ => {}
            }
        }
        let name = |at: usize| names.get(&(imports + at)).cloned().unwrap_or_default();
        bodies
            .into_iter()
            .enumerate()
            .map(|(at, body)| (name(at), body))
            .collect()
    }

    #[test]
    fn the_interpreter_works_on_vectors_with_simd() {
        let (_, wasm) = EMBEDDED
            .iter()
            .find(|(name, _)| *name == INTERPRETER)
            .unwrap();
        let functions = vector_instructions(wasm);
        for (verb, instruction) in [
            ("verb5arith", "I64x2Add"),
            ("verb5arith", "I64x2Sub"),
            ("verb5arith", "F64x2Mul"),
            ("verb5arith", "F64x2Div"),
            ("verb4fold3sum", "I64x2Add"),
        ] {
            let uses = functions.iter().filter(|(name, _)| name.contains(verb));
            let count = uses
                .flat_map(|(_, body)| body)
                .filter(|text| text.as_str() == instruction)
                .count();
            assert!(count > 0, "{verb} has no {instruction}");
        }
    }
}
