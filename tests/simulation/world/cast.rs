//! Who and what there is when an incident begins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use killgate::domain::access::{Access, AccessGroup};
use killgate::domain::event::Action;
use killgate::domain::identity::ServerIdentity as Identified;
use killgate::domain::ids::{ChannelId, Person, RoleId, UserId};
use killgate::domain::policy::{RequestLimits, TargetPolicy};
use killgate::domain::protection::ProtectionRules;
use killgate::domain::timestamp::Timestamp;
use regex::Regex;

use super::postgres::Server;

pub const INCIDENT: ChannelId = ChannelId(1_200_000_000_000_000_001);
pub const ONCALL: RoleId = RoleId(10);
pub const DBA: RoleId = RoleId(20);

/// On call: asks.
pub const ANA: UserId = UserId(1);
/// Database administrators: approve.
pub const BEN: UserId = UserId(2);
pub const DORA: UserId = UserId(3);
pub const EVE: UserId = UserId(4);
/// Has no rights.
pub const IVY: UserId = UserId(5);
/// Asks, and approves what others asked for.
pub const OTTO: UserId = UserId(6);
/// Another bot, which somebody gave the approvers' role.
pub const ROBOT: UserId = UserId(7);

pub const PEOPLE: [UserId; 7] = [ANA, BEN, DORA, EVE, IVY, OTTO, ROBOT];
pub const TARGETS: [&str; 2] = ["billing", "orders"];

pub fn everybody() -> Vec<Person> {
    let person =
        |id, roles: &[RoleId]| Person { id, roles: roles.to_vec(), bot: id == ROBOT, timed_out_until: None };
    vec![
        person(ANA, &[ONCALL]),
        person(BEN, &[DBA]),
        person(DORA, &[DBA]),
        person(EVE, &[DBA]),
        person(IVY, &[]),
        person(OTTO, &[ONCALL, DBA]),
        person(ROBOT, &[ONCALL, DBA]),
    ]
}

/// Compiled once: each world has it.
static REPLICATOR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^replicator$").expect("a regular expression"));

pub fn policy() -> TargetPolicy {
    let group = |role| AccessGroup { roles: BTreeSet::from([role]), users: BTreeSet::new() };
    TargetPolicy {
        access: Access { viewers: AccessGroup::default(), requesters: group(ONCALL), approvers: group(DBA) },
        protection: ProtectionRules { users: vec![REPLICATOR.clone()], ..ProtectionRules::default() },
        approvals: 1,
        expires_after: Duration::from_mins(15),
        remind_after: Some(Duration::from_mins(3)),
        require_reason: false,
    }
}

pub fn limits() -> RequestLimits {
    RequestLimits {
        open_requests_per_user: 5,
        open_requests: 50,
        sessions_per_request: 5,
        signals_per_hour: 30,
        confirm_within: Duration::from_secs(5),
    }
}

pub fn servers(now: Timestamp) -> BTreeMap<String, Server> {
    let started = now.minus(Duration::from_hours(24));
    let server = |number: usize, name: &&str| {
        let identified = Identified { system_identifier: 7_000 + number as u64, postmaster_start: started };
        ((*name).to_owned(), Server::new(identified, started))
    };
    TARGETS.iter().enumerate().map(|(number, name)| server(number, name)).collect()
}

/// What a hostile client may call itself: mentions, markup, and characters that hide or turn text around.
pub const HOSTILE: [&str; 4] = [
    "@everyone <@&20> <@2>",
    "`` ` ``` **bold** [x](http://evil.example)",
    "right\u{202e}tfel \u{200b}zero \u{0007}bell",
    "plain",
];

pub fn action(number: u8) -> Action {
    if number.is_multiple_of(2) { Action::Terminate } else { Action::Cancel }
}
