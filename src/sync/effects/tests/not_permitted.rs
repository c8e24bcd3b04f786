//! What the CRM does not permit: what each policy leaves behind in rows and journal.

use super::*;
use crate::plan::KEPT_IN_CRM;
use riva_core::documents::{CalendarPolicy, MayNot, MayNotCreate, NoPermission};
use riva_core::ports::ModuleCapabilities;
use riva_core::rows::PairState::{Detached, Linked, Quarantined};

fn forbidden() -> ItemError {
    ItemError::Forbidden { reason: "read only".into() }
}

/// The CRM permits nothing, and the policy says what becomes of that.
fn bench_with(may_not: MayNot, less: impl Fn(Side, &mut ModuleCapabilities)) -> Bench {
    let mut bench = Bench::new(less);
    bench.policy.modules.calendar = Some(CalendarPolicy::default());
    bench.policy.no_permission =
        NoPermission { create: MayNotCreate::Ignore, modify: may_not, delete: may_not };
    bench.crm.answers([Err(forbidden())]);
    bench
}

fn bench(may_not: MayNot) -> Bench {
    bench_with(may_not, |_, _| {})
}

fn update(side: Side, set: &[(Field, &str)], base: &Item) -> Write {
    let set = set.iter().map(|(field, text)| (*field, Value::text(*text))).collect();
    Write::Update { side, set, base: base.clone() }
}

fn seen(pair: &PairRow, of: Side, field: Field) -> Option<u64> {
    pair_side(pair, of).seen.0.get(&Hashes::key(field)).copied()
}

fn text(field: Field, text: &str) -> u64 {
    Bench::hasher().value(field, &Value::text(text))
}

/// In the mailbox the place has changed, in the CRM the subject; it failed before.
fn changed_on_both_sides() -> Work {
    let (in_mail, mut in_crm) = (visit("Room 2"), visit("Room 1"));
    in_crm.set_text(Field::Summary, "Call");
    let mut work = linked();
    work.mail.as_mut().expect("it shows it").hashes = hashes(&in_mail);
    work.crm.as_mut().expect("it shows it").hashes = hashes(&in_crm);
    work.writes = vec![
        update(Side::Crm, &[(Field::Location, "Room 2")], &in_crm),
        update(Side::Mail, &[(Field::Summary, "Call")], &in_mail),
    ];
    (work.pair.state, work.pair.reason, work.pair.attempts) = (Quarantined, Some("Failed.".into()), 4);
    work.pair.mail.as_mut().expect("it has one").sent = hashes(&visit("Room 1"));
    work
}

#[test]
fn a_change_that_is_left_alone_is_in_step_as_it_is_and_the_other_way_goes_on() {
    let mut bench = bench(MayNot::Ignore);
    let mut works = [changed_on_both_sides()];
    bench.stop.after(1);
    assert_eq!(bench.write(&mut works), Err(CycleFault::Stopped));
    let pair = bench.pair();
    assert_eq!((works[0].fate, pair.next_try), (Fate::Open, Some(bench.now())));
    assert_eq!(seen(&pair, Side::Mail, Field::Location), Some(text(Field::Location, "Room 2")));
    assert_eq!(seen(&pair, Side::Crm, Field::Location), Some(text(Field::Location, "Room 1")));
    // The place in the mailbox is its users' own by now, and no form of what it was sent; the subject is.
    let sent: Vec<&str> = pair_side(&pair, Side::Mail).sent.0.keys().map(String::as_str).collect();
    assert_eq!(sent, ["summary", "was:location"]);
    let line = "Visit: not permitted in the CRM: each side keeps what it has, as the policy says".to_owned();
    assert_eq!(bench.journal()[1], ("left alone".to_owned(), line.clone()));
    assert_eq!(bench.log(), [line]);
    let mut both = visit("Room 2");
    both.set_text(Field::Summary, "Call");
    bench.stop.after(u32::MAX);
    bench.mail.answers([written("m", "2", Some(&both))]);
    bench.write(&mut works).expect("the mailbox takes it");
    let pair = bench.pair();
    assert_eq!((works[0].fate, pair.state, pair.attempts, pair.next_try), (Fate::Done, Linked, 0, None));
    assert_eq!(seen(&pair, Side::Crm, Field::Location), Some(text(Field::Location, "Room 1")));
    assert!(SIDES.iter().all(|of| row(&bench, *of).is_some_and(|row| !row.dirty)));
}

#[test]
fn a_change_that_is_left_alone_is_done_with() {
    let mut bench = bench(MayNot::Ignore);
    let mut works = [changed_by(to_write(Side::Crm, IntentKind::Update), Side::Mail)];
    bench.write(&mut works).expect("it is left alone");
    let pair = bench.pair();
    assert_eq!((works[0].fate, pair.state, pair.next_try), (Fate::Done, Linked, None));
    assert!(SIDES.iter().all(|of| row(&bench, *of).is_some_and(|row| !row.dirty)));
}

