//! Builds the crate anew when anything changes that it carries: a macro can't tell cargo of files that are
//! new.

fn main() {
    let folders =
        ["c", "go", "rust", "python/src", "python/template", "js/bin", "js/scripts", "js/src", "js/template"];
    for folder in folders {
        println!("cargo:rerun-if-changed=../../sdk/{folder}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
