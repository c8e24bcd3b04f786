//! A `.license` file: readable TOML, and below it the signature over every byte above.
//!
//! ```toml
//! [license]
//! id = "2026-0042"
//! licensee = "Contoso"
//! mode = "purchase"
//! issued = "2026-11-01"
//! expires = "2027-10-31"
//!
//! [license.counts]
//! exchange-ews = 25
//! salesforce = 25
//!
//! [signature]
//! issuer = "riva"
//! ed25519 = "base64"
//! ```
//!
//! What is signed: the words `riva license v1` and a line feed, then the file's text up to `[signature]`, with line
//! feeds as line ends. A file whose line ends were all turned into CR LF on its way is still good; any other change,
//! a blank or a comment too, is not.

use super::issuers::{ISSUERS, Issuer};
use super::{License, LicenseFile, LicenseMode, LicenseVerdict};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

const PREFIX: &str = "riva license v1\n";
const SIGNATURE: &str = "[signature]\n";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    license: License,
    signature: Option<Signature>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    issuer: String,
    ed25519: String,
}

impl Signature {
    fn render(&self) -> String {
        format!("{SIGNATURE}issuer = \"{}\"\ned25519 = \"{}\"\n", self.issuer, self.ed25519)
    }
}

/// Why a licence was not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The text is no licence.
    #[error("{0}")]
    NotALicense(String),
    /// The text has a signature already.
    #[error("this licence is signed already; take its [signature] table out to sign it anew")]
    SignedAlready,
    /// The key cannot be read.
    #[error("this is no Ed25519 private key (PEM, PKCS #8); `riva license keygen` makes one")]
    NotAKey,
    /// The key belongs to nobody in the list of issuers, or not to one who may sign this mode.
    #[error("a licence signed with this key would not count: {0}")]
    WouldNotCount(String),
}

/// A new issuer's keys.
pub struct IssuerKeys {
    /// The private key (PEM, PKCS #8). To be kept where nobody else can read it.
    pub private_pem: SecretString,
    /// The public key, base64, for the list of issuers.
    pub public_key: String,
}

/// Makes the keys of a new issuer.
pub fn keygen() -> Result<IssuerKeys, SignError> {
    let keys = Ed25519KeyPair::generate().map_err(|_| SignError::NotAKey)?;
    let pkcs8 = keys.to_pkcs8v1().map_err(|_| SignError::NotAKey)?;
    let private_pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(pkcs8.as_ref())
    );
    Ok(IssuerKeys {
        private_pem: private_pem.into(),
        public_key: STANDARD.encode(keys.public_key().as_ref()),
    })
}

/// Signs the text of a licence (its `[license]` table, with comments as you like) and answers with the whole file.
pub fn sign(text: &str, private_pem: &SecretString) -> Result<String, SignError> {
    sign_for(text, private_pem, &ISSUERS)
}

fn sign_for(text: &str, private_pem: &SecretString, issuers: &[Issuer]) -> Result<String, SignError> {
    let whole: Whole = crate::documents::read_text("the licence", text)
        .map_err(|finding| SignError::NotALicense(finding.to_string()))?;
    if whole.signature.is_some() {
        return Err(SignError::SignedAlready);
    }
    let keys = read_key(private_pem).ok_or(SignError::NotAKey)?;
    let public = STANDARD.encode(keys.public_key().as_ref());
    let Some(issuer) = issuers.iter().find(|issuer| issuer.public_key == public) else {
        return Err(SignError::WouldNotCount(format!(
            "its public key {public} is not in the list of issuers"
        )));
    };
    if issuer.demo_only && whole.license.mode != LicenseMode::Demo {
        return Err(SignError::WouldNotCount(format!("{} signs demo licences alone", issuer.name)));
    }
    let mut body = unix_lines(text).trim_end().to_owned();
    body.push_str("\n\n");
    let signature = keys.sign([PREFIX, &body].concat().as_bytes());
    let ed25519 = STANDARD.encode(signature.as_ref());
    Ok(body + &Signature { issuer: issuer.name.to_owned(), ed25519 }.render())
}

/// The first PKCS #8 block; text around it is commentary (RFC 7468, section 2).
fn read_key(pem: &SecretString) -> Option<Ed25519KeyPair> {
    let (_, rest) = pem.expose_secret().split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let der = zeroize::Zeroizing::new(STANDARD.decode(body.split_whitespace().collect::<String>()).ok()?);
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok()
}

/// Reads a licence file and says whether it counts today.
pub fn verify(file: &str, text: &str, today: NaiveDate) -> LicenseFile {
    verify_for(file, text, today, &ISSUERS)
}

fn verify_for(file: &str, text: &str, today: NaiveDate, issuers: &[Issuer]) -> LicenseFile {
    let text = unix_lines(text);
    let whole: Whole = match crate::documents::read_text(file, &text) {
        Ok(whole) => whole,
        Err(finding) => {
            let verdict = LicenseVerdict::Unreadable { reason: finding.to_string() };
            return LicenseFile { file: file.to_owned(), license: None, verdict };
        }
    };
    let verdict = if !is_genuine(&text, &whole, issuers) {
        LicenseVerdict::Forged
    } else if whole.license.expires < today {
        LicenseVerdict::Expired
    } else {
        LicenseVerdict::Valid
    };
    LicenseFile { file: file.to_owned(), license: Some(whole.license), verdict }
}

