//! Series on real servers: what other programs write of them, and what we write among their lines.

use super::{Server, servers};
use chrono::{NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use riva_core::fault::ItemError;
use riva_core::ids::{Marker, PairId, RemoteId};
use riva_core::item::{Field, Item, Module, Override, RecurrenceId, Value, When};
use riva_core::ports::{Change, Fetched, Patch, RemoteRef, Removal, SilentWriter};
use std::collections::BTreeMap;

type Overrides = BTreeMap<RecurrenceId, Override>;

/// Mondays at nine in Berlin, over the change of clocks; one is moved, one is left out.
const THEIRS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Other//EN\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19961027T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\nBEGIN:DAYLIGHT\r\nDTSTART:19970330T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:their-series\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;TZID=Europe/Berlin:20270315T090000\r\nDTEND;TZID=Europe/Berlin:20270315T094500\r\nRRULE:FREQ=WEEKLY;COUNT=6\r\nEXDATE;TZID=Europe/Berlin:20270405T090000\r\nSUMMARY:Jour fixe\r\nX-OTHER;X-P=\"a;b\":keep, me; please\r\nBEGIN:VALARM\r\nACTION:EMAIL\r\nATTENDEE:mailto:me@x.test\r\nSUMMARY:s\r\nDESCRIPTION:d\r\nTRIGGER:-P1D\r\nEND:VALARM\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:their-series\r\nRECURRENCE-ID;TZID=Europe/Berlin:20270329T090000\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;TZID=Europe/Berlin:20270330T090000\r\nDTEND;TZID=Europe/Berlin:20270330T094500\r\nSUMMARY:Jour fixe\r\nX-OTHER;X-P=\"a;b\":of the occurrence\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

fn at(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").expect("a time")
}

fn wall(day: &str) -> RecurrenceId {
    RecurrenceId::Wall(at(&format!("{day}T090000")))
}

fn nine(day: &str) -> Value {
    let (start, end) = (at(&format!("{day}T090000")), at(&format!("{day}T094500")));
    Value::When(When::Timed { start, end, zone: Tz::Europe__Berlin })
}

fn changed(field: Field, value: Value) -> Override {
    Override::Changed([(field, value)].into())
}

fn marker() -> Marker {
    Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 }
}

/// A resource of a user, as another program sees it.
struct Theirs {
    client: reqwest::Client,
    url: String,
    user: String,
    id: RemoteId,
}

impl Theirs {
    fn new(server: &Server, user: &str, name: &str) -> Self {
        let place = if server.text("server") == "radicale" { "calendar" } else { "calendars/calendar" };
        Self {
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
            url: format!("{}{user}/{place}/{name}", server.text("url")),
            user: user.to_owned(),
            id: RemoteId::new(format!("/{user}/{place}/{name}")),
        }
    }

    /// Sends until the collection is not locked by somebody else's write (423).
    async fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Response {
        let request = request.basic_auth(&self.user, Some(format!("{}-secret", self.user)));
        for _ in 0..200 {
            let again = request.try_clone().expect("its body is a text");
            let answer = again.send().await.expect("an answer");
            if answer.status().as_u16() != 423 {
                return answer;
            }
        }
        panic!("it stays locked");
    }

    async fn put(&self, text: &str) {
        let request =
            self.client.put(&self.url).header("content-type", "text/calendar").body(text.to_owned());
        let answer = self.send(request).await;
        assert!(
            answer.status().is_success(),
            "{}: {}",
            answer.status(),
            answer.text().await.unwrap_or_default()
        );
    }

    async fn text(&self) -> String {
        self.send(self.client.get(&self.url)).await.text().await.expect("a text")
    }

    async fn delete(&self) {
        let status = self.send(self.client.delete(&self.url)).await.status();
        assert!(status.is_success(), "{status}");
    }

    async fn read(&self, mailbox: &dyn SilentWriter) -> (RemoteRef, Item) {
        let found = mailbox.fetch(Module::Calendar, std::slice::from_ref(&self.id)).await.expect("an answer");
        match found.into_iter().next() {
            Some(Fetched::Present { version, item, .. }) => {
                (RemoteRef { id: self.id.clone(), version }, *item)
            }
            other => panic!("it should be there: {other:?}"),
        }
    }

    async fn set(
        &self,
        mailbox: &dyn SilentWriter,
        (at, base): (RemoteRef, Item),
        overrides: Overrides,
    ) -> Result<(), ItemError> {
        let value = if overrides.is_empty() { Value::Blank } else { Value::Overrides(overrides) };
        let set = BTreeMap::from([(Field::Overrides, value)]);
        let patch = Patch { id: at.id, version: at.version, marker: marker(), set, base };
        mailbox.update(Module::Calendar, &[patch]).await.expect("an answer").remove(0).map(drop)
    }
}

