//! Undo: the journal read backwards. What stood on each side before our writes is put back, as far as nobody has
//! touched it since.
//!
//! The writes go through the same effects as any other: written down before they are made, silent, recovered after a
//! crash. A field that is put back counts as in step with what the other side shows, so that it is not written again at
//! once; an item that is made again belongs to its pair, and one that was taken away is not made again: such pairs are
//! detached. A user's edit that has not been synced yet stays one.
//!
//! An undo's own writes are writes like any other: what is undone since a time is as it was then, whatever an earlier undo has done.
//! What is so already is left as it is, so that the same undo made twice does nothing the second time.

use crate::context::{CycleContext, CycleFault};
use crate::edited::differs;
use crate::hash::FieldHasher;
use crate::in_step::adopt_fields;
use crate::journal;
use crate::module_cycle::{ModuleCycle, SLICE};
use crate::plan::{BothCaps, ModuleRules, Now};
use crate::read::now_of;
use crate::series;
use crate::veil::{is_veiled, veiled};
use crate::work::{Fate, Read, Work, Write};
use chrono::{DateTime, Utc};
use riva_core::documents::PrivateItems;
use riva_core::history::{DeedKind, FieldChange, ImageRow, OrderRow, UndoLine, UndoSpan};
use riva_core::ids::{PairId, RemoteId};
use riva_core::item::{Field, Item, Module, Value};
use riva_core::ports::ModuleCapabilities;
use riva_core::rows::{Commit, Hashes, IntentKind, PairRow, PairState, Side};
use std::collections::{BTreeMap, BTreeSet};

/// What would be done to undo writes, and what cannot be. Reads both sides, writes nothing.
///
/// # Errors
/// A side does not work, or the store.
pub async fn preview_undo(ctx: &CycleContext<'_>, span: UndoSpan) -> Result<Vec<UndoLine>, CycleFault> {
    let hasher = FieldHasher::new(ctx.store.hash_key().await?);
    let ctx = &series::unrolled(ctx, hasher);
    let mut lines = Vec::new();
    for (module, stories) in stories(ctx, span, None).await? {
        match Undo::of(ctx, hasher, module) {
            Ok(undo) => {
                let all = undo.steps(stories).await?.into_iter().map(|step| step.line);
                // What is as it was is nothing to undo.
                lines.extend(all.filter(|line| line.deed.is_some() || !line.cannot.is_empty()));
            }
            Err(why) => lines.extend(stories.iter().map(|story| story.line(Some(why.clone())))),
        }
    }
    Ok(lines)
}

/// Undoes writes. Answers what was done, and what could not be, a line each.
pub(crate) async fn run(
    ctx: &CycleContext<'_>,
    hasher: FieldHasher,
    span: UndoSpan,
    order: &OrderRow,
) -> Result<Vec<String>, CycleFault> {
    let (mut restored, mut outcome) = (0, Vec::new());
    for (module, stories) in stories(ctx, span, Some(order.at)).await? {
        let mut undo = match Undo::of(ctx, hasher, module) {
            Ok(undo) => undo,
            Err(why) => {
                outcome.extend(stories.iter().map(|story| format!("{}: not restored: {why}", story.title())));
                continue;
            }
        };
        let steps = undo.steps(stories).await?;
        for slice in by_pair(steps) {
            restored += undo.carry_out(slice, order, &mut outcome).await?;
        }
    }
    let taken_back = match restored {
        1 => "one write was taken back".to_owned(),
        n => format!("{n} writes were taken back"),
    };
    outcome.insert(0, format!("Undone by {}: {taken_back}", order.by));
    Ok(outcome)
}

/// Of several writes in a row whose answers are not known, so many outcomes are thought of.
const MOST_POSSIBLE: usize = 16;

/// Why what was moved to Lost & Found is not moved back: it has another id there, and its user may have moved it on.
const LIES_IN_LOST_AND_FOUND: &str = "it lies in the folder Lost & Found of the mailbox; moved back there by its user, it is \
                                      synced as any other";

