//! The records that a user still works at, against which e-mail may be logged: open opportunities, and open cases where the
//! org has them.

use super::layout::Layout;
use super::layouts::Layouts;
use super::log::questions;
use super::soql;
use super::user::User;
use chrono::{DateTime, Utc};
use riva_core::fault::CallError;
use riva_core::ids::RemoteId;
use riva_core::ports::{ActiveRecord, ActiveRecords};
use serde_json::Value as Json;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// An object whose records are closed one day.
struct Kind {
    object: &'static str,
    /// What the ids of its records begin with.
    prefix: &'static str,
    /// Of what a record's name is made.
    names: &'static [&'static str],
}

const OPPORTUNITY: Kind = Kind { object: "Opportunity", prefix: "006", names: &["Name"] };
const CASE: Kind = Kind { object: "Case", prefix: "500", names: &["CaseNumber", "Subject"] };

/// Whether an object's records can be offered, by what the connection account may see.
pub fn can_offer(layout: &Layout) -> bool {
    layout.queryable && ["OwnerId", "IsClosed", "LastModifiedDate"].iter().all(|field| layout.has(field))
}

/// Whether messages can be logged against a record in this org.
pub fn can_assign(layouts: &Layouts) -> bool {
    let relates = layouts.email.as_ref().is_some_and(|email| email.creates("RelatedToId"));
    relates && (layouts.opportunity.is_some() || layouts.case.is_some())
}

fn read(record: &Json, names: &[&str]) -> Option<(DateTime<Utc>, ActiveRecord)> {
    let text = |column: &str| record.get(column).and_then(Json::as_str).unwrap_or_default();
    let name = names.iter().map(|column| text(column)).filter(|name| !name.is_empty());
    let name = name.collect::<Vec<_>>().join(" ");
    let at = soql::read_instant(text("LastModifiedDate"))?;
    Some((at, ActiveRecord { id: RemoteId::new(text("Id")), name }))
}

impl User {
    pub(super) async fn active(
        &self,
        most: usize,
        known: &BTreeSet<RemoteId>,
    ) -> Result<ActiveRecords, CallError> {
        if !can_assign(&self.layouts) {
            return Ok(ActiveRecords::default());
        }
        let (mut recent, mut others) = (Vec::new(), Vec::new());
        for (kind, layout) in [(OPPORTUNITY, &self.layouts.opportunity), (CASE, &self.layouts.case)] {
            let Some(layout) = layout else { continue };
            let names: Vec<&str> = kind.names.iter().copied().filter(|name| layout.has(name)).collect();
            let columns: Vec<&str> = ["Id", "LastModifiedDate"].into_iter().chain(names.clone()).collect();
            let query = format!(
                "SELECT {} FROM {} WHERE OwnerId = {} AND IsClosed = false",
                columns.join(","),
                kind.object,
                soql::text(&self.owner)
            );
            // One more, to know whether there are more.
            let limit = most.saturating_add(1);
            let newest = format!("{query} ORDER BY LastModifiedDate DESC, Id DESC LIMIT {limit}");
            let found = self.api.query(&newest, false).await?;
            let found: Vec<_> = found.iter().filter_map(|record| read(record, &names)).collect();
            let listed: BTreeSet<&RemoteId> = found.iter().map(|(_, record)| &record.id).collect();
            let left = known.iter().filter(|id| id.as_str().starts_with(kind.prefix) && !listed.contains(id));
            if found.len() > most {
                for some in questions(left.map(RemoteId::as_str)) {
                    let these = format!("{query} AND Id IN {}", soql::list(some));
                    let more = self.api.query(&these, false).await?;
                    others.extend(more.iter().filter_map(|record| Some(read(record, &names)?.1)));
                }
            }
            recent.extend(found);
        }
        recent.sort_by_key(|(at, record)| Reverse((*at, record.id.clone())));
        let mut records: Vec<ActiveRecord> = recent.into_iter().map(|(_, record)| record).collect();
        let more = records.len() > most;
        // Of one object there may be room for more than of both.
        let cut = records.split_off(most.min(records.len()));
        records.extend(cut.into_iter().chain(others).filter(|record| known.contains(&record.id)));
        Ok(ActiveRecords { records, more })
    }
}
