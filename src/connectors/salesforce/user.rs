//! One user's contacts, events and tasks: the records that the user owns.

use super::api::{Api, Refusal};
use super::capabilities::capabilities;
use super::layouts::{Layouts, columns};
use super::remarks::{Noticed, Told};
use super::soql;
use super::{contact, email, event, files, lead, task};
use crate::one_second::is_still;
use async_trait::async_trait;
use http::Method;
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::ids::{Cursor, EmailAddress, Marker, RemoteId, Version};
use riva_core::item::{Field, Module, Value};
use riva_core::ports::{
    Capabilities, ChangePage, CrmUser, Draft, Fetched, ItemFiles, ListPage, Listed, MessageLog, Patch,
    Reader, RemoteRef, Removal, Silence, SilentWriter, Window, Written,
};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most records in one request.
pub const BATCH: usize = 200;
/// Records on a page of a listing.
const PAGE: usize = 2000;

/// One user's records.
pub struct User {
    pub(super) api: Arc<Api>,
    pub(super) owner: String,
    pub(super) address: EmailAddress,
    pub(super) layouts: Arc<Layouts>,
    capabilities: Capabilities,
    noticed: Noticed,
}

impl User {
    /// The records that a user owns.
    pub fn new(api: Arc<Api>, user: &CrmUser, layouts: Arc<Layouts>, told: Arc<Told>) -> Self {
        let capabilities = capabilities(&layouts);
        let (owner, address) = (user.id.as_str().to_owned(), user.address.clone());
        Self { api, owner, address, layouts, capabilities, noticed: Noticed::new(told) }
    }

    /// What to write for a record; for a new one, without an id.
    fn map(&self, module: Module, id: &str, set: &BTreeMap<Field, Value>) -> Map<String, Json> {
        match module {
            Module::Contacts if id.starts_with(lead::PREFIX) => {
                self.layouts.lead.as_ref().map(|l| lead::map(set, l)).unwrap_or_default()
            }
            Module::Contacts => contact::map(set, &self.layouts.contact),
            Module::Tasks => {
                let task = self.layouts.task.as_ref();
                task.map(|layout| task::map(set, layout, &self.layouts.words)).unwrap_or_default()
            }
            Module::Calendar => event::map(set, &self.layouts.event),
            // A logged message is never changed.
            Module::Email => Map::new(),
        }
    }

    /// Records by id, the recycle bin's among them.
    async fn records(
        &self,
        module: Module,
        ids: &[&str],
        content: bool,
    ) -> Result<BTreeMap<String, Json>, CallError> {
        let mut found = BTreeMap::new();
        for (object, layout) in self.layouts.all_of(module)? {
            let mut own = Vec::new();
            for id in ids.iter().copied().filter(|id| soql::is_id(id)) {
                if self.layouts.of_record(module, id)?.0 == object {
                    own.push(id);
                }
            }
            if own.is_empty() {
                continue;
            }
            let mut wanted = vec!["Id", "SystemModstamp", "IsDeleted"];
            // A logged message is nobody's.
            wanted.extend(Some("OwnerId").filter(|owner| layout.has(owner)));
            if content {
                wanted.extend(columns(object, layout));
                wanted.extend(Some("LastModifiedDate").filter(|at| layout.has(at)));
                wanted.extend(self.layouts.sync_key.as_deref().filter(|key| layout.has(key)));
            }
            for column in ["MasterRecordId", "IsChild"] {
                if layout.has(column) && !wanted.contains(&column) {
                    wanted.push(column);
                }
            }
            let query = format!("SELECT {} FROM {object} WHERE Id IN {}", wanted.join(","), soql::list(own));
            let records = self.api.query(&query, true).await?;
            found.extend(
                records.into_iter().filter_map(|r| Some((key_of(r.get("Id")?.as_str()?).to_owned(), r))),
            );
        }
        Ok(found)
    }

