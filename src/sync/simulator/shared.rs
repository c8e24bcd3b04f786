//! Records that another member has as well, as the rows tell of that.

use super::world::run_until_killed;
use super::{Knobs, World};
use crate::hash::FieldHasher;
use riva_core::documents::{ContactsPolicy, DeletePolicy};
use riva_core::ids::{MemberId, PairId, RemoteId};
use riva_core::item::{Field, Item, Value};
use riva_core::ports::{Lease, SyncStore};
use riva_core::rows::{Commit, ItemRow, PairRow, PairSide, PairState, Presence, Side};
use std::sync::Arc;
use uuid::Uuid;

const BOB: MemberId = MemberId(2);
const BOBS: Lease = Lease { member: BOB, fence: 1 };

/// Bob's pair of the record of one of Ann's, by which he keeps it.
fn bob_keeps(world: &World, anns: &PairRow, state: PairState, reason: Option<&str>, claim: (&str, u64)) {
    let pair = PairRow {
        id: PairId(Uuid::from_u128(7)),
        member: BOB,
        state,
        reason: reason.map(str::to_owned),
        mail: None,
        ..anns.clone()
    };
    let (id, commit) = (pair.id, Commit { pairs: vec![pair], ..Commit::default() });
    run_until_killed(async {
        world.store.commit(BOB, 1, &commit).await.expect("it is in memory");
        let taken =
            SyncStore::take_over(world.store.as_ref(), &"crm".into(), claim.0, claim.1, id, BOBS).await;
        taken.expect("it is in memory");
    })
    .expect("nobody kills it");
}

fn record_of(pair: &PairRow) -> RemoteId {
    pair.crm.as_ref().expect("it has one").id.clone()
}

#[test]
fn whoever_deletes_a_contact_deletes_it_for_all() {
    let mut world = World::new(3, Knobs::CALM);
    let deleted_in_mail = DeletePolicy::Propagate;
    world.policy.modules.contacts = Some(ContactsPolicy { deleted_in_mail, ..ContactsPolicy::default() });
    let contact = world.new_contact();
    let card = world.mail.user_create(contact);
    world.settle(4);
    let anns = world.store.all_pairs().remove(0);
    let key = FieldHasher::new([42; 16]).text("email", "p1@example.com");
    bob_keeps(&world, &anns, PairState::Linked, None, ("contact", key));
    world.mail.user_delete(&card);
    world.settle(4);
    assert!(world.crm.live().is_empty(), "{:#?}", world.log());
}

/// That is the business of her calendar alone: no contact has that id.
#[test]
fn a_meeting_is_taken_up_by_the_calendar() {
    let mut world = World::new(3, Knobs::CALM);
    let mut meeting = world.new_event();
    meeting.uid = Some("uid-1".to_owned());
    meeting.set(Field::Organizer, Value::text("carol@customer.example"));
    world.mail.user_create(meeting);
    world.settle(4);
    let pair = world.store.all_pairs().remove(0);
    let record = record_of(&pair);
    let key = pair.uid.expect("it has a UID");
    let kept = "This meeting was deleted here alone: its record stays in the CRM for another syncing user who keeps it.";
    bob_keeps(&world, &pair, PairState::Detached, Some(kept), ("event", key));
    let waits = "This meeting is in the CRM already, from another syncing user's calendar.";
    let waiting = PairRow { crm: None, state: PairState::Detached, reason: Some(waits.to_owned()), ..pair };
    let commit = Commit { pairs: vec![waiting.clone()], ..Commit::default() };
    run_until_killed(world.store.commit(waiting.member, 1, &commit))
        .expect("nobody kills it")
        .expect("in memory");
    world.settle(4);
    let pairs = world.store.all_pairs();
    let anns = pairs.iter().find(|pair| pair.id == waiting.id).expect("it is there");
    assert_eq!((anns.state, anns.crm.as_ref().map(|at| &at.id)), (PairState::Linked, Some(&record)));
    assert_eq!(world.store.claimants(), [waiting.id]);
}

