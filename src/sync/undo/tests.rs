//! What is written to put a side back, from what is kept of our writes and what it shows now.

use super::*;
use crate::capable::capable;
use crate::read_back::Answer;
use crate::scripted::visits::{hashes, id, to_write, visit};
use crate::scripted::{Bench, written};
use crate::simulator::Random;
use crate::simulator::world::run_until_killed;
use riva_core::documents::CalendarPolicy;
use riva_core::fault::CallError;
use riva_core::history::Order;
use riva_core::ids::MemberId;
use riva_core::item::{Override, RecurrenceId, Sensitivity};
use riva_core::ports::{Fetched, SeriesSupport, SyncStore as _};
use uuid::Uuid;

const KEPT_OF_IT: &str = "location was changed since: it is left as it is";

/// A write to the CRM of which it is known what it left.
fn wrote(kind: IntentKind, before: Option<&str>, sends: &str) -> ImageRow {
    let of_kind = |mut item: Item| {
        if kind == IntentKind::Update {
            item.fields.remove(&Field::Summary);
        }
        item
    };
    let sends = hashes(&of_kind(visit(sends)));
    ImageRow {
        id: Uuid::nil(),
        member: MemberId(1),
        module: Module::Calendar,
        pair: PairId(Uuid::nil()),
        side: Side::Crm,
        cycle: 1,
        at: DateTime::UNIX_EPOCH,
        kind,
        title: "Visit".into(),
        before: before.map(|place| of_kind(visit(place))),
        left: Some(if kind == IntentKind::Delete { Hashes::default() } else { sends.clone() }),
        sends: if kind == IntentKind::Delete { Hashes::default() } else { sends },
        not_made: false,
    }
}

fn updated(before: &str, sends: &str) -> ImageRow {
    wrote(IntentKind::Update, Some(before), sends)
}

/// The answer to the write was lost.
fn unanswered(image: ImageRow) -> ImageRow {
    ImageRow { left: None, ..image }
}

fn story(images: &[ImageRow]) -> Story {
    Story { pair: PairId(Uuid::nil()), side: Side::Crm, images: images.to_vec() }
}

fn shows(item: Option<Item>) -> Now {
    let Some(item) = item else { return Now::Gone };
    Now::Present { version: "1".into(), marker: None, modified: None, item }
}

fn everything() -> ModuleCapabilities {
    capable(Field::ALL.iter().copied(), SeriesSupport::None)
}

/// What is written, and what cannot be, where the side shows this.
fn planned(images: &[ImageRow], shown: Option<&str>) -> (UndoLine, Option<Write>) {
    plan(&Bench::hasher(), &story(images), &shows(shown.map(visit)), &everything())
}

/// A place is put back.
fn put_back(now: &str, place: &str) -> Write {
    let set = [(Field::Location, Value::text(place))].into();
    Write::Update { side: Side::Crm, set, base: visit(now) }
}

/// The places that writes may have left, by trying out which of those whose answers were lost were made.
fn possible(images: &[ImageRow], places: &[String]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for made in 0_u32..1 << images.len() {
        let was_made = |n: usize| images[n].left.is_some() || made & (1 << n) != 0;
        all.extend((0..images.len()).rev().find(|n| was_made(*n)).map(|n| places[n].clone()));
    }
    all
}

