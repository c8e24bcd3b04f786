//! What was written.

use super::*;

#[test]
fn each_write_is_counted_and_told() {
    for (to, kind) in SIDES.into_iter().flat_map(|to| KINDS.map(|kind| (to, kind))) {
        let mut bench = bench();
        side(&bench, to).answers([well(to, kind)]);
        let mut works = [to_write(to, kind)];
        bench.write(&mut works).expect("all went well");
        let mut counts = ModuleCounts::default();
        *match (to, kind) {
            (Side::Mail, IntentKind::Create) => &mut counts.created_mail,
            (Side::Crm, IntentKind::Create) => &mut counts.created_crm,
            (Side::Mail, IntentKind::Update) => &mut counts.updated_mail,
            (Side::Crm, IntentKind::Update) => &mut counts.updated_crm,
            (Side::Mail, IntentKind::Delete) => &mut counts.deleted_mail,
            (Side::Crm, IntentKind::Delete) => &mut counts.deleted_crm,
            (_, IntentKind::Move) => &mut counts.moved,
        } = 1;
        assert_eq!(bench.counts, counts);
        let fields = if kind == IntentKind::Update { " (location)" } else { "" };
        let deed = format!("{} {}", kind.as_str(), to.as_str());
        let text = format!("{}d in the {}: Visit{fields}", kind.as_str(), to.title());
        assert_eq!(bench.journal(), [(deed, text)]);
        assert_eq!((works[0].fate, bench.open()), (Fate::Done, vec![]));
    }
}

#[test]
fn what_is_kept_for_an_undo_says_what_the_write_left() {
    for (to, kind) in SIDES.into_iter().flat_map(|to| KINDS.map(|kind| (to, kind))) {
        let mut bench = bench();
        side(&bench, to).answers([well(to, kind)]);
        bench.write(&mut [to_write(to, kind)]).expect("all went well");
        let [image] = &bench.images()[..] else { panic!("one is kept") };
        assert_eq!((image.kind, image.side, image.cycle, image.title.as_str()), (kind, to, 7, "Visit"));
        let of_place = |place| {
            let mut item = visit(place);
            item.fields.remove(&Field::Summary);
            item
        };
        let (left, before) = match kind {
            IntentKind::Create => (hashes(&visit("Room 1")), None),
            IntentKind::Update => (hashes(&of_place("Room 2")), Some(of_place("Room 1"))),
            IntentKind::Delete => (Hashes::default(), Some(visit("Room 1"))),
            IntentKind::Move => (Hashes::default(), None),
        };
        assert_eq!((&image.left, &image.before), (&Some(left), &before));
        bench.keeps = false;
        side(&bench, to).answers([well(to, kind)]);
        bench.write(&mut [to_write(to, kind)]).expect("all went well");
        assert_eq!(bench.images().len(), 1, "nothing is kept if nothing is to be");
    }
}

#[test]
fn what_is_written_is_in_step_on_both_sides() {
    for to in SIDES {
        let mut bench = bench();
        side(&bench, to).answers([well(to, IntentKind::Update)]);
        let mut work = to_write(to, IntentKind::Update);
        work.read_mut(to.other()).as_mut().expect("it shows it").hashes = hashes(&visit("Room 2"));
        (work.pair.attempts, work.pair.next_try) = (3, Some(bench.now()));
        (work.pair.state, work.pair.reason) = (PairState::Quarantined, Some("Failed before.".into()));
        bench.write(&mut [work]).expect("all went well");
        let pair = bench.pair();
        assert_eq!((pair.state, pair.reason.as_ref(), pair.attempts), (PairState::Linked, None, 0));
        assert_eq!(pair.next_try, None);
        for of in SIDES {
            assert_eq!(pair_side(&pair, of).seen, hashes(&visit("Room 2")));
            let row = row(&bench, of).expect("both are stored");
            let version = if of == to { "2" } else { "1" };
            assert_eq!((row.version, row.dirty, row.seen), (version.into(), false, 3));
        }
        assert_eq!(pair_side(&pair, to).version, "2".into());
        let place = Bench::hasher().value(Field::Location, &Value::text("Room 2"));
        assert_eq!(pair_side(&pair, to).sent, Hashes([(Hashes::key(Field::Location), place)].into()));
    }
}

