//! A side whose series can be read and written occurrence by occurrence, as if each were an appointment.
//!
//! An occurrence has the id `series#20261124T090000`, and for its version a hash of what it shows: a change of one
//! occurrence, or of the series' version alone, leaves the others as they are. A write to an occurrence becomes a change
//! of its series, on the condition that the series is as it was read a moment before.

use super::edit::Edit;
use super::expand::{occurrence, starts_until};
use super::names::Names;
use crate::hash::FieldHasher;
use async_trait::async_trait;
use chrono::{Days, NaiveDate};
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::{Cursor, Marker, RemoteId, Version};
use riva_core::item::{Field, Item, Module, Override, RecurrenceId, Value};
use riva_core::ports::{
    Capabilities, ChangePage, Draft, Fetched, FileSource, ItemFiles, ListPage, LostAndFound, MessageLog,
    MessageSource, Patch, Reader, RemoteRef, Removal, Silence, SilentWriter, Window, Written,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Series that are kept in memory, each read once in a cycle.
const KEPT: usize = 64;

/// How much further than asked a series is expanded: the next ones that are asked for lie there.
const AHEAD: Days = Days::new(500);

/// What was read of items, by id.
type Read = BTreeMap<RemoteId, Arc<Known>>;

/// An item as it was read, and what its rule yields as far as that was asked.
struct Known {
    fetched: Fetched,
    starts: Mutex<Option<(NaiveDate, BTreeSet<RecurrenceId>)>>,
}

impl Known {
    fn new(fetched: Fetched) -> Arc<Self> {
        Arc::new(Self { fetched, starts: Mutex::default() })
    }

    /// Whether the rule yields an occurrence: expanded once for all that are asked for.
    fn occurs(&self, series: &Item, of: RecurrenceId) -> Result<bool, String> {
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        match &*starts {
            Some((until, all)) if of.day() <= *until => Ok(all.contains(&of)),
            _ => {
                let until = of.day().checked_add_days(AHEAD).unwrap_or(of.day());
                let all = starts_until(series, until)?;
                let yields = all.contains(&of);
                *starts = Some((until, all));
                Ok(yields)
            }
        }
    }
}

/// One side of one member, for one cycle.
pub(crate) struct Unrolled {
    inner: Arc<dyn SilentWriter>,
    hasher: FieldHasher,
    names: Names,
    series: Mutex<Read>,
}

impl Unrolled {
    pub fn new(inner: Arc<dyn SilentWriter>, hasher: FieldHasher, names: Names) -> Self {
        Self { inner, hasher, names, series: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Read> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, read: &Read) {
        let mut kept = self.kept();
        if kept.len() + read.len() > KEPT {
            kept.clear();
        }
        kept.extend(read.iter().take(KEPT).map(|(id, known)| (id.clone(), Arc::clone(known))));
    }

    fn batch(&self, module: Module) -> usize {
        self.inner.capabilities().module(module).map_or(1, |caps| caps.batch.max(1))
    }

    /// Reads items of the side's own.
    async fn read(&self, module: Module, ids: &[RemoteId]) -> Result<Read, CallError> {
        let mut read = Read::new();
        for chunk in ids.chunks(self.batch(module)) {
            let fetched = self.inner.fetch(module, chunk).await?;
            read.extend(chunk.iter().cloned().zip(fetched.into_iter().map(Known::new)));
        }
        Ok(read)
    }

    /// Reads the series of occurrences anew, whatever is kept of them.
    async fn read_series(&self, module: Module, of: &[&RemoteId]) -> Result<Read, CallError> {
        let mut ids: Vec<RemoteId> =
            of.iter().filter_map(|id| id.as_occurrence().map(|(series, _)| series)).collect();
        ids.sort();
        ids.dedup();
        let read = self.read(module, &ids).await?;
        self.keep(&read);
        Ok(read)
    }

    /// What an occurrence shows, by its series.
    fn shows(&self, id: &RemoteId, series: Option<&Known>, of: RecurrenceId) -> Fetched {
        let Some(known) = series else { return Fetched::Gone };
        let item = match &known.fetched {
            Fetched::Present { item, .. } => item,
            other => return other.clone(),
        };
        match item.get(Field::Recurrence) {
            Some(Value::Recurrence(_)) => {}
            Some(Value::Text(why)) => return Fetched::Unreadable { reason: why.clone() },
            // It is a single appointment now.
            _ => return Fetched::Gone,
        }
        match known.occurs(item, of) {
            Ok(true) if item.overrides().and_then(|o| o.get(&of)) != Some(&Override::Cancelled) => {
                let shown = occurrence(item, of);
                let pair = self.names.occurrence(id, item, of);
                Fetched::Present {
                    version: self.hasher.version(&shown),
                    marker: Some(Marker { pair, generation: 1 }),
                    // A series says when it was changed, and not in which of its occurrences.
                    modified: None,
                    item: Box::new(shown),
                }
            }
            Ok(_) => Fetched::Gone,
            Err(reason) => Fetched::Unreadable { reason },
        }
    }

    /// What is written to series for changes of their occurrences; what cannot be written is answered at once.
    fn edits(
        &self,
        series: &Read,
        changes: &[Change<'_>],
        answers: &mut [Option<Result<Written, ItemError>>],
    ) -> BTreeMap<RemoteId, Edit> {
        let mut edits: BTreeMap<RemoteId, Edit> = BTreeMap::new();
        for change in changes {
            let Some((id, of)) = change.id.as_occurrence() else { continue };
            let known = series.get(&id).map(Arc::as_ref);
            let refused = match (self.shows(&id, known, of), known.map(|k| &k.fetched)) {
                (
                    Fetched::Present { version, .. },
                    Some(Fetched::Present { version: at, marker, item, .. }),
                ) if version == *change.version => {
                    let edit = edits.entry(id.clone()).or_insert_with(|| {
                        let marker = marker.unwrap_or_else(|| self.names.series(&id, item));
                        Edit::new(RemoteRef { id: id.clone(), version: at.clone() }, marker, item)
                    });
                    match change.set {
                        Some(set) => edit.change(&self.hasher, of, set),
                        None => edit.cancel(of),
                    }
                    edit.asked.push((change.position, of));
                    continue;
                }
                // What a record has become is looked for when it is read again.
                (Fetched::Present { .. } | Fetched::Became { .. }, _) => ItemError::VersionMoved,
                (Fetched::Gone, _) => ItemError::Gone,
                (Fetched::OutOfScope, _) => {
                    ItemError::Forbidden { reason: "the series is out of this user's reach".into() }
                }
                (Fetched::Unreadable { reason }, _) => ItemError::Invalid { reason },
            };
            if let Some(answer) = answers.get_mut(change.position) {
                *answer = Some(Err(refused));
            }
        }
        edits
    }

    /// Answers for the occurrences of series that were written.
    async fn answer(
        &self,
        module: Module,
        edits: Vec<Edit>,
        written: Vec<Result<Written, ItemError>>,
        answers: &mut [Option<Result<Written, ItemError>>],
    ) {
        let unknown: Vec<RemoteId> = written
            .iter()
            .filter_map(|w| w.as_ref().ok())
            .filter(|w| w.item.is_none())
            .map(|w| w.at.id.clone())
            .collect();
        // Best effort: if it fails, what was sent is taken for what is there until the next poll.
        let read = self.read(module, &unknown).await.unwrap_or_default();
        for (edit, written) in edits.into_iter().zip(written) {
            for (position, of) in &edit.asked {
                let answer = match &written {
                    Err(error) => Err(error.clone()),
                    Ok(w) => {
                        let series =
                            w.item.as_deref().or_else(|| match read.get(&w.at.id).map(|k| &k.fetched) {
                                Some(Fetched::Present { item, .. }) => Some(item.as_ref()),
                                _ => None,
                            });
                        let shown = occurrence(series.unwrap_or(&edit.item), *of);
                        Ok(Written {
                            at: RemoteRef {
                                id: w.at.id.occurrence(*of),
                                version: self.hasher.version(&shown),
                            },
                            item: Some(Box::new(shown)),
                        })
                    }
                };
                if let Some(place) = answers.get_mut(*position) {
                    *place = Some(answer);
                }
            }
        }
    }
}

/// A change of one occurrence that is asked for.
struct Change<'a> {
    position: usize,
    id: &'a RemoteId,
    version: &'a Version,
    /// The fields to set; `None` cancels it.
    set: Option<&'a BTreeMap<Field, Value>>,
}

/// An answer for each; what has none may have been done.
fn complete<T>(answers: Vec<Option<Result<T, ItemError>>>) -> Vec<Result<T, ItemError>> {
    let lost = || Err(ItemError::InDoubt("the answer has no entry for this item".into()));
    answers.into_iter().map(|answer| answer.unwrap_or_else(lost)).collect()
}

#[async_trait]
impl Reader for Unrolled {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    async fn changes(&self, module: Module, cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        self.inner.changes(module, cursor).await
    }

    async fn list(
        &self,
        module: Module,
        window: Option<Window>,
        after: Option<&Cursor>,
    ) -> Result<ListPage, CallError> {
        self.inner.list(module, window, after).await
    }

    async fn fetch(&self, module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        let mut known = self.kept().clone();
        let mut wanted: Vec<RemoteId> = ids
            .iter()
            .filter_map(|id| match id.as_occurrence() {
                Some((series, _)) => Some(series).filter(|series| !known.contains_key(series)),
                // What is asked for by its own id is read anew.
                None => Some(id.clone()),
            })
            .collect();
        wanted.sort();
        wanted.dedup();
        let read = self.read(module, &wanted).await?;
        let is_series =
            |f: &Fetched| matches!(f, Fetched::Present { item, .. } if item.recurrence().is_some());
        let asked_for =
            |id: &RemoteId| ids.iter().filter_map(RemoteId::as_occurrence).any(|(series, _)| series == *id);
        let series: Read = read
            .iter()
            .filter(|(id, known)| is_series(&known.fetched) || asked_for(id))
            .map(|(id, known)| (id.clone(), Arc::clone(known)))
            .collect();
        self.keep(&series);
        known.extend(read);
        Ok(ids
            .iter()
            .map(|id| match id.as_occurrence() {
                Some((series, of)) => self.shows(&series, known.get(&series).map(Arc::as_ref), of),
                None => known.get(id).map_or(Fetched::Gone, |known| known.fetched.clone()),
            })
            .collect())
    }

    async fn probe(&self, module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        self.inner.probe(module, markers).await
    }

    fn remarks(&self, module: Module) -> Vec<String> {
        self.inner.remarks(module)
    }

    fn message_source(&self) -> Option<&dyn MessageSource> {
        self.inner.message_source()
    }

    fn file_source(&self) -> Option<&dyn FileSource> {
        self.inner.file_source()
    }

    fn message_log(&self) -> Option<&dyn MessageLog> {
        self.inner.message_log()
    }
}

#[async_trait]
impl SilentWriter for Unrolled {
    fn silence(&self) -> Silence {
        self.inner.silence()
    }

    async fn create(
        &self,
        module: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        self.inner.create(module, drafts).await
    }

    /// Changes of several occurrences of one series are one change of it. Everything is written by one call.
    async fn update(
        &self,
        module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let changes: Vec<Change<'_>> = patches
            .iter()
            .enumerate()
            .map(|(position, p)| Change { position, id: &p.id, version: &p.version, set: Some(&p.set) })
            .collect();
        let of: Vec<&RemoteId> = patches.iter().map(|p| &p.id).collect();
        let series = self.read_series(module, &of).await?;
        let mut answers = vec![None; patches.len()];
        let edits = self.edits(&series, &changes, &mut answers);
        let (ids, edits): (Vec<RemoteId>, Vec<Edit>) = edits.into_iter().unzip();
        let plain: Vec<usize> =
            changes.iter().filter(|c| c.id.as_occurrence().is_none()).map(|c| c.position).collect();
        let mut all: Vec<Patch> = plain.iter().filter_map(|at| patches.get(*at)).cloned().collect();
        all.extend(edits.iter().map(Edit::patch));
        if all.is_empty() {
            return Ok(complete(answers));
        }
        self.kept().retain(|id, _| !ids.contains(id));
        let mut written = self.inner.update(module, &all).await?;
        written.resize(all.len(), Err(ItemError::InDoubt("the answer has no entry for this item".into())));
        let of_series = written.split_off(plain.len());
        for (position, written) in plain.into_iter().zip(written) {
            if let Some(answer) = answers.get_mut(position) {
                *answer = Some(written);
            }
        }
        self.answer(module, edits, of_series, &mut answers).await;
        Ok(complete(answers))
    }

    /// An occurrence is cancelled in its series; the series is never deleted by this.
    async fn delete(
        &self,
        module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        let (plain, singles): (Vec<usize>, Vec<Removal>) =
            removals.iter().cloned().enumerate().filter(|(_, r)| r.id.as_occurrence().is_none()).unzip();
        let mut answers: Vec<Option<Result<(), ItemError>>> = vec![None; removals.len()];
        if !singles.is_empty() {
            let deleted = self.inner.delete(module, &singles).await?;
            for (position, deleted) in plain.into_iter().zip(deleted) {
                if let Some(answer) = answers.get_mut(position) {
                    *answer = Some(deleted);
                }
            }
        }
        let cancelled = match self.cancel(module, removals).await {
            Ok(cancelled) => cancelled,
            // The single ones were deleted: the answer is for each item.
            Err(error) if !singles.is_empty() => vec![Some(Err(of_item(error))); removals.len()],
            Err(error) => return Err(error),
        };
        for (answer, cancelled) in answers.iter_mut().zip(cancelled) {
            if answer.is_none() {
                *answer = cancelled;
            }
        }
        Ok(complete(answers))
    }

    /// Occurrences are not tagged: their markers follow from their series.
    async fn tag(
        &self,
        module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        let plain: Vec<(RemoteRef, Marker)> =
            tags.iter().filter(|(at, _)| at.id.as_occurrence().is_none()).cloned().collect();
        let mut tagged =
            if plain.is_empty() { Vec::new() } else { self.inner.tag(module, &plain).await? }.into_iter();
        Ok(tags
            .iter()
            .map(|(at, _)| match at.id.as_occurrence() {
                None => tagged.next().unwrap_or_else(|| Err(ItemError::NotNow("not answered".into()))),
                Some(_) => Err(ItemError::Forbidden { reason: "an occurrence carries no marker".into() }),
            })
            .collect())
    }

    fn item_files(&self, module: Module) -> Option<&dyn ItemFiles> {
        self.inner.item_files(module)
    }

    /// Occurrences are never put aside without their series.
    fn lost_and_found(&self, module: Module) -> Option<&dyn LostAndFound> {
        self.inner.lost_and_found(module)
    }
}

impl Unrolled {
    async fn cancel(
        &self,
        module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Option<Result<(), ItemError>>>, CallError> {
        let of: Vec<&RemoteId> = removals.iter().map(|r| &r.id).collect();
        let series = self.read_series(module, &of).await?;
        let changes: Vec<Change<'_>> = removals
            .iter()
            .enumerate()
            .map(|(position, r)| Change { position, id: &r.id, version: &r.version, set: None })
            .collect();
        let mut answers = vec![None; removals.len()];
        let edits = self.edits(&series, &changes, &mut answers);
        let (ids, edits): (Vec<RemoteId>, Vec<Edit>) = edits.into_iter().unzip();
        if !edits.is_empty() {
            let patches: Vec<Patch> = edits.iter().map(Edit::patch).collect();
            self.kept().retain(|id, _| !ids.contains(id));
            let written = self.inner.update(module, &patches).await?;
            for (edit, written) in edits.iter().zip(written) {
                for (position, _) in &edit.asked {
                    if let Some(answer) = answers.get_mut(*position) {
                        *answer = Some(written.clone());
                    }
                }
            }
        }
        Ok(answers.into_iter().map(|answer| answer.map(|a| a.map(drop))).collect())
    }
}

/// The error of a call, for one of its items.
fn of_item(error: CallError) -> ItemError {
    match error {
        CallError::InDoubt(why) => ItemError::InDoubt(why),
        CallError::Fault(fault) => ItemError::NotNow(fault.to_string()),
        CallError::CursorLost(why) => ItemError::NotNow(why),
    }
}

#[cfg(test)]
mod tests;
