//! Builds again when a mapping document is added: `include_dir` only sees changes of files it already knows.

fn main() {
    println!("cargo::rerun-if-changed=../../mappings");
}
