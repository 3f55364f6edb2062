//! One point of the scenario: a name and what has to hold.

use futures::future::BoxFuture;

use super::speaker::Speaker;

/// What a guest has to do alike in every language.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    pub(crate) name: &'static str,
    pub(crate) check: fn(Speaker) -> BoxFuture<'static, anyhow::Result<()>>,
}

/// The points of a module: its functions `async fn(Speaker) -> anyhow::Result<()>`, by name.
macro_rules! points {
    ($($check:ident)*) => {
        pub(crate) const POINTS: &[$crate::conformance::Point] = &[
            $($crate::conformance::Point { name: stringify!($check), check: |speaker| Box::pin($check(speaker)) }),*
        ];
    };
}

pub(crate) use points;
