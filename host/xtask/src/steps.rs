//! Running commands as named steps: each says what it runs, how long it took and, when it fails,
//! the command to run alone.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// The top of the checkout.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// One command to run, with nothing on its standard input.
pub(crate) struct Step {
    title: String,
    environment: Vec<(&'static str, String)>,
    /// What is not handed on of our own environment.
    without: Vec<&'static str>,
    /// Where it runs; here when there is none.
    folder: Option<PathBuf>,
    words: Vec<String>,
}

impl Step {
    /// A step that runs `program` with `arguments`.
    pub(crate) fn new(title: &str, program: &str, arguments: &[&str]) -> Self {
        let words = std::iter::once(program).chain(arguments.iter().copied());
        Step {
            title: title.to_owned(),
            environment: Vec::new(),
            without: Vec::new(),
            folder: None,
            words: words.map(str::to_owned).collect(),
        }
    }

    /// A step that runs cargo with `arguments`.
    pub(crate) fn cargo(title: &str, arguments: &[&str]) -> Self {
        Step::new(title, "cargo", arguments)
    }

    /// With one more environment variable.
    pub(crate) fn env(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// With one environment variable less.
    pub(crate) fn without_env(mut self, name: &'static str) -> Self {
        self.without.push(name);
        self
    }

    /// In another folder than the top of the checkout.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// With programs that are found in `folder` first.
    pub(crate) fn on_path(self, folder: &Path) -> Self {
        let path = std::env::var("PATH").unwrap_or_default();
        self.env("PATH", &format!("{}:{path}", folder.display()))
    }

    /// With more arguments.
    pub(crate) fn args(mut self, arguments: &[String]) -> Self {
        self.words.extend_from_slice(arguments);
        self
    }

    /// As one would type it.
    fn command_line(&self) -> String {
        let environment = self.environment.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        let words = self.words.iter().map(|word| quoted(word));
        let folder =
            self.folder.iter().map(|folder| format!("cd {} &&", quoted(&folder.display().to_string())));
        folder.chain(environment).chain(words).collect::<Vec<_>>().join(" ")
    }

    /// Runs it to its end, its output going where ours goes.
    ///
    /// # Errors
    /// When it can't be started or ends with anything but success.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let command_line = self.command_line();
        eprintln!("==> {}: {command_line}", self.title);
        let begun = Instant::now();
        let mut command = Command::new(program(&self.words[0]));
        command.args(&self.words[1..]).envs(self.environment.iter().map(|(name, value)| (name, value)));
        for name in &self.without {
            command.env_remove(name);
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let status = command
            .stdin(Stdio::null())
            .status()
            .with_context(|| format!("{}: could not start `{}`", self.title, self.words[0]))?;
        let took = seconds(begun.elapsed());
        if !status.success() {
            bail!("{} failed after {took} ({status}); to run it alone:\n\n    {command_line}\n", self.title);
        }
        eprintln!("==> {}: done in {took}", self.title);
        Ok(())
    }
}

/// Whether a command succeeds, its output hidden.
pub(crate) fn succeeds(words: &[&str]) -> bool {
    Command::new(program(words[0]))
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs steps one after the other, and ends with how long all took.
pub(crate) fn run_all(what: &str, steps: &[Step]) -> anyhow::Result<()> {
    let begun = Instant::now();
    for step in steps {
        step.run()?;
    }
    eprintln!("==> {what}: all {} steps passed in {}", steps.len(), seconds(begun.elapsed()));
    Ok(())
}

/// The cargo that started us, so that every step uses the same toolchain.
fn program(name: &str) -> std::ffi::OsString {
    let named = || OsStr::new(name).to_owned();
    if name == "cargo" { std::env::var_os("CARGO").unwrap_or_else(named) } else { named() }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

pub(crate) fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 120.0 { format!("{seconds:.1} s") } else { format!("{:.1} min", seconds / 60.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_says_how_to_run_it_alone() {
        let step = Step::new("nothing", "false", &["a b"]).env("X", "-D warnings");
        let error = step.run().unwrap_err().to_string();
        assert!(error.contains("nothing failed after"), "{error}");
        assert!(error.contains("X='-D warnings' false 'a b'"), "{error}");
    }

    #[test]
    fn a_step_that_fails_ends_the_run() {
        let steps = [Step::new("first", "false", &[]), Step::new("second", "true", &[])];
        assert!(run_all("both", &steps).unwrap_err().to_string().contains("first failed"));
        assert!(run_all("one", &steps[1..]).is_ok());
    }
}
