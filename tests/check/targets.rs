//! Targets that cannot be reached, and the sentences about them.

use std::process::Stdio;

use discord_sim::Sim;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use throwaway_postgres::Cluster;

use crate::pgbouncer::Bouncer;
use crate::setup::Setup;

/// The certificate and key of a server called `name`, and its authority's certificate.
fn certificates(name: &str) -> [String; 3] {
    let authority = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new([]).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&authority).expect("a certificate");
    let issuer = Issuer::new(params, authority);
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new([name.to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    [certificate.pem(), key.serialize_pem(), root.pem()]
}

#[tokio::test]
async fn each_connection_error_has_its_own_sentence() {
    let [certificate, key, root] = certificates("db1.internal");
    let [.., stranger] = certificates("db2.internal");
    let cluster = Cluster::builder()
        .tls(&certificate, &key)
        .hba("host all locked all scram-sha-256\nhost all nobody all reject")
        .start()
        .await
        .expect("a server with TLS");
    cluster
        .sql("set password_encryption = 'scram-sha-256'; create role locked login password 'right'")
        .await
        .expect("a role with a password");
    let mut setup = Setup::on(cluster, Sim::builder().requires_mfa()).await;
    for (file, content) in [("root.crt", root), ("stranger.crt", stranger), ("password", "wrong".to_owned())]
    {
        setup.write(file, &content);
    }
    let base = setup.cluster.url("killgate", "postgres");
    let mut url = base.clone();
    for (changed, sentence) in [
        (
            base.clone() + "?sslmode=verify-full&sslrootcert=root.crt",
            "the server's certificate is for another host name than 127.0.0.1: it is for db1.internal",
        ),
        (
            base.clone() + "?sslmode=verify-full&sslrootcert=stranger.crt",
            "the server's certificate comes from an authority that is not trusted: name the right one with sslrootcert=FILE in the url",
        ),
        (
            base.clone() + "?sslmode=verify-full",
            "the server's certificate comes from an authority that is not trusted: name the right one with sslrootcert=FILE in the url",
        ),
        (
            base.replace("killgate@", "locked:wrong@"),
            "the server refused the login: password authentication failed for user \"locked\". Check user, \
             password and pg_hba.conf",
        ),
        (
            base.replace("/postgres", "/nowhere"),
            "there is no such database: database \"nowhere\" does not exist",
        ),
    ] {
        setup.replace(&url, &changed);
        url = changed;
        let report = setup.check().await;
        let [wrong] = &report.wrong()[..] else { panic!("{}", report.lines) };
        let expected =
            format!("FAIL target orders: reachable: 127.0.0.1:{}: {sentence}", setup.cluster.port());
        assert_eq!((report.status, wrong), (1, &expected));
        assert!(!report.lines.contains("wrong@"), "{}", report.lines);
    }
    for (parameters, status) in [
        (
            "?sslmode=require",
            "warn target orders: TLS: encrypted, but the server's certificate is not verified",
        ),
        ("?sslmode=verify-ca&sslrootcert=root.crt", "ok"),
    ] {
        setup.replace(&url, &(base.clone() + parameters));
        url = base.clone() + parameters;
        let report = setup.check().await;
        assert_eq!(report.status, 0, "{}", report.lines);
        match &report.wrong()[..] {
            [] => assert_eq!(status, "ok"),
            [wrong] => assert!(wrong.starts_with(status), "{wrong}"),
            several => panic!("{several:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_is_reported() {
    let mut setup = Setup::good().await;
    let url = setup.cluster.url("killgate", "postgres");
    setup.replace(&url, &format!("{url}?sslmode=require"));
    let wrong = setup.check().await.wrong();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].ends_with("the server does not support TLS: turn it on there (ssl = on)"), "{wrong:?}");
}

#[tokio::test]
async fn each_of_several_hosts_is_tried_and_the_servers_clock_is_compared() {
    let mut setup = Setup::good().await;
    let url = setup.cluster.url("killgate", "postgres");
    let port = setup.cluster.port();
    setup.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:1,127.0.0.1:{port}"));
    let report = setup.check().await;
    let wrong = report.wrong();
    assert!(
        matches!(&wrong[..], [host] if host.starts_with("warn target orders: host 127.0.0.1:1")),
        "{url}: {wrong:?}"
    );
    let good = format!("ok    target orders: host 127.0.0.1:{port}: it accepts connections");
    for line in [&good, "ok    target orders: clock: it agrees with this machine's"] {
        assert!(report.lines.contains(line), "{line}:\n{}", report.lines);
    }
    assert_eq!(report.status, 0);
}

#[tokio::test]
async fn a_standby_is_a_warning() {
    let setup = Setup::good().await;
    setup.cluster.stop().await.expect("stopped");
    std::fs::write(setup.cluster.folder().join("data/standby.signal"), "").expect("written");
    setup.cluster.start_again().await.expect("a server in recovery");
    let report = setup.check().await;
    assert_eq!(report.status, 0, "{}", report.lines);
    let expected = "warn target orders: standby: it is one: its sessions only read, and blockers on the primary are not seen";
    assert_eq!(report.wrong(), [expected]);
}

#[tokio::test]
async fn a_pooler_in_transaction_mode_fails_and_is_named_in_the_refusal_of_a_request() {
    let mut setup = Setup::good().await;
    let bouncer = Bouncer::start(&setup.cluster, "pool_mode = transaction", "killgate").expect("PgBouncer");
    let Some(bouncer) = bouncer else { return };
    let (direct, pooled) = (setup.cluster.port().to_string(), bouncer.port.to_string());
    setup.replace(&direct, &pooled);
    let report = setup.check().await;
    assert_eq!(report.status, 1, "{}", report.lines);
    let found = "a connection pooler in transaction mode answers there";
    // What a run prepared may stand in the way of the next one, which names the pooler all the same.
    assert!(report.lines.contains(found), "{}", report.lines);
    assert!(report.wrong().iter().any(|wrong| wrong.contains(found)), "{:?}", report.wrong());

    let mut bot = setup.killgate("run").stderr(Stdio::null()).spawn().expect("it starts");
    setup.sim.bot_is_ready().await;
    let victim = setup.cluster.victim("app").running("select pg_sleep(600)").await.expect("a victim");
    let typed = setup.sim.person("ana").in_channel(&setup.sim.channel("incident")).types("/terminate");
    let refused = typed.option("pid", victim.pid()).send().await;
    assert!(refused.is_ephemeral(), "{}", refused.text());
    assert!(refused.text().contains("a connection pooler in transaction mode"), "{}", refused.text());
    bot.kill().await.expect("ended");
}