    fn show(&self, module: Module, record: &Json) -> Fetched {
        let is = |name: &str| record.get(name).and_then(Json::as_bool).unwrap_or(false);
        let text = |name: &str| record.get(name).and_then(Json::as_str).unwrap_or_default();
        // A contact that was merged into another is no deletion.
        if is("IsDeleted") {
            return match text("MasterRecordId") {
                "" => Fetched::Gone,
                master => Fetched::Became { id: RemoteId::new(master) },
            };
        }
        if is("IsConverted") {
            return match text("ConvertedContactId") {
                "" => Fetched::OutOfScope,
                contact => Fetched::Became { id: RemoteId::new(contact) },
            };
        }
        // An invitee's copy of an event is not the event.
        let other_kind = is("IsChild") || (module == Module::Tasks && !task::is_task(record));
        let owned = module != Module::Email;
        if other_kind || owned && key_of(text("OwnerId")) != key_of(&self.owner) {
            return Fetched::OutOfScope;
        }
        let item = match module {
            Module::Contacts if text("Id").starts_with(lead::PREFIX) => Ok(lead::project(record)),
            Module::Contacts => {
                let mut item = contact::project(record, &self.layouts.contact);
                if self.layouts.lead.is_some() {
                    // It is no lead, or none any more.
                    item.set(Field::Categories, Value::Blank);
                }
                Ok(item)
            }
            Module::Tasks => match &self.layouts.task {
                Some(layout) => {
                    let words = &self.layouts.words;
                    self.noticed.words(&words.unknown_in(record), is("IsClosed"));
                    task::project(record, layout, words)
                }
                None => return Fetched::OutOfScope,
            },
            Module::Calendar => event::project(record, &self.layouts.event),
            Module::Email => Ok(email::project(record)),
        };
        match item {
            Ok(item) => Fetched::Present {
                version: version(text("SystemModstamp"), self.api.now()),
                marker: self.layouts.sync_key.as_ref().and_then(|key| text(key).parse().ok()),
                // Not the SystemModstamp, which also moves when the platform itself touches a record.
                modified: soql::read_instant(text("LastModifiedDate")),
                item: Box::new(item),
            },
            Err(reason) => Fetched::Unreadable { reason },
        }
    }

    /// The deletions that Salesforce still knows of, among these ids: those whose recycle bin was emptied too.
    async fn known_deleted(&self, object: &str, ids: &BTreeSet<&str>) -> Result<BTreeSet<String>, CallError> {
        let now = self.api.now();
        let from = now - chrono::Duration::days(14);
        let gone = deleted(&self.api, object, from, now).await?.0;
        Ok(gone.into_iter().filter(|id| ids.contains(key_of(id))).collect())
    }

    /// Looks at versions before a write; the places that may go on, and what the others answer.
    async fn unmoved(
        &self,
        module: Module,
        wanted: &[(&RemoteId, &Version)],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        let ids: Vec<&str> = wanted.iter().map(|(id, _)| id.as_str()).collect();
        let now = self.records(module, &ids, false).await?;
        Ok(wanted
            .iter()
            .map(|(id, version)| {
                let record = now.get(key_of(id.as_str())).ok_or(ItemError::Gone)?;
                if record.get("IsDeleted").and_then(Json::as_bool).unwrap_or(false) {
                    return Err(ItemError::Gone);
                }
                let stamp = record.get("SystemModstamp").and_then(Json::as_str).unwrap_or_default();
                if is_still(stamp, version) { Ok(()) } else { Err(ItemError::VersionMoved) }
            })
            .collect())
    }

    /// Sends records to a collection and sorts its answers; one for each record.
    pub(super) async fn send(
        &self,
        method: Method,
        resource: &str,
        records: Vec<Json>,
    ) -> Result<Vec<Result<String, ItemError>>, CallError> {
        let count = records.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let body = json!({"allOrNone": false, "records": records});
        let answer = self.api.write(method, resource, Some(&body)).await?;
        Ok(sort(&answer, count))
    }

    /// Reads back what was written, in the places of the writes.
    async fn written(
        &self,
        module: Module,
        done: Vec<Result<String, ItemError>>,
    ) -> Vec<Result<Written, ItemError>> {
        let ids: Vec<RemoteId> =
            done.iter().filter_map(|d| d.as_ref().ok().map(|id| RemoteId::new(id.clone()))).collect();
        let shown = self.fetch(module, &ids).await.unwrap_or_default();
        let mut by_id: BTreeMap<String, Written> = BTreeMap::new();
        for (id, fetched) in ids.into_iter().zip(shown) {
            if let Fetched::Present { version, item, .. } = fetched {
                by_id.insert(
                    id.as_str().to_owned(),
                    Written { at: RemoteRef { id, version }, item: Some(item) },
                );
            }
        }
        done.into_iter()
            .map(|d| {
                let id = d?;
                by_id.remove(&id).ok_or_else(|| {
                    ItemError::InDoubt(format!("written, but it could not be read back: {id}"))
                })
            })
            .collect()
    }
}

