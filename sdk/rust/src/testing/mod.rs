//! Runs an actor in an ordinary native test, without a host and without WebAssembly.
//!
//! A [`TestHost`] keeps what the real one promises: one message at a time, and each turn takes effect
//! as a whole or not at all. Its clock stands still until the test moves it; nothing in it is random,
//! so a test that passes once passes always.
//!
//! ```
//! use std::time::Duration;
//! use greenroom_sdk::prelude::*;
//! use greenroom_sdk::testing::TestHost;
//!
//! #[derive(Default, Serialize, Deserialize)]
//! struct Greeter { greeted: u32 }
//!
//! #[actor]
//! impl Greeter {
//!     pub fn greet(&mut self, ctx: &Context, name: String) -> Result<String> {
//!         self.greeted += 1;
//!         ctx.send(("counter", "greetings"), "add", &1)?;
//!         ctx.reminders().set("forget", Schedule::once(Duration::from_secs(60)), "forget", &())?;
//!         let title: String = ctx.actor("user", &name).call("title", &())?;
//!         Ok(format!("Hello, {title} {name}"))
//!     }
//!
//!     pub fn forget(&mut self) {
//!         self.greeted = 0;
//!     }
//! }
//!
//! # fn main() -> Result {
//! let mut host = TestHost::<Greeter>::new("g1");
//! host.on_call(|_to, _method, _payload| Ok(Payload::json("Dr")?));
//!
//! assert_eq!(host.call("greet", "Ada")?, "Hello, Dr Ada");
//! assert_eq!(host.sent()[0].to, Address::new("counter", "greetings"));
//! assert_eq!(host.reminders()[0].due_in, Duration::from_secs(60));
//!
//! let fired = host.advance(Duration::from_secs(60));
//! assert!(fired[0].result.is_ok());
//! assert_eq!(host.stored::<Greeter>("actor")?.unwrap().greeted, 0);
//! # Ok(())
//! # }
//! ```

mod test_host;
mod turns;
mod world;

pub use test_host::TestHost;
pub use turns::{Delivered, Sent};
