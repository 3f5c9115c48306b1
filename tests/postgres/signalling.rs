//! Only the approved session is signalled.

use anyhow::Result;
use killgate::domain::event::{Action, Binding};
use killgate::domain::outcome::Outcome;
use killgate::domain::protection::ProtectionRules;
use killgate::domain::timestamp::Timestamp;
use killgate::workflow::ports::SignalResult;
use regex::Regex;
use throwaway_postgres::{Cluster, SqlState, eventually};

use crate::support::{pid, stages, told, unsignalled};

const SLEEP: &str = "select pg_sleep(600)";

#[tokio::test]
async fn a_cancelled_query_ends_and_its_session_continues() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let mut victim = cluster.victim("app").running(SLEEP).await?;
        let signalled = stage.carry_out(Action::Cancel, victim.pid()).await?;
        assert_eq!(signalled, SignalResult::Sent, "{}", stage.right);
        assert_eq!(victim.ended().await?, SqlState::QUERY_CANCELED);
        assert!(victim.still_alive().await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_terminated_session_ends_in_every_state() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let busy = cluster.victim("app").running(SLEEP).await?;
        let idle = cluster.victim("app").idle().await?;
        let in_transaction = cluster.victim("app").idle_in_transaction("select 1").await?;
        for mut victim in [busy, idle, in_transaction] {
            let signalled = stage.carry_out(Action::Terminate, victim.pid()).await?;
            assert_eq!(signalled, SignalResult::Sent, "{}", stage.right);
            assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
            eventually("a session that is gone", async || {
                let now = stage.find_session(pid(victim.pid())).await?;
                Ok(now.is_none().then_some(()))
            })
            .await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn only_the_approved_session_is_signalled() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let mut victim = cluster.victim("app").running(SLEEP).await?;
        let bystander = cluster.victim("app").running(SLEEP).await?;
        stage.carry_out(Action::Terminate, victim.pid()).await?;
        assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
        assert!(bystander.still_alive().await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_session_that_ended_is_gone() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let victim = cluster.victim("app").idle().await?;
        let number = victim.pid();
        let asked = stage.ask(Action::Terminate, number).await?;
        drop(victim);
        eventually("a session that is gone", async || {
            Ok(stage.find_session(pid(number)).await?.is_none().then_some(()))
        })
        .await?;
        let signalled = stage.signal(asked).await;
        assert_eq!(unsignalled(&signalled), Some(Outcome::Gone), "{signalled:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_new_session_with_the_same_pid_is_not_signalled() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let victim = cluster.victim("app").running(SLEEP).await?;
        // As if the approved session had begun a microsecond earlier: only that distinguishes the two.
        let mut asked = stage.ask(Action::Terminate, victim.pid()).await?;
        let start = &mut asked.backends[0].identity.backend_start;
        *start = Timestamp::from_micros(start.as_micros() - 1);
        let signalled = stage.signal(asked).await;
        assert_eq!(unsignalled(&signalled), Some(Outcome::Replaced), "{signalled:?}");
        assert!(victim.still_alive().await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_cancel_does_not_affect_the_next_query_but_a_terminate_does() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let lock = "select pg_advisory_xact_lock(7)";
        let holder = cluster.victim("app").idle_in_transaction(lock).await?;
        let mut victim = cluster.victim("app").waiting(lock).await?;
        let cancel = stage.ask(Action::Cancel, victim.pid()).await?;
        let terminate = stage.ask(Action::Terminate, victim.pid()).await?;
        drop(holder);
        assert_eq!(victim.ended().await?, SqlState::SUCCESSFUL_COMPLETION);
        victim.run(SLEEP).await?;

        let signalled = stage.signal(cancel).await;
        assert_eq!(unsignalled(&signalled), Some(Outcome::MovedOn), "{signalled:?}");
        assert!(victim.still_alive().await?);

        assert_eq!(stage.signal(terminate).await, SignalResult::Sent);
        assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
    }
    Ok(())
}

/// As behind a pooler: the next client's transaction runs in the same backend.
#[tokio::test]
async fn a_terminate_that_is_bound_to_a_transaction_does_not_affect_the_next_one() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let mut victim = cluster.victim("app").idle_in_transaction("select 1").await?;
        let mut asked = stage.ask(Action::Terminate, victim.pid()).await?;
        asked.backends[0].bound_to = Binding::Transaction;
        victim.client().batch_execute("select 2").await?;
        let same = asked.clone();
        victim.client().batch_execute("commit; begin; select 3").await?;

        let signalled = stage.signal(asked.clone()).await;
        assert_eq!(unsignalled(&signalled), Some(Outcome::MovedOn), "{signalled:?}");
        assert_eq!(told(&signalled), "the transaction had ended");
        victim.client().batch_execute("commit").await?;
        assert_eq!(unsignalled(&stage.signal(asked).await), Some(Outcome::MovedOn), "in no transaction");
        let mut unbound = same;
        unbound.backends[0].bound_to = Binding::Session;
        assert_eq!(stage.signal(unbound).await, SignalResult::Sent);
        assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_goes_on_with_another_statement_is_still_the_approved_one() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let mut victim = cluster.victim("app").idle_in_transaction("select 1").await?;
        let mut asked = stage.ask(Action::Terminate, victim.pid()).await?;
        asked.backends[0].bound_to = Binding::Transaction;
        victim.client().batch_execute("select 2").await?;
        assert_eq!(stage.signal(asked).await, SignalResult::Sent);
        assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
    }
    Ok(())
}

#[tokio::test]
async fn each_of_several_sessions_is_checked_by_itself_and_a_fault_with_one_holds_up_no_other() -> Result<()>
{
    let cluster = Cluster::start().await?;
    let protected = ProtectionRules { users: vec![Regex::new("^app$")?], ..ProtectionRules::default() };
    for stage in stages(&cluster).await? {
        let mut victims = Vec::new();
        for _ in 0..6 {
            victims.push(cluster.victim("app").running(SLEEP).await?);
        }
        let mut asked = stage.ask(Action::Terminate, victims[0].pid()).await?;
        for victim in &victims[1..] {
            asked.backends.extend(stage.ask(Action::Terminate, victim.pid()).await?.backends);
        }
        let replaced = &mut asked.backends[1].identity.backend_start;
        *replaced = Timestamp::from_micros(replaced.as_micros() - 1);
        asked.backends[2].bound_to = Binding::Transaction;
        asked.backends[2].identity.xact_start = Some(Timestamp::from_micros(1));
        asked.backends[3].session.user = Some("somebody else".to_owned());
        cluster.terminate(victims[4].pid()).await?;

        let results = stage.signal_each(asked.clone(), &protected).await;
        assert!(results.iter().all(|result| unsignalled(result).is_some()), "{results:?}");
        let results = stage.signal_each(asked, &ProtectionRules::default()).await;
        let outcomes: Vec<_> = results.iter().map(unsignalled).collect();
        let expected =
            [None, Some(Outcome::Replaced), Some(Outcome::MovedOn), None, Some(Outcome::Gone), None];
        assert_eq!(outcomes, expected, "{results:?}");
        for (victim, outcome) in victims.iter_mut().zip(expected) {
            match outcome {
                None | Some(Outcome::Gone) => assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN),
                Some(_) => assert!(victim.still_alive().await?),
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_idle_session_has_nothing_to_cancel() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let idle = cluster.victim("app").idle().await?;
        let in_transaction = cluster.victim("app").idle_in_transaction("select 1").await?;
        for victim in [&idle, &in_transaction] {
            let signalled = stage.carry_out(Action::Cancel, victim.pid()).await?;
            assert_eq!(unsignalled(&signalled), Some(Outcome::MovedOn), "{signalled:?}");
            assert!(victim.still_alive().await?);
        }
        let signalled = stage.carry_out(Action::Cancel, in_transaction.pid()).await?;
        assert_eq!(told(&signalled), "the query had ended; the session is idle in transaction");
    }
    Ok(())
}

#[tokio::test]
async fn a_session_shown_on_another_server_cannot_be_seen_and_one_shown_before_a_restart_is_gone()
-> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let victim = cluster.victim("app").running(SLEEP).await?;
        let asked = stage.ask(Action::Terminate, victim.pid()).await?;

        let mut other_cluster = asked.clone();
        other_cluster.server.system_identifier += 1;
        let mut later_start = asked.clone();
        later_start.server.postmaster_start = Timestamp::from_micros(i64::MAX);
        let mut unknown_system = asked.clone();
        unknown_system.server.system_identifier = 0;
        unknown_system.server.postmaster_start = Timestamp::from_micros(1);
        for elsewhere in [other_cluster, later_start, unknown_system] {
            let signalled = stage.signal(elsewhere).await;
            assert_eq!(unsignalled(&signalled), Some(Outcome::Unreachable), "{signalled:?}");
            assert!(told(&signalled).starts_with("another server answers at its address"));
        }
        let mut before_the_restart = asked.clone();
        before_the_restart.server.postmaster_start = Timestamp::from_micros(1);
        let signalled = stage.signal(before_the_restart).await;
        assert_eq!(unsignalled(&signalled), Some(Outcome::Gone), "{signalled:?}");
        assert!(told(&signalled).starts_with("the server was restarted"));
        assert!(victim.still_alive().await?);

        let mut same_with_unknown_system = asked;
        same_with_unknown_system.server.system_identifier = 0;
        assert_eq!(stage.signal(same_with_unknown_system).await, SignalResult::Sent);
    }
    Ok(())
}
