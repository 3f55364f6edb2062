//! `greenroom deploy`: a component as the next version of a type. What a project deploys was built from what is in
//! it now; nothing is deployed when it can't be built.

use std::path::Path;

use greenroom_project::Project;
use indicatif::HumanBytes;

use super::connection::{Host, Request};
use super::failure::Failure;
use super::show::{self, Style};
use super::{Done, print_line, print_raw, type_path, upload};
use crate::cli::{Connection, Deployment};
use crate::{output, project};

/// Runs the command.
pub(super) fn run(deployment: &Deployment, connection: &Connection) -> Done {
    let host = Host::new(connection)?;
    let (actor_type, component) = match (&deployment.actor_type, &deployment.file) {
        (Some(actor_type), Some(file)) => (actor_type.clone(), given(file, deployment)?),
        (Some(file), None) if is_component(file) => {
            return Err(Failure::Usage(format!(
                "{file} is no actor type; it is `greenroom deploy TYPE FILE`, or `greenroom deploy` in a project"
            )));
        }
        (named, _) => {
            let project = project::open(deployment.project.as_deref())?;
            let actor_type = named.clone().unwrap_or_else(|| project.name().to_string());
            (actor_type, of_project(&project, deployment, connection)?)
        }
    };
    tell(connection, &format!("deploying {actor_type} to {}", host.url()));
    upload(&host, &actor_type, component, connection)
}

fn is_component(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "wasm")
}

fn tell(connection: &Connection, line: &str) {
    if !connection.json {
        output::complain(&line);
    }
}

fn of_project(
    project: &Project,
    deployment: &Deployment,
    connection: &Connection,
) -> Result<Vec<u8>, Failure> {
    let component = project.default_output();
    if deployment.no_build {
        refuse_stale(project, &component, deployment)?;
    } else {
        let built = project::build_component(project, &component, connection.json)?;
        let size = HumanBytes(built.bytes);
        tell(connection, &format!("built {}: {size}", project::shown(&component).display()));
    }
    read(&component)
}

/// The bytes of a file that was named.
fn given(file: &Path, deployment: &Deployment) -> Result<Vec<u8>, Failure> {
    let bytes = read(file)?;
    let absolute = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let project = absolute.parent().and_then(|folder| Project::find(folder).ok());
    if let Some(project) = project.filter(|project| project.default_output() == absolute) {
        refuse_stale(&project, &absolute, deployment)?;
    }
    Ok(bytes)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| {
        Failure::Usage(format!("can't read {}: {error}\n  next: `greenroom build` makes it", file.display()))
    })
}

fn refuse_stale(project: &Project, component: &Path, deployment: &Deployment) -> Done {
    if deployment.allow_stale {
        return Ok(());
    }
    let newer = project.source_newer_than(component)?;
    newer.map_or(Ok(()), |source| {
        Err(Failure::Usage(format!(
            "{} is older than {}\n  next: `greenroom deploy` builds it first; --allow-stale deploys it as it is",
            project::shown(component).display(),
            project::shown(&source).display()
        )))
    })
}

fn upload(host: &Host, actor_type: &str, component: Vec<u8>, connection: &Connection) -> Done {
    // A host that refuses says so before it has all of the component, and then reads no more of it.
    let request = Request::new("PUT", type_path(actor_type))
        .content_type("application/wasm")
        .header("expect", "100-continue");
    let reply = upload::with_progress(host, request, component, connection.json)?;
    if connection.json {
        return print_raw(&reply);
    }
    let created = reply.status == 201;
    let deployed = reply.json()?;
    let what = if created { "deployed" } else { "unchanged" };
    let text = |name: &str| show::text(&deployed[name], Style::Plain);
    let size = show::text(&deployed["size"], Style::Bytes);
    print_line(&format!(
        "{what}: {actor_type} version {}, {size}, sha-256 {}",
        text("version"),
        text("digest")
    ))
}
