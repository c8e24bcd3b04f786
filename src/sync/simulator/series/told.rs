//! What is told of series, and what becomes of their records when they cannot be followed for a while.

use super::super::world::run_until_killed;
use super::fake::FakeCalendar;
use super::make::{change_rule, daily, moved, of, recurs, series, set, single, wall};
use super::stories::{fine, made, stand_up, starts};
use super::world::World;
use chrono::Duration;
use riva_core::holds::HoldKind;
use riva_core::ids::{MemberId, RemoteId};
use riva_core::item::{Ends, Field, Frequency, Item, Override, Rule, Sensitivity, Value};
use riva_core::ports::{Fetched, SeriesSupport, SyncStore as _};
use riva_core::rows::{Commit, PairRow, PairState, Side};
use std::sync::Arc;

const UNROLLED: &str = "A series: each of its occurrences is kept in step as an appointment of its own.";

const TOO_OFTEN: &str = "A recurring series that cannot be split into single appointments: It takes place more than 1000 times \
                         within the time that is synced.";

/// Every minute, without end.
fn heartbeat(item: &mut Item) {
    recurs(item, Rule::every(1, Frequency::Minutely));
}

fn private(item: &mut Item) {
    item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private));
}

/// What is said, and what is put into the journal, by a cycle.
fn said(world: &World) -> (Vec<String>, Vec<(String, String)>) {
    let (lines, deeds) = (world.log().len(), world.store.all_journal().len());
    world.pass(Duration::minutes(61));
    world.cycle(None).expect("nobody kills it");
    let journal = world.store.all_journal().split_off(deeds);
    (world.log().split_off(lines), journal.into_iter().map(|line| (line.deed, line.text)).collect())
}

fn line(deed: &str, text: &str) -> (String, String) {
    (deed.to_owned(), text.to_owned())
}

fn nothing() -> (Vec<String>, Vec<(String, String)>) {
    (vec!["No changes".to_owned()], vec![])
}

/// The pair of the series itself.
fn own_pair(world: &World, id: &RemoteId) -> PairRow {
    world.pair_of(Side::Mail, id).expect("the series has one")
}

#[test]
fn a_series_that_can_no_longer_be_split_is_told_of_and_held_once() {
    let (world, id) = stand_up();
    world.mail.user_edit(&id, heartbeat);
    let told = format!("Stand-up: {TOO_OFTEN}");
    assert_eq!(said(&world), (vec![told, "No changes".to_owned()], vec![line("held", TOO_OFTEN)]));
    let pair = own_pair(&world, &id);
    assert_eq!((pair.state, pair.reason.as_deref()), (PairState::Held, Some(TOO_OFTEN)));
    let [hold] = &world.store.all_holds()[..] else { panic!("one hold") };
    assert_eq!((hold.kind, hold.reason.as_str()), (HoldKind::NotExpressible, TOO_OFTEN));
    assert_eq!(hold.items.iter().map(|item| item.title.as_str()).collect::<Vec<_>>(), ["Stand-up"]);
    world.pass(Duration::days(1));
    assert_eq!(said(&world), nothing());
    assert_eq!((starts(&world).len(), world.store.all_holds().len()), (5, 1));
    // It can be split again.
    world.mail.user_edit(&id, |item| change_rule(item, daily(4)));
    let again = vec![line("unrolled", "Stand-up")];
    assert_eq!(said(&world), (nothing().0, again));
    assert_eq!(said(&world), (nothing().0, vec![line("unrolled", UNROLLED)]));
    assert!(world.store.all_holds().iter().all(|hold| hold.closed.is_some()));
    fine(&world);
    // What is as it was is not told of each night.
    world.pass(Duration::days(1));
    assert_eq!(said(&world), nothing());
}

