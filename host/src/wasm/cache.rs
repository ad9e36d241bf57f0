//! Compiled modules on disk, so that a second start compiles nothing.
//!
//! Loading compiled code back is running native code. So an artefact is believed only if this
//! installation wrote it: each file carries a keyed hash over its contents and over what it was
//! compiled from, and the key is a random secret that only this user can read. A file that was
//! changed, renamed or brought from elsewhere does not match and is treated as absent; the next
//! compilation replaces it.
//!
//! The cache is a convenience: whatever is wrong with its folder, modules are compiled and a line is
//! logged.
//!
//! Invariants: files appear under their name only when complete (written beside, then renamed);
//! [`Cache::load`] answers nothing but bytes that [`Cache::store`] was given under the same key.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::Access;
use wasmtime::Engine;

use super::beside::{TEMPORARY_SUFFIX, write_beside};
use super::limits::CACHE_BYTES_MAX;

/// The environment variable that names the cache's folder, or is `off`.
pub const CACHE_VARIABLE: &str = "OKERNEL_CACHE";

const MAGIC: &[u8; 8] = b"okcache1";
const HEADER_BYTES: usize = MAGIC.len() + blake3::OUT_LEN;
const SECRET_FILE: &str = "secret";
const SECRET_BYTES: usize = blake3::KEY_LEN;
const ARTEFACT_SUFFIX: &str = "bin";
/// Nobody but this user reads what the cache has written.
const MODE: u32 = 0o600;
/// A file that was being written when its process died.
const TEMPORARY_AGE_MAX: Duration = Duration::from_secs(3600);

/// Where compiled modules are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CacheChoice {
    /// Nowhere: each start compiles.
    Off,
    /// In this folder, which is made if it is not there.
    Folder(PathBuf),
}

impl CacheChoice {
    /// What the environment says: `OKERNEL_CACHE` (a folder, or `off`), else `okernel` in
    /// `XDG_CACHE_HOME`, else `~/.cache/okernel`; with none of them, off.
    pub fn from_environment() -> CacheChoice {
        CacheChoice::from_variables(|name| std::env::var_os(name).map(PathBuf::from))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<PathBuf>) -> CacheChoice {
        // The standard for these folders says that a path which is not absolute is ignored.
        let base = |name| variable(name).filter(|path: &PathBuf| path.is_absolute());
        match variable(CACHE_VARIABLE) {
            Some(path) if path.as_os_str() == "off" => return CacheChoice::Off,
            Some(path) if !path.as_os_str().is_empty() => return CacheChoice::Folder(path),
            _ => {}
        }
        let cache = base("XDG_CACHE_HOME").or_else(|| Some(base("HOME")?.join(".cache")));
        cache.map_or(CacheChoice::Off, |path| {
            CacheChoice::Folder(path.join("okernel"))
        })
    }
}

/// What an artefact was compiled from and by what: 32 bytes that are different when any of it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key([u8; blake3::OUT_LEN]);

impl Key {
    /// The key of the module `wasm` compiled by `engine` in this version of the kernel.
    pub fn of(wasm: &[u8], engine: &Engine) -> Key {
        let mut settings = HashInto(blake3::Hasher::new());
        engine.precompile_compatibility_hash().hash(&mut settings);
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(MAGIC)
            .update(env!("CARGO_PKG_VERSION").as_bytes())
            .update(&[0]);
        hasher.update(settings.0.finalize().as_bytes()).update(wasm);
        Key(*hasher.finalize().as_bytes())
    }

    fn file_name(&self) -> String {
        format!(
            "{}.{ARTEFACT_SUFFIX}",
            blake3::Hash::from_bytes(self.0).to_hex()
        )
    }
}

/// Feeds what is hashed to a hasher whose result is the same in every process.
struct HashInto(blake3::Hasher);

impl Hasher for HashInto {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let mut word = [0; 8];
        word.copy_from_slice(&self.0.finalize().as_bytes()[..8]);
        u64::from_le_bytes(word)
    }
}

/// The folder of compiled modules.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    secret: [u8; SECRET_BYTES],
    bytes_max: u64,
}

impl Cache {
    /// Opens the cache, or answers none: because that was chosen, or because the folder cannot be
    /// used, which is logged.
    pub fn open(choice: &CacheChoice) -> Option<Cache> {
        let CacheChoice::Folder(folder) = choice else {
            return None;
        };
        match Cache::in_folder(folder) {
            Ok(cache) => Some(cache),
            Err(error) => {
                let folder = folder.display();
                tracing::warn!(
                    "no module cache in {folder}: {error}: modules are compiled each time"
                );
                None
            }
        }
    }

