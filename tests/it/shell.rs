//! The shell as its user meets it: rings, tasks and requests, typed as lines.

use crate::support::{okernel, run_with, shell};

#[test]
fn what_is_sent_is_received_by_every_subscriber() {
    let lines = "p:pub[0;4096];\ns:sub[0;p]; t:sub[1;p];\nsnd[p;11 12 13]; snd[p;(`a;\"text\";2.5)];\n(rcv s;rcv t)\nrcv s\n";
    assert_eq!(
        shell(lines).ok(),
        "(11 12 13\n 11 12 13)\n(`a\n \"text\"\n 2.5)\n"
    );
}

#[test]
fn an_o_task_on_another_core_answers() {
    let lines = "in:pub[0;4096]; out:pub[1;4096]; back:sub[0;out];\n\
        spawn[1;\"{snd[out;x*x];o rcv in} rcv in\";[in:sub[1;in];out:out]];\n\
        snd[in;7]; rcv back\nsnd[in;1.5 2]; rcv back\n";
    assert_eq!(shell(lines).ok(), "49\n2.25 4\n");
}

#[test]
fn a_lambda_can_be_spawned() {
    let lines = "out:pub[1;4096]; back:sub[0;out];\nspawn[1;{snd[out;6*7]};[out:out]];\nrcv back\n";
    assert_eq!(shell(lines).ok(), "42\n");
}

#[test]
fn what_was_not_granted_is_named() {
    let lines = "out:pub[1;4096];\nspawn[1;\"pub[0;8]\";[out:out]];\nrcv[sub[0;pub[0;8]];200];\n";
    let output = shell(lines);
    assert!(
        output.stderr.contains("not granted: \"system\""),
        "{}",
        output.stderr
    );
    let output = shell("spawn[0;`words;[in:99]]\n");
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("99"), "{}", output.stderr);
}

#[test]
fn receiving_with_a_limit_gives_nil() {
    assert_eq!(
        shell("s:sub[0;pub[0;64]];\n^rcv[s;20]\npoll s\n").ok(),
        "1\n"
    );
}

#[test]
fn an_endless_task_holds_nobody_up_and_can_be_killed() {
    let lines = "a:spawn[0;`burn];b:spawn[0;`burn];c:spawn[1;`burn];\n1+1\nkill a;\nkill b;kill c;\n#ps[]\n";
    let output = shell(lines);
    assert!(output.stdout.starts_with("2\n"), "{output:?}");
    assert_eq!(output.status, 0, "{output:?}");
}

#[test]
fn an_endless_o_task_holds_nobody_up_either() {
    let lines = "a:spawn[0;\"{x+1}/0\"];\n2+2\nkill a;\n3+3\n";
    assert_eq!(shell(lines).ok(), "4\n6\n");
}

#[test]
fn weights_and_quanta_change_while_running() {
    let lines = "a:spawn[1;`burn];\nqos[`task;a;7];\nqos[1;100 100 1000];\n(ps[]`weight)@&a=ps[]`task\nkill a;\n";
    assert_eq!(shell(lines).ok(), ",7\n");
}

#[test]
fn requests_that_make_no_sense_say_why() {
    for (line, words) in [
        ("pub[99;64]", &["core 99"][..]),
        ("pub[0;0]", &["capacity"]),
        ("sub[0;77]", &["77"]),
        ("rcv 77", &["77"]),
        ("kill 77", &["77"]),
        ("kill 0", &["halt"]),
        ("spawn[0;`nosuch]", &["nosuch"]),
        ("load[`x;\"/no/such.wasm\"]", &["/no/such.wasm"]),
        ("qos[0;1 2]", &["qos"]),
        ("p:pub[0;64];rcv p", &["publisher"]),
        ("p:pub[0;64];snd[sub[0;p];1]", &["subscriber"]),
        ("snd[pub[0;4096];!10000]", &["snd"]),
    ] {
        let output = shell(&format!("{line}\n1+1\n"));
        assert_eq!(
            (output.status, output.stdout.trim()),
            (1, "2"),
            "{line}: {output:?}"
        );
        for word in words {
            assert!(output.stderr.contains(word), "{line}: {}", output.stderr);
        }
    }
}

