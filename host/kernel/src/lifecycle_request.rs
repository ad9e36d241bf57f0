//! Requests about what runs: the versions of modules, the cores of tasks, the kernel's end.

use crate::program::Class;
use crate::refusal::Refusal;
use crate::request::{Args, Request};
use okernel_abi::value::Value;

impl Args<'_> {
    /// ``(`load;`name;"path"[;`ordinary|`dense])``; without a class the one that the name has.
    pub(crate) fn load(&self) -> Result<Request, Refusal> {
        self.count(2, 3)?;
        let class = match self.items.get(2) {
            None | Some(Value::Nil) => None,
            Some(value) => {
                let class = value.as_text().and_then(|word| Class::from_word(&word));
                Some(class.ok_or_else(|| self.expected("`ordinary or `dense", value))?)
            }
        };
        Ok(Request::Load {
            name: self.text(0, "a name")?,
            path: self.text(1, "a path")?.into(),
            class,
        })
    }

    /// ``(`check;`name;"path")``.
    pub(crate) fn check(&self) -> Result<Request, Refusal> {
        self.count(2, 2)?;
        Ok(Request::Check {
            name: self.text(0, "a name")?,
            path: self.text(1, "a path")?.into(),
        })
    }

    /// ``(`rollback;`name)``.
    pub(crate) fn rollback(&self) -> Result<Request, Refusal> {
        self.count(1, 1)?;
        self.text(0, "a module's name").map(Request::Rollback)
    }

    /// ``(`move;task;core)``.
    pub(crate) fn moves(&self) -> Result<Request, Refusal> {
        self.count(2, 2)?;
        Ok(Request::Move {
            task: self.task(0)?,
            core: self.int(1, "a core")?,
        })
    }

    /// ``(`halt[;status])``.
    pub(crate) fn halt(&self) -> Result<Request, Refusal> {
        self.count(0, 1)?;
        if self.items.is_empty() {
            return Ok(Request::Halt(0));
        }
        let status = self.int(0, "a status")?;
        match i32::try_from(status) {
            Ok(status @ 0..=255) => Ok(Request::Halt(status)),
            _ => Err(self.expected("a status in 0..255", &self.items[0])),
        }
    }
}
