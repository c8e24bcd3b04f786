//! Series against the sandbox's Exchange: what its users do to occurrences, and what we do.

use super::{House, PRIYA, create_one, marker};
use chrono::{Duration, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::RemoteId;
use riva_core::item::{
    Ends, Field, Frequency, Item, Module, NthWeekday, Override, Recurrence, RecurrenceId, Rule, Value, When,
};
use riva_core::ports::{Draft, Fetched, Patch, RemoteRef, SilentWriter};
use riva_sandbox::exchange::Edit;
use std::collections::BTreeMap;

type Overrides = BTreeMap<RecurrenceId, Override>;

fn at(text: &str) -> NaiveDateTime {
    text.parse().unwrap()
}

fn wall(day: &str) -> RecurrenceId {
    RecurrenceId::Wall(at(&format!("{day}T09:00:00")))
}

fn nine(day: &str) -> When {
    let start = day.parse::<NaiveDate>().unwrap().and_hms_opt(9, 0, 0).unwrap();
    When::Timed { start, end: start + Duration::minutes(45), zone: Tz::Europe__Berlin }
}

fn mondays(count: u32) -> Value {
    let mut rule = Rule::every(1, Frequency::Weekly);
    rule.by_day = vec![NthWeekday { nth: None, day: chrono::Weekday::Mon }];
    rule.ends = Ends::After(count);
    Value::Recurrence(Recurrence { rules: vec![rule], ..Recurrence::default() })
}

/// Mondays at nine in Berlin, over the change of clocks.
fn jour_fixe(overrides: Overrides) -> Item {
    let mut item = Item::new(Module::Calendar);
    item.set_text(Field::Summary, "Jour fixe");
    item.set(Field::When, Value::When(nine("2027-03-15")));
    item.set(Field::Recurrence, mondays(6));
    if !overrides.is_empty() {
        item.set(Field::Overrides, Value::Overrides(overrides));
    }
    item
}

fn changed(field: Field, value: Value) -> Override {
    Override::Changed([(field, value)].into())
}

fn some_overrides() -> Overrides {
    BTreeMap::from([
        (wall("2027-03-22"), changed(Field::Location, Value::text("Room 1"))),
        (wall("2027-03-29"), changed(Field::When, Value::When(nine("2027-03-30")))),
        (wall("2027-04-05"), Override::Cancelled),
    ])
}

async fn read(side: &dyn SilentWriter, id: &RemoteId) -> (RemoteRef, Item) {
    match side.fetch(Module::Calendar, std::slice::from_ref(id)).await.unwrap().remove(0) {
        Fetched::Present { version, item, .. } => (RemoteRef { id: id.clone(), version }, *item),
        other => panic!("{other:?}"),
    }
}

fn overrides(item: &Item) -> Overrides {
    item.overrides().cloned().unwrap_or_default()
}

async fn update(
    side: &dyn SilentWriter,
    id: &RemoteId,
    set: impl IntoIterator<Item = (Field, Value)>,
) -> Result<(RemoteRef, Item), ItemError> {
    let (at, base) = read(side, id).await;
    let set = set.into_iter().collect();
    let patch = Patch { id: at.id, version: at.version, marker: marker(), set, base };
    let written = side.update(Module::Calendar, &[patch]).await.unwrap().remove(0)?;
    let (now, item) = read(side, id).await;
    assert_eq!(now, written.at, "the answer tells the version that is there now");
    Ok((now, item))
}

#[tokio::test]
async fn a_series_is_made_with_its_exceptions_and_reads_as_it_was_written() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    let item = jour_fixe(some_overrides());
    let (_, made) = create_one(&*side, item.clone()).await;
    let (at, back) = read(&*side, &made.id).await;
    assert_eq!(at, made, "the answer tells the version that is there now");
    for (field, value) in &item.fields {
        assert_eq!(back.get(*field), Some(value), "{field}");
    }
    // Its feed tells of it once, as one item.
    let (changes, _) = super::feed(&*side, Module::Calendar).await;
    let ours =
        changes.iter().filter(|c| matches!(c, riva_core::ports::Change::Seen { id, .. } if *id == made.id));
    assert_eq!(ours.count(), 1);
    assert_eq!(house.sandbox.control().counters().total_mails(), 0);
    house.sandbox.stop().await;
}

