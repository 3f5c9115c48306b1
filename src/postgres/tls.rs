//! TLS to PostgreSQL, as far as `sslmode` asks for it (PostgreSQL documentation, chapter "libpq - SSL Support").

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use anyhow::{Context, bail};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::certificate_verifier::{CertificateVerifier, TrustedCertificates};
use crate::common::bounded_read::{READ_WITHIN, read_within};

/// How a connection is encrypted and verified. The files named here are read for every connection, so that a renewed
/// certificate needs no restart. The system's certificate authorities are read once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    pub mode: TlsMode,
    /// PEM file of the certificate authorities to trust. `None`: the system's.
    pub root: Option<PathBuf>,
    /// The client certificate, sent when the server requests one.
    pub client: Option<ClientCertificate>,
}

/// `sslmode`. libpq's `allow` and `prefer` are left out, because they fall back to plain text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// Plain text.
    Disable,
    /// Encrypted; the certificate is not verified.
    Require,
    /// The certificate comes from a trusted authority. Its name is not verified.
    VerifyCa,
    /// The certificate comes from a trusted authority and is for this host name.
    #[default]
    VerifyFull,
}

/// PEM files of the certificate with its chain, and of its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    pub chain: PathBuf,
    pub key: PathBuf,
}

impl TlsOptions {
    /// What encrypts one connection. Each file must be read within [`READ_WITHIN`].
    pub async fn connector(&self) -> anyhow::Result<MakeRustlsConnect> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .context("the TLS library offers no protocol version")?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(provider).await?);
        let config = match &self.client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let key = read_within(&client.key, READ_WITHIN, |file| PrivateKeyDer::from_pem_file(file));
                let key = key.await.map_err(anyhow::Error::new).and_then(|key| Ok(key?));
                let key = key
                    .with_context(|| format!("no private key could be read from {}", client.key.display()))?;
                builder
                    .with_client_auth_cert(certificates(&client.chain).await?, key)
                    .context("the client certificate and its key cannot be used")?
            }
        };
        Ok(MakeRustlsConnect::new(config))
    }

    async fn verifier(&self, provider: Arc<CryptoProvider>) -> anyhow::Result<Arc<CertificateVerifier>> {
        if matches!(self.mode, TlsMode::Disable | TlsMode::Require) {
            return Ok(Arc::new(CertificateVerifier { provider, trust: None }));
        }
        let (roots, certificates) = match &self.root {
            None => (system_roots().await?, Vec::new()),
            Some(file) => {
                let certificates = certificates(file).await?;
                (roots(file, &certificates)?, certificates)
            }
        };
        let chain = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .context("the trusted certificate authorities cannot be used")?;
        let is_name_verified = self.mode != TlsMode::VerifyCa;
        let trust = Some(TrustedCertificates { chain, certificates, is_name_verified });
        Ok(Arc::new(CertificateVerifier { provider, trust }))
    }
}

fn roots(file: &Path, trusted: &[CertificateDer<'static>]) -> anyhow::Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots
            .add(certificate.clone())
            .with_context(|| format!("{} holds an unusable certificate", file.display()))?;
    }
    Ok(Arc::new(roots))
}

/// On a thread where reading them may block.
async fn system_roots() -> anyhow::Result<Arc<RootCertStore>> {
    if let Some(roots) = LazyLock::get(&SYSTEM_ROOTS) {
        return Ok(Arc::clone(roots));
    }
    let read = read_within(Path::new("/etc/ssl/certs"), READ_WITHIN, |_| Arc::clone(&SYSTEM_ROOTS)).await;
    read.context("the system's certificate authorities could not be read")
}

/// The system's certificate authorities, about 140. They are read on first use and shared by all connections: reading
/// them takes milliseconds, and each copy takes memory.
static SYSTEM_ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "certificate authorities of the system could not be read");
    }
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        // Such as in a container image without ca-certificates: use the built-in copy of Mozilla's list.
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Arc::new(roots)
});

async fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let unreadable = || format!("no certificate could be read from {}", file.display());
    let read = read_within(file, READ_WITHIN, |file| {
        CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>()
    });
    let found = read.await.with_context(unreadable)?.with_context(unreadable)?;
    if found.is_empty() {
        bail!("{}", unreadable());
    }
    Ok(found)
}