/// What the CRM showed when it was written to is known by its answer, or by reading in the very version that it tells.
#[test]
fn what_may_be_a_users_edit_by_now_is_read_again() {
    let edited = {
        let mut item = visit("Room 1");
        item.set_text(Field::Summary, "Visit of Ann");
        item
    };
    let made = |answer, shown: Option<(&str, &Item)>| {
        let mut bench = bench();
        bench.crm.answers([answer]);
        if let Some((version, item)) = shown {
            bench.crm.shows("c", version, item);
        }
        bench.write(&mut [to_write(Side::Crm, IntentKind::Create)]).expect("all went well");
        let row = row(&bench, Side::Crm).expect("it is stored");
        (row.dirty, row.version, pair_side(&bench.pair(), Side::Crm).seen.clone())
    };
    let one = hashes(&visit("Room 1"));
    assert_eq!(made(written("c", "2", Some(&edited)), None), (false, "2".into(), hashes(&edited)));
    let told = written("c", "2", None);
    assert_eq!(made(told.clone(), Some(("2", &edited))), (false, "2".into(), hashes(&edited)));
    assert_eq!(made(told.clone(), Some(("3", &visit("Room 1")))), (false, "3".into(), one.clone()));
    assert_eq!(made(told.clone(), Some(("3", &edited))), (true, "3".into(), Hashes::default()));
    assert_eq!(made(told, None), (false, "2".into(), one), "it cannot be read: what was sent counts");
}

#[test]
fn what_an_item_was_made_without_counts_as_sent_blank() {
    let mut bench = bench();
    bench.crm.answers([written("c", "2", None)]);
    let mut shown = visit("Room 1");
    shown.set_text(Field::Organizer, "somebody@example.com");
    bench.crm.shows("c", "3", &shown);
    bench.write(&mut [to_write(Side::Crm, IntentKind::Create)]).expect("all went well");
    let sent = pair_side(&bench.pair(), Side::Crm).sent.clone();
    let mut as_made = hashes(&visit("Room 1"));
    let of_ours = as_made.clone();
    Bench::hasher().insert(&mut as_made, Field::Organizer, &Value::Blank);
    assert_eq!(sent, as_made);
    // Where it is known what the system itself has filled, that is its base.
    bench.crm.answers([written("c", "2", Some(&shown))]);
    bench.write(&mut [to_write(Side::Crm, IntentKind::Create)]).expect("all went well");
    assert_eq!(pair_side(&bench.pair(), Side::Crm).sent, of_ours);
}

/// What a user has filled since a change was written was not sent blank.
#[test]
fn after_a_change_only_what_it_sent_counts_as_sent() {
    let mut bench = bench();
    let mut shown = visit("Room 2");
    shown.set_text(Field::Summary, "Visit of Ann");
    bench.crm.answers([written("c", "2", Some(&shown))]);
    bench.write(&mut [to_write(Side::Crm, IntentKind::Update)]).expect("all went well");
    let place = Bench::hasher().value(Field::Location, &Value::text("Room 2"));
    assert_eq!(
        pair_side(&bench.pair(), Side::Crm).sent,
        Hashes([(Hashes::key(Field::Location), place)].into())
    );
    assert!(row(&bench, Side::Crm).is_some_and(|row| row.dirty));
}

#[test]
fn what_is_made_again_starts_anew() {
    let mut bench = bench();
    bench.crm.answers([well(Side::Crm, IntentKind::Create)]);
    let mut work = to_write(Side::Crm, IntentKind::Create);
    let old = Hashes([("organizer".to_owned(), 9), ("was:location".to_owned(), 8)].into());
    let (seen, sent) = (old.clone(), old);
    work.pair.crm = Some(PairSide { id: "gone".into(), version: "1".into(), seen, sent });
    bench.write(&mut [work]).expect("all went well");
    let pair = bench.pair();
    assert_eq!((pair.generation, pair_side(&pair, Side::Crm).id.clone()), (2, "c".into()));
    assert_eq!(pair_side(&pair, Side::Crm).seen, hashes(&visit("Room 1")));
    assert_eq!(pair_side(&pair, Side::Crm).sent, hashes(&visit("Room 1")));
}

/// The first request may have been carried out after all: what turns up with its marker is no copy of a user's.
#[test]
fn that_an_earlier_request_was_given_up_is_noted() {
    for (kind, attempts) in [(IntentKind::Create, 0), (IntentKind::Create, 1), (IntentKind::Update, 1)] {
        let mut bench = bench();
        bench.crm.answers([well(Side::Crm, kind)]);
        let mut work = to_write(Side::Crm, kind);
        work.pair.attempts = attempts;
        bench.write(&mut [work]).expect("all went well");
        let noted = loops::was_made_again(&pair_side(&bench.pair(), Side::Crm).sent);
        assert_eq!(noted, kind == IntentKind::Create && attempts == 1);
    }
}

