//! Fills a new org with the company's users and records.

use super::event_time::{self, Values};
use super::org::Org;
use super::schema::{Object, Schema};
use super::values::{day, stamp};
use crate::seed::{Company, Person, SeedContact, SeedEvent, SeedTask};
use chrono::{Days, NaiveDate, TimeZone};
use serde_json::Value;
use std::collections::BTreeMap;

/// The org of a company whose sandbox's today is `today`.
pub fn org(company: &Company, today: NaiveDate) -> Org {
    let has = &company.salesforce;
    let schema = Schema::new(has.sync_key_field, has.enhanced_email, has.files);
    let mut org = Org::new(schema.clone(), company.salesforce.multi_day_events);
    // The schema has these objects by construction; an org without them stays empty.
    let objects =
        ["User", "Account", "Contact", "Event", "Task", "Organization", "Profile"].map(|n| schema.object(n));
    let [
        Some(users),
        Some(accounts),
        Some(contacts),
        Some(events),
        Some(tasks),
        Some(organizations),
        Some(profiles),
    ] = objects
    else {
        return org;
    };
    let profile = org.insert(&profiles, Values::from([("Name", "Standard User".into())]), "");
    let integration = user(
        &company.salesforce.account,
        ("Integration", "User"),
        &company.salesforce.account,
        true,
        &profile,
        "Europe/London",
    );
    let by = org.insert(&users, integration, "");
    org.integration_user.clone_from(&by);
    let id = org.id.clone();
    let own = Values::from([
        ("Id", id.into()),
        ("Name", company.name.as_str().into()),
        ("OrganizationType", "Enterprise Edition".into()),
        ("InstanceName", "DEMO1".into()),
        ("IsSandbox", false.into()),
        ("TimeZoneSidKey", "Europe/London".into()),
    ]);
    org.insert(&organizations, own, &by);

    let mut known_accounts = BTreeMap::new();
    for person in &company.people {
        let Some(crm) = &person.crm else { continue };
        let address = crm.address.as_deref().unwrap_or(&person.address);
        let mut values = user(
            &crm.user_name,
            (&person.given, &person.family),
            address,
            crm.active,
            &profile,
            &person.zone,
        );
        put(&mut values, "Title", &person.title);
        put(&mut values, "Department", &person.department);
        put(&mut values, "Phone", &person.phone);
        put(&mut values, "CompanyName", &company.name);
        let owner = org.insert(&users, values, &by);
        for entry in person.contacts.iter().filter(|c| c.in_crm) {
            let copy = entry.crm_copy();
            let account = (!copy.company.is_empty()).then(|| {
                known_accounts
                    .entry(copy.company.clone())
                    .or_insert_with(|| {
                        let values = Values::from([
                            ("Name", copy.company.as_str().into()),
                            ("OwnerId", by.as_str().into()),
                        ]);
                        org.insert(&accounts, values, &by)
                    })
                    .clone()
            });
            let mut values = contact(&copy);
            values.insert("OwnerId", owner.as_str().into());
            if let Some(account) = account {
                values.insert("AccountId", account.into());
            }
            org.insert(&contacts, values, &by);
        }
        for entry in person.events.iter().filter(|e| e.in_crm) {
            add_events(&mut org, &events, person, entry, &owner, today, &by);
        }
        for entry in person.tasks.iter().filter(|t| t.in_crm) {
            let mut values = task(entry, today);
            values.insert("OwnerId", owner.as_str().into());
            org.insert(&tasks, values, &by);
        }
    }
    org
}

fn task(entry: &SeedTask, today: NaiveDate) -> Values {
    let mut values = Values::new();
    put(&mut values, "Subject", &entry.subject);
    put(&mut values, "Description", &entry.body);
    put(&mut values, "Status", entry.crm_status.unwrap_or(entry.status).in_salesforce());
    put(&mut values, "Priority", entry.priority.in_salesforce());
    if let Some(due) = entry.due_on(today) {
        values.insert("ActivityDate", day(due).into());
    }
    values
}

fn put(values: &mut Values, field: &'static str, text: &str) {
    if !text.is_empty() {
        values.insert(field, text.into());
    }
}

fn user(
    user_name: &str,
    (given, family): (&str, &str),
    address: &str,
    active: bool,
    profile: &str,
    zone: &str,
) -> Values {
    let alias: String =
        given.chars().take(1).chain(family.chars().take(4)).collect::<String>().to_lowercase();
    let mut values = Values::from([
        ("Username", user_name.into()),
        ("LastName", family.into()),
        ("Email", address.into()),
        ("Alias", alias.into()),
        ("IsActive", active.into()),
        ("UserType", "Standard".into()),
        ("TimeZoneSidKey", zone.into()),
        ("LocaleSidKey", "en_GB".into()),
        ("ProfileId", profile.into()),
    ]);
    put(&mut values, "FirstName", given);
    values
}

fn contact(copy: &SeedContact) -> Values {
    let mut values = Values::new();
    put(&mut values, "FirstName", &copy.given);
    put(&mut values, "LastName", &copy.family);
    put(&mut values, "Title", &copy.job_title);
    put(&mut values, "Department", &copy.department);
    put(&mut values, "Description", &copy.notes);
    put(&mut values, "Email", copy.emails.first().map_or("", String::as_str));
    for (label, field) in [
        ("work", "Phone"),
        ("mobile", "MobilePhone"),
        ("home", "HomePhone"),
        ("workFax", "Fax"),
        ("other", "OtherPhone"),
    ] {
        put(&mut values, field, copy.phones.get(label).map_or("", String::as_str));
    }
    if let Some(address) = &copy.address {
        put(&mut values, "MailingStreet", &address.street);
        put(&mut values, "MailingCity", &address.city);
        put(&mut values, "MailingState", &address.state);
        put(&mut values, "MailingPostalCode", &address.postal_code);
        put(&mut values, "MailingCountry", &address.country);
    }
    values
}

/// A single event, or each occurrence of a series: this org's events do not recur.
fn add_events(
    org: &mut Org,
    object: &Object,
    person: &Person,
    entry: &SeedEvent,
    owner: &str,
    today: NaiveDate,
    by: &str,
) {
    for week in 0..entry.weekly_count.unwrap_or(1) {
        let zone = entry.zone_of(person);
        let start = entry.start_on(today) + Days::new(7 * u64::from(week));
        let mut given = Values::from([("DurationInMinutes", entry.minutes.into())]);
        if entry.all_day {
            given.insert("IsAllDayEvent", true.into());
            given.insert("ActivityDate", day(start.date()).into());
        } else {
            // A wall-clock time that the clock change leaves out moves one hour on.
            let instant = zone
                .from_local_datetime(&start)
                .earliest()
                .or_else(|| zone.from_local_datetime(&(start + chrono::TimeDelta::hours(1))).earliest());
            let Some(instant) = instant else { continue };
            given.insert("StartDateTime", stamp(instant.to_utc()).into());
        }
        // What the org refuses from clients may still be in it, from the time before a setting was changed.
        let Ok(times) = event_time::settle(&Values::new(), &given, true) else { continue };
        let mut values = times;
        values.insert("OwnerId", owner.into());
        values.insert("IsPrivate", entry.private.into());
        put(&mut values, "Subject", &entry.subject);
        put(&mut values, "Location", &entry.location);
        put(&mut values, "Description", &entry.body);
        values.insert("ShowAs", Value::from(if entry.all_day { "Free" } else { "Busy" }));
        org.insert(object, values, by);
    }
}