/// What happened to one side of a pair in the span, oldest first.
struct Story {
    pair: PairId,
    side: Side,
    images: Vec<ImageRow>,
}

async fn stories(
    ctx: &CycleContext<'_>,
    span: UndoSpan,
    until: Option<DateTime<Utc>>,
) -> Result<BTreeMap<Module, Vec<Story>>, CycleFault> {
    let mut all: BTreeMap<(Module, PairId, Side), Vec<ImageRow>> = BTreeMap::new();
    let mut images = ctx.store.images(ctx.member.id, span).await?;
    // What an undo has written itself is not undone by it when it is taken up again after a crash.
    images.retain(|image| until.is_none_or(|until| image.at < until));
    for image in images {
        all.entry((image.module, image.pair, image.side)).or_default().push(image);
    }
    let mut stories: BTreeMap<Module, Vec<Story>> = BTreeMap::new();
    for ((module, pair, side), images) in all {
        stories.entry(module).or_default().push(Story { pair, side, images });
    }
    Ok(stories)
}

/// What stood there before the first of the writes.
#[derive(Debug, PartialEq)]
enum Before {
    /// Nothing.
    Absent,
    /// These fields; of one that is `None` it is not known.
    Fields(BTreeMap<Field, Option<Value>>),
    /// The item, which we have taken away.
    Item(Item),
}

impl Story {
    fn title(&self) -> &str {
        self.images.last().map_or("", |image| image.title.as_str())
    }

    /// Whether it was not there before the first of the writes.
    fn made_something(&self) -> bool {
        matches!(self.before(), Some(Before::Absent))
    }

    /// `None`: it is not kept of all writes what they replaced.
    fn before(&self) -> Option<Before> {
        if !self.images.iter().all(|image| image.kind == IntentKind::Create || image.before.is_some()) {
            return None;
        }
        let mut fields: BTreeMap<Field, Option<Value>> = BTreeMap::new();
        for image in &self.images {
            match image.kind {
                // After a deletion of ours it was made again: that has its own end below.
                IntentKind::Create => return Some(Before::Absent),
                IntentKind::Update => {
                    let shown = |field: Field| image.before.as_ref().and_then(|b| b.get(field).cloned());
                    for field in sent_fields(&image.sends) {
                        fields.entry(field).or_insert_with(|| shown(field));
                    }
                }
                IntentKind::Delete => {
                    let mut item = image.before.clone()?;
                    let known = fields.into_iter().filter_map(|(field, value)| Some((field, value?)));
                    item.fields.extend(known);
                    return Some(Before::Item(item));
                }
                IntentKind::Move => return None,
            }
        }
        Some(Before::Fields(fields))
    }

    /// What our writes may have left behind; `None` where that is nothing, because the last one took the item away. Of
    /// a write whose answer was not recorded it is not known whether it was made: both are possible then.
    fn left(&self) -> Vec<Option<Hashes>> {
        let mut possible: Vec<Option<Hashes>> = vec![Some(Hashes::default())];
        for image in &self.images {
            let shown = image.left.as_ref().unwrap_or(&image.sends);
            let done = possible.iter().cloned().map(|mut left| {
                match image.kind {
                    IntentKind::Create => left = Some(shown.clone()),
                    IntentKind::Update => adopt_fields(left.get_or_insert_default(), shown, &image.sends),
                    IntentKind::Delete | IntentKind::Move => left = None,
                }
                left
            });
            let mut done: Vec<Option<Hashes>> = done.collect();
            if image.left.is_none() {
                done.append(&mut possible);
            }
            done.dedup();
            done.truncate(MOST_POSSIBLE);
            possible = done;
        }
        possible
    }

    fn line(&self, cannot: Option<String>) -> UndoLine {
        UndoLine {
            module: self.images.first().map_or(Module::Contacts, |image| image.module),
            pair: self.pair,
            title: self.title().to_owned(),
            side: self.side,
            deed: None,
            fields: Vec::new(),
            cannot: cannot.into_iter().collect(),
        }
    }
}

