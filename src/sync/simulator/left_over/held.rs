//! What waits for a decision, instead of being moved.

use super::*;

#[test]
fn what_waits_is_held_by_name_and_decided() {
    for (choice, folders) in [(LostAndFound::Hold, true), (LostAndFound::Move, false)] {
        let mut world = with_leftovers(choice);
        if !folders {
            Arc::get_mut(&mut world.mail).expect("nobody else has it").have_no_folders();
        }
        cycle(&world);
        cycle(&world);
        assert_eq!(all(&world), named([&[CARD, OWN, VISIT], &[], &[OWN]]), "{choice:?}");
        let holds = open_holds(&world);
        let waits: Vec<(HoldKind, &str)> =
            holds.iter().map(|h| (h.kind, h.items[0].title.as_str())).collect();
        assert_eq!(waits, [(HoldKind::LostAndFound, CARD), (HoldKind::LostAndFound, VISIT)]);
        // An edit does not bring it to the CRM.
        let (card, _) = world.mail.live().into_iter().find(|(_, item)| item.title() == CARD).expect("there");
        world.mail.user_edit(&card, |item| item.set_text(Field::Location, "elsewhere"));
        cycle(&world);
        assert_eq!((all(&world)[2].len(), open_holds(&world)), (1, holds.clone()));
        assert!(world.store.all_items().iter().all(|row| !row.dirty), "it waits for its hold alone");
        world.decide(holds[0].id, Decision::Create);
        world.decide(holds[1].id, Decision::Ignore);
        cycle(&world);
        cycle(&world);
        assert_eq!(all(&world), named([&[CARD, OWN, VISIT], &[], &[CARD, OWN]]), "{:#?}", world.log());
        assert_eq!(open_holds(&world), []);
    }
}

/// Whenever that is in the first sync: a hold names nothing that cannot be decided about.
#[test]
fn what_its_user_deletes_before_it_is_held_is_held_by_nobody() {
    fn deletes_at(mail: Arc<FakeSide>, reading: u32, card: RemoteId) {
        let side = Arc::clone(&mail);
        side.meanwhile(move || match reading {
            0 => assert!(mail.user_delete(&card)),
            _ => deletes_at(mail, reading - 1, card),
        });
    }
    for reading in 0..5 {
        let world = with_leftovers(LostAndFound::Hold);
        let (card, _) = world.mail.live().into_iter().find(|(_, item)| item.title() == CARD).expect("there");
        deletes_at(Arc::clone(&world.mail), reading, card);
        for _ in 0..3 {
            cycle(&world);
        }
        assert_eq!(all(&world), named([&[OWN, VISIT], &[], &[OWN]]), "{reading}: {:#?}", world.log());
        let holds = world.store.all_holds().into_iter().flat_map(|hold| hold.items);
        let unread = holds.filter(|item| ![CARD, VISIT].contains(&item.title.as_str())).count();
        assert_eq!((unread, open_holds(&world).len()), (0, 1), "{reading}");
    }
}

#[test]
fn nothing_is_deleted_before_that_is_approved() {
    for decision in [Decision::Approve, Decision::Refuse] {
        let world = with_leftovers(LostAndFound::Delete);
        cycle(&world);
        cycle(&world);
        assert_eq!(all(&world), named([&[CARD, OWN, VISIT], &[], &[OWN]]), "{:#?}", world.log());
        let holds = open_holds(&world);
        assert!(holds.iter().all(HoldRow::blocks_module) && holds.len() == 2, "{holds:#?}");
        assert_eq!((holds[0].items[0].title.as_str(), holds[0].items[0].side), (CARD, Some(Side::Mail)));
        for hold in &holds {
            world.decide(hold.id, decision.clone());
        }
        cycle(&world);
        cycle(&world);
        let stays: &[&str] = if decision == Decision::Approve { &[OWN] } else { &[CARD, OWN, VISIT] };
        assert_eq!(all(&world), named([stays, &[], &[OWN]]), "{:#?}", world.log());
        assert_eq!(open_holds(&world), []);
    }
}

#[test]
fn an_undo_makes_again_what_was_deleted_and_does_not_sync_it() {
    let mut world = with_leftovers(LostAndFound::Delete);
    world.keep_images = true;
    cycle(&world);
    for hold in open_holds(&world) {
        world.decide(hold.id, Decision::Approve);
    }
    let span = UndoSpan::Cycle(world.next_cycle());
    cycle(&world);
    assert_eq!(all(&world), named([&[OWN], &[], &[OWN]]), "{:#?}", world.log());
    let gone = world.store.all_pairs().into_iter().filter(|pair| pair.state == PairState::Tombstoned);
    let why: Vec<String> = gone.filter_map(|pair| pair.reason).collect();
    assert_eq!(why, ["Left by another sync: deleted, as an administrator has approved."; 2]);
    world.store.order(MemberId(1), Order::Undo { span }, world.now());
    for _ in 0..3 {
        cycle(&world);
    }
    assert_eq!(all(&world), named([&[CARD, OWN, VISIT], &[], &[OWN]]), "{:#?}", world.log());
}

