//! Compiling what is not trusted, in a process of its own.
//!
//! A compiler's time and memory grow with what it is given, and whoever writes a module chooses that: a few
//! megabytes can be made to take minutes and gigabytes. So a module from a file is compiled by another process
//! of this same program, with limits of the operating system on its processor time, its memory and its output, and a
//! time-out on the clock. What is over a limit ends that process and refuses the module; the kernel's own
//! memory and threads take no part in it. There are few such processes at a time, whoever loads what.
//!
//! The compiled code comes back through a file in memory that only the two processes have. It is
//! believed because this process has started the other one, from its own program file.
//!
//! Invariant: [`Compiler::Here`] is for what is part of this program, and for tests.

use std::error::Error as _;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::OnceLock;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use okernel_core::Class;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, Signal, pidfd_open};
use wasmtime::Engine;

use super::engine::{compiling_engine, one_line};
use super::limits::{ARTEFACT_BYTES_MAX, COMPILATIONS_MAX, COMPILE_THREADS_MAX, MODULE_BYTES_MAX};
use super::module::ModuleError;
use super::semaphore::Semaphore;

/// The hidden verb of the command line that compiles: see [`work`].
pub const VERB: &str = "compile-module";

/// This program's own file, also when another one has taken its name meanwhile.
const PROGRAM: &str = "/proc/self/exe";

/// How much less than the kernel's threads a compilation counts for, when all want the processor.
const NICENESS: i32 = 5;

/// Processes that compile: the memory of each is bounded, so that of all is.
static COMPILATIONS: Semaphore = Semaphore::new(COMPILATIONS_MAX);

/// What one compilation may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompileLimits {
    /// Seconds on the clock; of processor time, so many on each processor.
    pub seconds: u64,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Bytes of the module.
    pub module_bytes: u64,
}

impl Default for CompileLimits {
    fn default() -> CompileLimits {
        CompileLimits {
            seconds: 60,
            memory_bytes: 2 << 30,
            module_bytes: MODULE_BYTES_MAX as u64,
        }
    }
}

/// Where modules are compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compiler {
    /// In this process, without limits.
    Here,
    /// In a process of its own, with limits. This program must have the verb [`VERB`].
    Apart(CompileLimits),
}

