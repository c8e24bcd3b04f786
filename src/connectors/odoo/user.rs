//! One user's contacts and events.

use super::event::{Shape, write_time};
use super::refusal::Refusal;
use super::rows::{self, BATCH, condition, model, number, search, versions};
use super::session::{Failed, Method, Session, SignedIn};
use super::xmlrpc::Value as Rpc;
use super::{contact, event, external_id, feed};
use crate::one_second;
use async_trait::async_trait;
use chrono_tz::Tz;
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::{Cursor, Marker, RemoteId, Version};
use riva_core::item::{Field, Item, Module, Value};
use riva_core::ports::{
    Capabilities, ChangePage, Draft, Fetched, ListPage, Listed, ModuleCapabilities, Patch, Precision, Reader,
    RemoteRef, Removal, SeriesSupport, Silence, SilentWriter, Window, Written,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// One user's rows.
pub struct User {
    session: Arc<Session>,
    known: Arc<SignedIn>,
    owner: i64,
    /// The user's own contact, which Odoo 8 and later show the user's events by.
    partner: Option<i64>,
    zone: Tz,
    capabilities: Capabilities,
}

impl User {
    /// The rows of a user with this id, own contact and time zone.
    pub fn new(
        session: Arc<Session>,
        known: Arc<SignedIn>,
        owner: i64,
        partner: Option<i64>,
        zone: Tz,
    ) -> Self {
        let capabilities = capabilities(&known);
        Self { session, known, owner, partner, zone, capabilities }
    }

    fn call(&self, failed: Failed) -> CallError {
        failed.call(self.session.account())
    }

    /// What to write for an item or a patch.
    fn map(&self, module: Module, set: &BTreeMap<Field, Value>) -> BTreeMap<String, Rpc> {
        match (module, &self.known.events) {
            (Module::Calendar, Some(shape)) => event::map(set, shape, self.zone),
            _ => contact::map(set, &self.known.contacts, &self.known.places),
        }
    }

    /// The row of a new item, as `load` wants it: a text for each column.
    fn new_row(&self, module: Module, item: &Item, marker: &Marker) -> BTreeMap<String, String> {
        let mut cells: BTreeMap<String, String> = self
            .map(module, &item.fields)
            .into_iter()
            .map(|(column, value)| {
                if column.ends_with("_id") { (column + "/.id", cell(&value)) } else { (column, cell(&value)) }
            })
            .collect();
        cells.insert("id".into(), external_id::full(marker));
        cells.insert("user_id/.id".into(), self.owner.to_string());
        match (module, self.known.seven, self.partner) {
            // The picture that OpenERP 7 draws for new contacts is nobody's.
            (Module::Contacts, true, _) => drop(cells.insert("image".into(), String::new())),
            // Without this the connection account itself would attend.
            (Module::Calendar, false, Some(partner)) => {
                cells.insert("partner_ids/.id".into(), partner.to_string());
            }
            _ => {}
        }
        cells
    }

    /// Loads rows that have the same columns. A refusal undoes all of them.
    async fn load(&self, model: &str, rows: &[&BTreeMap<String, String>]) -> Result<Vec<i64>, Failed> {
        let Some(first) = rows.first() else { return Ok(Vec::new()) };
        let columns = Rpc::list(first.keys().map(String::as_str));
        let data = Rpc::List(rows.iter().map(|row| Rpc::list(row.values().map(String::as_str))).collect());
        let answer = self.session.call(model, Method::Load, vec![columns, data]).await?;
        let ids: Vec<i64> =
            answer.get("ids").map(Rpc::items).unwrap_or_default().iter().filter_map(Rpc::int).collect();
        if ids.len() == rows.len() {
            return Ok(ids);
        }
        let reasons: Vec<&str> = answer
            .get("messages")
            .map(Rpc::items)
            .unwrap_or_default()
            .iter()
            .filter_map(|m| m.get("message").map(Rpc::str))
            .collect();
        Err(Failed::Refused(Refusal::Invalid(reasons.join("; "))))
    }

    /// Rows as they are now, to answer a write with. What cannot be read is left to the engine to read.
    async fn written(&self, module: Module, ids: &[i64]) -> BTreeMap<i64, Written> {
        let remote: Vec<RemoteId> = ids.iter().map(|id| RemoteId::new(id.to_string())).collect();
        let shown = self.fetch(module, &remote).await.unwrap_or_default();
        let mut written: BTreeMap<i64, Written> = BTreeMap::new();
        for ((number, id), fetched) in ids.iter().zip(remote).zip(shown) {
            if let Fetched::Present { version, item, .. } = fetched {
                written.insert(*number, Written { at: RemoteRef { id, version }, item: Some(item) });
            }
        }
        written
    }

    /// Writes rows one by one after a look at their versions, so that nothing newer is overwritten.
    async fn write_each(
        &self,
        model: &str,
        wanted: &[(&RemoteId, &Version, BTreeMap<String, Rpc>)],
    ) -> Result<Vec<Result<i64, ItemError>>, CallError> {
        let ids: Vec<i64> = wanted.iter().filter_map(|(id, ..)| number(id)).collect();
        // Only rows that exist may be asked for; a rule may hide one of them.
        let seen = search(&self.session, model, vec![condition("id", "in", Rpc::list(ids))], None)
            .await
            .map_err(|f| self.call(f))?;
        let now = versions(&self.session, &self.known, model, &seen).await.map_err(|f| self.call(f))?;
        let mut results: Vec<Result<i64, ItemError>> = Vec::with_capacity(wanted.len());
        let mut stopped: Option<String> = None;
        for (id, version, row) in wanted {
            let number = number(id);
            let result = match (&stopped, number, number.and_then(|n| now.get(&n))) {
                (Some(why), ..) => Err(ItemError::NotNow(why.clone())),
                (None, Some(n), Some(current))
                    if one_second::is_still(one_second::stamp(current), version) =>
                {
                    match self.write(model, n, version, row).await {
                        Ok(()) => Ok(n),
                        Err(Failed::Refused(refusal)) => Err(refusal.item()),
                        // Earlier rows are written: the answer must be one for each item from here on.
                        Err(Failed::Call(CallError::InDoubt(why))) => {
                            stopped = Some(why.clone());
                            Err(ItemError::InDoubt(why))
                        }
                        Err(Failed::Call(error)) if results.iter().all(Result::is_err) => return Err(error),
                        Err(Failed::Call(error)) => {
                            stopped = Some(error.to_string());
                            Err(ItemError::NotNow(error.to_string()))
                        }
                    }
                }
                (None, _, Some(_)) => Err(ItemError::VersionMoved),
                (None, _, None) => Err(ItemError::Gone),
            };
            results.push(result);
        }
        Ok(results)
    }

    async fn write(
        &self,
        model: &str,
        id: i64,
        version: &Version,
        row: &BTreeMap<String, Rpc>,
    ) -> Result<(), Failed> {
        // OpenERP 7 compares in the same transaction; Odoo 8 and later ignore it.
        let expected = Rpc::map([(format!("{model},{id}"), Rpc::from(one_second::stamp(version)))]);
        let context = [("__last_update".to_owned(), expected)];
        let args = vec![Rpc::list([id]), Rpc::Map(row.clone())];
        self.session.call_with(model, Method::Write, args, &context).await.map(|_| ())
    }
}

/// A value as a text, as `load` reads it.
fn cell(value: &Rpc) -> String {
    match value {
        Rpc::Bool(true) => "1".to_owned(),
        Rpc::Int(n) => n.to_string(),
        Rpc::Double(x) => x.to_string(),
        Rpc::Text(text) => text.clone(),
        _ => String::new(),
    }
}

/// The account that no rule of OpenERP 7 applies to (`admin`).
const SUPERUSER: i64 = 1;

/// What Odoo can hold and do with one account's rights.
pub fn capabilities(known: &SignedIn) -> Capabilities {
    let keys = |keys: &[&str]| keys.iter().map(|k| (*k).to_owned()).collect::<BTreeSet<_>>();
    let module = |reads: BTreeSet<Field>, writes: BTreeSet<Field>, required: &[Field]| ModuleCapabilities {
        reads,
        writes,
        required: required.iter().copied().collect(),
        max_len: BTreeMap::new(),
        set_keys: BTreeMap::new(),
        parts: BTreeMap::new(),
        precision: Precision { minutes_only: false, utc_only: true },
        deletions_by_listing: true,
        cool_down_secs: 0,
        batch: BATCH,
        can_tag: known.may_tag,
        can_probe: true,
        create_is_idempotent: true,
        series: SeriesSupport::None,
    };
    let mut modules = BTreeMap::new();
    let fields = known.contacts.fields();
    let mut contacts = module(fields.clone(), fields, &[Field::Name]);
    contacts.set_keys = [
        (Field::Emails, keys(&["1"])),
        (Field::Urls, keys(&["1"])),
        (Field::Phones, known.contacts.phone_labels()),
    ]
    .into();
    contacts.parts = [(Field::Organization, keys(&["title"]))].into();
    if known.seven {
        contacts.max_len = [
            (Field::Name, 128),
            (Field::Organization, 128),
            (Field::Emails, 240),
            (Field::Phones, 64),
            (Field::Urls, 64),
        ]
        .into();
    }
    modules.insert(Module::Contacts, contacts);
    if known.events.is_some() {
        let mut writes = Shape::writes();
        if known.seven && known.uid != SUPERUSER {
            // A global rule of OpenERP 7 hides meetings that are shown as free from all but their owner and the
            // superuser: after writing one we could not read it any more.
            writes.remove(&Field::ShowAs);
        }
        let mut events = module(Shape::reads(), writes, &[Field::When, Field::Summary]);
        if known.seven {
            events.max_len = [(Field::Summary, 128), (Field::Location, 264)].into();
        }
        modules.insert(Module::Calendar, events);
    }
    Capabilities { modules }
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
        let model = model(&self.known, module)?;
        let mut domain = vec![condition("user_id", "=", self.owner), condition("active", "=", true)];
        match (&self.known.events, module, window) {
            (Some(shape), Module::Calendar, Some(window)) => {
                // A series is listed from its first day on, which may lie before the window.
                domain.extend([
                    condition(shape.start(), "<=", write_time(window.to)),
                    Rpc::from("|"),
                    condition("recurrency", "=", true),
                    condition(shape.stop(), ">=", write_time(window.from)),
                ]);
            }
            (_, Module::Contacts, _) => domain.push(condition("is_company", "=", false)),
            _ => {}
        }
        let (stamps, next) =
            feed::list(&self.session, &self.known, model, domain, after).await.map_err(|f| self.call(f))?;
        let items = stamps
            .into_iter()
            .map(|(id, version)| Listed { id: RemoteId::new(id.to_string()), version })
            .collect();
        Ok(ListPage { items, next })
    }

    async fn fetch(&self, module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        rows::fetch(&self.session, &self.known, module, self.owner, self.zone, ids).await
    }

    async fn probe(&self, module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        let model = model(&self.known, module)?;
        let probe = async {
            let names = Rpc::list(markers.iter().map(external_id::name));
            let domain = vec![
                condition("module", "=", external_id::MODULE),
                condition("model", "=", model),
                condition("name", "in", names),
            ];
            let found = search(&self.session, "ir.model.data", domain, None).await?;
            let ids = rows::read(&self.session, "ir.model.data", &found, &["name", "res_id"]).await?;
            let mut by_marker: BTreeMap<Marker, Vec<i64>> = BTreeMap::new();
            for row in ids.values() {
                let marker = row.get("name").map(Rpc::str).and_then(external_id::read);
                let target = row.get("res_id").and_then(|id| id.int().or_else(|| id.many2one()));
                if let (Some(marker), Some(target)) = (marker, target) {
                    by_marker.entry(marker).or_default().push(target);
                }
            }
            let targets: Vec<i64> = by_marker.values().flatten().copied().collect();
            let there =
                search(&self.session, model, vec![condition("id", "in", Rpc::list(targets))], None).await?;
            let stamps = versions(&self.session, &self.known, model, &there).await?;
            Ok(markers
                .iter()
                .map(|marker| {
                    let ids = by_marker.get(marker).map(Vec::as_slice).unwrap_or_default();
                    ids.iter()
                        .filter_map(|id| {
                            Some(RemoteRef {
                                id: RemoteId::new(id.to_string()),
                                version: stamps.get(id)?.clone(),
                            })
                        })
                        .collect()
                })
                .collect())
        };
        probe.await.map_err(|failed| self.call(failed))
    }
}