/// It could not be moved in the first sync, and the policy says otherwise by then.
#[test]
fn what_could_not_be_moved_is_held_by_a_later_policy() {
    let mut world = with_leftovers(LostAndFound::Move);
    world.mail.set_faults(Faults { forbidden: 100, ..Faults::NONE });
    cycle(&world);
    world.mail.set_faults(Faults::NONE);
    assert_eq!(all(&world), named([&[CARD, OWN, VISIT], &[], &[OWN]]), "{:#?}", world.log());
    world.policy.first_sync.lost_and_found = LostAndFound::Hold;
    world.pass(120);
    cycle(&world);
    assert_eq!(all(&world), named([&[CARD, OWN, VISIT], &[], &[OWN]]), "{:#?}", world.log());
    let held: Vec<HoldKind> = open_holds(&world).into_iter().map(|hold| hold.kind).collect();
    assert_eq!(held, [HoldKind::LostAndFound; 2]);
}

/// Each is told of once, by the rule by which it is held.
#[test]
fn what_is_held_by_a_later_policy_is_told_item_by_item() {
    let mut world = world(LostAndFound::Move);
    for _ in 0..2 {
        let mut event = world.new_event();
        event.uid = Some(event.title());
        world.mail.user_create(marked(event));
    }
    world.mail.set_faults(Faults { forbidden: 100, ..Faults::NONE });
    cycle(&world);
    world.mail.set_faults(Faults::NONE);
    assert!(world.store.all_pairs().iter().all(|pair| pair.uid.is_some()), "each is known by its UID");
    world.policy.first_sync.lost_and_found = LostAndFound::Hold;
    world.pass(120);
    cycle(&world);
    let journal = world.store.all_journal().into_iter().filter(|line| line.deed.starts_with("held"));
    let mut told: Vec<String> = journal.map(|line| format!("{}: {}", line.rule, line.text)).collect();
    told.sort();
    let why = "Left by another sync, by its category, and without a twin in the CRM: it stays as it is, and does not go to the \
               CRM until somebody decides.";
    assert_eq!(told, ["Visit #1", "Visit #2"].map(|title| format!("Lost & Found: {title}: {why}")));
}

/// So many contacts that another sync has left wait for a decision; answers with their only hold.
fn held(choice: LostAndFound, contacts: usize) -> HoldRow {
    let mut world = world(choice);
    for _ in 0..contacts {
        let contact = world.new_contact();
        world.mail.user_create(marked(contact));
    }
    for _ in 0..3 {
        cycle(&world);
    }
    let holds = world.store.all_holds();
    let [hold] = &holds[..] else { panic!("one hold names all of them: {holds:#?}") };
    assert_eq!((hold.items.len(), hold.closed), (contacts, None));
    let told = world.log().iter().filter(|line| **line == hold.reason).count();
    assert_eq!(told, 1, "{:#?}", world.log());
    hold.clone()
}

#[test]
fn a_hold_says_how_many_wait_and_for_what() {
    let why = "by which another sync marks what it has made";
    for (contacts, items, stays, is) in [
        (
            1,
            "1 item with the category Riva",
            "has no twin in the CRM and stays",
            "has no twin in the CRM and is",
        ),
        (
            2,
            "2 items with the category Riva",
            "have no twin in the CRM and stay",
            "have no twin in the CRM and are",
        ),
    ] {
        let text = format!("{items}, {why}, {stays} in the mailbox alone until somebody decides");
        assert_eq!(held(LostAndFound::Hold, contacts).reason.to_lowercase(), text.to_lowercase());
        let text = format!(
            "Delete Safety: {items}, {why}, {is} to be deleted in the mailbox, as the policy says; nothing"
        );
        let reason = held(LostAndFound::Delete, contacts).reason.to_lowercase();
        assert!(reason.starts_with(&text.to_lowercase()), "{reason}");
    }
}

#[test]
fn one_hold_names_all_that_waits_however_much_that_is() {
    held(LostAndFound::Hold, 230);
}

/// Not all of it is known before the first sync is through: that takes more than one cycle.
#[test]
fn nothing_is_held_before_all_that_waits_is_known() {
    let mut world = world(LostAndFound::Hold);
    for mark in [true, false, true] {
        for _ in 0..if mark { 2 } else { 520 } {
            let contact = world.new_contact();
            world.mail.user_create(if mark { marked(contact) } else { contact });
        }
    }
    let outcome = world.cycle().expect("nobody kills it");
    assert!(outcome.more_work);
    assert_eq!(world.store.all_holds(), []);
    cycle(&world);
    let [hold] = &world.store.all_holds()[..] else { panic!("one hold") };
    assert_eq!(hold.items.len(), 4);
}

/// Before it was approved: an edit is not lost by what somebody else decides without knowing of it.
#[test]
fn what_is_edited_since_its_deletion_was_held_stays() {
    let world = with_leftovers(LostAndFound::Delete);
    cycle(&world);
    let (card, _) = world.mail.live().into_iter().find(|(_, item)| item.title() == CARD).expect("there");
    world.mail.user_edit(&card, |item| item.set(Field::Phones, Value::Blank));
    world.mail.user_edit(&card, |item| {
        let phone = ("work".to_owned(), Element::plain("030 1"));
        item.set(Field::Phones, Value::set([phone].into()));
    });
    cycle(&world);
    for hold in open_holds(&world) {
        world.decide(hold.id, Decision::Approve);
    }
    cycle(&world);
    cycle(&world);
    assert_eq!(all(&world), named([&[CARD, OWN], &[], &[OWN]]), "{:#?}", world.log());
}
