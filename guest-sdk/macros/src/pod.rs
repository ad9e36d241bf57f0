//! `#[derive(Pod)]`: an implementation with the checks that make it right.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Result, parse2};

/// Makes the implementation for one struct.
pub fn expand(item: TokenStream) -> Result<TokenStream> {
    let input: DeriveInput = parse2(item)?;
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(
            &input.ident,
            "only a struct can be plain data: not every pattern of bits is a value of an enum or a union",
        ));
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &input.generics,
            "plain data has no parameters: its size must be known here",
        ));
    }
    if !has_fixed_layout(&input)? {
        return Err(Error::new_spanned(
            &input.ident,
            "plain data needs #[repr(C)] or #[repr(transparent)], so that all tasks agree on its layout",
        ));
    }
    let name = &input.ident;
    let types: Vec<_> = data.fields.iter().map(|field| &field.ty).collect();
    let message = format!("there is padding between the fields of {name}");
    Ok(quote! {
        // SAFETY: every field is `Pod`, which the bound below checks, and the assertion
        // checks that there is nothing between the fields.
        unsafe impl ::okernel_sdk::Pod for #name {}

        const _: () = {
            const fn plain<T: ::okernel_sdk::Pod>() -> usize {
                ::core::mem::size_of::<T>()
            }
            ::core::assert!(
                ::core::mem::size_of::<#name>() == 0 #( + plain::<#types>() )*,
                #message
            );
        };
    })
}

fn has_fixed_layout(input: &DeriveInput) -> Result<bool> {
    let mut fixed = false;
    for attribute in input.attrs.iter().filter(|at| at.path().is_ident("repr")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("C") || meta.path.is_ident("transparent") {
                fixed = true;
            }
            if meta.path.is_ident("packed") {
                return Err(
                    meta.error("plain data is not packed: messages are used where they lie")
                );
            }
            // `align(16)` and its like have an argument in parentheses, which is of no interest here.
            if meta.input.peek(syn::token::Paren) {
                let content;
                syn::parenthesized!(content in meta.input);
                content.parse::<TokenStream>()?;
            }
            Ok(())
        })?;
    }
    Ok(fixed)
}

#[cfg(test)]
mod tests {
    use super::expand;
    use quote::quote;

    fn refusal(item: proc_macro2::TokenStream) -> String {
        expand(item).unwrap_err().to_string()
    }

    #[test]
    fn a_struct_with_a_fixed_layout_is_plain_data() {
        let made = expand(quote! { #[repr(C, align(16))] struct Pair { a: u64, b: u64 } }).unwrap();
        assert!(made.to_string().contains("unsafe impl"));
    }

    #[test]
    fn what_is_not_plain_is_refused() {
        assert!(refusal(quote! { enum Side { Buy, Sell } }).contains("only a struct"));
        assert!(refusal(quote! { struct Free { a: u64 } }).contains("repr(C)"));
        assert!(refusal(quote! { #[repr(C)] struct Of<T> { a: T } }).contains("no parameters"));
        assert!(refusal(quote! { #[repr(C, packed)] struct Tight { a: u64 } }).contains("packed"));
    }
}
