//! TLS: the authorities that this computer trusts, and those of the connection; and a memory of the certificate that
//! was shown, so that a refusal can say by whom it was issued.

use riva_core::fault::{Fault, FaultKind};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use x509_parser::prelude::FromDer as _;

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    pub(super) subject: String,
    pub(super) issuer: String,
    /// Last day of validity (UTC), `2027-01-31`.
    pub(super) expires: String,
}

impl Certificate {
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, cert) = x509_parser::certificate::X509Certificate::from_der(der).ok()?;
        let expires = chrono::DateTime::from_timestamp(cert.validity().not_after.timestamp(), 0)?;
        Some(Self {
            subject: shown_name(cert.subject()),
            issuer: shown_name(cert.issuer()),
            expires: expires.format("%Y-%m-%d").to_string(),
        })
    }
}

/// The common name, or organisation, or all of it.
fn shown_name(name: &x509_parser::x509::X509Name<'_>) -> String {
    let text = name
        .iter_common_name()
        .chain(name.iter_organization())
        .find_map(|a| a.as_str().ok().map(str::to_owned))
        .unwrap_or_else(|| name.to_string());
    if text.is_empty() { "nobody named".to_owned() } else { text }
}

/// A client configuration, and what the last refused certificate was.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) config: Arc<ClientConfig>,
    refused: Arc<Mutex<Option<Certificate>>>,
}

impl Tls {
    /// Trusts what this computer trusts and what the file holds.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, Fault> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let extra = ca_file.map_or(Ok(Vec::new()), read_authorities)?;
        let cannot = |error: rustls::Error| {
            Fault::new(FaultKind::SystemNotAvailable, format!("TLS cannot be used on this computer: {error}"))
                .remedy("Check the certificate authorities of this computer, and the file named in ca_file.")
        };
        let inner = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider.clone())
            .map_err(cannot)?;
        let refused = Arc::default();
        let verifier = Remembering { inner: Arc::new(inner), refused: Arc::clone(&refused) };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(cannot)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), refused })
    }

    /// What the last refused certificate was.
    pub(super) fn refused(&self) -> Option<Certificate> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why TLS failed, for an administrator.
    pub(super) fn fault(&self, host: &str, error: &rustls::Error) -> Fault {
        let seen = self.refused();
        let (issuer, subject, expires) = seen.as_ref().map_or(("unknown", "unknown", "unknown"), |c| {
            (c.issuer.as_str(), c.subject.as_str(), c.expires.as_str())
        });
        let (detail, remedy) = match error {
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => (
                format!("the certificate is not trusted: it was issued by \"{issuer}\", by the server {host}"),
                "If that issuer is your organisation's own, save its certificate as a PEM file and name it in \
                 ca_file of this connection. If you do not know it, somebody may be in between: do not go on."
                    .to_owned(),
            ),
            rustls::Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => (
                format!("the certificate expired on {expires}, of the server {host}"),
                "Have the server's certificate renewed. If it is valid, set the clock of this computer.".to_owned(),
            ),
            rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => (
                format!("the certificate is for another name (\"{subject}\") than the server {host}"),
                "Use the name that the certificate is made for in the address of this connection.".to_owned(),
            ),
            rustls::Error::InvalidCertificate(
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
            ) => (
                format!("the certificate is not valid yet, of the server {host}"),
                "Set the clock of this computer.".to_owned(),
            ),
            rustls::Error::InvalidCertificate(why) => (
                format!("the certificate, issued by \"{issuer}\", is refused ({why}), of the server {host}"),
                "Have the server's certificate mended.".to_owned(),
            ),
            other => (
                format!("TLS could not be agreed on ({other}), with the server {host}"),
                "Check that the address and its port lead to a TLS server that speaks TLS 1.2 or newer.".to_owned(),
            ),
        };
        Fault::new(FaultKind::SystemNotAvailable, detail).remedy(remedy)
    }
}

fn read_authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let broken = |why: String| {
        Fault::new(
            FaultKind::SystemNotAvailable,
            format!(
                "the certificate authorities of this connection cannot be read ({why}), file {}",
                file.display()
            ),
        )
        .remedy("Correct ca_file of this connection: it names a PEM file, relative to the workspace.")
    };
    let certificates = CertificateDer::pem_file_iter(file)
        .map_err(|e| broken(e.to_string()))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| broken(e.to_string()))?;
    if certificates.is_empty() { Err(broken("it holds no certificate".to_owned())) } else { Ok(certificates) }
}

/// Checks as the inner verifier does, and remembers what it refused.
#[derive(Debug)]
struct Remembering {
    inner: Arc<dyn ServerCertVerifier>,
    refused: Arc<Mutex<Option<Certificate>>>,
}

impl ServerCertVerifier for Remembering {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let answer =
            self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        if answer.is_err() {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Certificate::read(end_entity);
        }
        answer
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
