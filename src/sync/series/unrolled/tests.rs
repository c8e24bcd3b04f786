//! What the engine is shown of occurrences, and what becomes of its writes to them, between it and a calendar.

use crate::scripted::visits::visit;
use crate::scripted::{Bench, present, unavailable, written};
use crate::simulator::world::run_until_killed;
use chrono::Duration;
use chrono_tz::Europe::Berlin;
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::{Marker, PairId, RemoteId, Version};
use riva_core::item::{
    Ends, Field, Frequency, Item, Module, Override, Recurrence, RecurrenceId, Rule, Value, When,
};
use riva_core::ports::{Fetched, Patch, RemoteRef, Removal, SeriesSupport, SilentWriter, Written};
use std::sync::Arc;
use uuid::Uuid;

fn of(day: u32) -> RecurrenceId {
    RecurrenceId::parse(&format!("202611{day:02}T090000")).expect("a day")
}

/// The id of a day of a series.
fn on(series: &str, day: u32) -> RemoteId {
    RemoteId::from(series).occurrence(of(day))
}

/// In room 1, on ten days from the 10th on.
fn daily() -> Item {
    let mut item = visit("Room 1");
    let start = of(10).wall();
    item.set(Field::When, Value::When(When::Timed { start, end: start + Duration::hours(1), zone: Berlin }));
    let rule = Rule { ends: Ends::After(10), ..Rule::every(1, Frequency::Daily) };
    item.set(Field::Recurrence, Value::Recurrence(Recurrence { rules: vec![rule], ..Recurrence::default() }));
    item
}

/// The same, and one day differs.
fn with(day: u32, change: Override) -> Item {
    let mut item = daily();
    item.set(Field::Overrides, Value::Overrides([(of(day), change)].into()));
    item
}

fn in_room(room: &str) -> Override {
    Override::Changed([(Field::Location, Value::text(room))].into())
}

fn told_otherwise() -> Item {
    let mut item = daily();
    item.set_text(Field::Recurrence, "it follows the moon");
    item
}

/// A calendar with two series and a single appointment, as the engine sees it in one cycle.
struct Calendar {
    bench: Bench,
    seen: Arc<dyn SilentWriter>,
}

impl Calendar {
    fn new() -> Self {
        let bench = Bench::new(|_, caps| caps.series = SeriesSupport::Full);
        for series in ["s", "t"] {
            bench.mail.shows(series, "1", &daily());
        }
        bench.mail.shows("single", "1", &visit("Room 1"));
        let seen = super::super::unrolled(&bench.context(), Bench::hasher()).mail;
        Self { bench, seen }
    }

    /// What the calendar was asked for since this was last asked.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.bench.mail.script().calls)
    }

    /// What it shows as soon as something is written.
    fn makes(&self, id: &str, item: &Item) {
        self.bench.mail.script().made.insert(id.into(), present("2", item));
    }

    fn read(&self, ids: &[RemoteId]) -> Vec<Fetched> {
        let read = self.seen.fetch(Module::Calendar, ids);
        run_until_killed(read).expect("nothing waits").expect("it can be read")
    }

    fn version(&self, id: &RemoteId) -> Version {
        let [Fetched::Present { version, .. }] = &self.read(std::slice::from_ref(id))[..] else {
            panic!("{id} is there")
        };
        version.clone()
    }

    fn room(&self, id: &RemoteId) -> Option<String> {
        let [Fetched::Present { item, .. }] = &self.read(std::slice::from_ref(id))[..] else { return None };
        item.text(Field::Location).map(str::to_owned)
    }

    /// Into another room, as it is now.
    fn to(&self, room: &str, id: &RemoteId) -> Patch {
        Patch {
            id: id.clone(),
            version: self.version(id),
            marker: Marker { pair: PairId(Uuid::nil()), generation: 1 },
            set: [(Field::Location, Value::text(room))].into(),
            base: daily(),
        }
    }

    fn off(&self, id: &RemoteId) -> Removal {
        Removal { id: id.clone(), version: self.version(id) }
    }

    fn update(&self, patches: &[Patch]) -> Vec<Result<Written, ItemError>> {
        let update = self.seen.update(Module::Calendar, patches);
        run_until_killed(update).expect("nothing waits").expect("it can be written")
    }

    fn delete(&self, removals: &[Removal]) -> Result<Vec<Result<(), ItemError>>, CallError> {
        run_until_killed(self.seen.delete(Module::Calendar, removals)).expect("nothing waits")
    }
}