#[test]
fn a_place_is_put_back_if_it_may_be_what_we_left_and_is_left_as_it_is_otherwise() {
    let mut seen = BTreeSet::new();
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let first = format!("Room {}", random.below(4));
        let (mut images, mut places, mut stands) = (Vec::new(), Vec::new(), first.clone());
        for _ in 0..=random.below(4) {
            let place = format!("Room {}", random.below(4));
            let image = updated(&stands, &place);
            let lost = random.percent(40);
            if !lost || random.percent(50) {
                stands = place.clone();
            }
            images.push(if lost { unanswered(image) } else { image });
            places.push(place);
        }
        let now = if random.percent(60) { stands } else { format!("Room {}", random.below(4)) };
        let (line, write) = planned(&images, Some(&now));
        let expected = if now == first {
            (None, vec![])
        } else if possible(&images, &places).contains(&now) {
            (Some(put_back(&now, &first)), vec![])
        } else {
            (None, vec![KEPT_OF_IT.to_owned()])
        };
        seen.insert((expected.0.is_some(), expected.1.len()));
        assert_eq!((write, line.cannot), expected, "seed {seed}: {images:#?}, {now}");
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn what_was_made_is_taken_away_as_long_as_it_shows_what_we_left() {
    let made = wrote(IntentKind::Create, None, "Room 1");
    let changed = "it was changed since it was made: it is left as it is";
    let delete =
        |place| Some(Write::Delete { side: Side::Crm, frees_origin: false, base: Some(visit(place)) });
    for made in [made.clone(), unanswered(made)] {
        let moved = [made.clone(), updated("Room 1", "Room 2")];
        let made = [made];
        for (images, shown, write, cannot) in [
            (&made[..], Some("Room 1"), delete("Room 1"), None),
            (&made, Some("Room 2"), None, Some(changed)),
            (&made, None, None, None),
            (&moved, Some("Room 2"), delete("Room 2"), None),
            (&moved, Some("Room 1"), None, Some(changed)),
            (&moved, None, None, None),
        ] {
            let (line, planned) = planned(images, shown);
            assert_eq!((planned, line.cannot.first().map(String::as_str)), (write, cannot), "{shown:?}");
        }
    }
}

#[test]
fn what_was_taken_away_is_made_again_as_it_was_before_it_was_changed() {
    let images = [updated("Room 1", "Room 2"), wrote(IntentKind::Delete, Some("Room 2"), "")];
    let (line, write) = planned(&images, None);
    assert_eq!(write, Some(Write::Create { side: Side::Crm, item: visit("Room 1") }));
    assert_eq!(line.deed, Some(DeedKind::Create { side: Side::Crm }));
    let told: Vec<_> = line.fields.into_iter().map(|change| (change.field, change.old, change.new)).collect();
    let [subject, place] = ["Visit", "Room 1"].map(Value::text);
    assert_eq!(told, [(Field::Summary, None, subject), (Field::Location, None, place)]);
    // It is there: nobody took it away, or a user has made it again.
    let (line, write) = planned(&images, Some("Room 3"));
    assert_eq!((write, line.deed, line.cannot), (None, None, vec![]));
}

#[test]
fn nothing_is_written_where_it_is_not_kept_what_was_there() {
    let private = ImageRow { before: None, ..wrote(IntentKind::Delete, None, "") };
    let made = wrote(IntentKind::Create, None, "Room 2");
    for images in
        [vec![private.clone()], vec![updated("Room 1", "Room 2"), private.clone()], vec![made, private]]
    {
        for shown in [None, Some("Room 2")] {
            let (line, write) = planned(&images, shown);
            let why = "what it was is not kept any more".to_owned();
            assert_eq!((write, line.cannot), (None, vec![why]), "{shown:?}");
        }
    }
}

#[test]
fn what_is_gone_is_not_made_again_for_a_change_that_is_undone() {
    let (line, write) = planned(&[updated("Room 1", "Room 2")], None);
    assert_eq!((write, line.cannot), (None, vec!["it is not there any more".to_owned()]));
}

#[test]
fn what_the_side_did_not_show_before_is_not_known() {
    let mut image = updated("Room 1", "Room 2");
    image.before.iter_mut().for_each(|before| before.fields.clear());
    let (line, write) = planned(&[image], Some("Room 2"));
    assert_eq!((write, line.cannot), (None, vec!["what location was is not known".to_owned()]));
}

/// What single occurrences do otherwise is one field: where one of them was changed since, none is put back, and that is told.
#[test]
fn occurrences_are_put_back_together_or_not_at_all() {
    let with = |rooms: &[(&str, &str)]| {
        let of = |(day, room): &(&str, &str)| {
            let id = RecurrenceId::parse(&format!("202612{day}T090000")).expect("a recurrence id");
            (id, Override::Changed([(Field::Location, Value::text(*room))].into()))
        };
        let all: BTreeMap<_, _> = rooms.iter().map(of).collect();
        let mut item = Item::new(Module::Calendar);
        item.set(Field::Overrides, if all.is_empty() { Value::Blank } else { Value::Overrides(all) });
        item
    };
    let sends = hashes(&with(&[("02", "Room 2")]));
    let image =
        ImageRow { before: Some(with(&[])), left: Some(sends.clone()), sends, ..updated("Room 1", "Room 2") };
    let planned = |shown: Item| {
        let (line, write) =
            plan(&Bench::hasher(), &story(std::slice::from_ref(&image)), &shows(Some(shown)), &everything());
        (line.cannot, write)
    };
    let as_left = with(&[("02", "Room 2")]);
    let set = [(Field::Overrides, Value::Blank)].into();
    let back = Write::Update { side: Side::Crm, set, base: as_left.clone() };
    assert_eq!(planned(as_left), (vec![], Some(back)));
    for since in [&[("02", "Room 2"), ("03", "Room 3")][..], &[("02", "Room 4")]] {
        let (cannot, write) = planned(with(since));
        let told = format!("{} was changed since: it is left as it is", Field::Overrides);
        assert_eq!((cannot, write), (vec![told], None), "{since:?}");
    }
    assert_eq!(planned(with(&[])), (vec![], None), "it was put back by hand");
}

#[test]
fn what_is_written_is_told_with_what_is_there_now() {
    let (line, _) = planned(&[updated("Room 1", "Room 2")], Some("Room 2"));
    let [old, new] = ["Room 2", "Room 1"].map(Value::text);
    assert_eq!(line.fields, [FieldChange { field: Field::Location, old: Some(old), new }]);
    assert_eq!(line.deed, Some(DeedKind::Update { side: Side::Crm }));
    let (line, _) = planned(&[wrote(IntentKind::Create, None, "Room 1")], Some("Room 1"));
    assert_eq!(line.deed, Some(DeedKind::Delete { side: Side::Crm }));
}

#[test]
fn what_the_side_cannot_set_is_not_set_and_told() {
    let mut caps = everything();
    caps.writes.remove(&Field::Location);
    let plan = |images: &[ImageRow], shown| {
        let (line, write) = plan(&Bench::hasher(), &story(images), &shows(shown), &caps);
        (write, line)
    };
    let (write, line) = plan(&[updated("Room 1", "Room 2")], Some(visit("Room 2")));
    assert_eq!((write, line.cannot), (None, vec!["location cannot be written".to_owned()]));
    let (write, line) = plan(&[wrote(IntentKind::Delete, Some("Room 1"), "")], None);
    let Some(Write::Create { item, .. }) = write else { panic!("it is made again") };
    assert_eq!(item.fields.keys().collect::<Vec<_>>(), [&Field::Summary]);
    assert_eq!(line.fields.len(), 1);
}

/// A write whose answer is lost is repeated: that it was never made stays possible.
#[test]
fn a_write_that_never_arrives_is_not_taken_for_made_however_often_it_is_repeated() {
    let mut images = vec![updated("Room 1", "Room 2")];
    images.extend((0..8).map(|_| unanswered(updated("Room 2", "Room 3"))));
    for now in ["Room 2", "Room 3"] {
        assert_eq!(planned(&images, Some(now)).1, Some(put_back(now, "Room 1")));
    }
}

#[test]
fn of_many_writes_without_an_answer_only_so_many_outcomes_are_thought_of() {
    let places: Vec<String> = (0..=20).map(|n| format!("Room {n}")).collect();
    let images: Vec<ImageRow> = places.windows(2).map(|p| unanswered(updated(&p[0], &p[1]))).collect();
    assert_eq!(story(&images).left().len(), MOST_POSSIBLE);
    assert_eq!(planned(&images, Some("Room 20")).1, Some(put_back("Room 20", "Room 0")));
}

#[test]
fn slices_are_full_and_never_part_the_two_sides_of_a_pair() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut steps = Vec::new();
        for n in 0..random.below(3 * SLICE) {
            let pair = PairId(Uuid::from_u128(n as u128));
            for side in [Side::Mail, Side::Crm].into_iter().take(1 + random.below(2)) {
                let line = Story { pair, side, images: Vec::new() }.line(None);
                steps.push(Step { line, write: None, pair: None, now: Now::None, images: Vec::new() });
            }
        }
        let of = |step: &Step| (step.line.pair, step.line.side);
        let all: Vec<_> = steps.iter().map(of).collect();
        let slices: Vec<Vec<_>> = by_pair(steps).iter().map(|slice| slice.iter().map(of).collect()).collect();
        assert_eq!(slices.concat(), all, "seed {seed}");
        for two in slices.windows(2) {
            let last = two[0].last().expect("no slice is empty").0;
            assert_ne!(last, two[1][0].0, "seed {seed}: a pair is in two slices");
            // It is longer for the second side of its last pair alone.
            let longer = two[0].len() == SLICE + 1 && two[0][SLICE - 1].0 == last;
            assert!(two[0].len() == SLICE || longer, "seed {seed}: {} steps", two[0].len());
        }
        assert!(slices.last().is_none_or(|slice| slice.len() <= SLICE + 1), "seed {seed}");
    }
}

