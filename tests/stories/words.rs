//! What a card says before anybody approves, and what the result says after: each sentence about a real session.

use std::sync::Arc;

use throwaway_postgres::{Cluster, SqlState, eventually};
use tokio_postgres::CopyInSink;

use crate::environment::{APPROVE, TestEnv, menu_values};

const TABLE: &str = "create table stock (id int primary key, n int); insert into stock values (1, 0), (2, 0); \
                     grant all on stock to public";

#[tokio::test]
async fn the_first_line_says_who_asks_to_end_whose_session_on_what_and_who_waits() {
    let env = TestEnv::start().await;
    env.sql(TABLE).await;
    let app = |name: &str| env.cluster.victim("app").application(name);
    let blocker = app("batch").idle_in_transaction("lock table stock in share mode").await.unwrap();
    let mut waiters = vec![app("deploy").waiting("begin; lock table stock").await.unwrap()];
    for id in [1, 2] {
        let update = format!("update stock set n = 1 where id = {id}");
        waiters.push(app("web-checkout").waiting(&update).await.unwrap());
    }

    let ana = env.person("ana").in_channel(&env.incident_channel());
    let asked =
        ana.types("terminate").option("pid", blocker.pid()).option("reason", "checkout is stuck").send();
    let card = asked.await.message();
    let content = card.content();
    let first = content.lines().next().unwrap();
    let begin = format!(
        "<@{}> asks to terminate batch of user app ({}), database postgres on orders: idle in transaction for ",
        env.person("ana").id(),
        blocker.pid()
    );
    assert!(first.starts_with(&begin), "{first}");
    assert!(
        first.contains(", blocks 3 sessions, the longest for ") && first.contains(" on stock"),
        "{first}"
    );
    assert!(first.ends_with(". Why: checkout is stuck"), "{first}");
    let text = card.text();
    assert!(text.contains("on stock (relation, AccessExclusiveLock)"), "{text}");
    assert!(text.contains("2 × web-checkout, 1 × deploy ("), "{text}");

    let listed = ana.types("sessions").option("view", "blocking").send().await.message().text();
    assert!(listed.contains("for stock (relation, AccessExclusiveLock)"), "{listed}");
    assert!(listed.contains("**2 × web-checkout** wait "), "{listed}");
}

#[tokio::test]
async fn a_session_that_changed_rows_is_said_to_roll_back_and_one_that_read_is_not() {
    let env = TestEnv::start().await;
    env.sql(TABLE).await;
    let writer = env.cluster.victim("app").idle_in_transaction("update stock set n = 2").await.unwrap();
    let reader = env.cluster.victim("app").idle_in_transaction("select * from stock").await.unwrap();

    let text = env.request_card("/terminate", writer.pid()).await.text();
    assert!(
        text.contains("What its transaction has changed in ") && text.contains("is rolled back."),
        "{text}"
    );
    let text = env.request_card("/terminate", reader.pid()).await.text();
    assert!(text.contains("Its open transaction ends; it has changed no rows."), "{text}");
}

