//! New rules of time zones (engine design, case 21): an appointment keeps its wall time in the mailbox, so that its instant
//! is another one without anybody having edited it. The CRM's records are moved as one batch that an administrator
//! approves.
//!
//! When the program comes with other rules, all linked appointments are read once. One that was in step, and is still in
//! the same version, but at another time was moved by the rules; or it is understood otherwise than before, which is no
//! user's edit either. They are held in one transaction: a batch that names but a part could be approved unseen.

use crate::context::CycleFault;
use crate::edited::differs;
use crate::hash::FieldHasher;
use crate::in_step::finish;
use crate::journal;
use crate::merge::leads_to;
use crate::module_cycle::{ModuleCycle, SLICE};
use crate::plan::Now;
use crate::read::Reading;
use chrono::{DateTime, Utc};
use riva_core::activity::Level;
use riva_core::holds::{HeldItem, HoldId, HoldKind, HoldRow};
use riva_core::ids::{MemberId, PairId};
use riva_core::item::{Field, Item, Module};
use riva_core::rows::{Commit, Hashes, PairRow, PairState, Presence, Side};

/// Why a pair waits.
pub(crate) const MOVED: &str = "At another time in the mailbox, in the version in which it was in step: the rules of its time zone have changed.";

const RULE: &str = "time zone rules";

/// The name of the fact that says by which rules a member's appointments were read.
pub(crate) fn zones_fact(member: MemberId) -> String {
    format!("zones/{}", member.0)
}

/// Whether an appointment is at another time than when it was last in step, and in the same version; and nothing else of it
/// is otherwise.
fn has_moved(hasher: &FieldHasher, pair: &PairRow, mail: &Now) -> bool {
    let (Some(at), Now::Present { version, item, .. }) = (&pair.mail, mail) else { return false };
    let when = Hashes::key(Field::When);
    let [mut then, mut now] = [at.seen.clone(), hasher.item(item)];
    let moved = then.0.remove(&when).zip(now.0.remove(&when)).is_some_and(|(then, now)| then != now);
    moved && *version == at.version && !differs(&then, &now)
}

/// Whether a pair waits for it to be decided whether its record is moved, and nobody has edited it since.
pub(crate) fn waits(hasher: &FieldHasher, pair: &PairRow, mail: &Now) -> bool {
    pair.state == PairState::Held && pair.reason.as_deref() == Some(MOVED) && has_moved(hasher, pair, mail)
}

/// Whether an appointment was over before now. A series may go on.
fn is_over(item: &Item, now: DateTime<Utc>) -> bool {
    item.recurrence().is_none() && item.when().is_some_and(|when| when.utc().1 <= now)
}

impl ModuleCycle<'_, '_> {
    /// Holds what other rules of time zones have moved since this member's appointments were read.
    pub async fn follow_zone_rules(&mut self) -> Result<(), CycleFault> {
        if self.module != Module::Calendar {
            return Ok(());
        }
        let fact = zones_fact(self.ctx.member.id);
        let known = self.ctx.store.fact(&fact).await?;
        if known.as_deref() == Some(chrono_tz::IANA_TZDB_VERSION) {
            return Ok(());
        }
        if known.is_some() {
            let held = self.moved_by_rules().await?;
            self.store(&held).await?;
        }
        Ok(self.ctx.store.set_fact(&fact, chrono_tz::IANA_TZDB_VERSION).await?)
    }

    /// The pairs that the rules have moved, and the hold for which they wait.
    async fn moved_by_rules(&mut self) -> Result<Commit, CycleFault> {
        let (mut held, mut items, mut after) = (Commit::default(), Vec::new(), None);
        loop {
            if self.ctx.stop.stopped() {
                return Err(CycleFault::Stopped);
            }
            let (store, member) = (self.ctx.store, self.ctx.member.id);
            let rows = store.items(member, self.module, Side::Mail, after.as_ref(), SLICE).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id.clone());
            // Of what waits to be read anyway it is not known whether somebody has edited it.
            let in_step = rows.iter().filter(|row| !row.dirty && row.presence == Presence::Present);
            let ids: Vec<PairId> = in_step.filter_map(|row| row.pair).collect();
            let mut pairs = store.pairs(member, &ids).await?;
            let is_whole =
                |pair: &PairRow| pair.crm.as_ref().is_some_and(|at| at.id.as_occurrence().is_none());
            pairs.retain(|pair| pair.state == PairState::Linked && is_whole(pair));
            for (pair, reading) in self.read_pairs(pairs).await? {
                if self.rules_have_moved(&pair, &reading) {
                    items.extend(self.hold_moved(pair, &reading, &mut held));
                }
            }
        }
        if !items.is_empty() {
            held.holds.push(self.hold_of_moved(items));
            self.held = true;
        }
        Ok(held)
    }

    /// Whether a record is to be moved that nobody has touched. (Where it was, the ordinary plan looks at both.)
    fn rules_have_moved(&self, pair: &PairRow, reading: &Reading) -> bool {
        let (Some(at), Some(mail), Some(crm)) = (&pair.crm, reading.mail.item(), reading.crm.item()) else {
            return false;
        };
        let now = self.ctx.clock.now();
        has_moved(&self.hasher, pair, &reading.mail)
            && !differs(&at.seen, &self.hasher.item(crm))
            && !(is_over(mail, now) && is_over(crm, now))
    }

    /// Has a pair wait. Where nothing goes to the CRM it does not: both stay as they are, and that is in step.
    fn hold_moved(&self, pair: PairRow, reading: &Reading, held: &mut Commit) -> Option<HeldItem> {
        let mut work = reading.work(pair, RULE.to_owned(), &self.hasher);
        if !leads_to(self.rules.rules.direction, Side::Crm) {
            finish(&mut work, held);
            return None;
        }
        work.pair.state = PairState::Held;
        work.pair.reason = Some(MOVED.to_owned());
        work.pair.next_try = None;
        let text = format!("{}: {MOVED}", work.title);
        held.journal.push(journal::of_work(&work, self.ctx.clock.now(), "held", text));
        let item =
            HeldItem { pair: work.pair.id, title: work.title, side: Some(Side::Crm), twins: Vec::new() };
        held.pairs.push(work.pair);
        Some(item)
    }

    fn hold_of_moved(&self, items: Vec<HeldItem>) -> HoldRow {
        let what = match items.len() {
            1 => "1 appointment is".to_owned(),
            n => format!("{n} appointments are"),
        };
        let reason = format!(
            "{what} at another time in the mailbox, and nobody has edited them: the rules of time zones have changed. Approve: \
             the CRM's records are moved. Refuse: they stay as they are."
        );
        self.line(Level::Warning, reason.clone());
        HoldRow {
            id: HoldId(self.ctx.ids.next()),
            number: 0,
            member: self.ctx.member.id,
            module: self.module,
            kind: HoldKind::ZoneRules,
            since: self.ctx.clock.now(),
            reason,
            items,
            decided: None,
            closed: None,
        }
    }
}