    fn in_folder(folder: &Path) -> io::Result<Cache> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let path = folder.join(SECRET_FILE);
        let secret = match read_secret(&path) {
            Ok(secret) => secret,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
            Err(_) => make_secret(&path)?,
        };
        Ok(Cache {
            folder: folder.to_path_buf(),
            secret,
            bytes_max: CACHE_BYTES_MAX,
        })
    }

    /// Whether the cache could be opened in this folder. Nothing is made or changed.
    ///
    /// # Errors
    /// Why not.
    pub fn could_open(folder: &Path) -> io::Result<()> {
        // Of a relative path the last ancestor is empty, which stands for the working folder.
        let here = |path: &Path| match path.as_os_str().is_empty() {
            true => PathBuf::from("."),
            false => path.to_path_buf(),
        };
        let mut ancestors = folder.ancestors().map(here);
        let there = ancestors.find(|path| path.exists());
        let there = there.ok_or(io::ErrorKind::NotFound)?;
        if !there.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        rustix::fs::access(&there, Access::WRITE_OK | Access::EXEC_OK)?;
        match open_secret(&folder.join(SECRET_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
            // It would be made, or made anew.
            _ => Ok(()),
        }
    }

    /// The artefact that was stored under this key, if it is there and is what was stored.
    pub fn load(&self, key: &Key) -> Option<Vec<u8>> {
        let path = self.folder.join(key.file_name());
        let file = File::open(&path).ok()?;
        let mut bytes = Vec::new();
        file.take(self.bytes_max).read_to_end(&mut bytes).ok()?;
        let (header, artefact) = bytes.split_at_checked(HEADER_BYTES)?;
        let (magic, code) = header.split_at(MAGIC.len());
        let wanted = self.authenticate(key, artefact);
        // The comparison of two hashes takes the same time wherever they differ.
        let found = blake3::Hash::from_slice(code).ok()?;
        if magic != MAGIC || found != wanted {
            tracing::warn!(
                "{} is not what this installation wrote: ignored",
                path.display()
            );
            return None;
        }
        bytes.drain(..HEADER_BYTES);
        Some(bytes)
    }

    /// Keeps an artefact under this key. What goes wrong is logged.
    pub fn store(&self, key: &Key, artefact: &[u8]) {
        let code = self.authenticate(key, artefact);
        let parts = [MAGIC.as_slice(), code.as_bytes(), artefact];
        let path = self.folder.join(key.file_name());
        let publish = |temporary: &Path| fs::rename(temporary, &path);
        if let Err(error) = write_beside(&path, MODE, &parts, publish) {
            tracing::warn!(
                "cannot keep a compiled module in {}: {error}",
                self.folder.display()
            );
        }
        self.make_room();
    }

    fn authenticate(&self, key: &Key, artefact: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        hasher.update(&key.0).update(artefact).finalize()
    }

    /// Removes the oldest artefacts while there are too many bytes of them, and what was left
    /// half written.
    fn make_room(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        let mut artefacts = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()) {
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            match path.extension().and_then(|suffix| suffix.to_str()) {
                Some(ARTEFACT_SUFFIX) => artefacts.push((written, metadata.len(), path)),
                Some(TEMPORARY_SUFFIX)
                    if written.elapsed().is_ok_and(|age| age > TEMPORARY_AGE_MAX) =>
                {
                    let _ = fs::remove_file(path);
                }
                _ => {}
            }
        }
        artefacts.sort();
        let mut bytes: u64 = artefacts.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, size, path) in artefacts {
            if bytes <= self.bytes_max {
                break;
            }
            if fs::remove_file(path).is_ok() {
                bytes -= size;
            }
        }
    }
}

/// Opens the secret, if it is a file of this user. PermissionDenied: it belongs to somebody else.
fn open_secret(path: &Path) -> io::Result<(File, Metadata)> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        let reason = format!("{} belongs to another user", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
    Ok((file, metadata))
}

