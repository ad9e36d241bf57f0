//! Hostile guests: each does its worst beside an honest neighbour on the same core.
//!
//! The guests are in `tests/guests`, one in each file, which says in its head what it does, what it is
//! granted, and how it ends. After each, the neighbour answers, the shell goes on, and the reason is
//! the one that the file promises.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use okernel_abi::syscalls::{Param, SYSCALLS, Syscall};

use crate::support::{okernel, root, run_with};

/// Entry points for what a guest does not define itself.
const DEFAULTS: [(&str, &str); 5] = [
    ("memory", r#"(memory (export "memory") 1)"#),
    (
        "init",
        r#"(func (export "init") (result i32) (i32.const 0))"#,
    ),
    (
        "exec",
        r#"(func (export "exec") (param i32) (result i32) (i32.const 0))"#,
    ),
    (
        "poll",
        r#"(func (export "poll") (result i32) (i32.const 1))"#,
    ),
    ("finalize", r#"(func (export "finalize") (param i32))"#),
];

/// A module of this text, with the calls that it has none of its own for; a `name` comes first, if it has one.
fn assembled(name: &str, text: &str) -> wat::Result<Vec<u8>> {
    let missing: String = DEFAULTS
        .iter()
        .filter(|(name, _)| !text.contains(&format!(r#"(export "{name}")"#)))
        .map(|(_, default)| *default)
        .collect();
    let abi = r#"(@custom "okernel.abi" "\01\00\00\00")"#;
    wat::parse_str(format!("(module {name} {abi}\n{text}\n{missing})"))
}

/// A guest, as its file describes it.
pub(super) struct Hostile {
    pub(super) name: String,
    pub(super) module: PathBuf,
    pub(super) grants: String,
    pub(super) before: String,
    then: String,
    after: String,
    ends: String,
    log: String,
    prints: String,
}

impl Hostile {
    fn read(path: &Path, folder: &Path) -> Hostile {
        let text = fs::read_to_string(path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        let said = |word: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(&format!(";; {word}: ")));
            line.unwrap_or_default().trim().to_string()
        };
        let wasm = assembled("", &text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let module = folder.join(format!("{name}.wasm"));
        // Another version of it differs in a section that says nothing.
        let again = folder.join(format!("{name}_again.wasm"));
        fs::write(&again, [wasm.as_slice(), b"\0\x06\x05again"].concat()).unwrap();
        fs::write(&module, wasm).unwrap();
        let hostile = Hostile {
            grants: said("grants"),
            before: said("before"),
            then: said("then").replace("AGAIN", &again.display().to_string()),
            after: said("after"),
            ends: said("ends"),
            log: said("log"),
            prints: said("prints"),
            module,
            name,
        };
        assert!(!hostile.ends.is_empty(), "{}: no ends", hostile.name);
        hostile
    }

    /// Runs it beside a neighbour, which squares what it is sent. Answers what went wrong.
    fn run(&self) -> Option<String> {
        let load = format!("evil={}", self.module.display());
        let grants = match self.grants.as_str() {
            "" => "[]",
            grants => grants,
        };
        let Hostile {
            before,
            then,
            after,
            ..
        } = self;
        // What must be killed has a while to do its worst; the others have ended by then.
        let wait = match (self.ends.as_str(), self.log.as_str()) {
            ("killed", _) | (_, "finalize: refused: killed") => "rcv[quiet;150];",
            _ => "{(x<1000)&~`ended=*(p`state)@&e=(p:ps[])`task}{rcv[quiet;20];x+1}/0;",
        };
        // One that has had no turn yet has nothing to save: it is made anew as what is loaded.
        let begun = match then.as_str() {
            "" => "",
            _ => "{(x<1000)&1>*(p`turns)@&e=(p:ps[])`task}{rcv[quiet;5];x+1}/0;",
        };
        let script = format!(
            "quiet:sub[0;pub[0;64]]; in:pub[0;4096]; out:pub[1;4096]; back:sub[0;out];
             spawn[1;\"{{snd[out;x*x];o rcv in}} rcv in\";[in:sub[1;in];out:out]];
             {before}
             e:spawn[1;`evil;{grants}];
             {begun}
             {then}
             {wait}
             snd[in;7]; rcv back
             {after}
             kill e;
             rcv[quiet;20];
             snd[in;8]; rcv back
             t:ps[];print[*(t`exit)@&e=t`task];\n"
        );
        let mut command = okernel();
        command.args(["boot", "--cores", "2", "--load", &load]);
        let output = run_with(&mut command, script.as_bytes());
        let checks = [
            ("the neighbour answers", output.stdout.starts_with("49\n")),
            ("it answers still", output.stdout.contains("64\n")),
            ("the reason", output.stdout.contains(&self.ends)),
            ("the log", output.stderr.contains(&self.log)),
            ("the print", output.stdout.contains(&self.prints)),
            ("no panic", !output.stderr.contains("panicked")),
            ("a short log", output.stderr.lines().count() < 1000),
        ];
        let broken = checks.iter().filter(|(_, holds)| !holds);
        let broken: Vec<&str> = broken.map(|(what, _)| *what).collect();
        (!broken.is_empty()).then(|| {
            let (out, errors) = (output.stdout, output.stderr);
            let shown: String = errors.chars().take(600).collect();
            format!("{}: {broken:?}\n{out}{shown}", self.name)
        })
    }
}

/// All of them, compiled into a folder of this name.
pub(super) fn guests(folder: &str) -> Vec<Hostile> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    fs::create_dir_all(&folder).unwrap();
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("tests/guests"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 15, "{files:?}");
    files
        .iter()
        .map(|file| Hostile::read(file, &folder))
        .collect()
}

#[test]
fn each_ends_as_it_must_and_harms_nobody() {
    let broken: Vec<String> = guests("hostile").iter().filter_map(Hostile::run).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A guest that makes every system call of the table with every mix of numbers at the edges of their
/// ranges and of the handles that it was granted. What closes handles comes last.
fn every_call_with_every_mix() -> String {
    const EDGES: [i64; 9] = [
        0,
        1,
        7,
        65_535,
        65_536,
        0x7fff_ffff,
        0xffff_ffff,
        i64::MAX,
        i64::MIN,
    ];
    const HANDLES: [&str; 5] = ["out", "in", "timer", "clock", "file"];
    let count = EDGES.len() + HANDLES.len();
    let (mut imports, mut functions, mut calls) = (String::new(), String::new(), String::new());
    let mut table: Vec<&Syscall> = SYSCALLS.iter().collect();
    table.sort_by_key(|call| call.name == "close");
    for call in table {
        let (name, arity) = (call.name, call.params.len());
        let list = |of: fn(&Param) -> String| call.params.iter().map(of).collect::<String>();
        let params = list(|param| format!(" i{}", param.bits));
        let _ = writeln!(
            imports,
            r#"(import "okernel" "{name}" (func ${name} (param{params}) (result i64)))"#
        );
        // The mix is a number whose digits, in base `count`, choose the arguments.
        let mut arguments = String::new();
        for (index, param) in call.params.iter().enumerate() {
            let digit = format!(
                "(i32.rem_u (i32.div_u (local.get 0) (i32.const {})) (i32.const {count}))",
                count.pow(index as u32)
            );
            let load = format!("(i64.load (i32.shl {digit} (i32.const 3)))");
            arguments += &match param.bits {
                32 => format!("(i32.wrap_i64 {load})"),
                _ => load,
            };
        }
        let _ = writeln!(
            functions,
            "(func $all_{name} (local i32) (local.set 0 (i32.const {}))
               (loop $next
                 (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                 (drop (call ${name} {arguments}))
                 (br_if $next (local.get 0))))",
            count.pow(arity as u32)
        );
        let _ = write!(calls, "(call $all_{name})");
    }
    let mut prepare = String::new();
    for (index, edge) in EDGES.iter().enumerate() {
        let _ = write!(
            prepare,
            "(i64.store (i32.const {}) (i64.const {edge}))",
            index * 8
        );
    }
    for (index, name) in HANDLES.iter().enumerate() {
        let at = 1024 + index * 16;
        let _ = write!(functions, r#"(data (i32.const {at}) "{name}")"#);
        let _ = write!(
            prepare,
            "(i64.store (i32.const {}) (call $grant (i32.const {at}) (i32.const {})))",
            (EDGES.len() + index) * 8,
            name.len()
        );
    }
    // Calls write into the table of numbers too: it is written anew before each.
    let calls = calls.replace("(call $all", "(call $prepare)(call $all");
    format!(
        r#"{imports} {functions} (func $prepare {prepare})
           (func (export "poll") (result i32) {calls} (i32.const 1))"#
    )
}

#[test]
fn no_numbers_in_a_call_do_harm() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = folder.join("every_call.wat");
    let head = ";; before: r:pub[1;65536]; s:sub[1;r];\n\
        ;; grants: [out:r;in:s;timer:`timer;clock:`clock;file:(`file;\"Cargo.toml\")]\n\
        ;; ends: done\n";
    fs::write(&source, format!("{head}{}", every_call_with_every_mix())).unwrap();
    let broken = Hostile::read(&source, folder).run();
    assert_eq!(broken, None);
}

/// Text that would forge a line, and clear the screen, if it were printed as it is.
const FORGED: &str = r"x\0aforged\1b[2J";

/// A module's maker chooses its names, and a guest what it says of its failure: all of it is printed as visible
/// text in the line that it belongs to.
#[test]
fn names_and_reasons_print_nothing_but_themselves() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("forged");
    fs::create_dir_all(&folder).unwrap();
    // What says so is killed by a trap, or answers that it failed: such a reason may have lines, but no commands.
    let says = |text: &str, then: &str| {
        format!(
            r#"(import "okernel" "fault" (func $fault (param i32 i32) (result i64)))
               (memory (export "memory") 1) (data (i32.const 0) "{text}")
               (func (export "poll") (result i32)
                   (drop (call $fault (i32.const 0) (i32.const 12))) {then})"#
        )
    };
    let cases = [
        ("call", format!(r#"(import "okernel" "{FORGED}" (func))"#)),
        (
            "foreign",
            format!(r#"(import "{FORGED}" "{FORGED}" (func))"#),
        ),
        (
            "wants",
            format!(r#"(@custom "okernel.wants" "{FORGED} clock")"#),
        ),
        (
            "twice",
            format!(r#"(func (export "{FORGED}")) (func (export "{FORGED}"))"#),
        ),
        ("section", format!(r#"(@custom "{FORGED}" "")"#)),
        (
            "trap",
            format!(r#"(func (@name "{FORGED}") (export "poll") (result i32) (unreachable))"#),
        ),
        ("said", says(FORGED, "unreachable")),
        ("answered", says(r"broken\1b[2J!!", "(i32.const 2)")),
    ];
    let mut script = String::from("quiet:sub[0;pub[0;64]];\n");
    let mut inspected = String::new();
    for (name, text) in &cases {
        let module = folder.join(format!("{name}.wasm"));
        let wasm = assembled(&format!(r#"(@name "{FORGED}")"#), text).unwrap();
        fs::write(&module, wasm).unwrap();
        let _ = writeln!(
            script,
            "load[`{name};\"{}\"]\n e:spawn[1;`{name};[]];rcv[quiet;50];kill e",
            module.display()
        );
        let output = run_with(okernel().arg("inspect").arg(&module), b"");
        inspected += &(output.stdout + &output.stderr);
    }
    let mut command = okernel();
    let output = run_with(command.args(["boot", "--cores", "2"]), script.as_bytes());
    for text in [&inspected, &output.stdout, &output.stderr] {
        assert!(!text.contains('\u{1b}'), "{text:?}");
        let forged = text.lines().any(|line| line.starts_with("forged"));
        assert!(!forged, "{text}");
    }
    for shown in [
        r"it imports the system call x\nforged\u{1b}[2J, which",
        r"it imports x\nforged\u{1b}[2J.x\nforged\u{1b}[2J: a task",
        r"panic: x forged\u{1b}[2J",
        r"error: broken\u{1b}[2J!!",
        r" - x\nforged\u{1b}[2J!x\nforged\u{1b}[2J",
    ] {
        assert!(output.stderr.contains(shown), "{shown}: {}", output.stderr);
    }
    assert!(
        inspected.contains(r"section  x\nforged\u{1b}[2J 0 bytes"),
        "{inspected}"
    );
}

/// Tasks that trap, tasks that are killed with a window mapped, a timer set and a ring half written:
/// after thousands of them the process holds no more mappings and descriptors than before.
#[test]
fn thousands_that_come_and_go_leave_nothing() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let read = |name: &str| Hostile::read(&root().join(format!("tests/guests/{name}.wat")), folder);
    let (claims, loops) = (read("unwinds_mid_claim"), read("endless_poll"));
    let mut command = okernel();
    command.args(["boot", "--cores", "2"]);
    for (name, guest) in [("claims", &claims), ("loops", &loops)] {
        command.args(["--load", &format!("{name}={}", guest.module.display())]);
    }
    let mut child = Live::start(&mut command);
    child.tell("one:{spawn[1;`claims;[out:pub[1;65536]]];kill spawn[1;`loops;[]];x}; quiet:sub[0;pub[0;64]];");
    child.tell("one'!300; rcv[quiet;300]; 1");
    assert_eq!(child.line(), "1");
    let before = child.holdings();
    child.tell("one'!5000; rcv[quiet;300]; 2");
    assert_eq!(child.line(), "2");
    let after = child.holdings();
    child.end();
    // Threads and pools may still grow a little; what leaks does so ten thousand times.
    assert!(
        after.descriptors <= before.descriptors + 8,
        "{before:?} {after:?}"
    );
    assert!(
        after.mappings <= before.mappings + 100,
        "{before:?} {after:?}"
    );
    assert!(
        after.resident_kib <= before.resident_kib + 20_000,
        "{before:?} {after:?}"
    );
}

/// A run of the shell that goes on while the test looks at it.
pub(super) struct Live {
    child: Child,
    input: ChildStdin,
    out: BufReader<ChildStdout>,
}

/// What a process holds.
#[derive(Debug)]
struct Holdings {
    descriptors: usize,
    mappings: usize,
    resident_kib: usize,
}

impl Live {
    pub(super) fn start(command: &mut Command) -> Live {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        Live {
            input: child.stdin.take().unwrap(),
            out: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    pub(super) fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    pub(super) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_string()
    }

    /// The process's folder of what is known about it.
    pub(super) fn proc(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.child.id()))
    }

    fn holdings(&self) -> Holdings {
        let proc = self.proc();
        let status = fs::read_to_string(proc.join("status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.unwrap().trim().trim_end_matches(" kB");
        Holdings {
            descriptors: fs::read_dir(proc.join("fd")).unwrap().count(),
            mappings: fs::read_to_string(proc.join("maps"))
                .unwrap()
                .lines()
                .count(),
            resident_kib: resident.parse().unwrap(),
        }
    }

    pub(super) fn end(mut self) {
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}
