//! What administrators decided about holds, carried out.
//!
//! A decision is an input of the plan, next to what both sides show now: an item that has changed since is planned for
//! what it is. So nothing is lost by a crash, or done twice: as long as a pair waits for its hold, it is planned with the
//! decision, and once it waits no more the hold is closed.

use crate::context::CycleFault;
use crate::edited::state;
use crate::first_sync::{Candidate, FirstSync, left_over};
use crate::hash::FieldHasher;
use crate::holds::OpenHolds;
use crate::journal;
use crate::module_cycle::{ModuleCycle, SLICE, on_its_own};
use crate::plan::{BothCaps, Deed, ModuleRules, Now, PairPlan, plan_pair};
use crate::read::Reading;
use crate::table::SideState;
use crate::work::Work;
use riva_core::activity::Level;
use riva_core::documents::Refused;
use riva_core::holds::{Decided, Decision, HeldItem, HoldKind, HoldRow};
use riva_core::ids::{PairId, RemoteId};
use riva_core::rows::{Commit, ItemRow, PairRow, PairState, Side};
use std::collections::{BTreeMap, BTreeSet};

/// What was decided, as the planner takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// What.
    pub decision: &'a Decision,
    /// What becomes of items that are not deleted after all.
    pub refused: Refused,
}

/// Plans a held pair with what was decided.
pub fn plan_decided(
    hasher: &FieldHasher,
    pair: &PairRow,
    mail: &Now,
    crm: &Now,
    caps: BothCaps<'_>,
    rules: ModuleRules,
    verdict: Verdict<'_>,
) -> PairPlan {
    let plan_by = |rules| plan_pair(hasher, pair, mail, crm, caps, rules);
    let plan = plan_by(rules);
    let kept = |row, gone: Side| {
        let deed = match verdict.refused {
            Refused::Detach => Deed::Become(
                PairState::Detached,
                format!("Deleted in the {}, and kept here: an administrator decided so.", gone.title()),
            ),
            Refused::Restore => Deed::Create(gone),
        };
        PairPlan { row, deed }
    };
    match (verdict.decision, &plan.deed) {
        (Decision::Approve, Deed::Match(Side::Crm)) if left_over::is_left_over(pair) => {
            let deed = if state(hasher, pair.mail.as_ref(), mail) == SideState::Unchanged {
                Deed::Delete(Side::Mail)
            } else {
                Deed::Become(PairState::Detached, left_over::EDITED_SINCE.to_owned())
            };
            PairPlan { row: plan.row, deed }
        }
        (Decision::Refuse | Decision::Ignore, Deed::Match(Side::Crm)) if left_over::is_left_over(pair) => {
            let why = "Left by another sync, and left alone: an administrator decided so.".to_owned();
            PairPlan { row: plan.row, deed: Deed::Become(PairState::Detached, why) }
        }
        (Decision::Refuse, Deed::Delete(side)) => kept(plan.row, side.other()),
        // The records are moved, or stay where they are and count as in step.
        (Decision::Approve, Deed::Hold(HoldKind::ZoneRules, _)) => {
            plan_by(ModuleRules { decided: Some(Side::Mail), ..rules })
        }
        (Decision::Refuse, Deed::Hold(HoldKind::ZoneRules, _)) => {
            PairPlan { row: plan.row, deed: Deed::Refresh }
        }
        (Decision::Keep, Deed::Hold(HoldKind::DeletedButEdited, _)) => kept(plan.row, Side::Crm),
        // Private by now: gone in the CRM, and none of its business.
        (Decision::Keep, Deed::Become(PairState::Tombstoned, _))
            if mail.item().is_some() && verdict.refused == Refused::Detach =>
        {
            kept(plan.row, Side::Crm)
        }
        (Decision::LetGo, Deed::Hold(HoldKind::DeletedButEdited, _)) => {
            PairPlan { row: plan.row, deed: Deed::Delete(Side::Mail) }
        }
        (Decision::TakeMail, _) => plan_by(ModuleRules { decided: Some(Side::Mail), ..rules }),
        (Decision::TakeCrm, _) => plan_by(ModuleRules { decided: Some(Side::Crm), ..rules }),
        (Decision::Ignore, deed) if !matches!(deed, Deed::Become(PairState::Tombstoned, _)) => {
            let why = "Left alone: an administrator decided so.".to_owned();
            PairPlan { row: plan.row, deed: Deed::Become(PairState::Detached, why) }
        }
        (
            Decision::Approve
            | Decision::Refuse
            | Decision::Keep
            | Decision::LetGo
            | Decision::Ignore
            | Decision::Link { .. }
            | Decision::Create,
            _,
        ) => plan,
    }
}

