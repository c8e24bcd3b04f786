//! The store against its model, and against a kill.

use super::SqlStore;
use crate::model::{Model, feed};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::sample::select;
use riva_core::activity::{ActivityLine, ActivityQuery, Level};
use riva_core::ids::{CrmUserId, Cursor, Marker, MemberId, PairId, RemoteId};
use riva_core::item::Module;
use riva_core::ports::{ActivityStore as _, Claimed, QueueStore, StoreError, SyncStore};
use riva_core::queue::MemberSpec;
use riva_core::rows::{
    Commit, FeedScope, Forgotten, Hashes, Ingest, IntentKind, IntentRow, ItemRow, JournalRow, MatchKey,
    Observation, PairRow, PairSide, PairState, Presence, Side,
};
use uuid::Uuid;

pub(crate) const MODULE: Module = Module::Contacts;

pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

pub(crate) fn spec(policy: &str, address: &str) -> MemberSpec {
    let (policy, address) = (policy.into(), address.into());
    MemberSpec { policy, address, mail: "mail".into(), crm: "crm".into(), enabled: true }
}

pub(crate) async fn store() -> (tempfile::TempDir, SqlStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqlStore::open(&folder.path().join("riva.db")).await.unwrap();
    (folder, store)
}

/// A store with one member, claimed.
pub(crate) async fn held() -> (tempfile::TempDir, SqlStore, MemberId, i64) {
    let (folder, store) = store().await;
    store.set_members(&[spec("p", "ann@example.com")], at(0)).await.unwrap();
    let claimed = QueueStore::claim(&store, "me", at(0), at(90), 1).await.unwrap();
    let (member, fence) = (claimed[0].member.id, claimed[0].fence);
    (folder, store, member, fence)
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

pub(crate) fn pair_id(n: u8) -> PairId {
    PairId(Uuid::from_bytes([n; 16]))
}

fn a_side() -> impl Strategy<Value = Side> {
    select(vec![Side::Mail, Side::Crm])
}

fn an_id() -> impl Strategy<Value = RemoteId> {
    select(vec!["a", "b", "c", "ä", "long/id=="]).prop_map(RemoteId::from)
}

fn a_presence() -> impl Strategy<Value = Presence> {
    select(vec![
        Presence::Present,
        Presence::Present,
        Presence::Deleted,
        Presence::Missing,
        Presence::OutOfScope,
    ])
}

fn some_hashes() -> impl Strategy<Value = Hashes> {
    let key = select(vec!["name", "emails/1", "own key"]).prop_map(str::to_owned);
    proptest::collection::btree_map(key, 0u64..3, 0..3).prop_map(Hashes)
}

fn a_page() -> impl Strategy<Value = Ingest> {
    let version = proptest::option::of(select(vec!["1", "2", ""]));
    let observation = (an_id(), a_presence(), version).prop_map(|(id, presence, version)| Observation {
        member: MemberId(1),
        id,
        presence,
        version: version.map(Into::into),
    });
    let cursor = proptest::option::of(select(vec!["x", "y"]).prop_map(Cursor::from));
    (a_side(), proptest::collection::vec(observation, 0..8), cursor).prop_map(
        |(side, observations, cursor)| Ingest {
            scope: FeedScope::Member(MemberId(1)),
            module: MODULE,
            side,
            observations,
            after: None,
            cursor,
        },
    )
}

fn an_item() -> impl Strategy<Value = ItemRow> {
    let keys =
        proptest::collection::vec((0u8..2, 0u64..3).prop_map(|(rule, hash)| MatchKey { rule, hash }), 0..3);
    let pair = proptest::option::of((0u8..4).prop_map(pair_id));
    (a_side(), an_id(), a_presence(), any::<bool>(), 0i64..4, pair, proptest::option::of(keys)).prop_map(
        |(side, id, presence, dirty, seen, pair, match_keys)| ItemRow {
            member: MemberId(1),
            module: MODULE,
            side,
            id,
            version: "3".into(),
            presence,
            dirty,
            seen,
            pair,
            match_keys,
        },
    )
}

/// UIDs that pairs have, hashed.
const UIDS: [u64; 3] = [0, 1, u64::MAX];

fn a_pair() -> impl Strategy<Value = PairRow> {
    let side = || {
        let side = (an_id(), some_hashes(), some_hashes());
        proptest::option::of(side.prop_map(|(id, seen, sent)| PairSide {
            id,
            version: "1".into(),
            seen,
            sent,
        }))
    };
    let state = select(vec![
        PairState::Linked,
        PairState::Held,
        PairState::Quarantined,
        PairState::Detached,
        PairState::Tombstoned,
        PairState::Unrolled,
    ]);
    let next_try = proptest::option::of((-5i64..5).prop_map(at));
    let uid = proptest::option::of(select(UIDS.to_vec()));
    (0u8..4, side(), side(), uid, state, 0u32..3, next_try).prop_map(
        |(n, mail, crm, uid, state, generation, next_try)| PairRow {
            id: pair_id(n),
            member: MemberId(1),
            module: MODULE,
            mail,
            crm,
            uid,
            state,
            reason: (generation > 1).then(|| "why".to_owned()),
            generation,
            attempts: generation,
            next_try,
        },
    )
}

fn an_intent() -> impl Strategy<Value = IntentRow> {
    let a_kind = select(vec![IntentKind::Create, IntentKind::Update]);
    let hashes = (some_hashes(), some_hashes());
    (0u8..4, a_side(), a_kind, proptest::option::of(an_id()), hashes, any::<bool>()).prop_map(
        |(n, side, kind, target, (sends, origin), in_doubt)| IntentRow {
            pair: pair_id(n),
            member: MemberId(1),
            module: MODULE,
            side,
            kind,
            marker: Marker { pair: pair_id(n), generation: 1 },
            target,
            expect: Some("1".into()),
            sends,
            origin,
            origin_version: in_doubt.then(|| "2".into()),
            in_doubt,
            at: at(0),
            believe_after: in_doubt.then(|| at(30)),
        },
    )
}

fn a_commit() -> impl Strategy<Value = Commit> {
    let some = 0..4usize;
    let forget = (a_side(), an_id(), 0..4i64).prop_map(|(side, id, seen)| Forgotten {
        member: MemberId(1),
        module: MODULE,
        side,
        id,
        seen,
    });
    let line = (0u8..4, "[a-z]{3}").prop_map(|(n, text)| JournalRow {
        member: MemberId(1),
        module: MODULE,
        pair: pair_id(n),
        at: at(1),
        deed: "link".into(),
        rule: "15".into(),
        seen: format!("mailbox: version {text}"),
        text,
    });
    (
        proptest::collection::vec(a_pair(), some.clone()),
        proptest::collection::vec(an_item(), some.clone()),
        proptest::collection::vec(forget, 0..2),
        proptest::collection::vec(an_intent(), some.clone()),
        proptest::collection::vec((0u8..4).prop_map(pair_id), some.clone()),
        proptest::collection::vec(line, some),
    )
        .prop_map(|(pairs, items, forget_items, intents, settled, journal)| Commit {
            pairs,
            items,
            forget_items,
            intents,
            settled,
            journal,
            ..Commit::default()
        })
}

#[derive(Debug, Clone)]
enum Step {
    Ingest(Ingest),
    Commit(Commit),
    ForgetCursor(Side),
    /// A write that must not be stored: somebody else's fence.
    Late(Commit),
}

fn a_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => a_page().prop_map(Step::Ingest),
        4 => a_commit().prop_map(Step::Commit),
        1 => a_side().prop_map(Step::ForgetCursor),
        1 => a_commit().prop_map(Step::Late),
    ]
}

