//! What recovery leaves behind of a write of which nobody knows.

use crate::arrived::note_tried;
use crate::context::CycleFault;
use crate::first_sync::left_over::{DELETED, MOVED};
use crate::loops;
use crate::recover::{Lost, Recovered};
use crate::scripted::Bench;
use crate::scripted::visits::{SIDES, hashes, linked, pair_side, row, to_write, visit};
use crate::simulator::world::run_until_killed;
use crate::taken_away::deleted_after;
use crate::work::{Work, Write};
use chrono::Duration;
use riva_core::fault::{CallError, ItemError};
use riva_core::holds::HoldKind;
use riva_core::ids::{MemberId, PairId};
use riva_core::item::{Field, Item, Module, Value};
use riva_core::ports::RemoteRef;
use riva_core::rows::{Commit, Hashes, IntentKind, IntentRow, PairRow, PairState, Presence, Side};

fn bench() -> Bench {
    Bench::new(|_, _| {})
}

/// The answer to what is written to the CRM is lost.
fn lost(bench: &mut Bench, work: Work) {
    bench.crm.fails(CallError::InDoubt("the line broke".into()));
    bench.write(&mut [work]).expect_err("its answer is lost");
    assert_eq!(bench.open().len(), 1);
    bench.pass(Duration::minutes(10));
}

fn update() -> Work {
    to_write(Side::Crm, IntentKind::Update)
}

fn last_line(bench: &Bench) -> (String, String) {
    bench.journal().pop().expect("there is one")
}

fn adopted() -> Recovered {
    Recovered { adopted: 1, ..Recovered::default() }
}

fn dropped() -> Recovered {
    Recovered { dropped: 1, ..Recovered::default() }
}

#[test]
fn a_change_that_was_made_is_in_step_and_planned_anew() {
    let mut bench = bench();
    lost(&mut bench, update());
    bench.crm.shows("c", "2", &visit("Room 2"));
    assert_eq!(bench.recover(), Ok(adopted()));
    let pair = bench.pair();
    assert_eq!(pair_side(&pair, Side::Crm).seen, hashes(&visit("Room 2")));
    assert_eq!((pair.next_try, bench.open()), (Some(bench.now()), vec![]));
    assert_eq!(last_line(&bench), ("adopt".into(), "the change had been made".into()));
}

#[test]
fn a_change_that_is_not_there_may_arrive_yet() {
    for shown in [Some(visit("Room 1")), None] {
        let mut bench = bench();
        lost(&mut bench, update());
        let (mut noted, intent) = (bench.pair(), bench.open().remove(0));
        note_tried(&mut noted, Side::Crm, &intent);
        if let Some(item) = &shown {
            bench.crm.shows("c", "1", item);
        }
        assert_eq!(bench.recover(), Ok(dropped()));
        let pair = bench.pair();
        assert_ne!(pair_side(&pair, Side::Crm).sent, Hashes::default());
        assert_eq!(pair, PairRow { next_try: Some(bench.now()), ..noted });
        let (deed, text) = last_line(&bench);
        let why = if shown.is_some() { "the change is not there" } else { "not there under its id" };
        assert!(deed == "drop" && text.contains(why), "{text}");
    }
}

#[test]
fn a_deletion_that_was_made_ends_its_pair() {
    let mut bench = bench();
    lost(&mut bench, to_write(Side::Crm, IntentKind::Delete));
    assert_eq!(bench.recover(), Ok(adopted()));
    let pair = bench.pair();
    assert_eq!((pair.state, pair.reason), (PairState::Tombstoned, Some(deleted_after(Side::Mail))));
    assert!(pair.mail.is_some() && pair.crm.is_some());
    assert_eq!(last_line(&bench), ("adopt".into(), "the deletion had been made".into()));
}

#[test]
fn a_deletion_that_was_not_made_is_planned_anew() {
    let mut bench = bench();
    lost(&mut bench, to_write(Side::Crm, IntentKind::Delete));
    let before = bench.pair();
    bench.crm.shows("c", "1", &visit("Room 1"));
    assert_eq!(bench.recover(), Ok(dropped()));
    assert_eq!(bench.pair(), PairRow { next_try: Some(bench.now()), ..before });
}

#[test]
fn what_was_deleted_because_it_is_private_is_on_its_own_again() {
    let mut bench = bench();
    let mut work = linked();
    work.writes = vec![Write::Delete { side: Side::Crm, frees_origin: true, base: None }];
    let origin = work.mail.as_ref().and_then(|read| read.row.clone()).expect("it has one");
    bench.store.take_over(&Commit { items: vec![origin], ..Commit::default() });
    lost(&mut bench, work);
    assert_eq!(bench.recover(), Ok(adopted()));
    let pair = bench.pair();
    assert_eq!((pair.state, &pair.mail, &pair.crm), (PairState::Tombstoned, &None, &None));
    let row = row(&bench, Side::Mail).expect("it is stored");
    assert_eq!((row.pair, row.dirty, row.presence), (None, true, Presence::Present));
}