fn sent_fields(sends: &Hashes) -> BTreeSet<Field> {
    sends.0.keys().filter_map(|key| Field::from_word(Hashes::field_of(key))).collect()
}

/// The entries of one field.
fn of_field(hashes: &Hashes, field: Field) -> BTreeMap<&str, u64> {
    let entries = hashes.0.iter().map(|(key, hash)| (key.as_str(), *hash));
    entries.filter(|(key, _)| Hashes::field_of(key) == field.as_str()).collect()
}

/// One side of a pair, with what is written to it.
struct Step {
    line: UndoLine,
    write: Option<Write>,
    pair: Option<PairRow>,
    now: Now,
    images: Vec<ImageRow>,
}

/// The steps in slices; the two sides of a pair stay together.
fn by_pair(steps: Vec<Step>) -> Vec<Vec<Step>> {
    let mut slices: Vec<Vec<Step>> = Vec::new();
    for step in steps {
        match slices.last_mut() {
            Some(slice)
                if slice.len() < SLICE || slice.last().is_some_and(|s| s.line.pair == step.line.pair) =>
            {
                slice.push(step);
            }
            _ => slices.push(vec![step]),
        }
    }
    slices
}

struct Undo<'a, 'c> {
    ctx: &'a CycleContext<'c>,
    module: Module,
    hasher: FieldHasher,
    caps: BothCaps<'a>,
    rules: ModuleRules,
}

impl<'a, 'c> Undo<'a, 'c> {
    fn of(ctx: &'a CycleContext<'c>, hasher: FieldHasher, module: Module) -> Result<Self, String> {
        let Some(rules) = ModuleRules::of(ctx.policy, module) else {
            return Err(format!("the policy does not sync {module} any more"));
        };
        let caps = |side: Side| {
            let caps = ctx.side(side).capabilities().module(module);
            caps.ok_or_else(|| format!("the {} has no {module}", side.title()))
        };
        Ok(Self {
            ctx,
            module,
            hasher,
            caps: BothCaps { mail: caps(Side::Mail)?, crm: caps(Side::Crm)? },
            rules,
        })
    }

    fn cycle_by(&self, rules: ModuleRules) -> ModuleCycle<'a, 'c> {
        ModuleCycle::new(self.ctx, self.module, self.hasher, self.caps, rules)
    }

