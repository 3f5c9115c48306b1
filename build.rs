//! Links the program with packed relocations: the loader reads 20 KiB of them instead of 850 KiB, which would stay in
//! memory while the program runs.

use std::env;
use std::process::Command;

/// The first glibc version that can load such a program (release notes of glibc 2.36, "`DT_RELR`").
const MIN_GLIBC: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_native = env::var("TARGET") == env::var("HOST");
    let is_glibc = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|libc| libc == "gnu");
    if is_native && is_glibc && glibc().is_some_and(|version| version >= MIN_GLIBC) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Major and minor version of this machine's glibc. A program built here is assumed to run with the same or a later one.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let output = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = output.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
