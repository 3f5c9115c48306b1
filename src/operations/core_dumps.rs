//! No core: what would be in it is the token and the passwords.

/// Has the kernel write no core of this process, whatever its limits say, and lets no other process of this account
/// read its memory (`PR_SET_DUMPABLE` in prctl(2), ptrace(2)).
pub fn write_none() {
    #[cfg(target_os = "linux")]
    if let Err(problem) =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        eprintln!("killgate: a crash would leave a core with the token in it: {problem}");
    }
}
