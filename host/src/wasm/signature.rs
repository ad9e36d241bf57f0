//! Signatures of modules: who has made a file, and that it is still what they made.
//!
//! A signed module ends with a custom section that holds a public key of Ed25519 (RFC 8032) and its signature
//! over a hash of all bytes before that section. Engines and tools that do not know the section skip it. A
//! key is a line of text; the secret one is a file that only its owner can read.
//!
//! Invariant: nothing of a module is outside of what is signed but the section itself, which is the last.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

/// The name of the section that holds the signature.
pub const SIGNATURE_SECTION: &str = "okernel.signature";

/// The word before a public key, in a line of text.
pub const PUBLIC_WORD: &str = "okernel-ed25519";

/// The word before a secret key.
const SECRET_WORD: &str = "okernel-ed25519-secret";

/// What is signed begins with this, so that a signature of something else is never one of a module.
const PURPOSE: &[u8] = b"okernel module signature 1\0";

const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;
const PAYLOAD_BYTES: usize = 1 + KEY_BYTES + SIGNATURE_BYTES;
const SECTION_BYTES: usize = 1 + SIGNATURE_SECTION.len() + PAYLOAD_BYTES;
/// All of it: the section's id, its size, the size of its name, its name, its contents.
const SUFFIX_BYTES: usize = 2 + SECTION_BYTES;

const _: () = assert!(SECTION_BYTES < 128, "a size is one byte");

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    /// Reads a key as it is displayed, without the word before it.
    pub fn from_text(text: &str) -> Option<PublicKey> {
        Some(PublicKey(BASE64.decode(text).ok()?.try_into().ok()?))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a module says of its signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// The key that it names.
    pub key: PublicKey,
    /// Whether that key has signed these contents.
    pub validity: Validity,
}

/// Whether a signature is right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validity {
    /// The key has signed these contents.
    Valid,
    /// Something was changed after it was signed, or somebody else has signed it.
    Tampered,
}

/// A module, taken apart.
struct Parts<'a> {
    contents: &'a [u8],
    payload: Option<&'a [u8]>,
}

fn parts(wasm: &[u8]) -> Parts<'_> {
    let split = wasm.len().checked_sub(SUFFIX_BYTES);
    if let Some((contents, suffix)) = split.map(|at| wasm.split_at(at))
        && let Some(payload) = suffix.strip_prefix(header().as_slice())
    {
        return Parts {
            contents,
            payload: Some(payload),
        };
    }
    Parts {
        contents: wasm,
        payload: None,
    }
}

/// What comes before the section's contents.
fn header() -> Vec<u8> {
    let sizes = [0, SECTION_BYTES as u8, SIGNATURE_SECTION.len() as u8];
    [&sizes, SIGNATURE_SECTION.as_bytes()].concat()
}

/// The hash by which a module is known, signed or not: of its contents without a signature.
pub fn module_hash(wasm: &[u8]) -> blake3::Hash {
    blake3::hash(parts(wasm).contents)
}

fn message(hash: &blake3::Hash) -> Vec<u8> {
    [PURPOSE, hash.as_bytes()].concat()
}

/// What a module says of its signature; None: it has none.
pub fn signed(wasm: &[u8]) -> Option<Signed> {
    let payload = parts(wasm).payload?;
    let (version, rest) = payload.split_first()?;
    let (key, signature) = rest.split_first_chunk::<KEY_BYTES>()?;
    let message = message(&module_hash(wasm));
    let verified = UnparsedPublicKey::new(&ED25519, key).verify(&message, signature);
    let validity = match verified {
        Ok(()) if *version == VERSION => Validity::Valid,
        _ => Validity::Tampered,
    };
    Some(Signed {
        key: PublicKey(*key),
        validity,
    })
}

/// A key that signs.
pub struct SecretKey(Ed25519KeyPair);

/// A key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Others can read a secret.
    #[error("others can read it: make a new one, this one may be known; its mode must be 600")]
    Open,
    /// It holds no secret key.
    #[error("no secret key: 'okernel keygen FILE' makes one")]
    Form,
}

