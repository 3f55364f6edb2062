//! The first hour of somebody with an actor of their own: `greenroom new`, `greenroom build`, deploy, call;
//! in every language, with the tools that `cargo xtask` installed, and without a network.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use anyhow::{Context as _, ensure};
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::Semaphore;

/// Builds beside each other only slow each other down, and the hosts that are to take what was built.
static ROOM: Semaphore = Semaphore::const_new(2);

fn checkout() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

fn tool(path: &str) -> OsString {
    checkout().join(".tools").join(path).into_os_string()
}

/// `PATH`, and where `cargo xtask` puts Node when there is none.
fn path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":");
    path.push(tool("node/bin"));
    path
}

/// Runs a program without a network for cargo, and with tools that are installed.
async fn run(program: impl AsRef<OsStr>, arguments: &[&str], folder: &Path) -> anyhow::Result<Output> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(folder)
        .env("PATH", path())
        .env("GREENROOM_PYTHON", tool("python/bin/python"))
        .env("GREENROOM_GO", tool("python/bin/go"))
        .env("GREENROOM_ZIG", tool("python/bin/python-zig"))
        // What the actor stands on is compiled once, and not for each run of the test.
        .env("CARGO_TARGET_DIR", checkout().join("target/new-project"))
        .env("CARGO_NET_OFFLINE", "true");
    Ok(command.stdin(Stdio::null()).kill_on_drop(true).output().await?)
}

