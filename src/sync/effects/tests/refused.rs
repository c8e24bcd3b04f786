//! What was not written, or of which nobody knows.

use super::*;
use riva_core::holds::HoldRow;

#[test]
fn once_the_agent_is_to_stop_nothing_is_sent() {
    let mut bench = bench();
    bench.stop.after(0);
    let mut works = [to_write(Side::Crm, IntentKind::Create)];
    assert_eq!(bench.write(&mut works), Err(CycleFault::Stopped));
    assert_eq!((works[0].fate, bench.open(), bench.store.all_pairs()), (Fate::Open, vec![], vec![]));
    assert!(bench.crm.script().calls.is_empty());
}

#[test]
fn what_nobody_knows_stays_open_with_all_that_tells_of_it() {
    for kind in KINDS {
        let mut bench = bench();
        bench.crm.fails(CallError::InDoubt("the line broke".into()));
        let mut works = [to_write(Side::Crm, kind)];
        let ended = bench.write(&mut works);
        assert_eq!(ended, Err(CycleFault::of(Side::Crm, CallError::InDoubt("the line broke".into()))));
        assert_eq!(bench.journal(), [("in doubt".to_owned(), "the line broke".to_owned())]);
        assert_eq!((works[0].fate, bench.open().len()), (Fate::InDoubt, 1));
        let [image] = &bench.images()[..] else { panic!("it may have been done: it is kept") };
        assert_eq!((&image.left, image.kind), (&None, kind));
        assert_eq!(bench.pair().next_try, Some(bench.now()), "no row tells of it");
        // Of a create its origin's row tells, which was in no pair before.
        let rows: Vec<_> = bench.store.all_items().into_iter().map(|row| (row.side, row.pair)).collect();
        let origin = [(Side::Mail, Some(bench.pair().id))];
        assert_eq!(rows, if kind == IntentKind::Create { &origin[..] } else { &[] });
        assert_eq!(bench.counts, ModuleCounts::default());
    }
}

#[test]
fn what_somebody_changed_comes_back_by_its_row() {
    for by in SIDES {
        let mut bench = bench();
        bench.crm.fails(CallError::InDoubt("the line broke".into()));
        let mut works = [changed_by(to_write(Side::Crm, IntentKind::Update), by)];
        assert!(bench.write(&mut works).is_err());
        assert_eq!(bench.pair().next_try, None);
    }
}

#[test]
fn what_was_refused_as_a_whole_was_not_done() {
    for kind in KINDS {
        let mut bench = bench();
        bench.crm.fails(unavailable());
        let mut works = [to_write(Side::Crm, kind)];
        assert_eq!(bench.write(&mut works), Err(CycleFault::of(Side::Crm, unavailable())));
        let text = format!("{} in the CRM: Visit: not now: {}", kind.as_str(), unavailable());
        assert_eq!(bench.journal(), [("failed".to_owned(), text)]);
        assert_eq!((works[0].fate, bench.open(), bench.images()), (Fate::Failed, vec![], vec![]));
    }
}

#[test]
fn what_an_answer_leaves_out_is_in_doubt() {
    let mut bench = bench();
    let mut works = [to_write(Side::Crm, IntentKind::Update), to_write(Side::Crm, IntentKind::Update)];
    works[1].pair.id = PairId(uuid::Uuid::from_u128(2));
    bench.crm.answers([well(Side::Crm, IntentKind::Update)]);
    bench.write(&mut works).expect("one item alone failed");
    assert_eq!(works.each_ref().map(|work| work.fate), [Fate::Done, Fate::InDoubt]);
    assert_eq!(bench.open().iter().map(|intent| intent.pair).collect::<Vec<_>>(), [works[1].pair.id]);
    let text = "the answer has no entry for this item".to_owned();
    assert_eq!(bench.journal()[1], ("in doubt".to_owned(), text));
}

#[test]
fn one_answer_that_was_lost_is_in_doubt_alone() {
    let mut bench = bench();
    bench.crm.answers([Err(ItemError::InDoubt("no line for it".into()))]);
    let mut works = [to_write(Side::Crm, IntentKind::Delete)];
    bench.write(&mut works).expect("one item alone failed");
    assert_eq!(bench.journal(), [("in doubt".to_owned(), "no line for it".to_owned())]);
    assert_eq!((works[0].fate, bench.open().len()), (Fate::InDoubt, 1));
}

#[test]
fn what_exists_already_when_it_is_made_may_be_ours() {
    let mut bench = bench();
    bench.crm.answers([Err(ItemError::Exists)]);
    let mut works = [to_write(Side::Crm, IntentKind::Create)];
    bench.write(&mut works).expect("one item alone failed");
    assert_eq!(bench.journal(), [("in doubt".to_owned(), "it exists already".to_owned())]);
    assert_eq!((works[0].fate, bench.open().len()), (Fate::InDoubt, 1));
}