/// Salesforce's ids are equal by their first 15 characters; the last three are for systems that ignore case.
pub fn key_of(id: &str) -> &str {
    id.get(..15).unwrap_or(id)
}

/// The version of a record by its `SystemModstamp`, read when the server's clock showed `now`.
pub fn version(stamp: &str, now: chrono::DateTime<chrono::Utc>) -> Version {
    crate::one_second::version(stamp, soql::read_instant(stamp), now)
}

/// The answers of a collection, one for each record that was sent.
fn sort(answer: &Json, count: usize) -> Vec<Result<String, ItemError>> {
    let answers = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    (0..count)
        .map(|at| {
            let Some(one) = answers.get(at) else {
                return Err(ItemError::InDoubt("no answer for this record".into()));
            };
            let id = one.get("id").and_then(Json::as_str);
            if let (Some(true), Some(id)) = (one.get("success").and_then(Json::as_bool), id) {
                return Ok(id.to_owned());
            }
            // Neither a success nor a reason: it may be either.
            let refusal = one.get("errors").and_then(Refusal::read);
            Err(refusal.map_or_else(|| ItemError::InDoubt("no reason was told".into()), |r| r.item()))
        })
        .collect()
}

/// Ids that were deleted between two instants (to the minute), and up to when that is complete.
pub async fn deleted(
    api: &Api,
    object: &str,
    from: chrono::DateTime<chrono::Utc>,
    to: chrono::DateTime<chrono::Utc>,
) -> Result<(Vec<String>, Option<chrono::DateTime<chrono::Utc>>), CallError> {
    let at = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let answer = api.get(&format!("sobjects/{object}/deleted/?start={}&end={}", at(from), at(to))).await?;
    // Without the list nothing is known, and the poll must not go on as if nothing had been deleted.
    let gone = answer.get("deletedRecords").and_then(Json::as_array).ok_or_else(|| {
        Fault::new(FaultKind::UnexpectedAnswer, "Salesforce does not tell what was deleted")
    })?;
    let ids = gone.iter().filter_map(|r| Some(r.get("id")?.as_str()?.to_owned())).collect();
    Ok((ids, answer.get("latestDateCovered").and_then(Json::as_str).and_then(soql::read_instant)))
}

#[async_trait]
impl Reader for User {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn changes(&self, _module: Module, _cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        Err(CallError::CursorLost("a CRM is read by its feed, not by user".into()))
    }

    async fn list(
        &self,
        module: Module,
        window: Option<Window>,
        after: Option<&Cursor>,
    ) -> Result<ListPage, CallError> {
        if module.is_log() {
            let text = "a log of messages is asked about single ones; it is not listed";
            return Err(Fault::new(FaultKind::UnexpectedAnswer, text).into());
        }
        self.api.may_poll()?;
        // Contacts first, then leads: the ids of leads come after those of contacts.
        let in_leads = after.is_some_and(|a| a.as_str().starts_with(lead::PREFIX));
        let (object, layout) = match &self.layouts.lead {
            Some(lead) if in_leads && module == Module::Contacts => ("Lead", lead),
            _ => self.layouts.of(module)?,
        };
        let mut query =
            format!("SELECT Id,SystemModstamp FROM {object} WHERE OwnerId = {}", soql::text(&self.owner));
        if layout.has("IsChild") {
            query.push_str(" AND IsChild = false");
        }
        if module == Module::Tasks {
            query.push_str(&task::wanted(layout));
        }
        if object == "Lead" {
            query.push_str(" AND IsConverted = false");
        }
        if let (Module::Calendar, Some(Window { from, to })) = (module, window) {
            let (first, last) = (from.date_naive(), to.date_naive());
            let midnight = first.and_time(chrono::NaiveTime::MIN).and_utc();
            query = format!(
                "{query} AND ((IsAllDayEvent = false AND EndDateTime >= {} AND StartDateTime <= {}) OR \
                 (IsAllDayEvent = true AND EndDateTime >= {} AND ActivityDate <= {}))",
                soql::instant(from),
                soql::instant(to),
                soql::instant(midnight),
                soql::day(last),
            );
        }
        let after = after.filter(|a| a.as_str() != lead::PREFIX);
        let after = after.map(|a| format!(" AND Id > {}", soql::text(a.as_str()))).unwrap_or_default();
        query = format!("{query}{after} ORDER BY Id LIMIT {PAGE}");
        let records = self.api.query(&query, false).await?;
        let items: Vec<Listed> = records
            .iter()
            .filter_map(|r| {
                let text = |name: &str| r.get(name).and_then(Json::as_str);
                Some(Listed {
                    id: RemoteId::new(text("Id")?),
                    version: version(text("SystemModstamp")?, self.api.now()),
                })
            })
            .collect();
        let leads_follow = module == Module::Contacts && object == "Contact" && self.layouts.lead.is_some();
        let next = match items.last() {
            Some(last) if items.len() == PAGE => Some(Cursor::new(last.id.as_str())),
            _ => leads_follow.then(|| Cursor::new(lead::PREFIX)),
        };
        Ok(ListPage { items, next })
    }

