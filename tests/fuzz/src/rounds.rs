//! One round: modules from a seed, a boot of the binary that loads and runs them, and what must hold afterwards.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::ops::AddAssign;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use okernel_tests::corpus::SplitMix;

use crate::modules::{self, KINDS};

/// Milliseconds that a task has for its worst.
const TURN_MS: u32 = 10;

/// No boot of a round takes longer, on a busy machine either.
const BOOT_MAX: Duration = Duration::from_secs(120);

/// One round in so many boots again from a damaged cache.
const ROUNDS_PER_DAMAGED_CACHE: u64 = 6;

/// Modules of a round, all kinds in turn.
const MODULES: usize = 2 * KINDS.len();

/// What modules came to.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    /// Those that were made.
    pub modules: u64,
    /// Those that the kernel took.
    pub taken: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.modules += other.modules;
        self.taken += other.taken;
    }
}

/// Runs the round of a seed in this folder, which is removed when nothing was found; the rounds share a cache, in which
/// the modules that are part of the program are compiled once.
///
/// # Errors
/// What went wrong, with what the binary printed.
pub fn run(okernel: &Path, folder: &Path, cache: &Path, seed: u64) -> Result<Tally, String> {
    let failed = |error: io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    let mut random = SplitMix::new(seed);
    let mut files = Vec::new();
    for (number, kind) in KINDS.into_iter().cycle().take(MODULES).enumerate() {
        if let Some(wasm) = modules::module(&mut random, kind) {
            let file = folder.join(format!("m{number}.wasm"));
            fs::write(&file, wasm).map_err(failed)?;
            files.push((format!("m{number}"), file));
        }
    }
    fs::write(folder.join("steady.wasm"), modules::steady()).map_err(failed)?;
    let boot = Boot {
        okernel,
        folder,
        cache,
        files: &files,
    };
    let taken = boot.run()?;
    if seed % ROUNDS_PER_DAMAGED_CACHE == 0 {
        damage(cache, &mut random).map_err(failed)?;
        let again = boot.run()?;
        if again != taken {
            return Err(format!(
                "from a damaged cache {again:?} are taken, and {taken:?} before"
            ));
        }
    }
    fs::remove_dir_all(folder).map_err(failed)?;
    Ok(Tally {
        modules: files.len() as u64,
        taken: taken.len() as u64,
    })
}

/// Changes or cuts every file of a cache, its secret too when chance has it.
fn damage(cache: &Path, random: &mut SplitMix) -> io::Result<()> {
    let mut files: Vec<PathBuf> = fs::read_dir(cache)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.sort();
    for file in files {
        let mut bytes = fs::read(&file)?;
        match (random.next_u64() % 3, file.ends_with("secret")) {
            (0, _) => modules::cut(&mut bytes, random),
            (1, _) | (_, false) => modules::change(&mut bytes, random),
            (_, true) => {}
        }
        fs::write(&file, bytes)?;
    }
    Ok(())
}

/// What a boot of the binary is made of.
struct Boot<'a> {
    okernel: &'a Path,
    folder: &'a Path,
    cache: &'a Path,
    /// Modules by name.
    files: &'a [(String, PathBuf)],
}

