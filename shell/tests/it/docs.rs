//! The examples of the language's page, run as they stand there.

use okernel_shell::format::{Layout, repl_form};
use okernel_shell::machine::{Config, Machine, Shown, Step};

/// What a machine shows for one input.
fn answer(machine: &mut Machine, input: &str) -> String {
    if let Err(error) = machine.start(input, "") {
        return error.render(input);
    }
    loop {
        match machine.run(1_000_000) {
            Step::Budget => {}
            Step::Done(_, Shown::No) => return String::new(),
            Step::Done(value, Shown::Yes) => return repl_form(&value, &Layout::default()).text,
            Step::Failed(error) => return error.render(input),
            Step::Effect(effect) => panic!("{input} asks for {}", effect.name),
        }
    }
}

#[test]
fn the_examples_of_the_page_give_what_it_says() {
    let page = include_str!("../../../docs/o.md");
    let mut machine = Machine::new(Config::default());
    let mut wrong = Vec::new();
    let mut count = 0;
    for block in page.split("```text\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        for example in block.split("o) ").skip(1) {
            let (input, expected) = example.split_once('\n').unwrap_or((example, ""));
            let given = answer(&mut machine, input);
            count += 1;
            if given != expected.trim_end() {
                wrong.push(format!("o) {input}\n{given}"));
            }
        }
    }
    assert!(count > 25, "only {count} examples");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
