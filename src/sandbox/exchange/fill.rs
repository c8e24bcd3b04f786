//! From a company to an organisation.

use super::attachments::Attachments;
use super::mailbox::{Item, Mailbox};
use super::organisation::{Account, Caller, Faults, Organisation, now};
use super::properties::Class;
use super::series::Series;
use super::xml::Element;
use super::{calendar, message, time, write};
use crate::seed::{Company, Person, SeedContact, SeedEvent, SeedPriority, SeedStatus, SeedTask};
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// The phone labels of the company file, as EWS keys.
const PHONES: &[(&str, &str)] = &[
    ("work", "BusinessPhone"),
    ("work2", "BusinessPhone2"),
    ("home", "HomePhone"),
    ("home2", "HomePhone2"),
    ("mobile", "MobilePhone"),
    ("workFax", "BusinessFax"),
    ("homeFax", "HomeFax"),
    ("pager", "Pager"),
    ("other", "OtherTelephone"),
];

/// The organisation of a company.
pub(super) fn organisation(company: &Company, today: NaiveDate) -> Organisation {
    let mut organisation = Organisation {
        accounts: Vec::new(),
        mailboxes: Vec::new(),
        outbox: Vec::new(),
        requests: BTreeMap::new(),
        in_flight: BTreeMap::new(),
        peak_concurrency: 0,
        generation: 1,
        faults: Faults::default(),
    };
    let service = &company.exchange;
    let own = company.person(&service.account).is_some();
    if !own {
        let domain =
            company.people.first().and_then(|p| p.address.split_once('@')).map_or("example.com", |(_, d)| d);
        let alias = service.account.rsplit('\\').next().unwrap_or(&service.account);
        let address = if alias.contains('@') { alias.to_owned() } else { format!("{alias}@{domain}") };
        organisation.mailboxes.push(Mailbox::new(&address, "Sync Service", true));
        organisation.accounts.push(Account {
            name: "Sync Service".to_owned(),
            given: "Sync".to_owned(),
            family: "Service".to_owned(),
            address,
            login: service.account.clone(),
            password: service.password.clone(),
            title: String::new(),
            department: String::new(),
            phone: String::new(),
            zone: chrono_tz::UTC,
            mailbox: Some(0),
            service: true,
            impersonation: false,
            full_access: false,
        });
    }
    for person in &company.people {
        let service_account = person.address.eq_ignore_ascii_case(&service.account);
        let mailbox = person.mailbox.then(|| {
            organisation.mailboxes.push(Mailbox::new(&person.address, &person.name, person.opened));
            organisation.mailboxes.len() - 1
        });
        organisation.accounts.push(Account {
            name: person.name.clone(),
            given: person.given.clone(),
            family: person.family.clone(),
            address: person.address.clone(),
            login: person.address.clone(),
            password: if service_account { service.password.clone() } else { person.password.clone() },
            title: person.title.clone(),
            department: person.department.clone(),
            phone: person.phone.clone(),
            zone: person.zone.parse().unwrap_or(chrono_tz::UTC),
            mailbox,
            service: service_account,
            impersonation: person.impersonation,
            full_access: person.full_access,
        });
        let account = organisation.accounts.len() - 1;
        if let Some(mailbox) = mailbox.filter(|_| person.opened) {
            fill(&mut organisation, account, mailbox, person, today);
        }
    }
    organisation
}

fn fill(organisation: &mut Organisation, account: usize, mailbox: usize, person: &Person, today: NaiveDate) {
    let caller =
        Caller { account, acting: account, version: 2016, zone: organisation.accounts[account].zone };
    let elements = person.contacts.iter().filter(|c| c.in_mail).map(|c| (Class::Contact, contact(c))).chain(
        person.events.iter().filter(|e| e.in_mail).map(|e| (Class::CalendarItem, event(e, person, today))),
    );
    let elements =
        elements.chain(person.tasks.iter().filter(|t| t.in_mail).map(|t| (Class::Task, task(t, today))));
    for seed in &person.messages {
        if let Err(fault) = message::fill(organisation, mailbox, seed, person, &caller, today) {
            tracing::warn!(person = %person.address, ?fault, "a message of the company file was refused");
        }
    }
    for (class, element) in elements {
        let folder = match class {
            Class::Contact => "contacts",
            Class::Task => "tasks",
            _ => "calendar",
        };
        let Some(folder) = organisation.mailboxes[mailbox].distinguished(folder) else { continue };
        let mut item = blank(class, folder, &person.name);
        let filled =
            write::fill(&mut item, &element, &caller).and_then(|()| calendar::finish(&mut item, &caller));
        match filled {
            // The invitations of these meetings went out long ago.
            Ok(()) => {
                item.request_sent = !calendar::attendees(&item).is_empty();
                organisation.mailboxes[mailbox].add_item(item);
            }
            Err(fault) => {
                tracing::warn!(person = %person.address, ?fault, "an entry of the company file was refused");
            }
        }
    }
}

/// An item without content.
pub(super) fn blank(class: Class, folder: u32, by: &str) -> Item {
    Item {
        number: 0,
        class,
        folder,
        properties: BTreeMap::new(),
        extended: Vec::new(),
        attachments: Attachments::default(),
        entered: 0,
        changed: 0,
        created: now(),
        modified: now(),
        modified_by: by.to_owned(),
        request_sent: false,
        organizer: None,
        series: Series::default(),
    }
}

