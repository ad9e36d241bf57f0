//! Modules at random through the real binary: loaded as a user loads them, and run where they are taken.
//!
//! Whoever writes a module chooses every byte of it. So modules are made from seeds, in the ways of [`modules`], and
//! go through `load`: its checks, the compiler's process, the cache. What is taken runs for a moment with grants of all
//! kinds, under limits, beside a neighbour, and a task that does no harm is upgraded to it and back. Then the neighbour
//! must answer, nothing may have panicked or hung, and each refusal is one line that names the file. Some rounds boot
//! again from a cache whose files are damaged: the same modules must be taken as before.
//!
//! `okernel-module-fuzz OKERNEL FOLDER`; `OKERNEL_SEEDS` is the number of rounds, `OKERNEL_SEED` a single one. A round
//! is made of its seed alone; one that fails leaves its modules in FOLDER.

mod modules;
mod rounds;

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use rounds::Tally;

/// Rounds if nobody asks for more: some ten seconds.
const SEEDS_DEFAULT: u64 = 4;

/// Of so many modules at least one is taken: otherwise the test has become one of refusals only.
const MODULES_PER_TAKEN: u64 = 4;

/// With fewer modules than these nothing is said of the share that is taken.
const MODULES_TO_JUDGE: u64 = 60;

fn seeds() -> std::ops::Range<u64> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    match (number("OKERNEL_SEED"), number("OKERNEL_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(SEEDS_DEFAULT),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    let [_, okernel, folder] = arguments.as_slice() else {
        eprintln!("usage: okernel-module-fuzz OKERNEL FOLDER");
        return ExitCode::from(2);
    };
    let folder = Path::new(folder);
    // What an earlier run has found is in the way of this one, and its cache would spare this one the compiler.
    if folder.exists()
        && let Err(error) = fs::remove_dir_all(folder)
    {
        eprintln!("{}: {error}", folder.display());
        return ExitCode::FAILURE;
    }
    let cache = folder.join("cache");
    let (mut total, seeds) = (Tally::default(), seeds());
    for seed in seeds.clone() {
        let folder = folder.join(seed.to_string());
        match rounds::run(Path::new(okernel), &folder, &cache, seed) {
            Ok(tally) => total += tally,
            Err(broken) => {
                let folder = folder.display();
                eprintln!(
                    "seed {seed} fails: OKERNEL_SEED={seed} runs it again, its modules are in {folder}\n{broken}"
                );
                return ExitCode::FAILURE;
            }
        }
    }
    let Tally { modules, taken } = total;
    println!(
        "{modules} modules at random in {} rounds, {taken} of them taken: nothing found",
        seeds.count()
    );
    let few = modules >= MODULES_TO_JUDGE && taken * MODULES_PER_TAKEN < modules;
    if few {
        eprintln!("too few were taken to say much about those that run");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
