//! Licences: TOML signed with Ed25519, with counts per system. One e-mail and one CRM count per syncing user.

mod file;
mod installed;
mod issuers;
mod ledger;

pub use file::{IssuerKeys, SignError, keygen, sign, verify};
pub use installed::installed;
pub use issuers::{ISSUERS, Issuer};
pub use ledger::{Allotment, allot};

use crate::documents::SystemKind;
use crate::ids::{EmailAddress, PolicyName};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a licence is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LicenseMode {
    /// The sandbox that comes with the product.
    Demo,
    /// A trial: few users, few days.
    Trial,
    /// Bought.
    Purchase,
    /// For a test system.
    Sandbox,
}

/// What a licence says (the signed part of a `.license` file).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct License {
    /// Unique.
    pub id: String,
    /// To whom.
    pub licensee: String,
    /// What for.
    pub mode: LicenseMode,
    /// When it was issued.
    pub issued: NaiveDate,
    /// The last day on which it is valid.
    pub expires: NaiveDate,
    /// Counts per system (the word of [`SystemKind`]).
    pub counts: BTreeMap<SystemKind, u32>,
}

/// Why a licence file does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum LicenseVerdict {
    /// It counts.
    Valid,
    /// The file was changed after it was signed, or was not signed by the issuer.
    Forged,
    /// Over.
    Expired,
    /// It cannot be read.
    Unreadable {
        /// Line and reason.
        reason: String,
    },
}

/// A licence file and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseFile {
    /// The file's name.
    pub file: String,
    /// Its content, where it can be read.
    pub license: Option<License>,
    /// Whether it counts.
    pub verdict: LicenseVerdict,
}

/// Counts of one system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// In all valid licences.
    pub total: u32,
    /// Held by syncing users.
    pub used: u32,
}

impl Counts {
    /// Not held by anybody.
    pub fn unused(self) -> u32 {
        self.total.saturating_sub(self.used)
    }
}

/// Who holds a count, since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseHolder {
    /// The user.
    pub address: EmailAddress,
    /// Of which system.
    pub system: SystemKind,
    /// In which policy.
    pub policy: PolicyName,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// The Licensing Details window of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicensingDetails {
    /// Counts for the policy's mail system.
    pub mail: Counts,
    /// Which mail system.
    pub mail_system: SystemKind,
    /// Counts for the policy's CRM.
    pub crm: Counts,
    /// Which CRM.
    pub crm_system: SystemKind,
    /// Every licence file of the workspace.
    pub files: Vec<LicenseFile>,
    /// Who holds counts of the two systems.
    pub holders: Vec<LicenseHolder>,
    /// Users of this policy that get no count, with the plain reason.
    pub refused: Vec<(EmailAddress, String)>,
    /// The earliest end of a valid licence.
    pub expires: Option<NaiveDate>,
}
