//! Links the program so that its addresses are packed: the loader reads 20 KiB of relocations instead of 850, which
//! otherwise stay in memory for as long as it runs.

use std::env;
use std::process::Command;

/// The first glibc that can load such a program (release notes of glibc 2.36, "`DT_RELR`").
const SINCE: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let for_this_machine = env::var("TARGET") == env::var("HOST");
    let for_glibc = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|libc| libc == "gnu");
    if for_this_machine && for_glibc && glibc().is_some_and(|version| version >= SINCE) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Major and minor version of this machine's glibc: a program built here is assumed to run with one as new.
fn glibc() -> Option<(u32, u32)> {
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = told.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
