//! An operating system that refuses: address space, descriptors, threads, files that are full, in boot and while the
//! kernel runs. Each is one line that says what could not be had; nothing panics, and what can go on does.
//!
//! The limits are set on the real binary by the command shell's `ulimit`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::support::{Output, okernel, run_with};

/// Runs the binary with these arguments under limits that a command shell sets.
fn under(limits: &str, args: &str, input: &str) -> Output {
    let mut command = shell(limits, args);
    run_with(&mut command, input.as_bytes())
}

fn shell(limits: &str, args: &str) -> Command {
    let program = okernel().get_program().to_os_string();
    let mut command = Command::new("bash");
    command
        .args(["-c", &format!("{limits}; exec \"$0\" {args}")])
        .arg(program)
        .env(
            "OKERNEL_CACHE",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("okernel"),
        );
    command
}

/// The one line of a run that failed.
#[track_caller]
fn refusal(output: Output) -> String {
    assert!(!output.stderr.contains("panicked"), "{output:?}");
    let error = output.failed(1);
    // What is logged besides (no cache, modules that are not compiled ahead) is not the error.
    let lines = error.lines().filter(|line| line.starts_with("okernel: "));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 1, "{error}");
    lines[0].to_string()
}

#[test]
fn a_boot_without_address_space_says_so() {
    let error = refusal(under("ulimit -v 4000000", "eval 1", ""));
    assert!(
        error.contains("address space") && error.contains("ulimit -v"),
        "{error}"
    );
}

#[test]
fn a_boot_with_any_number_of_descriptors_works_or_says_why_not() {
    let mut booted = 0;
    for descriptors in 4..40 {
        let output = under(&format!("ulimit -n {descriptors}"), "eval 6*7", "");
        if output.status == 0 {
            assert_eq!(output.stdout, "42\n");
            booted += 1;
            continue;
        }
        // Below what any program needs, the loader itself may refuse.
        assert_eq!(booted, 0, "with {descriptors}: {output:?}");
        if output.status == 1 {
            // The shell itself may be what could not be started: then its end is logged.
            let lines = output.stderr.lines().count();
            assert!((1..=4).contains(&lines), "{output:?}");
            assert!(!output.stderr.contains("panicked"), "{output:?}");
        }
    }
    assert!(booted > 0, "not even with 40 descriptors");
}

#[test]
fn rings_without_descriptors_are_refused_and_the_kernel_goes_on() {
    let lines = "r:pub[0;1048576]; {pub[0;1048576]}'!200\n\"on\"\nkill 99\nspawn[1;\"print[7]\"];rcv[sub[0;r];200];\n";
    let output = under("ulimit -n 60", "boot --cores 2", lines);
    assert_eq!(output.status, 1, "{output:?}");
    assert!(
        output.stdout.contains("\"on\"\n") && output.stdout.contains('7'),
        "{output:?}"
    );
    assert!(output.stderr.contains("pub: "), "{output:?}");
    assert!(!output.stderr.contains("panicked"), "{output:?}");
}

#[test]
fn a_ring_without_memory_is_refused_and_the_kernel_goes_on() {
    // Address space for a few sandboxes, and not for a ring of a gigabyte, mapped twice.
    let output = under(
        "ulimit -v 300000000",
        "boot --cores 2",
        "x:{pub[0;1073741824]}'!200\n\"on\"\n",
    );
    assert!(output.stdout.ends_with("\"on\"\n"), "{output:?}");
    assert!(output.stderr.contains("pub: "), "{output:?}");
    assert!(!output.stderr.contains("panicked"), "{output:?}");
}

/// Copies the binary to where any user may run it.
fn for_anybody(folder: &Path) -> std::path::PathBuf {
    let copy = folder.join("okernel");
    fs::copy(okernel().get_program(), &copy).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    copy
}

#[test]
fn a_boot_without_threads_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let binary = for_anybody(folder.path());
    // A limit of processes does not bind the superuser, and counts all that a user has.
    let nobody = 54_321;
    let superuser = fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt;
        own.uid() == 0
    });
    if !superuser {
        return;
    }
    let (mut booted, mut refused) = (0, 0);
    for threads in 1..16 {
        let mut command = Command::new("bash");
        command
            .args(["-c", &format!("ulimit -u {threads}; exec \"$0\" eval 6*7")])
            .arg(&binary)
            .env("OKERNEL_CACHE", "off")
            .current_dir("/")
            .uid(nobody);
        let output = run_with(&mut command, b"");
        assert!(!output.stderr.contains("panicked"), "{threads}: {output:?}");
        match output.status {
            0 => booted += 1,
            _ => {
                refusal(output);
                refused += 1;
            }
        }
    }
    assert!(
        booted > 0 && refused > 0,
        "{booted} booted, {refused} refused"
    );
}

#[test]
fn output_that_cannot_be_written_is_told() {
    // Whether it is written before the kernel halts or while it does is chance.
    for _ in 0..20 {
        let output = under("exec >/dev/full", "eval 1", "");
        assert!(!output.stderr.contains("panicked"), "{output:?}");
        let error = output.failed(1);
        assert!(error.contains("No space left on device"), "{error}");
    }
}

#[test]
fn a_full_disk_costs_the_cache_and_nothing_else() {
    // A small file system of its own needs the superuser, and a system that lets it.
    let folder = tempfile::tempdir().unwrap();
    let mounted = |then: &str| {
        let folder = folder.path().display();
        let script = format!("mount -t tmpfs -o size=64k none {folder} && {then}");
        let mut command = Command::new("unshare");
        command.args(["-m", "bash", "-c", &script]);
        command.arg(okernel().get_program());
        command.env("OKERNEL_CACHE", folder.to_string());
        command
    };
    if !mounted("true")
        .output()
        .is_ok_and(|output| output.status.success())
    {
        return;
    }
    let output = run_with(&mut mounted("exec \"$0\" eval 6*7"), b"");
    assert!(
        output.stderr.contains("No space left on device"),
        "{output:?}"
    );
    assert_eq!(
        (output.status, output.stdout.as_str()),
        (0, "42\n"),
        "{output:?}"
    );
}

#[test]
fn files_that_may_not_grow_are_refused_and_end_no_process() {
    let output = under("ulimit -f 16", "eval 6*7", "");
    assert!(!output.stderr.contains("panicked"), "{output:?}");
    if output.status != 0 {
        refusal(output);
    }
}
