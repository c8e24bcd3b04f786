//! Entries for the fuzz targets: documents, licences, the secrets file, recurrence rules.

use crate::documents::{Connection, Policy, Settings, merge, read_text, render};
use crate::item::{Recurrence, Rule, When};
use crate::license::{LicenseVerdict, verify};
use crate::recurrence::{occurs, starts};
use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A zone with a summer time.
pub const BERLIN: Tz = Tz::Europe__Berlin;

/// Reads a text as each kind of document.
///
/// # Panics
/// If what is written of it does not mean the same.
pub fn document(text: &str) {
    one::<Connection>(text);
    one::<Policy>(text);
    one::<Settings>(text);
}

fn one<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(text: &str) {
    match read_text::<T>("policies/a.toml", text) {
        Ok(read) => {
            assert_eq!(toml::from_str::<T>(&render(&read)).ok().as_ref(), Some(&read), "rendered");
            assert_eq!(toml::from_str::<T>(&merge(text, &read)).ok().as_ref(), Some(&read), "merged");
        }
        Err(finding) => assert!(!finding.to_string().is_empty()),
    }
}

/// Reads a text as licence.
///
/// # Panics
/// If one that nobody signed counts.
pub fn license(text: &str) {
    let Some(today) = NaiveDate::from_ymd_opt(2026, 11, 24) else { return };
    let found = verify("a.license", text, today);
    assert!(!matches!(found.verdict, LicenseVerdict::Valid), "forged: {text}");
}

/// Reads a text as secrets file.
///
/// # Panics
/// If a record that nobody sealed opens.
pub fn secrets(text: &str) {
    assert!(!crate::secrets::forged(text), "forged: {text}");
}

/// Reads a text as rule of a series.
///
/// # Panics
/// If its text is not the same rule, or occurrences are out of order.
pub fn rule(text: &str, when: &When) {
    let Ok(rule) = Rule::parse(text, when) else { return };
    let written = rule.to_text(when);
    assert_eq!(Rule::parse(&written, when).as_ref(), Ok(&rule), "{written}");
    let recurrence = Recurrence { rules: vec![rule], ..Recurrence::default() };
    let mut last = None;
    for start in starts(when, &recurrence).take(20) {
        let Ok(start) = start else { break };
        assert!(last < Some(start), "{last:?} before {start:?}");
        assert_ne!(occurs(when, &recurrence, start), Ok(false), "{start:?}");
        last = Some(start);
    }
}
