//! Pages about names: functions, effects on the kernel, commands of the session.

use super::Chapter::{Commands, Effects, Names};
use super::{Page, page};

pub(super) const PAGES: &[Page] = &[
    page(
        Names,
        "args",
        &["args   the arguments of okernel run FILE ARG.. and of a spawned task, strings"],
    ),
    page(Names, "sin", &["sin x"]),
    page(Names, "cos", &["cos x"]),
    page(Names, "exp", &["exp x  e to the power x"]),
    page(Names, "log", &["log x  natural logarithm"]),
    page(
        Names,
        "prm",
        &["prm x  all permutations of a list, or of 0 .. x-1"],
    ),
    page(Names, "in", &["x in y   1 where x is in the list y"]),
    page(
        Names,
        "kind",
        &["kind x   how a value is stored, as a symbol"],
    ),
    page(
        Names,
        "help",
        &["help x   this page about a verb, adverb or name: help\"/\""],
    ),
    page(
        Names,
        "raise",
        &[
            "raise text   ends the evaluation with that error, which .[f;x;h] can catch",
            "             \"class: text\" chooses the class word",
        ],
    ),
    page(
        Names,
        "seed",
        &["seed n   random numbers begin anew: equal seeds, equal numbers"],
    ),
    page(
        Names,
        "limit",
        &[
            "limit[g;[rate:1000;quota:1000000;until:00:10:00]]   the grant g for spawn, cut down",
            "rate   bytes (of a ring, a file, the console) or uses a second; burst so many at once",
            "quota  so many in all; until a timestamp, or a span from now",
            "access:`read   only reading; of a ring's publisher, a reader of its own, with policy:`lap or `kick",
        ],
    ),
    page(
        Effects,
        "pub",
        &["pub[core;bytes]   a new ring; its number"],
    ),
    page(
        Effects,
        "sub",
        &[
            "sub[core;ring]   a reader of a ring; sub[core;ring;`lap] may miss some, `kick is detached instead",
        ],
    ),
    page(
        Effects,
        "attach",
        &["attach n   takes an end of a ring to this task"],
    ),
    page(
        Effects,
        "snd",
        &["snd[ring;x]   sends a value; waits for room"],
    ),
    page(
        Effects,
        "rcv",
        &["rcv reader   the next value; waits for it; rcv[reader;ms] waits so long"],
    ),
    page(
        Effects,
        "poll",
        &["poll reader   the next value if there is one"],
    ),
    page(
        Effects,
        "spawn",
        &[
            "spawn[core;\"code\"]   a task that runs O",
            "spawn[core;`name;[in:s;out:p]]   a task of a loaded module",
            "spawn[core;`name;[in:s;out:limit[p;[rate:1000]]]]   with a grant that is cut down; help`limit",
        ],
    ),
    page(
        Effects,
        "print",
        &["print x   shows x and gives it back; print[a;b] as a list"],
    ),
    page(
        Effects,
        "load",
        &[
            "load[`name;\"file.wasm\"]   a module; running tasks of that name go on as it",
            "load[`name;\"file.wasm\";`dense]   one whose tasks are small, by the hundred thousand",
        ],
    ),
    page(
        Effects,
        "check",
        &[
            "check[`name;\"file.wasm\"]   would it load? a table: could each of its running tasks go on as it?",
        ],
    ),
    page(
        Effects,
        "versions",
        &[
            "versions[]   the versions of all modules: which is current, how upgrades went, their pauses",
        ],
    ),
    page(
        Effects,
        "rollback",
        &["rollback`name   goes back to the version before the current one; its number"],
    ),
    page(
        Effects,
        "move",
        &[
            "move[task;core]   moves a task to another core; nil when it is there",
            "a task that was spawned with [pin:1] stays where it is",
        ],
    ),
    page(Effects, "kill", &["kill task"]),
    page(
        Effects,
        "ps",
        &["ps[]   the tasks", "ps[t]   the limits of task t"],
    ),
    page(Effects, "rings", &["rings[]   the rings and their readers"]),
    page(Effects, "cores", &["cores[]   the cores"]),
    page(
        Effects,
        "modules",
        &["modules[]   the loaded modules: size, class, the grants that they want"],
    ),
    page(
        Effects,
        "stats",
        &["stats[]   the ring of the kernel's statistics; stats ms publishes so often"],
    ),
    page(
        Effects,
        "qos",
        &["qos[core;(bus;io;tasks)]   quanta in microseconds; qos[`task;n;weight]"],
    ),
    page(Effects, "halt", &["halt[]   ends the kernel; halt status"]),
    page(
        Effects,
        "select",
        &[
            "select[c;\"tcp://127.0.0.1:9000\"]   listens on core c: a dictionary, id in out at",
            "also tcp+connect://host:port, ws://ip:port, timer://100ms,",
            "file://path?mode=read, append, follow or tail",
            "select[c;address;[idle:1000;..]]   with limits; docs/selectors.md lists them",
        ],
    ),
    page(Effects, "drop", &["drop n   ends what select began"]),
    page(
        Effects,
        "selectors",
        &["selectors[]   sockets, files and timers: what select began"],
    ),
    page(
        Effects,
        "caps",
        &[
            "caps t   what task t was granted: rights, limits, what is left, from whom, and whether it is revoked",
            "caps[]   what all tasks were granted",
        ],
    ),
    page(
        Effects,
        "revoke",
        &[
            "revoke[t;`name]   takes that grant back from task t, and all that was derived from it; revoke t all grants",
            "an end of a ring is not lost: it can be granted again, with its position",
        ],
    ),
    page(
        Effects,
        "now",
        &["now[]   the time in UTC, a timestamp, where the task has a clock"],
    ),
    page(
        Effects,
        "supervise",
        &[
            "supervise[`one;[intensity:3;period:5000];[split:[run:`lines;in:s;out:p]]]",
            "         starts children and starts them again when they fail; the supervisor's number",
            "         `one the child that failed, `all every child, `rest it and those after it",
            "         options: intensity, period, backoff, backoffmax (ms), name, core",
            "         a child: run, core, restart (`permanent `transient `temporary), and grants as in spawn;",
            "         or children, strategy and options: a supervisor below this one",
        ],
    ),
    page(
        Effects,
        "monitor",
        &["monitor task   a number for rcv: how the task ended, when it has"],
    ),
    page(
        Effects,
        "link",
        &["link[t;u]   when one of two tasks fails, so does the other; link t with this one"],
    ),
    page(Effects, "unlink", &["unlink[t;u]   undoes link"]),
    page(
        Effects,
        "name",
        &["name[`orders.in;ring]   names a ring; name[`task;`feed;t] a task"],
    ),
    page(
        Effects,
        "unname",
        &["unname`orders.in   takes a name away; unname[`task;`feed]"],
    ),
    page(
        Effects,
        "find",
        &["find`orders.in   the number of what has the name, or nil; find[`task;`feed]"],
    ),
    page(
        Effects,
        "await",
        &["await`orders.in   the same, when there is one; await[`orders.in;ms] waits so long"],
    ),
    page(
        Effects,
        "names",
        &["names[]   all names of tasks and rings"],
    ),
    page(Commands, "\\\\", &["\\\\      leave"]),
    page(Commands, "\\t", &["\\t x    the time that x takes"]),
    page(Commands, "\\h", &["\\h      this; \\h + is about +"]),
    page(Commands, "\\p", &["\\p n    shows so many digits; 0 all"]),
    page(Commands, "\\v", &["\\v      the names that are bound"]),
    page(
        Commands,
        "\\l",
        &["\\l file  runs a script, whose lines may be commands themselves"],
    ),
];
