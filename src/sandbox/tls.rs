//! The sandbox's own certificate authority: one CA and one leaf for `localhost` and `127.0.0.1`, new at each start.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate could not be made.
    #[error("the sandbox's certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refuses it.
    #[error("the sandbox's certificate is refused by the TLS library: {0}")]
    Config(#[from] rustls::Error),
}

/// A CA that nobody trusts until told to, and the server configuration that it has signed.
pub struct Authority {
    /// The CA's certificate, PEM: what a client must trust.
    pub ca_pem: String,
    /// For the listeners. Offers HTTP/1.1 only.
    pub server: Arc<ServerConfig>,
}

impl Authority {
    /// Makes a CA and a leaf for loopback. Valid from one day ago for about ten years.
    pub fn new() -> Result<Self, TlsError> {
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "Riva sandbox CA");
        ca.distinguished_name.push(DnType::OrganizationName, "Riva sandbox");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        ca.not_before = rcgen::date_time_ymd(2026, 1, 1);
        ca.not_after = rcgen::date_time_ymd(2046, 1, 1);
        let issuer = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;

        let mut leaf = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        leaf.distinguished_name.push(DnType::CommonName, "localhost");
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.use_authority_key_identifier_extension = true;
        leaf.not_before = rcgen::date_time_ymd(2026, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2046, 1, 1);
        let key = KeyPair::generate()?;
        let certificate = leaf.signed_by(&key, &issuer)?;

        let mut server =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(
                    vec![certificate.der().clone(), issuer.der().clone()],
                    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
                )?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { ca_pem: issuer.pem(), server: Arc::new(server) })
    }
}
