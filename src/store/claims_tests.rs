//! The claims of the records that many stand for.

use crate::tests::{at, held, pair_id, spec, store};
use riva_core::ids::{ConnectionName, MemberId, RemoteId};
use riva_core::item::Module;
use riva_core::ports::{Claim, ClaimFor, Lease, QueueStore, StoreError, SyncStore};
use riva_core::rows::{Commit, Hashes, ItemRow, PairRow, PairSide, PairState, Presence, Side};

#[tokio::test]
async fn one_pair_makes_the_record_that_many_stand_for() {
    let (_folder, store, member, fence) = held().await;
    let lease = Lease { member, fence };
    let crm = ConnectionName::from("crm");
    let claim = |pair| SyncStore::claim(&store, &crm, "event", u64::MAX, pair, lease);
    assert_eq!(claim(pair_id(1)).await, Ok(Claim::Ours));
    assert_eq!(claim(pair_id(1)).await, Ok(Claim::Ours));
    let theirs = |made| Ok(Claim::Theirs { pair: pair_id(1), member, made });
    assert_eq!(claim(pair_id(2)).await, theirs(None));
    let pair = pair_of_a_record(member, 1, "006X");
    store.commit(member, fence, &Commit { pairs: vec![pair], ..Commit::default() }).await.unwrap();
    assert_eq!(claim(pair_id(2)).await, theirs(Some("006X".into())));
    store.unclaim(&crm, pair_id(2), lease).await.unwrap();
    assert_eq!(claim(pair_id(2)).await, theirs(Some("006X".into())));
    store.unclaim(&crm, pair_id(1), lease).await.unwrap();
    assert_eq!(claim(pair_id(2)).await, Ok(Claim::Ours));
}

/// Or an agent that hangs claims for a pair that is gone by now, and gives back what its successor claims.
#[tokio::test]
async fn who_has_lost_the_lease_claims_nothing_and_gives_nothing_back() {
    let (_folder, store, member, fence) = held().await;
    let crm = ConnectionName::from("crm");
    let claimed = QueueStore::claim(&store, "another", at(91), at(180), 1).await.unwrap();
    let (late, now) = (Lease { member, fence }, Lease { member, fence: claimed[0].fence });
    let (first, second) = (pair_id(1), pair_id(2));
    let lost = StoreError::LeaseLost(member);
    assert_eq!(SyncStore::claim(&store, &crm, "event", 1, first, late).await, Err(lost.clone()));
    let wanted = [ClaimFor { kind: "event", key: 1, pair: first }];
    assert_eq!(store.claim_all(&crm, late, &wanted).await, Err(lost.clone()));
    assert_eq!(store.take_over(&crm, "event", 1, first, late).await, Err(lost.clone()));
    assert_eq!(store.claimed(&crm, "event", 1).await, Ok(None));
    assert_eq!(SyncStore::claim(&store, &crm, "event", 1, second, now).await, Ok(Claim::Ours));
    assert_eq!(store.unclaim(&crm, second, late).await, Err(lost));
    assert_eq!(store.claimed(&crm, "event", 1).await, Ok(Some((second, member))));
}

fn lease((member, fence): (MemberId, i64)) -> Lease {
    Lease { member, fence }
}

fn pair_of_a_record(member: MemberId, n: u8, id: &str) -> PairRow {
    let side =
        PairSide { id: id.into(), version: "1".into(), seen: Hashes::default(), sent: Hashes::default() };
    PairRow {
        id: pair_id(n),
        member,
        module: Module::Calendar,
        mail: None,
        crm: Some(side),
        uid: None,
        state: PairState::Linked,
        reason: None,
        generation: 1,
        attempts: 0,
        next_try: None,
    }
}

