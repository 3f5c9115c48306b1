//! Verifies a server's certificate as libpq does, which rustls (webpki) alone does not: less strictly for `require` and
//! `verify-ca`, and accepting a certificate that is itself named as trusted.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

#[derive(Debug)]
pub(super) struct CertificateVerifier {
    pub(super) provider: Arc<CryptoProvider>,
    /// `None` for `require`, which accepts any certificate whose private key the server holds.
    pub(super) trust: Option<TrustedCertificates>,
}

/// For `verify-full` and `verify-ca`: the server's certificate must be signed by a trusted authority, or be itself one of the
/// trusted ones. rustls (webpki) refuses an authority's certificate as a server's. libpq accepts it, and `openssl req -x509`
/// makes such certificates.
#[derive(Debug)]
pub(super) struct TrustedCertificates {
    pub(super) chain: Arc<WebPkiServerVerifier>,
    pub(super) certificates: Vec<CertificateDer<'static>>,
    /// Whether it must be for the name of the server: `verify-full`.
    pub(super) is_name_verified: bool,
}

impl ServerCertVerifier for CertificateVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trust) = &self.trust else { return Ok(ServerCertVerified::assertion()) };
        match trust.chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // rustls (webpki) checks the dates before this. The signature proves nothing more, because the certificate was
            // compared byte for byte. The handshake proves that the server has its key.
            Err(Error::InvalidCertificate(CertificateError::Other(other)))
                if is_authority_as_server(&other) && trust.certificates.contains(end_entity) =>
            {
                if trust.is_name_verified {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            // The name is verified last, so everything else was valid.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !trust.is_name_verified => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// rustls has no variant for this error of webpki.
pub(super) fn is_authority_as_server(error: &OtherError) -> bool {
    error.to_string() == "CaUsedAsEndEntity"
}