impl SecretKey {
    /// Makes a key and writes it to a new file that only this user can read; answers its public key.
    ///
    /// # Errors
    /// The file is there already, or cannot be written, or the system gives no random numbers.
    pub fn generate(path: &Path) -> Result<PublicKey, KeyError> {
        let mut seed = [0; KEY_BYTES];
        getrandom::getrandom(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
        let key = SecretKey::from_seed(&seed).ok_or(KeyError::Form)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        writeln!(file, "{SECRET_WORD} {}", BASE64.encode(seed))?;
        file.sync_all()?;
        Ok(key.public())
    }

    /// Reads a key from its file.
    ///
    /// # Errors
    /// It cannot be read, or others can, or it is no secret key.
    pub fn read(path: &Path) -> Result<SecretKey, KeyError> {
        let text = fs::read_to_string(path)?;
        let seed = text.trim().strip_prefix(SECRET_WORD).map(str::trim);
        let seed = seed.and_then(|seed| BASE64.decode(seed).ok());
        let seed = seed.ok_or(KeyError::Form)?;
        if fs::metadata(path)?.mode() & 0o077 != 0 {
            return Err(KeyError::Open);
        }
        SecretKey::from_seed(&seed).ok_or(KeyError::Form)
    }

    fn from_seed(seed: &[u8]) -> Option<SecretKey> {
        Some(SecretKey(Ed25519KeyPair::from_seed_unchecked(seed).ok()?))
    }

    /// The key that others check with.
    pub fn public(&self) -> PublicKey {
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(key)
    }

    /// The module with this key's signature, in place of any other.
    pub fn sign(&self, wasm: &[u8]) -> Vec<u8> {
        let signature = self.0.sign(&message(&module_hash(wasm)));
        let key = self.public();
        let contents = parts(wasm).contents;
        [contents, &header(), &[VERSION], &key.0, signature.as_ref()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyError, SecretKey, Validity, module_hash, signed};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn module() -> Vec<u8> {
        wat::parse_str(r#"(module (memory 1) (data (i32.const 0) "hello") (func))"#).unwrap()
    }

    fn key(byte: u8) -> SecretKey {
        SecretKey::from_seed(&[byte; 32]).unwrap()
    }

    #[test]
    fn a_signature_is_a_section_of_a_module_that_stays_one() {
        let (wasm, key) = (module(), key(1));
        assert_eq!(signed(&wasm), None);
        let with = key.sign(&wasm);
        wasmparser::validate(&with).unwrap();
        let found = signed(&with).unwrap();
        assert_eq!((found.key, found.validity), (key.public(), Validity::Valid));
        assert_eq!(module_hash(&with), module_hash(&wasm));
        // Signing again replaces the signature.
        let other = super::tests::key(2).sign(&with);
        assert_eq!(other.len(), with.len());
        assert_ne!(signed(&other).unwrap().key, key.public());
    }

    #[test]
    fn every_change_is_seen() {
        let with = key(1).sign(&module());
        for at in 0..with.len() {
            for bit in 0..8 {
                let mut changed = with.clone();
                changed[at] ^= 1 << bit;
                let valid = signed(&changed).is_some_and(|found| {
                    found.validity == Validity::Valid && found.key == key(1).public()
                });
                assert!(!valid, "byte {at} bit {bit}");
            }
        }
        for end in 0..with.len() {
            assert!(signed(&with[..end]).is_none(), "cut at {end}");
        }
        let longer = [with.as_slice(), b"\0\x02\x01x"].concat();
        assert_eq!(signed(&longer), None);
    }

    #[test]
    fn a_secret_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let public = SecretKey::generate(&path).unwrap();
        assert_eq!(SecretKey::read(&path).unwrap().public(), public);
        assert!(matches!(SecretKey::generate(&path), Err(KeyError::Io(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(SecretKey::read(&path), Err(KeyError::Open)));
        fs::write(&path, "okernel-ed25519-secret AAAA").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(SecretKey::read(&path), Err(KeyError::Form)));
    }
}
