//! What is written for a user: rows that are made together, and changed one by one.

use super::categories::Turn;
use super::session::{Failed, Method};
use super::tables::Table;
use super::user::User;
use super::xmlrpc::Value as Rpc;
use super::{external_id, task};
use crate::one_second;
use async_trait::async_trait;
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::{Marker, RemoteId, Version};
use riva_core::item::Module;
use riva_core::ports::{
    Draft, ItemFiles, Patch, Reader as _, RemoteRef, Removal, Silence, SilentWriter, Written,
};
use std::collections::{BTreeMap, VecDeque};

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

impl User {
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

/// What a call that failed says of the item that it was for.
pub fn in_doubt_or_later(error: &CallError) -> ItemError {
    match error {
        CallError::InDoubt(why) => ItemError::InDoubt(why.clone()),
        other => ItemError::NotNow(other.to_string()),
    }
}
