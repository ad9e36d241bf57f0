//! Supervision from O through the binary: restarts without loss, monitors, links, names, backtraces with lines.

use crate::support::{okernel, run, run_with, shell};
use std::fs;

#[test]
fn a_worker_that_stumbles_loses_nothing() {
    let text = run(&["run", "demos/supervised.ok", "3000"]).ok();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "came once each, in order: 3000 of 3000");
    assert_eq!(lines[1], "the supervisor ended: done");
    let words: Vec<&str> = lines[2].split(' ').collect();
    let restarts: u64 = words[5].parse().unwrap_or_else(|_| panic!("{text}"));
    assert!((50..400).contains(&restarts), "{text}");
    assert!(lines[2].contains("stumbled over "), "{text}");
}

#[test]
fn the_end_of_a_task_is_told_with_its_reason() {
    let text = shell(
        "t:spawn[0;\"raise \\\"no luck\\\"\"]; m:monitor t; e:rcv m; e`reason\n\
         e`name\n\
         (e`task)=t\n\
         t:spawn[0;\"{o[]}[]\"]; m:monitor t; poll m\n\
         kill t; (rcv m)`reason\n\
         rcv[monitor t;1000]`text\n",
    )
    .ok();
    assert_eq!(
        text,
        "`error\n`\"raise \\\"no luck\\\"\"\n1\n`killed\n\"killed\"\n"
    );
}

#[test]
fn a_supervisor_that_gives_up_says_why() {
    let output = shell(
        "t:supervise[`one;[intensity:2;backoff:1];[a:[run:{raise \"never\"}]]]; m:monitor t; e:rcv m; e`reason\n\
         e`text\n",
    );
    let text = output.ok();
    assert!(text.starts_with("`limit\n"), "{text}");
    assert!(
        text.contains("more than 2 restarts within 5000 ms; child a ended last: error: "),
        "{text}"
    );
}

#[test]
fn names_are_found_and_awaited() {
    let text = shell(
        "p:pub[0;4096]; find`orders.in\n\
         await[`orders.in;1]\n\
         name[`orders.in;p]\n\
         p=find`orders.in\n\
         p=await`orders.in\n\
         names[]\n\
         unname`orders.in; find`orders.in\n",
    )
    .ok();
    assert_eq!(
        text,
        "`orders.in\n1\n1\nname       kind  number\n-----------------------\n`orders.in `ring      0\n"
    );
    let stderr = shell("unname`nobody\n").failed(1);
    assert!(
        stderr.contains("unname: no ring has the name nobody"),
        "{stderr}"
    );
}

#[test]
fn a_shell_links_two_tasks_and_not_itself() {
    let text = shell(
        "a:spawn[0;\"{o[]}[]\"]; b:spawn[0;\"{o[]}[]\"]; link[a;b]; m:monitor b; kill a; (rcv m)`reason\n",
    )
    .ok();
    assert_eq!(text, "`linked\n");
    let stderr = shell("link spawn[0;\"{o[]}[]\"]\n").failed(1);
    assert!(
        stderr.contains("the shell would end with the task"),
        "{stderr}"
    );
}

#[test]
fn what_cannot_be_supervised_is_said() {
    for (line, text) in [
        (
            "supervise[`two;();[a:[run:`ping]]]",
            "`one, `all or `rest is expected, `two was given",
        ),
        (
            "supervise[`one;();[a:[run:`ghost]]]",
            "child a: there is no module ghost",
        ),
        (
            "supervise[`one;();[a:[core:0]]]",
            "child a: either run or children is expected",
        ),
        (
            "supervise[`one;[backoff:-1];[a:[run:`ping]]]",
            "backoff: milliseconds in 0..86400000",
        ),
        (
            "supervise[`one;();[a:[run:\"\"]]]",
            "there is no code to run",
        ),
        (
            "c:[run:\"1\"]; supervise[`one;();[a:20{[children:[a:x]]}/c]]",
            "supervisors",
        ),
        (
            "c:[run:\"1\"]; supervise[`one;();[a:200000{[children:[a:x]]}/c]]",
            "supervise: ",
        ),
    ] {
        let stderr = shell(&format!("{line}\n")).failed(1);
        assert!(stderr.contains(text), "{line}: {stderr}");
    }
}

/// A task that traps in its first turn.
const TRAPS: &str = r#"(module (memory (export "memory") 1)
    (@custom "okernel.abi" "\01\00\00\00")
    (func (export "init") (result i32) i32.const 0)
    (func (export "exec") (param i32) (result i32) i32.const 0)
    (func (export "poll") (result i32) unreachable)
    (func (export "finalize") (param i32)))"#;

