//! Licensing Details of a policy: unused counts first.

use crate::requested::Requested;
use crate::theme::Tone;
use chrono::{DateTime, NaiveDate, Utc};
use riva_core::documents::SystemKind;
use riva_core::ids::PolicyName;
use riva_core::license::{Counts, LicenseFile, LicenseMode, LicenseVerdict, LicensingDetails};

/// The window.
#[derive(Debug)]
pub struct Licensing {
    /// Of which policy.
    pub policy: PolicyName,
    /// The details.
    pub details: Requested<LicensingDetails>,
    /// What is searched among the holders.
    pub search: String,
}

/// The counts of one system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountCard {
    /// "E-mail system" or "CRM".
    pub side: &'static str,
    /// Which.
    pub system: &'static str,
    /// "7 unused of 25".
    pub words: String,
    /// The number by itself.
    pub unused: u32,
    /// In all.
    pub total: u32,
    /// How that is.
    pub tone: Tone,
}

/// A licence file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Its name.
    pub file: String,
    /// To whom and what for.
    pub licensee: String,
    /// Whether it counts, in words.
    pub verdict: String,
    /// How that is.
    pub tone: Tone,
    /// Until when.
    pub expires: String,
}

/// A user that holds counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderRow {
    /// The user.
    pub address: String,
    /// Of which system.
    pub system: &'static str,
    /// In which policy.
    pub policy: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// The two cards.
pub fn cards(details: &LicensingDetails) -> [CountCard; 2] {
    [card("E-mail system", details.mail_system, details.mail), card("CRM", details.crm_system, details.crm)]
}

fn card(side: &'static str, system: SystemKind, counts: Counts) -> CountCard {
    let unused = counts.unused();
    CountCard {
        side,
        system: system.title(),
        words: format!("{unused} unused of {}", counts.total),
        unused,
        total: counts.total,
        tone: if unused == 0 { Tone::Bad } else { Tone::Good },
    }
}

/// The licence files.
pub fn files(details: &LicensingDetails, today: NaiveDate) -> Vec<FileRow> {
    details.files.iter().map(|f| file(f, today)).collect()
}

fn file(file: &LicenseFile, today: NaiveDate) -> FileRow {
    let license = file.license.as_ref();
    let days = license.map_or(0, |l| (l.expires - today).num_days());
    let (verdict, tone) = match &file.verdict {
        LicenseVerdict::Valid if days <= 14 => (format!("Valid, ends in {days} d"), Tone::Warn),
        LicenseVerdict::Valid => ("Valid".into(), Tone::Good),
        LicenseVerdict::Forged => {
            ("Changed after it was signed, or not signed by the issuer".into(), Tone::Bad)
        }
        LicenseVerdict::Expired => ("Expired".into(), Tone::Bad),
        LicenseVerdict::Unreadable { reason } => (format!("Cannot be read: {reason}"), Tone::Bad),
    };
    let mode = |mode| match mode {
        LicenseMode::Demo => "Demo",
        LicenseMode::Trial => "Trial",
        LicenseMode::Purchase => "Purchase",
        LicenseMode::Sandbox => "Sandbox",
    };
    FileRow {
        file: file.file.clone(),
        licensee: license.map_or_else(String::new, |l| format!("{} ({})", l.licensee, mode(l.mode))),
        verdict,
        tone,
        expires: license.map_or_else(String::new, |l| l.expires.to_string()),
    }
}

/// The holders that fit a search, sorted by address.
pub fn holders(details: &LicensingDetails, search: &str) -> Vec<HolderRow> {
    let wanted = search.trim().to_lowercase();
    let mut rows: Vec<HolderRow> = details
        .holders
        .iter()
        .filter(|h| h.address.as_str().contains(&wanted))
        .map(|h| HolderRow {
            address: h.address.to_string(),
            system: h.system.title(),
            policy: h.policy.to_string(),
            since: h.since,
        })
        .collect();
    rows.sort_by(|a, b| (&a.address, a.system).cmp(&(&b.address, b.system)));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::license::License;
    use std::collections::BTreeMap;

    fn license(expires: NaiveDate) -> License {
        License {
            id: "1".into(),
            licensee: "Acme".into(),
            mode: LicenseMode::Trial,
            issued: expires,
            expires,
            counts: BTreeMap::new(),
        }
    }

    #[test]
    fn unused_counts_come_first_and_none_left_is_bad() {
        let card = card("CRM", SystemKind::Salesforce, Counts { total: 25, used: 18 });
        assert_eq!((card.words.as_str(), card.tone), ("7 unused of 25", Tone::Good));
        let full = super::card("CRM", SystemKind::Salesforce, Counts { total: 5, used: 5 });
        assert_eq!((full.words.as_str(), full.tone), ("0 unused of 5", Tone::Bad));
    }

    #[test]
    fn each_verdict_reads_plainly_and_an_end_that_is_near_warns() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
        let row = |verdict, days: u64| {
            let expires = today + chrono::Days::new(days);
            let license = Some(license(expires));
            file(&LicenseFile { file: "a.license".into(), license, verdict }, today)
        };
        assert_eq!(row(LicenseVerdict::Valid, 200).tone, Tone::Good);
        assert_eq!(row(LicenseVerdict::Valid, 10).verdict, "Valid, ends in 10 d");
        assert_eq!(row(LicenseVerdict::Forged, 200).tone, Tone::Bad);
        let unreadable = row(LicenseVerdict::Unreadable { reason: "line 3".into() }, 1);
        assert_eq!(unreadable.verdict, "Cannot be read: line 3");
        assert_eq!(unreadable.licensee, "Acme (Trial)");
    }
}
