//! Logging: messages that may be logged are matched to people, claimed, looked up, and made in the CRM.

use super::people::{Known, addresses};
use crate::context::CycleFault;
use crate::files;
use crate::first_sync::{Candidate, FirstSync};
use crate::hash::FieldHasher;
use crate::journal;
use crate::matching;
use crate::project::map_item;
use crate::retry::retry_at;
use crate::work::{Fate, Read, Work, Write};
use riva_core::activity::Level;
use riva_core::documents::EmailPolicy;
use riva_core::ids::{MemberId, PairId};
use riva_core::item::{Item, MailFolder, Related};
use riva_core::ports::{Claim, ClaimFor, RemoteRef};
use riva_core::rows::{Commit, Hashes, ItemRow, PairRow, PairSide, PairState, Presence, Side};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// By what a message that is in the CRM already is known there.
const BY_MESSAGE_ID: &str = "match by Message-ID";

/// A message with the pair that stands for it, and whom it concerns.
struct Wanted {
    candidate: Candidate,
    pair: PairRow,
    message_id: String,
    related: Vec<Related>,
}

impl FirstSync<'_, '_, '_> {
    /// Logs messages of the mailbox.
    pub(crate) async fn log_messages(&mut self, candidates: Vec<Candidate>) -> Result<(), CycleFault> {
        let ctx = self.cycle.ctx;
        let (Some(log), Some(policy)) = (ctx.crm.message_log(), ctx.policy.modules.email.as_ref()) else {
            return Ok(());
        };
        let mut commit = Commit::default();
        let wanted = self.first_copies(candidates, &mut commit).await?;
        let all: BTreeSet<_> = wanted.iter().flat_map(|w| addresses(&w.candidate.item, policy)).collect();
        let people = if all.is_empty() {
            Vec::new()
        } else {
            log.people(&all).await.map_err(|e| CycleFault::of(Side::Crm, e))?
        };
        let known = Known::of(people);
        let concerned = self.concerned(wanted, &known, policy, &mut commit);
        let ours = self.claimed(concerned, &mut commit).await?;
        let ids: Vec<String> = ours.iter().map(|w| w.message_id.clone()).collect();
        let mut there = if ids.is_empty() {
            BTreeMap::new()
        } else {
            log.logged(&ids).await.map_err(|e| CycleFault::of(Side::Crm, e))?
        };
        let mut works = Vec::new();
        for wanted in ours {
            match there.remove(&wanted.message_id) {
                Some(at) => self.link_message(wanted, at, &mut commit),
                None => works.push(self.message_work(wanted)),
            }
        }
        self.cycle.store(&commit).await?;
        self.cycle.write(&mut works).await
    }

    /// One candidate for each message. Other copies of one that has its pair already are left alone.
    async fn first_copies(
        &mut self,
        candidates: Vec<Candidate>,
        commit: &mut Commit,
    ) -> Result<Vec<Wanted>, CycleFault> {
        let (hasher, member) = (self.cycle.hasher, self.cycle.ctx.member.id);
        let mut named: Vec<(Candidate, String, PairId)> = candidates
            .into_iter()
            .filter_map(|candidate| {
                let message_id = candidate.item.uid.clone()?;
                let id = pair_id(&hasher, member, &message_id);
                Some((candidate, message_id, id))
            })
            .collect();
        // Of several copies the one counts by which most is known.
        named.sort_by_key(|(candidate, ..)| candidate.item.assigned().is_none());
        let ids: BTreeSet<PairId> = named.iter().map(|(.., id)| *id).collect();
        let ids: Vec<PairId> = ids.into_iter().collect();
        let pairs = self.cycle.ctx.store.pairs(member, &ids).await?;
        let mut pairs: BTreeMap<PairId, PairRow> = pairs.into_iter().map(|p| (p.id, p)).collect();
        let mut wanted: BTreeMap<PairId, Wanted> = BTreeMap::new();
        for (mut candidate, message_id, id) in named {
            if wanted.contains_key(&id) {
                // Its pair is in this very batch: the next cycle looks again.
                continue;
            }
            let pair = match (candidate.pair.take(), pairs.remove(&id)) {
                (Some(own), _) => own,
                (None, None) => self.new_pair(PairState::Linked, Some(id)),
                (None, Some(mut pair)) => match (pair.state, pair.crm.is_some()) {
                    (_, true) => {
                        pairs.insert(id, pair);
                        self.assigned_late(&candidate.item);
                        left_alone(candidate.row, commit);
                        continue;
                    }
                    // Gone before it was logged, and back; or of no interest where it lay before.
                    (PairState::Tombstoned | PairState::Detached, false) => {
                        pair.set_free();
                        pair
                    }
                    // What waits, or is in doubt, is looked up before it is made: the copy that says more takes its place.
                    (_, false) if candidate.item.assigned().is_some() => pair,
                    // The other copy is to be logged, and may go before it is: the next cycle looks again.
                    (_, false) => {
                        pairs.insert(id, pair);
                        continue;
                    }
                },
            };
            wanted.insert(id, Wanted { candidate, pair, message_id, related: Vec::new() });
        }
        Ok(wanted.into_values().collect())
    }

    /// Those that concern somebody whom the CRM knows, or a record to which a user has assigned them. What a user has dropped to be logged waits until it does.
    fn concerned(
        &mut self,
        wanted: Vec<Wanted>,
        known: &Known,
        policy: &EmailPolicy,
        commit: &mut Commit,
    ) -> Vec<Wanted> {
        let mut concerned = Vec::new();
        for mut one in wanted {
            one.related = known.related(&one.candidate.item, policy);
            if !one.related.is_empty() || one.candidate.item.assigned().is_some() {
                concerned.push(one);
            } else if one.candidate.item.mail_folder() == Some(MailFolder::Drop) {
                self.waits_for_a_person(one, commit);
            } else {
                if one.pair.mail.is_some() {
                    // It was in doubt until now, or refused: it is not tried any more.
                    let reason = Some("Nobody in it is known to the CRM any more.".to_owned());
                    let state = PairState::Detached;
                    commit.pairs.push(PairRow { state, reason, next_try: None, ..one.pair });
                }
                left_alone(one.candidate.row, commit);
            }
        }
        concerned
    }

    fn waits_for_a_person(&mut self, wanted: Wanted, commit: &mut Commit) {
        let Wanted { candidate, mut pair, .. } = wanted;
        let now = self.cycle.ctx.clock.now();
        let why = "Nobody in it is known to the CRM: make a contact with one of its addresses there, and it is logged.";
        let title = candidate.item.title();
        if pair.reason.as_deref() != Some(why) {
            self.cycle.line(Level::Warning, format!("{title}: {why}"));
            pair.attempts = 0;
        }
        pair.state = PairState::Quarantined;
        pair.reason = Some(why.to_owned());
        pair.attempts += 1;
        // It is no fault: it is tried for as long as it lies there.
        pair.next_try = retry_at(now, pair.attempts.min(50), false);
        if pair.attempts == 1 {
            commit.journal.push(journal::line(&pair, now, "waits", "matching", format!("{title}: {why}")));
        }
        let seen = self.cycle.hasher.item(&candidate.item);
        let sent = sent_before(&mut pair);
        pair.mail = Some(PairSide { id: candidate.id, version: candidate.version, seen, sent });
        commit.items.extend(candidate.row.map(|row| ItemRow {
            dirty: false,
            pair: Some(pair.id),
            match_keys: Some(Vec::new()),
            ..row
        }));
        commit.pairs.push(pair);
    }

    /// Those that this member is to log: of a message in several mailboxes, whoever claims it first.
    async fn claimed(&mut self, wanted: Vec<Wanted>, commit: &mut Commit) -> Result<Vec<Wanted>, CycleFault> {
        let (ctx, hasher) = (self.cycle.ctx, self.cycle.hasher);
        let (mut claims, mut open) = (Vec::new(), Vec::new());
        for one in wanted {
            let Some((kind, key)) = matching::claim_key(&hasher, &one.candidate.item) else { continue };
            if one.pair.mail.is_none() && self.logged_by_another(kind, key).await? {
                self.assigned_late(&one.candidate.item);
                left_alone(one.candidate.row, commit);
                continue;
            }
            claims.push(ClaimFor { kind, key, pair: one.pair.id });
            open.push(one);
        }
        let mut begun = Commit::default();
        for one in &mut open {
            self.begin(one, &mut begun);
        }
        self.cycle.store(&begun).await?;
        let answers = ctx.store.claim_all(&ctx.member.crm, ctx.lease(), &claims).await?;
        let mut ours = Vec::new();
        for (one, claim) in open.into_iter().zip(answers) {
            match claim {
                Claim::Ours => ours.push(one),
                Claim::Theirs { made: Some(_), .. } => {
                    self.assigned_late(&one.candidate.item);
                    let reason = Some("Logged already, from another syncing user's mailbox.".to_owned());
                    let state = PairState::Detached;
                    commit.pairs.push(PairRow { state, reason, next_try: None, ..one.pair });
                }
                // The other one is at it; should it fail, we are asked again.
                Claim::Theirs { made: None, .. } => {
                    let reason = Some("Another syncing user's copy of it is being logged.".to_owned());
                    let next_try = retry_at(ctx.clock.now(), 1, false);
                    commit.pairs.push(PairRow { reason, next_try, ..one.pair });
                }
            }
        }
        Ok(ours)
    }

    /// A message was assigned to a record when it was in the log already, which is never changed.
    fn assigned_late(&self, item: &Item) {
        if let Some(to) = item.assigned() {
            let text = format!(
                "{}: it was logged before it was assigned to \"{}\". What is in the log is not changed: relate it to that \
                 record in the CRM.",
                item.title(),
                to.name
            );
            self.cycle.line(Level::Warning, text);
        }
    }

    /// Whether a message that has no pair here is in the log already, from another member's mailbox.
    async fn logged_by_another(&self, kind: &'static str, key: u64) -> Result<bool, CycleFault> {
        let store = self.cycle.ctx.store;
        let Some((pair, member)) = store.claimed(&self.cycle.ctx.member.crm, kind, key).await? else {
            return Ok(false);
        };
        Ok(store.pairs(member, &[pair]).await?.iter().any(|pair| pair.crm.is_some()))
    }

    /// Stores the pair of a message that is about to be logged. If we are interrupted, it is due.
    fn begin(&self, wanted: &mut Wanted, begun: &mut Commit) {
        let Wanted { candidate, pair, .. } = wanted;
        let seen = self.cycle.hasher.item(&candidate.item);
        let (id, version) = (candidate.id.clone(), candidate.version.clone());
        let sent = sent_before(pair);
        pair.mail = Some(PairSide { id, version, seen, sent });
        pair.state = PairState::Quarantined;
        pair.reason = Some("About to be logged.".to_owned());
        pair.next_try = Some(self.cycle.ctx.clock.now());
        if let Some(row) = &mut candidate.row {
            row.pair = Some(pair.id);
            begun.items.push(ItemRow { dirty: false, match_keys: None, ..row.clone() });
        }
        begun.pairs.push(pair.clone());
    }

    /// It is in the log already, or was until a user has deleted it: nothing is written.
    fn link_message(&mut self, wanted: Wanted, at: RemoteRef, commit: &mut Commit) {
        let Wanted { candidate, mut pair, .. } = wanted;
        let (seen, sent) = (Hashes::default(), Hashes::default());
        pair.crm = Some(PairSide { id: at.id.clone(), version: at.version.clone(), seen, sent });
        pair.state = PairState::Linked;
        pair.reason = None;
        pair.attempts = 0;
        let now = self.cycle.ctx.clock.now();
        // It was ours, and its answer was lost.
        pair.next_try = files::are_due(&pair).then_some(now);
        commit.journal.push(journal::line(&pair, now, "link", BY_MESSAGE_ID, candidate.item.title()));
        commit.items.push(ItemRow {
            member: pair.member,
            module: pair.module,
            side: Side::Crm,
            id: at.id,
            version: at.version,
            presence: Presence::Present,
            dirty: false,
            seen: 0,
            pair: Some(pair.id),
            match_keys: None,
        });
        commit.pairs.push(pair);
    }

    fn message_work(&self, wanted: Wanted) -> Work {
        let Wanted { candidate, mut pair, related, .. } = wanted;
        let caps = self.cycle.caps;
        let mut item = map_item(&candidate.item, caps.mail, caps.crm);
        item.set_related(related);
        pair.state = PairState::Linked;
        pair.reason = None;
        pair.next_try = None;
        if self.cycle.way_of_files().is_some()
            && let Some(at) = &mut pair.mail
        {
            files::note_all(at, &candidate.item);
        }
        let hashes = self.cycle.hasher.item(&candidate.item);
        let Candidate { version, marker, row, .. } = candidate;
        let read = Read { version, marker, hashes, row, more_changed: false };
        let seen = journal::seen(Side::Mail, None, &read);
        Work {
            writes: vec![Write::Create { side: Side::Crm, item }],
            mail: Some(read),
            crm: None,
            rule: rule(&candidate.item),
            title: candidate.item.title(),
            seen,
            image: None,
            left_alone: files::before_files(None, &pair, self.cycle.ctx.clock.now()),
            fate: Fate::Open,
            pair,
        }
    }
}

