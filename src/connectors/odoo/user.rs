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
use crate::one_second;
use async_trait::async_trait;
use chrono_tz::Tz;
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::ids::{Cursor, Marker, RemoteId, Version};
use riva_core::item::{Field, Item, Module, Value};
use riva_core::ports::{
    Capabilities, ChangePage, Draft, Fetched, ItemFiles, ListPage, Listed, MessageLog, Patch, Reader,
    RemoteRef, Removal, Silence, SilentWriter, Window, Written,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
    fn table(&self, module: Module) -> Result<Table, CallError> {
        Ok(Table::of(&self.known, module)?[0])
    }

    /// The stages of tasks, where the module is theirs.
    async fn board(&self, module: Module, ids: &[&RemoteId]) -> Result<Board, CallError> {
        let Some(shape) = self.known.tasks.as_ref().filter(|_| module == Module::Tasks) else {
            return Ok(Board::default());
        };
        let rows: Vec<i64> = ids.iter().filter_map(|id| Table::row(module, id)).map(|(_, row)| row).collect();
        Board::read(&self.session, shape, &rows).await.map_err(|failed| self.call(failed))
    }

    /// What becomes of a row's tags: from what it had when it was read to what is written.
    fn turn<'v>(&self, table: Table, had: Option<&'v Item>, set: &'v BTreeMap<Field, Value>) -> Turn<'v> {
        match set.get(&Field::Categories).filter(|_| self.known.tags.contains_key(&table)) {
            Some(wanted) => Turn::between(table, had.and_then(|item| item.get(Field::Categories)), wanted),
            None => Turn::default(),
        }
    }

    /// The tags that rows of a module are to get or to lose. What can be no tag is told an administrator.
    async fn tags(&self, module: Module, turns: &[Turn<'_>]) -> Result<Found, CallError> {
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
    fn map(
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
    fn new_row(&self, table: Table, item: &Item, marker: &Marker, board: &Board) -> BTreeMap<String, String> {
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
    async fn written(
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

    /// Writes rows one by one after a look at their versions, so that nothing newer is overwritten.
    async fn write_each(
        &self,
        module: Module,
        wanted: &[(&RemoteId, &Version)],
        content: impl Fn(usize, Table) -> Result<BTreeMap<String, Rpc>, ItemError> + Send + Sync,
    ) -> Result<Vec<Result<(Table, i64), ItemError>>, CallError> {
        let rows: Vec<Option<(Table, i64)>> = wanted.iter().map(|(id, _)| Table::row(module, id)).collect();
        let now = self.now(module, &rows).await?;
        let tables = Table::of(&self.known, module)?;
        let mut results: Vec<Result<(Table, i64), ItemError>> = Vec::with_capacity(wanted.len());
        let mut stopped: Option<String> = None;
        for (at, ((_, version), row)) in wanted.iter().zip(rows).enumerate() {
            let result = match (&stopped, row, row.and_then(|row| now.get(&row))) {
                (Some(why), ..) => Err(ItemError::NotNow(why.clone())),
                (None, Some((table, number)), Some(current))
                    if one_second::is_still(current.stamp(), version) =>
                {
                    let content = match content(at, table) {
                        Ok(content) => content,
                        Err(error) => {
                            results.push(Err(error));
                            continue;
                        }
                    };
                    // Of what was to be written nothing is kept here.
                    if content.is_empty() {
                        results.push(Ok((table, number)));
                        continue;
                    }
                    match self.write(table.model(&self.known), number, version, &content).await {
                        Ok(()) => Ok((table, number)),
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
                (None, Some((table, _)), None) if !tables.contains(&table) => Err(ItemError::Forbidden {
                    reason: format!("the connection account may not see {}", table.model(&self.known)),
                }),
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
        let expected = Rpc::map([(format!("{model},{id}"), Rpc::from(version.stamp()))]);
        let context = [("__last_update".to_owned(), expected)];
        let args = vec![Rpc::list([id]), Rpc::Map(row.clone())];
        match self.session.call_with(model, Method::Write, args, &context).await? {
            Rpc::Bool(true) => Ok(()),
            other => Err(CallError::InDoubt(format!("Odoo answers a write with {other:?}")).into()),
        }
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
        if module.is_log() {
            let done = self.log(drafts).await?;
            return Ok(self.written(module, done).await);
        }
        let table = self.table(module)?;
        if let Some(reason) =
            self.known.tasks.as_ref().filter(|_| table == Table::Tasks).and_then(task::Shape::no_new)
        {
            return Ok(vec![Err(ItemError::Forbidden { reason: reason.to_owned() }); drafts.len()]);
        }
        let board = self.board(module, &[]).await?;
        let turns: Vec<Turn<'_>> = drafts.iter().map(|d| self.turn(table, None, &d.item.fields)).collect();
        let found = self.tags(module, &turns).await?;
        let model = table.model(&self.known);
        let mut rows: Vec<BTreeMap<String, String>> =
            drafts.iter().map(|d| self.new_row(table, &d.item, &d.marker, &board)).collect();
        for (row, turn) in rows.iter_mut().zip(&turns) {
            let cell = self.known.tags.get(&table).and_then(|tags| Some((tags.column, turn.cell(&found)?)));
            row.extend(cell.map(|(column, cell)| (format!("{column}/.id"), cell)));
        }
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
        let made = made.into_iter().map(|row| row.map(|row| (table, row))).collect();
        Ok(self.written(module, made).await)
    }

    async fn update(
        &self,
        module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let wanted: Vec<_> = patches.iter().map(|p| (&p.id, &p.version)).collect();
        let board = self.board(module, &patches.iter().map(|p| &p.id).collect::<Vec<_>>()).await?;
        let turns: Vec<Turn<'_>> = patches
            .iter()
            .map(|patch| match Table::row(module, &patch.id) {
                Some((table, _)) => self.turn(table, Some(&patch.base), &patch.set),
                None => Turn::default(),
            })
            .collect();
        let found = self.tags(module, &turns).await?;
        let content = |at: usize, table| {
            let mut row = self.map(table, Some(&patches[at].id), &patches[at].set, &board);
            let tags = self.known.tags.get(&table);
            row.extend(tags.and_then(|tags| Some((tags.column.to_owned(), turns[at].commands(&found)?))));
            Ok(row)
        };
        let done = self.write_each(module, &wanted, content).await?;
        Ok(self.written(module, done).await)
    }

    async fn delete(
        &self,
        module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        if module.is_log() {
            return self.take_out(removals).await;
        }
        let board = self.board(module, &removals.iter().map(|r| &r.id).collect::<Vec<_>>()).await?;
        let archive = |at: usize, table| -> Result<BTreeMap<String, Rpc>, ItemError> {
            if table != Table::Tasks || !self.known.seven {
                return Ok([("active".to_owned(), Rpc::Bool(false))].into());
            }
            // A task of OpenERP 7 can only be cancelled.
            let row = Table::row(module, &removals[at].id).map(|(_, row)| row);
            let stage = board.stage(row, task::CANCELLED).ok_or_else(|| ItemError::Invalid {
                reason: "no stage for tasks has the status Cancelled: make one in OpenERP (Project > Stages)"
                    .into(),
            })?;
            Ok([("stage_id".to_owned(), Rpc::Int(stage))].into())
        };
        let wanted: Vec<_> = removals.iter().map(|r| (&r.id, &r.version)).collect();
        let done = self.write_each(module, &wanted, archive).await?;
        Ok(done.into_iter().map(|d| d.map(|_| ())).collect())
    }

    async fn tag(
        &self,
        module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        if !self.known.may_tag {
            return Ok(tags.iter().map(|(at, _)| Ok(at.clone())).collect());
        }
        let markers: Vec<Marker> = tags.iter().map(|(_, marker)| *marker).collect();
        let there = self.probe(module, &markers).await?;
        let mut results: Vec<Result<RemoteRef, ItemError>> = Vec::with_capacity(tags.len());
        for ((at, marker), already) in tags.iter().zip(there) {
            let Some((table, row)) = Table::row(module, &at.id) else {
                results.push(Err(ItemError::Gone));
                continue;
            };
            if already.iter().any(|found| found.id == at.id) {
                results.push(Ok(at.clone()));
                continue;
            }
            let tag = Rpc::map([
                ("module", Rpc::from(external_id::MODULE)),
                ("name", Rpc::from(external_id::name(marker))),
                ("model", Rpc::from(table.model(&self.known))),
                ("res_id", Rpc::Int(row)),
                ("noupdate", Rpc::Bool(true)),
            ]);
            results.push(match self.session.call("ir.model.data", Method::Create, vec![tag]).await {
                // The row itself is untouched, and with it its version.
                Ok(_) => Ok(at.clone()),
                Err(Failed::Refused(refusal)) => Err(refusal.item()),
                Err(Failed::Call(error)) if results.is_empty() && !matches!(error, CallError::InDoubt(_)) => {
                    return Err(error);
                }
                Err(Failed::Call(error)) => Err(in_doubt_or_later(&error)),
            });
        }
        Ok(results)
    }

    fn item_files(&self, module: Module) -> Option<&dyn ItemFiles> {
        let kept = self.known.files.is_some() && (!module.is_log() || self.known.files_on_messages);
        kept.then_some(self as &dyn ItemFiles)
    }
}

/// What a call that failed says of the item that it was for.
pub fn in_doubt_or_later(error: &CallError) -> ItemError {
    match error {
        CallError::InDoubt(why) => ItemError::InDoubt(why.clone()),
        other => ItemError::NotNow(other.to_string()),
    }
}
