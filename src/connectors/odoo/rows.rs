//! Rows of the tables that are synced: reading them, and the versions that they are in.

use super::external_id::{self, MODULE};
use super::feed;
use super::session::{Failed, Method, Session, SignedIn};
use super::xmlrpc::Value as Rpc;
use crate::one_second;
use riva_core::fault::{CallError, Fault, FaultKind};
use riva_core::ids::{Marker, Version};
use std::collections::BTreeMap;

/// Most items in one call: a create takes OpenERP some 0.1 s, and all of them must be done within the time-out.
pub const BATCH: usize = 100;

/// Searches ids.
pub async fn search(
    session: &Session,
    model: &str,
    domain: Vec<Rpc>,
    limit: Option<usize>,
) -> Result<Vec<i64>, Failed> {
    let mut args = vec![Rpc::List(domain)];
    if let Some(limit) = limit {
        args.extend([Rpc::Int(0), Rpc::Int(i64::try_from(limit).unwrap_or(i64::MAX)), Rpc::from("id")]);
    }
    let found = session.call(model, Method::Search, args).await?;
    Ok(list(&found)?.iter().filter_map(Rpc::int).collect())
}

/// The items of an answer that must be a list: anything else says nothing, and is not the same as none.
pub fn list(answer: &Rpc) -> Result<&[Rpc], CallError> {
    match answer {
        Rpc::List(items) => Ok(items),
        other => {
            let what = format!("Odoo answers with {other:?} instead of a list");
            Err(Fault::new(FaultKind::UnexpectedAnswer, what).into())
        }
    }
}

/// A condition of a search.
pub fn condition(column: &str, operator: &str, value: impl Into<Rpc>) -> Rpc {
    Rpc::List(vec![Rpc::from(column), Rpc::from(operator), value.into()])
}

/// Rows by id; those that are not there are left out. OpenERP 7's meetings answer with a fault that names the first of
/// them: somebody may delete one between a search and its reading.
pub async fn read(
    session: &Session,
    model: &str,
    ids: &[i64],
    columns: &[&str],
) -> Result<BTreeMap<i64, Rpc>, Failed> {
    let mut ids = ids.to_vec();
    while !ids.is_empty() {
        let args = vec![Rpc::list(ids.iter().copied()), Rpc::list(columns.iter().copied())];
        match session.call(model, Method::Read, args).await {
            Ok(rows) => {
                let id = |row: &Rpc| row.get("id")?.int();
                return Ok(list(&rows)?.iter().filter_map(|row| Some((id(row)?, row.clone()))).collect());
            }
            Err(Failed::Refused(refusal)) => match refusal.missing_row().filter(|id| ids.contains(id)) {
                Some(gone) => ids.retain(|id| *id != gone),
                None => return Err(Failed::Refused(refusal)),
            },
            Err(other) => return Err(other),
        }
    }
    Ok(BTreeMap::new())
}

/// When rows were written last. OpenERP 7 tells to the microsecond; later versions to the second, so that what was read
/// right after its last change gets a provisional version.
pub async fn versions(
    session: &Session,
    known: &SignedIn,
    model: &str,
    ids: &[i64],
) -> Result<BTreeMap<i64, Version>, Failed> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut args = vec![Rpc::list(ids.iter().copied())];
    let method = if known.seven {
        Method::PermRead
    } else {
        args.push(Rpc::list(["write_date"]));
        Method::Read
    };
    let rows = session.call(model, method, args).await?;
    let now = session.now();
    let version = |text: &str| match feed::stamp(text) {
        Some(at) if !known.seven => one_second::version(text, Some(at.and_utc()), now),
        _ => Version::new(text),
    };
    Ok(list(&rows)?
        .iter()
        .filter_map(|row| {
            let stamp = [row.get("write_date"), row.get("create_date")]
                .into_iter()
                .flatten()
                .map(Rpc::str)
                .find(|s| !s.is_empty())
                .unwrap_or_default();
            Some((row.get("id")?.int()?, version(stamp)))
        })
        .collect())
}

/// The row that an external id is of: a number, or in some versions with its name.
pub fn target(external_id: &Rpc) -> Option<i64> {
    let id = external_id.get("res_id")?;
    id.int().or_else(|| id.many2one())
}

/// Our markers on rows. A row that has several shows the youngest.
pub async fn markers(session: &Session, model: &str, ids: &[i64]) -> Result<BTreeMap<i64, Marker>, Failed> {
    let domain = vec![
        condition("module", "=", MODULE),
        condition("model", "=", model),
        condition("res_id", "in", Rpc::list(ids.iter().copied())),
    ];
    let mut found = search(session, "ir.model.data", domain, None).await?;
    found.sort_unstable();
    let rows = read(session, "ir.model.data", &found, &["name", "res_id"]).await?;
    Ok(rows
        .values()
        .filter_map(|row| Some((target(row)?, external_id::read(row.get("name")?.str())?)))
        .collect())
}