/// What a program prints when it succeeds.
async fn prints(program: impl AsRef<OsStr>, arguments: &[&str], folder: &Path) -> anyhow::Result<String> {
    let output = run(program, arguments, folder).await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{arguments:?}: {}{said}", String::from_utf8_lossy(&output.stdout));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// From nothing to a call of an actor in `language`. `install` does what the project's README says to do
/// before the first build, without a network.
async fn first_hour(
    language: &str,
    install: impl AsyncFn(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let _turn = ROOM.acquire().await?;
    let binary = guests::host_binary()?;
    let room = tempfile::tempdir()?;
    let said = prints(&binary, &["new", "--lang", language, "shopping-list"], room.path()).await?;
    assert!(said.contains("greenroom deploy\n"), "{said}");
    let project = room.path().join("shopping-list");
    install(&project).await?;

    let said = prints(&binary, &["build"], &project).await?;
    assert!(said.starts_with("target/shopping-list.wasm: "), "{said}");
    let component = fs::read(project.join("target/shopping-list.wasm"))?;

    let host = Host::start().await?;
    host.deploy("shopping-list", component).await?.expect(201);
    let add = async |body: Value| -> anyhow::Result<Value> {
        Ok(host.call_json("shopping-list", "first", "add", &body).await?.expect(200).json())
    };
    assert_eq!(add(json!(2)).await?, 2);
    assert_eq!(add(json!({ "amount": 3 })).await?, 5);
    for bad in [json!(0), json!(-3), json!(u32::MAX)] {
        host.call_json("shopping-list", "first", "add", &bad).await?.refused(400, "invalid-argument");
    }
    let count: Value =
        host.call_json("shopping-list", "first", "get", &json!(null)).await?.expect(200).json();
    assert_eq!(count, 5);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_rust() -> anyhow::Result<()> {
    first_hour("rust", async |project: &Path| {
        // The versions that are there already.
        fs::copy(checkout().join("Cargo.lock"), project.join("Cargo.lock"))?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_python() -> anyhow::Result<()> {
    first_hour("python", async |_: &Path| Ok(())).await
}

/// A virtual environment in `folder` that has a package of ours.
async fn virtual_environment(folder: &Path, package: &str) -> anyhow::Result<PathBuf> {
    let python = tool("python/bin/python");
    let arguments = ["-m", "venv", "--without-pip", &folder.to_string_lossy()];
    prints(&python, &arguments, Path::new("/")).await?;
    let find = "import site; print(site.getsitepackages()[0])";
    let packages = prints(folder.join("bin/python"), &["-c", find], Path::new("/")).await?;
    let packages = PathBuf::from(packages.trim());
    fs::write(packages.join(format!("{package}.py")), "")?;
    Ok(packages)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_project_has_the_packages_of_its_own_environment() -> anyhow::Result<()> {
    let _turn = ROOM.acquire().await?;
    let binary = guests::host_binary()?;
    let room = tempfile::tempdir()?;
    let project = room.path().join("a");
    prints(&binary, &["new", "--lang", "python", "a"], room.path()).await?;
    let foreign = room.path().join("foreign");
    virtual_environment(&foreign, "stranger").await?;
    let packages = virtual_environment(&project.join(".venv"), "neighbour").await?;
    let find = "import componentize_py; print(componentize_py.__path__[0])";
    let componentize = prints(tool("python/bin/python"), &["-c", find], room.path()).await?;
    symlink(componentize.trim(), packages.join("componentize_py"))?;

    // The foreign environment is active, the project's own is not.
    let mut path = foreign.join("bin").into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let actor = fs::read_to_string(project.join("counter.py"))?;
    let build_with = async |module: &str| -> anyhow::Result<Output> {
        fs::write(project.join("counter.py"), format!("import {module}\n{actor}"))?;
        let mut command = Command::new(&binary);
        command.arg("build").current_dir(&project).env("PATH", &path).env("VIRTUAL_ENV", &foreign);
        command.env_remove("GREENROOM_PYTHON").stdin(Stdio::null()).kill_on_drop(true);
        Ok(command.output().await?)
    };
    let built = build_with("neighbour").await?;
    ensure!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let said = build_with("stranger").await?.stderr;
    let said = String::from_utf8_lossy(&said);
    ensure!(said.contains("No module named 'stranger'"), "{said}");

    // A further folder that the manifest names is part of the actor, too.
    fs::create_dir(project.join("more"))?;
    fs::write(project.join("more/further.py"), "")?;
    let manifest = fs::read_to_string(project.join("greenroom.toml"))?;
    fs::write(project.join("greenroom.toml"), manifest.replace("path = [", "path = [\"more\", "))?;
    let built = build_with("further").await?;
    ensure!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_go() -> anyhow::Result<()> {
    first_hour("go", async |_: &Path| Ok(())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_c() -> anyhow::Result<()> {
    first_hour("c", async |_: &Path| Ok(())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_cpp() -> anyhow::Result<()> {
    first_hour("cpp", async |_: &Path| Ok(())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_zig() -> anyhow::Result<()> {
    first_hour("zig", async |_: &Path| Ok(())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_typescript() -> anyhow::Result<()> {
    first_hour("typescript", npm_install).await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_javascript() -> anyhow::Result<()> {
    first_hour("javascript", npm_install).await
}

/// What `npm install` does, with the packages that the SDK has in this checkout.
async fn npm_install(project: &Path) -> anyhow::Result<()> {
    let modules = project.join("node_modules");
    let installed = checkout().join("sdk/js/node_modules");
    for folder in ["@greenroom", ".bin"] {
        fs::create_dir_all(modules.join(folder))?;
    }
    for (folder, into) in
        [(installed.clone(), modules.clone()), (installed.join(".bin"), modules.join(".bin"))]
    {
        for entry in fs::read_dir(&folder).context("run `cargo xtask guests typescript`")? {
            let entry = entry?;
            if entry.file_name() != ".bin" {
                symlink(entry.path(), into.join(entry.file_name()))?;
            }
        }
    }
    let sdk = project.join("third_party/greenroom/sdk/js");
    symlink(&sdk, modules.join("@greenroom/sdk"))?;
    let program = sdk.join("bin/greenroom-js.js");
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    symlink(program, modules.join(".bin/greenroom-js"))?;
    prints("npm", &["run", "--silent", "prepare"], project).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_is_said_with_what_to_do() -> anyhow::Result<()> {
    let binary = guests::host_binary()?;
    let room = tempfile::tempdir()?;
    let refused = async |arguments: &[&str], code: i32| -> anyhow::Result<String> {
        let output = run(&binary, arguments, room.path()).await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(code), "{arguments:?}: {}: {said}", output.status);
        Ok(said)
    };
    assert!(refused(&["new", "--lang", "cobol", "a"], 2).await?.contains("rust, python"));
    assert!(refused(&["new", "--lang", "rust", "../a"], 2).await?.contains("shopping-list"));
    assert!(refused(&["build"], 2).await?.contains("greenroom.toml"));

    prints(&binary, &["new", "--lang", "rust", "a"], room.path()).await?;
    assert!(refused(&["new", "--lang", "rust", "a"], 2).await?.contains("is there already"));
    fs::write(room.path().join("a/greenroom.toml"), "[actor]\nname = \"a\"\nlanguage = \"rust\"\nx = 1\n")?;
    assert!(refused(&["build", "a"], 2).await?.contains("unknown field `x`"));

    prints(&binary, &["new", "--lang", "javascript", "b"], room.path()).await?;
    assert!(refused(&["build", "b"], 1).await?.contains("npm install"));
    prints(&binary, &["new", "--lang", "python", "c"], room.path()).await?;
    fs::write(room.path().join("c/counter.py"), "from nowhere import nothing\n")?;
    let said = refused(&["build", "c"], 1).await?;
    assert!(said.contains("No module named 'nowhere'") && said.contains("greenroom.build"), "{said}");
    assert!(!room.path().join("c/target/c.wasm").exists());
    Ok(())
}