fn undo(bench: &Bench) -> Vec<String> {
    let now = bench.now();
    let span = UndoSpan::Since(DateTime::UNIX_EPOCH);
    let order = OrderRow {
        number: 1,
        member: MemberId(1),
        order: Order::Undo { span },
        by: "admin@desk".into(),
        at: now + chrono::Duration::minutes(1),
        done: None,
        outcome: Vec::new(),
    };
    let ctx = bench.context();
    run_until_killed(run(&ctx, Bench::hasher(), span, &order)).expect("nothing waits").expect("nothing fails")
}

/// An appointment was moved from room 1 to room 2 in the CRM, which answered so.
fn moved(answer: Result<Vec<Answer>, CallError>) -> Bench {
    let mut bench = Bench::new(|_, _| {});
    bench.policy.modules.calendar = Some(CalendarPolicy::default());
    bench.crm.script().writes.push_back(answer);
    bench.write(&mut [to_write(Side::Crm, IntentKind::Update)]).ok();
    bench.mail.shows(id(Side::Mail), "1", &visit("Room 2"));
    bench.crm.shows(id(Side::Crm), "2", &visit("Room 2"));
    bench
}

fn well(version: &str, place: &str) -> Vec<Answer> {
    vec![written(id(Side::Crm), version, Some(&visit(place)))]
}

