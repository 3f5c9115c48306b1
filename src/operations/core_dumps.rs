//! Disables core dumps, which would contain the token and the passwords.

/// Disables core dumps of this process regardless of its limits, and prevents other processes of the same user from
/// reading its memory (`PR_SET_DUMPABLE` in prctl(2), ptrace(2)).
pub fn disable() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        eprintln!("killgate: core dumps could not be disabled, and would contain the token: {error}");
    }
}