/// The CRM is written to first, then the mailbox.
#[test]
fn the_first_of_two_writes_is_in_step_whatever_becomes_of_the_second() {
    let mut bench = bench();
    let (mut in_mail, mut in_crm) = (visit("Room 2"), visit("Room 1"));
    in_crm.set_text(Field::Summary, "Call");
    let mut work = linked();
    work.mail.as_mut().expect("it shows it").hashes = hashes(&in_mail);
    work.crm.as_mut().expect("it shows it").hashes = hashes(&in_crm);
    let update = |side, field, text: &str, base: &Item| Write::Update {
        side,
        set: [(field, Value::text(text))].into(),
        base: base.clone(),
    };
    work.writes = vec![
        update(Side::Crm, Field::Location, "Room 2", &in_crm),
        update(Side::Mail, Field::Summary, "Call", &in_mail),
    ];
    in_crm.set_text(Field::Location, "Room 2");
    bench.crm.answers([written("c", "2", Some(&in_crm))]);
    let mut works = [work];
    bench.stop.after(1);
    assert_eq!(bench.write(&mut works), Err(CycleFault::Stopped));
    let pair = bench.pair();
    assert_eq!((works[0].fate, pair.state), (Fate::Open, PairState::Linked));
    assert_eq!(pair.next_try, Some(bench.now()));
    let seen = |of: Side, field| pair_side(&pair, of).seen.0.get(&Hashes::key(field)).copied();
    let shows = |item: &Item, field| hashes(item).0.get(&Hashes::key(field)).copied();
    for of in SIDES {
        assert_eq!(seen(of, Field::Location), shows(&in_crm, Field::Location));
    }
    for of in SIDES {
        assert_eq!(seen(of, Field::Summary), shows(&in_mail, Field::Summary), "not written yet");
    }
    let row = row(&bench, Side::Crm).expect("it is stored");
    assert_eq!((row.version, row.dirty), ("2".into(), false));
    // Then the mailbox takes it.
    in_mail.set_text(Field::Summary, "Call");
    bench.stop.after(u32::MAX);
    bench.mail.answers([written("m", "2", Some(&in_mail))]);
    bench.write(&mut works).expect("all went well");
    assert_eq!((bench.pair().next_try, works[0].fate), (None, Fate::Done));
}

/// Some systems give an item another id when it is changed.
#[test]
fn an_item_that_gets_another_id_is_known_by_that_alone() {
    let mut bench = bench();
    let old = linked().mail.and_then(|read| read.row).expect("it has one");
    bench.store.take_over(&Commit { items: vec![old], ..Commit::default() });
    bench.mail.answers([written("m2", "2", Some(&visit("Room 2")))]);
    bench.write(&mut [to_write(Side::Mail, IntentKind::Update)]).expect("all went well");
    let rows: Vec<_> = bench.store.all_items().into_iter().filter(|row| row.side == Side::Mail).collect();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.id.clone(), row.seen), ("m2".into(), 0));
    assert_eq!(pair_side(&bench.pair(), Side::Mail).id, "m2".into());
}

#[test]
fn what_was_deleted_after_its_twin_is_gone_on_both_sides() {
    for answer in [Ok(None), Err(ItemError::Gone)] {
        let mut bench = bench();
        bench.crm.answers([answer]);
        let mut work = to_write(Side::Crm, IntentKind::Delete);
        (work.pair.attempts, work.pair.next_try) = (2, Some(bench.now()));
        for of in SIDES {
            let row = work.read_mut(of).as_mut().and_then(|read| read.row.as_mut()).expect("it has one");
            (row.dirty, row.match_keys) = (true, Some(vec![]));
        }
        let mut works = [work];
        bench.write(&mut works).expect("all went well");
        let pair = bench.pair();
        assert_eq!((pair.state, pair.reason), (PairState::Tombstoned, Some(deleted_after(Side::Mail))));
        assert_eq!((pair.attempts, pair.next_try, works[0].fate), (0, None, Fate::Done));
        for of in SIDES {
            let row = row(&bench, of).expect("both are stored");
            assert_eq!((row.presence, row.pair), (Presence::Deleted, Some(pair.id)));
            assert_eq!((row.dirty, row.match_keys), (false, Some(vec![])));
        }
    }
}

#[test]
fn what_was_deleted_because_it_is_private_leaves_its_origin_alone() {
    let mut bench = bench();
    bench.crm.answers([Ok(None)]);
    let mut work = linked();
    work.writes = vec![Write::Delete { side: Side::Crm, frees_origin: true, base: Some(visit("Room 1")) }];
    for of in SIDES {
        let row = work.read_mut(of).as_mut().and_then(|read| read.row.as_mut());
        row.expect("it has one").match_keys = Some(vec![]);
    }
    bench.write(&mut [work]).expect("all went well");
    let pair = bench.pair();
    assert_eq!((&pair.mail, &pair.crm, pair.generation), (&None, &None, 2));
    assert_eq!(pair.reason.as_deref(), Some("Marked private in the mailbox: deleted in the CRM."));
    let [mail, crm] = SIDES.map(|of| row(&bench, of).expect("both are stored"));
    assert_eq!((mail.presence, mail.pair, mail.match_keys), (Presence::Present, None, None));
    assert_eq!((crm.presence, crm.pair, crm.match_keys), (Presence::Deleted, Some(pair.id), Some(vec![])));
    let [image] = &bench.images()[..] else { panic!("one is kept") };
    assert_eq!(image.before, None, "what became private is not put back");
}