#[async_trait]
impl SilentWriter for User {
    fn silence(&self) -> Silence {
        Silence::ByRequest
    }

    async fn create(
        &self,
        module: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let model = model(&self.known, module)?;
        let rows: Vec<BTreeMap<String, String>> =
            drafts.iter().map(|d| self.new_row(module, &d.item, &d.marker)).collect();
        let mut made: Vec<Result<i64, ItemError>> =
            vec![Err(ItemError::NotNow("not tried".into())); rows.len()];
        // Rows with the same columns go together.
        let mut groups: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            groups.entry(row.keys().map(String::as_str).collect()).or_default().push(at);
        }
        let mut stopped: Option<ItemError> = None;
        for group in groups.into_values() {
            // Together first; if one of them is bad, all was undone, and each on its own tells which.
            let mut tries = VecDeque::from([group]);
            while let Some(some) = tries.pop_front() {
                if let Some(why) = &stopped {
                    for at in some {
                        made[at] = Err(why.clone());
                    }
                    continue;
                }
                let together: Vec<&BTreeMap<String, String>> = some.iter().map(|at| &rows[*at]).collect();
                match self.load(model, &together).await {
                    Ok(ids) => {
                        for (at, id) in some.into_iter().zip(ids) {
                            made[at] = Ok(id);
                        }
                    }
                    Err(Failed::Refused(refusal)) if some.len() == 1 => made[some[0]] = Err(refusal.item()),
                    Err(Failed::Refused(_)) => tries.extend(some.into_iter().map(|at| vec![at])),
                    Err(Failed::Call(error)) => {
                        if made.iter().all(Result::is_err) && !matches!(error, CallError::InDoubt(_)) {
                            return Err(error);
                        }
                        let why = in_doubt_or_later(&error);
                        for at in some {
                            made[at] = Err(why.clone());
                        }
                        stopped = Some(ItemError::NotNow(error.to_string()));
                    }
                }
            }
        }
        let ids: Vec<i64> = made.iter().filter_map(|m| m.as_ref().ok().copied()).collect();
        let mut written = self.written(module, &ids).await;
        Ok(made
            .into_iter()
            .map(|m| {
                let id = m?;
                // Made, but it cannot be read back now: a probe by the marker finds it.
                written
                    .remove(&id)
                    .ok_or_else(|| ItemError::InDoubt("made, but it could not be read back".into()))
            })
            .collect())
    }

    async fn update(
        &self,
        module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let model = model(&self.known, module)?;
        let wanted: Vec<_> = patches.iter().map(|p| (&p.id, &p.version, self.map(module, &p.set))).collect();
        let done = self.write_each(model, &wanted).await?;
        let ids: Vec<i64> = done.iter().filter_map(|d| d.as_ref().ok().copied()).collect();
        let mut written = self.written(module, &ids).await;
        Ok(done
            .into_iter()
            .map(|d| {
                let id = d?;
                written
                    .remove(&id)
                    .ok_or_else(|| ItemError::InDoubt("written, but it could not be read back".into()))
            })
            .collect())
    }

    async fn delete(
        &self,
        module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        let model = model(&self.known, module)?;
        let archive: BTreeMap<String, Rpc> = [("active".to_owned(), Rpc::Bool(false))].into();
        let wanted: Vec<_> = removals.iter().map(|r| (&r.id, &r.version, archive.clone())).collect();
        Ok(self.write_each(model, &wanted).await?.into_iter().map(|d| d.map(|_| ())).collect())
    }

    async fn tag(
        &self,
        module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        let model = model(&self.known, module)?;
        if !self.known.may_tag {
            return Ok(tags.iter().map(|(at, _)| Ok(at.clone())).collect());
        }
        let markers: Vec<Marker> = tags.iter().map(|(_, marker)| *marker).collect();
        let there = self.probe(module, &markers).await?;
        let mut results: Vec<Result<RemoteRef, ItemError>> = Vec::with_capacity(tags.len());
        for ((at, marker), already) in tags.iter().zip(there) {
            let Some(id) = number(&at.id) else {
                results.push(Err(ItemError::Gone));
                continue;
            };
            if already.iter().any(|found| found.id == at.id) {
                results.push(Ok(at.clone()));
                continue;
            }
            let row = Rpc::map([
                ("module", Rpc::from(external_id::MODULE)),
                ("name", Rpc::from(external_id::name(marker))),
                ("model", Rpc::from(model)),
                ("res_id", Rpc::Int(id)),
                ("noupdate", Rpc::Bool(true)),
            ]);
            results.push(match self.session.call("ir.model.data", Method::Create, vec![row]).await {
                // The row itself is untouched, and with it its version.
                Ok(_) => Ok(at.clone()),
                Err(Failed::Refused(refusal)) => Err(refusal.item()),
                Err(Failed::Call(error)) => Err(in_doubt_or_later(&error)),
            });
        }
        Ok(results)
    }
}

fn in_doubt_or_later(error: &CallError) -> ItemError {
    match error {
        CallError::InDoubt(why) => ItemError::InDoubt(why.clone()),
        other => ItemError::NotNow(other.to_string()),
    }
}
