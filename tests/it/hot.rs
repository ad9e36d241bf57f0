//! New versions of modules in the running binary: loaded by name, tried first, gone back from, and loaded by
//! themselves when a folder is watched.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use okernel_abi::frame::{FRAME_VALUE, FrameHeader};
use okernel_abi::value::Value;

use crate::support::{okernel, run, run_with};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A module whose tasks sleep, and go on as other versions of it if `restore` answers 0.
fn module(mark: &str, restored: u32) -> Vec<u8> {
    let text = format!(
        r#"(module (@custom "okernel.abi" "\01\00\00\00") (@custom "mark" "{mark}")
            (import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
            (import "okernel" "wait" (func $wait (param i32 i32) (result i64)))
            (import "okernel" "state" (func $state (param i32 i32 i32) (result i64)))
            (memory (export "memory") 1)
            (data (i32.const 0) "in")
            (func (export "init") (result i32) (i32.const 0))
            (func (export "exec") (param i32) (result i32) (i32.const 0))
            (func (export "poll") (result i32)
                (drop (call $wait (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 2))) (i32.const 8)))
                (i32.const 0))
            (func (export "finalize") (param i32))
            (func (export "save") (result i32)
                (i32.wrap_i64 (call $state (i32.const 1) (i32.const 0) (i32.const 0))))
            (func (export "restore") (param i32 i32) (result i32) (i32.const {restored})))"#
    );
    wat::parse_str(text).unwrap()
}