#[test]
fn a_series_that_cannot_be_read_is_told_of_and_keeps_its_records() {
    let (world, id) = stand_up();
    world.mail.answers(&id, Some(Fetched::Unreadable { reason: "it is damaged".into() }));
    let why = "The mailbox's series cannot be read: it is damaged";
    let told = format!("(a series): {why}");
    assert_eq!(said(&world), (vec![told, "No changes".to_owned()], vec![line("quarantined", why)]));
    assert_eq!((own_pair(&world, &id).state, world.store.all_holds().len()), (PairState::Quarantined, 0));
    assert_eq!(said(&world), nothing());
    assert_eq!(starts(&world).len(), 5);
    world.mail.answers(&id, None);
    world.mail.user_edit(&id, |item| change_rule(item, daily(4)));
    fine(&world);
    assert_eq!(starts(&world).len(), 4);
}

#[test]
fn what_a_private_series_is_called_is_told_to_nobody() {
    let (mut world, id) = stand_up();
    world.deeds.private = true;
    world.mail.user_edit(&id, |item| {
        private(item);
        item.set_text(Field::Summary, "Doctor");
        heartbeat(item);
    });
    let (log, _) = said(&world);
    assert_eq!(log[0], format!("Private appointment: {TOO_OFTEN}"));
    let holds = world.store.all_holds().into_iter().flat_map(|hold| hold.items);
    assert_eq!(holds.map(|item| item.title).collect::<Vec<_>>(), ["Private appointment"]);
}

#[test]
fn a_series_that_is_gone_leaves_nothing_that_is_read_and_may_come_back() {
    let (mut world, id) = stand_up();
    let pair = own_pair(&world, &id);
    // A day that it lost is looked at twice, and it is gone before that.
    world.mail.user_edit(&id, |item| change_rule(item, daily(4)));
    world.cycle(None);
    world.deeds.deleted.insert(id.clone());
    world.mail.user_delete(&id);
    world.settle();
    let reason = Some("The series is gone from the mailbox.".to_owned());
    let gone = PairRow {
        mail: None,
        crm: None,
        state: PairState::Tombstoned,
        reason,
        next_try: None,
        attempts: 0,
        ..pair.clone()
    };
    let pairs = world.store.all_pairs();
    assert_eq!(pairs.iter().find(|other| other.id == pair.id), Some(&gone));
    assert!(world.store.all_items().iter().all(|row| row.id != id));
    let read = world.mail.fetched();
    world.pass(Duration::days(2));
    world.cycle(None);
    assert_eq!((world.mail.fetched(), starts(&world).len()), (read, 0));
    world.deeds.deleted.remove(&id);
    world.mail.user_restores(&id);
    fine(&world);
    assert_eq!((starts(&world).len(), own_pair(&world, &id).id), (4, pair.id));
}

#[test]
fn a_series_out_of_reach_leaves_its_records_alone_until_it_is_there_again() {
    let (world, id) = stand_up();
    let writes = (world.mail.writes(), world.crm.writes());
    world.mail.answers(&id, Some(Fetched::OutOfScope));
    let (log, journal) = said(&world);
    let why = "Out of the mailbox's scope now: not synced any more.";
    assert_eq!(log[..5], vec![format!("Stand-up: {why}"); 5]);
    assert_eq!(
        journal,
        vec![line("detached", &format!("Stand-up: {why}")); 5],
        "and nothing of the series itself"
    );
    let detached = world.pairs_in(PairState::Detached);
    assert!(detached.len() == 5 && detached.iter().all(|pair| pair.reason.as_deref() == Some(why)));
    assert_eq!(said(&world), nothing());
    // Nobody sees what is edited meanwhile.
    world.mail.user_edit(&id, |item| item.set_text(Field::Location, "Room 2"));
    world.settle();
    assert_eq!((world.mail.writes(), world.crm.writes()), writes);
    world.mail.answers(&id, None);
    fine(&world);
    assert!(world.crm.live().values().all(|item| item.text(Field::Location) == Some("Room 2")));
}

#[test]
fn a_day_that_a_series_lost_while_it_was_out_of_reach_is_gone_when_it_is_there_again() {
    for (day, left) in [("20261127T090000", 4), ("20261129T090000", 4)] {
        let (world, id) = stand_up();
        world.mail.answers(&id, Some(Fetched::OutOfScope));
        world.settle();
        world.mail.user_edit(&id, |item| set(item, of(day), Some(Override::Cancelled)));
        world.settle();
        assert_eq!(starts(&world).len(), 5);
        world.mail.answers(&id, None);
        fine(&world);
        assert_eq!(starts(&world).len(), left, "{:?}", world.log());
    }
}

