//! Holds, orders and images as the store keeps them.

use crate::SqlStore;
use crate::tests::{MODULE, at, held, pair_id};
use riva_core::history::{ImageRow, Order, OrderRow, UndoSpan};
use riva_core::holds::{Decided, Decision, HeldItem, HoldKind, HoldRow, LikelyTwin};
use riva_core::ids::MemberId;
use riva_core::ports::{DecisionStore, SyncStore};
use riva_core::rows::{Commit, Hashes, IntentKind, JournalRow, PairRow, PairSide, PairState, Side};
use uuid::Uuid;

fn a_hold(n: u8, kind: HoldKind) -> HoldRow {
    let twins = vec![LikelyTwin { id: "003".into(), title: "Ann".into() }];
    HoldRow {
        id: pair_id(n).into(),
        number: 0,
        member: MemberId(1),
        module: MODULE,
        kind,
        since: at(1),
        reason: "why".into(),
        items: vec![HeldItem { pair: pair_id(n), title: "Ann".into(), side: Some(Side::Mail), twins }],
        decided: None,
        closed: None,
    }
}

#[tokio::test]
async fn a_hold_is_decided_once_it_fits_and_closed_when_nothing_waits() {
    let (_folder, store, member, fence) = held().await;
    let holds = |holds| Commit { holds, ..Commit::default() };
    let two = holds(vec![a_hold(1, HoldKind::PossibleDuplicate), a_hold(2, HoldKind::DeleteSafety)]);
    store.commit(member, fence, &two).await.unwrap();
    let open = store.open_holds(member).await.unwrap();
    assert_eq!(
        open.iter().map(|h| (h.number, h.kind)).collect::<Vec<_>>(),
        [(1, HoldKind::PossibleDuplicate), (2, HoldKind::DeleteSafety)]
    );
    assert_eq!(open[0].items, a_hold(1, HoldKind::PossibleDuplicate).items);
    let decided = |decision| Decided { decision, by: "bob@desk".into(), at: at(9) };
    assert_eq!(store.decide(77, &decided(Decision::Approve)).await, Ok(None));
    assert!(store.decide(1, &decided(Decision::Approve)).await.unwrap().unwrap().is_err());
    let link = decided(Decision::Link { to: "003".into() });
    assert_eq!(store.decide(1, &link).await.unwrap().unwrap().unwrap().decided, Some(link.clone()));
    assert_eq!(store.open_holds(member).await.unwrap()[0].decided, Some(link.clone()));
    // Closed by the engine, which did not know of the decision: it is not forgotten.
    let closed = HoldRow { closed: Some(at(10)), ..a_hold(1, HoldKind::PossibleDuplicate) };
    store.commit(member, fence, &holds(vec![closed])).await.unwrap();
    assert_eq!(store.open_holds(member).await.unwrap().len(), 1);
    let all = store.holds(Some(member), true).await.unwrap();
    assert_eq!((all.len(), &all[0].decided), (2, &Some(link)));
    assert!(store.decide(1, &decided(Decision::Ignore)).await.unwrap().unwrap().is_err(), "it is closed");
    // Opened again: it waits for a new decision, under its old number.
    store.commit(member, fence, &holds(vec![a_hold(1, HoldKind::Conflict)])).await.unwrap();
    let again = store.holds(None, false).await.unwrap();
    assert_eq!((again[0].number, again[0].kind, again[0].decided.clone()), (1, HoldKind::Conflict, None));
    let of_another = HoldRow { member: MemberId(2), ..a_hold(3, HoldKind::Conflict) };
    assert!(store.commit(member, fence, &holds(vec![of_another])).await.is_err());
}

#[tokio::test]
async fn an_order_waits_until_it_is_carried_out() {
    let (_folder, store, member, fence) = held().await;
    let undo = Order::Undo { span: UndoSpan::Cycle(7) };
    let given = DecisionStore::order(&store, member, &undo, "bob@desk", at(1)).await.unwrap();
    assert_eq!((given.number, given.order, given.done), (1, undo, None));
    assert_eq!(store.open_orders(member).await.unwrap(), std::slice::from_ref(&given));
    let done = OrderRow { done: Some(at(2)), outcome: vec!["3 writes".into()], ..given };
    let commit = Commit { orders: vec![done.clone()], ..Commit::default() };
    store.commit(member, fence, &commit).await.unwrap();
    assert_eq!(store.open_orders(member).await.unwrap(), []);
    assert_eq!(store.order_of(1).await.unwrap(), Some(done));
    assert_eq!(store.order_of(2).await.unwrap(), None);
}

