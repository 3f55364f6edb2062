//! `docs/languages.md` has the languages and the toolchains that are tested. Its figures are of the
//! machine that measured them, so they are not compared.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use greenroom_tests::languages::{LANGUAGES, Written};

fn read(path: &str) -> anyhow::Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).with_context(|| path.to_owned())
}

#[test]
fn the_page_has_a_row_for_each_language_that_is_tested() -> anyhow::Result<()> {
    let page = read("docs/languages.md")?;
    let table = page.lines().skip_while(|line| !line.starts_with("| language |"));
    let rows: Vec<Vec<&str>> = table
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').map(str::trim).skip(1).take(3).collect())
        .collect();
    let tested: Vec<Vec<&str>> =
        LANGUAGES.iter().map(|row| vec![row.name, row.written.as_str(), row.toolchain]).collect();
    assert_eq!(rows, tested, "write the page anew: cargo xtask bench -- languages --write docs/languages.md");
    Ok(())
}

#[test]
fn every_toolchain_is_the_one_that_is_pinned() -> anyhow::Result<()> {
    for language in &LANGUAGES {
        let (file, words) = language.pin;
        let said = read(file)?;
        assert!(said.contains(words), "{}: {file} does not say {words}", language.key);
        let version = words.trim_matches('"').rsplit(['=', '"', ' ']).next().unwrap_or_default();
        assert!(
            language.toolchain.contains(version),
            "{}: {} is not {version}",
            language.key,
            language.toolchain
        );
    }
    Ok(())
}

#[test]
fn rust_comes_first() {
    assert_eq!((LANGUAGES[0].name, LANGUAGES[0].written), ("Rust", Written::WithSdk));
}
