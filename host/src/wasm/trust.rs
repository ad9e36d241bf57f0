//! Whose modules this kernel takes: a file of public keys, and of what is revoked.
//!
//! ```text
//! # one a line; what follows a key is its name
//! okernel-ed25519 3q2+7w... build server
//! revoked okernel-ed25519 AAAA... a key that was lost
//! revoked module 1f0c... the release with the bug
//! ```
//!
//! With such a file a module is taken if a key of it has signed what is there; without one, every module is.
//!
//! Invariant: what is revoked is refused, whoever has signed it; a file that cannot be understood is refused as a
//! whole, so that a slip in a line does not let anything in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::signature::{PUBLIC_WORD, PublicKey, Validity, module_hash, signed};

/// The word before what is revoked.
const REVOKED: &str = "revoked";

/// The word before the hash of a revoked module.
const MODULE: &str = "module";

/// Whose modules are taken.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trust {
    file: PathBuf,
    keys: BTreeMap<PublicKey, String>,
    revoked_keys: BTreeMap<PublicKey, String>,
    revoked_modules: BTreeSet<String>,
}

/// A file of keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It cannot be read.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A line of it cannot be understood.
    #[error(
        "{path} line {line}: expected '{PUBLIC_WORD} KEY NAME', 'revoked {PUBLIC_WORD} KEY' or 'revoked module HASH'"
    )]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// It has no key.
    #[error("{path}: no key in it: nothing could be loaded ('okernel keygen' makes one)")]
    Empty {
        /// Which.
        path: PathBuf,
    },
}

/// A module is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Untrusted {
    /// It is not signed.
    #[error("not signed: this kernel takes only what a key in {file} has signed ('okernel sign')")]
    Unsigned {
        /// The file of keys.
        file: PathBuf,
    },
    /// It was changed after it was signed.
    #[error("tampered with: it is not what {who} has signed")]
    Tampered {
        /// The key, and its name if it is known.
        who: String,
    },
    /// Its key is not one of ours.
    #[error("signed by {key}, which is not in {file}")]
    Stranger {
        /// The key.
        key: PublicKey,
        /// The file of keys.
        file: PathBuf,
    },
    /// Its key is revoked.
    #[error("revoked: the key of {who} is revoked in {file}")]
    RevokedKey {
        /// The key, and its name if it is known.
        who: String,
        /// The file of keys.
        file: PathBuf,
    },
    /// It is revoked itself.
    #[error("revoked: the module {hash} is revoked in {file}")]
    RevokedModule {
        /// Its hash.
        hash: String,
        /// The file of keys.
        file: PathBuf,
    },
}

