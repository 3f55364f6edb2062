//! Fuzz targets for what meets untrusted bytes here: the check of uploads, the conversion of typed values,
//! and the cache of compiled code. Each takes any bytes and panics when something that is promised does not
//! hold.

mod cache;
mod component;
mod shapes;
mod typed;

pub use cache::cache;
pub use component::component;
pub use typed::typed;
