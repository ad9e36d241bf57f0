//! What is known of the versions of modules: how often tasks were upgraded to each, and what came of it.
//!
//! Which versions there are is the CPU's business; which tasks run which is in the directory. Here are
//! the figures of upgrades, written once for each by the core that made it.

use crate::core::Shared;
use crate::program::{Standing, VersionInfo};
use okernel_abi::value::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What came of the upgrades to one version.
#[derive(Clone, Default, Debug)]
struct Figures {
    upgraded: u64,
    refused: u64,
    pause_ns: u64,
    pause_ns_max: u64,
    /// Why it was last refused.
    refusal: String,
}

/// The figures of all versions that tasks were to be upgraded to.
#[derive(Debug, Default)]
pub(crate) struct Versions(Mutex<BTreeMap<(String, u32), Figures>>);

impl Versions {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, u32), Figures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task goes on as this version, after a pause.
    pub(crate) fn upgraded(&self, module: &str, version: u32, pause_ns: u64) {
        let mut all = self.lock();
        let figures = all.entry((module.to_string(), version)).or_default();
        figures.upgraded += 1;
        figures.pause_ns = pause_ns;
        figures.pause_ns_max = figures.pause_ns_max.max(pause_ns);
    }

    /// A task goes on as what it was.
    pub(crate) fn refused(&self, module: &str, version: u32, why: &str) {
        let mut all = self.lock();
        let figures = all.entry((module.to_string(), version)).or_default();
        figures.refused += 1;
        figures.refusal = why.to_string();
    }
}

/// All versions that are kept: `module version current bytes digest compile_ms tasks upgraded refused
/// pause_us pause_us_max refusal`.
pub(crate) fn table(shared: &Shared) -> Value {
    let all = shared.modules.versions();
    let mut running: BTreeMap<(String, u64), i64> = BTreeMap::new();
    shared.directory.visit_tasks(|_, info| {
        if let Some(module) = &info.module {
            let version = info.stats.version.get();
            *running.entry((module.clone(), version)).or_default() += 1;
        }
    });
    let noted = shared.versions.lock();
    let with_figures = |info: VersionInfo| {
        let found = noted.get(&(info.module.clone(), info.version)).cloned();
        (info, found.unwrap_or_default())
    };
    let rows: Vec<(VersionInfo, Figures)> = all.into_iter().map(with_figures).collect();
    let ints = |number: fn(&VersionInfo, &Figures) -> u64| {
        Value::Ints(
            rows.iter()
                .map(|(info, figures)| number(info, figures) as i64)
                .collect(),
        )
    };
    let tasks = rows.iter().map(|(info, _)| {
        let found = running.get(&(info.module.clone(), info.version.into()));
        found.copied().unwrap_or_default()
    });
    let floats = |ns: fn(&Figures) -> u64| {
        Value::Floats(
            rows.iter()
                .map(|(_, figures)| ns(figures) as f64 / 1e3)
                .collect(),
        )
    };
    let compile_ms = rows.iter().map(|(info, _)| info.compile_ns as f64 / 1e6);
    Value::table(vec![
        (
            "module",
            Value::Symbols(rows.iter().map(|(info, _)| info.module.clone()).collect()),
        ),
        ("version", ints(|info, _| info.version.into())),
        (
            "current",
            ints(|info, _| u64::from(info.standing == Standing::Current)),
        ),
        ("bytes", ints(|info, _| info.bytes)),
        (
            "digest",
            Value::List(
                rows.iter()
                    .map(|(info, _)| Value::text(&info.digest))
                    .collect(),
            ),
        ),
        ("compile_ms", Value::Floats(compile_ms.collect())),
        ("tasks", Value::Ints(tasks.collect())),
        ("upgraded", ints(|_, figures| figures.upgraded)),
        ("refused", ints(|_, figures| figures.refused)),
        ("pause_us", floats(|figures| figures.pause_ns)),
        ("pause_us_max", floats(|figures| figures.pause_ns_max)),
        (
            "refusal",
            Value::List(
                rows.iter()
                    .map(|(_, figures)| Value::text(&figures.refusal))
                    .collect(),
            ),
        ),
    ])
}