/// Nobody knows what became of it, and it is not in the mailbox any more.
#[test]
fn what_another_sync_has_left_and_was_taken_away_ends_its_pair() {
    for (kind, why, told) in [
        (IntentKind::Move, MOVED, "it had been moved, or its user has taken it away"),
        (IntentKind::Delete, DELETED, "the deletion had been made"),
    ] {
        let bench = bench();
        let [id] = intents(&bench, &[(Module::Calendar, Side::Mail, kind)])[..] else {
            panic!("one is open")
        };
        let (mut pair, mut intent) = (bench.pair(), bench.open().remove(0));
        (pair.crm, pair.next_try) = (None, Some(bench.now()));
        pair.mail.as_mut().expect("it has one").sent.0.insert("left over".to_owned(), 0);
        (intent.target, intent.sends) = (Some("m".into()), Hashes::default());
        bench.store.take_over(&Commit { pairs: vec![pair], intents: vec![intent], ..Commit::default() });
        bench.pass(Duration::minutes(10));
        assert_eq!(bench.recover(), Ok(adopted()));
        let pair = bench.pair();
        assert_eq!((pair.id, pair.state, pair.reason.as_deref()), (id, PairState::Tombstoned, Some(why)));
        assert_eq!(pair.next_try.is_none(), kind == IntentKind::Move);
        assert_eq!((last_line(&bench), bench.open()), (("adopt".into(), told.into()), vec![]));
    }
}

#[test]
fn where_versions_are_in_order_it_is_known_in_which_both_sides_were_in_step() {
    for in_order in [false, true] {
        for mut work in [update(), create(0)] {
            let mut bench = Bench::new(|_, caps| caps.versions_in_order = in_order);
            let is_made = work.pair.crm.is_none();
            work.mail.as_mut().expect("it is read").version = "5".into();
            lost(&mut bench, work);
            if is_made {
                carries(&bench, &bench.pair(), &[("c", &visit("Room 1"))]);
            } else {
                bench.crm.shows("c", "2", &visit("Room 2"));
            }
            assert_eq!(bench.recover(), Ok(adopted()));
            let pair = bench.pair();
            let versions = SIDES.map(|side| pair_side(&pair, side).version.to_string());
            assert_eq!(versions[0], if in_order { "5" } else { "1" }, "made: {is_made}");
            assert_eq!(versions[1], if in_order || is_made { "2" } else { "1" });
        }
    }
}

/// The CRM has items with the marker of a pair.
fn carries(bench: &Bench, pair: &PairRow, items: &[(&str, &Item)]) {
    for (id, item) in items {
        bench.crm.shows(id, "2", item);
    }
    let refs = items.iter().map(|(id, _)| RemoteRef { id: (*id).into(), version: "2".into() });
    bench.crm.script().marked.insert(pair.marker(), refs.collect());
}

fn create(attempts: u32) -> Work {
    let mut work = to_write(Side::Crm, IntentKind::Create);
    work.pair.attempts = attempts;
    (work.pair.state, work.pair.reason) = (PairState::Quarantined, Some("Failed before.".into()));
    work
}

#[test]
fn what_was_made_is_linked_by_what_was_sent() {
    let mut bench = bench();
    lost(&mut bench, create(0));
    let (pair, mut sent) = (bench.pair(), bench.open().remove(0).sends);
    let mut item = visit("Room 9");
    item.set_text(Field::Organizer, "ann@example.com");
    carries(&bench, &pair, &[("c", &item)]);
    assert_eq!(bench.recover(), Ok(adopted()));
    let pair = bench.pair();
    assert_eq!((pair.state, &pair.reason), (PairState::Linked, &None));
    let at = pair_side(&pair, Side::Crm);
    Bench::hasher().insert(&mut sent, Field::Organizer, &Value::Blank);
    assert_eq!((&at.seen, &at.sent), (&Hashes::default(), &sent), "what it shows otherwise is an edit");
    assert_eq!(pair_side(&pair, Side::Mail).seen, hashes(&visit("Room 1")));
    let row = row(&bench, Side::Crm).expect("it is stored");
    assert_eq!((row.id, row.dirty, row.pair), ("c".into(), true, Some(pair.id)));
    assert_eq!(last_line(&bench), ("adopt".into(), "found again: Visit".into()));
}

