//! The commands that make and build an actor's project.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use greenroom_project::{Built, Language, Name, Progress, Project, ProjectError, Tools, create};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::cli::ProjectCommand;
use crate::exit::Exit;
use crate::output;

/// Runs one command.
pub(crate) fn run(command: ProjectCommand) -> ExitCode {
    let done = match command {
        ProjectCommand::New { language, name, dir } => new(language, &name, dir),
        ProjectCommand::Build { project, output } => build(project.as_deref(), output),
    };
    match done {
        Ok(text) => output::print_and_end(&text),
        Err(error) => {
            output::complain(&error);
            ends_with(&error).into()
        }
    }
}

/// With what a command ends that a project has kept from its work.
pub(crate) fn ends_with(error: &ProjectError) -> Exit {
    if matches!(error, ProjectError::Invalid(_)) { Exit::Usage } else { Exit::Failed }
}

/// The project that was named, else the one that is nearest above the current folder.
pub(crate) fn open(named: Option<&Path>) -> Result<Project, ProjectError> {
    named.map_or_else(|| Project::find(Path::new(".")), Project::open)
}

fn new(language: Language, name: &Name, folder: Option<PathBuf>) -> Result<String, ProjectError> {
    let folder = folder.unwrap_or_else(|| PathBuf::from(name.to_string()));
    create(language, name, &folder)?;
    let folder = folder.display();
    let enter = format!("cd {folder}");
    let steps = [&[enter.as_str()], language.prepare(), &["greenroom build", "greenroom deploy"]].concat();
    let steps = steps.join("\n    ");
    Ok(format!("made {folder}: an actor in {language}; its README.md says more\n\n    {steps}\n"))
}

fn build(named: Option<&Path>, output: Option<PathBuf>) -> Result<String, ProjectError> {
    let project = open(named)?;
    let output = output.unwrap_or_else(|| project.default_output());
    let Built { component, bytes } = build_component(&project, &output, false)?;
    Ok(format!("{}: {}\n", shown(&component).display(), HumanBytes(bytes)))
}

/// Builds a project's component, and shows what is being done unless `quiet`.
pub(crate) fn build_component(project: &Project, output: &Path, quiet: bool) -> Result<Built, ProjectError> {
    let watcher = Watcher::new(quiet);
    let built = project.build(output, &Tools::of_environment(), &watcher);
    watcher.spinner.finish_and_clear();
    built
}

/// A path as it is shortest from here.
pub(crate) fn shown(path: &Path) -> &Path {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path)
}

/// What is being done: on a terminal with the last that was said of it, elsewhere a line for each step.
struct Watcher {
    spinner: ProgressBar,
    writes_lines: bool,
}

/// As much of a line as fits beside the rest.
const SHOWN_CHARS_MAX: usize = 60;

impl Watcher {
    fn new(quiet: bool) -> Self {
        let spinner = if quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {msg:.dim}") {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(Duration::from_millis(100));
        Watcher { spinner, writes_lines: !quiet && !io::stderr().is_terminal() }
    }
}

impl Progress for Watcher {
    fn begins(&self, title: &str, _command: &str) {
        self.spinner.set_prefix(title.to_owned());
        self.spinner.set_message("");
        if self.writes_lines {
            output::complain(&title);
        }
    }

    fn says(&self, line: &str) {
        let line = line.trim();
        if !line.is_empty() {
            self.spinner.set_message(line.chars().take(SHOWN_CHARS_MAX).collect::<String>());
        }
    }
}
