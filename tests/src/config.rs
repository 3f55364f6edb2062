//! The configuration file of a host under test.

use std::fmt::Write as _;
use std::path::Path;

use tokio::process::Command;

/// Far more than any compilation takes, also on a machine that does much else meanwhile.
const COMPILE_TIMEOUT: &str = "5m";

/// What a host is told, other than the defaults.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    limits: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    /// Bounds of its process, as `ulimit` takes them.
    bounds: Vec<String>,
}

impl Settings {
    /// With one more limit: a number (`10`), a size (`64 KiB`) or a duration (`500ms`).
    #[must_use]
    pub fn limit(mut self, name: &str, value: &str) -> Self {
        self.limits.retain(|(known, _)| known != name);
        self.limits.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With one more environment variable of the host.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With what the host does at which fail points: see `greenroom_core::fail_point`. Needs a debug build of it.
    #[must_use]
    pub fn fail_points(self, plans: &str) -> Self {
        self.variable("FAILPOINTS", plans)
    }

    /// With a host that may have so many files open.
    #[must_use]
    pub fn files(mut self, files: u64) -> Self {
        self.bounds.push(format!("ulimit -n {files}"));
        self
    }

    /// With a host that may have so many bytes of address space.
    #[must_use]
    pub fn address_space(mut self, bytes: u64) -> Self {
        self.bounds.push(format!("ulimit -v {}", bytes >> 10));
        self
    }

    /// What starts `program`, for whoever adds its arguments.
    pub fn command(&self, program: &Path) -> Command {
        if self.bounds.is_empty() {
            return Command::new(program);
        }
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{} && exec \"$0\" \"$@\"", self.bounds.join(" && "))).arg(program);
        command
    }

    /// The environment variables of the host.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// As the file's text.
    pub fn to_toml(&self) -> String {
        let mut text = format!("[compile]\ntimeout = \"{COMPILE_TIMEOUT}\"\n[limits]\n");
        for (name, value) in &self.limits {
            let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
            let quote = if is_number { "" } else { "\"" };
            // Writing to a String can't fail.
            let _ = writeln!(text, "{name} = {quote}{value}{quote}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_bare_and_the_last_word_counts() {
        let settings = Settings::default().limit("a", "1").limit("b", "5s").limit("a", "2");
        assert!(settings.to_toml().ends_with("\n[limits]\nb = \"5s\"\na = 2\n"), "{}", settings.to_toml());
    }
}
