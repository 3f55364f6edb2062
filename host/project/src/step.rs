//! One command of a build: what it says is kept and shown when it fails.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::ProjectError;

/// Whoever watches a build.
pub trait Progress: Sync {
    /// A command begins: what it does, and how one would type it.
    fn begins(&self, title: &str, command: &str);
    /// The command said something on its standard error.
    fn says(&self, line: &str);
}

/// A command to run to its end, with nothing on its standard input.
pub(crate) struct Step {
    title: String,
    program: PathBuf,
    folder: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    /// Programs that this one starts are looked for here before they are elsewhere.
    first_on_path: Option<PathBuf>,
    /// Whether the standard output is for people, and not for us.
    speaks: bool,
}

impl Step {
    /// A step that runs `program` in `folder`.
    pub(crate) fn new(title: String, program: &Path, folder: &Path) -> Self {
        Step {
            title,
            program: program.to_owned(),
            folder: folder.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            first_on_path: None,
            speaks: true,
        }
    }

    /// With more arguments.
    pub(crate) fn args<T: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// With one more environment variable.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// With programs that it starts being looked for in `folder` first.
    pub(crate) fn on_path(mut self, folder: &Path) -> Self {
        self.first_on_path = Some(folder.to_owned());
        self
    }

    /// With a standard output that is for us, and not shown.
    pub(crate) fn answers(mut self) -> Self {
        self.speaks = false;
        self
    }

    /// As one would type it.
    fn command_line(&self) -> String {
        let path =
            self.first_on_path.iter().map(|folder| format!("PATH={}:$PATH", quoted(folder.as_os_str())));
        let environment = self.environment.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        let words =
            std::iter::once(self.program.as_os_str()).chain(self.arguments.iter().map(OsString::as_os_str));
        let words = path.chain(environment).chain(words.map(quoted)).collect::<Vec<_>>().join(" ");
        format!("cd {} && {words}", quoted(self.folder.as_os_str()))
    }

    /// Runs it to its end, and returns what it wrote on its standard output.
    pub(crate) fn run(&self, progress: &dyn Progress) -> Result<String, ProjectError> {
        let command = self.command_line();
        progress.begins(&self.title, &command);
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.first_on_path.iter().map(|folder| ("PATH", path_from(folder))))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not start {}", self.program.display()))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (answer, said) = std::thread::scope(|threads| {
            let said = threads.spawn(|| listen(stderr, progress));
            (read(stdout), said.join().unwrap_or_default())
        });
        let status =
            child.wait().with_context(|| format!("could not wait for {}", self.program.display()))?;
        if status.success() {
            return Ok(answer);
        }
        let output = if self.speaks { format!("{answer}{said}") } else { said };
        let title = format!("to {} ({status})", self.title);
        Err(ProjectError::Failed { title, command, output })
    }
}

/// `PATH` with one more folder at its beginning.
fn path_from(folder: &Path) -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(env::split_paths(&path));
    env::join_paths(folders).unwrap_or(path)
}

fn read(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    // What was read before an error is all there is to show.
    let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn listen(pipe: Option<impl Read>, progress: &dyn Progress) -> String {
    let mut said = String::new();
    let Some(pipe) = pipe else { return said };
    for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        progress.says(&line);
        said.push_str(&line);
        said.push('\n');
    }
    said
}

/// A word as one would type it.
pub(crate) fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Nobody watches.
    pub(crate) struct Unwatched;

    impl Progress for Unwatched {
        fn begins(&self, _: &str, _: &str) {}
        fn says(&self, _: &str) {}
    }

    fn shell(script: &str) -> Step {
        Step::new("try".to_owned(), Path::new("sh"), Path::new("/")).args(["-c", script])
    }

    #[test]
    fn what_a_tool_says_is_shown_when_it_fails() {
        let step = shell("echo out; echo err >&2; exit 3").env("X", "a b");
        let error = step.run(&Unwatched).unwrap_err().to_string();
        for part in ["out\n", "err\n", "to try", "exit status: 3", "cd / && X='a b' sh -c "] {
            assert!(error.contains(part), "{part}: {error}");
        }
        let error = shell("echo out; exit 3").answers().run(&Unwatched).unwrap_err().to_string();
        assert!(!error.contains("out\n"), "{error}");
    }

    #[test]
    fn programs_are_found_where_the_step_says() {
        let step = shell("echo $PATH").on_path(Path::new("/tools"));
        assert!(step.run(&Unwatched).unwrap().starts_with("/tools:"));
        assert!(step.command_line().contains("PATH=/tools:$PATH sh"), "{}", step.command_line());
    }

    #[test]
    fn what_a_tool_answers_is_returned() {
        assert_eq!(shell("echo out; echo err >&2").run(&Unwatched).unwrap(), "out\n");
    }
}
