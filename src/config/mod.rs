//! File and environment → validated [`Settings`].
//!
//! [`load`] reports all faults at once: each value is read separately, and each fault is reported with its position in
//! the file. The result has the option types of the module that uses them, and is valid.
//!
//! | file | reads |
//! |---|---|
//! | [`discord`] | `[discord]` and the token |
//! | `access`, `approval`, `protect` | the sections of those names, for all targets or for one |
//! | [`target`] | `[[target]]`, and the policy that results from these and the target's overrides |
//! | `quorum` | refuses policies under which no request could ever be approved |
//! | [`connection`], `postgres_url`, `tls` | the URL of a PostgreSQL server |
//! | [`secret`], `environment`, `password_command` | files, variables and programs that hold or print secrets |
//! | [`ledger`], `limits`, `privacy`, `http`, `owner` | the sections of those names |
//! | `reload` | which changes a running killgate cannot apply |
//! | [`mod@reference`] | every key: its meaning, what it allows, its default |
//! | [`duration`], `ids`, `paths` | durations, ids of Discord and paths, in whichever section they are |
//! | `section`, `value`, [`fault`], `source_line` | tables, values, faults, and the lines that they show |
//!
//! [`load_ledger`] and [`load_http`] return one section, for commands that need only that, and no secret of the others.

mod access;
mod approval;
pub mod connection;
pub mod discord;
pub mod duration;
mod environment;
pub mod fault;
mod http;
mod ids;
pub mod ledger;
mod limits;
mod owner;
mod password_command;
mod paths;
mod postgres_url;
mod privacy;
mod protect;
mod quorum;
pub mod reference;
mod reload;
pub mod secret;
mod section;
mod source_line;
pub mod target;
mod tls;
mod value;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use secrecy::zeroize::Zeroizing;
use toml::de::DeTable;

use self::access::AccessKeys;
use self::approval::ApprovalKeys;
pub use self::connection::PostgresAddress;
use self::environment::{Environment, secret_names};
pub use self::fault::{ConfigFault, ConfigFaults};
use self::fault::{FaultCollector, FileSpan, Reported};
pub use self::ledger::LedgerLocation;
use self::paths::BasePath;
use self::protect::ProtectKeys;
pub use self::secret::PasswordSource;
use self::section::ConfigSection;
use self::target::SharedRules;
pub use self::target::TargetConfig;
use crate::discord::bot::DiscordOptions;
use crate::domain::access::Access;
use crate::domain::owner::OwnerRule;
use crate::domain::policy::RequestLimits;
use crate::postgres::redaction::QueryVisibility;

/// A valid configuration. `Debug` shows no secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub discord: DiscordOptions,
    pub privacy: QueryVisibility,
    pub limits: RequestLimits,
    /// `[access]`, which a target may override.
    pub shared_access: Access,
    /// Who looks after which sessions; the first that matches counts.
    pub owners: Vec<OwnerRule>,
    /// At least one, in the order of the file, with distinct names.
    pub targets: Vec<TargetConfig>,
    pub ledger: LedgerLocation,
    /// Where health and metrics are served. `None`: nowhere.
    pub http: Option<SocketAddr>,
}

/// Reads the configuration in the file `path`; `env` looks up environment variables.
///
/// Relative paths in it start from its folder. Secret files and certificates that it names must exist.
pub fn load(path: &Path, env: impl Fn(&str) -> Option<String>) -> Result<Settings, ConfigFaults> {
    read_from(path, &env, read)
}

/// Reads where the ledger is. The token and the passwords of the targets need not exist, but nothing else may be wrong.
pub fn load_ledger(
    path: &Path,
    env: impl Fn(&str) -> Option<String>,
) -> Result<LedgerLocation, ConfigFaults> {
    read_from(path, &env, |root, paths, env| {
        let others = read(root, &paths.without_secrets(), env);
        let ledger = read_ledger(root, paths, env)?;
        others.map(|_| ledger)
    })
}

