//! Writing series: the master first, then one occurrence after the other.
//!
//! Whatever cannot be kept is refused before anything is written. Setting the rule makes Exchange forget what occurrences had
//! for themselves (case 16): what they are to get again is noted in the master by the same write, and taken out when it is
//! done. Whoever reads a master with such a note, after a crash, finishes it first: a series is never shown half written.

use super::calls::of_call;
use super::capabilities;
use super::client::{item_of, messages};
use super::event::{self, EventStyle};
use super::kind::Kind;
use super::mailbox::{Mailbox, written_at};
use super::request::{self, ItemChange};
use super::series::{self, Occurrence, Overrides, Step, What};
use super::shape::{Change, Path, cannot_hold};
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::RemoteId;
use riva_core::item::{Field, Item, Value};
use riva_core::ports::{Fetched, Patch, RemoteRef, Written};

fn invalid(reason: impl Into<String>) -> ItemError {
    ItemError::Invalid { reason: reason.into() }
}

impl Mailbox {
    /// Changes the rule, the time or the occurrences of a series, and whatever else the patch sets.
    pub(super) async fn update_series(&self, patch: &Patch) -> Result<Written, ItemError> {
        let mut after = patch.base.clone();
        after.fields.extend(patch.set.clone());
        let mut changes = vec![Change::marker(patch.marker)];
        for (field, value) in patch.set.iter().filter(|(f, _)| !is_of_series(**f)) {
            changes.extend(event::changes(*field, value, self.style).ok_or_else(|| cannot_hold(*field))?);
        }
        let at = RemoteRef { id: patch.id.clone(), version: patch.version.clone() };
        let Some(recurrence) = after.recurrence() else {
            if after.is_recurring() {
                return Err(cannot_hold(Field::Recurrence));
            }
            changes.push(event::no_rule());
            return Ok(Written { at: self.write_one(&at, changes).await?, item: None });
        };
        let rule = series::of(recurrence, &after).map_err(invalid)?;
        let none = Overrides::new();
        let now = patch.base.overrides().unwrap_or(&none);
        let wanted = after.overrides().unwrap_or(&none);
        let anew = patch.set.contains_key(&Field::Recurrence)
            || patch.set.contains_key(&Field::When)
            || series::revives(now, wanted);
        if !anew {
            let steps = series::steps(&rule, &after, now, wanted).map_err(invalid)?;
            let at = self.write_one(&at, changes).await?;
            self.walk(&at.id, &after, &steps).await?;
            return Ok(Written { at: self.place_of(&at.id).await?, item: None });
        }
        let steps = series::steps(&rule, &after, &none, wanted).map_err(invalid)?;
        changes.push(event::rule_change(&rule));
        if !steps.is_empty() {
            changes.push(Change::unfinished(&series::to_text(wanted)));
        }
        let at = self.write_one(&at, changes).await?;
        if steps.is_empty() {
            return Ok(Written { at, item: None });
        }
        match self.finish(&at.id).await {
            Ok(at) => Ok(Written { at, item: None }),
            // The rule is written, the occurrences are noted: the next reading goes on from there.
            Err(why) => Err(ItemError::InDoubt(why.to_string())),
        }
    }

    /// A series that was read with a note of what is still to be done.
    pub(super) async fn finished(&self, id: &RemoteId, mut noted: Fetched) -> Result<Fetched, CallError> {
        match self.finish(id).await {
            Ok(_) => {
                let found = self.read(Kind::Event, std::slice::from_ref(id)).await?.pop();
                Ok(found.map_or(Fetched::Gone, |found| found.fetched))
            }
            Err(ItemError::Gone) => Ok(Fetched::Gone),
            Err(ItemError::Invalid { reason } | ItemError::Forbidden { reason }) => {
                if let Fetched::Present { item, .. } = &mut noted {
                    let why = format!("its changed occurrences could not be written: {reason}");
                    item.set_text(Field::Recurrence, why);
                    item.set(Field::Overrides, Value::Blank);
                }
                Ok(noted)
            }
            Err(why) => {
                Ok(Fetched::Unreadable { reason: format!("its occurrences are still being written: {why}") })
            }
        }
    }

    /// Gives the occurrences of a series what its note says, and takes the note out. What an occurrence has for itself
    /// already stays: it is what we wrote, or what a user did since.
    pub(super) async fn finish(&self, id: &RemoteId) -> Result<RemoteRef, ItemError> {
        let found = self.read(Kind::Event, std::slice::from_ref(id)).await.map_err(of_call)?.pop();
        let (item, version, noted) = match found.map(|f| (f.fetched, f.unfinished)) {
            Some((Fetched::Present { item, version, .. }, noted)) => (item, version, noted),
            Some((Fetched::Unreadable { reason }, _)) => return Err(ItemError::NotNow(reason)),
            _ => return Err(ItemError::Gone),
        };
        let Some(mut wanted) = noted else { return Ok(RemoteRef { id: id.clone(), version }) };
        let recurrence = item.recurrence().ok_or_else(|| invalid("it is no series any more"))?;
        let rule = series::of(recurrence, &item).map_err(invalid)?;
        let now = item.overrides().cloned().unwrap_or_default();
        wanted.extend(now.clone());
        let steps = series::steps(&rule, &item, &now, &wanted).map_err(invalid)?;
        self.walk(id, &item, &steps).await?;
        let at = self.place_of(id).await?;
        self.write_one(&at, vec![Change::clear(Path::Unfinished)]).await
    }

