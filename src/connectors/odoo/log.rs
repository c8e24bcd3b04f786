//! What is asked of the log of e-mail, and how messages get into it.

use super::external_id::MODULE;
use super::message::{self, bare};
use super::rows::{condition, read, search, versions};
use super::session::{Failed, Method};
use super::tables::Table;
use super::user::User;
use super::writer::in_doubt_or_later;
use super::xmlrpc::Value as Rpc;
use super::{lead, rows};
use crate::one_second;
use async_trait::async_trait;
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::{EmailAddress, RemoteId};
use riva_core::item::Module;
use riva_core::ports::{ActiveRecords, Draft, MessageLog, Person, PersonKind, RemoteRef, Removal};
use std::collections::{BTreeMap, BTreeSet};

/// Addresses, or Message-IDs, in one question.
pub(super) const QUESTION: usize = 50;

impl User {
    /// Logs messages, each with all of its rows in one transaction.
    pub(super) async fn log(
        &self,
        drafts: &[Draft],
    ) -> Result<Vec<Result<(Table, i64), ItemError>>, CallError> {
        Table::of(&self.known, Module::Email)?;
        let Some(layout) = &self.known.messages else { return Ok(Vec::new()) };
        let mut done = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let rows = match message::rows(&draft.item, layout, |table| table.model(&self.known)) {
                Ok(rows) => rows,
                Err(error) => {
                    done.push(Err(error));
                    continue;
                }
            };
            let rows: Vec<&BTreeMap<String, String>> = rows.iter().collect();
            match self.load(Table::Messages.model(&self.known), &rows).await {
                Ok(ids) => done.push(
                    ids.first()
                        .map(|id| (Table::Messages, *id))
                        .ok_or_else(|| ItemError::InDoubt("the answer lacks the message's id".into())),
                ),
                Err(Failed::Refused(refusal)) => done.push(Err(match refusal.item() {
                    // Of a message that is new, nothing but one of its people, or its record, can be gone.
                    ItemError::Gone => ItemError::NotNow(
                        "somebody in it, or the record that it is about, was deleted in the CRM meanwhile"
                            .into(),
                    ),
                    error => error,
                })),
                // What was made before is told.
                Err(Failed::Call(error)) if done.is_empty() => return Err(error),
                Err(Failed::Call(error)) => {
                    done.push(Err(in_doubt_or_later(&error)));
                    break;
                }
            }
        }
        done.resize(drafts.len(), Err(ItemError::NotNow("an earlier message could not be logged".into())));
        Ok(done)
    }

    /// Takes messages out of the log again, all rows of each in one transaction. What somebody else has logged stays.
    pub(super) async fn take_out(
        &self,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        let rows: Vec<_> = removals.iter().map(|r| Table::row(Module::Email, &r.id)).collect();
        let now = self.now(Module::Email, &rows).await?;
        let mut done: Vec<Result<(), ItemError>> = Vec::with_capacity(removals.len());
        for (removal, row) in removals.iter().zip(rows) {
            let result = match row.and_then(|row| Some((row.1, now.get(&row)?))) {
                None => Err(ItemError::Gone),
                Some((_, current)) if !one_second::is_still(current.stamp(), &removal.version) => {
                    Err(ItemError::VersionMoved)
                }
                Some((row, _)) => match self.unlink(row).await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(ItemError::Forbidden { reason: "somebody else has logged it".into() }),
                    Err(Failed::Refused(refusal)) => Err(refusal.item()),
                    Err(Failed::Call(error)) if done.is_empty() => return Err(error),
                    Err(Failed::Call(error)) => Err(in_doubt_or_later(&error)),
                },
            };
            let stop = matches!(result, Err(ItemError::InDoubt(_) | ItemError::NotNow(_)));
            done.push(result);
            if stop {
                break;
            }
        }
        done.resize(
            removals.len(),
            Err(ItemError::NotNow("an earlier message could not be taken out".into())),
        );
        Ok(done)
    }

    /// Deletes our rows of the message that a row is of, and the files that we have hung there; answers whether that row was one of them.
    async fn unlink(&self, row: i64) -> Result<bool, Failed> {
        let model = Table::Messages.model(&self.known);
        let shown = read(&self.session, model, &[row], &["message_id"]).await?;
        let message_id =
            shown.get(&row).and_then(|row| row.get("message_id")).map(Rpc::str).unwrap_or_default();
        let of_message = vec![condition("message_id", "=", message_id)];
        let all = search(&self.session, model, of_message, None).await?;
        let ours = self.ours(model, &all, &message::names(message_id)).await?;
        if !ours.contains(&row) {
            return Ok(false);
        }
        self.take_off(message_id, &ours).await?;
        self.session.call(model, Method::Unlink, vec![Rpc::list(ours)]).await?;
        Ok(true)
    }

    /// Of some rows, those that we have made: whose external ids begin with this.
    pub(super) async fn ours(&self, model: &str, all: &[i64], family: &str) -> Result<BTreeSet<i64>, Failed> {
        let made_by_us = vec![
            condition("module", "=", MODULE),
            condition("model", "=", model),
            condition("res_id", "in", Rpc::list(all.iter().copied())),
        ];
        let marks = search(&self.session, "ir.model.data", made_by_us, None).await?;
        let marks = read(&self.session, "ir.model.data", &marks, &["name", "res_id"]).await?;
        let in_family = |mark: &&Rpc| mark.get("name").is_some_and(|name| name.str().starts_with(family));
        Ok(marks.values().filter(in_family).filter_map(rows::target).collect())
    }

    /// Rows of a model in whose column one of some addresses stands: row, address, and the row's other columns.
    async fn with_address(
        &self,
        model: &str,
        column: &str,
        only: &[Rpc],
        addresses: &[&str],
        columns: &[&str],
    ) -> Result<Vec<(i64, EmailAddress, Rpc)>, Failed> {
        // `ilike` takes wildcards.
        let pattern = |address: &str| address.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let mut domain = only.to_vec();
        domain.extend((1..addresses.len()).map(|_| Rpc::from("|")));
        domain.extend(addresses.iter().map(|address| condition(column, "ilike", pattern(address))));
        let found = search(&self.session, model, domain, None).await?;
        let rows = read(&self.session, model, &found, columns).await?;
        let wanted: BTreeSet<EmailAddress> = addresses.iter().map(|a| EmailAddress::new(*a)).collect();
        let with_address = |(id, row): (i64, Rpc)| {
            let address = EmailAddress::new(lead::address(row.get(column)?.str()));
            wanted.contains(&address).then_some((id, address, row))
        };
        Ok(rows.into_iter().filter_map(with_address).collect())
    }

    async fn everybody(&self, addresses: &BTreeSet<EmailAddress>) -> Result<Vec<Person>, Failed> {
        let all: Vec<&str> = addresses.iter().map(EmailAddress::as_str).collect();
        let mut people = Vec::new();
        for some in all.chunks(QUESTION) {
            let partners = self.with_address("res.partner", "email", &[], some, &["email", "active"]).await?;
            let ids: Vec<i64> = partners.iter().map(|(id, ..)| *id).collect();
            let users = self.users_of(&ids).await?;
            for (id, address, row) in partners {
                let (kind, id) = match users.get(&id) {
                    Some(true) => (PersonKind::User, message::user(id)),
                    None if row.get("active").is_some_and(Rpc::is_true) => {
                        (PersonKind::Contact, Table::Partners.id(id))
                    }
                    // One who has left is no customer; what is archived is nobody.
                    Some(false) | None => continue,
                };
                people.push(Person { address, kind, id });
            }
            if self.known.leads.is_some() {
                let open = [condition("type", "=", "lead"), condition("active", "=", true)];
                let leads = self.with_address("crm.lead", "email_from", &open, some, &["email_from"]).await?;
                people.extend(leads.into_iter().map(|(id, address, _)| Person {
                    address,
                    kind: PersonKind::Lead,
                    id: Table::Leads.id(id),
                }));
            }
        }
        Ok(people)
    }

    /// Which contacts are users of the CRM, and whether they are active. Customers with a login (`share`) are none.
    async fn users_of(&self, partners: &[i64]) -> Result<BTreeMap<i64, bool>, Failed> {
        let mut domain = vec![condition("partner_id", "in", Rpc::list(partners.iter().copied()))];
        if self.known.users.has("share") {
            domain.push(condition("share", "=", false));
        }
        let found = search(&self.session, "res.users", domain, None).await?;
        let rows = read(&self.session, "res.users", &found, &["partner_id", "active"]).await?;
        let mut users: BTreeMap<i64, bool> = BTreeMap::new();
        for row in rows.values() {
            if let Some(partner) = row.get("partner_id").and_then(Rpc::many2one) {
                *users.entry(partner).or_default() |= row.get("active").is_some_and(Rpc::is_true);
            }
        }
        Ok(users)
    }

    async fn found(&self, message_ids: &[String]) -> Result<BTreeMap<String, RemoteRef>, Failed> {
        let wanted: BTreeMap<&str, &String> = message_ids.iter().map(|id| (bare(id), id)).collect();
        let both: Vec<&str> = wanted.iter().flat_map(|(bare, id)| [*bare, id.as_str()]).collect();
        let model = Table::Messages.model(&self.known);
        let mut found: BTreeMap<String, RemoteRef> = BTreeMap::new();
        for some in both.chunks(QUESTION) {
            let names = condition("message_id", "in", Rpc::list(some.iter().copied()));
            let ids = search(&self.session, model, vec![names], None).await?;
            let rows = read(&self.session, model, &ids, &["message_id"]).await?;
            let stamps = versions(&self.session, &self.known, model, &ids).await?;
            for (id, row) in rows {
                let name = row.get("message_id").map(Rpc::str).unwrap_or_default();
                if let (Some(wanted), Some(version)) = (wanted.get(bare(name)), stamps.get(&id)) {
                    let at = RemoteRef { id: Table::Messages.id(id), version: version.clone() };
                    found.entry((*wanted).clone()).or_insert(at);
                }
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl MessageLog for User {
    async fn people(&self, addresses: &BTreeSet<EmailAddress>) -> Result<Vec<Person>, CallError> {
        self.everybody(addresses).await.map_err(|failed| self.call(failed))
    }

    /// The server keeps no trace of messages that were deleted.
    async fn logged(&self, message_ids: &[String]) -> Result<BTreeMap<String, RemoteRef>, CallError> {
        self.found(message_ids).await.map_err(|failed| self.call(failed))
    }

    async fn active_records(
        &self,
        most: usize,
        known: &BTreeSet<RemoteId>,
    ) -> Result<ActiveRecords, CallError> {
        self.active(most, known).await.map_err(|failed| self.call(failed))
    }
}