/// Reads the secret, if nobody else can.
fn read_secret(path: &Path) -> io::Result<[u8; SECRET_BYTES]> {
    let (mut file, metadata) = open_secret(path)?;
    let private = metadata.is_file() && metadata.mode() & 0o077 == 0;
    if !private || metadata.len() != SECRET_BYTES as u64 {
        // Others may know it: it is replaced, and nothing that was written with it is believed.
        fs::remove_file(path)?;
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut secret = [0; SECRET_BYTES];
    file.read_exact(&mut secret)?;
    Ok(secret)
}

/// Makes a secret, unless another process was faster: then theirs is used.
fn make_secret(path: &Path) -> io::Result<[u8; SECRET_BYTES]> {
    let mut secret = [0; SECRET_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut secret)?;
    let linked = write_beside(path, MODE, &[&secret], |temporary| {
        let linked = fs::hard_link(temporary, path);
        fs::remove_file(temporary)?;
        linked
    });
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => read_secret(path),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cache, CacheChoice, Key, SECRET_FILE};
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::{Path, PathBuf};
    use std::time::{Duration, SystemTime};

    const KEY: Key = Key([7; 32]);

    fn open(folder: &tempfile::TempDir) -> Cache {
        Cache::open(&CacheChoice::Folder(folder.path().join("deep/okernel"))).unwrap()
    }

    #[test]
    fn what_was_stored_comes_back_also_in_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(open(&folder).load(&KEY), None);
        open(&folder).store(&KEY, b"compiled");
        assert_eq!(
            open(&folder).load(&KEY).as_deref(),
            Some(b"compiled".as_slice())
        );
        assert_eq!(open(&folder).load(&Key([8; 32])), None);
        open(&folder).store(&KEY, b"");
        assert_eq!(open(&folder).load(&KEY).as_deref(), Some(b"".as_slice()));
        let secret = fs::metadata(open(&folder).folder.join(SECRET_FILE)).unwrap();
        assert_eq!(secret.mode() & 0o777, 0o600);
        let left: Vec<_> = fs::read_dir(open(&folder).folder)
            .unwrap()
            .flatten()
            .collect();
        assert_eq!(
            left.len(),
            2,
            "nothing but the secret and the artefact: {left:?}"
        );
    }

    #[test]
    fn a_changed_cut_renamed_or_foreign_file_is_never_believed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(&folder);
        cache.store(&KEY, b"compiled");
        let path = cache.folder.join(KEY.file_name());
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            assert_eq!(cache.load(&KEY), None, "changed at {at}");
            fs::write(&path, &good[..at]).unwrap();
            assert_eq!(cache.load(&KEY), None, "cut at {at}");
        }
        fs::write(&path, &good).unwrap();
        assert!(cache.load(&KEY).is_some());
        let other = Key([9; 32]);
        fs::rename(&path, cache.folder.join(other.file_name())).unwrap();
        assert_eq!(cache.load(&other), None);

        let elsewhere = tempfile::tempdir().unwrap();
        let foreign = open(&elsewhere);
        foreign.store(&KEY, b"theirs");
        fs::copy(foreign.folder.join(KEY.file_name()), &path).unwrap();
        assert_eq!(cache.load(&KEY), None);
        // Storing replaces what was not believed.
        cache.store(&KEY, b"ours");
        assert_eq!(cache.load(&KEY).as_deref(), Some(b"ours".as_slice()));
    }

    #[test]
    fn a_secret_that_others_could_read_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let cache = open(&folder);
        cache.store(&KEY, b"compiled");
        let secret = cache.folder.join(SECRET_FILE);
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
        let next = open(&folder);
        assert_ne!(next.secret, cache.secret);
        assert_eq!(next.load(&KEY), None);
        fs::write(&secret, b"short").unwrap();
        assert_ne!(open(&folder).secret, next.secret);
    }

    #[test]
    fn a_folder_that_cannot_be_used_means_no_cache() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        assert!(Cache::open(&CacheChoice::Folder(file.join("below"))).is_none());
        assert!(Cache::could_open(&file.join("below")).is_err());
        assert!(Cache::open(&CacheChoice::Off).is_none());
        let cache = open(&folder);
        fs::remove_dir_all(&cache.folder).unwrap();
        cache.store(&KEY, b"compiled");
        assert_eq!(cache.load(&KEY), None);
    }

    #[test]
    fn whether_a_folder_could_be_used_is_seen_without_making_it() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("deep/okernel");
        Cache::could_open(&below).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        Cache::could_open(Path::new("not-there")).unwrap();
        let cache = open(&folder);
        Cache::could_open(&below).unwrap();
        // A secret that would be replaced is left as it is.
        let secret = cache.folder.join(SECRET_FILE);
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
        Cache::could_open(&below).unwrap();
        assert_eq!(fs::read(&secret).unwrap(), cache.secret);
    }

    #[test]
    fn the_oldest_artefacts_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = open(&folder);
        let hour = Duration::from_secs(3600);
        for (age, byte) in [(3u32, 1u8), (1, 2), (2, 3)] {
            let key = Key([byte; 32]);
            cache.store(&key, &[byte; 1000]);
            let file = fs::File::open(cache.folder.join(key.file_name())).unwrap();
            file.set_modified(SystemTime::now() - hour * age).unwrap();
        }
        cache.bytes_max = 3200;
        cache.store(&KEY, &[0; 1000]);
        let kept = [1u8, 2, 3].map(|byte| cache.load(&Key([byte; 32])).is_some());
        assert_eq!(kept, [false, true, true]);
        assert!(cache.load(&KEY).is_some());
    }

    #[test]
    fn the_environment_chooses_the_folder() {
        let choose = |variables: &'static [(&str, &str)]| {
            CacheChoice::from_variables(|name| {
                let found = variables.iter().find(|(known, _)| *known == name)?;
                Some(PathBuf::from(found.1))
            })
        };
        let folder = |path: &str| CacheChoice::Folder(PathBuf::from(path));
        assert_eq!(choose(&[]), CacheChoice::Off);
        assert_eq!(choose(&[("HOME", "/h")]), folder("/h/.cache/okernel"));
        assert_eq!(
            choose(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]),
            folder("/x/okernel")
        );
        assert_eq!(
            choose(&[("HOME", "/h"), ("XDG_CACHE_HOME", "x")]),
            folder("/h/.cache/okernel")
        );
        assert_eq!(
            choose(&[("HOME", "/h"), ("OKERNEL_CACHE", "c")]),
            folder("c")
        );
        assert_eq!(
            choose(&[("HOME", "/h"), ("OKERNEL_CACHE", "off")]),
            CacheChoice::Off
        );
    }
}
