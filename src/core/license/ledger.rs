//! Who holds a count: computed anew from the enabled policies each time, so that there is no list that could be wrong.
//!
//! A syncing user needs one count of the policy's mail system and one of its CRM. The earlier a user was added, the
//! earlier it is served. A user in two policies of the same systems needs one count of each all the same.

use super::{Counts, License, LicenseFile, LicenseHolder, LicenseVerdict};
use crate::documents::{Connection, Policy, PolicyUser, SystemKind};
use crate::ids::{ConnectionName, EmailAddress, PolicyName};
use chrono::{DateTime, NaiveDate, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// What every user of the enabled policies gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allotment {
    /// `Ok`: the user may sync; otherwise the plain reason, with what to do.
    pub verdicts: BTreeMap<(PolicyName, EmailAddress), Result<(), String>>,
    /// Counts of every system that a licence or an enabled policy names.
    pub counts: BTreeMap<SystemKind, Counts>,
    /// Who holds what, the earliest first.
    pub holders: Vec<LicenseHolder>,
}

impl Allotment {
    /// Counts of a system; none at all if nothing names it.
    pub fn counts_of(&self, system: SystemKind) -> Counts {
        self.counts.get(&system).copied().unwrap_or(Counts { total: 0, used: 0 })
    }
}

/// Deals the counts of the valid licences out to the users of the enabled policies. A policy whose connections are
/// not among `connections` (broken, missing) is left out: it cannot sync anyway.
pub fn allot(
    policies: &[Policy],
    connections: &[Connection],
    licenses: &[LicenseFile],
    today: NaiveDate,
) -> Allotment {
    let totals = totals(licenses, today);
    let mut result = Allotment::default();
    result.counts.extend(totals.iter().map(|(system, total)| (*system, Counts { total: *total, used: 0 })));
    let mut held: BTreeSet<(EmailAddress, SystemKind)> = BTreeSet::new();
    for Wish { policy, user, systems } in wishes(policies, connections) {
        for system in systems {
            result.counts.entry(system).or_insert(Counts { total: 0, used: 0 });
        }
        let lacking = systems.into_iter().find(|system| {
            !held.contains(&(user.address.clone(), *system)) && result.counts_of(*system).unused() == 0
        });
        let verdict = if let Some(system) = lacking {
            Err(why_not(system, result.counts_of(system), licenses, today))
        } else {
            for system in systems {
                if held.insert((user.address.clone(), system)) {
                    result.counts.entry(system).and_modify(|counts| counts.used += 1);
                    result.holders.push(LicenseHolder {
                        address: user.address.clone(),
                        system,
                        policy: policy.name.clone(),
                        since: since(policy, user).unwrap_or_default(),
                    });
                }
            }
            Ok(())
        };
        result.verdicts.insert((policy.name.clone(), user.address.clone()), verdict);
    }
    result
}

struct Wish<'a> {
    policy: &'a Policy,
    user: &'a PolicyUser,
    systems: [SystemKind; 2],
}

fn since(policy: &Policy, user: &PolicyUser) -> Option<DateTime<Utc>> {
    user.added.as_ref().or(policy.created.as_ref()).map(|stamp| stamp.at)
}

/// Users in the order in which they are served. One that was written in by hand, without a stamp, comes last: it must
/// not take a count from somebody who syncs already.
fn wishes<'a>(policies: &'a [Policy], connections: &[Connection]) -> Vec<Wish<'a>> {
    let system = |name: &ConnectionName| connections.iter().find(|c| c.name == *name).map(|c| c.system);
    let mut wishes = Vec::new();
    for policy in policies.iter().filter(|policy| policy.enabled) {
        let (Some(mail), Some(crm)) = (system(&policy.mail), system(&policy.crm)) else { continue };
        wishes.extend(policy.users.iter().map(|user| Wish { policy, user, systems: [mail, crm] }));
    }
    wishes.sort_by_key(|wish| {
        let added = wish.user.added.as_ref().map(|stamp| stamp.at);
        (added.is_none(), added, wish.policy.name.clone())
    });
    wishes
}

fn valid(licenses: &[LicenseFile], today: NaiveDate) -> impl Iterator<Item = &License> {
    let good = move |file: &&LicenseFile| file.verdict == LicenseVerdict::Valid;
    let licenses = licenses.iter().filter(good).filter_map(|file| file.license.as_ref());
    licenses.filter(move |license| license.expires >= today)
}