#[tokio::test]
async fn what_its_user_does_to_an_occurrence_is_read() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    let (_, made) = create_one(&*side, jour_fixe(Overrides::new())).await;
    let edit = |occurrence, fields: serde_json::Value| Edit::Update {
        user: PRIYA.to_owned(),
        id: made.id.to_string(),
        occurrence: Some(occurrence),
        fields: fields.as_object().unwrap().clone(),
    };
    let control = house.sandbox.control();
    control.edit(edit(2, serde_json::json!({ "Location": "Room 1" }))).unwrap();
    let on = serde_json::json!({ "Start": "2027-03-30T07:00:00Z", "End": "2027-03-30T07:45:00Z" });
    control.edit(edit(3, on)).unwrap();
    let user = PRIYA.to_owned();
    control.edit(Edit::Delete { user, id: made.id.to_string(), occurrence: Some(4), hard: false }).unwrap();
    let (now, item) = read(&*side, &made.id).await;
    assert_eq!(overrides(&item), some_overrides());
    assert_ne!(now.version, made.version);
    house.sandbox.stop().await;
}

#[tokio::test]
async fn occurrences_are_changed_cancelled_and_put_back_one_by_one() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    let (_, made) = create_one(&*side, jour_fixe(some_overrides())).await;
    let mut wanted = some_overrides();
    wanted.insert(wall("2027-03-22"), changed(Field::Summary, Value::text("Other")));
    wanted.insert(wall("2027-03-29"), changed(Field::When, Value::When(nine("2027-03-31"))));
    wanted.insert(wall("2027-04-12"), Override::Cancelled);
    let set = [(Field::Overrides, Value::Overrides(wanted.clone())), (Field::Location, Value::text("Hall"))];
    let (_, item) = update(&*side, &made.id, set).await.unwrap();
    assert_eq!((overrides(&item), item.text(Field::Location)), (wanted.clone(), Some("Hall")));
    // One is as the series has it again; a cancelled one takes place again.
    wanted.remove(&wall("2027-03-22"));
    wanted.remove(&wall("2027-04-05"));
    let (_, item) =
        update(&*side, &made.id, [(Field::Overrides, Value::Overrides(wanted.clone()))]).await.unwrap();
    assert_eq!(overrides(&item), wanted);
    let (_, item) = update(&*side, &made.id, [(Field::Overrides, Value::Blank)]).await.unwrap();
    assert_eq!((overrides(&item), item.recurrence().is_some()), (Overrides::new(), true));
    assert_eq!(house.sandbox.control().counters().total_mails(), 0);
    house.sandbox.stop().await;
}

/// Case 16: Exchange forgets the exceptions when the rule is set; they are there again afterwards.
#[tokio::test]
async fn case_16_a_new_rule_keeps_the_exceptions() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    let (_, made) = create_one(&*side, jour_fixe(some_overrides())).await;
    let (_, item) = update(&*side, &made.id, [(Field::Recurrence, mondays(8))]).await.unwrap();
    assert_eq!((overrides(&item), item.get(Field::Recurrence)), (some_overrides(), Some(&mondays(8))));
    // One that the new rule has no place for is refused before anything is written.
    let before = read(&*side, &made.id).await;
    let refused = update(&*side, &made.id, [(Field::Recurrence, mondays(2))]).await;
    assert!(
        matches!(&refused, Err(ItemError::Invalid { reason }) if reason.contains("20270329T090000")),
        "{refused:?}"
    );
    assert_eq!(read(&*side, &made.id).await, before);
    // The series becomes a single event.
    let (_, item) =
        update(&*side, &made.id, [(Field::Recurrence, Value::Blank), (Field::Overrides, Value::Blank)])
            .await
            .unwrap();
    assert!(!item.is_recurring() && item.overrides().is_none(), "{item:?}");
    let (_, item) = update(&*side, &made.id, [(Field::Recurrence, mondays(3))]).await.unwrap();
    assert_eq!(item.get(Field::Recurrence), Some(&mondays(3)));
    house.sandbox.stop().await;
}

/// Case 15, and whatever else Exchange cannot hold: the reason is said, and nothing is written.
#[tokio::test]
async fn case_15_what_cannot_be_kept_is_refused_before_anything_is_written() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    let past = BTreeMap::from([(wall("2027-03-22"), changed(Field::When, Value::When(nine("2027-04-01"))))]);
    let draft = Draft { marker: marker(), item: jour_fixe(past.clone()) };
    let refused = side.create(Module::Calendar, std::slice::from_ref(&draft)).await.unwrap().remove(0);
    assert!(
        matches!(&refused, Err(ItemError::Invalid { reason }) if reason.contains("in their order")),
        "{refused:?}"
    );
    assert!(side.probe(Module::Calendar, &[draft.marker]).await.unwrap()[0].is_empty());
    let (_, made) = create_one(&*side, jour_fixe(some_overrides())).await;
    let before = read(&*side, &made.id).await;
    let refused = update(&*side, &made.id, [(Field::Overrides, Value::Overrides(past))]).await;
    assert!(matches!(refused, Err(ItemError::Invalid { .. })), "{refused:?}");
    assert_eq!(read(&*side, &made.id).await, before);
    house.sandbox.stop().await;
}

