//! The queue starves nobody: who has work for ever, or always fails, is worked on after those who have waited longer.

use crate::tests::{at, spec, store};
use proptest::prelude::*;
use proptest::test_runner::Config;
use riva_core::ids::MemberId;
use riva_core::ports::QueueStore;
use std::collections::BTreeMap;

/// How a member is given back: so many seconds until it is due again; none: it has more work.
type Pause = i64;

/// Rounds in which each of the members is claimed, `threads` at a time; how long each was due before its turn came.
async fn rounds(pauses: &[Pause], threads: usize, killed: &[usize]) -> BTreeMap<MemberId, Vec<i64>> {
    let (_folder, store) = store().await;
    let specs: Vec<_> = (0..pauses.len()).map(|n| spec("p", &format!("user{n:02}@example.com"))).collect();
    let members = store.set_members(&specs, at(0)).await.unwrap();
    let mut due: BTreeMap<MemberId, i64> = members.iter().map(|member| (member.id, 0)).collect();
    let mut waits: BTreeMap<MemberId, Vec<i64>> = BTreeMap::new();
    for now in 0..80 {
        let claimed = QueueStore::claim(&store, "me", at(now), at(now + 3), threads).await.unwrap();
        for (n, claimed) in claimed.into_iter().enumerate() {
            let member = claimed.member.id;
            waits.entry(member).or_default().push(now - due[&member]);
            // Its agent dies: it is due again when its lease has run out.
            if n == 0 && killed.contains(&usize::try_from(now).unwrap()) {
                due.insert(member, now + 4);
                continue;
            }
            let number = members.iter().position(|m| m.id == member).unwrap();
            let next = now + pauses[number];
            store.release(member, claimed.fence, &claimed.member.state, at(next)).await.unwrap();
            due.insert(member, next.max(now + 1));
        }
    }
    waits
}

proptest! {
    #![proptest_config(Config { cases: 24, failure_persistence: None, ..Config::default() })]

    #[test]
    fn nobody_waits_longer_than_until_all_others_had_their_turn(
        pauses in prop::collection::vec(prop_oneof![Just(0), Just(1), 2_i64..15], 1..12),
        threads in 1_usize..4,
        killed in prop::collection::vec(0_usize..80, 0..3),
    ) {
        let waits = crate::tests::runtime().block_on(rounds(&pauses, threads, &killed));
        let turns = i64::try_from(pauses.len().div_ceil(threads)).unwrap();
        prop_assert_eq!(waits.len(), pauses.len(), "each has its turn");
        for (member, waited) in waits {
            // A lease that runs out is found with the next look.
            let longest = waited.iter().copied().max().unwrap_or_default();
            prop_assert!(longest <= turns + 4, "{member} was due for {longest} turns: {waited:?}");
        }
    }
}
