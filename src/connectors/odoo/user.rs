//! One user's contacts, leads, events and tasks.

use super::abilities::capabilities;
use super::categories::Turn;
use super::event::write_time;
use super::refusal::Refusal;
use super::rows::{self, condition, search, versions};
use super::session::{Failed, Method, Session, SignedIn};
use super::stage::Board;
use super::tables::Table;
use super::tags::Found;
use super::view::View;
use super::xmlrpc::Value as Rpc;
use super::{contact, event, external_id, feed, lead, task};
use async_trait::async_trait;
use chrono_tz::Tz;
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::ids::{Cursor, Marker, RemoteId, Version};
use riva_core::item::{Field, Item, Module, Value};
use riva_core::ports::{
    Capabilities, ChangePage, Fetched, ListPage, Listed, MessageLog, Reader, RemoteRef, Window, Written,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// One user's rows.
pub struct User {
    pub(super) session: Arc<Session>,
    pub(super) known: Arc<SignedIn>,
    pub(super) owner: i64,
    /// The user's own contact, which Odoo 8 and later show the user's events by.
    partner: Option<i64>,
    zone: Tz,
    capabilities: Capabilities,
    /// What is to be told an administrator.
    remarks: Mutex<Vec<(Module, String)>>,
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
        Self { session, known, owner, partner, zone, capabilities, remarks: Mutex::default() }
    }

    pub(super) fn call(&self, failed: Failed) -> CallError {
        failed.call(self.session.account())
    }

    /// The table that new items of a module go into.
    pub(super) fn table(&self, module: Module) -> Result<Table, CallError> {
        Ok(Table::of(&self.known, module)?[0])
    }

    /// The stages of tasks, where the module is theirs.
    pub(super) async fn board(&self, module: Module, ids: &[&RemoteId]) -> Result<Board, CallError> {
        let Some(shape) = self.known.tasks.as_ref().filter(|_| module == Module::Tasks) else {
            return Ok(Board::default());
        };
        let rows: Vec<i64> = ids.iter().filter_map(|id| Table::row(module, id)).map(|(_, row)| row).collect();
        Board::read(&self.session, shape, &rows).await.map_err(|failed| self.call(failed))
    }

    /// What becomes of a row's tags: from what it had when it was read to what is written.
    pub(super) fn turn<'v>(
        &self,
        table: Table,
        had: Option<&'v Item>,
        set: &'v BTreeMap<Field, Value>,
    ) -> Turn<'v> {
        match set.get(&Field::Categories).filter(|_| self.known.tags.contains_key(&table)) {
            Some(wanted) => Turn::between(table, had.and_then(|item| item.get(Field::Categories)), wanted),
            None => Turn::default(),
        }
    }

    /// The tags that rows of a module are to get or to lose. What can be no tag is told an administrator.
    pub(super) async fn tags(&self, module: Module, turns: &[Turn<'_>]) -> Result<Found, CallError> {
        let Some(tags) = self.known.tags.get(&self.table(module)?) else { return Ok(Found::default()) };
        let add: BTreeSet<&str> = turns.iter().flat_map(|turn| turn.add.iter().copied()).collect();
        let remove: BTreeSet<&str> = turns.iter().flat_map(|turn| turn.remove.iter().copied()).collect();
        let found = tags.find_or_make(&self.session, &add, &remove).await.map_err(|f| self.call(f))?;
        for (name, why) in &found.kept_out {
            let text = format!("the category {name} stays in the mailbox alone: {why} ({})", tags.model);
            if self.session.is_news(self.owner, &text) {
                self.remarks.lock().unwrap_or_else(PoisonError::into_inner).push((module, text));
            }
        }
        Ok(found)
    }

    /// What to write of an item's fields; of a new one, without an id.
    pub(super) fn map(
        &self,
        table: Table,
        id: Option<&RemoteId>,
        set: &BTreeMap<Field, Value>,
        board: &Board,
    ) -> BTreeMap<String, Rpc> {
        let known = &self.known;
        match (table, &known.leads, &known.events) {
            (Table::Partners, ..) => contact::map(set, &known.contacts, &known.places),
            (Table::Leads, Some(layout), _) => lead::map(set, layout, &known.places),
            (Table::Events, _, Some(shape)) => event::map(set, shape, self.zone),
            (Table::Tasks, ..) => match &known.tasks {
                Some(shape) => {
                    let row = id.and_then(|id| Table::row(Module::Tasks, id)).map(|(_, row)| row);
                    task::map(set, shape, self.zone, |status| board.stage(row, task::state(status)))
                }
                None => BTreeMap::new(),
            },
            // A logged message is never changed.
            (Table::Messages | Table::Leads | Table::Events, ..) => BTreeMap::new(),
        }
    }

    /// The row of a new item, as `load` wants it: a text for each column.
    pub(super) fn new_row(
        &self,
        table: Table,
        item: &Item,
        marker: &Marker,
        board: &Board,
    ) -> BTreeMap<String, String> {
        let mut cells: BTreeMap<String, String> = self
            .map(table, None, &item.fields, board)
            .into_iter()
            .map(|(column, value)| {
                if column.ends_with("_id") { (column + "/.id", cell(&value)) } else { (column, cell(&value)) }
            })
            .collect();
        cells.insert("id".into(), external_id::full(marker));
        cells.insert("user_id/.id".into(), self.owner.to_string());
        match (table, self.known.seven, self.partner) {
            // The picture that OpenERP 7 draws for new contacts is nobody's.
            (Table::Partners, true, _) => drop(cells.insert("image".into(), String::new())),
            // Without this the connection account itself would attend.
            (Table::Events, false, Some(partner)) => {
                cells.insert("partner_ids/.id".into(), partner.to_string());
            }
            _ => {}
        }
        cells
    }

    /// Loads rows that have the same columns. A refusal undoes all of them.
    pub(super) async fn load(
        &self,
        model: &str,
        rows: &[&BTreeMap<String, String>],
    ) -> Result<Vec<i64>, Failed> {
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
        if reasons.is_empty() {
            // All rows or none, says the contract, and why; this is neither.
            let what = format!("Odoo tells the ids of {} rows out of {}, and not why", ids.len(), rows.len());
            return Err(CallError::InDoubt(what).into());
        }
        Err(Failed::Refused(Refusal::Invalid(reasons.join("; "))))
    }

    /// Answers writes with the items as they are now. What cannot be read is left to the engine to look for.
    pub(super) async fn written(
        &self,
        module: Module,
        done: Vec<Result<(Table, i64), ItemError>>,
    ) -> Vec<Result<Written, ItemError>> {
        let ids: Vec<RemoteId> =
            done.iter().filter_map(|d| d.as_ref().ok()).map(|(table, row)| table.id(*row)).collect();
        let shown = self.fetch(module, &ids).await.unwrap_or_default();
        let mut written: BTreeMap<RemoteId, Written> = BTreeMap::new();
        for (id, fetched) in ids.into_iter().zip(shown) {
            if let Fetched::Present { version, item, .. } = fetched {
                written.insert(id.clone(), Written { at: RemoteRef { id, version }, item: Some(item) });
            }
        }
        done.into_iter()
            .map(|d| {
                let (table, row) = d?;
                // Done, but it cannot be read back now: a probe by the marker, or the next reading, tells.
                let unread = || ItemError::InDoubt("written, but it could not be read back".into());
                written.remove(&table.id(row)).ok_or_else(unread)
            })
            .collect()
    }

    /// The rows' versions now, of those that can be seen.
    pub(super) async fn now(
        &self,
        module: Module,
        rows: &[Option<(Table, i64)>],
    ) -> Result<BTreeMap<(Table, i64), Version>, CallError> {
        let mut now = BTreeMap::new();
        for table in Table::of(&self.known, module)? {
            let own = rows.iter().flatten().filter(|(t, _)| *t == table).map(|(_, row)| *row);
            let own: Vec<i64> = own.collect();
            if own.is_empty() {
                continue;
            }
            let model = table.model(&self.known);
            let versions = async {
                // Only rows that exist may be asked for; a rule may hide one of them.
                let there = vec![condition("id", "in", Rpc::list(own))];
                let seen = search(&self.session, model, there, None).await?;
                versions(&self.session, &self.known, model, &seen).await
            };
            let versions = versions.await.map_err(|failed| self.call(failed))?;
            now.extend(versions.into_iter().map(|(row, version)| ((table, row), version)));
        }
        Ok(now)
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
        let tables = Table::of(&self.known, module)?;
        // A table after the other: where one ends, the next begins before its first row.
        let (table, from) = match after {
            Some(after) => Table::row(module, &RemoteId::new(after.as_str()))
                .filter(|(table, _)| tables.contains(table))
                .ok_or_else(|| CallError::CursorLost("this is no place in a listing of Odoo's".into()))?,
            None => (tables[0], 0),
        };
        let (column, is) = match &self.known.tasks {
            Some(tasks) if table == Table::Tasks && tasks.owner() == "user_ids" => ("user_ids", "in"),
            _ => ("user_id", "="),
        };
        let owner = if is == "in" { Rpc::list([self.owner]) } else { Rpc::Int(self.owner) };
        let mut domain = vec![condition(column, is, owner), condition("active", "=", true)];
        match (table, &self.known.events, window) {
            (Table::Tasks, ..) if self.known.seven => domain.push(condition("state", "!=", task::CANCELLED)),
            (Table::Partners, ..) => domain.push(condition("is_company", "=", false)),
            (Table::Leads, ..) => domain.push(condition("type", "=", "lead")),
            (Table::Events, Some(shape), Some(window)) => {
                // A series is listed from its first day on, which may lie before the window.
                domain.extend([
                    condition(shape.start(), "<=", write_time(window.to)),
                    Rpc::from("|"),
                    condition("recurrency", "=", true),
                    condition(shape.stop(), ">=", write_time(window.from)),
                ]);
            }
            (Table::Events | Table::Tasks | Table::Messages, ..) => {}
        }
        let (stamps, last) = feed::list(&self.session, &self.known, table, domain, from)
            .await
            .map_err(|failed| self.call(failed))?;
        let items = stamps.into_iter().map(|(row, version)| Listed { id: table.id(row), version }).collect();
        let following = || tables.iter().skip_while(|t| **t != table).nth(1).map(|next| next.id(0));
        let next = last.map(|row| table.id(row)).or_else(following);
        Ok(ListPage { items, next: next.map(|at| Cursor::new(at.as_str())) })
    }

    async fn fetch(&self, module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        let view = View { session: &self.session, known: &self.known, owner: self.owner, zone: self.zone };
        view.fetch(module, ids).await
    }

    fn message_log(&self) -> Option<&dyn MessageLog> {
        self.known.messages.as_ref().map(|_| self as &dyn MessageLog)
    }

    fn remarks(&self, module: Module) -> Vec<String> {
        let mut remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        let (of_module, rest) = std::mem::take(&mut *remarks).into_iter().partition(|(of, _)| *of == module);
        *remarks = rest;
        let of_module: Vec<(Module, String)> = of_module;
        of_module.into_iter().map(|(_, text)| text).collect()
    }

    async fn probe(&self, module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        let tables = Table::of(&self.known, module)?;
        let mut found: BTreeMap<Marker, Vec<RemoteRef>> = BTreeMap::new();
        for table in tables {
            let of_table = self.marked(table, markers).await.map_err(|failed| self.call(failed))?;
            for (marker, at) in of_table {
                found.entry(marker).or_default().push(at);
            }
        }
        Ok(markers.iter().map(|marker| found.get(marker).cloned().unwrap_or_default()).collect())
    }
}

impl User {
    /// The rows of a table that carry one of these markers.
    async fn marked(&self, table: Table, markers: &[Marker]) -> Result<Vec<(Marker, RemoteRef)>, Failed> {
        let model = table.model(&self.known);
        let names = Rpc::list(markers.iter().map(external_id::name));
        let domain = vec![
            condition("module", "=", external_id::MODULE),
            condition("model", "=", model),
            condition("name", "in", names),
        ];
        let found = search(&self.session, "ir.model.data", domain, None).await?;
        let ids = rows::read(&self.session, "ir.model.data", &found, &["name", "res_id"]).await?;
        let marked: Vec<(Marker, i64)> = ids
            .values()
            .filter_map(|row| Some((external_id::read(row.get("name")?.str())?, rows::target(row)?)))
            .collect();
        let targets = condition("id", "in", Rpc::list(marked.iter().map(|(_, row)| *row)));
        let there = search(&self.session, model, vec![targets], None).await?;
        let stamps = versions(&self.session, &self.known, model, &there).await?;
        Ok(marked
            .into_iter()
            .filter_map(|(marker, row)| {
                Some((marker, RemoteRef { id: table.id(row), version: stamps.get(&row)?.clone() }))
            })
            .collect())
    }
}
