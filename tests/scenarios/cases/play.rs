//! Plays a case on a pair of systems, and compares what stands on both sides with what the case says.

use super::case::{Case, Deed, Mail, ORGANIZER, Step};
use super::items::{RULES_OF_BERLIN, calendar};
use super::places::{CrmDeed, Place, Record, moved};
use crate::office::Office;
use crate::pairs::Person;
use crate::story::{Rules, TWO_WAY};
use chrono::{DateTime, TimeDelta, Utc};
use riva_api::{Agent as _, Decide, HoldsQuery, QueueRow};
use riva_core::documents::ConflictWinner;
use riva_core::holds::Decision;
use riva_core::ports::Clock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// A clock that was set to the tenth of February 2027 when the case began: both changes of clocks of that year and the leap
/// day of the next lie in the time that is synced.
struct SetClock(Instant);

impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        let begun = DateTime::from_timestamp(1_802_260_800, 0).expect("2027-02-10T12:00:00Z");
        begun + TimeDelta::from_std(self.0.elapsed()).expect("a short while")
    }
}

/// The users of a case.
pub fn people(case: &Case, domain: &str) -> Vec<Person> {
    let one = |n: usize| {
        let story = format!("case{}-{n}", case.serial);
        Person { address: format!("{story}@{domain}"), story }
    };
    (0..case.people).map(one).collect()
}

/// What was wrong, if something was.
pub async fn play(place: &dyn Place, case: &Case) -> Option<String> {
    let people = people(case, place.domain());
    let zone = case.in_berlin.then(|| {
        format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//people//EN\n{RULES_OF_BERLIN}END:VCALENDAR\n")
            .replace('\n', "\r\n")
    });
    for who in &people {
        place.hire(who, zone.as_deref()).await;
    }
    let rules = Rules { conflict: ConflictWinner::Mail, ..TWO_WAY };
    let office = Office::of(place_of(place), &people, case.kind, rules, Arc::new(SetClock(Instant::now())));
    let mut stage = Stage { place, case, people, office };
    let mut wrong = None;
    for (n, step) in case.steps.iter().enumerate() {
        if let Err(why) = stage.step(step).await {
            let activity = stage.office.activity().await.join("\n    ");
            wrong = Some(format!(
                "{} on {}, step {}: {why}\n  {}\n    {activity}",
                case.name,
                place.name(),
                n + 1,
                case.decides
            ));
            break;
        }
    }
    stage.office.stop().await;
    wrong
}

fn place_of(place: &dyn Place) -> &dyn crate::pairs::Connected {
    place
}

struct Stage<'a> {
    place: &'a dyn Place,
    case: &'a Case,
    people: Vec<Person>,
    office: Office,
}