/// What an administrator has decided about a day is no matter of what can be seen.
#[test]
fn a_day_that_was_left_alone_is_left_alone_when_its_series_lost_it_out_of_reach() {
    let (world, id) = stand_up();
    let day = of("20261127T090000");
    let own = world.pair_of(Side::Mail, &id.occurrence(day)).expect("its pair");
    let reason = Some("Left alone: an administrator decided so.".to_owned());
    let decided = PairRow { state: PairState::Detached, reason, ..own };
    let commit = Commit { pairs: vec![decided.clone()], ..Commit::default() };
    let stored = run_until_killed(world.store.commit(MemberId(1), 1, &commit));
    stored.expect("nobody kills it").expect("in memory");
    world.mail.answers(&id, Some(Fetched::OutOfScope));
    world.settle();
    world.mail.user_edit(&id, |item| set(item, day, Some(Override::Cancelled)));
    world.settle();
    world.mail.answers(&id, None);
    world.settle();
    assert_eq!(starts(&world).len(), 5, "{:#?}", world.log());
    assert!(world.store.all_pairs().contains(&decided), "{:#?}", world.log());
}

/// What is not known of a series that is gone is no reason to delete anything.
#[test]
fn a_series_that_is_deleted_while_it_is_out_of_reach_leaves_its_records() {
    let (mut world, id) = stand_up();
    world.mail.answers(&id, Some(Fetched::OutOfScope));
    world.settle();
    world.deeds.deleted.insert(id.clone());
    world.mail.user_delete(&id);
    world.mail.answers(&id, None);
    world.settle();
    assert_eq!(starts(&world).len(), 5, "{:?}", world.log());
}

/// What was cut off long ago is no reason to wait for a series that goes on.
#[test]
fn a_day_that_is_cancelled_in_a_series_that_was_cut_before_is_gone_at_once() {
    let (world, id) = stand_up();
    world.mail.user_edit(&id, |item| change_rule(item, daily(4)));
    world.settle();
    world.mail.user_edit(&id, |item| set(item, of("20261126T090000"), Some(Override::Cancelled)));
    world.cycle(None);
    assert_eq!(starts(&world), ["20261125T0800", "20261127T0800", "20261128T0800"]);
}

#[test]
fn what_a_series_lost_is_looked_at_twice_and_no_more() {
    let (world, id) = stand_up();
    world.mail.user_edit(&id, |item| change_rule(item, daily(3)));
    world.settle();
    let read = world.mail.fetched();
    assert_eq!(said(&world), nothing());
    assert_eq!((starts(&world).len(), world.mail.fetched()), (3, read));
}

/// There is nothing that another series could go on with.
#[test]
fn what_a_series_lost_in_its_middle_is_gone_at_once() {
    let (world, id) = stand_up();
    let every_other_day = Rule { ends: Ends::After(3), ..Rule::every(2, Frequency::Daily) };
    world.mail.user_edit(&id, |item| change_rule(item, every_other_day));
    world.cycle(None);
    assert_eq!(starts(&world), ["20261125T0800", "20261127T0800", "20261129T0800"]);
}

/// Both have the same UID: so their pairs must not be one.
#[test]
fn a_copy_of_a_series_is_no_reason_to_follow_the_first_one_no_more() {
    let (mut world, id) = stand_up();
    let pair = own_pair(&world, &id);
    let item = world.mail.get(&id).expect("the series");
    let copy = made(&mut world, item);
    world.settle();
    assert_eq!(starts(&world).len(), 5);
    assert_ne!(own_pair(&world, &copy).id, pair.id);
    world.mail.user_edit(&id, |item| {
        set(item, of("20261126T090000"), Some(moved(wall("2026-11-26T15:00:00"))));
        set(item, of("20261127T090000"), Some(Override::Cancelled));
    });
    world.settle();
    let followed = ["20261125T0800", "20261126T1400", "20261128T0800", "20261129T0800"];
    assert_eq!(starts(&world), followed);
    world.deeds.deleted.insert(copy.clone());
    world.mail.user_delete(&copy);
    fine(&world);
    assert_eq!((starts(&world).len(), own_pair(&world, &id).id), (4, pair.id));
}