    /// What there is to do, from what the sides show now.
    async fn steps(&self, stories: Vec<Story>) -> Result<Vec<Step>, CycleFault> {
        let member = self.ctx.member.id;
        let intents = self.ctx.store.open_intents(member).await?;
        let in_doubt: BTreeSet<PairId> = intents.into_iter().map(|intent| intent.pair).collect();
        // Behind the veil: what stands there is compared with what we wrote, and nothing else is told of it.
        let cycle = self.cycle_by(ModuleRules { private: PrivateItems::Sync, ..self.rules });
        let mut steps = Vec::new();
        let mut stories = stories.into_iter().peekable();
        while stories.peek().is_some() {
            let slice: Vec<Story> = stories.by_ref().take(SLICE).collect();
            let ids: Vec<PairId> = slice.iter().map(|story| story.pair).collect();
            let pairs = self.ctx.store.pairs(member, &ids).await?;
            let pairs: BTreeMap<PairId, PairRow> = pairs.into_iter().map(|pair| (pair.id, pair)).collect();
            let id_of = |story: &Story| {
                pairs.get(&story.pair).and_then(|pair| pair.side(story.side)).map(|at| at.id.clone())
            };
            let mut shown = BTreeMap::new();
            for side in [Side::Mail, Side::Crm] {
                // Of what is put back into the CRM, the mailbox's item is read too: it may be private by now. And of what we made
                // its origin, on whichever side: it may be gone.
                let of_side = slice
                    .iter()
                    .filter(|story| story.side == side || side == Side::Mail || story.made_something());
                let at = |story: &Story| Some(pairs.get(&story.pair)?.side(side)?.id.clone());
                let ids: BTreeSet<RemoteId> = of_side.filter_map(at).collect();
                let ids: Vec<RemoteId> = ids.into_iter().collect();
                let fetched = cycle.fetch(side, &ids).await?;
                shown.extend(fetched.into_iter().map(|(id, fetched)| ((side, id), now_of(fetched))));
            }
            for story in slice {
                let now = id_of(&story).and_then(|id| shown.get(&(story.side, id)).cloned());
                let pair = pairs.get(&story.pair).cloned();
                let now = now.unwrap_or(Now::None);
                let origin =
                    pair.as_ref().and_then(|p| shown.get(&(Side::Mail, p.mail.as_ref()?.id.clone())));
                let of_other = pair
                    .as_ref()
                    .and_then(|p| shown.get(&(story.side.other(), p.side(story.side.other())?.id.clone())));
                let origin_is_there = of_other.and_then(Now::item).is_some();
                let private = self.rules.private != PrivateItems::Sync
                    && origin.and_then(Now::item).is_some_and(Item::is_private);
                let (line, mut write) = if private && story.side == Side::Crm {
                    (story.line(Some("it is private in the mailbox now".into())), None)
                } else if pair.is_none() {
                    (story.line(Some("its pair is not known any more".into())), None)
                } else if in_doubt.contains(&story.pair) {
                    (story.line(Some("a write to it is in doubt; undo again later".into())), None)
                } else if story.made_something() && now.item().is_some() && !origin_is_there {
                    let why = format!(
                        "what it was made of is not in the {} any more: this may be the last copy, and stays",
                        story.side.other().title()
                    );
                    (story.line(Some(why)), None)
                } else {
                    plan(&self.hasher, &story, &now, self.caps.side(story.side))
                };
                if story.side == Side::Mail
                    && let Some(Write::Delete { base, .. }) = &mut write
                {
                    // What is private is not kept for another undo.
                    *base = base.take().filter(|item| !is_veiled(item, self.rules.private));
                }
                // Of what is in doubt nothing is recorded: it can be undone later.
                let pair = pair.filter(|pair| !in_doubt.contains(&pair.id));
                steps.push(Step { line, write, pair, now, images: story.images });
            }
        }
        Ok(steps)
    }

