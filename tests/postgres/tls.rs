//! What `sslmode` accepts and what it does not.

use std::path::PathBuf;

use anyhow::Result;
use killgate::postgres::connection::ConnectOptions;
use killgate::postgres::tls::{ClientCertificate, TlsMode, TlsOptions};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;
use throwaway_postgres::Cluster;
use tokio_postgres::config::ChannelBinding;

use crate::support::{dial, down, open, up};

/// A certificate authority, and files for those who trust it or are vouched for by it.
struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new([])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self {
            certificate: params.self_signed(&key)?.pem(),
            issuer: Issuer::new(params, key),
            folder: TempDir::new()?,
        })
    }

    /// A certificate for `name` and its key, in PEM.
    fn vouch(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Result<(String, String)> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new([name.to_owned()])?;
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    fn file(&self, name: &str, contents: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, contents)?;
        Ok(path)
    }

    fn root(&self) -> Result<Option<PathBuf>> {
        Ok(Some(self.file("root.crt", &self.certificate)?))
    }
}

async fn server(certificate: &(String, String)) -> Result<Cluster> {
    let cluster = Cluster::builder()
        .tls(&certificate.0, &certificate.1)
        .hba("hostssl all killgate 127.0.0.1/32 trust\nhost all killgate all reject")
        .start()
        .await?;
    cluster.bot().await?;
    Ok(cluster)
}

fn with(cluster: &Cluster, mode: TlsMode, root: Option<PathBuf>) -> ConnectOptions {
    let tls = TlsOptions {
        mode,
        root,
        client: None,
    };
    ConnectOptions {
        tls,
        ..dial(cluster, "killgate")
    }
}

#[tokio::test]
async fn a_certificate_in_order_is_accepted_and_plain_text_is_not_sent() -> Result<()> {
    let authority = Authority::new()?;
    let cluster = server(&authority.vouch("127.0.0.1", |_| {})?).await?;
    for mode in [TlsMode::Require, TlsMode::VerifyCa, TlsMode::VerifyFull] {
        up(&open(with(&cluster, mode, authority.root()?))).await?;
    }
    let problem = down(&open(with(&cluster, TlsMode::Disable, None))).await?;
    assert!(problem.starts_with("the server refused the login"), "{problem}");
    Ok(())
}

#[tokio::test]
async fn a_certificate_for_another_name_passes_only_where_names_do_not_count() -> Result<()> {
    let authority = Authority::new()?;
    let cluster = server(&authority.vouch("db1.internal", |_| {})?).await?;
    for mode in [TlsMode::Require, TlsMode::VerifyCa] {
        up(&open(with(&cluster, mode, authority.root()?))).await?;
    }
    let problem = down(&open(with(&cluster, TlsMode::VerifyFull, authority.root()?))).await?;
    assert_eq!(
        problem,
        "the server's certificate is for another host name than 127.0.0.1: it is for db1.internal"
    );
    Ok(())
}

#[tokio::test]
async fn a_certificate_whose_name_stands_in_its_subject_alone_is_for_no_host() -> Result<()> {
    let authority = Authority::new()?;
    let nameless = authority.vouch("127.0.0.1", |params| {
        params.subject_alt_names.clear();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "127.0.0.1");
    })?;
    let cluster = server(&nameless).await?;
    let problem = down(&open(with(&cluster, TlsMode::VerifyFull, authority.root()?))).await?;
    assert!(problem.contains("it has no subjectAltName"), "{problem}");
    Ok(())
}

