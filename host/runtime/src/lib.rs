//! Greenroom's runtime.
mod node;
mod view;
pub use node::{Config, Node, Parts};
pub use view::*;
