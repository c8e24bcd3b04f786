//! Whom a message concerns: its addresses against the people of the CRM.

use riva_core::documents::EmailPolicy;
use riva_core::ids::EmailAddress;
use riva_core::item::{Item, Related, Role};
use riva_core::ports::{Person, PersonKind};
use std::collections::{BTreeMap, BTreeSet};

/// The addresses of a message that may be matched.
pub(crate) fn addresses(item: &Item, policy: &EmailPolicy) -> BTreeSet<EmailAddress> {
    let all = Role::ALL.into_iter().flat_map(|role| item.addresses(role).map(|(address, _)| address));
    all.filter(|address| address.looks_valid() && !policy.ignores(address)).collect()
}

/// The people of the CRM, by address.
pub(crate) struct Known(BTreeMap<EmailAddress, Vec<Person>>);

impl Known {
    pub fn of(people: Vec<Person>) -> Self {
        let mut known: BTreeMap<EmailAddress, Vec<Person>> = BTreeMap::new();
        for person in people {
            known.entry(person.address.clone()).or_default().push(person);
        }
        Self(known)
    }

    /// Whom a message is from and to. Empty, unless a contact or a lead is among them, or it was assigned to a record: users
    /// of the CRM writing to one another are not logged.
    ///
    /// Where several contacts have one address, the message concerns them all. Leads count where no contact has it.
    pub fn related(&self, item: &Item, policy: &EmailPolicy) -> Vec<Related> {
        let (mut related, mut matched) = (Vec::new(), false);
        for role in Role::ALL {
            for (address, _) in item.addresses(role).filter(|(address, _)| !policy.ignores(address)) {
                let of = |kind| self.0.get(&address).into_iter().flatten().filter(move |p| p.kind == kind);
                let mut outside: Vec<&Person> = of(PersonKind::Contact).collect();
                if outside.is_empty() && policy.leads {
                    outside = of(PersonKind::Lead).collect();
                }
                matched |= !outside.is_empty();
                if outside.is_empty() {
                    outside = of(PersonKind::User).collect();
                }
                related.extend(outside.into_iter().map(|person| Related {
                    role,
                    id: person.id.clone(),
                    address: address.clone(),
                }));
            }
        }
        if matched || item.assigned().is_some() { related } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::item::{Assigned, Module};

    fn known(people: &[(&str, PersonKind, &str)]) -> Known {
        let person = |(address, kind, id): &(&str, PersonKind, &str)| Person {
            address: (*address).into(),
            kind: *kind,
            id: (*id).into(),
        };
        Known::of(people.iter().map(person).collect())
    }

    fn message(from: &str, to: &[&str]) -> Item {
        let mut item = Item::new(Module::Email);
        item.set_addresses(Role::From, [(from, "")]);
        item.set_addresses(Role::To, to.iter().map(|to| (*to, "")));
        item
    }

    fn ids(known: &Known, item: &Item, policy: &EmailPolicy) -> Vec<String> {
        known.related(item, policy).into_iter().map(|r| format!("{} {}", r.role.field(), r.id)).collect()
    }

    #[test]
    fn a_lead_counts_only_where_no_contact_has_the_address() {
        use PersonKind::{Contact, Lead, User};
        let known = known(&[
            ("a@x.example", Contact, "c1"),
            ("a@x.example", Contact, "c2"),
            ("a@x.example", Lead, "l1"),
            ("b@x.example", Lead, "l2"),
            ("me@own.example", User, "u1"),
        ]);
        let policy = EmailPolicy::default();
        let item = message("me@own.example", &["A@x.example", "b@x.example", "nobody@x.example"]);
        assert_eq!(ids(&known, &item, &policy), ["from u1", "to c1", "to c2", "to l2"]);
        let policy = EmailPolicy { leads: false, ..policy };
        assert_eq!(ids(&known, &message("b@x.example", &["me@own.example"]), &policy), [""; 0]);
    }

    #[test]
    fn what_was_assigned_to_a_record_concerns_colleagues_too() {
        let known = known(&[("me@own.example", PersonKind::User, "u1")]);
        let mut item = message("me@own.example", &["nobody@x.example"]);
        assert_eq!(ids(&known, &item, &EmailPolicy::default()), [""; 0]);
        item.set_assigned(&Assigned { record: "006a".into(), name: "500 seats".into() });
        assert_eq!(ids(&known, &item, &EmailPolicy::default()), ["from u1"]);
    }

    #[test]
    fn colleagues_among_themselves_and_ignored_domains_are_nobody() {
        use PersonKind::{Contact, User};
        let known = known(&[
            ("me@own.example", User, "u1"),
            ("you@own.example", User, "u2"),
            ("you@own.example", Contact, "c1"),
        ]);
        let ignore = vec!["own.example".to_owned()];
        let policy = EmailPolicy { ignore, ..EmailPolicy::default() };
        let item = message("me@own.example", &["you@own.example"]);
        assert_eq!(ids(&known, &item, &policy), [""; 0]);
        assert!(addresses(&item, &policy).is_empty());
    }
}
