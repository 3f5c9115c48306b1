//! The ways to hold the privilege to signal, and their faults.

use killgate::postgres::guard::guard_sql;

use crate::setup::Setup;

const SIGNATURE: &str = "text, int, timestamptz, timestamptz, timestamptz, bigint, text, text[]";

#[tokio::test]
async fn a_guard_of_another_role_may_mean_a_wrong_user() {
    let setup = Setup::good().await;
    setup.cluster.sql("revoke pg_signal_backend from killgate; create role other").await.unwrap();
    setup.cluster.sql(&guard_sql("other")).await.unwrap();
    let report = setup.check().await;
    assert_eq!((report.status, report.wrong().len()), (1, 1), "{}", report.lines);
    for advice in [
        "If it is the guard of another role, correct the user in the url. Else find out who changed it, and then: Install the guard as a superuser, \
         which takes the right from any other role: ",
        "killgate guard-sql --role=killgate | psql -v ON_ERROR_STOP=1 -f - -d postgres\n",
    ] {
        assert!(report.lines.contains(advice), "{advice}:\n{}", report.lines);
    }
}

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

#[tokio::test]
async fn each_way_to_change_an_installed_guard_is_named() {
    let setup = Setup::good().await;
    let sql = async |statements: &str| setup.cluster.sql(statements).await.expect("statements that work");
    sql("revoke pg_signal_backend from killgate; create role mallory").await;
    let function = format!("function killgate.signal_backend({SIGNATURE})");
    let trigger = "create function public.t() returns trigger language plpgsql as 'begin return new; end'; \
                   create trigger t before insert on killgate.protected_users execute function public.t()";
    for (change, fault) in [
        ("alter schema killgate owner to mallory", "its schema belongs to mallory, who may not install it"),
        ("alter table killgate.protected_users owner to mallory", "its table belongs to mallory"),
        ("grant create on schema killgate to mallory", "mallory has the right CREATE to its schema"),
        ("grant insert on killgate.protected_users to public", "PUBLIC has the right INSERT to its table"),
        ("grant select (pattern) on killgate.protected_users to mallory", "the right SELECT to its column"),
        (&*format!("grant execute on {function} to public"), "PUBLIC has the right EXECUTE to its function"),
        (
            &*format!("grant execute on {function} to killgate with grant option"),
            "killgate has the right EXECUTE",
        ),
        ("drop table killgate.protected_users", "its table is missing"),
        ("alter table killgate.protected_users add column n int", "its table is no plain table"),
        ("alter table killgate.protected_users enable row level security", "its table has row security"),
        (trigger, "its table has a trigger"),
        ("create rule r as on insert to killgate.protected_users do instead nothing", "its table has a rule"),
        (
            "create table killgate.child () inherits (killgate.protected_users)",
            "its table has a parent or a child",
        ),
        (&*format!("alter {function} security invoker"), "does not run with its owner's privileges"),
        (&*format!("alter {function} stable"), "its function is not as killgate defines it"),
        (&*format!("alter {function} reset search_path"), "its function is not as killgate defines it"),
        ("alter role killgate_guard login", "killgate_guard, which may log in or do more than signal"),
        (
            "revoke pg_read_all_stats from killgate_guard",
            "not a member of pg_signal_backend and pg_read_all_stats",
        ),
        (
            "grant killgate_guard to mallory",
            "mallory is a member of killgate_guard, to which its function belongs",
        ),
    ] {
        sql(&format!("drop schema if exists killgate cascade; {}", guard_sql("killgate"))).await;
        sql(change).await;
        let report = setup.check().await;
        assert!(report.status == 1 && report.lines.contains(fault), "{change}: {}", report.lines);
        assert!(report.lines.contains("the guard is not used: "), "{change}: {}", report.lines);
        sql("drop function if exists public.t() cascade; revoke killgate_guard from mallory").await;
    }
}
