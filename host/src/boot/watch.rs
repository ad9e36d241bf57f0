//! Watch mode: the modules of a folder are loaded when they are rebuilt.
//!
//! The operating system tells of every file in the folder that is written, moved or linked into it. A file is
//! loaded under its name without `.wasm` when it is whole and has been so for a moment: it was closed by
//! whoever wrote it, moved here, or linked here from somewhere else (which is how cargo puts its results in
//! place). A file that is being written is left alone until that ends; what is damaged all the same is
//! refused by the load, which changes nothing.
//!
//! Invariant: the thread here only waits and asks; loading is the kernel's business.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use okernel_abi::value::Value;
use okernel_core::{Control, aside};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;

/// How long a file must have been whole before it is loaded: a linker may write it more than once.
const QUIET: Duration = Duration::from_millis(50);

/// Bytes of events that are read at once.
const EVENT_BYTES: usize = 4096;

/// What modules' files end in.
const EXTENSION: &str = "wasm";

/// A folder that is watched.
pub struct Watch {
    folder: PathBuf,
    events: OwnedFd,
}

/// The folder is watched for as long as this lives.
pub struct Guard(Arc<OwnedFd>);

impl Drop for Guard {
    fn drop(&mut self) {
        // The counter of an eventfd has room for this one.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }
}

/// What an event says of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    /// All of it is there.
    Whole,
    /// It is being written, or gone.
    Partial,
}

/// The files that are whole and not loaded yet, and since when.
#[derive(Default)]
struct Changes(BTreeMap<String, Instant>);

impl Changes {
    fn note(&mut self, module: String, change: Change, now: Instant) {
        match change {
            Change::Whole => drop(self.0.insert(module, now)),
            Change::Partial => drop(self.0.remove(&module)),
        }
    }

    /// Takes the modules that have been whole for long enough.
    fn take_due(&mut self, now: Instant) -> Vec<String> {
        let is_due = |since: &Instant| now.saturating_duration_since(*since) >= QUIET;
        let due = self.0.iter().filter(|(_, since)| is_due(since));
        let due: Vec<String> = due.map(|(module, _)| module.clone()).collect();
        self.0.retain(|_, since| !is_due(since));
        due
    }

    /// How long it is until the next one is due.
    fn wait(&self, now: Instant) -> Option<Duration> {
        let first = self.0.values().min()?;
        Some((*first + QUIET).saturating_duration_since(now))
    }
}

impl Watch {
    /// Begins to watch a folder. What happens in it from now on is not missed.
    ///
    /// # Errors
    /// It is not there, or is no folder, or the operating system watches no more.
    pub fn open(folder: &Path) -> io::Result<Watch> {
        let events = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let wanted = WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::CREATE
            | WatchFlags::MODIFY
            | WatchFlags::DELETE
            | WatchFlags::ONLYDIR;
        add_watch(&events, folder, wanted)?;
        Ok(Watch {
            folder: folder.to_path_buf(),
            events,
        })
    }

    /// The modules that are in the folder now: name, file.
    pub fn modules(&self) -> Vec<(String, PathBuf)> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::warn!("watch: {}: {error}", self.folder.display());
                return Vec::new();
            }
        };
        let paths = entries.flatten().map(|entry| entry.path());
        let named = paths.filter_map(|path| Some((module_of(path.file_name()?)?, path)));
        let mut all: Vec<_> = named.collect();
        all.sort();
        all
    }

    /// Loads what changes from now on, on a thread of its own.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(self, control: Control) -> io::Result<Guard> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let stopped = Arc::clone(&stop);
        aside::spawn("okernel-watch", move || self.run(&stopped, &control))?;
        Ok(Guard(stop))
    }

    fn run(&self, stopped: &OwnedFd, control: &Control) {
        let mut changes = Changes::default();
        loop {
            let wait = changes.wait(Instant::now());
            let timeout = wait.and_then(|wait| Timespec::try_from(wait).ok());
            let mut waiting = [
                PollFd::new(&self.events, PollFlags::IN),
                PollFd::new(stopped, PollFlags::IN),
            ];
            match poll(&mut waiting, timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return tracing::error!("watch: {error}"),
            }
            if !waiting[1].revents().is_empty() {
                return;
            }
            if let Err(error) = self.read(&mut changes) {
                return tracing::error!("watch: {}: {error}", self.folder.display());
            }
            for module in changes.take_due(Instant::now()) {
                self.load(module, control);
            }
        }
    }

    /// Notes all events that have come.
    fn read(&self, changes: &mut Changes) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); EVENT_BYTES];
        let mut reader = Reader::new(self.events.as_fd(), &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let (what, now) = (event.events(), Instant::now());
            if what.contains(ReadFlags::IGNORED) {
                return Err(io::Error::other("the folder is gone"));
            }
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                // Something was missed. To load what has not changed changes nothing.
                for (module, _) in self.modules() {
                    changes.note(module, Change::Whole, now);
                }
            }
            let name = event
                .file_name()
                .map(|name| OsStr::from_bytes(name.to_bytes()));
            if let Some(name) = name
                && let Some(module) = module_of(name)
            {
                changes.note(module, self.change(what, name), now);
            }
        }
    }

    fn change(&self, what: ReadFlags, name: &OsStr) -> Change {
        if what.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO) {
            return Change::Whole;
        }
        let links = || fs::metadata(self.folder.join(name)).map_or(0, |file| file.nlink());
        if what.contains(ReadFlags::CREATE) && links() > 1 {
            return Change::Whole;
        }
        Change::Partial
    }

    fn load(&self, module: String, control: &Control) {
        let path = self.folder.join(format!("{module}.{EXTENSION}"));
        let Some(path) = path.to_str().map(Value::text) else {
            return tracing::warn!("watch: {}: its path is not text", self.folder.display());
        };
        let request = vec![
            Value::Symbol("load".to_string()),
            Value::Symbol(module.clone()),
            path,
        ];
        control.request(Value::List(request), move |answer| match answer {
            Value::Error(text) => tracing::warn!("watch: {text}"),
            _ => tracing::info!("watch: loaded {module}"),
        });
    }
}