impl Trust {
    /// Reads a file of keys.
    ///
    /// # Errors
    /// It cannot be read or understood, or has no key.
    pub fn read(path: &Path) -> Result<Trust, TrustError> {
        let text = fs::read_to_string(path).map_err(|error| TrustError::File {
            path: path.to_path_buf(),
            error,
        })?;
        let mut trust = Trust {
            file: path.to_path_buf(),
            ..Trust::default()
        };
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            trust.line(line).ok_or_else(|| TrustError::Line {
                path: path.to_path_buf(),
                line: index + 1,
            })?;
        }
        if trust.keys.is_empty() {
            return Err(TrustError::Empty {
                path: path.to_path_buf(),
            });
        }
        Ok(trust)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let mut words = line.split_whitespace();
        let mut word = words.next()?;
        let revoked = word == REVOKED;
        if revoked {
            word = words.next()?;
        }
        let value = words.next()?;
        let name = words.collect::<Vec<_>>().join(" ");
        if revoked && word == MODULE {
            let hash = blake3::Hash::from_hex(value).ok()?;
            self.revoked_modules.insert(hash.to_hex().to_string());
        } else if word == PUBLIC_WORD {
            let keys = match revoked {
                true => &mut self.revoked_keys,
                false => &mut self.keys,
            };
            keys.insert(PublicKey::from_text(value)?, name);
        } else {
            return None;
        }
        Some(())
    }

    /// Whether a module is taken.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, wasm: &[u8]) -> Result<(), Untrusted> {
        let file = || self.file.clone();
        let hash = module_hash(wasm).to_hex().to_string();
        if self.revoked_modules.contains(&hash) {
            return Err(Untrusted::RevokedModule { hash, file: file() });
        }
        let Some(signed) = signed(wasm) else {
            return Err(Untrusted::Unsigned { file: file() });
        };
        let who = self.who(&signed.key);
        if self.revoked_keys.contains_key(&signed.key) {
            return Err(Untrusted::RevokedKey { who, file: file() });
        }
        if !self.keys.contains_key(&signed.key) {
            let key = signed.key;
            return Err(Untrusted::Stranger { key, file: file() });
        }
        match signed.validity {
            Validity::Valid => Ok(()),
            Validity::Tampered => Err(Untrusted::Tampered { who }),
        }
    }

    fn who(&self, key: &PublicKey) -> String {
        let mut names = [&self.keys, &self.revoked_keys].into_iter();
        match names.find_map(|keys| keys.get(key).filter(|name| !name.is_empty())) {
            Some(name) => format!("{name} ({key})"),
            None => key.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Trust, TrustError, Untrusted};
    use crate::wasm::signature::{SecretKey, module_hash};
    use std::fs;

    struct Case {
        folder: tempfile::TempDir,
        keys: [SecretKey; 2],
        wasm: Vec<u8>,
    }

    impl Case {
        fn new() -> Case {
            let folder = tempfile::tempdir().unwrap();
            let key = |name: &str| {
                let path = folder.path().join(name);
                SecretKey::generate(&path).unwrap();
                SecretKey::read(&path).unwrap()
            };
            let keys = [key("a"), key("b")];
            let wasm = wat::parse_str("(module (memory 1))").unwrap();
            Case { folder, keys, wasm }
        }

        fn trust(&self, text: &str) -> Result<Trust, TrustError> {
            let path = self.folder.path().join("keys");
            fs::write(&path, text).unwrap();
            Trust::read(&path)
        }
    }

    #[test]
    fn only_what_a_key_of_the_file_has_signed_is_taken() {
        let case = Case::new();
        let [ours, theirs] = &case.keys;
        let trust = case
            .trust(&format!(
                "# ours\n\n  okernel-ed25519 {} build server\n",
                ours.public()
            ))
            .unwrap();
        trust.check(&ours.sign(&case.wasm)).unwrap();
        let refused = |wasm: &[u8]| trust.check(wasm).unwrap_err();
        assert!(matches!(refused(&case.wasm), Untrusted::Unsigned { .. }));
        assert!(matches!(
            refused(&theirs.sign(&case.wasm)),
            Untrusted::Stranger { .. }
        ));
        let mut tampered = ours.sign(&case.wasm);
        tampered[9] ^= 1;
        let text = refused(&tampered).to_string();
        assert!(
            text.starts_with("tampered with: it is not what build server ("),
            "{text}"
        );
    }

    #[test]
    fn what_is_revoked_is_refused_whoever_has_signed_it() {
        let case = Case::new();
        let [ours, lost] = &case.keys;
        let (ours_line, lost_line) = (ours.public(), lost.public());
        let hash = module_hash(&case.wasm).to_hex();
        let keys = format!("okernel-ed25519 {ours_line} us\nokernel-ed25519 {lost_line} lost\n");
        let trust = case
            .trust(&format!("{keys}revoked okernel-ed25519 {lost_line}\n"))
            .unwrap();
        trust.check(&ours.sign(&case.wasm)).unwrap();
        let text = trust.check(&lost.sign(&case.wasm)).unwrap_err().to_string();
        assert!(text.starts_with("revoked: the key of lost ("), "{text}");
        let trust = case
            .trust(&format!("{keys}revoked module {hash} bug\n"))
            .unwrap();
        let text = trust.check(&ours.sign(&case.wasm)).unwrap_err().to_string();
        assert!(
            text.starts_with(&format!("revoked: the module {hash}")),
            "{text}"
        );
    }

    #[test]
    fn a_file_with_a_slip_is_refused_as_a_whole() {
        let case = Case::new();
        let key = case.keys[0].public();
        for slip in [
            "okernel-ed25519",
            "okernel-ed25519 AAAA",
            "revoked",
            "revoked module 12",
            "key x",
        ] {
            let text = format!("okernel-ed25519 {key}\n{slip}\n");
            let refused = case.trust(&text).unwrap_err();
            assert!(
                matches!(refused, TrustError::Line { line: 2, .. }),
                "{slip}: {refused}"
            );
        }
        assert!(matches!(
            case.trust("# none\n"),
            Err(TrustError::Empty { .. })
        ));
        assert!(matches!(
            Trust::read(&case.folder.path().join("absent")),
            Err(TrustError::File { .. })
        ));
    }
}
