//! The code of an actor: its block as written, and an implementation of `Actor` that finds the method
//! a message asks for, reads its arguments and writes its result.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

use crate::model::{Method, Model, Parameter};

/// Writes everything.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let Model { block, name, methods, activate, deactivate } = model;
    let actor = &block.self_ty;
    let type_name = name.unraw().to_string();
    let names = methods.iter().map(|method| {
        let (conditions, name) = (&method.conditions, method.name.unraw().to_string());
        quote!(#(#conditions)* #name)
    });
    let arms = methods.iter().map(arm);
    let activate = activate.as_ref().map(|method| hook(&format_ident!("activate"), method));
    let deactivate = deactivate.as_ref().map(|method| hook(&format_ident!("deactivate"), method));
    quote! {
        // What the macro asks for: `pub` marks methods, `self` is what they belong to, and arguments
        // are owned, for they come from a message.
        #[allow(
            unreachable_pub,
            clippy::must_use_candidate,
            clippy::needless_pass_by_value,
            clippy::unused_self
        )]
        #block

        #[automatically_derived]
        impl ::greenroom_sdk::Actor for #actor {
            const NAME: &'static str = #type_name;
            const METHODS: &'static [&'static str] = &[#(#names),*];

            fn receive(
                &mut self,
                context: &mut ::greenroom_sdk::Context,
                method: &str,
                payload: ::greenroom_sdk::Payload,
            ) -> ::greenroom_sdk::Result<::greenroom_sdk::__private::Outcome> {
                // Not every actor's methods use these.
                let _ = (&context, &payload);
                match method {
                    #(#arms)*
                    _ => {
                        let failure = ::greenroom_sdk::__private::unknown_method::<Self>(method);
                        ::core::result::Result::Err(failure)
                    }
                }
            }

            #activate
            #deactivate
        }

        #[cfg(target_family = "wasm")]
        ::greenroom_sdk::__export_actor!(#actor);
    }
}

/// The arm of the dispatch that runs one method.
fn arm(method: &Method) -> TokenStream {
    let (conditions, name) = (&method.conditions, method.name.unraw().to_string());
    let read = if method.raw { read_raw(method) } else { read_arguments(method) };
    let reply = reply(method);
    let outcome = if method.writes { quote!(of_writing) } else { quote!(of_reading) };
    quote! {
        #(#conditions)*
        #name => {
            #read
            #reply.map(::greenroom_sdk::__private::Outcome::#outcome)
        }
    }
}

/// Binds the payload to the only parameter.
fn read_raw(method: &Method) -> TokenStream {
    method
        .arguments()
        .map(|(name, of)| {
            let variable = variable(name);
            quote_spanned!(of.span()=> let #variable: #of = payload;)
        })
        .collect()
}

/// Binds each argument to a variable of its parameter's type.
fn read_arguments(method: &Method) -> TokenStream {
    let names: Vec<_> = method.arguments().map(|(name, _)| name.unraw().to_string()).collect();
    if names.is_empty() {
        return TokenStream::new();
    }
    let variables = method.arguments().map(|(name, of)| {
        let variable = variable(name);
        // At the type, so that one that can't be read is complained of there.
        quote_spanned!(of.span()=> let #variable = arguments.next::<#of>()?;)
    });
    quote! {
        let mut arguments = ::greenroom_sdk::__private::Arguments::read(&payload, &[#(#names),*])?;
        #(#variables)*
    }
}

/// Calls the method, as if it were written at `span`.
fn call(method: &Method, span: Span) -> TokenStream {
    let name = &method.name;
    let arguments = method.parameters.iter().map(|parameter| match parameter {
        Parameter::Context { mutable: true } => quote!(&mut *context),
        Parameter::Context { mutable: false } => quote!(&*context),
        Parameter::Argument { name, .. } => {
            let variable = variable(name);
            quote!(#variable)
        }
    });
    quote_spanned!(span=> self.#name(#(#arguments),*))
}

/// Turns what the method returns into a reply.
fn reply(method: &Method) -> TokenStream {
    let Some(returns) = &method.returns else {
        let call = call(method, Span::call_site());
        return quote!({
            #call;
            ::core::result::Result::Ok::<_, ::greenroom_sdk::Failure>(::greenroom_sdk::Payload::empty())
        });
    };
    // At the return type, so that one that can't be a reply is complained of there.
    let span = returns.span();
    let call = call(method, span);
    let function = match (method.raw, method.returns_result()) {
        (false, false) => quote_spanned!(span=> value),
        (false, true) => quote_spanned!(span=> result),
        (true, false) => quote_spanned!(span=> raw),
        (true, true) => quote_spanned!(span=> raw_result),
    };
    let check = (!method.returns_result() && !has_lifetime(returns)).then(|| {
        quote_spanned!(span=>
            let _ = <#returns as ::greenroom_sdk::__private::AResultIsCalledResult<_>>::check;
        )
    });
    quote_spanned!(span=> {
        #check
        ::greenroom_sdk::__private::reply::#function(#call)
    })
}

/// Whether the type borrows; then it is written out, and no alias of a `Result`.
fn has_lifetime(of: &syn::Type) -> bool {
    quote!(#of).to_string().contains(['&', '\''])
}

/// The implementation of `activate` or `deactivate`.
fn hook(name: &Ident, method: &Method) -> TokenStream {
    let span = method.returns.as_ref().map_or(method.name.span(), syn::spanned::Spanned::span);
    let call = call(method, span);
    quote_spanned! {span=>
        fn #name(&mut self, context: &mut ::greenroom_sdk::Context) -> ::greenroom_sdk::Result {
            let _ = &context;
            ::greenroom_sdk::__private::HookOutcome::into_result(#call)
        }
    }
}

/// The variable that holds an argument: a name that no parameter can shadow by accident.
fn variable(parameter: &Ident) -> Ident {
    format_ident!("argument_{}", parameter.unraw(), span = parameter.span())
}
