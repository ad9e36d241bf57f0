//! The global names and what they are bound to.
//!
//! Code refers to globals by number, so that reading one costs an index and no search. A view is
//! a global whose value is computed when it is read and remembered until a name that it depends
//! on is assigned.
//!
//! Invariant: a number once given to a name stays the name's.

use crate::code::Code;
use crate::symbol::Symbol;
use crate::value::{Function, Value};
use std::collections::HashMap;
use std::rc::Rc;

/// Who bound a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// It came with the language.
    System,
    /// A program.
    User,
}

/// A view's expression and what it gave last.
#[derive(Debug)]
pub struct ViewState {
    /// The expression.
    pub code: Rc<Code>,
    /// Its value, unless something that it depends on was assigned since.
    pub value: Option<Value>,
}

/// What a name is bound to.
#[derive(Debug, Default)]
pub enum Binding {
    /// Nothing.
    #[default]
    Unset,
    /// A value.
    Value(Value),
    /// A view.
    View(ViewState),
}

#[derive(Debug)]
struct Global {
    name: Symbol,
    binding: Binding,
    owner: Owner,
    dependents: Vec<u32>,
}

/// All global names.
#[derive(Debug, Default)]
pub struct Env {
    numbers: HashMap<Symbol, u32>,
    globals: Vec<Global>,
}

impl Env {
    /// No names.
    pub fn new() -> Env {
        Env::default()
    }

    /// The number of a name, bound or not.
    pub fn number(&mut self, name: Symbol) -> u32 {
        let next = self.globals.len() as u32;
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            let binding = Binding::Unset;
            self.globals.push(Global {
                name,
                binding,
                owner: Owner::User,
                dependents: Vec::new(),
            });
        }
        number
    }

    /// The number of a name that code or a program has mentioned.
    pub fn find(&self, name: Symbol) -> Option<u32> {
        self.numbers.get(&name).copied()
    }

    /// The name with that number.
    pub fn name(&self, number: u32) -> Symbol {
        self.globals
            .get(number as usize)
            .map_or(Symbol::EMPTY, |global| global.name)
    }

    /// What the name with that number is bound to.
    pub fn binding(&self, number: u32) -> &Binding {
        self.globals
            .get(number as usize)
            .map_or(&Binding::Unset, |global| &global.binding)
    }

    /// The value, unless the name is unset or a view that has to be computed first.
    pub fn value(&self, number: u32) -> Option<&Value> {
        match self
            .globals
            .get(number as usize)
            .map(|global| &global.binding)
        {
            Some(Binding::Value(value)) => Some(value),
            Some(Binding::View(view)) => view.value.as_ref(),
            _ => None,
        }
    }

    /// True when the name has a value or is a view.
    pub fn is_bound(&self, number: u32) -> bool {
        !matches!(self.binding(number), Binding::Unset)
    }

    /// Binds a name to a value.
    pub fn set(&mut self, number: u32, value: Value) {
        self.bind(number, Binding::Value(value), Owner::User);
    }

    /// Binds a name that comes with the language.
    pub fn set_system(&mut self, name: Symbol, value: Value) {
        let number = self.number(name);
        self.bind(number, Binding::Value(value), Owner::System);
    }

    fn bind(&mut self, number: u32, binding: Binding, owner: Owner) {
        let Some(global) = self.globals.get_mut(number as usize) else {
            return;
        };
        global.binding = binding;
        global.owner = owner;
        if !global.dependents.is_empty() {
            self.mark_stale(number);
        }
    }

    /// Takes a plain value out, to be changed in place and set again.
    pub fn take(&mut self, number: u32) -> Option<Value> {
        match self
            .globals
            .get_mut(number as usize)
            .map(|global| &mut global.binding)
        {
            Some(Binding::Value(value)) => Some(std::mem::take(value)),
            _ => None,
        }
    }

    /// Makes a name a view that depends on those names.
    pub fn set_view(&mut self, number: u32, code: Rc<Code>, dependencies: &[u32]) {
        self.bind(
            number,
            Binding::View(ViewState { code, value: None }),
            Owner::User,
        );
        for dependency in dependencies {
            if let Some(global) = self.globals.get_mut(*dependency as usize)
                && !global.dependents.contains(&number)
            {
                global.dependents.push(number);
            }
        }
    }

    /// Remembers what a view gave.
    pub fn set_view_value(&mut self, number: u32, value: Value) {
        if let Some(Global {
            binding: Binding::View(view),
            ..
        }) = self.globals.get_mut(number as usize)
        {
            view.value = Some(value);
        }
    }

    /// Forgets the values of all views that depend on a name, directly or through others.
    fn mark_stale(&mut self, number: u32) {
        let mut seen = vec![number];
        let mut todo = vec![number];
        while let Some(number) = todo.pop() {
            let dependents = self
                .globals
                .get(number as usize)
                .map_or(Vec::new(), |global| global.dependents.clone());
            for dependent in dependents {
                if seen.contains(&dependent) {
                    continue;
                }
                if let Some(Global {
                    binding: Binding::View(view),
                    ..
                }) = self.globals.get_mut(dependent as usize)
                {
                    view.value = None;
                    seen.push(dependent);
                    todo.push(dependent);
                }
            }
        }
    }

    /// All names with what they are bound to, who bound them, and the views that depend on them.
    pub fn globals(&self) -> impl Iterator<Item = (Symbol, &Binding, Owner, &[u32])> {
        self.globals.iter().map(|global| {
            let dependents = global.dependents.as_slice();
            (global.name, &global.binding, global.owner, dependents)
        })
    }

    /// Puts a name into a state that [`Env::globals`] told of.
    pub fn restore(&mut self, number: u32, binding: Binding, owner: Owner, dependents: Vec<u32>) {
        if let Some(global) = self.globals.get_mut(number as usize) {
            global.binding = binding;
            global.owner = owner;
            global.dependents = dependents;
        }
    }

    /// The names that programs bound, in alphabetic order.
    pub fn user_names(&self) -> Vec<Symbol> {
        let bound = self.globals.iter().filter(|global| {
            global.owner == Owner::User && !matches!(global.binding, Binding::Unset)
        });
        let mut names: Vec<Symbol> = bound.map(|global| global.name).collect();
        names.sort();
        names
    }

    /// The name that a function is bound to, for call stacks.
    pub fn name_of(&self, function: &Rc<Function>) -> Option<Symbol> {
        let holds = |global: &&Global| match &global.binding {
            Binding::Value(Value::Function(bound)) => Rc::ptr_eq(bound, function),
            _ => false,
        };
        self.globals.iter().find(holds).map(|global| global.name)
    }
}

#[cfg(test)]
mod tests {
    use super::{Env, Owner};
    use crate::symbol::Symbol;
    use crate::value::Value;

    #[test]
    fn numbers_stay() {
        let mut env = Env::new();
        let a = env.number(Symbol::new("a"));
        let b = env.number(Symbol::new("b"));
        assert_ne!(a, b);
        assert_eq!(env.number(Symbol::new("a")), a);
        assert_eq!(env.find(Symbol::new("c")), None);
        assert!(!env.is_bound(a));
    }

    #[test]
    fn a_system_name_that_is_bound_again_is_the_users() {
        let mut env = Env::new();
        env.set_system(Symbol::new("print"), Value::Int(1));
        assert!(env.user_names().is_empty());
        let print = env.number(Symbol::new("print"));
        env.set(print, Value::Int(2));
        assert_eq!(env.user_names(), vec![Symbol::new("print")]);
        assert_eq!(env.globals[print as usize].owner, Owner::User);
    }
}
