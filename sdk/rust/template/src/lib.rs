//! A counter that forgets.

use std::time::Duration;

use greenroom_sdk::prelude::*;

/// What is kept: the fields are durable.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counter {
    count: u32,
}

#[actor]
impl Counter {
    /// Adds `amount`; an hour later the counter is back at zero.
    pub fn add(&mut self, ctx: &Context, amount: u32) -> Result<u32> {
        if amount == 0 {
            return Err(Failure::invalid_argument("add something"));
        }
        self.count = self.count.checked_add(amount).ok_or_else(|| Failure::invalid_argument("too much"))?;
        ctx.reminders().set("forget", Schedule::once(Duration::from_secs(3600)), "forget", &())?;
        Ok(self.count)
    }

    /// Says what the count is.
    pub fn get(&self) -> u32 {
        self.count
    }

    /// The reminder's method.
    pub fn forget(&mut self) {
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use greenroom_sdk::testing::TestHost;

    use super::*;

    #[test]
    fn it_counts_and_forgets() -> Result {
        let mut counter = TestHost::<Counter>::new("counter-1");
        assert_eq!(counter.call("add", &2)?, 2);
        for bad in [0, u32::MAX] {
            assert_eq!(counter.call("add", &bad).unwrap_err().code, ErrorCode::InvalidArgument);
        }

        counter.restart()?;
        assert_eq!(counter.call("get", &())?, 2);

        counter.advance(Duration::from_secs(3600));
        assert_eq!(counter.call("get", &())?, 0);
        Ok(())
    }
}