/// What it may mean is told by the next reading.
#[test]
fn what_is_gone_or_in_the_way_is_tried_again() {
    for (kind, error) in [
        (IntentKind::Update, ItemError::Gone),
        (IntentKind::Update, ItemError::Exists),
        (IntentKind::Create, ItemError::Gone),
        (IntentKind::Delete, ItemError::Exists),
    ] {
        let mut bench = bench();
        bench.crm.answers([Err(error.clone())]);
        let mut work = to_write(Side::Crm, kind);
        work.pair.attempts = 3;
        let mut works = [work];
        bench.write(&mut works).expect("one item alone failed");
        let pair = bench.pair();
        assert_eq!((works[0].fate, bench.open(), bench.images()), (Fate::Failed, vec![], vec![]));
        assert_eq!((pair.state, pair.attempts), (PairState::Quarantined, 4));
        assert_eq!(pair.reason, Some(format!("Tried again: {error}.")));
        assert_eq!(pair.next_try, Some(bench.now() + Duration::hours(1)));
        assert_eq!(bench.counts, ModuleCounts::default());
    }
}

#[test]
fn what_has_no_other_side_yet_comes_back_by_its_due_time() {
    for kind in [IntentKind::Create, IntentKind::Update] {
        let mut bench = bench();
        bench.crm.answers([Err(ItemError::NotNow("locked".into()))]);
        let mut works = [changed_by(to_write(Side::Crm, kind), Side::Mail)];
        bench.write(&mut works).expect("one item alone failed");
        let pair = bench.pair();
        assert_eq!((works[0].fate, pair.attempts), (Fate::Failed, 0));
        if kind == IntentKind::Create {
            assert_eq!(pair.reason.as_deref(), Some("Not made yet: not now: locked."));
            assert_eq!((pair.state, pair.next_try), (PairState::Quarantined, Some(bench.now())));
        } else {
            assert_eq!((pair.state, pair.reason, pair.next_try), (PairState::Linked, None, None));
        }
        let text = format!("{} in the CRM: Visit: not now: locked", kind.as_str());
        assert_eq!(bench.journal(), [("failed".to_owned(), text)]);
    }
}

#[test]
fn what_would_mail_people_is_held_and_not_read_again_and_again() {
    let mut bench = bench();
    bench.mail.answers([Err(ItemError::WouldNotify { people: 4 })]);
    let mut works = [changed_by(to_write(Side::Mail, IntentKind::Update), Side::Crm)];
    bench.write(&mut works).expect("one item alone failed");
    let reason = "Writing it would send mail to 4 people; nothing was written.";
    let pair = bench.pair();
    assert_eq!((pair.state, pair.reason.as_deref()), (PairState::Held, Some(reason)));
    let [HoldRow { kind, items, reason: why, .. }] = &bench.store.all_holds()[..] else { panic!("one hold") };
    assert_eq!((*kind, why.as_str(), items[0].title.as_str()), (HoldKind::WouldNotify, reason, "Visit"));
    for of in SIDES {
        assert!(!row(&bench, of).expect("both are stored").dirty);
    }
}

#[test]
fn what_is_refused_for_good_climbs_the_ladder() {
    let error = ItemError::Invalid { reason: "no such room".into() };
    let failed = |attempts, changed| {
        let mut bench = bench();
        bench.crm.answers([Err(error.clone())]);
        let mut work = to_write(Side::Crm, IntentKind::Update);
        work.pair.attempts = attempts;
        let mut works = [if changed { changed_by(work, Side::Mail) } else { work }];
        bench.write(&mut works).expect("one item alone failed");
        assert_eq!((works[0].fate, bench.open(), bench.images()), (Fate::Failed, vec![], vec![]));
        assert_eq!(bench.log(), ["Could not update in the CRM: Visit: refused: no such room"]);
        assert!(SIDES.iter().all(|of| row(&bench, *of).is_some_and(|row| !row.dirty)));
        let pair = bench.pair();
        assert_eq!(pair.state, PairState::Quarantined);
        (pair.attempts, pair.next_try.map(|at| at - bench.now()), pair.reason.unwrap_or_default())
    };
    let reason = "Could not be updated in the CRM: refused: no such room.";
    let (soon, later) = (Some(Duration::seconds(30)), Some(Duration::hours(1)));
    assert_eq!(failed(0, false), (1, soon, reason.to_owned()));
    assert_eq!(failed(3, false), (4, later, reason.to_owned()));
    assert_eq!(failed(7, true), (1, soon, reason.to_owned()), "its user has changed it since");
    let (attempts, next, told) = failed(50, false);
    assert_eq!((attempts, next), (51, None));
    assert!(told.starts_with(reason) && told.contains("It failed 51 times"), "{told}");
}

/// There was one when that was planned.
#[test]
fn what_has_no_folder_to_go_to_is_not_deleted() {
    let mut bench = bench();
    let mut works = [to_write(Side::Mail, IntentKind::Move)];
    bench.write(&mut works).expect("it is tried again");
    assert_eq!((works[0].fate, bench.open(), bench.counts), (Fate::Failed, vec![], ModuleCounts::default()));
    let text = "move in the mailbox: Visit: not now: the mailbox has no Lost & Found";
    assert_eq!(bench.journal(), [("failed".to_owned(), text.to_owned())]);
    assert!(!bench.mail.script().calls.iter().any(|call| call.starts_with("delete")));
}