#[tokio::test]
async fn a_record_is_kept_by_whose_linked_pair_claims_it() {
    let (_folder, store) = store().await;
    let specs = [spec("p", "ann@example.com"), spec("p", "bob@example.com")];
    store.set_members(&specs, at(0)).await.unwrap();
    let claimed = QueueStore::claim(&store, "me", at(0), at(90), 2).await.unwrap();
    let [ann, bob] = [0, 1].map(|n: usize| (claimed[n].member.id, claimed[n].fence));
    let stored = async |(member, fence): (MemberId, i64), n: u8, state| {
        let pair = PairRow { state, ..pair_of_a_record(member, n, "006X") };
        let item = ItemRow {
            member,
            module: Module::Calendar,
            side: Side::Crm,
            id: "006X".into(),
            version: "1".into(),
            presence: Presence::Present,
            dirty: false,
            seen: 0,
            pair: Some(pair_id(n)),
            match_keys: None,
        };
        let commit = Commit { pairs: vec![pair], items: vec![item], ..Commit::default() };
        store.commit(member, fence, &commit).await.unwrap();
    };
    stored(ann, 1, PairState::Linked).await;
    stored(bob, 2, PairState::Linked).await;
    let crm = ConnectionName::from("crm");
    let asked: [RemoteId; 2] = ["006X".into(), "006Y".into()];
    let kept = async |(member, _), module| store.kept_by_others(&crm, member, module, &asked).await.unwrap();
    assert_eq!(kept(ann, Module::Calendar).await, [], "nobody claims it");
    SyncStore::claim(&store, &crm, "event", 5, pair_id(2), lease(bob)).await.unwrap();
    assert_eq!(kept(ann, Module::Calendar).await, ["006X".into()]);
    assert_eq!(kept(ann, Module::Tasks).await, []);
    assert_eq!(kept(bob, Module::Calendar).await, []);
    let elsewhere = ConnectionName::from("other crm");
    assert_eq!(store.kept_by_others(&elsewhere, ann.0, Module::Calendar, &asked).await.unwrap(), []);
    store.take_over(&crm, "event", 5, pair_id(1), lease(ann)).await.unwrap();
    assert_eq!(kept(ann, Module::Calendar).await, []);
    assert_eq!(kept(bob, Module::Calendar).await, ["006X".into()]);
    stored(ann, 1, PairState::Detached).await;
    assert_eq!(kept(bob, Module::Calendar).await, [], "who does not sync it keeps nothing");
    store.take_over(&crm, "event", 6, pair_id(2), lease(bob)).await.unwrap();
    assert_eq!(store.claimed(&crm, "event", 6).await.unwrap(), Some((pair_id(2), bob.0)), "free until now");
}

#[tokio::test]
async fn a_record_is_known_to_others_and_may_be_sought_by_its_maker() {
    let (_folder, store) = store().await;
    let specs = [spec("p", "ann@example.com"), spec("p", "bob@example.com")];
    store.set_members(&specs, at(0)).await.unwrap();
    let claimed = QueueStore::claim(&store, "me", at(0), at(90), 2).await.unwrap();
    let [ann, bob] = [0, 1].map(|n: usize| (claimed[n].member.id, claimed[n].fence));
    let (crm, elsewhere) = (ConnectionName::from("crm"), ConnectionName::from("other crm"));
    let record = |presence| ItemRow {
        member: ann.0,
        module: Module::Contacts,
        side: Side::Crm,
        id: "006X".into(),
        version: "1".into(),
        presence,
        dirty: false,
        seen: 0,
        pair: None,
        match_keys: None,
    };
    let stored = async |pair: Option<PairRow>, presence| {
        let pairs = pair.into_iter().collect();
        let commit = Commit { pairs, items: vec![record(presence)], ..Commit::default() };
        store.commit(ann.0, ann.1, &commit).await.unwrap();
    };
    let asked: [RemoteId; 2] = ["006X".into(), "006Y".into()];
    let known = async |crm, member, module| {
        SyncStore::known_to_others(&store, crm, member, module, &asked).await.unwrap()
    };
    let marked = [(pair_id(1), RemoteId::from("006X")), (pair_id(2), "006Y".into())];
    let sought = async |crm, member| SyncStore::sought_by_others(&store, crm, member, &marked).await.unwrap();
    assert_eq!(known(&crm, bob.0, Module::Contacts).await, []);
    assert_eq!(sought(&crm, bob.0).await, [], "there is no such pair");
    let made = |id: Option<&str>| {
        let pair = pair_of_a_record(ann.0, 1, "006X");
        let crm = pair.crm.clone().zip(id).map(|(at, id)| PairSide { id: id.into(), ..at });
        PairRow { module: Module::Contacts, crm, ..pair }
    };
    stored(Some(made(None)), Presence::Present).await;
    assert_eq!(known(&crm, bob.0, Module::Contacts).await, ["006X".into()]);
    assert_eq!(known(&crm, bob.0, Module::Calendar).await, []);
    assert_eq!(known(&crm, ann.0, Module::Contacts).await, []);
    assert_eq!(known(&elsewhere, bob.0, Module::Contacts).await, []);
    assert_eq!(sought(&crm, bob.0).await, [pair_id(1)], "it was not recorded yet");
    assert_eq!(sought(&crm, ann.0).await, []);
    assert_eq!(sought(&elsewhere, bob.0).await, []);
    stored(Some(made(Some("006Z"))), Presence::Present).await;
    assert_eq!(sought(&crm, bob.0).await, [pair_id(1)], "the request was carried out twice");
    stored(Some(made(Some("006X"))), Presence::Present).await;
    assert_eq!(sought(&crm, bob.0).await, [], "Ann's pair knows it");
    stored(None, Presence::Deleted).await;
    assert_eq!(known(&crm, bob.0, Module::Contacts).await, []);
}