#[test]
fn a_series_is_read_once_in_a_cycle_whatever_is_asked_of_it() {
    let calendar = Calendar::new();
    calendar.read(&[on("s", 10), on("t", 10), on("s", 11)]);
    assert_eq!(calendar.asked(), ["fetch 2"]);
    calendar.read(&[on("t", 19), on("s", 12)]);
    assert_eq!(calendar.asked(), Vec::<String>::new());
    // That one is gone is known by then, too.
    assert_eq!(calendar.read(&[on("gone", 10)]), [Fetched::Gone]);
    assert_eq!(calendar.read(&[on("gone", 11)]), [Fetched::Gone]);
    assert_eq!(calendar.asked(), ["fetch 1"]);
    // What is asked for by its own id is read anew; a series is kept from then on.
    calendar.bench.mail.shows("u", "1", &daily());
    for id in ["u", "u", "single", "single"] {
        calendar.read(&[id.into()]);
    }
    assert_eq!(calendar.asked(), ["fetch 1"; 4]);
    calendar.read(&[on("u", 10)]);
    assert_eq!(calendar.asked(), Vec::<String>::new());
}

#[test]
fn so_many_series_are_kept_at_once_and_read_in_batches() {
    let calendar = Calendar::new();
    let names: Vec<String> = (0..=super::KEPT).map(|n| format!("n{n:02}")).collect();
    for name in &names {
        calendar.bench.mail.shows(name, "1", &daily());
    }
    let days: Vec<RemoteId> = names.iter().map(|name| on(name, 10)).collect();
    let (kept, one_more) = days.split_at(super::KEPT);
    let (first, second) = kept.split_at(super::KEPT / 2);
    calendar.read(first);
    assert_eq!(calendar.asked(), ["fetch 10", "fetch 10", "fetch 10", "fetch 2"]);
    calendar.read(second);
    assert_eq!(calendar.asked().len(), 4);
    calendar.read(kept);
    assert_eq!(calendar.asked(), Vec::<String>::new());
    // There is no end to what a calendar may hold, but to what is kept of it.
    calendar.read(one_more);
    calendar.read(&first[..1]);
    assert_eq!(calendar.asked(), ["fetch 1", "fetch 1"]);
}

#[test]
fn what_an_occurrence_shows_follows_from_its_series() {
    let calendar = Calendar::new();
    let shows = |item: &Item| {
        let calendar = Calendar::new();
        calendar.bench.mail.shows("s", "1", item);
        calendar.read(&[on("s", 11)]).remove(0)
    };
    assert_eq!(calendar.room(&on("s", 11)).as_deref(), Some("Room 1"));
    assert_eq!(calendar.read(&[on("s", 9), on("s", 20)]), [Fetched::Gone, Fetched::Gone]);
    assert_eq!(shows(&with(11, Override::Cancelled)), Fetched::Gone);
    assert_eq!(shows(&visit("Room 1")), Fetched::Gone, "it is a single appointment now");
    // Nobody knows whether it takes place: that is no reason to delete its record.
    assert_eq!(shows(&told_otherwise()), Fetched::Unreadable { reason: "it follows the moon".into() });
}

#[test]
fn changes_of_several_days_are_one_change_of_their_series() {
    let calendar = Calendar::new();
    let ids = [on("s", 10), "single".into(), on("t", 10), on("s", 11)];
    let patches: Vec<Patch> = ids.iter().map(|id| calendar.to("Room 2", id)).collect();
    calendar.asked();
    let done = |id| written(id, "2", Some(&daily()));
    calendar.bench.mail.answers([done("single"), done("s"), done("t")]);
    let answers = calendar.update(&patches);
    assert_eq!(calendar.asked(), ["fetch 2", "update 3"]);
    let at: Vec<RemoteId> = answers.into_iter().map(|answer| answer.expect("it was written").at.id).collect();
    assert_eq!(at, ids);
    assert_eq!(calendar.update(&[]), []);
    assert_eq!(calendar.asked(), Vec::<String>::new());
}

