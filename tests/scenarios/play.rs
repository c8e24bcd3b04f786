//! Plays a scenario on a pair of systems, and compares what has come of it with what the scenario says.

use crate::office::Office;
use crate::pairs::{Hand, Pair, Person};
use crate::story::{Deed, Scenario, Step};
use crate::things::{Kind, Thing, shown};
use riva_api::{Agent as _, Decide, HoldsQuery};
use riva_core::holds::{HoldKind, HoldRow};
use riva_core::ids::MemberId;
use riva_core::not_synced::{NotSynced, NotSyncedKind};
use riva_core::queue::ModuleCounts;
use riva_core::rows::Side;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What came of a story: one line a step, the same on every pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub lines: Vec<String>,
    /// Where it was not what the scenario says.
    pub wrong: Option<String>,
}

/// Plays it once, for one kind of thing. It ends with the first step that goes wrong.
pub async fn play(pair: &dyn Pair, scenario: &Scenario, kind: Kind) -> Outcome {
    let who = Person::of(scenario.name, kind, pair.domain());
    pair.hire(&who).await;
    let office = Office::new(pair, &who, kind, scenario.rules);
    let mut stage = Stage { pair, who, kind, office, counts: ModuleCounts::default(), conflicts: 0 };
    let mut lines = Vec::new();
    let mut wrong = None;
    for (n, step) in scenario.steps.iter().enumerate() {
        let expected = format!(
            "mail [{}] crm [{}] did [{}] apart [{}]",
            shown(&Thing::parse_all(step.then.mail)),
            shown(&Thing::parse_all(step.then.crm)),
            step.then.did,
            step.then.apart
        );
        let seen = stage.step(step).await;
        lines.push(format!("{}/{} {}: {seen}", scenario.name, kind.word(), n + 1));
        if seen != expected {
            let activity = stage.office.activity().await.join("\n    ");
            wrong = Some(format!(
                "{} on {}, step {}:\n  expected {expected}\n  seen     {seen}\n  {} (restates {})\n    {activity}",
                stage.who.story,
                pair.name(),
                n + 1,
                scenario.about,
                scenario.restates.join(", ")
            ));
            break;
        }
    }
    stage.office.stop().await;
    Outcome { lines, wrong }
}

struct Stage<'a> {
    pair: &'a dyn Pair,
    who: Person,
    kind: Kind,
    office: Office,
    /// What was counted until the step before.
    counts: ModuleCounts,
    conflicts: usize,
}

