//! Stories of a meeting that two users have in their calendars: it is one record in the CRM, which one of them keeps.

use super::super::world::run_until_killed;
use super::cases::{in_both_calendars, settle, spans};
use super::fake::{FakeCalendar, Faults};
use super::make::{single, wall};
use super::world::World;
use chrono::Duration;
use riva_core::documents::DeletePolicy;
use riva_core::ids::{MemberId, RemoteId};
use riva_core::item::{Field, Item, Value};
use riva_core::ports::SyncStore as _;
use riva_core::rows::{Commit, PairRow, PairState, Side};
use std::sync::Arc;

const CUSTOMER: &str = "carol@customer.example";

const IN_THE_CRM: &str = "This meeting is in the CRM already, from another syncing user's calendar.";

const KEPT: &str =
    "This meeting was deleted here alone: its record stays in the CRM for another syncing user who keeps it.";

const TAKEN_UP: &str = "Review: The syncing user whose copy made this meeting's record has deleted that copy: this one keeps it.";

const BOBS: MemberId = MemberId(2);

/// One of Ann and Bob.
struct Both {
    world: World,
    anns: RemoteId,
    bobs: Arc<FakeCalendar>,
    his: RemoteId,
}

impl Both {
    /// A meeting in both calendars, that somebody has called.
    fn of(organizer: Option<&str>) -> Self {
        let mut meeting = single("Review", wall("2026-11-25T09:00:00"));
        let organizer = organizer.map_or(Value::Blank, Value::text);
        meeting.set(Field::Organizer, organizer);
        let (world, anns, bobs, his) = in_both_calendars(meeting);
        Self { world, anns, bobs, his }
    }

    fn settle(&self) {
        settle(&self.world, &self.bobs);
    }

    /// Bob is synced before Ann is in any policy.
    fn bob_comes_first(&self) {
        for _ in 0..4 {
            self.world.pass(Duration::minutes(61));
            self.world.cycle_of_bob(&self.bobs).expect("nobody kills it");
        }
        assert_eq!(self.records(), 1, "{:?}", self.world.log());
    }

    fn records(&self) -> usize {
        spans(&self.world).len()
    }

    /// The pair of a copy, and why it is as it is.
    fn pair(&self, id: &RemoteId) -> PairRow {
        self.world.pair_of(Side::Mail, id).expect("it has a pair")
    }

    fn stands(&self, id: &RemoteId) -> (PairState, Option<String>) {
        let pair = self.pair(id);
        (pair.state, pair.reason)
    }

    fn room(&self) -> Option<String> {
        let live = self.world.crm.live();
        let record = live.values().next()?;
        record.text(Field::Location).filter(|room| !room.is_empty()).map(str::to_owned)
    }

    /// How often the log says something.
    fn told(&self, text: &str) -> usize {
        self.world.log().iter().filter(|line| line.as_str() == text).count()
    }
}

fn into(room: &'static str) -> impl Fn(&mut Item) {
    move |item| item.set_text(Field::Location, room)
}

#[test]
fn who_comes_second_is_told_that_the_meeting_is_in_the_crm_already() {
    for organizer in [CUSTOMER, "ann@example.com"] {
        let both = Both::of(Some(organizer));
        both.settle();
        assert_eq!(both.records(), 1);
        assert_eq!(both.stands(&both.anns), (PairState::Linked, None));
        assert_eq!(both.stands(&both.his), (PairState::Detached, Some(IN_THE_CRM.into())));
        assert_eq!(both.world.store.claimants(), [both.pair(&both.anns).id]);
        // What happens to his copy is no edit of the record.
        both.bobs.user_edit(&both.his, into("Bob's room"));
        both.settle();
        assert_eq!(both.room(), None);
        both.world.mail.user_edit(&both.anns, into("Room 2"));
        both.settle();
        assert_eq!(both.room().as_deref(), Some("Room 2"));
    }
}

