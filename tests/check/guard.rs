//! The ways to hold the privilege to signal, and their faults.

use killgate::postgres::guard::guard_sql;

use crate::setup::Setup;

const SIGNATURE: &str = "text, int, timestamptz, timestamptz, timestamptz, bigint, text, text[]";

#[tokio::test]
async fn each_fault_of_an_installed_guard_is_reported() {
    let setup = Setup::good().await;
    let sql = async |statements: &str| setup.cluster.sql(statements).await.expect("statements that work");
    let signals = async || {
        let report = setup.check().await;
        let wrong = report.wrong();
        assert!(wrong.len() < 2, "{}", report.lines);
        let line = report.lines.lines().find(|line| line.contains("target orders: signals: "));
        let line = line.expect("a line").split_once("signals: ").expect("its words").1.to_owned();
        (report.status, wrong.len(), line)
    };

    let (status, wrong, line) = signals().await;
    assert_eq!((status, wrong), (0, 0));
    assert!(line.starts_with("direct: as a member of pg_signal_backend"), "{line}");

    sql(&guard_sql("killgate")).await;
    let (status, wrong, line) = signals().await;
    assert_eq!((status, wrong), (0, 1));
    assert!(line.ends_with("could bypass it. REVOKE pg_signal_backend FROM killgate"), "{line}");

    sql("revoke pg_signal_backend from killgate").await;
    let (status, wrong, line) = signals().await;
    assert_eq!((status, wrong), (0, 0));
    assert_eq!(line, "guard: through killgate.signal_backend alone");

    let superuser = setup.cluster.superuser().await.expect("a superuser");
    let role = "select from pg_roles where rolname = 'pg_write_all_data'";
    // From 14 on.
    if superuser.query_opt(role, &[]).await.expect("an answer").is_some() {
        sql("create role importer; grant pg_write_all_data to importer").await;
        let report = setup.check().await;
        assert_eq!((report.status, report.wrong().len()), (0, 1), "{}", report.lines);
        assert!(report.lines.contains("can change killgate.protected_users: importer."), "{}", report.lines);
        sql("drop role importer").await;
    }

    sql("revoke pg_signal_backend from killgate_guard").await;
    let (status, _, line) = signals().await;
    assert_eq!(status, 1);
    assert!(
        line.contains("its function belongs to killgate_guard, which is not a member of pg_signal_backend"),
        "{line}"
    );
    sql("grant pg_signal_backend to killgate_guard").await;

    sql("update pg_proc set prosrc = prosrc || '-- ' where proname = 'signal_backend'").await;
    let (status, _, line) = signals().await;
    assert_eq!(status, 1);
    assert!(line.contains("of another version of killgate, or was changed"), "{line}");
    sql(&guard_sql("killgate")).await;

    sql("alter table killgate.protected_users enable row level security").await;
    let (status, _, line) = signals().await;
    assert_eq!(status, 1);
    assert!(line.contains("the guard is not used: its table has row security"), "{line}");
    sql("alter table killgate.protected_users disable row level security").await;

    sql(&format!("revoke execute on function killgate.signal_backend({SIGNATURE}) from killgate")).await;
    let (status, _, line) = signals().await;
    assert_eq!(status, 1);
    assert!(line.contains("this one may not execute it"), "{line}");

    sql("grant pg_signal_backend to killgate").await;
    let (status, wrong, line) = signals().await;
    assert_eq!((status, wrong), (0, 1));
    assert!(line.starts_with("direct, bypassing the installed guard"), "{line}");
    sql("revoke pg_signal_backend from killgate").await;

    sql(&format!(
        "drop function killgate.signal_backend({SIGNATURE}); \
         create function killgate.signal_backend(pid int) returns bool language sql as 'select true'"
    ))
    .await;
    let (status, _, line) = signals().await;
    assert_eq!(status, 1);
    assert!(line.contains("takes other arguments: it is of another version"), "{line}");
}