/// It may be the work of a request that was given up before, with what its origin showed then.
#[test]
fn what_was_made_again_is_linked_as_far_as_it_shows_what_was_sent() {
    let mut bench = bench();
    lost(&mut bench, create(1));
    let pair = bench.pair();
    carries(&bench, &pair, &[("c", &visit("Room 9"))]);
    assert_eq!(bench.recover(), Ok(adopted()));
    let pair = bench.pair();
    let at = pair_side(&pair, Side::Crm);
    let mut alike = hashes(&visit("Room 1"));
    alike.0.remove(&Hashes::key(Field::Location));
    assert_eq!(at.seen, alike);
    assert!(loops::was_made_again(&at.sent));
    alike.0.extend(at.sent.0.iter().filter(|(key, _)| loops::is_note(key)).map(|(k, v)| (k.clone(), *v)));
    assert_eq!(at.sent, alike);
    assert_eq!(last_line(&bench), ("link".into(), "found again: Visit".into()));
}

#[test]
fn what_was_made_and_is_gone_is_planned_as_what_it_is() {
    let mut bench = bench();
    lost(&mut bench, create(0));
    let pair = bench.pair();
    let gone = vec![RemoteRef { id: "c".into(), version: "2".into() }];
    bench.crm.script().marked.insert(pair.marker(), gone);
    assert_eq!(bench.recover(), Ok(adopted()));
    assert_eq!(last_line(&bench), ("adopt".into(), "found again: (an item that is gone)".into()));
    assert_eq!(
        (bench.pair().state, row(&bench, Side::Crm).is_some_and(|row| row.dirty)),
        (PairState::Linked, true)
    );
}

#[test]
fn what_is_found_and_not_read_is_looked_at_later() {
    let mut bench = bench();
    lost(&mut bench, create(0));
    let pair = bench.pair();
    carries(&bench, &pair, &[("c", &visit("Room 1"))]);
    bench.crm.script().left_out.insert("c".into());
    let again_at = Some(bench.now() + Duration::seconds(10));
    assert_eq!(bench.recover(), Ok(Recovered { waiting: 1, again_at, ..Recovered::default() }));
    assert_eq!((bench.open().len(), bench.pair()), (1, pair));
    bench.crm.script().left_out.clear();
    assert_eq!(bench.recover(), Ok(adopted()));
}

/// Which of two items that carry one marker stays: its id, and how many deletions were told of.
fn of_two(attempts: u32, one: &Item, other: &Item, removed: Result<(), ItemError>) -> (String, usize) {
    let mut bench = bench();
    lost(&mut bench, create(attempts));
    let pair = bench.pair();
    carries(&bench, &pair, &[("a", one), ("b", other)]);
    bench.crm.answers([removed.map(|()| None)]);
    assert_eq!(bench.recover(), Ok(adopted()));
    let told = bench.journal().iter().filter(|(deed, _)| deed == "delete double").count();
    let deletions = bench.crm.script().calls.iter().filter(|call| call.starts_with("delete")).count();
    assert!(told <= deletions);
    let kept = pair_side(&bench.pair(), Side::Crm).id.to_string();
    (kept, told)
}

#[test]
fn of_two_that_one_request_made_the_one_that_its_user_wrote_to_stays() {
    let as_sent = visit("Room 1");
    let edited = visit("Room 9");
    assert_eq!(of_two(0, &as_sent, &edited, Ok(())), ("b".into(), 1));
    assert_eq!(of_two(0, &edited, &as_sent, Ok(())), ("a".into(), 1));
    assert_eq!(of_two(0, &as_sent, &as_sent, Ok(())), ("a".into(), 1));
    let refused = Err(ItemError::Forbidden { reason: "not yours".into() });
    assert_eq!(of_two(0, &as_sent, &as_sent, refused), ("a".into(), 0), "nothing was taken away");
    assert_eq!(of_two(0, &visit("Room 8"), &edited, Ok(())), ("a".into(), 0), "both were written to");
}

#[test]
fn of_two_of_which_one_may_be_an_earlier_requests_the_one_that_shows_what_was_sent_stays() {
    let as_sent = visit("Room 1");
    assert_eq!(of_two(1, &visit("Room 9"), &as_sent, Ok(())), ("b".into(), 1));
    assert_eq!(of_two(1, &visit("Room 9"), &visit("Room 8"), Ok(())), ("a".into(), 1));
}

