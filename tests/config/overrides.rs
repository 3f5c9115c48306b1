//! The overrides of a target.

use std::time::Duration;

use insta::assert_snapshot;
use killgate::domain::ids::RoleId;

use crate::example::{ConfigFolder, fault, plus};

#[test]
fn a_key_of_a_target_overrides_only_that_key() {
    let toml = r#"
[discord]
guild = 1
channels = [2]
token_file = "token"

[access]
viewers = { roles = [10] }
requesters = { roles = [11] }
approvers = { roles = [12] }

[approval]
approvals = 3
expires_after = "1h"
require_reason = true
remind_after = "3m"

[protect]
users = ["^replicator$"]
databases = ["^audit$"]

[[target]]
name = "orders"
url = "postgresql://killgate@db1/postgres"
approval = { approvals = 2, expires_after = "5m" }
access = { approvers = { roles = [22] } }
protect = { users = ["^payments_"] }

[[target]]
name = "billing"
url = "postgresql://killgate@db2/postgres"
"#;
    let settings = ConfigFolder::new().load(toml).unwrap_or_else(|faults| panic!("{faults}"));
    let [orders, billing] = &settings.targets[..] else {
        panic!("two targets");
    };
    let roles =
        |group: &killgate::domain::access::AccessGroup| group.roles.iter().copied().collect::<Vec<_>>();

    assert_eq!((orders.policy.approvals, billing.policy.approvals), (2, 3));
    assert_eq!(orders.policy.expires_after, Duration::from_mins(5));
    assert_eq!(orders.policy.remind_after, Some(Duration::from_mins(3)), "not given, so the section's");
    assert!(orders.policy.require_reason, "not given, so the section's");
    assert_eq!(roles(&orders.policy.access.viewers), [RoleId(10)]);
    assert_eq!(roles(&orders.policy.access.requesters), [RoleId(11)]);
    assert_eq!(roles(&orders.policy.access.approvers), [RoleId(22)]);
    assert_eq!(roles(&billing.policy.access.approvers), [RoleId(12)]);
    assert_eq!(orders.policy.protection.users[0].as_str(), "^payments_");
    assert_eq!(orders.policy.protection.databases[0].as_str(), "^audit$");
    assert_eq!(billing.policy.protection.users[0].as_str(), "^replicator$");
}

#[test]
fn targets_must_differ_in_name_and_in_url() {
    let second = |name: &str, url: &str| plus(&format!("[[target]]\nname = '{name}'\nurl = '{url}'"));
    assert_snapshot!(fault(second("orders", "postgresql://killgate@db2/postgres")), @r#"16:8: [[target]] "orders" name: another target has the same name; allowed: 1 to 100 printable characters, unique"#);
    assert_snapshot!(fault(second("orders2", "postgres://other:pw@DB1.internal:5432/postgres?sslmode=require")), @r#"17:7: [[target]] "orders2" url: the same server and database as [[target]] "orders"; allowed: postgresql://user@host:port/database?sslmode=MODE"#);
    assert!(second("orders2", "postgresql://killgate@db1.internal:5433/postgres").is_ok());
    assert!(second("orders2", "postgresql://killgate@db1.internal/another").is_ok());
}