#[tokio::test]
async fn images_are_sealed_and_expire() {
    let (folder, store, member, fence) = held().await;
    let secrets = riva_core::secrets::MemorySecrets::default();
    let image = |n: u8, second| {
        let mut item = riva_core::item::Item::new(MODULE);
        item.set_text(riva_core::item::Field::Notes, "a customer's secret");
        ImageRow {
            id: Uuid::from_bytes([n; 16]),
            member,
            module: MODULE,
            pair: pair_id(n),
            side: Side::Crm,
            cycle: u64::from(n),
            at: at(second),
            kind: IntentKind::Update,
            title: "Ann".into(),
            before: Some(item),
            sends: Hashes([("notes".to_owned(), 5)].into()),
            left: None,
            not_made: false,
        }
    };
    let images = |images| Commit { images, ..Commit::default() };
    // Without a key nothing is kept.
    store.commit(member, fence, &images(vec![image(1, 1)])).await.unwrap();
    assert_eq!(store.images(member, UndoSpan::Since(at(0))).await.unwrap(), []);
    let store = store.with_key(riva_core::secrets::DataKey::of(&secrets).unwrap());
    store.commit(member, fence, &images(vec![image(1, 1), image(2, 2), image(3, 3)])).await.unwrap();
    let since = async |store: &SqlStore, second| {
        let found = store.images(member, UndoSpan::Since(at(second))).await.unwrap();
        found.into_iter().map(|i| i.cycle).collect::<Vec<_>>()
    };
    assert_eq!(since(&store, 2).await, [2, 3]);
    assert_eq!(store.images(member, UndoSpan::Cycle(2)).await.unwrap(), [image(2, 2)]);
    let left = ImageRow { left: Some(Hashes::default()), ..image(2, 2) };
    store.commit(member, fence, &images(vec![left.clone()])).await.unwrap();
    assert_eq!(store.images(member, UndoSpan::Cycle(2)).await.unwrap(), [left]);
    store.commit(member, fence, &images(vec![ImageRow { not_made: true, ..image(3, 3) }])).await.unwrap();
    assert_eq!(since(&store, 0).await, [1, 2]);
    assert_eq!(store.prune_images(at(2)).await, Ok(1));
    assert_eq!(since(&store, 0).await, [2]);
    store.close().await;
    for name in ["riva.db", "riva.db-wal"] {
        let bytes = std::fs::read(folder.path().join(name)).unwrap_or_default();
        assert!(!bytes.windows(8).any(|w| w == b"customer"), "content lies in {name} in clear");
    }
    // With another key it is known that something was written, but not what stood there.
    let other = riva_core::secrets::DataKey::of(&riva_core::secrets::MemorySecrets::default()).unwrap();
    let store = SqlStore::open(&folder.path().join("riva.db")).await.unwrap().with_key(other);
    let found = store.images(member, UndoSpan::Cycle(2)).await.unwrap();
    assert_eq!((found.len(), found[0].before.clone()), (1, None));
}

#[tokio::test]
async fn a_pair_is_found_by_id_item_and_title() {
    let (_folder, store, member, fence) = held().await;
    let side = |id: &str| {
        Some(PairSide {
            id: id.into(),
            version: "1".into(),
            seen: Hashes::default(),
            sent: Hashes::default(),
        })
    };
    let pair = |n, crm| PairRow {
        id: pair_id(n),
        member,
        module: MODULE,
        mail: None,
        crm: side(crm),
        uid: None,
        state: PairState::Linked,
        reason: None,
        generation: 1,
        attempts: 0,
        next_try: None,
    };
    let line = |n, text: &str| JournalRow {
        member,
        module: MODULE,
        pair: pair_id(n),
        at: at(1),
        deed: "create crm".into(),
        rule: "table row 15".into(),
        text: format!("created in the CRM: {text}"),
        seen: String::new(),
    };
    let commit = Commit {
        pairs: vec![pair(1, "003A"), pair(2, "003B")],
        journal: vec![line(1, "Ann Lee"), line(2, "Ann Smith")],
        ..Commit::default()
    };
    store.commit(member, fence, &commit).await.unwrap();
    let found = async |wanted: &str| {
        let found = store.find_pairs(member, wanted, 9).await.unwrap();
        found.into_iter().map(|p| p.id).collect::<Vec<_>>()
    };
    assert_eq!(found(&pair_id(2).to_string()).await, [pair_id(2)]);
    assert_eq!(found("003A").await, [pair_id(1)]);
    assert_eq!(found("ann").await, [pair_id(2), pair_id(1)]);
    assert_eq!(found("Lee").await, [pair_id(1)]);
    assert_eq!(found("nobody").await, []);
    assert_eq!(store.find_pairs(MemberId(9), "ann", 9).await.unwrap(), []);
}
