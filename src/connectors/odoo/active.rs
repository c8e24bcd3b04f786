//! The opportunities that a user still works at, against which e-mail may be logged: `crm.lead` rows of the type
//! `opportunity`, neither won nor lost nor archived.
//!
//! | version | closed is what has |
//! |---|---|
//! | OpenERP 7 | a `state` (of its stage) of `done` or `cancel` |
//! | Odoo 8 to 15 | a `probability` of 100: won; what is lost is archived, from Odoo 9 on |
//! | newer | another `won_status` than `pending` |

use super::layout::Layout;
use super::log::QUESTION;
use super::rows::{condition, read, search};
use super::session::{Failed, Method};
use super::tables::Table;
use super::user::User;
use super::xmlrpc::Value as Rpc;
use riva_core::ids::RemoteId;
use riva_core::item::Module;
use riva_core::ports::{ActiveRecord, ActiveRecords};
use std::collections::BTreeSet;

/// The columns that matter, where the server has them.
pub const WANTED: [&str; 8] =
    ["name", "type", "user_id", "active", "write_date", "state", "probability", "won_status"];

/// Whether opportunities can be offered on a server with these columns.
pub fn can_offer(layout: &Layout) -> bool {
    ["name", "type", "user_id"].iter().all(|column| layout.has(column))
        && ["won_status", "state", "probability"].iter().any(|column| layout.has(column))
}

/// What opportunities of a user are neither won nor lost.
fn open(layout: &Layout, owner: i64) -> Vec<Rpc> {
    let mut domain = vec![condition("type", "=", "opportunity"), condition("user_id", "=", owner)];
    if layout.has("active") {
        domain.push(condition("active", "=", true));
    }
    domain.push(if layout.has("won_status") {
        condition("won_status", "=", "pending")
    } else if layout.has("state") {
        condition("state", "not in", Rpc::list(["done", "cancel"]))
    } else {
        condition("probability", "<", 100)
    });
    domain
}

impl User {
    pub(super) async fn active(
        &self,
        most: usize,
        known: &BTreeSet<RemoteId>,
    ) -> Result<ActiveRecords, Failed> {
        let Some(layout) = &self.known.opportunities else { return Ok(ActiveRecords::default()) };
        let model = Table::Leads.model(&self.known);
        let order = if layout.has("write_date") { "write_date desc, id desc" } else { "id desc" };
        // One more, to know whether there are more.
        let limit = i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX);
        let newest =
            vec![Rpc::List(open(layout, self.owner)), Rpc::Int(0), Rpc::Int(limit), Rpc::from(order)];
        let found = self.session.call(model, Method::Search, newest).await?;
        let mut ids: Vec<i64> = found.items().iter().filter_map(Rpc::int).collect();
        let more = ids.len() > most;
        ids.truncate(most);
        if more {
            let row = |id: &RemoteId| match Table::row(Module::Contacts, id) {
                Some((Table::Leads, row)) => Some(row),
                _ => None,
            };
            let left: Vec<i64> = known.iter().filter_map(row).filter(|row| !ids.contains(row)).collect();
            for some in left.chunks(QUESTION) {
                let mut domain = open(layout, self.owner);
                domain.push(condition("id", "in", Rpc::list(some.iter().copied())));
                ids.extend(search(&self.session, model, domain, None).await?);
            }
        }
        let rows = read(&self.session, model, &ids, &["name"]).await?;
        let record = |id: &i64| {
            let name = rows.get(id)?.get("name").map(Rpc::str).unwrap_or_default().to_owned();
            Some(ActiveRecord { id: Table::Leads.id(*id), name })
        };
        Ok(ActiveRecords { records: ids.iter().filter_map(record).collect(), more })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_asked_in_the_words_of_each_version() {
        for (columns, word) in [
            (vec!["state", "probability"], "state"),
            (vec!["probability"], "probability"),
            (vec!["probability", "won_status"], "won_status"),
        ] {
            let all: Vec<&str> = ["name", "type", "user_id", "active"].into_iter().chain(columns).collect();
            let layout = Layout::for_tests(&all, &[]);
            assert!(can_offer(&layout));
            let last = open(&layout, 7).pop().expect("a condition");
            assert_eq!(last.items().first().map(Rpc::str), Some(word));
        }
        assert!(!can_offer(&Layout::for_tests(&["name", "type", "user_id"], &[])));
    }
}
