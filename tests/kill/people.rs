//! The users at their desks: they make, edit and delete things on both sides, and it is written down what must come of it.

use crate::sides::{self, Items, Shown};
use crate::tenant::{Tenant, USERS};
use chrono::{Duration, NaiveTime, Utc};
use riva_sandbox::exchange::Edit as MailEdit;
use riva_sandbox::salesforce::control::Edit as CrmEdit;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Numbers from a seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.draw() % u64::try_from(n.max(1)).unwrap()).unwrap()
    }
}

/// What must have become of an item at the end.
#[derive(Debug, Clone, Default)]
pub struct Fate {
    /// Texts that users gave fields last: one field is only ever edited on one side.
    pub last: BTreeMap<&'static str, String>,
    /// Deleted by a user where that deletes it everywhere.
    pub gone: bool,
    /// Deleted in the mailbox where the policy lets the CRM keep its own.
    pub kept_by_crm: bool,
}

/// Everything that users made in this test, by whom and key.
pub struct People {
    pub random: Random,
    pub made: BTreeMap<(&'static str, String), Fate>,
    serial: u64,
    pub edits: usize,
    pub deletions: usize,
}

#[allow(clippy::needless_pass_by_value)] // so that `fields(json!(…))` reads well
fn fields(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

impl People {
    pub fn new(seed: u64) -> Self {
        Self { random: Random(seed), made: BTreeMap::new(), serial: 0, edits: 0, deletions: 0 }
    }

    /// A user makes a contact or an event, in the mailbox or in the CRM.
    pub fn create(&mut self, tenant: &Tenant, user: &'static str) {
        self.serial += 1;
        let n = self.serial;
        let (in_mail, contact) = (self.random.below(2) == 0, self.random.below(2) == 0);
        let day = Utc::now().date_naive().and_time(NaiveTime::MIN).and_utc();
        let start = day + Duration::days(2 + i64::try_from(n % 60).unwrap()) + Duration::hours(9);
        let end = start + Duration::minutes(30);
        let email = format!("made-{n}@kill.example");
        let subject = format!("Visit {n}");
        let key = if contact {
            email.clone()
        } else {
            format!("{subject} at {}..{}", start.format("%F %H:%M"), end.format("%F %H:%M"))
        };
        let (start, end) = (start.format("%FT%TZ").to_string(), end.format("%FT%TZ").to_string());
        match (in_mail, contact) {
            (true, true) => Self::mail(
                tenant,
                user,
                "Contact",
                json!({
                    "GivenName": "Made", "Surname": format!("Person {n}"),
                    "EmailAddresses": {"EmailAddress1": email}, "JobTitle": "Buyer",
                }),
            ),
            (true, false) => Self::mail(
                tenant,
                user,
                "CalendarItem",
                json!({
                    "Subject": subject, "Start": start, "End": end, "Location": "Lobby",
                }),
            ),
            (false, true) => Self::crm(
                tenant,
                user,
                "Contact",
                json!({
                    "FirstName": "Made", "LastName": format!("Person {n}"), "Email": email, "MobilePhone": "+1 617 555 0100",
                }),
            ),
            (false, false) => Self::crm(
                tenant,
                user,
                "Event",
                json!({
                    "Subject": subject, "StartDateTime": start, "EndDateTime": end, "Description": "Bring samples.",
                }),
            ),
        }
        self.made.insert((user, key), Fate::default());
    }

    fn mail(tenant: &Tenant, user: &str, class: &str, value: Value) {
        let edit = MailEdit::Create { user: user.into(), class: class.into(), fields: fields(value) };
        tenant.sandbox.control().edit(edit).unwrap();
    }

    fn crm(tenant: &Tenant, user: &str, object: &str, value: Value) {
        let edit = CrmEdit::Create { object: object.into(), fields: fields(value) };
        tenant.sandbox.salesforce().edit(user, &edit).unwrap();
    }

    /// A user edits one field of an item that was made in this test, on the side that owns the field.
    pub fn edit(&mut self, tenant: &Tenant, user: &'static str) {
        let in_mail = self.random.below(2) == 0;
        let items =
            if in_mail { sides::mailbox(&tenant.sandbox, user) } else { sides::crm(&tenant.sandbox, user) };
        let Some((id, item)) = self.any_alive(user, &items) else { return };
        self.edits += 1;
        let text = format!("edit {}", self.edits);
        let (field, name) = match (in_mail, item.kind) {
            (true, "contact") => ("title", "JobTitle"),
            (true, _) => ("location", "Location"),
            (false, "contact") => ("mobile", "MobilePhone"),
            (false, _) => ("body", "Description"),
        };
        let set = fields(json!({ name: text }));
        if in_mail {
            let edit = MailEdit::Update { user: user.into(), id, occurrence: None, fields: set };
            tenant.sandbox.control().edit(edit).unwrap();
        } else {
            let object = if item.kind == "contact" { "Contact" } else { "Event" };
            let edit = CrmEdit::Update { object: object.into(), id, fields: set };
            tenant.sandbox.salesforce().edit(user, &edit).unwrap();
        }
        self.made.get_mut(&(user, item.key)).unwrap().last.insert(field, text);
    }

    fn any_alive(&mut self, user: &'static str, items: &Items) -> Option<(String, Shown)> {
        let alive: Vec<_> = items
            .iter()
            .filter(|(_, item)| {
                let fate = self.made.get(&(user, item.key.clone()));
                fate.is_some_and(|fate| !fate.gone && !fate.kept_by_crm)
            })
            .collect();
        alive.get(self.random.below(alive.len())).map(|found| (*found).clone())
    }

    /// A user deletes an item that is in step: one that both sides show alike.
    pub fn delete(&mut self, tenant: &Tenant, user: &'static str) {
        let (mail, crm) = (sides::mailbox(&tenant.sandbox, user), sides::crm(&tenant.sandbox, user));
        let Some((id, item)) = self.any_alive(user, &mail) else { return };
        let Some((crm_id, _)) = crm.iter().find(|(_, twin)| *twin == item) else { return };
        self.deletions += 1;
        let contact = item.kind == "contact";
        let fate = self.made.get_mut(&(user, item.key)).unwrap();
        if self.random.below(2) == 0 {
            let hard = self.random.below(2) == 0;
            tenant
                .sandbox
                .control()
                .edit(MailEdit::Delete { user: user.into(), id, occurrence: None, hard })
                .unwrap();
            // The policy's default: the CRM keeps a contact that was deleted in the mailbox.
            fate.kept_by_crm = contact;
            fate.gone = !contact;
        } else {
            let object = if contact { "Contact" } else { "Event" };
            let edit = CrmEdit::Delete { object: object.into(), id: crm_id.clone() };
            tenant.sandbox.salesforce().edit(user, &edit).unwrap();
            fate.gone = true;
        }
    }

    /// A busy moment: a few things at once, by anybody.
    pub fn busy(&mut self, tenant: &Tenant, deeds: usize, deleting: bool) {
        for _ in 0..deeds {
            let user = USERS[self.random.below(USERS.len())];
            match self.random.below(10) {
                0..4 => self.create(tenant, user),
                4 if deleting => self.delete(tenant, user),
                _ => self.edit(tenant, user),
            }
        }
    }
}
