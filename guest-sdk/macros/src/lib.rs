//! The macros of the SDK: the attribute that makes a module's entry points, and the derive for plain data.
//!
//! They are used through `okernel_sdk`, which they also name in the code that they make.

mod pod;
mod task;

use proc_macro::TokenStream;

/// Makes a function or a type the task of this module.
///
/// It stands on an `async fn` that takes a `Context` and answers nothing or a `Result` whose error can be
/// displayed:
///
/// ```
/// # mod module {
/// use okernel_sdk::{Context, Result};
///
/// #[okernel_sdk::task(wants("in: subscriber", "console"))]
/// async fn main(ctx: Context) -> Result<()> {
///     let mut input = ctx.subscriber::<u64>("in")?;
///     let console = ctx.console()?;
///     while let Some(number) = input.next().await? {
///         console.print(format!("{number}\n")).await?;
///     }
///     Ok(())
/// }
/// # }
/// ```
///
/// that keeps something over an upgrade takes a `State` of it as its second argument; or the attribute stands on an
/// `impl Task`, for a type that implements `Default` or is made by the function named with `new`, which
/// takes a `&mut Context` and answers a `Result`:
///
/// ```
/// use okernel_sdk::{Context, Poll, Result, Task};
///
/// struct Busy {
///     rounds: u64,
/// }
///
/// impl Busy {
///     fn new(ctx: &mut Context) -> Result<Busy> {
///         Ok(Busy { rounds: ctx.args()?.len() as u64 })
///     }
/// }
///
/// #[okernel_sdk::task(new = Busy::new)]
/// impl Task for Busy {
///     fn poll(&mut self, _: &mut Context) -> Poll {
///         self.rounds += 1;
///         Poll::Infinite
///     }
/// }
/// ```
///
/// `wants` lists the grants that the task asks for, each as `name: kind` or, when the name is the kind, as the
/// kind alone. Kinds are `publisher`, `subscriber`, `timer`, `clock`, `console`, `file` (also `file write` and `file append`),
/// `spawn` and `system`. The list goes into the module, where people and tools can read it. It gives no rights, but the
/// kernel spawns nothing without what its module wants; a question mark after the name, as in `log?: file append`,
/// says that the task can do without.
///
/// The attribute also makes `okernel_sdk::heap` the allocator of the module. A module that
/// names a `#[global_allocator]` itself, or wants the one of the standard library, says `own_allocator` in the parentheses.
#[proc_macro_attribute]
pub fn task(arguments: TokenStream, item: TokenStream) -> TokenStream {
    task::expand(arguments.into(), item.into())
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}

/// Derives `Pod`: plain data that may lie in a ring.
///
/// The struct has `#[repr(C)]` (or `#[repr(transparent)]`), its fields are `Pod`, and there is no padding between
/// them; all of that is checked when the program is compiled.
#[proc_macro_derive(Pod)]
pub fn pod(item: TokenStream) -> TokenStream {
    pod::expand(item.into())
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}