#[test]
fn the_organizer_who_comes_second_keeps_the_record_from_then_on() {
    let both = Both::of(Some("ann@example.com"));
    both.bob_comes_first();
    assert_eq!(both.world.store.claimants(), [both.pair(&both.his).id]);
    both.settle();
    assert_eq!(both.records(), 1);
    assert_eq!(both.world.store.claimants(), [both.pair(&both.anns).id], "{:?}", both.world.log());
    assert_eq!(both.stands(&both.anns), (PairState::Linked, None));
    both.bobs.user_delete(&both.his);
    both.settle();
    assert_eq!(both.records(), 1, "{:?}", both.world.log());
    assert!(both.world.mail.get(&both.anns).is_some());
    both.world.mail.user_delete(&both.anns);
    both.settle();
    assert_eq!(both.records(), 0, "{:?}", both.world.log());
}

#[test]
fn an_attendee_who_comes_second_follows_nothing() {
    let both = Both::of(Some(CUSTOMER));
    both.bob_comes_first();
    both.settle();
    assert_eq!(both.stands(&both.his), (PairState::Linked, None));
    assert_eq!(both.stands(&both.anns), (PairState::Detached, Some(IN_THE_CRM.into())));
    assert_eq!(both.world.store.claimants(), [both.pair(&both.his).id]);
    both.world.mail.user_delete(&both.anns);
    both.settle();
    assert_eq!(both.records(), 1, "{:?}", both.world.log());
    assert!(both.bobs.get(&both.his).is_some());
}

#[test]
fn of_a_meeting_without_an_organizer_each_copy_is_kept_in_step() {
    let both = Both::of(None);
    both.bob_comes_first();
    both.settle();
    assert_eq!(both.records(), 1);
    assert_eq!(both.stands(&both.anns), (PairState::Linked, None));
    assert_eq!(both.world.store.claimants(), [both.pair(&both.his).id], "nobody is known to organise it");
    both.world.mail.user_edit(&both.anns, into("Room 2"));
    both.settle();
    let bobs = both.bobs.get(&both.his).expect("it is there");
    assert_eq!((both.room().as_deref(), bobs.text(Field::Location)), (Some("Room 2"), Some("Room 2")));
    // Ann's copy is not the one that keeps the record.
    both.world.mail.user_delete(&both.anns);
    both.settle();
    assert_eq!((both.records(), both.stands(&both.anns)), (1, (PairState::Detached, Some(KEPT.into()))));
    both.bobs.user_delete(&both.his);
    both.settle();
    assert_eq!(both.records(), 0, "{:?}", both.world.log());
}

#[test]
fn a_colleague_takes_up_the_record_of_a_customers_meeting() {
    let both = Both::of(Some(CUSTOMER));
    both.settle();
    let record = both.pair(&both.anns).crm.expect("it has one");
    both.world.mail.user_delete(&both.anns);
    both.settle();
    assert_eq!(both.records(), 1, "{:?}", both.world.log());
    let bobs = both.pair(&both.his);
    assert_eq!((bobs.state, bobs.crm.map(|at| at.id)), (PairState::Linked, Some(record.id)));
    assert_eq!(both.world.store.claimants(), [bobs.id]);
    assert_eq!(both.told(TAKEN_UP), 1, "{:#?}", both.world.log());
    let journal = both.world.store.all_journal();
    let taken = journal.iter().filter(|line| line.rule == "shared record");
    let taken: Vec<(&str, &str)> = taken.map(|line| (line.deed.as_str(), line.text.as_str())).collect();
    assert_eq!(taken, [("link", "Review")]);
    both.bobs.user_edit(&both.his, into("Room 2"));
    both.settle();
    assert_eq!(both.room().as_deref(), Some("Room 2"));
    // He is the last one.
    both.bobs.user_delete(&both.his);
    both.settle();
    assert_eq!(both.records(), 0, "{:?}", both.world.log());
}

#[test]
fn what_goes_with_a_colleagues_meeting_and_is_anns_alone_is_deleted_with_it() {
    let both = Both::of(Some(CUSTOMER));
    let lunch = both.world.mail.user_create(single("Lunch", wall("2026-11-25T12:00:00")));
    both.settle();
    assert_eq!(both.records(), 2);
    both.world.mail.user_delete(&both.anns);
    both.world.mail.user_delete(&lunch);
    both.world.cycle(None).expect("nobody kills it");
    assert_eq!((both.records(), both.room()), (1, None), "{:?}", both.world.log());
    assert_eq!(both.stands(&both.anns), (PairState::Detached, Some(KEPT.into())));
}