impl Boot<'_> {
    /// What the shell is told: a neighbour first, then module after module, each of which
    /// also takes over from a task that does no harm, and is followed by it.
    fn script(&self) -> String {
        let mut text = String::from(
            "quiet:sub[0;pub[0;64]]; in:pub[0;4096]; out:pub[1;4096]; back:sub[0;out];
             spawn[1;\"{snd[out;x*x];o rcv in} rcv in\";[in:sub[1;in];out:out]];\n",
        );
        let steady = self.folder.join("steady.wasm");
        let steady = steady.display();
        for (index, (name, file)) in self.files.iter().enumerate() {
            let class = if index % 3 == 2 { ";`dense" } else { "" };
            let file = file.display();
            // A file of its own, which the task may write to.
            let written = self.folder.join("written");
            let written = written.display();
            let _ = write!(
                text,
                "r:pub[1;65536]; s:sub[1;r]; small:pub[1;4096]; e:0;
                 load[`{name};\"{file}\"{class}]
                 e:spawn[1;`{name};[out:r;in:s;small:small;timer:`timer;clock:`clock;con:`console;spawn:`spawn;file:(`file;\"{written}\");limits:[memory:16777216;cpu:50;log:1]]];
                 rcv[quiet;{TURN_MS}];
                 kill e;
                 u:load[`steady;\"{steady}\"];
                 e:spawn[1;`steady;[out:r;in:s;timer:`timer;limits:[memory:16777216;cpu:50;log:1]]]; rcv[quiet;1];
                 u:check[`steady;\"{file}\"];
                 u:load[`steady;\"{file}\"];
                 rcv[quiet;{TURN_MS}];
                 u:load[`steady;\"{steady}\"];
                 kill e;\n"
            );
        }
        text + "snd[in;7]; rcv back\n\"still here\"\n"
    }

    /// Boots, runs the script to its end, and looks at what is left. The names of the modules that were taken.
    fn run(&self) -> Result<Vec<String>, String> {
        let paths = ["script", "written", "stdout", "stderr"].map(|name| self.folder.join(name));
        let [script, written, stdout, stderr] = &paths;
        let started = || {
            fs::write(script, self.script())?;
            fs::write(written, "")?;
            Command::new(self.okernel)
                .args(["boot", "--cores", "2", "--limit", "compile_seconds=30"])
                .env("OKERNEL_CACHE", self.cache)
                .stdin(File::open(script)?)
                .stdout(File::create(stdout)?)
                .stderr(File::create(stderr)?)
                .spawn()
        };
        let mut child = started().map_err(|error| format!("okernel is not started: {error}"))?;
        let status = wait(&mut child).map_err(|error| format!("okernel is lost: {error}"))?;
        let read = |path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let (out, log) = match (read(stdout), read(stderr)) {
            (Ok(out), Ok(log)) => (out, log),
            (Err(error), _) | (_, Err(error)) => {
                return Err(format!("what it printed is lost: {error}"));
            }
        };
        match self.found(status, &out, &log) {
            None => Ok(self.taken(&out)),
            Some(found) => Err(format!("{found}\n{out}\n{log}")),
        }
    }

    fn taken(&self, out: &str) -> Vec<String> {
        let names = self.files.iter().map(|(name, _)| name.clone());
        names
            .filter(|name| out.lines().any(|line| line.ends_with(&format!("`{name}"))))
            .collect()
    }

    /// What went wrong, if anything did.
    fn found(&self, status: Option<ExitStatus>, out: &str, log: &str) -> Option<String> {
        let Some(status) = status else {
            return Some(format!("it hangs: not at its end after {BOOT_MAX:?}"));
        };
        // Refusals are errors of the script, so that 1 is as good as 0.
        if !matches!(status.code(), Some(0 | 1)) {
            return Some(format!("it ended with {status}"));
        }
        for word in ["panicked", "the compiler failed"] {
            if log.contains(word) {
                return Some(format!("the log says {word}"));
            }
        }
        if !out.ends_with("49\n\"still here\"\n") {
            return Some("the neighbour does not answer".to_string());
        }
        let taken = self.taken(out);
        let refused = self.files.iter().filter(|(name, _)| !taken.contains(name));
        refused
            .map(|(name, file)| refusal(name, file, log))
            .find_map(Result::err)
    }
}

/// Whether a module was refused in one line that names its file: the shell shows where in the script it was next.
fn refusal(name: &str, file: &Path, log: &str) -> Result<(), String> {
    let head = format!("io: {}: ", file.display());
    let mut lines = log.lines().skip_while(|line| !line.starts_with(&head));
    match (lines.next(), lines.next()) {
        (None, _) => Err(format!("{name} is neither taken nor refused")),
        (Some(line), Some(next)) if line.len() > head.len() && next.starts_with(" stdin:") => {
            Ok(())
        }
        (Some(line), _) => Err(format!("the refusal of {name} is not one line: {line}")),
    }
}

/// Waits for a process to end; None: it has not in time, and is killed.
fn wait(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() > BOOT_MAX {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(2));
    }
}