/// Nothing is written, and nothing of it is forgotten.
#[test]
fn what_is_in_doubt_is_undone_later() {
    let bench = moved(Err(CallError::InDoubt("reset".into())));
    assert_eq!((bench.open().len(), bench.images().len()), (1, 1));
    let none = "Undone by admin@desk: 0 writes were taken back";
    let told = "Visit in the CRM: a write to it is in doubt; undo again later";
    assert_eq!(undo(&bench), [none, told]);
    assert_eq!(bench.images().len(), 1, "it can still be undone");
    bench.recover().expect("both can be read");
    assert_eq!(bench.open(), []);
    bench.crm.answers(well("3", "Room 1"));
    assert_eq!(undo(&bench), ["Undone by admin@desk: one write was taken back"]);
}

#[test]
fn what_is_tried_again_later_is_tried_then_after_an_undo_too() {
    let bench = moved(Ok(well("2", "Room 2")));
    let failed = PairRow {
        state: PairState::Quarantined,
        reason: Some("Could not be updated in the mailbox: invalid.".into()),
        attempts: 3,
        next_try: Some(bench.now() + chrono::Duration::hours(8)),
        ..bench.pair()
    };
    let commit = Commit { pairs: vec![failed.clone()], ..Commit::default() };
    run_until_killed(bench.store.commit(MemberId(1), 1, &commit)).expect("nothing waits").expect("in memory");
    bench.crm.answers(well("3", "Room 1"));
    assert_eq!(undo(&bench), ["Undone by admin@desk: one write was taken back"]);
    let stands = |pair: PairRow| (pair.state, pair.reason, pair.attempts, pair.next_try);
    assert_eq!(stands(bench.pair()), stands(failed));
}

#[test]
fn what_belongs_to_no_pair_any_more_is_named() {
    let mut bench = Bench::new(|_, _| {});
    bench.policy.modules.calendar = Some(CalendarPolicy::default());
    let commit = Commit { images: vec![updated("Room 1", "Room 2")], ..Commit::default() };
    run_until_killed(bench.store.commit(MemberId(1), 1, &commit)).expect("nothing waits").expect("in memory");
    let none = "Undone by admin@desk: 0 writes were taken back";
    assert_eq!(undo(&bench), [none, "Visit in the CRM: its pair is not known any more"]);
}

fn visit_that_is(sensitivity: Sensitivity) -> Item {
    let mut item = visit("Room 1");
    item.set(Field::Sensitivity, Value::Sensitivity(sensitivity));
    item
}