fn contact(seed: &SeedContact) -> Element {
    let mut contact = Element::t("Contact");
    let shown = [seed.given.as_str(), seed.family.as_str()].join(" ").trim().to_owned();
    let mut put = |element: Element| {
        if !(element.text.is_empty() && element.children.is_empty()) {
            contact.children.push(element);
        }
    };
    put(Element::t("Sensitivity").text(if seed.private { "Private" } else { "Normal" }));
    put(Element::t("Body").attr("BodyType", "Text").text(&seed.notes));
    put(Element::t("Categories").with_all(seed.categories.iter().map(|c| Element::t("String").text(c))));
    put(Element::t("FileAsMapping").text("LastCommaFirst"));
    put(Element::t("DisplayName").text(if shown.is_empty() { seed.company.clone() } else { shown }));
    put(Element::t("GivenName").text(&seed.given));
    put(Element::t("CompanyName").text(&seed.company));
    let entry = |key: &str, text: &str| Element::t("Entry").attr("Key", key).text(text);
    let emails = seed.emails.iter().zip(super::properties::EMAIL_KEYS).map(|(e, key)| entry(key, e));
    put(Element::t("EmailAddresses").with_all(emails));
    if let Some(address) = &seed.address {
        let parts = [
            ("Street", &address.street),
            ("City", &address.city),
            ("State", &address.state),
            ("CountryOrRegion", &address.country),
            ("PostalCode", &address.postal_code),
        ];
        let parts =
            parts.into_iter().filter(|(_, t)| !t.is_empty()).map(|(name, t)| Element::t(name).text(t));
        put(Element::t("PhysicalAddresses").with(Element::t("Entry").attr("Key", "Business").with_all(parts)));
    }
    let phones = PHONES.iter().filter_map(|(label, key)| Some(entry(key, seed.phones.get(*label)?)));
    put(Element::t("PhoneNumbers").with_all(phones));
    put(Element::t("Department").text(&seed.department));
    put(Element::t("JobTitle").text(&seed.job_title));
    put(Element::t("Surname").text(&seed.family));
    contact
}

fn task(seed: &SeedTask, today: NaiveDate) -> Element {
    let text = |name: &'static str, text: &str| Element::t(name).text(text);
    let mut task = Element::t("Task")
        .with(text("Subject", &seed.subject))
        .with(text("Sensitivity", if seed.private { "Private" } else { "Normal" }));
    if !seed.body.is_empty() {
        task.children.push(text("Body", &seed.body).attr("BodyType", "Text"));
    }
    let categories = seed.categories.iter().map(|c| Element::t("String").text(c));
    task = task.with(Element::t("Categories").with_all(categories)).with(text(
        "Importance",
        match seed.priority {
            SeedPriority::Low => "Low",
            SeedPriority::Normal => "Normal",
            SeedPriority::High => "High",
        },
    ));
    let day = |name, day: NaiveDate| Element::t(name).text(format!("{day}T00:00:00Z"));
    task.children.extend(seed.due_on(today).map(|due| day("DueDate", due)));
    task.children.extend(seed.start_on(today).map(|start| day("StartDate", start)));
    task.with(text(
        "Status",
        match seed.status {
            SeedStatus::NotStarted => "NotStarted",
            SeedStatus::InProgress => "InProgress",
            SeedStatus::Completed => "Completed",
            SeedStatus::Waiting => "WaitingOnOthers",
            SeedStatus::Deferred => "Deferred",
        },
    ))
}

fn event(seed: &SeedEvent, person: &Person, today: NaiveDate) -> Element {
    let zone = seed.zone_of(person);
    let (start, end) = (seed.start_on(today), seed.end_on(today));
    let text = |name: &'static str, text: String| Element::t(name).text(text);
    let mut event = Element::t("CalendarItem")
        .with(text("Subject", seed.subject.clone()))
        .with(text("Sensitivity", if seed.private { "Private" } else { "Normal" }.to_owned()));
    if !seed.body.is_empty() {
        event.children.push(Element::t("Body").attr("BodyType", "Text").text(&seed.body));
    }
    event = event
        .with(text("Start", time::format(time::from_wall(start, zone))))
        .with(text("End", time::format(time::from_wall(end, zone))))
        .with(text("IsAllDayEvent", seed.all_day.to_string()))
        .with(text("LegacyFreeBusyStatus", if seed.all_day { "Free" } else { "Busy" }.to_owned()));
    if !seed.location.is_empty() {
        event.children.push(text("Location", seed.location.clone()));
    }
    if !seed.attendees.is_empty() {
        let attendees = seed.attendees.iter().map(|address| {
            Element::t("Attendee").with(Element::t("Mailbox").with(Element::t("EmailAddress").text(address)))
        });
        event.children.push(Element::t("RequiredAttendees").with_all(attendees));
    }
    if let Some(count) = seed.weekly_count {
        let day = start.format("%A").to_string();
        let weekly = Element::t("WeeklyRecurrence")
            .with(text("Interval", "1".to_owned()))
            .with(text("DaysOfWeek", day));
        let range = Element::t("NumberedRecurrence")
            .with(text("StartDate", start.format("%Y-%m-%d").to_string()))
            .with(text("NumberOfOccurrences", count.to_string()));
        event.children.push(Element::t("Recurrence").with(weekly).with(range));
    }
    let windows = time::windows(zone).name();
    event
        .with(Element::t("StartTimeZone").attr("Id", windows))
        .with(Element::t("EndTimeZone").attr("Id", windows))
}