/// A shell that is spoken to line by line.
struct Shell {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Shell {
    fn start(args: &[&str]) -> Shell {
        let mut child = okernel()
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Shell {
            child,
            input,
            output,
        }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// The one line that an expression is shown as.
    fn ask(&mut self, line: &str) -> String {
        self.say(line);
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        answer.trim_end().to_string()
    }

    fn wait_for(&mut self, line: &str, wanted: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask(line);
            if answer == wanted {
                return;
            }
            assert!(Instant::now() < until, "{line}: {answer}, not {wanted}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn end(self) {
        let Shell {
            mut child, input, ..
        } = self;
        drop(input);
        assert!(child.wait().unwrap().success());
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_string()
}

#[test]
fn a_running_task_goes_on_as_what_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let first = write(folder.path(), "1.wasm", &module("1", 0));
    let second = write(folder.path(), "2.wasm", &module("2", 0));
    let refusing = write(folder.path(), "3.wasm", &module("3", 1));
    let mut shell = Shell::start(&["boot", "--cores", "2", "--load", &format!("m={first}")]);
    shell.say("t:spawn[1;`m;[in:sub[1;pub[1;4096]]]];");
    shell.say("version:{*(p`version)@&t=(p:ps[])`task};");
    assert_eq!(shell.ask("version[]"), "1");
    shell.say(&format!("load[`m;\"{second}\"];"));
    shell.wait_for("version[]", "2");
    assert_eq!(shell.ask(&format!("*(check[`m;\"{first}\"])`ok")), "1");
    assert_eq!(shell.ask(&format!("*(check[`m;\"{refusing}\"])`ok")), "0");
    shell.say(&format!("load[`m;\"{refusing}\"];"));
    shell.say("mine:{(v x)@&`m=(v:versions[])`module};");
    shell.wait_for("mine`refused", "0 0 1");
    assert_eq!(shell.ask("version[]"), "2");
    assert_eq!(shell.ask("mine`current"), "0 0 1");
    assert_eq!(shell.ask("mine`tasks"), "0 1 0");
    assert_eq!(shell.ask("rollback`m"), "2");
    assert_eq!(shell.ask("rollback`m"), "1");
    shell.wait_for("version[]", "1");
    assert_eq!(shell.ask("mine`upgraded"), "1 1 0");
    assert_eq!(shell.ask("&/0<2#mine`\"pause_us\""), "1");
    shell.end();
}

/// A module whose tasks send the number 7 to `out` in their first turn, and end.
fn sender(mark: &str) -> Vec<u8> {
    let payload = Value::Int(7).to_bytes();
    let header = FrameHeader {
        payload_bytes: payload.len() as u32,
        kind: FRAME_VALUE,
    };
    let mut frame = [header.encode().as_slice(), &payload].concat();
    frame.resize(header.frame_bytes() as usize, 0);
    let bytes = frame.len();
    let data: String = frame.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let text = format!(
        r#"(module (@custom "okernel.abi" "\01\00\00\00") (@custom "mark" "{mark}")
            (import "okernel" "grant" (func $grant (param i32 i32) (result i64)))
            (import "okernel" "pub_write" (func $pub_write (param i32 i32 i32) (result i64)))
            (memory (export "memory") 1)
            (data (i32.const 0) "out") (data (i32.const 8) "{data}")
            (func (export "init") (result i32) (i32.const 0))
            (func (export "exec") (param i32) (result i32) (i32.const 0))
            (func (export "poll") (result i32)
                (drop (call $pub_write
                    (i32.wrap_i64 (call $grant (i32.const 0) (i32.const 3)))
                    (i32.const 8) (i32.const {bytes})))
                (i32.const 1))
            (func (export "finalize") (param i32)))"#
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn a_task_of_a_new_version_is_there_as_soon_as_it_is_compiled() {
    const VERSIONS: usize = 15;
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Shell::start(&["boot", "--cores", "2"]);
    // From the order to load it to what its first task has sent, without what checking and compiling took.
    shell.say(
        "took:{[f]r:pub[1;4096];s:sub[0;r];b:now[];load[`m;f];spawn[1;`m;[out:r]];g:rcv[s;60000];e:now[];\
         c:(v`\"compile_ms\")@*&(v`current)&`m=(v:versions[])`module;(g;((e-b)%0D00:00:00.001)-c)};",
    );
    let mut took_ms: Vec<f64> = (0..VERSIONS)
        .map(|number| {
            let path = write(folder.path(), "m.wasm", &sender(&number.to_string()));
            let answer = shell.ask(&format!("took \"{path}\""));
            let number = answer
                .split_whitespace()
                .last()
                .and_then(|ms| ms.parse().ok());
            assert!(answer.starts_with("7 "), "{answer}");
            number.unwrap_or_else(|| panic!("{answer}"))
        })
        .collect();
    shell.end();
    took_ms.sort_by(f64::total_cmp);
    // Half a millisecond by itself; here other tests want the processors as well.
    assert!(took_ms[VERSIONS / 2] < 100.0, "{took_ms:?}");
}

#[test]
fn a_task_moves_where_it_is_told_to_unless_it_is_pinned() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "m.wasm", &module("1", 0));
    let mut shell = Shell::start(&["boot", "--cores", "3", "--load", &format!("m={path}")]);
    shell.say("t:spawn[1;`m;[in:sub[1;pub[1;4096]]]];");
    shell.say("p:spawn[1;`m;[in:sub[1;pub[1;4096]];pin:1]];");
    shell.say("of:{[c;n]*(a c)@&n=(a:ps[])`task};");
    shell.say("move[t;2];");
    assert_eq!(shell.ask("of[`core;t],of[`moves;t],of[`pinned;t]"), "2 1 0");
    assert_eq!(shell.ask("of[`core;p],of[`moves;p],of[`pinned;p]"), "1 0 1");
    let told = shell.ask(".[move;(p;2);:][1]");
    assert!(told.contains("is pinned to core 1"), "{told}");
    let told = shell.ask(".[move;(0;2);:][1]");
    assert!(told.contains("is pinned to core 0"), "{told}");
    shell.end();
}

#[test]
fn a_watched_folder_is_loaded_when_it_changes_and_never_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (module("1", 0), module("2", 0));
    write(folder.path(), "m.wasm", &first);
    write(folder.path(), "broken.wasm", b"\0asm");
    let watched = folder.path().to_str().unwrap().to_string();
    let mut shell = Shell::start(&["boot", "--cores", "2", "--watch", &watched]);
    shell.say("t:spawn[1;`m;[in:sub[1;pub[1;4096]]]];");
    shell.say("version:{*(p`version)@&t=(p:ps[])`task};");
    assert_eq!(shell.ask("version[]"), "1");
    // Written in two parts with a rest between them.
    let mut file = fs::File::create(folder.path().join("m.wasm")).unwrap();
    file.write_all(&second[..second.len() / 2]).unwrap();
    file.sync_all().unwrap();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(shell.ask("version[]"), "1");
    file.write_all(&second[second.len() / 2..]).unwrap();
    drop(file);
    shell.wait_for("version[]", "2");
    // A damaged file changes nothing; a new one has its name's module.
    write(folder.path(), "m.wasm", &first[..first.len() - 2]);
    write(folder.path(), "new.wasm", &module("3", 0));
    shell.wait_for("`new in (versions[])`module", "1");
    assert_eq!(shell.ask("version[]"), "2");
    // The same bytes are the same version.
    write(folder.path(), "m.wasm", &first);
    shell.wait_for("version[]", "1");
    shell.end();
    let absent = folder.path().join("absent");
    let refused = run(&["boot", "--watch", absent.to_str().unwrap()]).failed(1);
    assert!(
        refused.contains("--watch") && refused.lines().count() == 1,
        "{refused}"
    );
}

#[test]
fn a_watched_module_keeps_its_class() {
    let folder = tempfile::tempdir().unwrap();
    let first = write(folder.path(), "m.wasm", &module("1", 0));
    let watched = folder.path().to_str().unwrap().to_string();
    let load = format!("m={first},dense");
    let mut shell = Shell::start(&["boot", "--load", &load, "--watch", &watched]);
    shell.say("class:{*(m`class)@&x=(m:modules[])`name};");
    assert_eq!(shell.ask("class`m"), "`dense");
    write(folder.path(), "m.wasm", &module("2", 0));
    write(folder.path(), "new.wasm", &module("3", 0));
    shell.wait_for("#&`m=(versions[])`module", "2");
    shell.wait_for("`new in (modules[])`name", "1");
    assert_eq!(shell.ask("class`m"), "`dense");
    assert_eq!(shell.ask("class`new"), "`ordinary");
    shell.end();
}

#[test]
fn balancing_can_be_switched_on() {
    // Programs that count for ever; the first is pinned.
    let script = "t:(spawn[0;\"{1}{x+1}/0\";[pin:1]];spawn[0;\"{1}{x+1}/0\"];spawn[0;\"{1}{x+1}/0\"]);\n\
        quiet:sub[0;pub[0;64]];\n\
        at:{(p`core)(p:ps[])[`task]?t};\n\
        {(x<300)&~1 in at[]}{rcv[quiet;20];x+1}/0;\n\
        (*at[]),1 in at[]\n\
        kill't;\n";
    let mut command = okernel();
    command.args(["boot", "--cores", "2", "--balance"]);
    let output = run_with(&mut command, script.as_bytes()).ok();
    assert!(output.contains("0 1\n"), "{output}");
}