/// By which rule a message is logged.
fn rule(item: &Item) -> String {
    if let Some(to) = item.assigned() {
        return format!("assigned by the user to \"{}\", people by matching addresses", to.name);
    }
    let rule = match item.mail_folder() {
        Some(MailFolder::Drop | MailFolder::Assigned) => "dropped by the user, people by matching addresses",
        Some(MailFolder::Sent) => "Sent Items, by matching addresses",
        Some(MailFolder::Inbox) | None => "Inbox, by matching addresses",
    };
    rule.to_owned()
}

/// A message that is nobody's business.
fn left_alone(row: Option<ItemRow>, commit: &mut Commit) {
    commit.items.extend(row.map(|row| ItemRow { dirty: false, match_keys: Some(Vec::new()), ..row }));
}

/// What is noted of a message that was tried before.
fn sent_before(pair: &mut PairRow) -> Hashes {
    pair.mail.take().map(|at| at.sent).unwrap_or_default()
}

/// The pair that stands for a message of a member.
fn pair_id(hasher: &FieldHasher, member: MemberId, message_id: &str) -> PairId {
    let half = |kind| hasher.text(kind, &format!("{} {message_id}", member.0));
    PairId(Uuid::from_u64_pair(half("message pair, first"), half("message pair, second")))
}