/// What its user has filled in one of two is not lost with it.
#[test]
fn a_double_goes_only_if_the_other_has_all_that_it_shows() {
    let mut kept = visit("Room 1");
    kept.set_text(Field::Organizer, "ann@example.com");
    kept.set_text(Field::Categories, "blue");
    let mut double = visit("Room 1");
    double.set(Field::Organizer, Value::Blank);
    double.set_text(Field::Categories, "blue");
    assert_eq!(of_two(0, &kept, &double, Ok(())), ("a".into(), 1));
    double.set_text(Field::Categories, "red");
    assert_eq!(of_two(0, &kept, &double, Ok(())), ("a".into(), 0));
}

#[test]
fn what_cannot_be_looked_for_is_held_until_its_side_reports_it() {
    let mut bench = Bench::new(|of, caps| caps.can_probe = of != Side::Crm);
    lost(&mut bench, create(0));
    assert_eq!(bench.recover(), Ok(Recovered { held: 1, ..Recovered::default() }));
    let pair = bench.pair();
    assert_eq!((pair.state, pair.next_try), (PairState::Held, None));
    assert_eq!(bench.store.all_holds()[0].kind, HoldKind::InDoubt);
    let [intent] = &bench.open()[..] else { panic!("it stays open") };
    assert!(intent.in_doubt);
    assert_eq!(bench.recover(), Ok(Recovered::default()), "it is held already");
}

#[test]
fn an_agent_that_is_to_stop_finds_nothing_out() {
    let mut bench = bench();
    lost(&mut bench, update());
    bench.stop.after(0);
    assert_eq!(bench.recover(), Err(CycleFault::Stopped));
    assert_eq!(bench.open().len(), 1);
}

/// Writes of which nobody knows, as rows.
fn intents(bench: &Bench, of: &[(Module, Side, IntentKind)]) -> Vec<PairId> {
    let mut commit = Commit::default();
    for (n, (module, side, kind)) in of.iter().enumerate() {
        let pair =
            PairRow { id: PairId(uuid::Uuid::from_u128(n as u128 + 1)), module: *module, ..linked().pair };
        commit.intents.push(IntentRow {
            pair: pair.id,
            member: MemberId(1),
            module: *module,
            side: *side,
            kind: *kind,
            marker: pair.marker(),
            target: None,
            expect: None,
            sends: hashes(&visit("Room 1")),
            origin: Hashes::default(),
            origin_version: None,
            in_doubt: false,
            at: bench.now(),
            believe_after: Some(bench.now() + Duration::minutes(1)),
        });
        commit.pairs.push(pair);
    }
    bench.store.take_over(&commit);
    commit.pairs.iter().map(|pair| pair.id).collect()
}

#[test]
fn whether_a_message_was_logged_is_asked_when_it_would_show() {
    let bench = bench();
    intents(&bench, &[(Module::Email, Side::Crm, IntentKind::Create)]);
    let again_at = Some(bench.now() + Duration::minutes(1));
    assert_eq!(bench.recover(), Ok(Recovered { waiting: 1, again_at, ..Recovered::default() }));
    assert_eq!((bench.open().len(), bench.pair().state), (1, PairState::Linked));
    bench.pass(Duration::minutes(1));
    assert_eq!(bench.recover(), Ok(Recovered { looked_up: 1, ..Recovered::default() }));
    let pair = bench.pair();
    assert_eq!(
        (pair.state, pair.next_try, bench.open()),
        (PairState::Quarantined, Some(bench.now()), vec![])
    );
    assert_eq!(pair.reason.as_deref(), Some("It is looked up in the CRM whether it was logged."));
}

#[test]
fn an_item_may_be_what_a_lost_create_of_its_kind_has_made() {
    let lost = |can_probe| {
        let bench = Bench::new(|_, caps| caps.can_probe = can_probe);
        let of = [
            (Module::Contacts, Side::Crm, IntentKind::Create),
            (Module::Calendar, Side::Mail, IntentKind::Create),
            (Module::Calendar, Side::Crm, IntentKind::Update),
            (Module::Calendar, Side::Crm, IntentKind::Create),
        ];
        let ids = intents(&bench, &of);
        let ctx = bench.context();
        let caps = bench.crm.module(Module::Calendar);
        let lost = run_until_killed(Lost::of(&ctx, Module::Calendar, Side::Crm, &caps));
        let mut lost = lost.expect("nothing waits").expect("it is in memory");
        let take = || Some(lost.take(&Bench::hasher(), &visit("Room 1"))?.pair);
        (std::iter::from_fn(take).collect::<Vec<PairId>>(), ids[3])
    };
    let (taken, of_its_kind) = lost(false);
    assert_eq!(taken, [of_its_kind]);
    assert_eq!(lost(true).0, [], "where it can be looked for, it is");
}
