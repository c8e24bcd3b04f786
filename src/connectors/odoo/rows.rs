//! Rows of the two models that are synced: reading them, and the versions that they are in.

use super::external_id;
use super::session::{Failed, Method, Session, SignedIn};
use super::xmlrpc::Value as Rpc;
use super::{contact, external_id::MODULE};
use super::{event, feed};
use crate::one_second;
use chrono_tz::Tz;
use riva_core::fault::{CallError, Fault, FaultKind};
use riva_core::ids::{Marker, RemoteId, Version};
use riva_core::item::Module;
use riva_core::ports::Fetched;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most items in one call: a create takes OpenERP some 0.1 s, and all of them must be done within the time-out.
pub const BATCH: usize = 100;

/// The model of a module on this server.
pub fn model(known: &SignedIn, module: Module) -> Result<&'static str, CallError> {
    match (module, &known.events) {
        (Module::Contacts, _) => Ok("res.partner"),
        (Module::Calendar, Some(shape)) => Ok(shape.model()),
        (Module::Calendar, None) => Err(Fault::new(
            FaultKind::MissingPermission,
            "the calendar is not installed in this Odoo database, or the connection account may not see it",
        )
        .remedy("Install the Calendar application in Odoo, or take the calendar out of the sync policy.")
        .into()),
        _ => {
            Err(Fault::new(FaultKind::UnexpectedAnswer, format!("{module} are not synced with Odoo")).into())
        }
    }
}

/// A remote id as the row's number. `None` for what is no number: never ours.
pub fn number(id: &RemoteId) -> Option<i64> {
    id.as_str().parse().ok()
}

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
    Ok(found.items().iter().filter_map(Rpc::int).collect())
}

/// A condition of a search.
pub fn condition(column: &str, operator: &str, value: impl Into<Rpc>) -> Rpc {
    Rpc::List(vec![Rpc::from(column), Rpc::from(operator), value.into()])
}

/// Rows by id; those that are not there are left out. OpenERP 7's meetings answer with a fault if one of them is not.
pub async fn read(
    session: &Session,
    model: &str,
    ids: &[i64],
    columns: &[&str],
) -> Result<BTreeMap<i64, Rpc>, Failed> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let args = vec![Rpc::list(ids.iter().copied()), Rpc::list(columns.iter().copied())];
    let rows = session.call(model, Method::Read, args).await?;
    Ok(rows.items().iter().filter_map(|row| Some((row.get("id")?.int()?, row.clone()))).collect())
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
    Ok(rows
        .items()
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
        .filter_map(|row| {
            let id = row.get("res_id")?;
            Some((id.int().or_else(|| id.many2one())?, external_id::read(row.get("name")?.str())?))
        })
        .collect())
}

/// Reads items of one user; see [`riva_core::ports::Reader::fetch`].
pub async fn fetch(
    session: &Session,
    known: &Arc<SignedIn>,
    module: Module,
    user: i64,
    zone: Tz,
    ids: &[RemoteId],
) -> Result<Vec<Fetched>, CallError> {
    let model = model(known, module)?;
    read_items(session, known, module, model, user, zone, ids).await.map_err(|f| f.call(session.account()))
}

async fn read_items(
    session: &Session,
    known: &Arc<SignedIn>,
    module: Module,
    model: &str,
    user: i64,
    zone: Tz,
    ids: &[RemoteId],
) -> Result<Vec<Fetched>, Failed> {
    let numbers: Vec<i64> = ids.iter().filter_map(number).collect();
    if numbers.is_empty() {
        return Ok(vec![Fetched::Gone; ids.len()]);
    }
    let seen =
        search(session, model, vec![condition("id", "in", Rpc::list(numbers.iter().copied()))], None).await?;
    let seen_set: BTreeSet<i64> = seen.iter().copied().collect();
    let unseen: Vec<i64> = numbers.iter().copied().filter(|id| !seen_set.contains(id)).collect();
    // What cannot be seen may be deleted, or hidden by a rule: only the first is a deletion.
    let hidden: BTreeSet<i64> = if unseen.is_empty() {
        BTreeSet::new()
    } else {
        let answer = session.call(model, Method::Exists, vec![Rpc::list(unseen)]).await?;
        answer.items().iter().filter_map(Rpc::int).collect()
    };
    let columns: Vec<&str> = match (module, &known.events) {
        (Module::Calendar, Some(shape)) => shape.columns(),
        _ => contact::Columns::WANTED
            .into_iter()
            .filter(|c| known.contacts.present.contains(*c))
            .chain(["user_id", "active", "is_company"])
            .collect(),
    };
    // The version is read first: an edit in between then shows as a newer version later, never as an older one.
    let versions = versions(session, known, model, &seen).await?;
    let rows = read(session, model, &seen, &columns).await?;
    let markers = markers(session, model, &seen).await?;
    Ok(ids
        .iter()
        .map(|id| {
            let Some(number) = number(id) else { return Fetched::Gone };
            if hidden.contains(&number) {
                return Fetched::OutOfScope;
            }
            let (Some(row), Some(version)) = (rows.get(&number), versions.get(&number)) else {
                return Fetched::Gone;
            };
            show(row, known, module, user, zone, version, markers.get(&number).copied())
        })
        .collect())
}

fn show(
    row: &Rpc,
    known: &SignedIn,
    module: Module,
    user: i64,
    zone: Tz,
    version: &Version,
    marker: Option<Marker>,
) -> Fetched {
    // Before anything else: a masked row says "not active" too.
    if let (Module::Calendar, Some(shape)) = (module, &known.events)
        && event::is_masked(row, shape, known.uid)
    {
        return Fetched::OutOfScope;
    }
    if row.get("active").is_some_and(|active| !active.is_true()) {
        return Fetched::Gone;
    }
    if row.get("user_id").and_then(Rpc::many2one) != Some(user)
        || row.get("is_company").is_some_and(Rpc::is_true)
    {
        return Fetched::OutOfScope;
    }
    let item = match (module, &known.events) {
        (Module::Calendar, Some(shape)) => event::project(row, shape, zone),
        _ => Ok(contact::project(row, &known.contacts, &known.places)),
    };
    match item {
        Ok(item) => Fetched::Present { version: version.clone(), marker, item: Box::new(item) },
        Err(reason) => Fetched::Unreadable { reason },
    }
}
