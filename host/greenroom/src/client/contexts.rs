//! `greenroom context`: hosts under names, in a file that only its owner reads and that is replaced as a whole.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tempfile::NamedTempFile;

use super::failure::Failure;
use super::show::{self, Column, Style};
use super::{Done, print, print_line, target};
use crate::cli::ContextCommand;

/// A host under a name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Context {
    /// Its address; of the default context there is none.
    pub(super) host: String,
    /// The file with its token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token_file: Option<PathBuf>,
    /// Whom to trust.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ca_file: Option<PathBuf>,
}

/// All of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contexts {
    #[serde(skip_serializing_if = "Option::is_none")]
    in_use: Option<String>,
    #[serde(default)]
    contexts: BTreeMap<String, Context>,
}

impl Context {
    /// Its token, where it has one.
    pub(super) fn token(&self) -> Result<Option<String>, Failure> {
        let Some(file) = &self.token_file else { return Ok(None) };
        let text = fs::read_to_string(file)
            .map_err(|error| Failure::Usage(format!("the context's token, {}: {error}", file.display())))?;
        Ok(Some(text.trim().to_owned()))
    }
}

impl Contexts {
    #[cfg(test)]
    pub(super) fn new<const N: usize>(contexts: [(&str, Context); N], in_use: Option<&str>) -> Self {
        let contexts = contexts.into_iter().map(|(name, context)| (name.to_owned(), context)).collect();
        Contexts { in_use: in_use.map(str::to_owned), contexts }
    }

    /// Those that are kept.
    pub(super) fn load() -> Result<Self, Failure> {
        Contexts::read(&file()?)
    }

    fn read(file: &Path) -> Result<Self, Failure> {
        let unusable = |why: String| Failure::Usage(format!("{}: {why}", file.display()));
        match fs::read_to_string(file) {
            Ok(text) => toml::from_str(&text).map_err(|error| unusable(error.to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Contexts::default()),
            Err(error) => Err(unusable(error.to_string())),
        }
    }

    fn write(&self, file: &Path) -> Done {
        let written = || -> io::Result<()> {
            let folder = file.parent().ok_or(io::ErrorKind::InvalidInput)?;
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let mut made = NamedTempFile::new_in(folder)?;
            made.write_all(toml::to_string(self).map_err(io::Error::other)?.as_bytes())?;
            made.persist(file)?;
            Ok(())
        };
        written().map_err(|error| Failure::Local(format!("can't write {}: {error}", file.display())))
    }

    /// The one of that name, else the one in use.
    pub(super) fn chosen(&self, name: Option<&str>) -> Result<Option<Context>, Failure> {
        let Some(name) = name.or(self.in_use.as_deref()) else { return Ok(None) };
        self.contexts.get(name).cloned().map(Some).ok_or_else(|| unknown(name))
    }
}

/// Runs the command.
pub(super) fn run(command: ContextCommand) -> Done {
    let file = file()?;
    let mut known = Contexts::read(&file)?;
    match command {
        ContextCommand::Add { name, host, token_file, ca_file } => {
            let absolute = |path: Option<PathBuf>| path.as_deref().map(target::absolute).transpose();
            let context = Context {
                host: target::url(&host, "the host")?,
                token_file: absolute(token_file)?,
                ca_file: absolute(ca_file)?,
            };
            context.token()?;
            known.contexts.insert(named(&name)?, context);
            known.write(&file)?;
            print_line(&format!("{name}: kept; `greenroom context use {name}` makes it the one in use"))
        }
        ContextCommand::Use { name: Some(name), .. } => {
            let context = known.chosen(Some(&name))?.unwrap_or_default();
            known.in_use = Some(name.clone());
            known.write(&file)?;
            print_line(&format!("{name}: commands that name no host talk to {}", context.host))
        }
        ContextCommand::Use { name: None, .. } => {
            known.in_use = None;
            known.write(&file)?;
            print_line("no context is in use")
        }
        ContextCommand::List => list(&known),
        ContextCommand::Remove { name } => {
            known.contexts.remove(&name).ok_or_else(|| unknown(&name))?;
            known.in_use.take_if(|in_use| *in_use == name);
            known.write(&file)?;
            print_line(&format!("{name}: forgotten"))
        }
    }
}

fn list(known: &Contexts) -> Done {
    const COLUMNS: &[Column] = &[
        Column::new("", "/in_use", Style::Plain),
        Column::new("CONTEXT", "/name", Style::Plain),
        Column::new("HOST", "/host", Style::Plain),
        Column::new("TOKEN FILE", "/token_file", Style::Plain),
        Column::new("CA FILE", "/ca_file", Style::Plain),
    ];
    let row = |(name, context): (&String, &Context)| {
        let in_use = if known.in_use.as_ref() == Some(name) { "*" } else { "" };
        json!({
            "in_use": in_use, "name": name, "host": context.host, "token_file": context.token_file,
            "ca_file": context.ca_file,
        })
    };
    let rows: Vec<_> = known.contexts.iter().map(row).collect();
    print(show::table(COLUMNS, &rows, true).as_bytes())
}

fn unknown(name: &str) -> Failure {
    Failure::Usage(format!("there is no context {name:?}; `greenroom context list` lists them"))
}

fn named(name: &str) -> Result<String, Failure> {
    let fits = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(fits) {
        return Err(Failure::Usage(format!(
            "{name:?} can't name a context; it is letters, digits, `-`, `_` and `.`"
        )));
    }
    Ok(name.to_owned())
}

fn file() -> Result<PathBuf, Failure> {
    let base = etcetera::choose_base_strategy().map_err(|error| {
        Failure::Usage(format!("can't find the folder of contexts: {error}; set XDG_CONFIG_HOME"))
    })?;
    Ok(base.config_dir().join("greenroom/contexts.toml"))
}
