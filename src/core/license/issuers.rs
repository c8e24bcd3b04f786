//! Whose signatures count. The list is compiled in: a key that lies beside a licence proves nothing.

/// A signer of licences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issuer {
    /// As it stands in the `[signature]` table.
    pub name: &'static str,
    /// Its Ed25519 public key (RFC 8032), base64.
    pub public_key: &'static str,
    /// Whether it may sign nothing but demo licences: its private key is public (`config/demo/demo-issuer.key`).
    pub demo_only: bool,
}

/// Everybody whose signature counts.
pub const ISSUERS: [Issuer; 2] = [
    Issuer { name: "riva", public_key: "NO6anPTHIIaq/zu2/NVrxoDnW0qJAza/LhgPMdS7HvA=", demo_only: false },
    Issuer { name: "riva-demo", public_key: "XyFM86I7kYrAfVicQ4C+w4iiuorg+Wf1mvF+N6GpJVk=", demo_only: true },
];
