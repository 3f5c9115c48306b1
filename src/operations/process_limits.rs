//! Limits of the process that killgate changes.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Disables core dumps, which would contain the token and the passwords, whatever `RLIMIT_CORE` says, and prevents other
/// processes of the same user from reading its memory (`PR_SET_DUMPABLE` in prctl(2), ptrace(2)).
pub fn disable_core_dumps() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        super::standard_output::print_error(format_args!(
            "killgate: core dumps could not be disabled, and would contain the token: {error}"
        ));
    }
}

/// Raises the soft limit of open descriptors to the hard one. The soft one is often 1,024 for programs that use
/// select(2) (systemd.exec(5), `LimitNOFILE=`), which killgate does not.
pub fn raise_descriptor_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open descriptors could not be raised");
    }
}