fn is_genuine(text: &str, whole: &Whole, issuers: &[Issuer]) -> bool {
    let Some(signature) = &whole.signature else { return false };
    let Some(issuer) = issuers.iter().find(|issuer| issuer.name == signature.issuer) else { return false };
    if issuer.demo_only && whole.license.mode != LicenseMode::Demo {
        return false;
    }
    // The signature's own lines must be exactly as `sign` writes them, and the last of the file.
    let Some(body) = text.strip_suffix(&signature.render()) else { return false };
    let (Ok(public), Ok(bytes)) = (STANDARD.decode(issuer.public_key), STANDARD.decode(&signature.ed25519))
    else {
        return false;
    };
    UnparsedPublicKey::new(&ED25519, public).verify([PREFIX, body].concat().as_bytes(), &bytes).is_ok()
}

/// Turns CR LF into LF if every line ends so: mail and version control do that to a whole file.
fn unix_lines(text: &str) -> Cow<'_, str> {
    let feeds = text.matches('\n').count();
    if feeds > 0 && text.matches("\r\n").count() == feeds {
        return text.replace("\r\n", "\n").into();
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::SystemKind;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    const TEXT: &str = "# Signed for a test.\n[license]\nid = \"t-1\"\nlicensee = \"Contoso\"\nmode = \"purchase\"\n\
        issued = \"2026-01-01\"\nexpires = \"2026-12-31\"\n\n[license.counts]\nexchange-ews = 5\nsalesforce = 5\n";

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// An issuer that may sign everything, with keys made for this test.
    static SIGNED: LazyLock<(String, Issuer)> = LazyLock::new(|| {
        let keys = keygen().unwrap();
        let issuer = Issuer { name: "test", public_key: keys.public_key.leak(), demo_only: false };
        (sign_for(TEXT, &keys.private_pem, &[issuer]).unwrap(), issuer)
    });

    fn verdict(text: &str, today: &str) -> LicenseVerdict {
        verify_for("x.license", text, day(today), &[SIGNED.1]).verdict
    }

    fn demo_key() -> SecretString {
        include_str!("../../../config/demo/demo-issuer.key").to_owned().into()
    }

    #[test]
    fn a_signed_licence_counts_until_its_last_day() {
        assert_eq!(verdict(&SIGNED.0, "2026-12-31"), LicenseVerdict::Valid);
        assert_eq!(verdict(&SIGNED.0, "2027-01-01"), LicenseVerdict::Expired);
        assert_eq!(verdict(&SIGNED.0.replace('\n', "\r\n"), "2026-12-31"), LicenseVerdict::Valid);
        let file = verify_for("x.license", &SIGNED.0, day("2026-12-31"), &[SIGNED.1]);
        assert_eq!(file.license.unwrap().counts[&SystemKind::Salesforce], 5);
    }

    #[test]
    fn more_counts_by_hand_are_noticed() {
        assert_eq!(
            verdict(&SIGNED.0.replace("salesforce = 5", "salesforce = 50"), "2026-06-01"),
            LicenseVerdict::Forged
        );
        assert_eq!(verdict(TEXT, "2026-06-01"), LicenseVerdict::Forged);
    }

    #[test]
    fn a_key_of_ones_own_proves_nothing() {
        let keys = keygen().unwrap();
        let error = sign(TEXT, &keys.private_pem).unwrap_err();
        assert!(matches!(error, SignError::WouldNotCount(_)), "{error}");
        let own = Issuer { name: "riva", public_key: keys.public_key.leak(), demo_only: false };
        let forged = sign_for(TEXT, &keys.private_pem, &[own]).unwrap();
        assert_eq!(verify("x", &forged, day("2026-06-01")).verdict, LicenseVerdict::Forged);
    }

    #[test]
    fn the_demo_issuer_signs_demo_licences_alone() {
        let demo = TEXT.replace("purchase", "demo");
        let signed = sign(&demo, &demo_key()).unwrap();
        assert_eq!(verify("x", &signed, day("2026-06-01")).verdict, LicenseVerdict::Valid);
        assert!(matches!(sign(TEXT, &demo_key()), Err(SignError::WouldNotCount(_))));
        let everything = [Issuer { demo_only: false, ..ISSUERS[1] }];
        let smuggled = sign_for(TEXT, &demo_key(), &everything).unwrap();
        assert_eq!(verify("x", &smuggled, day("2026-06-01")).verdict, LicenseVerdict::Forged);
        assert_eq!(sign(&signed, &demo_key()), Err(SignError::SignedAlready));
    }

    #[test]
    fn a_typo_is_unreadable_with_its_line() {
        let text = TEXT.replace("salesforce", "salesfroce");
        let LicenseVerdict::Unreadable { reason } = verdict(&text, "2026-06-01") else { panic!("readable") };
        assert!(reason.starts_with("x.license:11"), "{reason}");
    }

    proptest! {
        #[test]
        fn no_byte_can_be_changed(at in any::<prop::sample::Index>(), byte: u8, how in 0..3) {
            let mut bytes = SIGNED.0.clone().into_bytes();
            let index = at.index(bytes.len());
            match how {
                0 if bytes[index] == byte => return Ok(()),
                0 => bytes[index] = byte,
                1 => { bytes.remove(index); }
                _ => bytes.insert(index, byte),
            }
            if bytes == SIGNED.0.as_bytes() { return Ok(()) }
            if let Ok(text) = String::from_utf8(bytes) {
                prop_assert_ne!(verdict(&text, "2026-06-01"), LicenseVerdict::Valid);
            }
        }

        #[test]
        fn garbage_is_refused(text in "\\PC*") {
            prop_assert_ne!(verdict(&text, "2026-06-01"), LicenseVerdict::Valid);
        }
    }
}
