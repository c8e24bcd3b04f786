//! Which line of a card stands for which slot: `1` to `3` of e-mail addresses and web pages, labels of phones, kinds
//! of addresses.

use crate::icalendar::{Component, Line, Part};
use std::collections::BTreeMap;

/// The parameter that keeps a slot which the order and the types of the lines would not tell.
pub const SLOT: &str = "X-RIVA-SLOT";

/// The properties that have slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slotted {
    /// EMAIL.
    Emails,
    /// URL.
    Urls,
    /// TEL.
    Phones,
    /// ADR.
    Addresses,
}

impl Slotted {
    /// The property's name.
    pub fn property(self) -> &'static str {
        match self {
            Self::Emails => "EMAIL",
            Self::Urls => "URL",
            Self::Phones => "TEL",
            Self::Addresses => "ADR",
        }
    }

    /// Every slot.
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Emails | Self::Urls => &["1", "2", "3"],
            Self::Phones => {
                &["work", "work2", "home", "home2", "mobile", "workFax", "homeFax", "other", "pager"]
            }
            Self::Addresses => &["work", "home", "other"],
        }
    }

    /// The slots that a line may stand for, the best first.
    fn candidates(self, line: &Line) -> &'static [&'static str] {
        let types = line.param_words("TYPE");
        let is = |word: &str| types.iter().any(|t| t == word);
        match self {
            Self::Emails | Self::Urls => self.keys(),
            Self::Addresses if is("work") => &["work"],
            Self::Addresses if is("home") => &["home"],
            Self::Phones if is("fax") && is("home") => &["homeFax"],
            Self::Phones if is("fax") => &["workFax"],
            Self::Phones if is("pager") => &["pager"],
            Self::Phones if is("cell") || is("iphone") || is("mobile") => &["mobile"],
            Self::Phones if is("work") => &["work", "work2"],
            Self::Phones if is("home") => &["home", "home2"],
            Self::Addresses | Self::Phones => &["other"],
        }
    }

    /// The TYPE words of a new line for a slot.
    pub fn types(self, key: &str) -> &'static [&'static str] {
        match (self, key) {
            (Self::Emails, _) => &["INTERNET"],
            (Self::Urls, _) | (Self::Addresses, "other") => &[],
            (Self::Addresses, "work") => &["WORK"],
            (Self::Addresses, _) => &["HOME"],
            (Self::Phones, "work" | "work2") => &["WORK", "VOICE"],
            (Self::Phones, "home" | "home2") => &["HOME", "VOICE"],
            (Self::Phones, "mobile") => &["CELL"],
            (Self::Phones, "workFax") => &["WORK", "FAX"],
            (Self::Phones, "homeFax") => &["HOME", "FAX"],
            (Self::Phones, "pager") => &["PAGER"],
            (Self::Phones, _) => &["VOICE"],
        }
    }

    /// For each slot that is taken, where its line is among the parts of the card. Lines without a slot are left
    /// alone.
    pub fn assign(self, card: &Component) -> BTreeMap<&'static str, usize> {
        let mut lines: Vec<(usize, &Line)> = card
            .parts
            .iter()
            .enumerate()
            .filter_map(|(at, p)| match p {
                Part::Line(line) if line.name == self.property() && !is_empty(line) => Some((at, line)),
                _ => None,
            })
            .collect();
        lines.sort_by_key(|(_, line)| preference(line));
        let mut taken = BTreeMap::new();
        let own_slot = |line: &Line| self.keys().iter().copied().find(|k| line.param(SLOT) == Some(k));
        for (at, line) in &lines {
            if let Some(key) = own_slot(line) {
                taken.entry(key).or_insert(*at);
            }
        }
        for (at, line) in &lines {
            if !taken.values().any(|t| t == at)
                && let Some(key) = self.candidates(line).iter().find(|k| !taken.contains_key(**k))
            {
                taken.insert(key, *at);
            }
        }
        taken
    }
}

/// A line without content is no element.
fn is_empty(line: &Line) -> bool {
    line.value().chars().all(|c| c == ';' || c == ',' || c.is_whitespace())
}

/// PREF of vCard 4 (1 is best), `TYPE=PREF` of vCard 3.
fn preference(line: &Line) -> u32 {
    let number = line.param("PREF").and_then(|p| p.trim().parse().ok());
    let word = line.param_words("TYPE").iter().any(|t| t == "pref");
    number.unwrap_or(if word { 1 } else { 101 })
}