/// Counts per system. A licence that lies there twice counts once.
fn totals(licenses: &[LicenseFile], today: NaiveDate) -> BTreeMap<SystemKind, u32> {
    let mut seen = BTreeSet::new();
    let mut totals = BTreeMap::new();
    for license in valid(licenses, today).filter(|license| seen.insert(&license.id)) {
        for (system, count) in &license.counts {
            let total: &mut u32 = totals.entry(*system).or_default();
            *total = total.saturating_add(*count);
        }
    }
    totals
}

/// Why there is no count of a system to be had.
pub(crate) fn why_not(
    system: SystemKind,
    counts: Counts,
    licenses: &[LicenseFile],
    today: NaiveDate,
) -> String {
    if counts.total > 0 {
        return format!(
            "The licence counts for {system} are used up: {} of {} are in use. Take a user out of a policy, or \
             install a licence with more counts.",
            counts.used, counts.total
        );
    }
    let names = |license: &License| license.counts.get(&system).is_some_and(|count| *count > 0);
    let mut expired: Option<(&str, NaiveDate)> = None;
    let mut forged = None;
    let mut unreadable = None;
    for file in licenses {
        match (&file.verdict, &file.license) {
            (LicenseVerdict::Expired | LicenseVerdict::Valid, Some(license))
                if names(license)
                    && license.expires < today
                    && expired.is_none_or(|(_, day)| day < license.expires) =>
            {
                expired = Some((&file.file, license.expires));
            }
            (LicenseVerdict::Forged, Some(license)) if names(license) => forged = Some(&file.file),
            (LicenseVerdict::Unreadable { reason }, _) => unreadable = Some(reason),
            _ => {}
        }
    }
    if let Some((file, day)) = expired {
        return format!(
            "The licence for {system} expired on {day} ({file}). Install a new licence; until then nobody syncs with it."
        );
    }
    if let Some(file) = forged {
        return format!(
            "The licence file {file} was changed after it was signed, or was not signed by the issuer, and does not \
             count. Install the file again as it was delivered."
        );
    }
    if let Some(reason) = unreadable {
        return format!(
            "A licence file cannot be read: {reason} Install the file again as it was delivered."
        );
    }
    let others: BTreeSet<_> = valid(licenses, today)
        .flat_map(|license| {
            license.counts.iter().filter(|(_, count)| **count > 0).map(|(system, _)| system.title())
        })
        .collect();
    if others.is_empty() {
        return format!(
            "No licence for {system} is installed. Install one: Licenses, or `riva license install FILE`."
        );
    }
    format!(
        "The installed licences are for other systems ({}), not for {system}. Install a licence for {system}.",
        others.into_iter().collect::<Vec<_>>().join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::Stamp;
    use crate::license::LicenseMode;
    use SystemKind::{Caldav, ExchangeEws, Salesforce};
    use proptest::prelude::*;

    fn today() -> NaiveDate {
        "2026-11-23".parse().unwrap()
    }

    fn connection(name: &str, system: SystemKind) -> Connection {
        let text =
            format!("system = \"{}\"\naddress = \"https://x.example\"\naccount = \"a\"", system.as_str());
        Connection { name: name.into(), ..toml::from_str(&text).unwrap() }
    }

    fn connections() -> Vec<Connection> {
        vec![connection("mail", ExchangeEws), connection("crm", Salesforce)]
    }

    fn policy(name: &str, users: &[(&str, i64)]) -> Policy {
        let mut policy: Policy = toml::from_str("enabled = true\nmail = \"mail\"\ncrm = \"crm\"").unwrap();
        policy.name = name.into();
        for (address, added) in users {
            let at = DateTime::from_timestamp(*added, 0).unwrap();
            let added = (*added > 0).then(|| Stamp { at, by: "t".into() });
            policy.users.push(PolicyUser { address: (*address).into(), name: None, added });
        }
        policy
    }

    fn license(
        id: &str,
        counts: &[(SystemKind, u32)],
        expires: &str,
        verdict: LicenseVerdict,
    ) -> LicenseFile {
        let license = License {
            id: id.into(),
            licensee: "Contoso".into(),
            mode: LicenseMode::Purchase,
            issued: "2025-01-01".parse().unwrap(),
            expires: expires.parse().unwrap(),
            counts: counts.iter().copied().collect(),
        };
        LicenseFile { file: format!("{id}.license"), license: Some(license), verdict }
    }

    fn both(count: u32) -> LicenseFile {
        license("l", &[(ExchangeEws, count), (Salesforce, count)], "2027-01-01", LicenseVerdict::Valid)
    }

    fn reason(files: &[LicenseFile]) -> String {
        let dealt = allot(&[policy("p", &[("a@x.y", 1)])], &connections(), files, today());
        dealt.verdicts.into_values().next().unwrap().unwrap_err()
    }

    #[test]
    fn the_earliest_users_are_served_and_hand_written_ones_last() {
        let policies = [policy("b", &[("late@x.y", 9), ("hand@x.y", 0)]), policy("c", &[("early@x.y", 3)])];
        let dealt = allot(&policies, &connections(), &[both(2)], today());
        let ok: Vec<_> =
            dealt.verdicts.iter().filter(|(_, v)| v.is_ok()).map(|((_, a), _)| a.as_str()).collect();
        assert_eq!(ok, ["late@x.y", "early@x.y"]);
        assert_eq!(dealt.counts_of(Salesforce), Counts { total: 2, used: 2 });
        let why = dealt.verdicts[&("b".into(), "hand@x.y".into())].clone().unwrap_err();
        assert!(why.contains("used up: 2 of 2"), "{why}");
    }

    #[test]
    fn a_user_in_two_policies_of_the_same_systems_counts_once() {
        let policies = [policy("a", &[("u@x.y", 1)]), policy("b", &[("U@x.y", 2)])];
        let dealt = allot(&policies, &connections(), &[both(1)], today());
        assert!(dealt.verdicts.values().all(Result::is_ok));
        assert_eq!(dealt.holders.len(), 2);
    }

    #[test]
    fn disabled_policies_hold_nothing() {
        let mut off = policy("a", &[("u@x.y", 1)]);
        off.enabled = false;
        let dealt = allot(&[off, policy("b", &[("v@x.y", 2)])], &connections(), &[both(1)], today());
        assert_eq!(dealt.verdicts.len(), 1);
        assert!(dealt.verdicts.values().all(Result::is_ok));
    }

    #[test]
    fn each_lack_has_its_own_reason() {
        assert!(reason(&[]).starts_with("No licence for Microsoft Exchange (EWS) is installed."));
        let over =
            license("old", &[(ExchangeEws, 5), (Salesforce, 5)], "2026-10-31", LicenseVerdict::Expired);
        assert!(
            reason(&[over])
                .starts_with("The licence for Microsoft Exchange (EWS) expired on 2026-10-31 (old.license).")
        );
        let forged = license("f", &[(ExchangeEws, 5), (Salesforce, 5)], "2027-10-31", LicenseVerdict::Forged);
        assert!(reason(&[forged]).starts_with("The licence file f.license was changed after it was signed"));
        let other = license("o", &[(Caldav, 5), (Salesforce, 5)], "2027-10-31", LicenseVerdict::Valid);
        assert!(
            reason(&[other])
                .starts_with("The installed licences are for other systems (CalDAV and CardDAV, Salesforce)")
        );
        let torn = LicenseVerdict::Unreadable { reason: "t.license:1: torn.".into() };
        assert!(
            reason(&[LicenseFile { file: "t".into(), license: None, verdict: torn }])
                .contains("cannot be read")
        );
    }

    #[test]
    fn a_licence_that_was_valid_yesterday_is_expired_today() {
        let stale = license("l", &[(ExchangeEws, 5), (Salesforce, 5)], "2026-11-22", LicenseVerdict::Valid);
        assert!(reason(&[stale]).contains("expired on 2026-11-22"));
    }

    #[test]
    fn a_copied_file_counts_once() {
        let mut copy = both(1);
        copy.file = "copy.license".into();
        let dealt = allot(&[], &[], &[both(1), copy], today());
        assert_eq!(dealt.counts_of(Salesforce).total, 1);
    }

    proptest! {
        #[test]
        fn never_more_holders_than_counts(
            users in proptest::collection::vec(("[a-f]@x\\.y", 0_i64..20), 0..12), split in 0_usize..12, mail in 0_u32..6, crm in 0_u32..6,
        ) {
            let users: Vec<_> = users.iter().map(|(a, t)| (a.as_str(), *t)).collect();
            let (left, right) = users.split_at(split.min(users.len()));
            let license = license("l", &[(ExchangeEws, mail), (Salesforce, crm)], "2027-01-01", LicenseVerdict::Valid);
            let dealt = allot(&[policy("a", left), policy("b", right)], &connections(), &[license], today());
            for (system, total) in [(ExchangeEws, mail), (Salesforce, crm)] {
                let holders = dealt.holders.iter().filter(|h| h.system == system).count();
                prop_assert!(holders <= total as usize);
                prop_assert_eq!(dealt.counts_of(system).used as usize, holders);
            }
            for ((_, address), verdict) in &dealt.verdicts {
                let holds = |system| dealt.holders.iter().any(|h| h.address == *address && h.system == system);
                prop_assert_eq!(verdict.is_ok(), holds(ExchangeEws) && holds(Salesforce));
            }
        }
    }
}