#[tokio::test]
async fn a_claim_that_is_awaited_is_found_and_so_is_one_that_was_left() {
    let (_folder, store) = store().await;
    let specs = [spec("p", "ann@example.com"), spec("p", "bob@example.com")];
    store.set_members(&specs, at(0)).await.unwrap();
    let claimed = QueueStore::claim(&store, "me", at(0), at(90), 2).await.unwrap();
    let [ann, bob] = [0, 1].map(|n: usize| (claimed[n].member.id, claimed[n].fence));
    let crm = ConnectionName::from("crm");
    let anns = |state| PairRow { state, ..pair_of_a_record(ann.0, 1, "006X") };
    let waiting = |uid| {
        let pair = pair_of_a_record(bob.0, 2, "006X");
        let mail = pair.crm.clone().map(|at| PairSide { id: "bob/1".into(), ..at });
        PairRow { mail, crm: None, uid: Some(uid), state: PairState::Detached, ..pair }
    };
    let copy = |presence| ItemRow {
        member: bob.0,
        module: Module::Calendar,
        side: Side::Mail,
        id: "bob/1".into(),
        version: "1".into(),
        presence,
        dirty: false,
        seen: 0,
        pair: Some(pair_id(2)),
        match_keys: None,
    };
    let stored = async |(member, fence): (MemberId, i64), pair: PairRow, item: Option<ItemRow>| {
        let commit = Commit { pairs: vec![pair], items: item.into_iter().collect(), ..Commit::default() };
        store.commit(member, fence, &commit).await.unwrap();
    };
    let awaited = async |member| store.awaited(&crm, member, &[pair_id(1), pair_id(9)]).await.unwrap();
    let left = async |member| -> Vec<_> {
        let left = store.left_by_others(&crm, member).await.unwrap();
        left.into_iter().map(|(waiting, holder)| (waiting, holder.id)).collect()
    };
    stored(ann, anns(PairState::Linked), None).await;
    SyncStore::claim(&store, &crm, "event", 5, pair_id(1), lease(ann)).await.unwrap();
    stored(bob, waiting(6), Some(copy(Presence::Present))).await;
    assert_eq!(awaited(ann.0).await, [], "Bob waits for another claim");
    stored(bob, waiting(5), Some(copy(Presence::Present))).await;
    assert_eq!(awaited(ann.0).await, [pair_id(1)]);
    assert_eq!(awaited(bob.0).await, [], "his own");
    assert_eq!(left(bob.0).await, [], "Ann keeps it");
    stored(ann, anns(PairState::Detached), None).await;
    assert_eq!(left(bob.0).await, [(pair_id(2), pair_id(1))]);
    assert_eq!(left(ann.0).await, []);
    assert_eq!(store.left_by_others(&ConnectionName::from("other"), bob.0).await.unwrap(), []);
    stored(bob, waiting(5), Some(copy(Presence::Deleted))).await;
    assert_eq!(awaited(ann.0).await, [], "Bob has let go of it, too");
    assert_eq!(left(bob.0).await.len(), 1, "which is for Bob's cycle to tell");
    stored(bob, PairRow { state: PairState::Linked, ..waiting(5) }, None).await;
    assert_eq!((awaited(ann.0).await, left(bob.0).await), (vec![], vec![]));
}