    /// Takes the steps, in their order.
    async fn walk(&self, id: &RemoteId, master: &Item, steps: &[Step]) -> Result<(), ItemError> {
        let (cancels, sets): (Vec<&Step>, Vec<&Step>) = steps.iter().partition(|s| s.what == What::Cancel);
        for chunk in cancels.chunks(capabilities::BATCH) {
            let mut places = Vec::new();
            for (step, there) in chunk.iter().zip(self.look_at(id, chunk).await?) {
                if let Some(there) = there {
                    is_the_one(master, step, &there)?;
                    places.push(step.index);
                }
            }
            if !places.is_empty() {
                self.cancel(id, &places).await?;
            }
        }
        for step in sets {
            let there = self.look_at(id, &[step]).await?.pop().flatten();
            // A user deleted it since it was read.
            let there = there.ok_or(ItemError::VersionMoved)?;
            is_the_one(master, step, &there)?;
            self.change(master, step, &there).await?;
        }
        Ok(())
    }

    /// The occurrences that steps are about; `None` for one that was deleted.
    async fn look_at(&self, id: &RemoteId, steps: &[&Step]) -> Result<Vec<Option<Occurrence>>, ItemError> {
        let places: Vec<u32> = steps.iter().map(|step| step.index).collect();
        let operation = request::get_occurrences(id, &places, event::properties());
        let reply = self.call(operation).await.map_err(of_call)?;
        let doc = reply.document().map_err(|fault| ItemError::NotNow(fault.detail))?;
        let answers = messages(&doc);
        if answers.len() != places.len() {
            return Err(ItemError::NotNow("Exchange's answer lacks an occurrence".to_owned()));
        }
        answers
            .into_iter()
            .map(|answer| match answer {
                Ok(message) => {
                    let node = item_of(message)
                        .ok_or_else(|| ItemError::NotNow("Exchange's answer lacks it".to_owned()))?;
                    Occurrence::read(node).map(Some).map_err(invalid)
                }
                Err(refusal) if refusal.code == "ErrorCalendarOccurrenceIsDeletedFromRecurrence" => Ok(None),
                // Nothing was tried yet, so nothing can be in doubt.
                Err(refusal) => Err(match refusal.item_error() {
                    ItemError::InDoubt(why) => ItemError::NotNow(why),
                    other => other,
                }),
            })
            .collect()
    }

    async fn cancel(&self, id: &RemoteId, places: &[u32]) -> Result<(), ItemError> {
        let reply = self.call(request::delete_occurrences(id, places)).await.map_err(of_call)?;
        let doc = reply.document().map_err(|fault| ItemError::InDoubt(fault.detail))?;
        let answers = messages(&doc);
        if answers.len() != places.len() {
            return Err(ItemError::InDoubt("Exchange's answer lacks an occurrence".to_owned()));
        }
        for answer in answers {
            match answer {
                Err(refusal) if refusal.code != "ErrorCalendarOccurrenceIsDeletedFromRecurrence" => {
                    return Err(refusal.item_error());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives one occurrence its values, unless a user was at it since it was read.
    async fn change(&self, master: &Item, step: &Step, there: &Occurrence) -> Result<(), ItemError> {
        let What::Set { set, expect } = &step.what else { return Ok(()) };
        if series::shows(master, step.id, &there.item, set) {
            return Ok(());
        }
        if !series::shows(master, step.id, &there.item, expect) {
            return Err(ItemError::VersionMoved);
        }
        let style = EventStyle { all_day_zone: there.zone.unwrap_or(self.style.all_day_zone), ..self.style };
        let changes = event::occurrence_changes(set, style).ok_or_else(|| cannot_hold(Field::Overrides))?;
        let at = RemoteRef { id: there.id.clone(), version: there.version.clone() };
        self.write_one(&at, changes).await.map(|_| ())
    }

    /// Changes one event that is still in the version named.
    async fn write_one(&self, at: &RemoteRef, changes: Vec<Change>) -> Result<RemoteRef, ItemError> {
        let updates = changes.into_iter().map(|c| c.update(Kind::Event.element())).collect();
        let change = ItemChange { id: at.id.clone(), version: at.version.clone(), updates };
        self.ask(request::update_items(vec![change]), written_at).await
    }

    /// Where a master is now: each write to one of its occurrences gives it a new version.
    async fn place_of(&self, id: &RemoteId) -> Result<RemoteRef, ItemError> {
        let operation = request::get_item(std::slice::from_ref(id), Vec::new());
        self.ask(operation, written_at).await
    }
}

/// Fields that are written otherwise than by setting a property.
fn is_of_series(field: Field) -> bool {
    matches!(field, Field::Recurrence | Field::Overrides)
}

/// Exchange names occurrences by their place in the rule: before one is touched, it is looked at whether it is the one that
/// is meant.
fn is_the_one(master: &Item, step: &Step, there: &Occurrence) -> Result<(), ItemError> {
    let name = master.when().map(|when| series::name(when, there.zone, there.original));
    if name.is_some_and(|name| name.day() == step.id.day()) {
        Ok(())
    } else {
        Err(invalid(format!("Exchange counts the occurrences of this series otherwise, at {}", step.id)))
    }
}