#[test]
fn a_module_that_traps_is_started_again_until_it_is_too_much() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traps.wasm");
    fs::write(&path, wat::parse_str(TRAPS).unwrap()).unwrap();
    let text = shell(&format!(
        "load[`traps;\"{}\"]\n\
         t:supervise[`one;[intensity:300;period:600000;backoff:0];[a:[run:`traps]]]; (rcv monitor t)`text\n\
         t:ps[]; w:t[&t[`name]=`a]; (|/w`restarts;*w`reason;*-1#w`last)\n",
        path.display()
    ))
    .ok();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[1].starts_with(
            "\"limit: more than 300 restarts within 600000 ms; child a ended last: trap: "
        ),
        "{text}"
    );
    assert_eq!(&lines[2..4], ["(300", " `trap"], "{text}");
    assert!(lines[4].starts_with(" \"trap: "), "{text}");
}

/// A task that fails in a function at a known line of its source.
const TUMBLES: &str = "use okernel_sdk::{Context, Result};

#[okernel_sdk::task]
async fn tumbles(ctx: Context) -> Result<()> {
    stumble(ctx.args()?.len());
    Ok(())
}

#[inline(never)]
fn stumble(count: usize) {
    let numbers = [1, 2, 3];
    assert!(numbers[count] > 5, \"too small\");
}
";

#[test]
fn a_backtrace_names_lines_where_the_module_has_debug_information() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tumbles");
    run_with(okernel().args(["new"]).arg(&path), b"").ok();
    fs::write(path.join("src/lib.rs"), TUMBLES).unwrap();
    let module = folder.path().join("tumbles.wasm");
    let target = concat!(env!("CARGO_TARGET_TMPDIR"), "/tumbles");
    run_with(
        okernel()
            .args(["build", "--debug"])
            .arg(&path)
            .arg("-o")
            .arg(&module)
            .env("CARGO_TARGET_DIR", target),
        b"",
    )
    .ok();
    let script = format!(
        "load[`tumbles;\"{}\"]; e:rcv monitor spawn[0;`tumbles]; e`reason\ne`text\ne`backtrace\n",
        module.display()
    );
    let text = shell(&script).ok();
    assert!(text.starts_with("`panic\n"), "{text}");
    assert!(text.contains("too small"), "{text}");
    assert!(text.contains("src/lib.rs:12:"), "{text}");
}

#[test]
fn a_program_that_may_spawn_is_a_program_still() {
    let lines = "e:rcv monitor spawn[0;\"spawn[0;\\\"print 6*7\\\";[console:`console]]\";[spawn:`spawn;console:`console]]\n\
         e`reason\n\
         (rcv monitor spawn[0;\"#ps[]\";[system:`system]])`reason\n\
         (rcv monitor spawn[0;\"1+`x\";[spawn:`spawn]])`reason\n\
         (rcv monitor spawn[0;\" \";[spawn:`spawn]])`reason\n";
    let text = shell(lines).ok();
    let mut lines: Vec<&str> = text.lines().collect();
    // The child prints at its own pace, after its parent has been told its number.
    lines.retain(|line| *line != "42");
    assert_eq!(text.lines().count(), lines.len() + 1, "{text}");
    assert_eq!(lines[1..], ["`done", "`done", "`error", "`done"], "{text}");
}

#[test]
fn a_program_spawns_watches_and_passes_on_what_it_was_granted() {
    let worker = "{v:rcv in;$[v=3;raise \"three\";];snd[out;v*v];o[]}[]";
    let manager = format!(
        "q:pub[0;65536];
         w:{{spawn[1;{worker:?};[in:sub[1;q];out:limit[out;[quota:1000]];memory:65537000]]}};
         m:monitor w[];
         snd[q;2];snd[q;3];
         e:rcv m;
         print e`reason;
         r:supervise[`one;();[again:[run:{worker:?};core:1;in:in]]];
         print (rcv monitor r)`reason"
    );
    let path = std::env::temp_dir().join(format!("okernel-manager-{}.ok", std::process::id()));
    let manager = format!("{manager:?}").replace("\\n", ";");
    let script = format!(
        "s:sub[1;p:pub[0;65536]]; back:sub[0;out:pub[1;65536]];
         t:spawn[0;{manager};[in:s;out:out;spawn:`spawn;console:`console]];
         print rcv back;
         m:monitor t;
         snd[p;3];
         e:rcv m;
         print e`reason;
         print e`text\n"
    );
    fs::write(&path, script).unwrap();
    let output = run(&["run", path.to_str().unwrap()]);
    fs::remove_file(&path).unwrap();
    // A task has failed, as was wanted.
    assert_eq!(output.status, 1, "{output:?}");
    // The shell and the manager are told of different things, by different ways: which is first to print is not said.
    let (told, rest) = output.stdout.split_at("4\n`error\n".len());
    assert!(["4\n`error\n", "`error\n4\n"].contains(&told), "{output:?}");
    assert_eq!(rest, "`limit\n`done\ndone\n");
}
