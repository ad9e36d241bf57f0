//! Grants as a user of the shell meets them: cut down, shown, taken back.

use crate::support::shell;

#[test]
fn a_quota_names_the_grant_and_what_is_used_of_it() {
    // A number takes 24 bytes in a ring: two of them fit.
    let lines = "p:pub[1;4096]; s:sub[0;p];\n\
        t:spawn[1;\"snd[out;1];snd[out;2];snd[out;3]\";[out:limit[p;[quota:50]]]];\n\
        rcv s\nrcv s\n\
        {(x<1000)&~`ended=*(q`state)@&t=(q:ps[])`task}{rcv[sub[0;pub[0;64]];5];x+1}/0;\n";
    let output = shell(lines);
    assert_eq!(output.stdout, "1\n2\n", "{output:?}");
    let reason =
        "snd: the message was not sent: the grant's quota is used up (\"out\": 48 of 50 used)";
    assert!(output.stderr.contains(reason), "{}", output.stderr);
}

#[test]
fn a_rate_slows_its_task_down_and_loses_nothing() {
    let lines = "p:pub[1;4096]; s:sub[0;p]; b:now[];\n\
        spawn[1;\"{snd[out;x]}'!11\";[out:limit[p;[rate:480;burst:24]]]];\n\
        +/{rcv s}'!11\n\
        00:00:00.45<now[]-b\n";
    assert_eq!(shell(lines).ok(), "55\n1\n");
}

#[test]
fn what_is_revoked_is_told_and_can_be_granted_again() {
    let lines = "p:pub[0;65536]; s:sub[1;p]; out:pub[1;4096]; back:sub[0;out];\n\
        t:spawn[1;\"{snd[out;x+1];o rcv in} rcv in\";[in:s;out:out]];\n\
        snd[p;1]; rcv back\n\
        revoke[t;`in];\n\
        rcv[sub[0;pub[0;64]];100];\n\
        *(q`state)@&t=(q:ps[])`task\n\
        snd[p;5];\n\
        rcv s\n";
    let output = shell(lines);
    assert_eq!(output.stdout, "2\n`ended\n5\n", "{output:?}");
    let reason = "rcv: nothing can be received: the grant was revoked (\"in\")";
    assert!(output.stderr.contains(reason), "{}", output.stderr);
}

#[test]
fn a_table_shows_what_a_task_holds() {
    let lines = "p:pub[0;4096];\n\
        t:spawn[1;\"{o[]}[]\";[in:limit[p;[access:`read;quota:100;until:01:00:00]];console:`console]];\n\
        c:caps t;\n\
        (c`name;c`kind;c`right;c`quota;c`left;c`state;c`from)\n\
        (now[]+00:59:00)<*c`until\n\
        revoke t;\n\
        (caps t)`state\n";
    let output = shell(lines);
    assert_eq!(
        output.stdout,
        "(`in`console\n `subscriber`console\n `read`use\n 100 0N\n 100 0N\n `good`good\n 0 0)\n1\n`revoked`revoked\n",
        "{output:?}"
    );
}

#[test]
fn an_end_that_was_used_can_be_granted() {
    let lines = "p:pub[0;65536]; s:sub[0;p];\nsnd[p;1];\nspawn[1;\"snd[out;2]\";[out:p]];\n\
        rcv s\nrcv s\n";
    assert_eq!(shell(lines).ok(), "1\n2\n");
    // What was refused has taken nothing.
    let lines = "p:pub[0;65536]; s:sub[0;p];\nsnd[p;1];\nspawn[9;\"snd[out;2]\";[out:p]];\n\
        snd[p;3];\nrcv s\nrcv s\n";
    assert_eq!(shell(lines).stdout, "1\n3\n");
}

#[test]
fn the_number_of_a_granted_end_is_none_that_the_kernel_gives() {
    let lines = "s:sub[0;p:pub[0;4096]]; m:monitor spawn[0;\"print 4503599627370496<=in,out;snd[out;in<0]\";\
        [in:s;out:pub[0;64];console:`console]]; (rcv m)`reason\n";
    let output = shell(lines).ok();
    assert!(output.contains("1 1\n"), "{output}");
    assert!(output.contains("`done\n"), "{output}");
}

#[test]
fn what_is_missing_or_wrong_is_said_in_one_line() {
    for (line, words) in [
        (
            "spawn[0;`ping]",
            "ping wants out (publisher), in (subscriber), clock (clock)",
        ),
        (
            "spawn[0;`pump;[out:sub[0;pub[0;64]]]]",
            "pump wants out (publisher; granted as subscriber)",
        ),
        (
            "limit[1;2]",
            "a dictionary of limits is wanted, like [rate:1000;quota:1000000]",
        ),
        (
            "spawn[0;\"1\";[x:limit[`clock;[rate:0]]]]",
            "x: rate: a number of 1 or more is expected",
        ),
        (
            "spawn[0;\"1\";[x:limit[`clock;[fast:1]]]]",
            "limits are access, policy, rate, burst, quota and until",
        ),
        (
            "spawn[0;\"1\";[x:limit[`clock;[until:2001.01.01D00:00:00]]]]",
            "until which it is granted has passed",
        ),
        ("spawn[0;\"\"]", "spawn: there is no code to run"),
        (
            "spawn[0;\"1\";[console:2{limit[x;[rate:1]]}/`console]]",
            "console: limits are written in one dictionary",
        ),
        (
            "spawn[0;\"1\";[console:200000{limit[x;[rate:1]]}/`console]]",
            "spawn: ",
        ),
        (
            "spawn[0;\"1\";[console:60{(x;x)}/1]]",
            "limit: a value of more than",
        ),
        ("revoke[0;`nosuch]", "task 0 has no grant nosuch (it has:"),
        ("revoke[77;`x]", "there is no task 77"),
        ("caps 77", "there is no task 77"),
    ] {
        let output = shell(&format!("{line}\n"));
        assert_eq!(output.status, 1, "{line}: {output:?}");
        assert!(output.stderr.contains(words), "{line}: {}", output.stderr);
    }
    assert!(shell("help`limit\n").ok().contains("rate:1000"));
}