    async fn fetch(&self, module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        let asked: Vec<&str> = ids.iter().map(RemoteId::as_str).collect();
        let records = self.records(module, &asked, true).await?;
        let missing: BTreeSet<&str> =
            asked.iter().copied().map(key_of).filter(|key| !records.contains_key(*key)).collect();
        // Out of sight is not deleted: only a tombstone says so.
        let mut gone = BTreeSet::new();
        for (object, _) in self.layouts.all_of(module)? {
            let mut own = BTreeSet::new();
            for id in missing.iter().copied() {
                if self.layouts.of_record(module, id)?.0 == object {
                    own.insert(id);
                }
            }
            if !own.is_empty() {
                gone.extend(self.known_deleted(object, &own).await?);
            }
        }
        let gone: BTreeSet<&str> = gone.iter().map(|id| key_of(id)).collect();
        Ok(asked
            .iter()
            .map(|id| match records.get(key_of(id)) {
                Some(record) => self.show(module, record),
                None if gone.contains(key_of(id)) || !soql::is_id(id) => Fetched::Gone,
                None => Fetched::OutOfScope,
            })
            .collect())
    }

    fn remarks(&self, module: Module) -> Vec<String> {
        if module == Module::Tasks { self.noticed.take(&self.owner) } else { Vec::new() }
    }

    fn message_log(&self) -> Option<&dyn MessageLog> {
        self.layouts.email.as_ref().map(|_| self as &dyn MessageLog)
    }

    /// Without an external id field there is nothing to look a marker up by: the answer is empty.
    async fn probe(&self, module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        let Some(key) = &self.layouts.sync_key else { return Ok(vec![Vec::new(); markers.len()]) };
        if markers.is_empty() {
            return Ok(Vec::new());
        }
        let texts: Vec<String> = markers.iter().map(ToString::to_string).collect();
        let mut found: BTreeMap<String, Vec<RemoteRef>> = BTreeMap::new();
        let mut records = Vec::new();
        for (object, _) in self.layouts.all_of(module)?.into_iter().filter(|(_, layout)| layout.has(key)) {
            let query = format!(
                "SELECT Id,SystemModstamp,{key} FROM {object} WHERE {key} IN {}",
                soql::list(texts.iter().map(String::as_str))
            );
            records.extend(self.api.query(&query, false).await?);
        }
        for record in records {
            let text = |name: &str| record.get(name).and_then(Json::as_str).unwrap_or_default();
            let at = RemoteRef {
                id: RemoteId::new(text("Id")),
                version: version(text("SystemModstamp"), self.api.now()),
            };
            found.entry(text(key).to_owned()).or_default().push(at);
        }
        Ok(texts.iter().map(|text| found.remove(text).unwrap_or_default()).collect())
    }
}

#[async_trait]
impl SilentWriter for User {
    fn silence(&self) -> Silence {
        // Events without invitees; invitees (EventRelation) are never written. Messages are logged as read or sent.
        Silence::ByNature
    }

    async fn create(
        &self,
        module: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        if module == Module::Email {
            let done = self.log(drafts).await?;
            return Ok(self.written(module, done).await);
        }
        let (object, _) = self.layouts.of(module)?;
        let record = |draft: &Draft| {
            let mut record = self.map(module, "", &draft.item.fields);
            record.insert("attributes".into(), json!({"type": object}));
            record.insert("OwnerId".into(), self.owner.clone().into());
            if let Some(key) = &self.layouts.sync_key {
                record.insert(key.clone(), draft.marker.to_string().into());
            }
            Json::Object(record)
        };
        let records = drafts.iter().map(record).collect();
        let done = match &self.layouts.sync_key {
            Some(key) => {
                self.send(Method::PATCH, &format!("composite/sobjects/{object}/{key}"), records).await?
            }
            None => self.send(Method::POST, "composite/sobjects", records).await?,
        };
        Ok(self.written(module, done).await)
    }

