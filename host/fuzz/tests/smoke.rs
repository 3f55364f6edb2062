//! Every fuzz target over its corpus and, for a short while, over inputs made from that by chance: each in a
//! process of its own, so that whatever happens to it is seen.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Beyond the corpus, for each target.
const SECONDS: &str = "3";

#[test]
fn every_target_holds_for_a_while() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut failures = Vec::new();
    let mut targets = 0;
    for entry in fs::read_dir(corpora).expect("there are corpora") {
        let target = entry.expect("a folder can be listed").file_name();
        let output = Command::new(env!("CARGO_BIN_EXE_fuzz"))
            .arg(&target)
            .args(["--seconds", SECONDS])
            .output()
            .expect("the program was built");
        print!("{}", String::from_utf8_lossy(&output.stdout));
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            failures.push(format!("{}: {}\n{said}", target.display(), output.status));
        }
        targets += 1;
    }
    assert_eq!(targets, 12, "each target has a corpus");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