/// The answer to the create is lost, or one to an occurrence: whoever reads the series next finds it whole.
#[tokio::test]
async fn a_series_that_was_half_written_is_read_whole() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    for operation in ["CreateItem", "DeleteItem", "UpdateItem"] {
        let draft = Draft { marker: marker(), item: jour_fixe(some_overrides()) };
        house.sandbox.control().lose_replies(1, Some(operation));
        match side.create(Module::Calendar, std::slice::from_ref(&draft)).await {
            Err(CallError::InDoubt(_)) => {}
            Ok(answers) => {
                assert!(matches!(answers[0], Err(ItemError::InDoubt(_))), "{operation}: {answers:?}");
            }
            other => panic!("{operation}: {other:?}"),
        }
        let found = side.probe(Module::Calendar, &[draft.marker]).await.unwrap().remove(0);
        assert_eq!(found.len(), 1, "{operation}");
        let (at, item) = read(&*side, &found[0].id).await;
        assert_eq!(overrides(&item), some_overrides(), "{operation}");
        // The same for a new rule.
        house.sandbox.control().lose_replies(1, Some(operation));
        let set = [(Field::Recurrence, mondays(9))].into();
        let patch = Patch { id: at.id.clone(), version: at.version, marker: draft.marker, set, base: item };
        let lost = side.update(Module::Calendar, &[patch]).await;
        if operation != "CreateItem" {
            assert!(matches!(lost.as_deref(), Ok([Err(ItemError::InDoubt(_))])), "{operation}: {lost:?}");
        }
        house.sandbox.control().lose_replies(0, None);
        let (_, item) = read(&*side, &at.id).await;
        let rule = item.get(Field::Recurrence);
        assert_eq!((overrides(&item), rule), (some_overrides(), Some(&mondays(9))), "{operation}");
    }
    house.sandbox.stop().await;
}

/// A user deletes an occurrence between our reading and our writing: it is not changed, nor brought back.
#[tokio::test]
async fn an_occurrence_that_a_user_was_at_is_left_alone() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    let (_, made) = create_one(&*side, jour_fixe(Overrides::new())).await;
    let (at, base) = read(&*side, &made.id).await;
    let fields = serde_json::json!({ "Location": "Theirs" });
    let fields = fields.as_object().unwrap().clone();
    let user = PRIYA.to_owned();
    house
        .sandbox
        .control()
        .edit(Edit::Update { user, id: at.id.to_string(), occurrence: Some(2), fields })
        .unwrap();
    let wanted = BTreeMap::from([(wall("2027-03-22"), changed(Field::Location, Value::text("Ours")))]);
    let set = [(Field::Overrides, Value::Overrides(wanted))].into();
    let patch = Patch { id: at.id.clone(), version: at.version, marker: marker(), set, base };
    assert_eq!(side.update(Module::Calendar, &[patch]).await.unwrap(), [Err(ItemError::VersionMoved)]);
    let (_, item) = read(&*side, &at.id).await;
    let theirs = BTreeMap::from([(wall("2027-03-22"), changed(Field::Location, Value::text("Theirs")))]);
    assert_eq!(overrides(&item), theirs);
    house.sandbox.stop().await;
}

#[tokio::test]
async fn a_whole_day_series_keeps_its_days_in_any_zone_of_the_connection() {
    let house = House::open().await;
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    let whole = |text: &str| When::AllDay { start: day(text), end: day(text) + Duration::days(1) };
    for zone in ["UTC", "America/Los_Angeles", "Pacific/Auckland", "Asia/Kolkata"] {
        let system = house.system(&house.password, |c| {
            c.options.insert("all_day_zone".into(), zone.into());
        });
        let side = system.open(&riva_core::ids::EmailAddress::new(PRIYA)).await.unwrap();
        let mut item = jour_fixe(BTreeMap::from([
            (RecurrenceId::Day(day("2027-03-29")), Override::Cancelled),
            (RecurrenceId::Day(day("2027-04-05")), changed(Field::When, Value::When(whole("2027-04-06")))),
        ]));
        item.set(Field::When, Value::When(whole("2027-03-15")));
        let (_, made) = create_one(&*side, item.clone()).await;
        let (_, back) = read(&*side, &made.id).await;
        for (field, value) in &item.fields {
            assert_eq!(back.get(*field), Some(value), "{field}, {zone}");
        }
    }
    house.sandbox.stop().await;
}