impl Stage<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), String> {
        // Systems that tell whole seconds: an edit in the second of our last write would be seen some seconds later.
        crate::play::the_next_second().await;
        for deed in &step.deeds {
            self.deed(deed).await;
        }
        let before = self.texts().await;
        let rows = self.office.sync().await;
        let after = self.texts().await;
        let mut expected: Vec<&str> = step.crm.split("; ").filter(|record| !record.is_empty()).collect();
        let seen = self.shown().await;
        if self.records().await.iter().any(|record| record.free.is_none()) {
            for record in &mut expected {
                *record = record.trim_end_matches(" (free)");
            }
        }
        compare("the CRM", &expected, &seen)?;
        self.apart(step, &rows).await?;
        match step.mail {
            Mail::Untouched if before == after => Ok(()),
            Mail::Untouched => {
                let (before, after) = (unfolded(&before), unfolded(&after));
                let differs = |a: &str, b: &str| -> Vec<String> {
                    a.lines().filter(|line| !b.contains(line)).map(str::to_owned).collect()
                };
                let (gone, new) = (differs(&before, &after), differs(&after, &before));
                Err(format!("the mailbox was written to: {gone:#?} has become {new:#?}"))
            }
            Mail::Has(lines) => {
                let text = unfolded(&after);
                let wrong = lines.iter().find(|line| match line.strip_prefix('-') {
                    Some(line) => text.contains(line),
                    None => !text.contains(*line),
                });
                wrong.map_or(Ok(()), |line| Err(format!("the mailbox: {line} in {text}")))
            }
        }
    }

    async fn texts(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for who in &self.people {
            for (name, text) in self.place.texts(who, self.case.kind).await {
                all.insert(format!("{} {name}", who.address), text);
            }
        }
        all
    }

    /// All records of all users.
    async fn records(&self) -> Vec<Record> {
        let mut all = Vec::new();
        for who in &self.people {
            all.extend(self.place.records(who, self.case.kind).await);
        }
        all
    }

    async fn shown(&self) -> Vec<String> {
        let free = |record: &Record| if record.free == Some(true) { " (free)" } else { "" };
        let mut all: Vec<String> =
            self.records().await.iter().map(|r| format!("{}{}", r.shown(), free(r))).collect();
        all.sort();
        all
    }

    /// The one record that starts then.
    async fn record(&self, start: &str) -> Record {
        let mut found = self.records().await;
        found.retain(|record| record.shown().starts_with(start));
        assert_eq!(found.len(), 1, "{}: {start}: {found:?}", self.case.name);
        found.remove(0)
    }

    async fn in_crm(&self, start: &str, deed: impl for<'r> FnOnce(&'r Record) -> CrmDeed<'static>) {
        let record = self.record(start).await;
        for who in &self.people {
            if self.place.records(who, self.case.kind).await.iter().any(|one| one.id == record.id) {
                return self.place.in_crm(who, &record, deed(&record)).await;
            }
        }
    }

    async fn deed(&mut self, deed: &Deed) {
        let (kind, sandbox) = (self.case.kind, self.place.sandbox());
        let exchange = || sandbox.expect("Exchange is the sandbox's");
        match deed {
            Deed::Put(name, components) => {
                let text = calendar(name, components).replace(ORGANIZER, &self.people[0].address);
                for who in &self.people {
                    self.place.put(who, kind, name, Some(text.clone())).await;
                }
            }
            Deed::Remove(whose, name) => self.place.put(&self.people[*whose], kind, name, None).await,
            Deed::Item(fields) => exchange().make(&self.people[0], kind, fields),
            Deed::Change(occurrence, fields) => exchange().change(&self.people[0], kind, *occurrence, fields),
            Deed::CancelOne(occurrence) => exchange().cancel(&self.people[0], kind, *occurrence),
            Deed::Retitle(start, title) => self.in_crm(start, |_| CrmDeed::Retitle(title)).await,
            Deed::Move(start, minutes) => {
                let to = |record: &Record| moved(record.span, *minutes);
                self.in_crm(start, |record| CrmDeed::Move(to(record).0, to(record).1)).await;
            }
            Deed::DeleteRecord(start) => self.in_crm(start, |_| CrmDeed::Delete).await,
            Deed::NewZoneRules(name, before, now) => {
                self.office.read_by_other_zone_rules().await;
                exchange().shelf.means(super::places::user(&self.people[0]), name, before, now);
            }
            Deed::Approve => {
                let client = self.office.client();
                let holds = client.holds(&HoldsQuery { member: None, closed: false }).await.unwrap();
                assert_eq!(holds.len(), 1, "{}: {holds:?}", self.case.name);
                let decide =
                    Decide { number: holds[0].number, decision: Decision::Approve, by: "case".into() };
                client.decide(&decide).await.unwrap();
            }
        }
    }

    /// Compares why things are not in step.
    async fn apart(&self, step: &Step, rows: &[QueueRow]) -> Result<(), String> {
        let mut why = Vec::new();
        for row in rows {
            let listed = self.office.client().not_synced(row.member.id).await.unwrap();
            why.extend(listed.into_iter().map(|item| format!("{}: {}", item.called(), item.reason)));
        }
        why.sort();
        why.dedup();
        let as_expected = why.len() == step.apart.len()
            && why.iter().zip(step.apart).all(|(why, part)| why.contains(*part));
        if as_expected { Ok(()) } else { Err(format!("not in step: {:?}, but {why:#?}", step.apart)) }
    }
}

fn compare(what: &str, expected: &[&str], seen: &[String]) -> Result<(), String> {
    if expected == seen {
        Ok(())
    } else {
        Err(format!("{what}:\n  expected {expected:#?}\n  seen {seen:#?}"))
    }
}

/// All texts, their folded lines as one.
fn unfolded(texts: &BTreeMap<String, String>) -> String {
    let all: Vec<String> = texts.values().map(|text| text.replace("\r\n ", "").replace('\r', "")).collect();
    all.join("\n")
}
