//! What a fake system is told to do.

use super::FakeSide;
use async_trait::async_trait;
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::Marker;
use riva_core::item::{Body, Field, Item, Module, Value};
use riva_core::ports::{
    Capabilities, Draft, ItemFiles, LostAndFound, Patch, RemoteRef, Removal, Silence, SilentWriter, Written,
};

#[async_trait]
impl SilentWriter for FakeSide {
    fn silence(&self) -> Silence {
        Silence::ByNature
    }

    async fn create(
        &self,
        _module: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        self.enter().await?;
        let results = {
            let mut state = self.state();
            drafts
                .iter()
                .map(|draft| {
                    if let Some(error) = state.refuses() {
                        return Err(error);
                    }
                    let notes = draft.item.get(Field::Notes);
                    if state.refuses_poison
                        && matches!(notes, Some(Value::Body(body)) if body.text.contains("poison"))
                    {
                        return Err(ItemError::Invalid { reason: "poison".into() });
                    }
                    let mut item = draft.item.clone();
                    complete(&mut item, &self.caps);
                    (self.normalise)(&mut item);
                    state.writes += 1;
                    let marker = self.keeps_markers().then_some(draft.marker);
                    let id = state.insert(self.name, item.clone(), marker);
                    match state.refuses_what_is_made() {
                        Some(error) => Err(error),
                        None => Ok(Written { at: state.at(&id), item: Some(Box::new(item)) }),
                    }
                })
                .collect()
        };
        self.leave().await?;
        Ok(results)
    }

    async fn update(
        &self,
        _module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        self.enter().await?;
        let results = {
            let mut state = self.state();
            patches
                .iter()
                .map(|patch| {
                    if let Some(error) = state.refuses() {
                        return Err(error);
                    }
                    state.expect(&patch.id, &patch.version)?;
                    let version = state.bump(&patch.id);
                    state.writes += 1;
                    let chance = state.faults.meddled;
                    let meddled = state.random.percent(chance).then(|| meddle(patch, version)).flatten();
                    let Some(stored) = state.items.get_mut(&patch.id) else { return Err(ItemError::Gone) };
                    for (field, value) in &patch.set {
                        stored.item.set(*field, value.clone());
                    }
                    if let Some((field, value)) = meddled {
                        stored.item.set(field, value);
                    }
                    (self.normalise)(&mut stored.item);
                    stored.version = version;
                    let item = stored.item.clone();
                    Ok(Written { at: state.at(&patch.id), item: Some(Box::new(item)) })
                })
                .collect()
        };
        self.leave().await?;
        Ok(results)
    }

    async fn delete(
        &self,
        _module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        self.enter().await?;
        let results = {
            let mut state = self.state();
            removals.iter().map(|removal| state.take_away(removal).map(|_| ())).collect()
        };
        self.leave().await?;
        Ok(results)
    }

    async fn tag(
        &self,
        _module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        self.enter().await?;
        let mut state = self.state();
        Ok(tags
            .iter()
            .map(|(at, marker)| {
                let moved =
                    state.items.get(&at.id).is_none_or(|s| s.version.to_string() != at.version.as_str());
                if moved {
                    return Err(ItemError::VersionMoved);
                }
                let version = state.bump(&at.id);
                if let Some(stored) = state.items.get_mut(&at.id) {
                    stored.marker = Some(*marker);
                    stored.version = version;
                }
                Ok(state.at(&at.id))
            })
            .collect())
    }

    fn item_files(&self, _module: Module) -> Option<&dyn ItemFiles> {
        Some(self)
    }

    fn lost_and_found(&self, _module: Module) -> Option<&dyn LostAndFound> {
        self.folders.then_some(self as &dyn LostAndFound)
    }
}

/// What a user edits besides a patch.
fn meddle(patch: &Patch, token: u64) -> Option<(Field, Value)> {
    let text = format!("meddled {token}");
    let (field, value) = match patch.base.module {
        Module::Contacts => (Field::Notes, Value::body(Body::plain(text))),
        _ => (Field::Location, Value::text(text)),
    };
    (!patch.set.contains_key(&field)).then_some((field, value))
}

/// A field that was not given is empty, and known to be.
pub(super) fn complete(item: &mut Item, caps: &Capabilities) {
    let Some(module) = caps.module(item.module) else { return };
    for field in &module.reads {
        item.fields.entry(*field).or_insert(Value::Blank);
    }
}