#[tokio::test]
async fn an_authoritys_own_certificate_is_no_servers() -> Result<()> {
    // What `openssl req -x509` makes, in the PostgreSQL documentation's first example too.
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = params.self_signed(&key)?.pem();
    let cluster = server(&(own.clone(), key.serialize_pem())).await?;
    let authority = Authority::new()?;
    let root = Some(authority.file("own.crt", &own)?);
    let problem = down(&open(with(&cluster, TlsMode::VerifyFull, root))).await?;
    assert!(
        problem.contains("the certificate of an authority (CA:TRUE)"),
        "{problem}"
    );
    up(&open(with(&cluster, TlsMode::Require, None))).await
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_passes_only_unverified() -> Result<()> {
    let (authority, stranger) = (Authority::new()?, Authority::new()?);
    let cluster = server(&stranger.vouch("127.0.0.1", |_| {})?).await?;
    up(&open(with(&cluster, TlsMode::Require, None))).await?;
    for (mode, root) in [
        (TlsMode::VerifyCa, authority.root()?),
        (TlsMode::VerifyFull, authority.root()?),
        (TlsMode::VerifyFull, None),
    ] {
        let problem = down(&open(with(&cluster, mode, root))).await?;
        assert!(
            problem.contains("from an authority that is not trusted"),
            "{problem}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_expired_certificate_passes_only_unverified() -> Result<()> {
    let authority = Authority::new()?;
    let expired = authority.vouch("127.0.0.1", |params| params.not_after = date_time_ymd(2020, 1, 1))?;
    let cluster = server(&expired).await?;
    up(&open(with(&cluster, TlsMode::Require, None))).await?;
    for mode in [TlsMode::VerifyCa, TlsMode::VerifyFull] {
        let problem = down(&open(with(&cluster, mode, authority.root()?))).await?;
        assert_eq!(problem, "the server's certificate has expired");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_without_tls_gets_no_plain_text() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.bot().await?;
    let problem = down(&open(with(&cluster, TlsMode::Require, None))).await?;
    assert_eq!(
        problem,
        "the server does not support TLS: turn it on there (ssl = on)"
    );
    Ok(())
}

#[tokio::test]
async fn a_password_is_bound_to_the_channel() -> Result<()> {
    let authority = Authority::new()?;
    let (certificate, key) = authority.vouch("127.0.0.1", |_| {})?;
    let cluster = Cluster::builder()
        .tls(&certificate, &key)
        .hba("hostssl all killgate 127.0.0.1/32 scram-sha-256")
        .start()
        .await?;
    cluster.bot().await?;
    cluster
        .sql("set password_encryption = 'scram-sha-256'; alter role killgate password 'right'")
        .await?;
    let mut dial = with(&cluster, TlsMode::VerifyFull, authority.root()?);
    dial.config.channel_binding(ChannelBinding::Require);
    dial.password = std::sync::Arc::new(|| Ok(Some("right".to_owned().into())));
    up(&open(dial)).await
}

#[tokio::test]
async fn a_client_certificate_lets_killgate_in() -> Result<()> {
    let authority = Authority::new()?;
    let (certificate, key) = authority.vouch("127.0.0.1", |_| {})?;
    let cluster = Cluster::builder()
        .tls(&certificate, &key)
        .file("root.crt", authority.certificate.clone())
        .setting("ssl_ca_file", "root.crt")
        .hba("hostssl all killgate 127.0.0.1/32 cert")
        .start()
        .await?;
    cluster.bot().await?;
    let without = with(&cluster, TlsMode::VerifyFull, authority.root()?);
    let problem = down(&open(without.clone())).await?;
    assert!(problem.starts_with("the server refused the login"), "{problem}");

    let (chain, key) = authority.vouch("killgate", |params| {
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "killgate");
    })?;
    let client = ClientCertificate {
        chain: authority.file("client.crt", &chain)?,
        key: authority.file("client.key", &key)?,
    };
    let mut dial = without;
    dial.tls.client = Some(client);
    up(&open(dial.clone())).await?;

    dial.tls.root = Some("nowhere.crt".into());
    let problem = down(&open(dial)).await?;
    assert!(
        problem.starts_with("no certificate could be read from nowhere.crt"),
        "{problem}"
    );
    Ok(())
}