/// What was never in step is nobody's change: there is nothing to put back.
#[test]
fn what_a_link_would_fill_is_left_alone() {
    let mut bench = bench(MayNot::Rollback);
    let mut work = to_write(Side::Crm, IntentKind::Update);
    for of in SIDES {
        work.pair.side_mut(of).as_mut().expect("it has one").seen = Hashes::default();
    }
    let mut works = [work];
    bench.write(&mut works).expect("it is left alone");
    let pair = bench.pair();
    assert_eq!((works[0].fate, pair.state, pair.next_try), (Fate::Done, Linked, None));
    assert_eq!(bench.journal()[1].0, "left alone");
    for of in SIDES {
        assert_eq!(pair_side(&pair, of).seen, hashes(&visit("Room 1")));
    }
}

#[test]
fn what_is_put_back_was_written_and_changed_since_by_its_rows() {
    let mut bench = bench(MayNot::Rollback);
    let mut works = [changed_on_both_sides()];
    // The organizer was never in step.
    if let Some(Write::Update { set, .. }) = works[0].writes.first_mut() {
        set.insert(Field::Organizer, Value::text("ann@example.com"));
    }
    let ours = Some(text(Field::Organizer, "ann@example.com"));
    let shown = &mut works[0].mail.as_mut().expect("it shows it").hashes;
    shown.0.extend(ours.map(|hash| (Hashes::key(Field::Organizer), hash)));
    let shown = &mut works[0].crm.as_mut().expect("it shows it").hashes;
    Bench::hasher().insert(shown, Field::Organizer, &Value::Blank);
    bench.write(&mut works).expect("it is planned anew");
    let pair = bench.pair();
    assert_eq!((works[0].fate, pair.state, pair.reason.as_ref()), (Fate::Failed, Linked, None));
    assert_eq!((pair.attempts, pair.next_try), (0, Some(bench.now())));
    assert_eq!(seen(&pair, Side::Mail, Field::Location), Some(text(Field::Location, "Room 2")));
    assert_eq!(seen(&pair, Side::Crm, Field::Location), Some(text(Field::Location, "Room 2")));
    assert_eq!(seen(&pair, Side::Mail, Field::Organizer), ours);
    let blank = Bench::hasher().value(Field::Organizer, &Value::Blank);
    assert_eq!(seen(&pair, Side::Crm, Field::Organizer), Some(blank));
    assert_eq!(
        seen(&pair, Side::Crm, Field::Summary),
        Some(text(Field::Summary, "Visit")),
        "not written yet"
    );
    let line = "Visit: not permitted in the CRM: the mailbox gets what the CRM has, as the policy says";
    assert_eq!(bench.journal()[1], ("put back".to_owned(), line.to_owned()));
}

#[test]
fn an_item_that_is_left_in_the_mailbox_is_not_tried_again() {
    let mut bench = bench(MayNot::Retry);
    let mut work = changed_by(to_write(Side::Crm, IntentKind::Create), Side::Mail);
    (work.pair.attempts, work.pair.next_try) = (3, Some(bench.now()));
    bench.write(&mut [work]).expect("it is left alone");
    let pair = bench.pair();
    let why = "Not made in the CRM, and left alone, as the policy says: not permitted: read only.";
    assert_eq!((pair.state, pair.reason.as_deref()), (Detached, Some(why)));
    assert_eq!((pair.attempts, pair.next_try), (0, None));
    assert!(row(&bench, Side::Mail).is_some_and(|row| !row.dirty && row.pair == Some(pair.id)));
}

#[test]
fn what_is_made_again_in_the_mailbox_is_planned_again_if_the_cycle_ends_before() {
    let mut bench = bench(MayNot::Rollback);
    let mut works = [to_write(Side::Crm, IntentKind::Delete)];
    bench.stop.after(1);
    assert_eq!(bench.write(&mut works), Err(CycleFault::Stopped));
    assert_eq!((works[0].fate, bench.pair().next_try), (Fate::Open, Some(bench.now())));
    assert_eq!(works[0].writes, [Write::Create { side: Side::Mail, item: visit("Room 1") }]);
    bench.stop.after(u32::MAX);
    bench.mail.answers([written("m2", "1", Some(&visit("Room 1")))]);
    bench.write(&mut works).expect("the mailbox takes it");
    let pair = bench.pair();
    assert_eq!((pair.state, pair.generation, pair.next_try), (Linked, 2, None));
    assert_eq!(pair_side(&pair, Side::Mail).id, "m2".into());
}

#[test]
fn what_cannot_be_made_again_stays_in_the_crm_alone() {
    let occurrence = |of: Side| {
        let mut work = to_write(Side::Crm, IntentKind::Delete);
        let day = chrono::NaiveDate::from_ymd_opt(2026, 11, 23).expect("a day");
        let id = RemoteId::from("series").occurrence(riva_core::item::RecurrenceId::Day(day));
        work.pair.side_mut(of).as_mut().expect("it has one").id = id;
        work
    };
    let plain = to_write(Side::Crm, IntentKind::Delete);
    let works = [(occurrence(Side::Mail), false), (occurrence(Side::Crm), false), (plain, true)];
    for (work, lacks_a_field) in works {
        let mut bench = bench_with(MayNot::Rollback, |of, caps| {
            if lacks_a_field && of == Side::Mail {
                caps.required.insert(Field::Organizer);
            }
        });
        bench.write(&mut [work]).expect("it is left alone");
        let pair = bench.pair();
        assert_eq!((pair.state, pair.reason.as_deref()), (Detached, Some(KEPT_IN_CRM)));
        assert!(bench.mail.script().calls.is_empty());
        assert_eq!(bench.journal()[1].0, "left alone");
    }
}
