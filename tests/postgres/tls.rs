//! Which certificates each `sslmode` accepts.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use killgate::postgres::connection::ConnectOptions;
use killgate::postgres::tls::{ClientCertificate, TlsMode, TlsOptions};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;
use throwaway_postgres::Cluster;
use tokio_postgres::config::ChannelBinding;

use crate::support::{down, open, options, up};

/// A certificate authority, and a folder for its certificates.
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
    let tls = TlsOptions { mode, root, client: None };
    ConnectOptions { tls, ..options(cluster, "killgate") }
}

#[tokio::test]
async fn a_valid_certificate_is_accepted_and_no_plain_text_is_sent() -> Result<()> {
    let authority = Authority::new()?;
    let cluster = server(&authority.vouch("127.0.0.1", |_| {})?).await?;
    for mode in [TlsMode::Require, TlsMode::VerifyCa, TlsMode::VerifyFull] {
        up(&open(with(&cluster, mode, authority.root()?))).await?;
    }
    let error = down(&open(with(&cluster, TlsMode::Disable, None))).await?;
    assert!(error.starts_with("the server refused the login"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_certificate_for_another_name_is_accepted_only_without_name_verification() -> Result<()> {
    let authority = Authority::new()?;
    let cluster = server(&authority.vouch("db1.internal", |_| {})?).await?;
    for mode in [TlsMode::Require, TlsMode::VerifyCa] {
        up(&open(with(&cluster, mode, authority.root()?))).await?;
    }
    let error = down(&open(with(&cluster, TlsMode::VerifyFull, authority.root()?))).await?;
    assert_eq!(
        error,
        "the server's certificate is for another host name than 127.0.0.1: it is for db1.internal"
    );
    Ok(())
}

#[tokio::test]
async fn a_certificate_with_its_name_only_in_the_subject_is_refused() -> Result<()> {
    let authority = Authority::new()?;
    let nameless = authority.vouch("127.0.0.1", |params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(rcgen::DnType::CommonName, "127.0.0.1");
    })?;
    let cluster = server(&nameless).await?;
    let error = down(&open(with(&cluster, TlsMode::VerifyFull, authority.root()?))).await?;
    assert!(error.contains("it has no subjectAltName"), "{error}");
    Ok(())
}

/// A certificate that signed itself, as `openssl req -x509` creates it, also in the PostgreSQL documentation's first
/// example; and its key.
fn self_signed(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Result<(String, String)> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

#[tokio::test]
async fn a_self_signed_certificate_that_is_named_as_trusted_is_accepted() -> Result<()> {
    let own = self_signed("127.0.0.1", |_| {})?;
    let cluster = server(&own).await?;
    let authority = Authority::new()?;
    for mode in [TlsMode::VerifyCa, TlsMode::VerifyFull] {
        up(&open(with(&cluster, mode, Some(authority.file("own.crt", &own.0)?)))).await?;
        // Another certificate with the same names is not the trusted one.
        let other = self_signed("127.0.0.1", |_| {})?.0;
        for root in [authority.root()?, Some(authority.file("other.crt", &other)?)] {
            let error = down(&open(with(&cluster, mode, root))).await?;
            assert!(error.contains("name that certificate itself with sslrootcert"), "{error}");
        }
    }
    up(&open(with(&cluster, TlsMode::Require, None))).await
}

#[tokio::test]
async fn a_self_signed_certificate_for_another_name_or_time_is_refused_although_it_is_trusted() -> Result<()>
{
    let authority = Authority::new()?;
    let elsewhere = self_signed("db.example", |_| {})?;
    let cluster = server(&elsewhere).await?;
    let root = || authority.file("elsewhere.crt", &elsewhere.0).map(Some);
    let error = down(&open(with(&cluster, TlsMode::VerifyFull, root()?))).await?;
    assert!(error.contains("for another host name"), "{error}");
    up(&open(with(&cluster, TlsMode::VerifyCa, root()?))).await?;

    let expired = self_signed("127.0.0.1", |params| params.not_after = date_time_ymd(2020, 1, 1))?;
    let cluster = server(&expired).await?;
    let root = Some(authority.file("expired.crt", &expired.0)?);
    let error = down(&open(with(&cluster, TlsMode::VerifyFull, root))).await?;
    assert_eq!(error, "the server's certificate has expired");
    Ok(())
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_accepted_only_without_verification() -> Result<()> {
    let (authority, stranger) = (Authority::new()?, Authority::new()?);
    let cluster = server(&stranger.vouch("127.0.0.1", |_| {})?).await?;
    up(&open(with(&cluster, TlsMode::Require, None))).await?;
    for (mode, root) in [
        (TlsMode::VerifyCa, authority.root()?),
        (TlsMode::VerifyFull, authority.root()?),
        (TlsMode::VerifyFull, None),
    ] {
        let error = down(&open(with(&cluster, mode, root))).await?;
        assert!(error.contains("from an authority that is not trusted"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn an_expired_certificate_is_accepted_only_without_verification() -> Result<()> {
    let authority = Authority::new()?;
    let expired = authority.vouch("127.0.0.1", |params| params.not_after = date_time_ymd(2020, 1, 1))?;
    let cluster = server(&expired).await?;
    up(&open(with(&cluster, TlsMode::Require, None))).await?;
    for mode in [TlsMode::VerifyCa, TlsMode::VerifyFull] {
        let error = down(&open(with(&cluster, mode, authority.root()?))).await?;
        assert_eq!(error, "the server's certificate has expired");
    }
    Ok(())
}

#[tokio::test]
async fn no_plain_text_is_sent_to_a_server_without_tls() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.bot().await?;
    let error = down(&open(with(&cluster, TlsMode::Require, None))).await?;
    assert_eq!(error, "the server does not support TLS: turn it on there (ssl = on)");
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
    cluster.sql("set password_encryption = 'scram-sha-256'; alter role killgate password 'right'").await?;
    let mut options = with(&cluster, TlsMode::VerifyFull, authority.root()?);
    options.config.channel_binding(ChannelBinding::Require);
    options.password = std::sync::Arc::new(|| Box::pin(async { Ok(Some("right".to_owned().into())) }));
    up(&open(options)).await
}

#[tokio::test]
async fn killgate_can_log_in_with_a_client_certificate() -> Result<()> {
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
    let error = down(&open(without.clone())).await?;
    assert!(error.starts_with("the server refused the login"), "{error}");

    let (chain, key) = authority.vouch("killgate", |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, "killgate");
    })?;
    let client = ClientCertificate {
        chain: authority.file("client.crt", &chain)?,
        key: authority.file("client.key", &key)?,
    };
    let mut options = without;
    options.tls.client = Some(client);
    up(&open(options.clone())).await?;

    options.tls.root = Some("nowhere.crt".into());
    let error = down(&open(options)).await?;
    assert!(error.starts_with("no certificate could be read from nowhere.crt"), "{error}");
    Ok(())
}

#[test]
fn a_certificate_that_cannot_be_read_yet_blocks_nothing_else() -> Result<()> {
    let authority = Authority::new()?;
    let pipe = authority.folder.path().join("root.crt");
    assert!(Command::new("mkfifo").arg(&pipe).status()?.success());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let cluster = server(&authority.vouch("127.0.0.1", |_| {})?).await?;
        let options = with(&cluster, TlsMode::VerifyCa, Some(pipe));
        tokio::select! {
            _ = options.connect() => bail!("nobody writes to the pipe"),
            () = tokio::time::sleep(Duration::from_millis(50)) => Ok(()),
        }
    })?;
    // The thread that reads it waits for a writer.
    runtime.shutdown_background();
    Ok(())
}