/// He was given the meeting while it waited for an administrator whether Ann's copy goes with its record.
#[test]
fn what_a_colleague_has_by_now_stays_though_its_deletion_was_approved() {
    let mut both = Both::of(Some(CUSTOMER));
    both.world.policy.safety.calendar.items = 0;
    both.world.cycle(None).expect("nobody kills it");
    both.world.mail.user_delete(&both.anns);
    both.world.cycle(None).expect("nobody kills it");
    assert_eq!((both.records(), both.stands(&both.anns).0), (1, PairState::Held), "{:?}", both.world.log());
    both.world.cycle_of_bob(&both.bobs).expect("nobody kills it");
    assert!(both.world.approve());
    both.world.cycle(None).expect("nobody kills it");
    assert_eq!(both.stands(&both.anns), (PairState::Detached, Some(KEPT.into())), "{:?}", both.world.log());
    both.settle();
    assert_eq!((both.records(), both.stands(&both.his).0), (1, PairState::Linked));
}

#[test]
fn a_record_that_is_gone_is_taken_up_by_nobody() {
    let both = Both::of(Some(CUSTOMER));
    both.settle();
    both.world.mail.user_delete(&both.anns);
    both.world.cycle(None).expect("nobody kills it");
    assert_eq!(both.stands(&both.anns), (PairState::Detached, Some(KEPT.into())), "{:?}", both.world.log());
    let record = both.pair(&both.anns).crm.expect("it has one");
    both.world.crm.user_delete(&record.id);
    both.settle();
    assert_eq!((both.records(), both.told(TAKEN_UP)), (0, 0), "{:?}", both.world.log());
    assert_eq!(both.stands(&both.his), (PairState::Detached, Some(IN_THE_CRM.into())));
    assert!(both.bobs.get(&both.his).is_some());
}

#[test]
fn what_ann_lets_go_of_for_another_reason_is_not_taken_up() {
    let mut both = Both::of(Some(CUSTOMER));
    both.settle();
    // By the policy, records stay.
    let calendar = both.world.policy.modules.calendar.as_mut().expect("it is synced");
    calendar.deleted_in_mail = DeletePolicy::Detach;
    both.world.mail.user_delete(&both.anns);
    both.settle();
    assert_eq!((both.records(), both.told(TAKEN_UP)), (1, 0), "{:?}", both.world.log());
    assert_eq!(both.stands(&both.his), (PairState::Detached, Some(IN_THE_CRM.into())));
}

#[test]
fn what_is_deleted_in_the_crm_goes_from_the_calendar_that_keeps_it() {
    let both = Both::of(Some("ann@example.com"));
    both.settle();
    let record = both.pair(&both.anns).crm.expect("it has one");
    both.world.crm.user_delete(&record.id);
    both.settle();
    while both.world.approve() {
        both.settle();
    }
    assert_eq!(both.records(), 0);
    assert!(both.world.mail.get(&both.anns).is_none(), "{:?}", both.world.log());
    assert!(both.bobs.get(&both.his).is_some(), "his organizer tells him");
}

#[test]
fn who_comes_second_waits_for_a_record_that_cannot_be_made_yet() {
    let both = Both::of(Some(CUSTOMER));
    both.world.crm.set_faults(Faults { not_now: 100, ..Faults::default() });
    both.world.cycle_of_both(&both.bobs);
    assert_eq!(both.records(), 0);
    assert_eq!(both.stands(&both.his), (PairState::Detached, Some(IN_THE_CRM.into())));
    assert_eq!(both.world.store.claimants(), [both.pair(&both.anns).id]);
    both.world.crm.set_faults(Faults::default());
    both.settle();
    assert_eq!(both.records(), 1);
    assert_eq!(both.stands(&both.anns), (PairState::Linked, None));
    assert_eq!(both.world.store.claimants(), [both.pair(&both.anns).id]);
}

#[test]
fn a_customers_meeting_that_is_in_the_crm_already_is_linked() {
    let both = Both::of(Some(CUSTOMER));
    let meeting = both.world.mail.get(&both.anns).expect("it is there");
    both.world.crm.user_create(meeting);
    for _ in 0..4 {
        both.world.pass(Duration::minutes(61));
        both.world.cycle(None).expect("nobody kills it");
    }
    assert_eq!(both.records(), 1);
    assert_eq!(both.stands(&both.anns), (PairState::Linked, None));
    assert_eq!(both.world.store.claimants(), [both.pair(&both.anns).id]);
}

