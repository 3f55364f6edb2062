//! The commands that make and build an actor's project.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use greenroom_project::{Built, Language, Name, Progress, Project, ProjectError, Tools, create};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::cli::ProjectCommand;
use crate::output;

/// Runs one command.
pub(crate) fn run(command: ProjectCommand) -> ExitCode {
    let done = match command {
        ProjectCommand::New { language, name, dir } => new(language, &name, dir),
        ProjectCommand::Build { project, output } => build(&project, output),
    };
    match done {
        Ok(text) => output::print_and_end(&text),
        Err(error) => {
            output::complain(&error);
            ExitCode::from(if matches!(error, ProjectError::Invalid(_)) { 2 } else { 1 })
        }
    }
}

fn new(language: Language, name: &Name, folder: Option<PathBuf>) -> Result<String, ProjectError> {
    let folder = folder.unwrap_or_else(|| PathBuf::from(name.to_string()));
    create(language, name, &folder)?;
    let folder = folder.display();
    let (enter, deploy) = (format!("cd {folder}"), format!("greenroom deploy {name} target/{name}.wasm"));
    let steps =
        [&[enter.as_str()], language.prepare(), &["greenroom build", &deploy]].concat().join("\n    ");
    Ok(format!("made {folder}: an actor in {language}; its README.md says more\n\n    {steps}\n"))
}

fn build(project: &Path, output: Option<PathBuf>) -> Result<String, ProjectError> {
    let project = Project::open(project)?;
    let output = output.unwrap_or_else(|| project.default_output());
    let spinner = Spinner::new();
    let built = project.build(&output, &Tools::of_environment(), &spinner);
    spinner.0.finish_and_clear();
    let Built { component, bytes } = built?;
    let here = std::env::current_dir().unwrap_or_default();
    let shown = component.strip_prefix(&here).unwrap_or(&component);
    Ok(format!("{}: {}\n", shown.display(), HumanBytes(bytes)))
}

/// What is being done, and the last that was said of it; on a terminal only.
struct Spinner(ProgressBar);

/// As much of a line as fits beside the rest.
const SHOWN_CHARS_MAX: usize = 60;

impl Spinner {
    fn new() -> Self {
        let spinner = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {msg:.dim}") {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(Duration::from_millis(100));
        Spinner(spinner)
    }
}

impl Progress for Spinner {
    fn begins(&self, title: &str, _command: &str) {
        self.0.set_prefix(title.to_owned());
        self.0.set_message("");
    }

    fn says(&self, line: &str) {
        let line = line.trim();
        if !line.is_empty() {
            self.0.set_message(line.chars().take(SHOWN_CHARS_MAX).collect::<String>());
        }
    }
}