    async fn update(
        &self,
        module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let wanted: Vec<_> = patches.iter().map(|p| (&p.id, &p.version)).collect();
        let (object, _) = self.layouts.of(module)?;
        let mut may = self.unmoved(module, &wanted).await?;
        let going: Vec<usize> = (0..patches.len()).filter(|at| may[*at].is_ok()).collect();
        let records = going
            .iter()
            .map(|at| {
                let id = patches[*at].id.as_str();
                let mut record = self.map(module, id, &patches[*at].set);
                let object = if id.starts_with(lead::PREFIX) { "Lead" } else { object };
                record.insert("attributes".into(), json!({"type": object}));
                record.insert("Id".into(), patches[*at].id.as_str().into());
                Json::Object(record)
            })
            .collect();
        let sent = self.send(Method::PATCH, "composite/sobjects", records).await?;
        let mut sent = going.into_iter().zip(sent).collect::<BTreeMap<_, _>>();
        let done = may
            .drain(..)
            .enumerate()
            .map(|(at, may)| {
                may.and_then(|()| sent.remove(&at).unwrap_or(Err(ItemError::NotNow("not sent".into()))))
            })
            .collect();
        Ok(self.written(module, done).await)
    }

    async fn delete(
        &self,
        module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        let wanted: Vec<_> = removals.iter().map(|r| (&r.id, &r.version)).collect();
        let may = self.unmoved(module, &wanted).await?;
        let going: Vec<usize> = (0..removals.len()).filter(|at| may[*at].is_ok()).collect();
        let mut sent = BTreeMap::new();
        if !going.is_empty() {
            let ids: Vec<&str> = going.iter().map(|at| removals[*at].id.as_str()).collect();
            let resource = format!("composite/sobjects?ids={}&allOrNone=false", ids.join(","));
            let answer = self.api.write(Method::DELETE, &resource, None).await?;
            sent = going.iter().copied().zip(sort(&answer, going.len())).collect();
        }
        Ok(may
            .into_iter()
            .enumerate()
            .map(|(at, may)| {
                may.and_then(|()| {
                    sent.remove(&at).unwrap_or(Err(ItemError::NotNow("not sent".into()))).map(|_| ())
                })
            })
            .collect())
    }

    async fn tag(
        &self,
        module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        let Some(key) = &self.layouts.sync_key else {
            return Ok(tags.iter().map(|(at, _)| Ok(at.clone())).collect());
        };
        // An object without the field keeps no marker.
        let (mut records, mut places) = (Vec::new(), Vec::new());
        for (place, (at, marker)) in tags.iter().enumerate() {
            let (object, layout) = self.layouts.of_record(module, at.id.as_str())?;
            if layout.has(key) {
                places.push(place);
                records.push(json!({"attributes": {"type": object}, "Id": at.id.as_str(), key.as_str(): marker.to_string()}));
            }
        }
        let done = self.send(Method::PATCH, "composite/sobjects", records).await?;
        let mut done: BTreeMap<usize, _> = places.into_iter().zip(done).collect();
        // The old version is answered, although the tag has made a new one: the next poll then reads the record again,
        // and sees what somebody may have changed at the same moment.
        Ok(tags
            .iter()
            .enumerate()
            .map(|(place, (at, _))| {
                done.remove(&place).map_or_else(|| Ok(at.clone()), |d| d.map(|_| at.clone()))
            })
            .collect())
    }

    fn item_files(&self, module: Module) -> Option<&dyn ItemFiles> {
        let on_messages = self.layouts.email.as_ref().is_some_and(files::hang_on_messages);
        let kept = self.layouts.files.is_some() && (!module.is_log() || on_messages);
        kept.then_some(self as &dyn ItemFiles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_answer_is_in_doubt_not_refused() {
        let answer = json!([{"id": "003", "success": true, "errors": []},
            {"success": false, "errors": [{"statusCode": "REQUIRED_FIELD_MISSING", "message": "LastName", "fields": ["LastName"]}]},
            {}]);
        let sorted = sort(&answer, 4);
        assert_eq!(sorted[0], Ok("003".into()));
        assert!(matches!(&sorted[1], Err(ItemError::Invalid { reason }) if reason.contains("LastName")));
        assert!(matches!(sorted[2], Err(ItemError::InDoubt(_))));
        assert!(matches!(sorted[3], Err(ItemError::InDoubt(_))));
    }

    #[test]
    fn ids_of_15_and_18_characters_are_the_same() {
        assert_eq!(key_of("003A000001abcDEIAY"), key_of("003A000001abcDE"));
    }
}