#[test]
fn what_is_not_answered_may_have_been_written() {
    let calendar = Calendar::new();
    let patches = [on("s", 10), on("t", 10), "single".into()].map(|id| calendar.to("Room 2", &id));
    calendar.bench.mail.answers([written("single", "2", None)]);
    let [s, t, single] = &calendar.update(&patches)[..] else { panic!("an answer for each") };
    assert!(matches!((s, t), (Err(ItemError::InDoubt(_)), Err(ItemError::InDoubt(_)))), "{s:?}, {t:?}");
    assert!(single.is_ok(), "{single:?}");
    // As well where nothing is answered.
    let calendar = Calendar::new();
    let patches = ["single".into(), on("s", 10)].map(|id| calendar.to("Room 2", &id));
    calendar.bench.mail.answers([]);
    let answers = calendar.update(&patches);
    let in_doubt = answers.iter().filter(|answer| matches!(answer, Err(ItemError::InDoubt(_)))).count();
    assert_eq!((answers.len(), in_doubt), (2, 2), "{answers:?}");
}

#[test]
fn what_was_written_is_shown_from_then_on() {
    let calendar = Calendar::new();
    calendar.read(&[on("t", 10)]);
    let patch = calendar.to("Room 2", &on("s", 10));
    calendar.makes("s", &with(10, in_room("Room 2")));
    calendar.bench.mail.answers([written("s", "2", Some(&with(10, in_room("Room 2"))))]);
    calendar.update(&[patch])[0].as_ref().expect("it was written");
    assert_eq!(calendar.room(&on("s", 10)).as_deref(), Some("Room 2"));
    let removal = calendar.off(&on("s", 10));
    calendar.makes("s", &with(10, Override::Cancelled));
    calendar.bench.mail.answers([written("s", "3", None)]);
    assert_eq!(calendar.delete(&[removal]), Ok(vec![Ok(())]));
    assert_eq!(calendar.room(&on("s", 10)), None);
    // The other one is as it was read.
    calendar.asked();
    calendar.read(&[on("t", 10)]);
    assert_eq!(calendar.asked(), Vec::<String>::new());
}

#[test]
fn the_answer_shows_what_the_calendar_made_of_it() {
    let calendar = Calendar::new();
    let patch = calendar.to("Room 2, second floor", &on("s", 10));
    let made = with(10, in_room("Room 2"));
    calendar.makes("s", &made);
    calendar.bench.mail.answers([written("s", "2", None)]);
    let answer = calendar.update(std::slice::from_ref(&patch)).remove(0).expect("it was written");
    assert_eq!(answer.item.as_ref().and_then(|item| item.text(Field::Location)), Some("Room 2"));
    assert_eq!(answer.at.version, calendar.version(&on("s", 10)));
}

/// Edited since it was read, or no occurrence any more: nothing is written, and the reason is the series' own.
#[test]
fn what_has_changed_since_it_was_read_is_not_written_over() {
    let moved = || ItemError::VersionMoved;
    let cases = [
        (present("2", &with(10, in_room("Room 7"))), moved(), Some("Room 7")),
        (present("2", &with(10, Override::Cancelled)), ItemError::Gone, None),
        (Fetched::Gone, ItemError::Gone, None),
        (present("2", &told_otherwise()), ItemError::Invalid { reason: "it follows the moon".into() }, None),
        (
            Fetched::OutOfScope,
            ItemError::Forbidden { reason: "the series is out of this user's reach".into() },
            None,
        ),
    ];
    for (now, refused, room) in cases {
        let calendar = Calendar::new();
        let id = on("s", 10);
        let (patch, removal) = (calendar.to("Room 2", &id), calendar.off(&id));
        calendar.bench.mail.script().there.insert("s".into(), now);
        calendar.asked();
        assert_eq!(calendar.update(&[patch]), [Err(refused.clone())]);
        assert_eq!(calendar.delete(&[removal]), Ok(vec![Err(refused)]));
        assert_eq!(calendar.asked(), ["fetch 1", "fetch 1"], "nothing is written");
        // What is read next is what was found, and not what was known before.
        assert_eq!(calendar.room(&id).as_deref(), room);
    }
    // Another day may change meanwhile.
    let calendar = Calendar::new();
    let patch = calendar.to("Room 2", &on("s", 10));
    calendar.bench.mail.shows("s", "2", &with(11, in_room("Room 7")));
    calendar.bench.mail.answers([written("s", "3", None)]);
    assert!(calendar.update(&[patch])[0].is_ok());
}