/// Two cycles at once: Ann's sees that Bob has the meeting, too, and his has looked before that whether she left it.
#[test]
fn a_meeting_of_which_everybody_lets_go_at_once_is_deleted() {
    let mut world = World::new(3, Knobs::CALM);
    let mut meeting = world.new_event();
    meeting.uid = Some("uid-1".to_owned());
    meeting.set(Field::Organizer, Value::text("carol@customer.example"));
    let anns = world.mail.user_create(meeting);
    world.settle(4);
    let pair = world.store.all_pairs().remove(0);
    let store = |commit: &Commit| {
        run_until_killed(world.store.commit(BOB, 1, commit)).expect("nobody kills it").expect("in memory");
    };
    let at = PairSide { id: "his copy".into(), ..pair.mail.clone().expect("it has one") };
    let copy = ItemRow {
        member: BOB,
        module: pair.module,
        side: Side::Mail,
        id: at.id.clone(),
        version: at.version.clone(),
        presence: Presence::Present,
        dirty: false,
        seen: 0,
        pair: Some(PairId(Uuid::from_u128(7))),
        match_keys: None,
    };
    let bobs = PairRow {
        id: PairId(Uuid::from_u128(7)),
        member: BOB,
        mail: Some(at),
        crm: None,
        state: PairState::Detached,
        reason: Some("This meeting is in the CRM already, from another syncing user's calendar.".to_owned()),
        ..pair
    };
    store(&Commit { items: vec![copy.clone()], pairs: vec![bobs.clone()], ..Commit::default() });
    world.mail.user_delete(&anns);
    world.settle(4);
    let memory = Arc::clone(&world.store);
    let left = || {
        let fact = SyncStore::fact(memory.as_ref(), "left/1");
        run_until_killed(fact).expect("nobody kills it").expect("in memory")
    };
    for _ in 0..2 {
        world.cycle().expect("nobody kills it");
        assert_eq!(world.crm.live().len(), 1, "it is Bob's as well: {:#?}", world.log());
        assert_eq!(left().as_deref(), Some("some"));
    }
    // His cycle ends, and has seen that his copy is gone.
    let copy = ItemRow { presence: Presence::Deleted, ..copy };
    let bobs = PairRow { state: PairState::Tombstoned, reason: None, ..bobs };
    run_until_killed(world.store.commit(
        BOB,
        1,
        &Commit { items: vec![copy], pairs: vec![bobs], ..Commit::default() },
    ))
    .expect("nobody kills it")
    .expect("in memory");
    world.settle(4);
    assert!(world.crm.live().is_empty(), "{:#?}", world.log());
    assert_eq!(left().as_deref(), Some(""), "nothing is left any more");
}

/// Bob was first: what comes of Ann's item is nothing, and that is told.
fn not_anns(world: &mut World, item: &Item, claim: (&str, u64), why: &str) {
    let bobs = PairId(Uuid::from_u128(7));
    run_until_killed(world.store.claim(&"crm".into(), claim.0, claim.1, bobs, BOBS))
        .expect("nobody kills it")
        .expect("it is in memory");
    let anns = world.mail.user_create(item.clone());
    world.settle(4);
    let pairs = world.store.all_pairs();
    let is_anns = |pair: &&PairRow| pair.mail.as_ref().is_some_and(|at| at.id == anns);
    let pair = pairs.iter().find(is_anns).expect("it has a pair");
    assert_eq!((pair.state, pair.reason.as_deref(), &pair.crm), (PairState::Detached, Some(why), &None));
    let told = format!("{}: {why}", item.title());
    let times = world.log().into_iter().filter(|line| *line == told).count();
    assert_eq!(times, 1 + world.crm.live().len(), "of each item: {:#?}", world.log());
    assert_eq!(world.crm.writes(), 0);
}

#[test]
fn what_another_user_has_in_the_crm_already_is_not_made_again_and_that_is_told() {
    let mut world = World::new(3, Knobs::CALM);
    let item = world.new_contact();
    let key = FieldHasher::new([42; 16]).text("email", "p1@example.com");
    let why = "This person is in the CRM already, as another syncing user's contact.";
    not_anns(&mut world, &item, ("contact", key), why);
}

#[test]
fn a_meeting_of_anothers_calendar_is_not_linked_and_that_is_told() {
    let mut world = World::new(3, Knobs::CALM);
    let mut meeting = world.new_event();
    meeting.uid = Some("uid-1".to_owned());
    meeting.set(Field::Organizer, Value::text("carol@customer.example"));
    let key = FieldHasher::new([42; 16]).text("uid", "uid-1");
    world.crm.user_create(meeting.clone());
    let why = "This meeting is in the CRM already, from another syncing user's calendar.";
    not_anns(&mut world, &meeting, ("event", key), why);
}

/// The process died between the claim and the pair: a claim of one's own that nobody holds would be given back by nobody.
#[test]
fn what_a_pair_that_never_was_claims_is_claimed_by_the_next() {
    let mut world = World::new(3, Knobs::CALM);
    let key = FieldHasher::new([42; 16]).text("email", "p1@example.com");
    let (never, anns) = (PairId(Uuid::from_u128(7)), Lease { member: MemberId(1), fence: 1 });
    let crm = "crm".into();
    let claimed = SyncStore::take_over(world.store.as_ref(), &crm, "contact", key, never, anns);
    run_until_killed(claimed).expect("nobody kills it").expect("it is in memory");
    let contact = world.new_contact();
    world.mail.user_create(contact);
    world.settle(4);
    let pair = world.store.all_pairs().remove(0);
    assert!(pair.crm.is_some(), "{:?}", world.log());
    assert_eq!(world.store.claimants(), [pair.id]);
}

/// Of people each user has what he has: nothing of his gives way.
#[test]
fn a_person_whom_a_colleague_keeps_does_not_take_the_place_of_the_contact_that_we_made() {
    let mut world = World::new(3, Knobs::CALM);
    let contact = world.new_contact();
    world.crm.user_create(contact.clone());
    world.settle(4);
    let pair = world.store.all_pairs().remove(0);
    let key = FieldHasher::new([42; 16]).text("email", "p1@example.com");
    bob_keeps(&world, &pair, PairState::Linked, None, ("contact", key));
    let own = world.mail.user_create(contact);
    world.settle(4);
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (2, 1), "{:#?}", world.log());
    let of_own = |pair: &PairRow| pair.mail.as_ref().is_some_and(|at| at.id == own);
    let alone = world.store.all_pairs().into_iter().find(of_own).expect("it is known");
    assert_eq!((alone.state, alone.crm), (PairState::Detached, None));
}