    /// Writes, and records what came of it. Answers how many writes were taken back.
    async fn carry_out(
        &mut self,
        steps: Vec<Step>,
        order: &OrderRow,
        outcome: &mut Vec<String>,
    ) -> Result<usize, CycleFault> {
        // The two sides of a pair are one work.
        let mut works: BTreeMap<PairId, Work> = BTreeMap::new();
        let mut ends: BTreeMap<PairId, PairState> = BTreeMap::new();
        for step in &steps {
            let title = &step.line.title;
            outcome.extend(
                step.line
                    .cannot
                    .iter()
                    .map(|why| format!("{title} in the {}: {why}", step.line.side.title())),
            );
            let Some(pair) = step.pair.clone() else { continue };
            let end = ends.entry(pair.id).or_insert(pair.state);
            // Made or taken away: the two sides are not in step any more, and are not to be.
            if step.images.iter().any(|image| image.kind != IntentKind::Update) && step.line.cannot.is_empty()
            {
                *end = PairState::Detached;
            }
            let Some(write) = step.write.clone() else { continue };
            let work = works.entry(pair.id).or_insert_with(|| Work {
                writes: Vec::new(),
                mail: None,
                crm: None,
                rule: format!("undo by {}", order.by),
                title: title.clone(),
                seen: String::new(),
                image: None,
                left_alone: None,
                fate: Fate::Open,
                pair: pair.clone(),
            });
            let side = step.line.side;
            if let Now::Present { version, marker, .. } = &step.now {
                // Compared with the base: what a user has edited besides is news afterwards as it was before.
                let base = pair.side(side).map(|at| at.seen.clone()).unwrap_or_default();
                let id = pair.side(side).map(|at| at.id.clone()).unwrap_or_default();
                let row = self.ctx.store.item(pair.member, self.module, side, &id).await?;
                let (version, marker) = (version.clone(), *marker);
                *work.read_mut(side) = Some(Read { version, marker, hashes: base, row, more_changed: false });
            }
            work.writes.push(write);
            work.writes.sort_by_key(|write| write.side() != Side::Crm);
        }
        let mut works: Vec<Work> = works.into_values().collect();
        let written: BTreeMap<PairId, usize> = works.iter().map(|w| (w.pair.id, w.writes.len())).collect();
        self.cycle_by(self.rules).write(&mut works).await?;
        let mut commit = Commit::default();
        let mut restored = 0;
        let now = self.ctx.clock.now();
        let works: BTreeMap<PairId, Work> = works.into_iter().map(|work| (work.pair.id, work)).collect();
        for (pair, end) in ends {
            let of_pair: Vec<&Step> = steps.iter().filter(|step| step.line.pair == pair).collect();
            let title = of_pair.first().map_or("", |step| step.line.title.as_str());
            let mut row = match works.get(&pair) {
                Some(work) if work.fate != Fate::Done => {
                    outcome.push(format!(
                        "{title}: not restored: it changed just now, or was refused; undo again"
                    ));
                    continue;
                }
                Some(work) => work.pair.clone(),
                None => match of_pair.first().and_then(|step| step.pair.clone()) {
                    Some(row) => row,
                    None => continue,
                },
            };
            for step in &of_pair {
                self.base_behind_veil(step, &mut row);
            }
            restored += written.get(&pair).copied().unwrap_or(0);
            let news = row.state != end || written.contains_key(&pair);
            row.state = end;
            if end == PairState::Detached {
                row.reason = Some(format!("Undone by {}: each side keeps what it has.", order.by));
            } else if let Some(before) = of_pair.first().and_then(|step| step.pair.as_ref()) {
                (row.reason, row.attempts, row.next_try) =
                    (before.reason.clone(), before.attempts, before.next_try);
            }
            if news {
                let rule = format!("undo by {}", order.by);
                let text = format!("{title}: undone");
                commit.journal.push(journal::line(&row, now, "undo", rule, text));
                commit.pairs.push(row);
            }
        }
        if !commit.is_empty() {
            self.ctx.commit(&commit).await?;
        }
        Ok(restored)
    }

    /// What was put back in a private item is not seen by the next plan: where the base is what shows through the veil, it
    /// stays that. Otherwise the field would count as in step once the item is private no more, and the CRM would not get it.
    fn base_behind_veil(&self, step: &Step, row: &mut PairRow) {
        let Some(write @ Write::Update { side: Side::Mail, base, .. }) = &step.write else { return };
        let (Some(then), Some(at)) = (step.pair.as_ref().and_then(|pair| pair.mail.as_ref()), &mut row.mail)
        else {
            return;
        };
        if !is_veiled(base, self.rules.private) {
            return;
        }
        let shown = self.hasher.item(&veiled(base, self.rules.private));
        let mut stays = write.sends(&self.hasher);
        stays.0.retain(|key, _| {
            Field::from_word(Hashes::field_of(key))
                .is_some_and(|field| of_field(&then.seen, field) == of_field(&shown, field))
        });
        adopt_fields(&mut at.seen, &then.seen, &stays);
    }
}