/// The name of the module in a file of this name, if it is one.
fn module_of(file: &OsStr) -> Option<String> {
    let file = Path::new(file);
    if file.extension()? != EXTENSION {
        return None;
    }
    let stem = file.file_stem()?.to_str()?;
    (!stem.is_empty() && !stem.starts_with('.')).then(|| stem.to_string())
}

#[cfg(test)]
mod tests {
    use super::{Change, Changes, QUIET, Watch, module_of};
    use std::ffi::OsStr;
    use std::fs;
    use std::io::Write;
    use std::path::Path;
    use std::time::{Duration, Instant};

    #[test]
    fn only_modules_have_names() {
        for (file, module) in [
            ("a.wasm", Some("a")),
            ("my_task.wasm", Some("my_task")),
            (".a.wasm", None),
            ("a.wasm.tmp", None),
            ("wasm", None),
        ] {
            assert_eq!(module_of(OsStr::new(file)).as_deref(), module, "{file}");
        }
    }

    #[test]
    fn a_file_is_due_when_it_has_been_whole_for_a_moment() {
        let (mut changes, now) = (Changes::default(), Instant::now());
        let name = || "m".to_string();
        assert_eq!(changes.wait(now), None);
        changes.note(name(), Change::Whole, now);
        assert_eq!(changes.wait(now), Some(QUIET));
        assert!(changes.take_due(now).is_empty());
        // It is written again: that counts from its end.
        changes.note(name(), Change::Partial, now + QUIET / 2);
        assert!(changes.take_due(now + 2 * QUIET).is_empty());
        changes.note(name(), Change::Whole, now + 2 * QUIET);
        assert!(changes.take_due(now + 2 * QUIET).is_empty());
        assert_eq!(changes.take_due(now + 3 * QUIET), ["m"]);
        assert!(changes.take_due(now + 9 * QUIET).is_empty());
    }

    /// What a folder's events say after `act`.
    fn after(act: impl FnOnce(&Path)) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let watch = Watch::open(folder.path()).unwrap();
        act(folder.path());
        let mut changes = Changes::default();
        watch.read(&mut changes).unwrap();
        changes.take_due(Instant::now() + Duration::from_secs(1))
    }

    #[test]
    fn what_is_written_moved_or_linked_is_whole_and_nothing_else() {
        assert_eq!(
            after(|folder| fs::write(folder.join("a.wasm"), b"x").unwrap()),
            ["a"]
        );
        let open = after(|folder| {
            let mut file = fs::File::create(folder.join("a.wasm")).unwrap();
            file.write_all(b"half").unwrap();
            // It stays open.
            std::mem::forget(file);
        });
        assert!(open.is_empty(), "{open:?}");
        let elsewhere = tempfile::tempdir().unwrap();
        let built = elsewhere.path().join("built");
        fs::write(&built, b"x").unwrap();
        assert_eq!(
            after(|folder| fs::hard_link(&built, folder.join("b.wasm")).unwrap()),
            ["b"]
        );
        assert_eq!(
            after(|folder| {
                fs::write(folder.join("c.part"), b"x").unwrap();
                fs::rename(folder.join("c.part"), folder.join("c.wasm")).unwrap();
            }),
            ["c"]
        );
        let gone = after(|folder| {
            fs::write(folder.join("d.wasm"), b"x").unwrap();
            fs::remove_file(folder.join("d.wasm")).unwrap();
        });
        assert!(gone.is_empty(), "{gone:?}");
    }

    #[test]
    fn only_a_folder_can_be_watched() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Watch::open(&folder.path().join("absent")).is_err());
        fs::write(folder.path().join("file"), b"x").unwrap();
        assert!(Watch::open(&folder.path().join("file")).is_err());
    }
}
