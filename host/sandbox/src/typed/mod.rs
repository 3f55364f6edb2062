//! Methods that are functions of the component's own interfaces: JSON in, typed values through the
//! guest, JSON out. `docs/typed-methods.md` is the mapping as users see it.
//!
//! What is guaranteed:
//!
//! - The same JSON gives the same values, whatever the language of the guest; every value that a
//!   guest answers with becomes JSON that would give that value again.
//! - Arguments are converted before a guest is entered. What does not fit is the client's fault and
//!   named by its path.
//! - Types are bounded when a component is deployed ([`shape`]), values when they are converted
//!   ([`json_in`], [`json_out`]) and in all ([`room`]).

pub(crate) mod answered;
pub(crate) mod arguments;
pub(crate) mod call;
pub(crate) mod docs;
pub(crate) mod interface;
pub(crate) mod json_in;
pub(crate) mod json_out;
pub(crate) mod names;
pub(crate) mod room;
pub(crate) mod schema;
pub(crate) mod shape;
#[cfg(test)]
mod tests;