/// Reads where health and metrics are served. No secret needs to exist, but nothing else may be wrong.
pub fn load_http(
    path: &Path,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Option<SocketAddr>, ConfigFaults> {
    read_from(path, &env, |root, paths, env| Ok(read(root, &paths.without_secrets(), env)?.http))
}

/// Reads the file with `read`, and returns the faults that it reports.
fn read_from<T>(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    read: impl FnOnce(&ConfigSection<'_>, &BasePath, Environment<'_>) -> Result<T, Reported>,
) -> Result<T, ConfigFaults> {
    let file = path.display().to_string();
    let text = fs::read(path)
        .map_err(|error| format!("cannot read it: {error}"))
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned()))
        .map_err(|message| {
            let allowed =
                "a TOML file; --config FILE or the environment variable KILLGATE_CONFIG names another";
            unusable(FaultCollector::new(file.clone(), ""), &message, allowed)
        })?;
    // A URL in it may contain a password.
    let text = Zeroizing::new(text);
    let faults = FaultCollector::new(file, &text);
    let (document, errors) = DeTable::parse_recoverable(&text);
    if !errors.is_empty() {
        for error in errors {
            let span = FileSpan { offset: error.span().map(|span| span.start), key: String::new() };
            faults.report(&span, error.message(), "a TOML file");
        }
        let mut faults = faults.into_faults().expect("a fault was just reported");
        // What follows an error in its line is most likely caused by it.
        faults.list.dedup_by_key(|fault| fault.position.map(|position| position.line));
        return Err(faults);
    }
    let root = ConfigSection::root(&faults, &reference::ROOT, document.get_ref());
    let secret_names = secret_names(document.get_ref());
    let env = Environment { variables: env, secret_names: &secret_names };
    let result = read(&root, &BasePath::of_file(path), env);
    match (result, faults.into_faults()) {
        (_, Some(faults)) => Err(faults),
        (Ok(value), None) => Ok(value),
        (Err(_), None) => unreachable!("a missing value has a reported fault"),
    }
}

/// Reads all sections before it fails, so that the faults of all are reported.
fn read(root: &ConfigSection<'_>, paths: &BasePath, env: Environment<'_>) -> Result<Settings, Reported> {
    let approval = root.section("approval", &reference::APPROVAL);
    let vote_emoji = approval::vote_emoji(&approval);
    let discord = root.section("discord", &reference::DISCORD);
    let discord = discord::read(&discord, paths, env, vote_emoji);
    let access = root.section("access", &reference::ACCESS);
    let protect = root.section("protect", &reference::PROTECT);
    let rules = SharedRules {
        access: AccessKeys::read(&access, &AccessKeys::nobody(&access)),
        approval: ApprovalKeys::read(&approval, &ApprovalKeys::defaults(&approval)),
        protect: ProtectKeys::read(&protect, &ProtectKeys::none()),
    };
    let targets = target::read(root, &rules, paths, env);
    let privacy = privacy::read(&root.section("privacy", &reference::PRIVACY));
    let limits = limits::read(&root.section("limits", &reference::LIMITS));
    let ledger = read_ledger(root, paths, env);
    let http = http::read(&root.section("http", &reference::HTTP));
    let owners = owner::read(root);
    Ok(Settings {
        discord: discord?,
        privacy: privacy?,
        limits: limits?,
        shared_access: rules.access.into_access()?,
        owners: owners?,
        targets: targets?,
        ledger: ledger?,
        http: http?,
    })
}

fn read_ledger(
    root: &ConfigSection<'_>,
    paths: &BasePath,
    env: Environment<'_>,
) -> Result<LedgerLocation, Reported> {
    ledger::read(&root.section("ledger", &reference::LEDGER), paths, env)
}

/// The only fault of a file that could not be read.
fn unusable(faults: FaultCollector<'_>, message: &str, allowed: &str) -> ConfigFaults {
    faults.report(&FileSpan { offset: None, key: String::new() }, message, allowed);
    faults.into_faults().expect("a fault was just reported")
}
