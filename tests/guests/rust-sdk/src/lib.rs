//! The conformance guest, in Rust with the SDK: `tests/guests/README.md` says what it does.

mod script;

use greenroom_sdk::prelude::*;

use crate::script::Turn;

/// An actor that does what a script says.
#[derive(Default, Serialize, Deserialize)]
pub struct Conformance {
    /// Kept in memory only.
    #[serde(skip)]
    remembered: String,
}

#[actor]
impl Conformance {
    #[activate]
    fn wake(&mut self, ctx: &Context) -> Result {
        let id = &ctx.me().id;
        if id.starts_with("fail-activate-") && ctx.state().get_bytes("healed").is_none() {
            return Err(Failure::failed_precondition("asked not to activate"));
        }
        if id.starts_with("counted-") {
            add_one(ctx, "activations")?;
        }
        Ok(())
    }

    #[deactivate]
    fn rest(&mut self, ctx: &Context) -> Result {
        if ctx.me().id.starts_with("counted-") {
            add_one(ctx, "deactivations")?;
        }
        Ok(())
    }

    /// Replies with the payload as it came.
    #[raw]
    pub fn echo(&self, payload: Payload) -> Payload {
        payload
    }

    /// Adds one to a durable number.
    #[raw]
    pub fn increment(&self, ctx: &Context) -> Result<Payload> {
        Ok(Payload::text(add_one(ctx, "n")?.to_string()))
    }

    /// Does what the script says.
    #[raw]
    pub fn run(&mut self, ctx: &Context, payload: Payload) -> Result<Payload> {
        let script = String::from_utf8_lossy(&payload.body);
        let content_type = &payload.content_type;
        let mut turn = Turn { ctx, content_type, remembered: &mut self.remembered };
        let results: Result<Vec<String>> =
            script.lines().map(|line| script::perform(line, &mut turn)).collect();
        Ok(Payload::text(results?.join("\n")))
    }
}

fn add_one(ctx: &Context, key: &str) -> Result<u64> {
    let stored = ctx.state().get_bytes(key).unwrap_or_default();
    let next = String::from_utf8_lossy(&stored).parse::<u64>().unwrap_or(0) + 1;
    ctx.state().set_bytes(key, next.to_string().as_bytes())?;
    Ok(next)
}