/// An appointment that is private in the CRM is private in the mailbox, too: that is what we left.
#[test]
fn what_was_made_private_is_taken_away_and_is_not_kept_for_another_undo() {
    use Sensitivity::{Normal, Private};
    let made_public = visit_that_is(Normal);
    for (policy, kept) in
        [(PrivateItems::Skip, false), (PrivateItems::BusyOnly, false), (PrivateItems::Sync, true)]
    {
        for (made, shown, told) in [
            (visit_that_is(Private), visit_that_is(Private), None),
            (made_public.clone(), visit_that_is(Private), Some("it was changed since it was made")),
            // The CRM says nothing of it.
            (visit("Room 1"), visit_that_is(Private), Some("it was changed since it was made")),
        ] {
            let mut bench = Bench::new(|_, caps| caps.can_tag = false);
            bench.policy.modules.calendar =
                Some(CalendarPolicy { private: policy, ..CalendarPolicy::default() });
            let mut work = to_write(Side::Mail, IntentKind::Create);
            work.writes = vec![Write::Create { side: Side::Mail, item: made.clone() }];
            bench.mail.answers([written(id(Side::Mail), "2", Some(&made))]);
            bench.write(&mut [work]).expect("it is made");
            bench.mail.shows(id(Side::Mail), "2", &shown);
            bench.crm.shows(id(Side::Crm), "1", &made);
            bench.mail.answers([Ok(None)]);
            let outcome = undo(&bench);
            assert_eq!(outcome.len(), 1 + usize::from(told.is_some()), "{policy:?}: {outcome:?}");
            assert!(outcome.last().is_some_and(|line| line.contains(told.unwrap_or("one write was"))));
            let before: Vec<bool> = bench.images().iter().map(|image| image.before.is_some()).collect();
            // Of its making nothing; of its taking away, what it was.
            let wanted = if told.is_none() { vec![false, kept] } else { vec![false] };
            assert_eq!(before, wanted, "{policy:?}");
        }
    }
}

/// Nobody knows what the mailbox made of it; the CRM shows that there is an appointment, and when.
#[test]
fn what_is_put_back_behind_the_veil_is_not_in_step_with_a_record_that_does_not_show_it() {
    for (policy, made_private, in_step) in [
        (PrivateItems::BusyOnly, true, false),
        // The next plan tells that it was made private just now.
        (PrivateItems::BusyOnly, false, true),
        (PrivateItems::Sync, true, true),
    ] {
        let mut bench = Bench::new(|_, _| {});
        let mut private = visit_that_is(Sensitivity::Private);
        private.set_text(Field::Location, "Room 2");
        bench.policy.modules.calendar = Some(CalendarPolicy { private: policy, ..CalendarPolicy::default() });
        bench.mail.answers([written(id(Side::Mail), "2", Some(&visit("Room 2")))]);
        bench.write(&mut [to_write(Side::Mail, IntentKind::Update)]).expect("it is written");
        let mut pair = bench.pair();
        let at = pair.mail.as_mut().expect("it has both");
        if made_private && policy != PrivateItems::Sync {
            at.seen = hashes(&veiled(&private, policy));
        }
        let commit = Commit { pairs: vec![pair], ..Commit::default() };
        run_until_killed(bench.store.commit(MemberId(1), 1, &commit))
            .expect("nothing waits")
            .expect("in memory");
        bench.mail.shows(id(Side::Mail), "3", &private);
        bench.mail.script().made.insert(id(Side::Mail).into(), Fetched::OutOfScope);
        bench.mail.answers([written(id(Side::Mail), "4", None)]);
        assert_eq!(undo(&bench), ["Undone by admin@desk: one write was taken back"]);
        let seen = bench.pair().mail.expect("it has both").seen;
        let back = hashes(&visit("Room 1"));
        let stands = of_field(&seen, Field::Location) == of_field(&back, Field::Location);
        assert_eq!(stands, in_step, "{policy:?} {made_private}");
    }
}

/// What is blank behind the veil is blank in the open, too.
#[test]
fn what_is_put_back_where_nothing_stood_is_in_step() {
    let mut bench = Bench::new(|_, _| {});
    bench.policy.modules.calendar = Some(CalendarPolicy::default());
    let mut emptied = visit("Room 1");
    emptied.set(Field::Location, Value::Blank);
    let mut work = to_write(Side::Mail, IntentKind::Update);
    let set = [(Field::Location, Value::Blank)].into();
    work.writes = vec![Write::Update { side: Side::Mail, set, base: visit("Room 1") }];
    bench.mail.answers([written(id(Side::Mail), "2", Some(&emptied))]);
    bench.write(&mut [work]).expect("it is written");
    let place = |seen: Hashes| crate::in_step::of_field(&seen, "location");
    let seen = |bench: &Bench| place(bench.pair().mail.expect("it has both").seen);
    assert_eq!(seen(&bench), place(hashes(&emptied)));
    bench.mail.shows(id(Side::Mail), "2", &emptied);
    bench.mail.answers([written(id(Side::Mail), "3", Some(&visit("Room 1")))]);
    assert_eq!(undo(&bench), ["Undone by admin@desk: one write was taken back"]);
    assert_eq!(seen(&bench), place(hashes(&visit("Room 1"))));
}
