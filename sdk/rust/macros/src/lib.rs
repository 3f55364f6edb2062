//! The attribute macro of `greenroom-sdk`, which documents and re-exports it.
//!
//! Two steps: [`model`] reads the `impl` block and says, with its place, whatever a method can't be;
//! [`expand`] writes the block again, without the SDK's attributes, and the dispatch beside it.

mod expand;
mod model;

use proc_macro::TokenStream;

/// Makes the public methods of an `impl` block the methods of an actor type.
///
/// See the documentation of `greenroom_sdk` for what a method may look like.
#[proc_macro_attribute]
pub fn actor(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let block = item.clone();
    match model::read(&arguments.into(), item.into()) {
        Ok(model) => expand::expand(&model).into(),
        Err(error) => {
            // The block stays as it is, so that the only errors are those about its methods.
            let mut tokens = TokenStream::from(error.to_compile_error());
            tokens.extend(model::without_our_attributes(block.into()).map(TokenStream::from));
            tokens
        }
    }
}
