//! `#[task]`: the exports and the custom sections of a module.
//!
//! The exports exist in a sandbox only: in a native program a function named `poll` would stand in for
//! the C library's. There, the item is used in a constant instead, so that it does not count as dead code.

use okernel_abi::want::{GRANT_KINDS, Need};
use okernel_abi::{ABI_SECTION, ABI_VERSION, WANTS_SECTION, Want};
use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Item, ItemFn, ItemImpl, LitStr, Path, Result, Token, parse2};

/// What stands in the parentheses of the attribute.
#[derive(Default)]
struct Arguments {
    wants: Vec<LitStr>,
    new: Option<Path>,
    allocator: Allocator,
}

/// Whose allocator the module has.
#[derive(Default, PartialEq, Eq)]
enum Allocator {
    /// The SDK's.
    #[default]
    Sdk,
    /// One that the module names itself, or the standard library's.
    Own,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Arguments> {
        let mut arguments = Arguments::default();
        while !input.is_empty() {
            let name: syn::Ident = input.parse()?;
            if name == "wants" {
                let content;
                syn::parenthesized!(content in input);
                let wants = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
                arguments.wants.extend(wants);
            } else if name == "new" {
                input.parse::<Token![=]>()?;
                arguments.new = Some(input.parse()?);
            } else if name == "own_allocator" {
                arguments.allocator = Allocator::Own;
            } else {
                return Err(Error::new_spanned(
                    name,
                    "expected `wants(..)`, `new = ..` or `own_allocator`",
                ));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

/// Makes the entry points for one item.
pub fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let arguments: Arguments = parse2(arguments)?;
    let wants = wants_section(&arguments.wants)?;
    let Made {
        init,
        restore,
        used,
    } = match parse2::<Item>(item.clone())? {
        Item::Fn(function) => of_function(&function, arguments.new.as_ref())?,
        Item::Impl(block) => of_impl(&block, arguments.new.as_ref())?,
        other => {
            return Err(Error::new_spanned(
                other,
                "a task is an `async fn` or an `impl Task`",
            ));
        }
    };
    let exports = exports(&init, restore.as_ref(), &wants, &arguments.allocator);
    Ok(quote! {
        #item

        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            let _ = #used;
        };

        #exports
    })
}

/// What stands in the exports of one item.
struct Made {
    /// The body of `init`.
    init: TokenStream,
    /// The body of `restore`, for a task that can have a state.
    restore: Option<TokenStream>,
    /// What counts as a use of the item.
    used: TokenStream,
}

fn of_function(function: &ItemFn, new: Option<&Path>) -> Result<Made> {
    if let Some(new) = new {
        return Err(Error::new_spanned(new, "`new` is for an `impl Task`"));
    }
    if function.sig.asyncness.is_none() {
        return Err(Error::new_spanned(
            function.sig.fn_token,
            "the function of a task is `async`",
        ));
    }
    let name = &function.sig.ident;
    let plain = function.sig.generics.params.is_empty();
    match function.sig.inputs.len() {
        1 if plain => Ok(Made {
            init: quote! { ::okernel_sdk::entry::init_async(#name) },
            restore: None,
            used: quote! { #name },
        }),
        2 if plain => Ok(Made {
            init: quote! { ::okernel_sdk::entry::init_stateful(#name) },
            restore: Some(quote! {
                ::okernel_sdk::entry::restore_stateful(#name, version, state_bytes)
            }),
            used: quote! { #name },
        }),
        _ => Err(Error::new_spanned(
            &function.sig,
            "the function of a task takes one `Context`, and a `State` if it keeps one",
        )),
    }
}

fn of_impl(block: &ItemImpl, new: Option<&Path>) -> Result<Made> {
    let is_task = block.trait_.as_ref().is_some_and(|(_, path, _)| {
        path.segments
            .last()
            .is_some_and(|segment| segment.ident == "Task")
    });
    if !is_task {
        return Err(Error::new_spanned(
            &block.self_ty,
            "the block of a task implements `Task`",
        ));
    }
    let name = &block.self_ty;
    let make = match new {
        Some(new) => quote! { #new },
        None => quote! {
            |_: &mut ::okernel_sdk::Context| ::core::result::Result::Ok(
                <#name as ::core::default::Default>::default()
            )
        },
    };
    Ok(Made {
        init: quote! { ::okernel_sdk::entry::init_task::<#name>(#make) },
        restore: Some(quote! {
            ::okernel_sdk::entry::restore_task::<#name>(#make, version, state_bytes)
        }),
        used: quote! { ::okernel_sdk::entry::init_task::<#name> as fn(fn(&mut ::okernel_sdk::Context) -> ::okernel_sdk::Result<#name>) -> i32 },
    })
}

/// The lines of the section that says what the task wants.
fn wants_section(wants: &[LitStr]) -> Result<String> {
    let mut known: Vec<Want> = Vec::new();
    for want in wants {
        let parsed = parse_want(want)?;
        if known.iter().any(|other| other.name == parsed.name) {
            let text = format!("`{}` is wanted twice", parsed.name);
            return Err(Error::new_spanned(want, text));
        }
        known.push(parsed);
    }
    Ok(known.iter().map(|want| format!("{want}\n")).collect())
}

/// One want as the attribute has it: `name: kind`, or the kind alone, with a question mark after the name of one that
/// the task can do without, and after `file` what is done with it.
fn parse_want(want: &LitStr) -> Result<Want> {
    let text = want.value();
    let (name, kind) = match text.split_once(':') {
        Some((name, kind)) => (name.trim(), kind.trim()),
        None => (text.trim(), text.trim().trim_end_matches('?')),
    };
    let (name, need) = match name.strip_suffix('?') {
        Some(name) => (name.trim_end(), Need::Optional),
        None => (name, Need::Required),
    };
    let name = match text.contains(':') {
        true => name,
        // `file append` alone: the first word is the name.
        false => name.split_whitespace().next().unwrap_or_default(),
    };
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(Error::new_spanned(
            want,
            "a grant has a name without spaces",
        ));
    }
    match Want::parse(&format!("{name} {kind}")) {
        Some(parsed) if parsed.need == Need::Required => Ok(Want { need, ..parsed }),
        _ => {
            let known: Vec<&str> = GRANT_KINDS.iter().map(|kind| kind.name()).collect();
            let text = format!(
                "unknown kind `{kind}`: expected {} (file, file write or file append)",
                known.join(", ")
            );
            Err(Error::new_spanned(want, text))
        }
    }
}

fn exports(
    init: &TokenStream,
    restore: Option<&TokenStream>,
    wants: &str,
    allocator: &Allocator,
) -> TokenStream {
    let version = Literal::byte_string(&ABI_VERSION.to_le_bytes());
    let version_bytes = ABI_VERSION.to_le_bytes().len();
    let wants_bytes = wants.len();
    let wants = Literal::byte_string(wants.as_bytes());
    let state = restore.map(|restore| {
        quote! {
            #[unsafe(no_mangle)]
            extern "C" fn save() -> i32 {
                ::okernel_sdk::entry::save()
            }

            #[unsafe(no_mangle)]
            extern "C" fn restore(version: u32, state_bytes: u32) -> i32 {
                #restore
            }
        }
    });
    let heap = (*allocator == Allocator::Sdk).then(|| {
        quote! {
            #[global_allocator]
            static HEAP: ::okernel_sdk::heap::Heap = ::okernel_sdk::heap::new();
        }
    });
    quote! {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #heap

            #[used]
            #[unsafe(link_section = #ABI_SECTION)]
            static ABI: [u8; #version_bytes] = *#version;

            #[used]
            #[unsafe(link_section = #WANTS_SECTION)]
            static WANTS: [u8; #wants_bytes] = *#wants;

            #[unsafe(no_mangle)]
            extern "C" fn init() -> i32 {
                #init
            }

            #[unsafe(no_mangle)]
            extern "C" fn exec(input_bytes: u32) -> i32 {
                ::okernel_sdk::entry::exec(input_bytes)
            }

            #[unsafe(no_mangle)]
            extern "C" fn poll() -> i32 {
                ::okernel_sdk::entry::poll()
            }

            #[unsafe(no_mangle)]
            extern "C" fn finalize(exit: u32) {
                ::okernel_sdk::entry::finalize(exit)
            }

            #[unsafe(no_mangle)]
            extern "C" fn revoked(handle: u32) {
                ::okernel_sdk::entry::revoked(handle)
            }

            #state
        };
    }
}

#[cfg(test)]
mod tests {
    use super::expand;
    use proc_macro2::TokenStream;
    use quote::quote;

    fn main_item() -> TokenStream {
        quote! { async fn main(ctx: Context) -> Result<()> { Ok(()) } }
    }

    fn refusal(arguments: TokenStream, item: TokenStream) -> String {
        expand(arguments, item).unwrap_err().to_string()
    }

    #[test]
    fn a_function_gets_exports_and_sections() {
        let arguments = quote! {
            wants("in: subscriber", "console", "log?: file append", "timer?", "file write")
        };
        let made = expand(arguments, main_item()).unwrap().to_string();
        for part in [
            "init_async (main)",
            "exec",
            "poll",
            "finalize",
            "revoked",
            "okernel.abi",
            "okernel.wants",
        ] {
            assert!(made.contains(part), "{part} is missing in {made}");
        }
        assert!(
            made.contains(
                r#"b"in subscriber\nconsole console\nlog file append optional\ntimer timer optional\nfile file write\n""#
            ),
            "{made}"
        );
        assert!(made.contains(r#"cfg (target_arch = "wasm32")"#));
    }

    #[test]
    fn a_function_with_a_state_can_go_on_elsewhere() {
        let item =
            quote! { async fn main(ctx: Context, state: State<Sum>) -> Result<()> { Ok(()) } };
        let made = expand(TokenStream::new(), item).unwrap().to_string();
        for part in ["init_stateful (main)", "restore_stateful (main", "fn save"] {
            assert!(made.contains(part), "{part} is missing in {made}");
        }
        let made = expand(TokenStream::new(), main_item()).unwrap().to_string();
        assert!(!made.contains("restore"), "{made}");
    }

    #[test]
    fn a_type_is_made_by_default_or_by_its_constructor() {
        let block = quote! { impl Task for Busy { fn poll(&mut self, _: &mut Context) -> Poll { Poll::End } } };
        let made = expand(TokenStream::new(), block.clone())
            .unwrap()
            .to_string();
        assert!(made.contains("default"), "{made}");
        assert!(made.contains("restore_task :: < Busy >"), "{made}");
        let made = expand(quote! { new = Busy::new }, block)
            .unwrap()
            .to_string();
        assert!(made.contains("Busy :: new"), "{made}");
    }

    #[test]
    fn a_module_may_have_an_allocator_of_its_own() {
        let made = expand(TokenStream::new(), main_item()).unwrap().to_string();
        assert!(made.contains("global_allocator"), "{made}");
        let arguments = quote! { own_allocator, wants("console") };
        let made = expand(arguments, main_item()).unwrap().to_string();
        assert!(!made.contains("global_allocator"), "{made}");
    }

    #[test]
    fn mistakes_are_named() {
        let main = main_item;
        assert!(refusal(quote! { wants("in: pipe") }, main()).contains("unknown kind `pipe`"));
        assert!(refusal(quote! { wants("a b: file") }, main()).contains("without spaces"));
        assert!(refusal(quote! { wants("?: file") }, main()).contains("without spaces"));
        assert!(refusal(quote! { wants("in: file delete") }, main()).contains("file append"));
        assert!(refusal(quote! { wants("in: file optional") }, main()).contains("unknown kind"));
        assert!(refusal(quote! { wants("in: file", "in: file") }, main()).contains("twice"));
        assert!(refusal(quote! { needs("in") }, main()).contains("expected `wants(..)`"));
        assert!(refusal(quote! { new = make }, main()).contains("for an `impl Task`"));
        let none = TokenStream::new;
        assert!(refusal(none(), quote! { fn main(ctx: Context) {} }).contains("`async`"));
        assert!(refusal(none(), quote! { async fn main() {} }).contains("one `Context`"));
        assert!(refusal(none(), quote! { impl Default for X {} }).contains("implements `Task`"));
        assert!(refusal(none(), quote! { struct X; }).contains("`async fn`"));
    }
}
