//! The actor that the README shows to say how one speaks to others, and to itself later.

use std::time::Duration;

use greenroom_sdk::prelude::*;

const DAY: Duration = Duration::from_hours(24);

/// A team, each of whose members has a counter.
#[derive(Default, Serialize, Deserialize)]
pub struct Team {}

#[actor]
impl Team {
    /// Adds `amount` to a member's counter, and says what that is at then.
    pub fn add(&mut self, ctx: &Context, member: String, amount: u32) -> Result<u32> {
        let count = ctx.actor("counter", &member).call("add", &amount)?;
        ctx.actor("journal", "team").send("note", &format!("{member} is at {count}"))?;
        ctx.reminders().set("review", Schedule::every(DAY).times(3), "review", &member)?;
        Ok(count)
    }

    /// The reminder's method: once a day, three times.
    pub fn review(&self, ctx: &Context, member: String) {
        ctx.info(format!("time to review {member}"));
    }
}

use greenroom_sdk::Level;
use greenroom_sdk::testing::TestHost;

#[test]
fn a_team_asks_tells_and_is_reminded_three_times() -> Result {
    let mut team = TestHost::<Team>::new("red");
    team.on_call(|to, method, _| {
        assert_eq!((to.to_string().as_str(), method), ("counter/ada", "add"));
        Ok(Payload::json(&5)?)
    });
    assert_eq!(team.call("add", &greenroom_sdk::json!(["ada", 2]))?, 5);
    let sent = team.take_sent();
    assert_eq!((sent.len(), sent[0].to.to_string().as_str()), (1, "journal/team"));
    assert_eq!(team.advance(10 * DAY).len(), 3);
    assert_eq!(team.logs().last(), Some(&(Level::Info, "time to review ada".to_owned())));
    Ok(())
}
