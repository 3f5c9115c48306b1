//! `killgate audit report`: what happened to one request, for a post-mortem, from a ledger that is intact.

use std::fs;

use discord_sim::Message;
use throwaway_postgres::SqlState;

use crate::environment::{APPROVE, COUNTS_CANCELS, DENY, SLEEP, TestEnv};

/// The first request, whose session was terminated.
async fn env_with_a_terminated_session() -> TestEnv {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    env
}

impl TestEnv {
    /// The exit status of `audit report` and what it prints, to either output.
    async fn report(&self, request: &str) -> (Option<i32>, String) {
        let output = self.run_killgate(&["audit", "report", "--request", request]).await;
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    }

    /// Changes the ledger as somebody can who may write the file, while no bot runs.
    fn tamper(&self, statements: &str) {
        let ledger = rusqlite::Connection::open(self.path("killgate.db")).unwrap();
        ledger.execute_batch(statements).unwrap();
    }
}

#[tokio::test]
async fn a_report_tells_what_happened_to_one_request() {
    let env = env_with_a_terminated_session().await;
    let (status, report) = env.report("1").await;
    assert_eq!(status, Some(0), "{report}");
    let ben = env.person("ben").id();
    for part in [
        "# Request 1\n",
        "- Outcome: terminated\n- Signal sent: yes\n",
        &format!("| approved | {ben} |"),
        &format!("| executing |  | approved by {ben} |"),
        "pg\\_sleep(?)",
    ] {
        assert!(report.contains(part), "{part} is missing:\n{report}");
    }
    for record in env.ledger().await {
        let hash = record["hash"].as_str().unwrap();
        assert!(report.contains(hash), "{report}");
    }
}

#[tokio::test]
async fn a_number_that_no_request_has_is_an_error() {
    let env = env_with_a_terminated_session().await;
    for (request, status, error) in [
        ("0", 1, "killgate: the ledger has no request 0\n"),
        ("2", 1, "killgate: the ledger has no request 2\n"),
        ("18446744073709551615", 1, "killgate: the ledger has no request 18446744073709551615\n"),
        ("18446744073709551616", 2, "number too large"),
        ("-1", 2, "unexpected argument"),
    ] {
        let (exit, text) = env.report(request).await;
        assert_eq!(exit, Some(status), "{request}: {text}");
        assert!(text.contains(error), "{request}: {text}");
    }
}

#[tokio::test]
async fn a_ledger_that_is_not_intact_gives_no_report_but_what_verify_says() {
    let mut env = env_with_a_terminated_session().await;
    assert!(env.stop_bot().await.success());
    env.expects_a_damaged_ledger();
    env.tamper("drop trigger record_is_not_deleted; drop trigger record_is_not_changed");
    for (damage, verdict) in [
        ("delete from delivered", "inconsistent at record 5"),
        ("delete from record where seq = 5", "broken after record 4"),
        ("delete from record where seq > 2", "broken after record 2"),
        // With the end of the chain, the list of what is open contradicts the rest.
        (
            "update chain_end set seq = 2, hash = (select line ->> '$.hash' from record where seq = 2)",
            "inconsistent at record 1: request 1 has not ended, and is not listed as open",
        ),
        ("update record set line = replace(line, 'orders', 'others') where seq = 1", "broken at record 1"),
        ("delete from record where seq = 1", "broken at record 2"),
    ] {
        env.tamper(damage);
        let verified = env.run_killgate(&["audit", "verify"]).await;
        assert_eq!(verified.status.code(), Some(1), "{damage}: {verified:?}");
        let said = String::from_utf8(verified.stdout).unwrap();
        assert!(said.starts_with(verdict), "{damage}: {said}");
        let (status, text) = env.report("1").await;
        assert_eq!(status, Some(1), "{damage}: {text}");
        assert_eq!(text, format!("killgate: the ledger cannot be relied on, so there is no report: {said}"));
    }
}

#[tokio::test]
async fn a_report_succeeds_while_records_are_appended() {
    let env = env_with_a_terminated_session().await;
    let appending = async {
        for _ in 0..4 {
            let victim = env.sleeping_session().await;
            let card = env.request_card("/cancel", victim.pid()).await;
            env.react("ben", &card, APPROVE);
            env.result_text(&card).await;
        }
    };
    tokio::pin!(appending);
    loop {
        tokio::select! {
            biased;
            (status, report) = env.report("1") => assert_eq!(status, Some(0), "{report}"),
            () = &mut appending => break,
        }
        // Polled also when each report is ready first.
        if futures_util::poll!(&mut appending).is_ready() {
            break;
        }
    }
}

