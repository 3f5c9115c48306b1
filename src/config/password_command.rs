//! `password_command`: a program that prints the password, such as a cloud provider's token for this login.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::environment::Environment;
use super::fault::Reported;
use super::paths::BasePath;
use super::secret::MAX_LENGTH;
use super::value::ConfigValue;

/// How long the program may take. Tokens of cloud providers come from a network service.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// How long to wait for the end of its output after the program has ended. Another process may keep the output open; what the
/// program printed is already there.
const REST_OF_OUTPUT: Duration = Duration::from_millis(100);

/// A program and its arguments, run without a shell in the folder of the configuration file.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordCommand {
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    /// It needs killgate's environment, but not the secrets that may be in it.
    secret_variables: Vec<String>,
}

/// Why the program gave no password. Its output is never repeated, because it may contain one.
#[derive(Debug, thiserror::Error)]
pub enum PasswordCommandError {
    #[error("the password command {} cannot be run: {error}", program.display())]
    NotRun { program: PathBuf, error: io::Error },
    #[error("the password command {} failed: {status}", program.display())]
    Failed { program: PathBuf, status: ExitStatus },
    #[error("the password command {} did not end within {} s", .0.display(), TIME_LIMIT.as_secs())]
    Late(PathBuf),
    #[error("the password command {} printed no password on its first line", .0.display())]
    Empty(PathBuf),
    #[error("the password command {} printed something other than UTF-8 text", .0.display())]
    NotText(PathBuf),
    #[error("the password command {} printed more than {MAX_LENGTH} bytes", .0.display())]
    TooLong(PathBuf),
}

impl PasswordCommand {
    /// Reads the program and its arguments. A program with a slash in its name must exist; others are searched in `PATH`
    /// when they are run.
    pub(super) fn read(
        value: &ConfigValue<'_>,
        paths: &BasePath,
        env: Environment<'_>,
    ) -> Result<Self, Reported> {
        let mut words = value.list(|word| {
            let text = word.string()?;
            if text.contains('\0') { Err(word.refuse("it contains a NUL character")) } else { Ok(text) }
        })?;
        if words.first().is_none_or(|program| program.is_empty()) {
            return Err(value.refuse("it names no program"));
        }
        let program = words.remove(0);
        let program = if program.contains('/') {
            let path = paths.resolve(program).map_err(|message| value.refuse(message))?;
            path.canonicalize().map_err(|error| {
                value.refuse(format!("the program {} cannot be found: {error}", path.display()))
            })?
        } else {
            PathBuf::from(program)
        };
        Ok(Self {
            program,
            arguments: words.into_iter().map(str::to_owned).collect(),
            folder: paths.folder().to_owned(),
            secret_variables: env.secret_names.to_vec(),
        })
    }

    /// Runs it, and returns the first line of what it prints. It must end within ten seconds, with exit status 0. Processes
    /// that it leaves behind are ended too.
    pub async fn run(&self) -> Result<SecretString, PasswordCommandError> {
        let program = || self.program.clone();
        let not_run = |error| PasswordCommandError::NotRun { program: program(), error };
        let mut command = Command::new(&self.program);
        for name in &self.secret_variables {
            command.env_remove(name);
        }
        let child = command
            .args(&self.arguments)
            .current_dir(if self.folder == Path::new("") { Path::new(".") } else { &self.folder })
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .process_group(0)
            .spawn()
            .map_err(not_run)?;
        let ran = timeout(TIME_LIMIT, output_of(child)).await;
        let (status, output) = ran.map_err(|_| PasswordCommandError::Late(program()))?.map_err(not_run)?;
        if output.len() > MAX_LENGTH {
            return Err(PasswordCommandError::TooLong(program()));
        }
        if !status.success() {
            return Err(PasswordCommandError::Failed { program: program(), status });
        }
        let text = str::from_utf8(&output).map_err(|_| PasswordCommandError::NotText(program()))?;
        match text.lines().next() {
            None | Some("") => Err(PasswordCommandError::Empty(program())),
            Some(password) => Ok(password.into()),
        }
    }
}

/// Ends all processes of a group on drop.
struct ProcessGroup(Option<Pid>);

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // An error means that no process of the group is left. Until then, no other group gets its number.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What it printed, up to one byte more than is accepted, and how it ended.
async fn output_of(mut child: Child) -> io::Result<(ExitStatus, Zeroizing<Vec<u8>>)> {
    let group = ProcessGroup(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
    // At full capacity from the start: growing would leave copies in memory that are not overwritten.
    let mut output = Zeroizing::new(Vec::with_capacity(MAX_LENGTH + 1));
    let mut stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let status = tokio::select! {
        read = read_to_end(&mut stdout, &mut output) => {
            read?;
            if output.len() > MAX_LENGTH {
                drop(group);
            }
            child.wait().await?
        }
        status = child.wait() => {
            // A process that it started may keep its output open. All that it printed itself is in the pipe.
            drop(group);
            let rest = read_to_end(&mut stdout, &mut output);
            if let Ok(read) = timeout(REST_OF_OUTPUT, rest).await {
                read?;
            }
            status?
        }
    };
    Ok((status, output))
}

async fn read_to_end(stdout: &mut ChildStdout, output: &mut Vec<u8>) -> io::Result<()> {
    while output.len() <= MAX_LENGTH && stdout.read_buf(output).await? > 0 {}
    Ok(())
}

/// The arguments may contain a secret.
impl fmt::Debug for PasswordCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordCommand").field("program", &self.program).finish_non_exhaustive()
    }
}