impl ModuleCycle<'_, '_> {
    /// Carries out what was decided, a slice of pairs at a time.
    pub async fn carry_out(&mut self, holds: &OpenHolds) -> Result<(), CycleFault> {
        let decided = holds.0.iter().filter_map(|hold| Some((hold, hold.decided.as_ref()?)));
        let decided: Vec<(&HoldRow, &Decided)> = decided.collect();
        if decided.is_empty() {
            return Ok(());
        }
        // What was put back in the mailbox under another id is in its place before anybody decides about the one that is gone.
        FirstSync::new(self).read(Side::Mail).await?;
        let owners = holds.owners();
        let intents = self.ctx.store.open_intents(self.ctx.member.id).await?;
        let in_doubt: BTreeSet<PairId> = intents.into_iter().map(|intent| intent.pair).collect();
        for (hold, decided) in decided {
            let waits =
                |item: &&HeldItem| owners.get(&item.pair) == Some(&hold.id) && !in_doubt.contains(&item.pair);
            let items: BTreeMap<PairId, &HeldItem> =
                hold.items.iter().filter(waits).map(|item| (item.pair, item)).collect();
            let ids: Vec<PairId> = items.keys().copied().collect();
            for slice in ids.chunks(SLICE) {
                if self.ctx.stop.stopped() {
                    return Err(CycleFault::Stopped);
                }
                let mut pairs = self.ctx.store.pairs(self.ctx.member.id, slice).await?;
                pairs.retain(|pair| pair.state == PairState::Held);
                self.slice_of(hold, decided, pairs).await?;
                if self.spent() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn slice_of(
        &mut self,
        hold: &HoldRow,
        decided: &Decided,
        pairs: Vec<PairRow>,
    ) -> Result<(), CycleFault> {
        let verdict = Verdict { decision: &decided.decision, refused: self.ctx.policy.safety.refused };
        let choice = decided.decision.choice().title();
        let rule = format!("{choice}, decided by {}", decided.by);
        let (mut works, mut alone, mut commit) = (Vec::new(), Vec::new(), Commit::default());
        let kept = self.kept_for_others(pairs.iter().map(|pair| (pair, Side::Crm))).await?;
        for (pair, reading) in self.read_pairs(pairs).await? {
            let plan = plan_decided(
                &self.hasher,
                &pair,
                &reading.mail,
                &reading.crm,
                self.caps,
                self.rules_of(&pair, &reading),
                verdict,
            );
            let plan = self.without_mark(plan, &reading);
            let mut work = reading.work(pair, rule.clone(), &self.hasher);
            let at = self.ctx.clock.now();
            let text =
                format!("{}: {choice}, decided by {} for hold {}", work.title, decided.by, hold.number);
            commit.journal.push(journal::line(&work.pair, at, "decided", &rule, text.clone()));
            self.line(Level::Info, text);
            match (&decided.decision, &plan.deed) {
                (Decision::Link { to }, Deed::Match(side)) => {
                    self.link(hold, work, &reading, *side, to, &mut works, &mut commit).await?;
                }
                (Decision::Create, Deed::Match(side)) => {
                    if let Some(candidate) = Candidate::of(work, &reading, *side) {
                        FirstSync::new(self).make(candidate, &rule, &mut works, &mut commit).await?;
                    }
                }
                // It is to be made again, and is private by now: it is, once it is private no more.
                (Decision::Keep, Deed::Become(PairState::Tombstoned, _)) if reading.mail.item().is_some() => {
                    let gone = work.crm.as_ref().and_then(|read| read.row.as_ref());
                    commit.forget_items.extend(gone.map(ItemRow::forgotten));
                    on_its_own("Kept, and marked private before it was made again.", work, &mut commit);
                }
                (_, Deed::Delete(Side::Crm)) if kept.contains(&work.pair.id) => {
                    self.leave_to_others(&mut work, &mut commit);
                }
                (_, _) => {
                    self.take_up(plan, work, &reading, &mut works, &mut alone, &mut commit);
                }
            }
        }
        self.store(&commit).await?;
        self.write(&mut works).await?;
        FirstSync::new(self).candidates(alone).await
    }

    #[expect(clippy::too_many_arguments, reason = "a held item, what it is linked to, and where both go")]
    async fn link(
        &mut self,
        hold: &HoldRow,
        work: Work,
        reading: &Reading,
        side: Side,
        to: &RemoteId,
        works: &mut Vec<Work>,
        commit: &mut Commit,
    ) -> Result<(), CycleFault> {
        let rule = work.rule.clone();
        let title = work.title.clone();
        let row = self.ctx.store.item(self.ctx.member.id, self.module, side, to).await?;
        let fetched = self.fetch(side, std::slice::from_ref(to)).await?.remove(to);
        let known = self.ctx.store.pair_of(self.ctx.member.id, self.module, side, to).await?;
        let taken =
            known.is_some_and(|p| p.mail.is_some() && p.crm.is_some() && p.state != PairState::Tombstoned);
        let there = matches!(fetched, Some(riva_core::ports::Fetched::Present { .. }));
        match (Candidate::of(work, reading, side), fetched) {
            (Some(candidate), Some(fetched)) if there && !taken => {
                let fetched = (fetched, row.map_or(0, |row| row.seen));
                FirstSync::new(self).link(candidate, to.clone(), fetched, rule, works, commit).await
            }
            _ => {
                let why = if taken { "is linked to another item by now" } else { "is not there any more" };
                let text =
                    format!("{title}: what it was to be linked to {why}; it waits for another decision");
                self.line(Level::Warning, text);
                let mut again = HoldRow { decided: None, ..hold.clone() };
                for item in &mut again.items {
                    item.twins.retain(|twin| twin.id != *to);
                }
                commit.holds.push(again);
                Ok(())
            }
        }
    }
}