/// The events of a text: their lines, unfolded and in order, by whether they are of the occurrence of that day.
fn events(text: &str, but: &[&str]) -> Vec<Vec<String>> {
    let text = text.replace("\r\n ", "");
    let events = text.split("BEGIN:VEVENT").skip(1);
    let lines = |event: &str| {
        let mut lines: Vec<String> =
            event.lines().filter(|l| !but.iter().any(|b| l.starts_with(b))).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    events.map(|event| lines(event.split("END:VEVENT").next().unwrap_or_default())).collect()
}

fn overrides(item: &Item) -> Overrides {
    item.overrides().cloned().unwrap_or_default()
}

#[tokio::test]
async fn occurrences_are_read_and_changed_one_by_one_among_the_lines_of_others() {
    for server in servers() {
        let mailbox = server.mailbox("bob").await;
        let theirs = Theirs::new(&server, "bob", "their-series.ics");
        theirs.put(THEIRS).await;
        let (stored, (version, item)) = (theirs.text().await, theirs.read(mailbox.as_ref()).await);
        let before = BTreeMap::from([
            (wall("20270329"), changed(Field::When, nine("20270330"))),
            (wall("20270405"), Override::Cancelled),
        ]);
        assert_eq!(overrides(&item), before, "{}", server.text("server"));
        // Its feed tells of it once, as one item.
        let page = mailbox.changes(Module::Calendar, None).await.expect("a page");
        let ours = page.changes.iter().filter(|c| matches!(c, Change::Seen { id, .. } if *id == theirs.id));
        assert_eq!(ours.count(), 1);

        let mut wanted = before.clone();
        wanted.insert(wall("20270412"), changed(Field::Location, Value::text("Room 1")));
        wanted.insert(wall("20270419"), Override::Cancelled);
        let old = (version.clone(), item.clone());
        theirs.set(mailbox.as_ref(), (version, item), wanted.clone()).await.expect("written");
        let (now, item) = theirs.read(mailbox.as_ref()).await;
        assert_eq!(overrides(&item), wanted);
        let text = theirs.text().await;
        let ours = ["EXDATE", "DTSTAMP", "LAST-MODIFIED", "X-RIVA-MARKER", "ATTENDEE"];
        let (was, is) = (events(&stored, &ours), events(&text, &ours));
        assert_eq!((was.len(), is.len()), (2, 3), "{text}");
        assert!(was.iter().all(|event| is.contains(event)), "{stored}\n{text}");
        let new = is.iter().find(|event| !was.contains(event)).expect("the new one");
        assert!(new.iter().any(|l| l.starts_with("X-OTHER;X-P=")), "{new:?}");
        // Of a version that was read before, nothing is written.
        assert_eq!(theirs.set(mailbox.as_ref(), old, before.clone()).await, Err(ItemError::VersionMoved));
        // Put back: the copy is gone, theirs is as it was.
        theirs.set(mailbox.as_ref(), (now, item), before.clone()).await.expect("written");
        assert_eq!(events(&theirs.text().await, &ours), was);
        let (at, _) = theirs.read(mailbox.as_ref()).await;
        let removal = Removal { id: at.id, version: at.version };
        assert_eq!(mailbox.delete(Module::Calendar, &[removal]).await.expect("an answer"), [Ok(())]);
    }
}

#[tokio::test]
async fn a_series_that_cannot_be_told_says_why() {
    for server in servers() {
        let mailbox = server.mailbox("bob").await;
        let theirs = Theirs::new(&server, "bob", "following.ics");
        theirs.put(&THEIRS.replace("RECURRENCE-ID;", "RECURRENCE-ID;RANGE=THISANDFUTURE;")).await;
        let (at, item) = theirs.read(mailbox.as_ref()).await;
        assert!(item.text(Field::Recurrence).is_some_and(|why| why.contains("RANGE")), "{item:?}");
        let refused = theirs.set(mailbox.as_ref(), (at, item), Overrides::new()).await;
        assert!(matches!(refused, Err(ItemError::Invalid { .. })), "{refused:?}");
        theirs.delete().await;
    }
}

/// A server that mails by itself would decline an occurrence that an attendee leaves out, and tell attendees of an
/// organizer's.
#[tokio::test]
async fn no_occurrence_is_declined_or_cancelled_by_mail() {
    let Some(server) = Server::from("RIVA_XANDIKOS") else { return };
    let mailbox = server.mailbox("alice").await;
    for (organizer, attendee) in
        [("boss@elsewhere.test", "alice@riva.test"), ("alice@riva.test", "b@elsewhere.test")]
    {
        let theirs = Theirs::new(&server, "alice", "meetings.ics");
        let people = format!(
            "SUMMARY:Jour fixe\r\nORGANIZER:mailto:{organizer}\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:{attendee}"
        );
        theirs.put(&THEIRS.replace("SUMMARY:Jour fixe", &people)).await;
        let (at, item) = theirs.read(mailbox.as_ref()).await;
        let mut wanted = overrides(&item);
        wanted.insert(wall("20270412"), Override::Cancelled);
        let refused = theirs.set(mailbox.as_ref(), (at, item), wanted).await;
        assert!(matches!(refused, Err(ItemError::WouldNotify { .. })), "{organizer}: {refused:?}");
        theirs.delete().await;
    }
}

#[tokio::test]
async fn whole_days_are_named_as_days() {
    for server in servers() {
        let mailbox = server.mailbox("bob").await;
        let theirs = Theirs::new(&server, "bob", "days.ics");
        theirs.put("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Other//EN\r\nBEGIN:VEVENT\r\nUID:days\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;VALUE=DATE:20270315\r\nRRULE:FREQ=WEEKLY;UNTIL=20270430\r\nEXDATE;VALUE=DATE:20270322\r\nSUMMARY:Market day\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n").await;
        let (at, item) = theirs.read(mailbox.as_ref()).await;
        let day = |d| NaiveDate::from_ymd_opt(2027, 3, d).expect("a day in March");
        let moved = Value::When(When::AllDay { start: day(30), end: day(31) });
        let wanted = BTreeMap::from([
            (RecurrenceId::Day(day(22)), Override::Cancelled),
            (RecurrenceId::Day(day(29)), changed(Field::When, moved)),
        ]);
        theirs.set(mailbox.as_ref(), (at, item), wanted.clone()).await.expect("written");
        assert_eq!(overrides(&theirs.read(mailbox.as_ref()).await.1), wanted);
        assert!(theirs.text().await.contains("RECURRENCE-ID;VALUE=DATE:20270329"));
        theirs.delete().await;
    }
}
