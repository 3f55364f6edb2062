//! OpenAPI documents: of the whole API, and of what the component of one actor type says of its methods.

pub(crate) mod of_host;
pub(crate) mod of_type;
mod refusals;
mod schemas;
