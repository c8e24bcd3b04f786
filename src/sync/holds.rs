//! Holds as rows: opened with the pairs that wait, closed when none of them waits any more.

use crate::context::{CycleContext, CycleFault};
use chrono::{DateTime, Utc};
use riva_core::holds::{HeldItem, HoldId, HoldKind, HoldRow, LikelyTwin};
use riva_core::ids::PairId;
use riva_core::item::Module;
use riva_core::rows::{Commit, PairRow, PairState, Side};
use std::collections::{BTreeMap, BTreeSet};

/// A hold of one pair.
pub(crate) fn of_pair(
    kind: HoldKind,
    pair: &PairRow,
    title: &str,
    reason: &str,
    twins: Vec<LikelyTwin>,
    since: DateTime<Utc>,
) -> HoldRow {
    let side = match (&pair.mail, &pair.crm) {
        (Some(_), None) => Some(Side::Mail),
        (None, Some(_)) => Some(Side::Crm),
        (Some(_), Some(_)) | (None, None) => None,
    };
    HoldRow {
        id: pair.id.into(),
        number: 0,
        member: pair.member,
        module: pair.module,
        kind,
        since,
        reason: reason.to_owned(),
        items: vec![HeldItem { pair: pair.id, title: title.to_owned(), side, twins }],
        decided: None,
        closed: None,
    }
}

/// The open holds of a member's module.
pub(crate) struct OpenHolds(pub Vec<HoldRow>);

impl OpenHolds {
    pub async fn of(ctx: &CycleContext<'_>, module: Module) -> Result<Self, CycleFault> {
        let mut open = ctx.store.open_holds(ctx.member.id).await?;
        open.retain(|hold| hold.module == module);
        Ok(Self(open))
    }

    /// The one by which nothing of the module may be written.
    pub fn blocking(&self) -> Option<&HoldRow> {
        self.0.iter().find(|hold| hold.blocks_module())
    }

    /// Which hold each pair waits for: the one opened last.
    pub fn owners(&self) -> BTreeMap<PairId, HoldId> {
        let mut by_age: Vec<&HoldRow> = self.0.iter().collect();
        by_age.sort_by_key(|hold| (hold.since, hold.number));
        by_age.iter().flat_map(|hold| hold.items.iter().map(|item| (item.pair, hold.id))).collect()
    }

    /// Closes those of which nothing waits any more.
    pub async fn close(&self, ctx: &CycleContext<'_>) -> Result<(), CycleFault> {
        if self.0.is_empty() {
            return Ok(());
        }
        let ids: BTreeSet<PairId> = self.0.iter().flat_map(|h| h.items.iter().map(|i| i.pair)).collect();
        let ids: Vec<PairId> = ids.into_iter().collect();
        let pairs = ctx.store.pairs(ctx.member.id, &ids).await?;
        let held: BTreeSet<PairId> =
            pairs.iter().filter(|p| p.state == PairState::Held).map(|p| p.id).collect();
        let owners = self.owners();
        let waits = |hold: &HoldRow| {
            let mut items = hold.items.iter();
            items.any(|item| held.contains(&item.pair) && owners.get(&item.pair) == Some(&hold.id))
        };
        let now = ctx.clock.now();
        let closed = self.0.iter().filter(|hold| !waits(hold));
        let commit = Commit {
            holds: closed.map(|hold| HoldRow { closed: Some(now), ..hold.clone() }).collect(),
            ..Commit::default()
        };
        if commit.is_empty() { Ok(()) } else { ctx.commit(&commit).await }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::Work;

    /// Whichever order they are read in: what was decided about an older one is not decided about what waits now.
    #[test]
    fn a_pair_waits_for_the_hold_that_was_opened_last() {
        let pair = Work::sample().pair;
        let hold = |minute: i64, number| {
            let since = DateTime::UNIX_EPOCH + chrono::Duration::minutes(minute);
            let id = PairId(uuid::Uuid::from_u128(number)).into();
            let number = i64::try_from(number).expect("a small number");
            HoldRow { id, number, ..of_pair(HoldKind::Conflict, &pair, "Visit", "", Vec::new(), since) }
        };
        for [older, newer] in [[hold(1, 2), hold(2, 1)], [hold(1, 1), hold(1, 2)]] {
            let last = BTreeMap::from([(pair.id, newer.id)]);
            assert_eq!(OpenHolds(vec![older.clone(), newer.clone()]).owners(), last);
            assert_eq!(OpenHolds(vec![newer, older]).owners(), last);
        }
    }
}