#[test]
fn appointments_are_deleted_and_occurrences_cancelled() {
    let calendar = Calendar::new();
    let removals = [on("s", 10), "single".into(), on("s", 11)].map(|id| calendar.off(&id));
    calendar.asked();
    calendar.bench.mail.answers([Ok(None)]);
    calendar.bench.mail.answers([written("s", "2", None)]);
    assert_eq!(calendar.delete(&removals), Ok(vec![Ok(()); 3]));
    assert_eq!(calendar.asked(), ["delete 1", "fetch 1", "update 1"]);
    calendar.bench.mail.answers([Ok(None)]);
    assert_eq!(calendar.delete(&removals[1..2]), Ok(vec![Ok(())]));
    assert_eq!(calendar.asked(), ["delete 1"]);
    calendar.bench.mail.answers([written("s", "3", None)]);
    assert_eq!(calendar.delete(&removals[..1]), Ok(vec![Ok(())]));
    assert_eq!(calendar.asked(), ["fetch 1", "update 1"]);
}

/// Where appointments were deleted by the same call before, only the occurrences failed.
#[test]
fn a_cancelling_that_fails_is_told_of_what_it_was_for() {
    let lost = CallError::InDoubt("the line broke".into());
    for (error, told) in [
        (lost, ItemError::InDoubt("the line broke".into())),
        (unavailable(), ItemError::NotNow("no route".into())),
    ] {
        let calendar = Calendar::new();
        let removals = [on("s", 10), "single".into()].map(|id| calendar.off(&id));
        calendar.bench.mail.answers([Ok(None)]);
        calendar.bench.mail.fails(error.clone());
        let Ok(answers) = calendar.delete(&removals) else { panic!("the appointment was deleted") };
        assert_eq!(answers[1], Ok(()));
        match (&answers[0], told) {
            (Err(ItemError::NotNow(why)), ItemError::NotNow(told)) => assert!(why.contains(&told), "{why}"),
            (answer, told) => assert_eq!(*answer, Err(told)),
        }
        calendar.bench.mail.fails(error.clone());
        assert_eq!(calendar.delete(&removals[..1]), Err(error));
    }
}

#[test]
fn appointments_are_tagged_and_occurrences_are_not() {
    let calendar = Calendar::new();
    let marker = Marker { pair: PairId(Uuid::nil()), generation: 1 };
    let at = |id: RemoteId| RemoteRef { id, version: "1".into() };
    let tag = |ids: &[RemoteId]| {
        let tags: Vec<_> = ids.iter().map(|id| (at(id.clone()), marker)).collect();
        let tagged = calendar.seen.tag(Module::Calendar, &tags);
        run_until_killed(tagged).expect("nothing waits").expect("it answers")
    };
    calendar.bench.mail.script().tag = Some(Ok(vec![Ok(at("single".into()))]));
    let [occurrence, single] = &tag(&[on("s", 10), "single".into()])[..] else {
        panic!("an answer for each")
    };
    assert_eq!(single, &Ok(at("single".into())));
    assert!(matches!(occurrence, Err(ItemError::Forbidden { .. })), "{occurrence:?}");
    assert_eq!(calendar.asked(), ["tag 1"]);
    tag(&[on("s", 10)]);
    assert_eq!(calendar.asked(), Vec::<String>::new());
}

#[test]
fn what_a_calendar_remarks_is_passed_on() {
    let calendar = Calendar::new();
    calendar.bench.mail.script().remarks = vec!["It has a zone of its own.".into()];
    assert_eq!(calendar.seen.remarks(Module::Calendar), ["It has a zone of its own."]);
}
