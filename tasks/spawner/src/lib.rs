//! Spawns tasks, so many at a time, and tells how long it took.
//!
//! Prints one line: `spawned N ns NS`, from the first request to the last answer. An answer says that the
//! task was started; each has its first turn after that.
//!
//! Grants: `spawn`, the right to spawn; `clock`; `console`. Arguments: the core and the name of the module
//! to spawn from; how many tasks; how many requests may be under way (64).

use std::collections::VecDeque;

use okernel_sdk::{Context, Error, Result, Value};

/// What is to be spawned.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Order {
    core: i64,
    module: String,
    tasks: u64,
    window: usize,
}

/// The task.
///
/// # Errors
/// A grant is missing, an argument is wrong, or a task was not spawned.
#[okernel_sdk::task(wants("spawn", "clock", "console"))]
pub async fn main(ctx: Context) -> Result<()> {
    let order = arguments(&ctx.args()?)?;
    let rights = ctx.rights()?;
    let (clock, console) = (ctx.clock("clock")?, ctx.console()?);
    let request = Value::List(vec![
        Value::Symbol("spawn".into()),
        Value::Int(order.core),
        Value::Symbol(order.module),
    ]);
    let request = request.to_bytes();

    let mut under_way = VecDeque::with_capacity(order.window);
    let begun_ns = clock.now_ns()?;
    for _ in 0..order.tasks {
        if under_way.len() == order.window
            && let Some(reply) = under_way.pop_front()
        {
            started(reply.await?)?;
        }
        under_way.push_back(rights.request_bytes(&request)?);
    }
    for reply in under_way {
        started(reply.await?)?;
    }
    let took_ns = clock.now_ns()? - begun_ns;
    let line = format!("spawned {} ns {took_ns}\n", order.tasks);
    console.print(line).await
}

/// The answer must be a task's number.
fn started(answer: Value) -> Result<()> {
    match answer {
        Value::Int(_) => Ok(()),
        other => Err(Error::message(format!("spawn answered {other:?}"))),
    }
}

fn arguments(args: &[String]) -> Result<Order> {
    let usage = || {
        Error::message(
            "expected a core, a module's name, how many tasks, and how many requests at a time",
        )
    };
    let [core, module, tasks, rest @ ..] = args else {
        return Err(usage());
    };
    let window = match rest {
        [] => Some(64),
        [window] => window.parse().ok().filter(|&window| window > 0),
        _ => None,
    };
    Ok(Order {
        core: core.parse().map_err(|_| usage())?,
        module: module.clone(),
        tasks: tasks.parse().map_err(|_| usage())?,
        window: window.ok_or_else(usage)?,
    })
}

#[cfg(test)]
mod tests {
    use super::main;
    use okernel_sdk::Value;
    use okernel_sdk::testing::Harness;
    use std::cell::RefCell;
    use std::rc::Rc;

    fn harness(answer: impl FnMut(&Value) -> Value + 'static) -> Harness<'static> {
        Harness::new()
            .answer("system", answer)
            .clock("clock")
            .console("console")
    }

    #[test]
    fn each_task_is_asked_for_once() {
        let asked = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&asked);
        let harness = harness(move |request| {
            seen.borrow_mut().push(request.clone());
            Value::Int(7)
        });
        let done = harness.args(["1", "idle", "10", "3"]).run(main);
        assert_eq!(done.result, Ok(()));
        let line = String::from_utf8(done.console).unwrap();
        assert!(line.starts_with("spawned 10 ns "), "{line}");
        let wanted = Value::List(vec![
            Value::Symbol("spawn".into()),
            Value::Int(1),
            Value::Symbol("idle".into()),
        ]);
        assert_eq!(*asked.borrow(), vec![wanted; 10]);
    }

    #[test]
    fn a_refusal_is_the_end() {
        let harness = harness(|_| Value::Error("limit: no room".into()));
        let error = harness.args(["0", "idle", "5"]).run(main).result;
        assert!(error.unwrap_err().to_string().contains("no room"));
    }

    #[test]
    fn arguments_are_checked() {
        for args in [vec![], vec!["0", "idle"], vec!["0", "idle", "1", "0"]] {
            let error = harness(|_| Value::Nil).args(args).run(main).result;
            assert!(
                error
                    .unwrap_err()
                    .to_string()
                    .starts_with("expected a core")
            );
        }
    }
}
