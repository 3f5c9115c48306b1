//! `[[target]]`: the PostgreSQL servers, each with its policy.

use std::collections::{HashMap, HashSet};

use toml::Spanned;
use toml::de::DeValue;

use super::access::AccessKeys;
use super::approval::ApprovalKeys;
use super::connection::PostgresAddress;
use super::environment::Environment;
use super::fault::{FaultCollector, FileSpan, Reported};
use super::paths::BasePath;
use super::protect::ProtectKeys;
use super::quorum::ApprovalSettings;
use super::reference;
use super::section::ConfigSection;
use super::value::ConfigValue;
use crate::domain::policy::TargetPolicy;

/// A PostgreSQL server and its policy.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetConfig {
    /// Its unique name.
    pub name: String,
    pub connection: PostgresAddress,
    pub policy: TargetPolicy,
}

/// The settings that apply to all targets unless a target overrides them.
#[derive(Clone, Debug)]
pub(super) struct SharedRules {
    pub(super) access: AccessKeys,
    pub(super) approval: ApprovalKeys,
    pub(super) protect: ProtectKeys,
}

/// Reads all targets. Without any, the shared settings are still checked.
pub(super) fn read(
    root: &ConfigSection<'_>,
    rules: &SharedRules,
    paths: &BasePath,
    env: Environment<'_>,
) -> Result<Vec<TargetConfig>, Reported> {
    let Some(list) = root.value("target")? else {
        let missing =
            root.faults.report(&root.span("[[target]]"), "missing", "one or more [[target]] sections");
        rules.clone().into_policy(root.faults, "")?;
        return Err(missing);
    };
    let mut known = KnownTargets::default();
    let mut number = 0;
    let tables = match list.content {
        DeValue::Array(tables) if !tables.is_empty() => tables,
        _ => return Err(list.wrong_type("one or more [[target]] sections")),
    };
    let targets: Vec<_> = tables
        .iter()
        .map(|table| {
            number += 1;
            let span = FileSpan { offset: Some(table.span().start), key: format!("[[target]] #{number}") };
            let value = ConfigValue { content: table.get_ref(), span, ..list.clone() };
            read_one(&value, rules, paths, env, &mut known)
        })
        .collect();
    targets.into_iter().collect()
}

/// The targets read so far, by name and by server.
#[derive(Default)]
struct KnownTargets {
    names: HashSet<String>,
    /// From the server to the label of its target.
    servers: HashMap<String, String>,
}

fn read_one(
    value: &ConfigValue<'_>,
    rules: &SharedRules,
    paths: &BasePath,
    env: Environment<'_>,
    known: &mut KnownTargets,
) -> Result<TargetConfig, Reported> {
    let label = label(value);
    let section = ConfigSection::of(value, &reference::TARGET, format!("{label} "));
    let name = section.required("name", |value| {
        let name = value.parsed(name)?;
        if known.names.insert(name.clone()) {
            return Ok(name);
        }
        Err(value.refuse("another target has the same name"))
    });
    let connection = section.required("url", |value| {
        let connection = PostgresAddress::read(value, &section, paths, env)?;
        match known.servers.insert(connection.server_key(), label.clone()) {
            None => Ok(connection),
            Some(other) => Err(value.refuse(format!("the same server and database as {other}"))),
        }
    });
    let (rules, whose) = with_overrides(&section, rules, &label);
    let policy = rules.into_policy(value.faults, &whose);
    Ok(TargetConfig { name: name?, connection: connection?, policy: policy? })
}

/// The settings of one target, and ` on [[target]] "…"` when it overrides any.
fn with_overrides(section: &ConfigSection<'_>, rules: &SharedRules, label: &str) -> (SharedRules, String) {
    let own = |key: &'static str, table| -> Result<Option<ConfigSection<'_>>, Reported> {
        section.optional(key, |value| Ok(ConfigSection::of(value, table, format!("{}.", value.span.key))))
    };
    let approval = own("approval", &reference::APPROVAL_OVERRIDE);
    let access = own("access", &reference::ACCESS);
    let protect = own("protect", &reference::PROTECT);
    let differs = matches!((&approval, &access), (Ok(Some(_)), _) | (_, Ok(Some(_))));
    let mut rules = rules.clone();
    if let Ok(Some(section)) = approval {
        rules.approval = ApprovalKeys::read(&section, &rules.approval);
    }
    if let Ok(Some(section)) = access {
        rules.access = AccessKeys::read(&section, &rules.access);
    }
    if let Ok(Some(section)) = protect {
        rules.protect = ProtectKeys::read(&section, &rules.protect);
    }
    let whose = if differs { format!(" on {label}") } else { String::new() };
    (rules, whose)
}

impl SharedRules {
    fn into_policy(self, faults: &FaultCollector<'_>, whose: &str) -> Result<TargetPolicy, Reported> {
        let protection = self.protect.into_protection();
        let quorum = ApprovalSettings {
            requesters: self.access.requesters.as_ref().ok(),
            approvers: self.access.approvers.as_ref().ok(),
            approvals: self.approval.approvals.as_ref().ok(),
            whose,
        };
        let checked = quorum.check(faults);
        let remind_after = self.approval.remind_after(faults, whose);
        checked?;
        Ok(TargetPolicy {
            access: self.access.into_access()?,
            protection: protection?,
            approvals: self.approval.approvals?.value,
            expires_after: self.approval.expires_after?,
            remind_after: remind_after?,
            require_reason: self.approval.require_reason?,
        })
    }
}

/// The label of a target in a fault: its name if that is valid, else its number.
fn label(target: &ConfigValue<'_>) -> String {
    let DeValue::Table(table) = target.content else { return target.span.key.clone() };
    match table.get("name").map(Spanned::get_ref) {
        Some(DeValue::String(text)) if name(text).is_ok() => format!("[[target]] {text:?}"),
        _ => target.span.key.clone(),
    }
}

fn name(text: &str) -> Result<String, String> {
    match text.chars().count() {
        0 => Err("empty".to_owned()),
        1..=100 if text.chars().any(char::is_control) => Err("it has control characters".to_owned()),
        1..=100 if text.trim() != text => Err("it begins or ends with white space".to_owned()),
        1..=100 => Ok(text.to_owned()),
        many => Err(format!("{many} characters")),
    }
}