/// What is written to put a side back as it was.
fn plan(
    hasher: &FieldHasher,
    story: &Story,
    now: &Now,
    caps: &ModuleCapabilities,
) -> (UndoLine, Option<Write>) {
    let mut line = story.line(None);
    let side = story.side;
    let left = story.left();
    if story.images.iter().any(|image| image.kind == IntentKind::Move) {
        line.cannot.push(LIES_IN_LOST_AND_FOUND.into());
        return (line, None);
    }
    let Some(before) = story.before() else {
        line.cannot.push("what it was is not kept any more".into());
        return (line, None);
    };
    let write = match (before, now) {
        (Before::Absent, Now::Present { item, .. }) => {
            let shown = hasher.item(item);
            // One that we did not make private is touched if it is.
            let known = |left: &Hashes| left.0.contains_key(Field::Sensitivity.as_str());
            let as_left = |left: &&Hashes| is_as_left(left, &shown) && (known(left) || !item.is_private());
            if left.iter().flatten().any(|left| as_left(&left)) {
                Some(Write::Delete { side, frees_origin: false, base: Some(item.clone()) })
            } else {
                line.cannot.push("it was changed since it was made: it is left as it is".into());
                None
            }
        }
        // It is gone again, or was never made. Or: it was made again by a user, or by an undo that was interrupted; or
        // never taken away.
        (Before::Absent, _) | (Before::Item(_), Now::Present { .. }) => None,
        (Before::Fields(fields), Now::Present { item, .. }) => {
            fields_back(hasher, side, &fields, &left, item, caps, &mut line)
        }
        (Before::Fields(_), _) => {
            line.cannot.push("it is not there any more".into());
            None
        }
        (Before::Item(item), _) => Some(made_again(side, &item, caps, &mut line)),
    };
    line.deed = write.as_ref().map(|write| match write.kind() {
        IntentKind::Create => DeedKind::Create { side },
        IntentKind::Update => DeedKind::Update { side },
        IntentKind::Delete => DeedKind::Delete { side },
        IntentKind::Move => DeedKind::Move { side },
    });
    (line, write)
}

/// Whether an item shows what we left, as far as that is known.
fn is_as_left(left: &Hashes, shown: &Hashes) -> bool {
    let known = |key: &String| left.0.contains_key(Hashes::field_of(key));
    let shown = shown.0.iter().filter(|(key, _)| known(key)).map(|(key, hash)| (key.clone(), *hash));
    !left.0.is_empty() && !differs(left, &Hashes(shown.collect()))
}

fn fields_back(
    hasher: &FieldHasher,
    side: Side,
    fields: &BTreeMap<Field, Option<Value>>,
    left: &[Option<Hashes>],
    item: &Item,
    caps: &ModuleCapabilities,
    line: &mut UndoLine,
) -> Option<Write> {
    let shown = hasher.item(item);
    let mut set = BTreeMap::new();
    for (field, value) in fields {
        let Some(value) = value else {
            line.cannot.push(format!("what {field} was is not known"));
            continue;
        };
        let mut then = Hashes::default();
        hasher.insert(&mut then, *field, value);
        let now = of_field(&shown, *field);
        if now == of_field(&then, *field) {
            continue;
        }
        if !left.iter().flatten().any(|left| now == of_field(left, *field)) {
            line.cannot.push(format!("{field} was changed since: it is left as it is"));
        } else if !caps.writes.contains(field) {
            line.cannot.push(format!("{field} cannot be written"));
        } else {
            let old = item.get(*field).cloned();
            line.fields.push(FieldChange { field: *field, old, new: value.clone() });
            set.insert(*field, value.clone());
        }
    }
    (!set.is_empty()).then(|| Write::Update { side, set, base: item.clone() })
}

fn made_again(side: Side, before: &Item, caps: &ModuleCapabilities, line: &mut UndoLine) -> Write {
    let mut item = Item { uid: before.uid.clone(), ..Item::new(before.module) };
    for (field, value) in before.fields.iter().filter(|(_, value)| **value != Value::Blank) {
        if caps.writes.contains(field) {
            line.fields.push(FieldChange { field: *field, old: None, new: value.clone() });
            item.set(*field, value.clone());
        }
    }
    Write::Create { side, item }
}

#[cfg(test)]
mod tests;