/// The pairs of a record, by member and state.
fn pairs_of_record(both: &Both, record: &RemoteId) -> Vec<(MemberId, PairState, bool)> {
    let pairs = both.world.store.all_pairs().into_iter();
    let of_record = pairs.filter(|pair| pair.crm.as_ref().is_some_and(|at| at.id == *record));
    of_record.map(|pair| (pair.member, pair.state, pair.mail.is_some())).collect()
}

#[test]
fn a_record_that_was_taken_up_is_in_one_pair_and_followed() {
    let both = Both::of(Some(CUSTOMER));
    both.settle();
    let record = both.pair(&both.anns).crm.expect("it has one").id;
    // Bob sees it as well, and leaves it alone for the same reason.
    assert!(pairs_of_record(&both, &record).contains(&(BOBS, PairState::Detached, false)));
    both.world.mail.user_delete(&both.anns);
    // Somebody makes another one of the same name just when Bob takes that one up.
    both.world.cycle(None).expect("nobody kills it");
    let meeting = both.bobs.get(&both.his).expect("it is there");
    let another = both.world.crm.user_create(meeting);
    both.world.cycle_of_both(&both.bobs);
    assert_eq!(both.pair(&both.his).crm.map(|at| at.id), Some(record.clone()));
    both.settle();
    let bobs = pairs_of_record(&both, &record).into_iter().filter(|(member, ..)| *member == BOBS);
    assert_eq!(bobs.collect::<Vec<_>>(), [(BOBS, PairState::Linked, true)]);
    let joined = |pair: &PairRow| {
        let with = format!("Joined with {}.", both.pair(&both.his).id);
        pair.member == BOBS && pair.state == PairState::Tombstoned && pair.reason == Some(with)
    };
    assert_eq!(both.world.store.all_pairs().iter().filter(|pair| joined(pair)).count(), 1);
    // What is edited in the CRM comes to his calendar.
    both.world.crm.user_edit(&record, into("Room 2"));
    both.settle();
    let his = both.bobs.get(&both.his).expect("it is there");
    assert_eq!(his.text(Field::Location), Some("Room 2"), "{another}: {:#?}", both.world.log());
}

/// Ann has let go of the record; Bob's own pair is altered before his next cycle.
fn let_go(alter: impl Fn(&PairRow) -> PairRow, of_record: bool) -> Both {
    let both = Both::of(Some(CUSTOMER));
    both.settle();
    let record = both.pair(&both.anns).crm.expect("it has one").id;
    both.world.mail.user_delete(&both.anns);
    both.world.cycle(None).expect("nobody kills it");
    let bobs = |pair: &PairRow| pair.member == BOBS && pair.crm.as_ref().is_some_and(|at| at.id == record);
    let pair = if of_record {
        both.world.store.all_pairs().into_iter().find(bobs).expect("he sees the record")
    } else {
        both.pair(&both.his)
    };
    let commit = Commit { pairs: vec![alter(&pair)], ..Commit::default() };
    run_until_killed(both.world.store.commit(BOBS, 1, &commit)).expect("nobody kills it").expect("in memory");
    both.settle();
    both
}

#[test]
fn what_a_colleague_leaves_alone_for_another_reason_takes_up_nothing() {
    let other = Some("Left alone: an administrator decided so.".to_owned());
    let reason = |pair: &PairRow| PairRow { reason: other.clone(), ..pair.clone() };
    let taken = |both: &Both| both.pair(&both.his).crm.map(|at| at.id);
    let both = let_go(reason, false);
    assert_eq!((both.records(), taken(&both)), (1, None), "his copy");
    let both = let_go(reason, true);
    assert_eq!((both.records(), taken(&both)), (1, None), "the record, as he sees it");
    // It is the twin of another item of his.
    let linked = |pair: &PairRow| PairRow { mail: pair.crm.clone(), ..pair.clone() };
    let both = let_go(linked, true);
    assert_eq!((both.records(), taken(&both)), (1, None), "the record is another one's");
    let both = let_go(PairRow::clone, true);
    assert!(taken(&both).is_some(), "nothing else keeps him from it");
}