#[tokio::test]
async fn a_cancel_of_a_session_that_reads_copy_data_is_said_to_be_unnoticed_and_a_terminate_works() {
    let env = TestEnv::builder().section("[limits]\nconfirm_within = \"1s\"").start().await;
    env.sql(TABLE).await;
    let victim = env.cluster.victim("app").idle().await.unwrap();
    let _sink: CopyInSink<&'static [u8]> = victim.client().copy_in("copy stock from stdin").await.unwrap();
    victim.seen("state = 'active' and wait_event = 'ClientRead'").await.unwrap();

    let card = env.request_card("/cancel", victim.pid()).await;
    let text = card.text();
    assert!(text.contains("may not notice a cancel; a terminate works."), "{text}");
    env.react("ben", &card, APPROVE);
    let result = env.assert_outcome(1, &card, "unconfirmed", "Unconfirmed").await;
    assert!(result.contains("Client: ClientRead: its client has not sent what it reads"), "{result}");

    // Two buttons say what to do next.
    let result = env.incident_channel().message(|message| message.replies_to(&card)).await;
    let [refresh, terminate] = &result.components()[..] else { panic!("{:?}", result.components()) };
    let ana = env.person("ana");
    let seen = ana.presses(&result, refresh).await.message();
    assert!(seen.is_ephemeral() && seen.text().contains("**active** for "), "{}", seen.text());
    let form = ana.presses(&result, terminate).await;
    let card = ana.submits(&form, [("reason", "the cancel did nothing")]).await.message();
    env.wait_for_bot_reactions(&card).await;
    env.react("ben", &card, APPROVE);
    env.assert_outcome(2, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_session_that_waits_for_a_lost_synchronous_standby_has_committed() {
    let env = TestEnv::start().await;
    env.sql(TABLE).await;
    env.sql("alter system set synchronous_standby_names = 'lost'").await;
    env.sql("select pg_reload_conf()").await;
    let commits = "set synchronous_commit = on; update stock set n = 7 where id = 1";
    let victim = env.cluster.victim("app").running(commits).await.unwrap();
    victim.seen("wait_event = 'SyncRep'").await.unwrap();

    let card = env.request_card("/terminate", victim.pid()).await;
    let text = card.text();
    assert!(text.contains("It has committed here") && text.contains("unreplicated so far"), "{text}");
    assert!(!text.contains("rolled back"), "{text}");
    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    let n: i32 = count(&env.cluster, "select n from stock where id = 1").await;
    assert_eq!(n, 7, "the change stays");
}

async fn count(cluster: &Cluster, query: &str) -> i32 {
    cluster.superuser().await.unwrap().query_one(query, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_concurrent_index_build_is_said_to_leave_an_invalid_index_and_does() {
    let env = TestEnv::start().await;
    env.sql(TABLE).await;
    env.sql("create role app login; alter table stock owner to app; grant create on schema public to app")
        .await;
    let _writer = env.cluster.victim("other").idle_in_transaction("update stock set n = 2").await.unwrap();
    let mut builder =
        env.cluster.victim("app").waiting("create index concurrently late on stock (n)").await.unwrap();

    let card = env.request_card("/cancel", builder.pid()).await;
    let text = card.text();
    assert!(text.contains("An INVALID index may stay"), "{text}");
    assert!(text.contains("CREATE INDEX CONCURRENTLY is "), "{text}");
    env.react("ben", &card, APPROVE);
    assert_eq!(builder.ended().await.unwrap(), SqlState::QUERY_CANCELED);
    let found = count(&env.cluster, "select count(*)::int4 from pg_index where not indisvalid").await;
    assert_eq!(found, 1);
}

#[tokio::test]
async fn a_session_that_began_a_backup_is_said_to_ruin_it() {
    let env = TestEnv::start().await;
    let version = count(&env.cluster, "select current_setting('server_version_num')::int4").await;
    let (function, arguments) = if version < 150_000 {
        ("pg_start_backup", "'b', true, false")
    } else {
        ("pg_backup_start", "'b', true")
    };
    let types = if version < 150_000 { "text, boolean, boolean" } else { "text, boolean" };
    env.sql(&format!("create role app login; grant execute on function {function}({types}) to app")).await;
    let victim = env.cluster.victim("app").idle().await.unwrap();
    victim.client().batch_execute(&format!("select {function}({arguments})")).await.unwrap();

    let text = env.request_card("/terminate", victim.pid()).await.text();
    assert!(text.contains("the base backup that it began is ruined."), "{text}");
}

#[tokio::test]
async fn a_session_without_track_activities_is_said_to_hide_what_it_runs() {
    let env = TestEnv::start().await;
    env.sql("create role app login; alter role app set track_activities = off").await;
    let victim = env.cluster.victim("app").idle().await.unwrap();
    victim.seen("state = 'disabled'").await.unwrap();

    let card = env.request_card("/terminate", victim.pid()).await;
    let text = card.text();
    assert!(text.contains("track_activities is off"), "{text}");
    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_waiting_session_is_said_to_release_nobody_by_itself() {
    let env = TestEnv::start().await;
    env.sql(TABLE).await;
    let app = || env.cluster.victim("app");
    let root = app().idle_in_transaction("lock table stock in share mode").await.unwrap();
    let middle = app().waiting("begin; lock table stock").await.unwrap();
    let _last = app().waiting("select * from stock").await.unwrap();

    let text = env.request_card("/terminate", middle.pid()).await.text();
    let expected = format!(
        "It waits itself: sessions that also wait for {} stay blocked. The session behind it waits only for it and will \
         continue.",
        root.pid()
    );
    assert!(text.contains(&expected), "{text}");
    assert!(text.contains("Waits for stock (relation, AccessExclusiveLock) "), "{text}");
}

#[tokio::test]
async fn a_session_that_waits_for_a_prepared_transaction_is_said_to_wait_for_that_one() {
    let env = TestEnv::builder().cluster_setting("max_prepared_transactions", "1").start().await;
    env.sql(TABLE).await;
    let client = env.cluster.victim("app").idle().await.unwrap();
    let prepare = "begin; update stock set n = 1 where id = 1; prepare transaction 'order-7'";
    client.client().batch_execute(prepare).await.unwrap();
    let waiter = env.cluster.victim("app").waiting("update stock set n = 2 where id = 1").await.unwrap();

    let text = env.request_card("/terminate", waiter.pid()).await.text();
    let (named, ends) =
        ("The prepared transaction is order-7, prepared <t:", "`ROLLBACK PREPARED 'order-7'`");
    assert!(text.contains(named) && text.contains(ends), "{text}");
    let ana = env.person("ana");
    let list = ana.in_channel(&env.incident_channel()).types("sessions").send().await.message();
    let values = menu_values(&list);
    let details = ana.chooses(&list, "1s", values.iter().map(String::as_str).take(1)).await.message().text();
    assert!(
        details.contains("The prepared transaction is order-7, prepared ") && details.contains(ends),
        "{details}"
    );
}

#[tokio::test]
async fn a_waiter_that_hides_what_it_runs_is_counted_as_released_when_it_no_longer_waits() {
    let env = TestEnv::start().await;
    env.sql(TABLE).await;
    env.sql(
        "create role quiet login; alter role quiet set track_activities = off; grant all on stock to quiet",
    )
    .await;
    let blocker = env.cluster.victim("app").idle_in_transaction("lock table stock").await.unwrap();
    let quiet = Arc::new(env.cluster.connect("quiet", "postgres").await.unwrap());
    let client = Arc::clone(&quiet);
    let waiting = tokio::spawn(async move { client.batch_execute("select * from stock").await });
    let observer = env.cluster.superuser().await.unwrap();
    eventually("a session that waits", async || {
        Ok(observer.query_opt("select from pg_locks where not granted", &[]).await?)
    })
    .await
    .unwrap();
    let card = env.request_card("/terminate", blocker.pid()).await;

    env.react("ben", &card, APPROVE);

    let result = env.assert_outcome(1, &card, "terminated", "Terminated").await;
    // PostgreSQL 13 does not show either that such a session waits.
    let is_shown = count(&env.cluster, "select current_setting('server_version_num')::int4").await >= 140_000;
    assert_eq!(result.contains("1 waiter released."), is_shown, "{result}");
    waiting.await.unwrap().unwrap();
    drop(quiet);
}

#[tokio::test]
async fn waiters_that_gave_up_or_vanished_are_not_counted_as_released() {
    let env = TestEnv::start().await;
    env.sql(TABLE).await;
    let app = || env.cluster.victim("app");
    let waits = "select * from stock";
    let blocker = app().idle_in_transaction("lock table stock").await.unwrap();
    let _released = app().waiting(waits).await.unwrap();
    let mut gave_up = app().waiting(waits).await.unwrap();
    let mut went_on = app().waiting(waits).await.unwrap();
    let mut vanished = app().waiting(waits).await.unwrap();
    let card = env.request_card("/terminate", blocker.pid()).await;

    for waiter in [&mut gave_up, &mut went_on] {
        env.sql(&format!("select pg_cancel_backend({})", waiter.pid())).await;
        assert_eq!(waiter.ended().await.unwrap(), SqlState::QUERY_CANCELED);
    }
    went_on.run("select pg_sleep(600)").await.unwrap();
    went_on.seen("wait_event = 'PgSleep'").await.unwrap();
    env.cluster.terminate(vanished.pid()).await.unwrap();
    assert_eq!(vanished.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.react("ben", &card, APPROVE);

    let result = env.assert_outcome(1, &card, "terminated", "Terminated").await;
    assert!(result.contains("1 waiter released; 4 waited at the time of the request."), "{result}");
}

#[tokio::test]
async fn a_session_that_takes_the_lock_before_the_others_is_named() {
    let env = TestEnv::start().await;
    // Both hold it shared, so that at no instant the waiter waits for neither of them.
    let blocker = env.cluster.victim("app").idle().await.unwrap();
    let successor = env.cluster.victim("app").application("reconnected").idle().await.unwrap();
    for holder in [&blocker, &successor] {
        holder.client().batch_execute("select pg_advisory_lock_shared(7)").await.unwrap();
    }
    let _waiter = env.cluster.victim("app").waiting("select pg_advisory_lock(7)").await.unwrap();

    let card = env.request_card("/terminate", blocker.pid()).await;
    env.react("ben", &card, APPROVE);

    let result = env.assert_outcome(1, &card, "terminated", "Terminated").await;
    let expected = format!(
        "1 session still waits, for what “reconnected” of user “app” ({}) holds now",
        successor.pid()
    );
    assert!(result.contains(&expected), "{result}");
}

#[tokio::test]
async fn the_owner_of_a_session_is_shown_on_its_card_and_on_a_refusal_and_not_notified() {
    let owners = "[[owner]]\napplication = \"^web-\"\nname = \"Web shop\"\nrole = @oncall\n\
                  [[owner]]\nuser = \"^app$\"\nname = \"Somebody else\"\n[protect]\nusers = [\"^pay\"]";
    let env = TestEnv::builder().section(owners).start().await;
    let web = env.cluster.victim("app").application("web-checkout").idle().await.unwrap();
    let card = env.request_card("/terminate", web.pid()).await;
    assert!(card.text().contains("Owner: Web shop (<@&"), "{}", card.text());
    assert!(!card.text().contains("Somebody else"), "the first that matches");
    assert!(!card.pings().contains(&"ana".to_owned()), "approvers alone: {:?}", card.pings());

    let protected = env.cluster.victim("pay").application("web-pay").idle().await.unwrap();
    let refusal = env.refused_command("ana", "/terminate", protected.pid()).await;
    assert!(refusal.contains("Its owner is Web shop"), "{refusal}");
    assert!(refusal.contains("Nothing was requested."), "{refusal}");
}
