//! Builds the crate anew when anything changes that it carries: a macro can't tell cargo of files that are
//! new.

fn main() {
    for folder in ["rust", "python/src", "python/template", "js/bin", "js/scripts", "js/src", "js/template"] {
        println!("cargo:rerun-if-changed=../../sdk/{folder}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