/// What is written into a series carries the name of its pair.
#[test]
fn a_series_has_the_same_pair_after_the_database_was_lost() {
    let (mut world, id) = stand_up();
    let pair = own_pair(&world, &id);
    world.lose_database();
    world.settle();
    assert_eq!(own_pair(&world, &id).id, pair.id);
}

/// Asked to end, it reads nothing more, whenever that was.
#[test]
fn an_agent_that_is_to_stop_ends_between_two_readings_of_series() {
    let begun = |asks: u32| {
        let mut world = World::new(1, SeriesSupport::None);
        for n in 0..20 {
            let start = wall("2026-11-25T08:00:00") + Duration::minutes(20 * n);
            made(&mut world, series(&format!("Series {n}"), start, daily(2)));
        }
        world.stop.after(asks);
        let outcome = world.cycle(None).expect("nobody kills it");
        (world.mail.fetched(), outcome.fault)
    };
    let (all, fault) = begun(u32::MAX);
    assert_eq!(fault, None);
    let mut read: Vec<u64> =
        (0..1000).map(begun).take_while(|(_, fault)| fault.is_some()).map(|(n, _)| n).collect();
    read.dedup();
    // Twenty series in batches of seven, first to learn what they are, and once more to unroll them.
    assert_eq!(read, [0, 7, 14, 20, 27, 34, all]);
}

/// Where the CRM has series and the mailbox has none, all is the other way round.
#[test]
fn a_series_of_the_crm_is_followed_in_a_mailbox_that_has_none() {
    let mut world = World::new(1, SeriesSupport::Full);
    world.mail = Arc::new(FakeCalendar::new("mail", SeriesSupport::None, 3));
    world.crm = Arc::new(FakeCalendar::new("crm", SeriesSupport::Full, 4).in_order());
    let id = world.crm.user_create(series("Stand-up", wall("2026-11-25T09:00:00"), daily(3)));
    let visit = world.crm.user_create(single("Visit", wall("2026-11-25T12:00:00")));
    world.settle();
    assert_eq!(world.mail.live().len(), 4);
    // Whether it is private matters in the mailbox alone.
    world.crm.user_edit(&id, |item| {
        private(item);
        recurs(item, daily(5));
    });
    world.crm.user_edit(&visit, |item| recurs(item, daily(2)));
    world.settle();
    assert_eq!(world.mail.live().len(), 5 + 2, "{:?}", world.log());
    let kept = world.pair_of(Side::Crm, &visit.occurrence(of("20261125T120000"))).and_then(|pair| pair.mail);
    let kept = kept.expect("it goes on as the first day").id;
    world.mail.user_edit(&kept, |item| item.set_text(Field::Location, "Room 2"));
    world.settle();
    let crm = world.crm.get(&visit).expect("the series");
    assert_eq!(crm.overrides().map(|all| all.keys().copied().collect()), Some(vec![of("20261125T120000")]));
    let pair = world.pair_of(Side::Crm, &id).expect("its pair").id;
    world.crm.user_delete(&id);
    world.settle();
    let gone = world.pairs_in(PairState::Tombstoned).into_iter().find(|gone| gone.id == pair);
    assert_eq!(gone.map(|gone| (gone.mail, gone.crm)), Some((None, None)));
    assert_eq!(world.mail.live().len(), 2, "{:?}", world.log());
    // A single appointment again: the version of its first day was made of what it showed, and tells of no backup.
    world.crm.user_edit(&visit, |item| {
        item.set(Field::Recurrence, Value::Blank);
        item.set(Field::Overrides, Value::Blank);
    });
    world.settle();
    assert_eq!(world.mail.live().into_keys().collect::<Vec<_>>(), [kept], "{:?}", world.log());
}
