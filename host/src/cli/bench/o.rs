//! `bench o`: programs in O, in the shell's own module, beside the same work in Rust, CPython and Lua.
//!
//! The shell and the interpreters are processes that stay for the whole bench and take turns with
//! each program, so that they see the same machine. Every one times itself by its own clock (the
//! shell by `\t`), from the parsed program to its value; the results are compared with Rust's.

mod programs;
mod rival;

use std::time::Instant;

use anyhow::ensure;

use self::programs::{Data, PROGRAMS, Program};
use self::rival::Rival;
use super::report::Report;
use super::ring::ROUNDS;

/// Runs the bench.
///
/// # Errors
/// The shell does not start, or somebody's result is wrong.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let data = Data::new();
    let mut rivals = vec![Rival::shell()?];
    let interpreters = [
        ("python3", "-c", include_str!("o/rival.py")),
        ("lua5.4", "-e", include_str!("o/rival.lua")),
    ];
    for (command, option, text) in interpreters {
        match Rival::interpreter(command, option, text)? {
            Some(rival) => rivals.push(rival),
            None => report.note(format!("{command} is missing: its rows are left out")),
        }
    }
    for program in report.effort().steps(&PROGRAMS, 3) {
        measure(report, &data, &mut rivals, program)?;
    }
    Ok(())
}

/// Adds a program's rows: the shell, Rust, and the interpreters, each with its ratio to the shell.
fn measure(
    report: &mut Report,
    data: &Data,
    rivals: &mut [Rival],
    program: &Program,
) -> anyhow::Result<()> {
    let mut natives = Vec::new();
    let mut samples = vec![Vec::new(); rivals.len()];
    for _ in 0..report.effort().rounds(ROUNDS) {
        let mut expected = 0;
        // The first run of a round finds the others' data in the caches.
        for run in 0..=program.runs {
            let begin = Instant::now();
            let check = (program.native)(data);
            let took = begin.elapsed();
            expected = check();
            if run > 0 {
                natives.push(took.as_secs_f64() * 1e3);
            }
        }
        for (rival, samples) in rivals.iter_mut().zip(&mut samples) {
            for run in 0..=program.runs {
                let (milliseconds, check) = rival.run(program)?;
                ensure!(
                    check == expected,
                    "{}: the result of {} is checked by {check}, not {expected}",
                    program.label,
                    rival.name()
                );
                if run > 0 {
                    samples.push(milliseconds);
                }
            }
        }
    }
    let Some(shell) = samples.first().cloned() else {
        return Ok(());
    };
    let names = rivals.iter().map(|rival| rival.name());
    let mut rows: Vec<(&str, Vec<f64>)> = names.zip(samples).collect();
    rows.insert(1, ("Rust", natives));
    report.row(program.label, "ms", rows.remove(0).1);
    for (name, samples) in rows {
        report.row_against(format!("  {name}"), "ms", samples, ("O", &shell));
    }
    Ok(())
}
