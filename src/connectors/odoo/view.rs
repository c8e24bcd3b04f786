//! What one user sees of the tables.

use super::refusal::Refusal;
use super::rows::{condition, list, markers, read, search, versions};
use super::session::{Failed, Method, Session, SignedIn};
use super::stage::{self, Stage};
use super::tables::Table;
use super::task::Progress;
use super::xmlrpc::Value as Rpc;
use super::{categories, contact, event, feed, lead, message, task};
use chrono_tz::Tz;
use riva_core::fault::CallError;
use riva_core::ids::{Marker, RemoteId, Version};
use riva_core::item::{Field, Module, Value};
use riva_core::ports::Fetched;
use std::collections::{BTreeMap, BTreeSet};

/// Whose items are read, and by whom.
pub struct View<'a> {
    /// Through which account.
    pub session: &'a Session,
    /// What is known of the server.
    pub known: &'a SignedIn,
    /// Whose.
    pub owner: i64,
    /// The owner's time zone.
    pub zone: Tz,
}

/// What the rows of a batch refer to.
#[derive(Clone, Copy)]
struct OfBatch<'a> {
    stages: &'a [Stage],
    /// Tags by name.
    tags: &'a BTreeMap<i64, String>,
}

impl View<'_> {
    /// Reads items; see [`riva_core::ports::Reader::fetch`].
    pub async fn fetch(&self, module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        let tables = Table::of(self.known, module)?;
        let rows: Vec<Option<(Table, i64)>> = ids.iter().map(|id| Table::row(module, id)).collect();
        let mut shown: BTreeMap<(Table, i64), Fetched> = BTreeMap::new();
        for table in tables {
            let own: Vec<i64> = rows.iter().flatten().filter(|(t, _)| *t == table).map(|(_, n)| *n).collect();
            if !own.is_empty() {
                let read = self.read_items(table, &own).await;
                let read = read.map_err(|failed| failed.call(self.session.account()))?;
                shown.extend(read.into_iter().map(|(number, fetched)| ((table, number), fetched)));
            }
        }
        // A table that cannot be seen any more says nothing of its rows.
        let show = |row: Option<(Table, i64)>| match row {
            Some(row) => shown.get(&row).cloned().unwrap_or(Fetched::OutOfScope),
            None => Fetched::Gone,
        };
        Ok(rows.into_iter().map(show).collect())
    }

    /// Reads rows of one table; there is an answer for each.
    async fn read_items(&self, table: Table, numbers: &[i64]) -> Result<BTreeMap<i64, Fetched>, Failed> {
        let model = table.model(self.known);
        let there = condition("id", "in", Rpc::list(numbers.iter().copied()));
        let seen = search(self.session, model, vec![there], None).await?;
        let seen_set: BTreeSet<i64> = seen.iter().copied().collect();
        let unseen: Vec<i64> = numbers.iter().copied().filter(|id| !seen_set.contains(id)).collect();
        // What cannot be seen may be deleted, or hidden by a rule: only the first is a deletion.
        let hidden: BTreeSet<i64> = if unseen.is_empty() {
            BTreeSet::new()
        } else {
            let answer = self.session.call(model, Method::Exists, vec![Rpc::list(unseen)]).await?;
            list(&answer)?.iter().filter_map(Rpc::int).collect()
        };
        // The version is read first: an edit in between then shows as a newer version later, never as an older one.
        let versions = versions(self.session, self.known, model, &seen).await?;
        let rows = read(self.session, model, &seen, &self.columns(table)).await?;
        let markers = markers(self.session, model, &seen).await?;
        let names = self.names_of_tags(table, rows.values()).await?;
        let stages = match &self.known.tasks {
            Some(shape) if table == Table::Tasks && shape.progress() == Progress::Folded => {
                stage::all(self.session, shape).await?
            }
            _ => Vec::new(),
        };
        let show = |number: i64| {
            if hidden.contains(&number) {
                return Fetched::OutOfScope;
            }
            match (rows.get(&number), versions.get(&number)) {
                (Some(row), Some(version)) => {
                    let of_batch = OfBatch { stages: &stages, tags: &names };
                    self.show(table, row, version, markers.get(&number).copied(), of_batch)
                }
                _ => Fetched::Gone,
            }
        };
        Ok(numbers.iter().map(|number| (*number, show(*number))).collect())
    }

    /// The columns that are read of a table.
    fn columns(&self, table: Table) -> Vec<&'static str> {
        let own = match table {
            Table::Partners => self.known.contacts.only(&contact::WANTED),
            Table::Leads => self.known.leads.as_ref().map(|l| l.only(&lead::WANTED)).unwrap_or_default(),
            Table::Tasks => {
                self.known.tasks.as_ref().map(|t| t.layout.only(&task::WANTED)).unwrap_or_default()
            }
            Table::Messages => message::READ.to_vec(),
            Table::Events => self.known.events.as_ref().map(event::Shape::columns).unwrap_or_default(),
        };
        let tags = self.known.tags.get(&table).map(|tags| tags.column);
        let tags = tags.filter(|column| !own.contains(column));
        own.into_iter().chain(tags).collect()
    }

    /// The names of the tags that rows have.
    async fn names_of_tags<'r>(
        &self,
        table: Table,
        rows: impl Iterator<Item = &'r Rpc>,
    ) -> Result<BTreeMap<i64, String>, Failed> {
        let Some(tags) = self.known.tags.get(&table) else { return Ok(BTreeMap::new()) };
        let ids = rows.filter_map(|row| categories::ids(row, tags.column)).flatten().collect();
        match tags.names(self.session, ids).await {
            // The right to see them was taken away in the meantime: nothing is known of them, and nothing follows from it.
            Err(Failed::Refused(Refusal::Forbidden(_))) => Ok(BTreeMap::new()),
            other => other,
        }
    }

    /// The categories of a row that was read. `None`: they are not known.
    fn categories(&self, table: Table, row: &Rpc, names: &BTreeMap<i64, String>) -> Option<Value> {
        let known = self.known;
        match known.tags.get(&table) {
            Some(tags) => categories::project(row, table, tags.column, names),
            // It is no lead, or none any more. If it has tags that cannot be seen, nothing is said of any.
            None if table == Table::Partners && known.leads.is_some() => {
                let tagged = categories::ids(row, "category_id").is_some_and(|mut ids| ids.next().is_some());
                (!tagged).then_some(Value::Blank)
            }
            None => None,
        }
    }

    fn show(
        &self,
        table: Table,
        row: &Rpc,
        version: &Version,
        marker: Option<Marker>,
        of_batch: OfBatch<'_>,
    ) -> Fetched {
        let known = self.known;
        // Before anything else: a masked row says "not active" too.
        if table == Table::Events
            && let Some(shape) = &known.events
            && event::is_masked(row, shape, known.uid)
        {
            return Fetched::OutOfScope;
        }
        let tasks = known.tasks.as_ref().filter(|_| table == Table::Tasks);
        if row.get("active").is_some_and(|active| !active.is_true()) || tasks.is_some_and(|t| t.is_gone(row))
        {
            return Fetched::Gone;
        }
        if table == Table::Leads && !lead::is_lead(row) {
            // It was converted: the contact that came of it is no deletion.
            return match row.get("partner_id").and_then(Rpc::many2one) {
                Some(contact) => Fetched::Became { id: Table::Partners.id(contact) },
                None => Fetched::OutOfScope,
            };
        }
        let owned = match tasks {
            Some(tasks) => tasks.owners(row).contains(&self.owner),
            // A logged message is nobody's.
            None if table == Table::Messages => true,
            None => row.get("user_id").and_then(Rpc::many2one) == Some(self.owner),
        };
        if !owned || row.get("is_company").is_some_and(Rpc::is_true) {
            return Fetched::OutOfScope;
        }
        let item = match (table, &known.leads, &known.events) {
            (Table::Partners, ..) => Ok(contact::project(row, &known.contacts, &known.places)),
            (Table::Leads, Some(layout), _) => Ok(lead::project(row, layout, &known.places)),
            (Table::Events, _, Some(shape)) => event::project(row, shape, self.zone),
            (Table::Tasks, ..) => match tasks {
                Some(tasks) => task::project(row, tasks, of_batch.stages, self.zone),
                None => return Fetched::OutOfScope,
            },
            (Table::Messages, ..) => Ok(message::project(row)),
            (Table::Leads | Table::Events, ..) => return Fetched::OutOfScope,
        };
        match item {
            Ok(mut item) => {
                if let Some(categories) = self.categories(table, row, of_batch.tags) {
                    item.set(Field::Categories, categories);
                }
                Fetched::Present {
                    version: version.clone(),
                    marker,
                    modified: feed::stamp(version.stamp()).map(|at| at.and_utc()),
                    item: Box::new(item),
                }
            }
            Err(reason) => Fetched::Unreadable { reason },
        }
    }
}
