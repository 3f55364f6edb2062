//! `greenroom deploy` in a project: what it ships was built from what is there now.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, SystemTime};

use greenroom_tests::config::Settings;
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use tempfile::TempDir;
use tokio::process::Command;

use crate::cli::{prints, text};

/// What stands for Python: it makes the probe, unless the project is broken.
const PYTHON: &str = "#!/bin/sh
[ \"$1\" = -c ] && exit 0
[ -e broken ] && { echo 'SyntaxError in a.py' >&2; exit 1; }
for last; do :; done
cp \"$COMPONENT\" \"$last\"
";

struct Project {
    room: TempDir,
    host: Host,
}

impl Project {
    async fn make() -> anyhow::Result<Self> {
        let room = tempfile::tempdir()?;
        let python = room.path().join("python");
        fs::write(&python, PYTHON)?;
        fs::set_permissions(&python, Permissions::from_mode(0o755))?;
        fs::write(room.path().join("component"), guests::component("probe")?)?;
        fs::create_dir_all(room.path().join("shop/src"))?;
        fs::write(room.path().join("shop/a.py"), "")?;
        let manifest = "[actor]\nname = \"shop\"\nlanguage = \"python\"\n[python]\nclass = \"a:A\"\n";
        fs::write(room.path().join("shop/greenroom.toml"), manifest)?;
        Ok(Project { room, host: Host::with(Settings::default()).await? })
    }

    fn folder(&self) -> PathBuf {
        self.room.path().join("shop")
    }

    async fn greenroom(&self, arguments: &[&str], folder: &Path) -> anyhow::Result<Output> {
        let mut command = Command::new(guests::host_binary()?);
        command
            .args(arguments)
            .current_dir(folder)
            .env("GREENROOM_HOST", self.host.base())
            .env("GREENROOM_PYTHON", self.room.path().join("python"))
            .env("COMPONENT", self.room.path().join("component"))
            .env_remove("GREENROOM_TOKEN");
        Ok(command.stdin(Stdio::null()).kill_on_drop(true).output().await?)
    }

    /// Gives a source a time after that of everything that is built.
    fn change(&self, file: &str) -> anyhow::Result<()> {
        let later = SystemTime::now() + Duration::from_mins(1);
        Ok(File::options().write(true).open(self.folder().join(file))?.set_modified(later)?)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_built_and_then_deployed_from_anywhere_in_it() -> anyhow::Result<()> {
    let project = Project::make().await?;
    let output = project.greenroom(&["deploy"], &project.folder().join("src")).await?;
    let (said, printed) = (text(&output.stderr), text(&output.stdout));
    assert!(output.status.success() && printed.starts_with("deployed: shop version 1"), "{printed}{said}");
    for word in ["build shop in Python", "built ", "deploying shop to http://127.0.0.1"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(prints(&project.host, &["call", "shop", "a", "increment"]).await?, "1");
    let built = project.greenroom(&["build"], &project.folder().join("src")).await?;
    assert!(text(&built.stdout).contains("target/shop.wasm"), "{}", text(&built.stderr));
    let named = project.greenroom(&["deploy", "other", "--project", "shop"], project.room.path()).await?;
    assert!(text(&named.stdout).contains("deployed: other version 1"), "{}", text(&named.stderr));
    let nowhere = project.greenroom(&["deploy"], project.room.path()).await?;
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(text(&nowhere.stderr).contains("greenroom new"), "{}", text(&nowhere.stderr));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_fails_deploys_nothing() -> anyhow::Result<()> {
    let project = Project::make().await?;
    assert!(project.greenroom(&["build"], &project.folder()).await?.status.success());
    fs::write(project.folder().join("broken"), "")?;
    let output = project.greenroom(&["deploy"], &project.folder()).await?;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("SyntaxError in a.py"), "{}", text(&output.stderr));
    assert_eq!(prints(&project.host, &["types", "--json"]).await?, "");
    let output = project.greenroom(&["deploy", "--json"], &project.folder()).await?;
    let problem: serde_json::Value = serde_json::from_slice(&output.stderr)?;
    assert_eq!((output.status.code(), &problem["code"]), (Some(1), &"build-failed".into()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_is_older_than_its_sources_is_not_shipped() -> anyhow::Result<()> {
    let project = Project::make().await?;
    assert!(project.greenroom(&["build"], &project.folder()).await?.status.success());
    let unbuilt = project.greenroom(&["deploy", "--no-build"], &project.folder()).await?;
    assert!(text(&unbuilt.stdout).contains("version 1"), "{}", text(&unbuilt.stderr));
    project.change("a.py")?;
    for stale in [&["deploy", "--no-build"][..], &["deploy", "new", "target/shop.wasm"]] {
        let output = project.greenroom(stale, &project.folder()).await?;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stale:?}: {said}");
        assert!(said.contains("target/shop.wasm is older than a.py"), "{stale:?}: {said}");
    }
    let types = prints(&project.host, &["types"]).await?;
    assert!(!types.contains("new"), "{types}");
    let allowed = ["deploy", "new", "target/shop.wasm", "--allow-stale"];
    assert!(project.greenroom(&allowed, &project.folder()).await?.status.success());
    Ok(())
}