#[test]
fn a_request_that_the_kernel_cannot_read_says_what_is_wrong_with_it() {
    let deep = "deep:{(`limit;x;[bytes:5])}/[200000;`console];";
    for (line, expected) in [
        (
            "spawn[0;\"1\";[console:deep]]",
            "limit: spawn: an argument is nested more than 256 deep",
        ),
        (
            "supervise[`one;[];[a:[run:\"1\";grants:deep]]]",
            "limit: supervise: an argument is nested more than 256 deep",
        ),
        (
            "kill deep",
            "limit: kill: an argument is nested more than 256 deep",
        ),
        (
            "spawn[0;20000000#\"a\"]",
            "limit: spawn: the arguments take 20000",
        ),
    ] {
        let output = shell(&format!("{deep}\n{line}\n1+1\n"));
        assert_eq!((output.status, output.stdout.trim()), (1, "2"), "{line}");
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
}

#[test]
fn counts_beyond_the_shells_memory_are_named_as_they_were_written() {
    for line in [
        "!1000000000000",
        "!-1000000000000",
        "!2 1000000000000",
        "1000000000000#0",
        "3 1000000000000#0",
        "1000000000000#\"ab\"",
        "-1000000000000$\"ab\"",
        "?1000000000000",
        "1000000000000?5",
        "-1000000000000?9000000000000",
        "1000000000000?\"ab\"",
        "&1000000000000",
        "&1000000000000 0",
        "=1000000000000",
        "prm 1000000000000",
    ] {
        let output = shell(&format!("{line}\n1+1\n"));
        assert_eq!((output.status, output.stdout.trim()), (1, "2"), "{line}");
        let expected = "limit: a list of 1000000000000 items";
        assert!(
            output.stderr.contains(expected),
            "{line}: {}",
            output.stderr
        );
    }
}

#[test]
fn a_full_ring_makes_the_sender_wait_for_its_reader() {
    let lines = "p:pub[0;4096]; s:sub[1;p]; out:pub[1;4096]; back:sub[0;out];\n\
        spawn[1;\"{$[x<300;o x+rcv in;snd[out;x]]} 0\";[in:s;out:out]];\n\
        {snd[p;1];x}'!300;\nrcv back\n";
    assert_eq!(shell(lines).ok(), "300\n");
}

#[test]
fn halt_gives_the_exit_status() {
    let output = shell("1+1\nhalt 3\n2+2\n");
    assert_eq!((output.status, output.stdout.as_str()), (3, "2\n"));
    let output = run_with(okernel().args(["--cores", "16"]), b"#cores[]\n\\\\\n");
    assert_eq!((output.status, output.stdout.as_str()), (0, "16\n"));
}

#[test]
fn a_deep_recursion_is_an_error_and_the_shell_goes_on() {
    let output = shell("f:{1+f x}\nf 1\n1+1\n");
    assert_eq!(output.status, 1);
    assert!(output.stdout.ends_with("2\n"), "{output:?}");
    assert!(output.stderr.contains("limit"), "{}", output.stderr);
}

#[test]
fn a_loaded_module_runs_under_its_name() {
    let module = wat::parse_str(
        r#"(module (memory (export "memory") 1)
            (@custom "okernel.abi" "\01\00\00\00")
            (func (export "init") (result i32) i32.const 0)
            (func (export "exec") (param i32) (result i32) i32.const 0)
            (func (export "poll") (result i32) unreachable)
            (func (export "finalize") (param i32)))"#,
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trap.wasm");
    std::fs::write(&path, module).unwrap();
    let path = path.display();
    let output = shell(&format!(
        "load[`t;\"{path}\"]\nspawn[1;`t];\nrcv[sub[0;pub[0;64]];200];\n1+1\n"
    ));
    assert_eq!(output.stdout, "`t\n2\n", "{output:?}");
    assert!(output.stderr.contains("unreachable"), "{}", output.stderr);
}

#[test]
fn files_are_read_as_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines.txt");
    std::fs::write(&path, "one\ntwo words\r\n\nlast").unwrap();
    let path = path.display();
    let printed = shell(&format!("0:\"{path}\"\n#'0:\"{path}\"\n")).ok();
    assert_eq!(
        printed,
        "(\"one\"\n \"two words\"\n ()\n \"last\")\n3 9 0 4\n"
    );
    let output = shell("0:\"/no/such/file\"\n\"/no/such/folder/x\"0:(\"a\";\"b\")\n");
    assert!(output.stderr.contains("/no/such/file"), "{}", output.stderr);
    assert!(
        output.stderr.contains("/no/such/folder/x"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_value_that_stands_for_too_much_is_not_sent() {
    let output = shell("p:pub[0;4096]\nsnd[p;40{(x;x)}/0]\n1+1\n");
    assert_eq!(output.stdout, "0\n2\n", "{output:?}");
    assert!(output.stderr.contains("limit"), "{}", output.stderr);
}

#[test]
fn recursion_is_bounded_by_the_memory_of_the_task_and_the_session_goes_on() {
    let lines = "f:{1+o x+1};\nf 0\n1+1\nd:{(x;1)}/[1000000;()];#d\nd:0;\n2+2\n";
    let output = shell(lines);
    assert_eq!(output.stdout, "2\n2\n4\n", "{output:?}");
    assert!(output.stderr.starts_with("limit: "), "{}", output.stderr);
    assert!(
        output.stderr.contains("calls left out"),
        "{}",
        output.stderr
    );
    assert_eq!(output.status, 1);

    // What a task is granted is what its program has.
    let depth = |memory: &str| {
        let lines = format!(
            "out:pub[1;4096]; back:sub[0;out];\n\
             spawn[1;\"n:0;.[{{n::x;1+o x+1}};,0;:];snd[out;n]\";[out:out;memory:{memory}]];\nrcv back\n"
        );
        let output = shell(&lines).ok();
        output.trim().parse::<f64>().unwrap()
    };
    let (small, large) = (depth("16000000"), depth("128000000"));
    assert!(small > 1000.0, "{small}");
    assert!(large > 4.0 * small, "{small} {large}");
}

#[test]
fn an_error_in_a_spawned_program_is_told_with_its_calls() {
    let lines = "t:spawn[1;\"f:{1+g x};g:{2+x+`a};1+f 3\"];\nrcv[sub[0;pub[0;64]];300];\n\
        (ps[]`exit)@*&t=ps[]`task\n";
    let output = shell(lines);
    assert!(output.stderr.contains("type: "), "{}", output.stderr);
    for part in ["in g", "in f", "1+f 3"] {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
    // In lines, so that the caret has something to point at.
    assert!(output.stderr.contains("^\n in g: "), "{}", output.stderr);
}

#[test]
fn programs_that_gather_memory_in_small_parts_meet_their_limit_and_not_their_tasks() {
    let programs = [
        "{(x;1)}/[1000000000;()]",
        "{[a]{a;x}}/[1000000000;1]",
        "f:{f'x,1};f 1",
        "f:{.[f;,x;{raise x}]};f 1",
        "f:{@[1 2;0;f]};f 1",
        "f:{a:!100;b:f x+1;a};f 0",
        "f:{a:200 200#0;b:f x+1;a};f 0",
        r"2\\!1000000",
    ];
    let spawns = programs.map(|program| format!("spawn[1;\"{program}\";[memory:48000000]];\n"));
    let count = programs.len();
    let lines = format!(
        "{}s:sub[0;pub[0;64]];\n{{rcv[s;20];{count}>+/`ended=ps[]`state}}{{x}}/0;\n(ps[]`exit)@&1=ps[]`core\n",
        spawns.concat()
    );
    let exits = shell(&lines).ok();
    assert_eq!(exits.matches("\"error: limit: ").count(), count, "{exits}");
}