impl Compiler {
    /// Whether a module is not too large, wherever its code comes from.
    ///
    /// # Errors
    /// It has more bytes than the limit.
    pub(super) fn admits(self, wasm: &[u8]) -> Result<(), ModuleError> {
        match self {
            Compiler::Apart(limits) if wasm.len() as u64 > limits.module_bytes => {
                let (bytes, most) = (wasm.len(), limits.module_bytes);
                Err(ModuleError::Compile(format!(
                    "{bytes} bytes: more than {most}, the limit of a module: boot with a larger --limit module"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Compiles a module to what the engine loads.
    ///
    /// # Errors
    /// The code is refused, or a limit was reached, or there is no process to compile in.
    pub(super) fn compile(
        self,
        wasm: &[u8],
        engine: &Engine,
        class: Class,
    ) -> Result<Vec<u8>, ModuleError> {
        match self {
            Compiler::Here => {
                threads()?;
                Ok(engine.precompile_module(wasm)?)
            }
            Compiler::Apart(limits) => {
                let _permit = COMPILATIONS.acquire();
                let compiled = compile_apart(wasm, class, limits);
                compiled.unwrap_or_else(|error| {
                    Err(ModuleError::Compile(format!(
                        "the compiler cannot be started: {error}"
                    )))
                })
            }
        }
    }
}

/// Sees to it that the compiler has its threads: it panics where it cannot start them.
fn threads() -> Result<(), ModuleError> {
    static THREADS: OnceLock<Result<(), String>> = OnceLock::new();
    let made = THREADS.get_or_init(|| {
        let made = rayon::ThreadPoolBuilder::new().build_global();
        // That others have made them is no error, and the only one that nothing in the system caused.
        match made {
            Err(error) if error.source().is_some() => Err(error.to_string()),
            _ => Ok(()),
        }
    });
    made.clone().map_err(|error| {
        ModuleError::Compile(format!(
            "the compiler has no threads: {error}: raise 'ulimit -u'"
        ))
    })
}

fn compile_apart(
    wasm: &[u8],
    class: Class,
    limits: CompileLimits,
) -> io::Result<Result<Vec<u8>, ModuleError>> {
    let mut input = memory_file("okernel-module")?;
    input.write_all(wasm)?;
    input.rewind()?;
    let (mut output, mut errors) = (memory_file("okernel-code")?, memory_file("okernel-errors")?);
    let count = available_parallelism().map_or(1, |count| count.get());
    let started = Instant::now();
    let mut child = Command::new(PROGRAM)
        .args([VERB, class.word()])
        .args([limits.seconds, limits.memory_bytes].map(|limit| limit.to_string()))
        .env_clear()
        .env(
            "RAYON_NUM_THREADS",
            count.min(COMPILE_THREADS_MAX).to_string(),
        )
        .stdin(input)
        .stdout(output.try_clone()?)
        .stderr(errors.try_clone()?)
        // An interrupt at the terminal is not meant for it.
        .process_group(0)
        .spawn()?;
    let ended = wait(&mut child, started + Duration::from_secs(limits.seconds));
    let status = end(&mut child)?;
    if ended?.is_none() {
        return Ok(Err(ModuleError::Compile(too_long(limits))));
    }
    let told = read(&mut errors, ERROR_BYTES_MAX)?;
    let told = String::from_utf8_lossy(&told);
    if let Some(refusal) = refusal(status, told.trim(), limits) {
        return Ok(Err(refusal));
    }
    read(&mut output, ARTEFACT_BYTES_MAX).map(Ok)
}

/// How the standard library ends what it says of a mapping that was refused.
const OUT_OF_MEMORY: &str = "(os error 12)";

/// Bytes of what a compilation says of its failure.
const ERROR_BYTES_MAX: u64 = 4096;

fn memory_file(name: &str) -> io::Result<File> {
    Ok(File::from(memfd_create(name, MemfdFlags::CLOEXEC)?))
}

/// Reads a file from its beginning.
fn read(file: &mut File, bytes_max: u64) -> io::Result<Vec<u8>> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Waits for a process to end; None: it has not in time.
fn wait(child: &mut Child, until: Instant) -> io::Result<Option<()>> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: left.as_secs() as i64,
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut ends = [PollFd::new(&process, PollFlags::IN)];
        match poll(&mut ends, Some(&timeout)) {
            Ok(0) if left.is_zero() => return Ok(None),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(Some(())),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Takes the process away, whether it has ended or not.
fn end(child: &mut Child) -> io::Result<ExitStatus> {
    // One that has ended already is not there to be killed.
    let _ = child.kill();
    child.wait()
}

/// Why there is no compiled code, if there is none.
fn refusal(status: ExitStatus, told: &str, limits: CompileLimits) -> Option<ModuleError> {
    let line = told.lines().next().unwrap_or_default();
    let signal = match (status.code(), status.signal()) {
        (Some(0), _) => return None,
        (Some(_), _) if line.contains("panicked") => {
            return Some(ModuleError::Compile(
                "the compiler failed on it".to_string(),
            ));
        }
        (Some(_), _) if line.contains(OUT_OF_MEMORY) => {
            return Some(ModuleError::Compile(too_large(limits)));
        }
        (Some(_), _) => return Some(ModuleError::Engine(line.to_string())),
        (None, signal) => signal.and_then(Signal::from_named_raw),
    };
    let text = match signal {
        Some(Signal::XCPU) => too_long(limits),
        // The allocator gives up by an abort, the operating system by a kill.
        Some(Signal::ABORT) if told.contains("allocation") => too_large(limits),
        Some(Signal::KILL) => too_large(limits),
        Some(Signal::XFSZ) => {
            format!(
                "its compiled code is longer than {ARTEFACT_BYTES_MAX} bytes, or than 'ulimit -f'"
            )
        }
        _ => format!("the compiler failed on it ({status})"),
    };
    Some(ModuleError::Compile(text))
}

fn too_long(limits: CompileLimits) -> String {
    let CompileLimits { seconds, .. } = limits;
    format!(
        "compiling it takes more than {seconds} s: boot with a larger --limit compile_seconds if you trust it"
    )
}

fn too_large(limits: CompileLimits) -> String {
    let CompileLimits { memory_bytes, .. } = limits;
    format!(
        "compiling it takes more than {memory_bytes} bytes of memory: boot with a larger --limit compile_memory if you trust it"
    )
}

/// What the other process does: takes a module from standard input, compiles it within limits, and writes what
/// came of it to standard output.
///
/// # Errors
/// One line: the limits cannot be set, or the code is refused.
pub fn work(kind: &str, limits: CompileLimits) -> Result<(), String> {
    let class = Class::from_word(kind).ok_or_else(|| format!("{kind} is no class of tasks"))?;
    let engine = compiling_engine(class).map_err(|error| one_line(&error))?;
    threads().map_err(|error| error.to_string())?;
    confine(limits).map_err(|errno| format!("limits cannot be set: {errno}"))?;
    let mut wasm = Vec::new();
    let mut module = io::stdin().lock().take(MODULE_BYTES_MAX as u64);
    let read = module.read_to_end(&mut wasm);
    read.map_err(|error| format!("the module cannot be read: {error}"))?;
    let code = engine.precompile_module(&wasm);
    let code = code.map_err(|error| one_line(&error))?;
    let written = io::stdout().lock().write_all(&code);
    written.map_err(|error| format!("the code cannot be handed over: {error}"))
}

/// Bounds this process for good.
fn confine(limits: CompileLimits) -> rustix::io::Result<()> {
    // Without the kernel nobody wants the code.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::process::nice(NICENESS)?;
    let threads = available_parallelism().map_or(1, |count| count.get()) as u64;
    let seconds = limits.seconds.saturating_mul(threads);
    for (resource, most, grace) in [
        (Resource::Cpu, seconds, CPU_GRACE_SECONDS),
        (Resource::Data, limits.memory_bytes, 0),
        (Resource::Fsize, ARTEFACT_BYTES_MAX, 0),
        (Resource::Core, 0, 0),
    ] {
        let maximum = rustix::process::getrlimit(resource).maximum;
        rustix::process::setrlimit(resource, bound(most, grace, maximum))?;
    }
    Ok(())
}

/// Seconds of processor time from the signal that says what was too long to the one that says nothing. The operating
/// system sends only the latter where the two limits are the same.
const CPU_GRACE_SECONDS: u64 = 1;

/// A limit of so much, and of `grace` more for what cannot be ignored. What is bounded more tightly already stays
/// so.
fn bound(most: u64, grace: u64, maximum: Option<u64>) -> Rlimit {
    let last = most.saturating_add(grace);
    let last = maximum.map_or(last, |maximum| maximum.min(last));
    Rlimit {
        current: Some(last.saturating_sub(grace)),
        maximum: Some(last),
    }
}

#[cfg(test)]
mod tests {
    use super::{CPU_GRACE_SECONDS, Class, Compiler, bound, compiling_engine};
    use crate::wasm::engine::{Engines, Metering};
    use crate::wasm::limits::INSTANCES_MIN;

    #[test]
    fn what_the_compiling_engine_makes_the_executing_one_takes() {
        let engines = Engines::new(INSTANCES_MIN).unwrap();
        let text = r#"(module (memory 1) (func (export "f") (loop (br 0))))"#;
        let wasm = wat::parse_str(text).unwrap();
        let executing = [
            (Class::Ordinary, engines.get(Metering::Epoch)),
            (Class::Dense, engines.dense().unwrap()),
        ];
        for (class, engine) in executing {
            let compiling = compiling_engine(class).unwrap();
            let apart = compiling.precompile_module(&wasm).unwrap();
            let here = Compiler::Here.compile(&wasm, engine, class).unwrap();
            assert!(apart == here, "{class:?}: the code is not the same");
        }
    }

    #[test]
    fn the_signal_that_tells_comes_before_the_one_that_kills() {
        let limit = |most, grace, maximum| {
            let limit = bound(most, grace, maximum);
            (limit.current, limit.maximum)
        };
        let grace = CPU_GRACE_SECONDS;
        assert_eq!(limit(4, grace, None), (Some(4), Some(5)));
        assert_eq!(limit(4, grace, Some(100)), (Some(4), Some(5)));
        assert_eq!(limit(4, grace, Some(5)), (Some(4), Some(5)));
        assert_eq!(limit(4, grace, Some(3)), (Some(2), Some(3)));
        assert_eq!(limit(4, grace, Some(0)), (Some(0), Some(0)));
        let most = u64::MAX;
        assert_eq!(limit(most, grace, Some(9)), (Some(8), Some(9)));
        assert_eq!(limit(7, 0, None), (Some(7), Some(7)));
        assert_eq!(limit(7, 0, Some(6)), (Some(6), Some(6)));
    }
}