async fn agrees(store: &SqlStore, model: &Model, member: MemberId) {
    let scope = FeedScope::Member(member);
    for side in [Side::Mail, Side::Crm] {
        let cursor = store.cursor(&scope, MODULE, side).await.unwrap();
        assert_eq!(cursor.as_ref(), model.cursors.get(&feed(&scope, MODULE, side)));
        let items = model.items(MODULE, side);
        assert_eq!(store.items(member, MODULE, side, None, 99).await.unwrap(), items);
        // Page by page, too.
        let mut paged = Vec::new();
        while let page =
            store.items(member, MODULE, side, paged.last().map(|i: &ItemRow| &i.id), 2).await.unwrap()
            && !page.is_empty()
        {
            paged.extend(page);
        }
        assert_eq!(paged, items);
        assert_eq!(store.unread_items(member, MODULE, side, 99).await.unwrap(), model.unread(MODULE, side));
        let unpaired = store.unpaired_items(member, MODULE, side, None, 99).await.unwrap();
        assert_eq!(unpaired, model.unpaired_items(MODULE, side));
        let keys: Vec<_> = (0..2).flat_map(|rule| (0..3).map(move |hash| MatchKey { rule, hash })).collect();
        assert_eq!(store.matches(member, MODULE, side, &keys).await.unwrap(), model.matches(MODULE, side));
        for paired in [None, Some(true), Some(false)] {
            let count = store.count_items(member, MODULE, side, Presence::Present, paired).await.unwrap();
            let wanted = |i: &&ItemRow| {
                i.presence == Presence::Present && paired.is_none_or(|p| p == i.pair.is_some())
            };
            assert_eq!(count, items.iter().filter(wanted).count() as u64);
        }
        for id in ["a", "b", "c", "ä", "long/id==", "unknown"].map(RemoteId::from) {
            let item = store.item(member, MODULE, side, &id).await.unwrap();
            assert_eq!(item.as_ref(), model.items.get(&(member, MODULE, side, id.clone())));
            let pair = store.pair_of(member, MODULE, side, &id).await.unwrap();
            assert_eq!(pair, model.pair_of(MODULE, side, &id));
            let holders = store.holders(&[member], MODULE, side, std::slice::from_ref(&id)).await.unwrap();
            assert_eq!(holders.len(), usize::from(item.is_some()));
        }
    }
    let dirty = model.dirty_pairs(MODULE, at(0));
    assert_eq!(store.dirty_pairs(member, MODULE, at(0), None, 99).await.unwrap(), dirty);
    if let Some(first) = dirty.first() {
        let rest = store.dirty_pairs(member, MODULE, at(0), Some(first.id), 99).await.unwrap();
        assert_eq!(rest, dirty[1..]);
    }
    let ids: Vec<_> = (0..5).map(pair_id).collect();
    let mut pairs = store.pairs(member, &ids).await.unwrap();
    pairs.sort_by_key(|p| p.id);
    assert_eq!(pairs, model.pairs.values().cloned().collect::<Vec<_>>());
    let of_uids = |p: &&PairRow| p.uid.is_some_and(|uid| uid > 0);
    assert_eq!(
        store.pairs_of_uids(member, MODULE, &[u64::MAX, 1, 1]).await.unwrap(),
        model.pairs.values().filter(of_uids).cloned().collect::<Vec<_>>()
    );
    assert_eq!(store.pairs_of_uids(MemberId(7), MODULE, &UIDS).await.unwrap(), []);
    let counts = store.count_pairs(member, MODULE).await.unwrap();
    for state in [PairState::Linked, PairState::Held, PairState::Tombstoned] {
        let in_state: Vec<_> = model.pairs.values().filter(|p| p.state == state).cloned().collect();
        assert_eq!(counts.get(&state).copied().unwrap_or(0), in_state.len() as u64);
        assert_eq!(store.pairs_in(member, MODULE, state, None, 99).await.unwrap(), in_state);
    }
    for side in [Side::Mail, Side::Crm] {
        let is_open = |i: &IntentRow| i.side == side && i.kind == IntentKind::Create && !i.in_doubt;
        let makers = store.makers(&[member, MemberId(7)], MODULE, side).await.unwrap();
        assert_eq!(makers == [member], model.intents.values().any(is_open));
        assert_eq!(store.makers(&[MemberId(7)], MODULE, side).await.unwrap(), []);
    }
    let intents = store.open_intents(member).await.unwrap();
    assert_eq!(intents, model.intents.values().cloned().collect::<Vec<_>>());
    for id in ids {
        let lines: Vec<_> = model.journal.iter().filter(|l| l.pair == id).cloned().collect();
        assert_eq!(store.journal(id).await.unwrap(), lines);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn the_store_agrees_with_its_model(steps in proptest::collection::vec(a_step(), 1..12)) {
        runtime().block_on(async {
            let (_folder, store, member, fence) = held().await;
            assert_eq!(member, MemberId(1));
            let mut model = Model::default();
            for step in steps {
                match step {
                    Step::Ingest(page) => {
                        store.ingest(fence, &page).await.unwrap();
                        model.ingest(&page);
                    }
                    Step::Commit(changes) => {
                        store.commit(member, fence, &changes).await.unwrap();
                        model.commit(&changes);
                    }
                    Step::ForgetCursor(side) => {
                        let scope = FeedScope::Member(member);
                        store.forget_cursor(&scope, MODULE, side).await.unwrap();
                        model.cursors.remove(&feed(&scope, MODULE, side));
                    }
                    Step::Late(changes) => {
                        let late = store.commit(member, fence - 1, &changes).await;
                        assert_eq!(late, Err(StoreError::LeaseLost(member)));
                    }
                }
                agrees(&store, &model, member).await;
            }
        });
    }
}

#[tokio::test]
async fn a_member_is_held_by_one_agent_at_a_time() {
    let (_folder, store) = store().await;
    let members = store
        .set_members(&[spec("p", "ann@example.com"), spec("p", "bob@example.com")], at(0))
        .await
        .unwrap();
    let ann = members[0].id;
    let first = QueueStore::claim(&store, "one", at(0), at(90), 1).await.unwrap();
    assert_eq!(first[0].member.id, ann);
    let second = QueueStore::claim(&store, "two", at(1), at(91), 9).await.unwrap();
    assert_eq!(second.iter().map(|c| c.member.id).collect::<Vec<_>>(), [members[1].id]);
    assert_eq!(QueueStore::claim(&store, "three", at(2), at(92), 9).await.unwrap(), []);

    // The lease runs out: another takes it, and the first one's words count no more.
    assert_eq!(store.extend(&[(members[1].id, second[0].fence)], at(200)).await.unwrap(), []);
    let third = QueueStore::claim(&store, "three", at(95), at(185), 9).await.unwrap();
    assert_eq!(third.iter().map(|c| c.member.id).collect::<Vec<_>>(), [ann]);
    assert!(third[0].fence > first[0].fence);
    let lost = Err(StoreError::LeaseLost(ann));
    assert_eq!(store.update_state(ann, first[0].fence, &first[0].member.state).await, lost);
    assert_eq!(store.release(ann, first[0].fence, &first[0].member.state, at(0)).await, lost);
    assert_eq!(store.commit(ann, first[0].fence, &Commit::default()).await, lost);
    assert_eq!(store.extend(&[(ann, first[0].fence)], at(300)).await.unwrap(), [ann]);
}

#[tokio::test]
async fn given_back_members_are_due_at_their_time() {
    let (_folder, store, member, fence) = held().await;
    let mut state = store.members().await.unwrap()[0].state.clone();
    state.cycle = 7;
    store.release(member, fence, &state, at(900)).await.unwrap();
    assert_eq!(QueueStore::claim(&store, "me", at(899), at(990), 9).await.unwrap(), []);
    assert_eq!(store.commit(member, fence, &Commit::default()).await, Err(StoreError::LeaseLost(member)));

    store.wake(&[member], at(10)).await.unwrap();
    let claimed: Vec<Claimed> = QueueStore::claim(&store, "me", at(10), at(100), 9).await.unwrap();
    assert!(claimed[0].member.urgent);
    assert_eq!(claimed[0].member.state.cycle, 7);
    // "Sync now" while it is running: once more at once.
    store.wake(&[member], at(11)).await.unwrap();
    store.release(member, claimed[0].fence, &state, at(900)).await.unwrap();
    assert_eq!(QueueStore::claim(&store, "me", at(12), at(100), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_queue_holds_who_is_wanted() {
    let (_folder, store) = store().await;
    store.set_members(&[spec("p", "ann@example.com"), spec("p", "bob@example.com")], at(0)).await.unwrap();
    store.set_crm_user(MemberId(1), &CrmUserId::from("005A")).await.unwrap();
    let members =
        store.set_members(&[spec("p", "ann@example.com"), spec("q", "cy@example.com")], at(1)).await.unwrap();
    let shown: Vec<_> = members.iter().map(|m| (m.address.as_str(), m.enabled)).collect();
    assert_eq!(shown, [("ann@example.com", true), ("bob@example.com", false), ("cy@example.com", true)]);
    assert_eq!(members[0].crm_user, Some(CrmUserId::from("005A")));
    let claimed = store.claim_of(Some(&"q".into()), "me", at(1), at(90), 9).await.unwrap();
    assert_eq!(claimed.iter().map(|c| c.member.address.as_str()).collect::<Vec<_>>(), ["cy@example.com"]);
    let claimed = QueueStore::claim(&store, "me", at(1), at(90), 9).await.unwrap();
    assert_eq!(claimed.iter().map(|c| c.member.address.as_str()).collect::<Vec<_>>(), ["ann@example.com"]);
}

#[tokio::test]
async fn the_leases_of_a_dead_agent_are_broken() {
    let (_folder, store, member, fence) = held().await;
    assert_eq!(store.break_leases(at(1)).await.unwrap(), 1);
    assert_eq!(store.commit(member, fence, &Commit::default()).await, Err(StoreError::LeaseLost(member)));
    assert_eq!(QueueStore::claim(&store, "next", at(1), at(91), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_feed_of_a_connection_needs_no_fence_and_a_members_does() {
    let (_folder, store, member, _) = held().await;
    let observation =
        Observation { member, id: "a".into(), presence: Presence::Present, version: Some("1".into()) };
    let scope = FeedScope::Connection("crm".into());
    let page = Ingest {
        scope: scope.clone(),
        module: MODULE,
        side: Side::Crm,
        observations: vec![observation],
        after: None,
        cursor: Some("c".into()),
    };
    store.ingest(0, &page).await.unwrap();
    // Another reader, who has begun from the start as well, has been overtaken.
    let late = Ingest { cursor: Some("d".into()), ..page.clone() };
    assert_eq!(store.ingest(0, &late).await, Err(StoreError::Overtaken));
    assert_eq!(store.cursor(&scope, MODULE, Side::Crm).await.unwrap(), Some("c".into()));
    let own = Ingest { scope: FeedScope::Member(member), ..page };
    assert_eq!(store.ingest(0, &own).await, Err(StoreError::LeaseLost(member)));
}

#[tokio::test]
async fn activity_is_read_from_its_end_and_onwards() {
    let (_folder, store) = store().await;
    let line = |n: u64| ActivityLine {
        seq: 0,
        member: MemberId(1),
        at: at(0) + TimeDelta::seconds(n.cast_signed()),
        level: Level::Info,
        cycle: n,
        module: Some(MODULE),
        text: format!("line {n}"),
    };
    store.append(&(1..=150).map(line).collect::<Vec<_>>()).await.unwrap();
    let cycles = async |after, limit| {
        let query = ActivityQuery { member: MemberId(1), after, limit };
        store.read(&query).await.unwrap().iter().map(|l| (l.seq, l.cycle)).collect::<Vec<_>>()
    };
    assert_eq!(cycles(0, 2).await, [(149, 149), (150, 150)]);
    assert_eq!(cycles(10, 2).await, [(11, 11), (12, 12)]);
    assert_eq!(store.prune(at(100)).await.unwrap(), 99);
    assert_eq!(cycles(1, 1).await, [(100, 100)]);
}

#[tokio::test]
async fn the_journal_is_forgotten_by_age() {
    let (_folder, store, member, fence) = held().await;
    let line = |n: i64| JournalRow {
        member,
        module: MODULE,
        pair: pair_id(1),
        at: at(n),
        deed: "update crm".into(),
        rule: "table row 2".into(),
        text: n.to_string(),
        seen: String::new(),
    };
    let left = async || {
        let lines = store.journal(pair_id(1)).await.unwrap();
        lines.into_iter().map(|line| line.text).collect::<Vec<_>>()
    };
    assert_eq!(store.prune_journal(at(3)).await, Ok(0));
    let journal = (1..=5).map(line).collect();
    store.commit(member, fence, &Commit { journal, ..Commit::default() }).await.unwrap();
    assert_eq!(store.prune_journal(at(3)).await, Ok(2));
    assert_eq!(left().await, ["3", "4", "5"]);
    assert_eq!(store.prune_journal(at(99)).await, Ok(3));
    assert_eq!(left().await, Vec::<String>::new());
}

#[tokio::test]
async fn key_and_facts_outlive_the_process() {
    let (folder, store) = store().await;
    let key = store.hash_key().await.unwrap();
    store.set_fact("fingerprint/crm", "org 1").await.unwrap();
    store.set_fact("fingerprint/crm", "org 2").await.unwrap();
    store.close().await;
    assert!(matches!(store.set_fact("x", "y").await, Err(StoreError::Broken(_))));
    let again = SqlStore::open(&folder.path().join("riva.db")).await.unwrap();
    assert_eq!(again.hash_key().await.unwrap(), key);
    assert_eq!(again.fact("fingerprint/crm").await.unwrap().as_deref(), Some("org 2"));
    assert_eq!(again.fact("unknown").await.unwrap(), None);
}