#[tokio::test]
async fn a_request_whose_end_only_the_channel_knows_is_reported_as_not_known_to_have_been_signalled() {
    let mut env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    assert!(env.stop_bot().await.success());
    fs::copy(env.path("killgate.db"), env.path("backup.db")).unwrap();
    env.start_bot().await;
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    assert!(env.stop_bot().await.success());
    for name in ["killgate.db-wal", "killgate.db-shm"] {
        let _ = fs::remove_file(env.path(name));
    }
    fs::rename(env.path("backup.db"), env.path("killgate.db")).unwrap();
    env.start_bot().await;
    env.wait_for_finished(1).await;
    let (_, report) = env.report("1").await;
    assert!(report.contains("- Outcome: unknown\n- Signal sent: not known\n"), "{report}");
}

/// What could end a cell, a row or a table, or mean something in Markdown or HTML.
const HOSTILE: &str =
    "a | b \\| `c` ``| <script>x</script> &lt; **d** $e$ [f](http://g) @everyone <@1> \u{202e}h\u{200b}";

#[tokio::test]
async fn each_outcome_has_its_report_whose_tables_hold_whatever_the_texts_contain() {
    let mut env = TestEnv::builder()
        .section("[limits]\nconfirm_within = \"1s\"\nsignals_per_hour = 4\n[privacy]\nquery_text = \"full\"")
        .start()
        .await;
    let hostile_query = format!("{SLEEP} /* {HOSTILE}\r\n\n| {HOSTILE} */");
    let app = || env.cluster.victim("app").application(HOSTILE);
    let ask = async |command: &str, pid: i32, also: Option<i32>| -> Message {
        let typed = env.person("ana").in_channel(&env.incident_channel()).types(command);
        let mut typed = typed.option("pid", pid).option("reason", HOSTILE);
        if let Some(also) = also {
            typed = typed.option("also", also.to_string());
        }
        let card = typed.send().await.message();
        env.wait_for_bot_reactions(&card).await;
        card
    };
    let mut expected = Vec::new();

    let limited = app().running(&hostile_query).await.unwrap();
    let limited_card = ask("/terminate", limited.pid(), None).await;
    expected.push(("limited", "no"));

    for (command, vote, outcome, sent) in [
        ("/cancel", Some(("ben", APPROVE)), "cancelled", "yes"),
        ("/terminate", Some(("ben", APPROVE)), "terminated", "yes"),
        ("/terminate", Some(("ben", DENY)), "denied", "no"),
        ("/terminate", Some(("ana", DENY)), "withdrawn", "no"),
        ("/cancel", None, "lapsed", "no"),
    ] {
        let victim = app().running(&hostile_query).await.unwrap();
        let card = ask(command, victim.pid(), None).await;
        match vote {
            Some((who, vote)) => env.react(who, &card, vote),
            None => env.sql(&format!("select pg_cancel_backend({})", victim.pid())).await,
        }
        expected.push((outcome, sent));
        env.wait_for_finished(u64::try_from(expected.len()).unwrap()).await;
    }

    let stubborn = app().running(COUNTS_CANCELS).await.unwrap();
    let other = app().running(&hostile_query).await.unwrap();
    let card = ask("/cancel", other.pid(), Some(stubborn.pid())).await;
    env.react("ben", &card, APPROVE);
    expected.push(("mixed", "yes"));
    env.wait_for_finished(u64::try_from(expected.len()).unwrap()).await;

    env.react("ben", &limited_card, APPROVE);
    env.wait_for_finished(1).await;
    for (index, (outcome, sent)) in expected.iter().enumerate() {
        let (status, report) = env.report(&(index + 1).to_string()).await;
        assert_eq!(status, Some(0), "{report}");
        let result = format!("- Outcome: {outcome}\n- Signal sent: {sent}\n");
        assert!(report.contains(&result), "{result}:\n{report}");
        assert!(report.contains("- PostgreSQL: none\n"), "{report}");
        assert_tables_hold(&report);
        for raw in ['<', '>', '*', '[', '@', '&', '$', '!', '~', '\r', '\u{202e}', '\u{200b}'] {
            assert!(!unescaped(&report).contains(raw), "{raw:?}:\n{report}");
        }
    }
    assert!(env.stop_bot().await.success());
}

/// Every row has as many cells as the head of its table, and is on one line.
fn assert_tables_hold(report: &str) {
    let mut columns = None;
    let mut tables = 0;
    for line in report.lines() {
        if !line.starts_with('|') {
            assert!(
                line.is_empty() || line.starts_with(['#', '-']),
                "{line:?} is part of no table:\n{report}"
            );
            columns = None;
            continue;
        }
        let count = unescaped(line).matches('|').count();
        tables += u32::from(columns.is_none());
        assert_eq!(*columns.get_or_insert(count), count, "{line}\n{report}");
    }
    assert!(tables >= 2, "{report}");
}

/// The text without backslashes and the characters that they escape.
fn unescaped(text: &str) -> String {
    let mut characters = text.chars();
    let mut rest = String::new();
    while let Some(character) = characters.next() {
        if character == '\\' {
            characters.next();
        } else {
            rest.push(character);
        }
    }
    rest
}