impl Stage<'_> {
    /// What people do, the sync, and what has come of it.
    async fn step(&mut self, step: &Step) -> String {
        // Systems that tell whole seconds: an edit in the second of our last write would be seen some seconds later.
        the_next_second().await;
        for deed in &step.deeds {
            self.deed(deed).await;
        }
        let row = self.office.sync().await.remove(0);
        let counts = row.member.state.modules.get(&self.kind.module()).copied().unwrap_or_default();
        let conflicts =
            self.office.activity().await.iter().filter(|l| l.contains("is different on both sides;")).count();
        let did = did(&self.counts, &counts, conflicts - self.conflicts);
        (self.counts, self.conflicts) = (counts, conflicts);
        let (mail, crm) = (self.things(Side::Mail).await, self.things(Side::Crm).await);
        let apart = self.apart(row.member.id).await;
        format!("mail [{}] crm [{}] did [{did}] apart [{apart}]", shown(&mail), shown(&crm))
    }

    async fn things(&self, side: Side) -> Vec<Thing> {
        let mut things: Vec<Thing> =
            self.pair.shows(&self.who, self.kind, side).await.into_iter().map(|(_, t)| t).collect();
        things.sort();
        things
    }

    async fn hand(&self, side: Side, hand: Hand) {
        self.pair.deed(&self.who, self.kind, side, hand).await;
    }

    /// The one thing of a name.
    async fn one(&self, side: Side, name: &str) -> (String, Thing) {
        let all = self.pair.shows(&self.who, self.kind, side).await;
        let mut called: Vec<_> = all.into_iter().filter(|(_, thing)| thing.name == name).collect();
        assert_eq!(called.len(), 1, "{}: {name} in the {}: {called:?}", self.who.story, side.title());
        called.remove(0)
    }

    async fn deed(&mut self, deed: &Deed) {
        match deed {
            Deed::Make(side, words) => {
                self.hand(*side, Hand::Make { thing: Thing::parse(words), uid_of: None }).await;
            }
            Deed::Edit(side, name, part) => {
                let (id, mut thing) = self.one(*side, name).await;
                thing.set(part);
                self.hand(*side, Hand::Save { id, thing }).await;
            }
            Deed::Touch(side, name) => {
                let (id, thing) = self.one(*side, name).await;
                self.hand(*side, Hand::Save { id, thing }).await;
            }
            Deed::Delete(side, name) => {
                let (id, _) = self.one(*side, name).await;
                self.hand(*side, Hand::Delete { id }).await;
            }
            Deed::Empty(side) => {
                for (id, _) in self.pair.shows(&self.who, self.kind, *side).await {
                    self.hand(*side, Hand::Delete { id }).await;
                }
            }
            Deed::MoveInMail(name) => {
                let (id, _) = self.one(Side::Mail, name).await;
                self.hand(Side::Mail, Hand::Move { id }).await;
            }
            Deed::OtherUid(name) => {
                let (id, _) = self.one(Side::Mail, name).await;
                self.hand(Side::Mail, Hand::OtherUid { id }).await;
            }
            Deed::MakeWithUidOf(words, of) => {
                let (id, _) = self.one(Side::Mail, of).await;
                self.hand(Side::Mail, Hand::Make { thing: Thing::parse(words), uid_of: Some(id) }).await;
            }
            Deed::Refuse(side, refuses) => {
                self.office.tampering.refuse(*side, *refuses);
                if !refuses {
                    self.office.retry().await;
                }
            }
            Deed::Stutter(stutters) => self.office.tampering.stutter(*stutters),
            Deed::Cycle => {
                self.office.cycle().await;
                // Where it was an edit, it is a later one.
                the_next_second().await;
            }
            Deed::LoseState => {
                self.office.lose_state().await;
                (self.counts, self.conflicts) = (ModuleCounts::default(), 0);
            }
            Deed::Change(rules) => self.office.change(*rules).await,
            Deed::Decide(name, decision) => {
                let holds = self.holds(None).await;
                let about = |h: &&HoldRow| h.items.iter().any(|i| words(&i.title).any(|w| w == *name));
                let hold =
                    holds.iter().find(about).unwrap_or_else(|| panic!("no hold about {name}: {holds:?}"));
                let decide =
                    Decide { number: hold.number, decision: decision.clone(), by: "scenario".into() };
                self.office.client().decide(&decide).await.unwrap();
            }
        }
    }

    async fn holds(&self, member: Option<MemberId>) -> Vec<HoldRow> {
        self.office.client().holds(&HoldsQuery { member, closed: false }).await.unwrap()
    }

    /// Who is not in step, and why, as the administrator sees it.
    async fn apart(&self, member: MemberId) -> String {
        let listed = self.office.client().not_synced(member).await.unwrap();
        let holds = self.holds(Some(member)).await;
        let mut apart = Vec::new();
        for item in &listed {
            apart.push(format!("{} {}", self.called(item).await, why(item, &holds)));
        }
        apart.sort();
        apart.join("; ")
    }

    /// By its title, or where it stands.
    async fn called(&self, item: &NotSynced) -> String {
        let mut all = Vec::new();
        for side in [Side::Mail, Side::Crm] {
            all.extend(self.pair.shows(&self.who, self.kind, side).await);
        }
        let ids: Vec<String> =
            [&item.mail_id, &item.crm_id].into_iter().flatten().map(ToString::to_string).collect();
        if let Some((_, thing)) = all.iter().find(|(id, _)| ids.contains(id)) {
            return thing.name.clone();
        }
        let title = item.title.clone().unwrap_or_default();
        let known = all.iter().find(|(_, thing)| words(&title).any(|w| w == thing.name));
        known.map_or_else(|| item.called(), |(_, thing)| thing.name.clone())
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty())
}

fn why(item: &NotSynced, holds: &[HoldRow]) -> &'static str {
    let hold = holds.iter().find(|h| h.items.iter().any(|i| Some(i.pair) == item.pair));
    match (item.kind, hold.map(|h| h.kind)) {
        (NotSyncedKind::Failed, _) => "failed",
        (NotSyncedKind::Detached, _) => "detached",
        (NotSyncedKind::LeftAlone, _) => "left-alone",
        (NotSyncedKind::Held, None) => "held-without-a-hold",
        (NotSyncedKind::Held, Some(kind)) => match kind {
            HoldKind::DeleteSafety => "delete-safety",
            HoldKind::PossibleDuplicate => "possible-duplicate",
            HoldKind::Conflict => "conflict",
            HoldKind::DeletedButEdited => "deleted-but-edited",
            HoldKind::WouldNotify => "would-notify",
            HoldKind::InDoubt => "in-doubt",
            HoldKind::NotExpressible => "not-expressible",
            HoldKind::ZoneRules => "zone-rules",
            HoldKind::LostAndFound => "lost-and-found",
        },
    }
}

/// What was done between two counts, in the words of [`Then::did`](crate::story::Then::did).
fn did(before: &ModuleCounts, now: &ModuleCounts, conflicts: usize) -> String {
    let mut did = String::new();
    for (word, before, now) in [
        ("mail+", before.created_mail, now.created_mail),
        ("mail~", before.updated_mail, now.updated_mail),
        ("mail-", before.deleted_mail, now.deleted_mail),
        ("crm+", before.created_crm, now.created_crm),
        ("crm~", before.updated_crm, now.updated_crm),
        ("crm-", before.deleted_crm, now.deleted_crm),
        ("conflict=", 0, u64::try_from(conflicts).unwrap()),
    ] {
        if now > before {
            write!(did, "{word}{} ", now - before).unwrap();
        }
    }
    did.trim().to_owned()
}

pub async fn the_next_second() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let rest = Duration::from_nanos(u64::from(1_000_000_000 - now.subsec_nanos()));
    tokio::time::sleep(rest).await;
}
