//! Runs a query against the org.

use super::super::api::ApiError;
use super::super::org::{Org, Record};
use super::ast::{Query, Select};
use super::filter::Context;
use super::path::{Path, position, show};
use super::restriction;
use axum::http::StatusCode;
use chrono::Utc;
use serde_json::{Value, json};
use std::cmp::Ordering;

/// What a query answers.
pub struct Answer {
    /// How many records fit (after LIMIT and OFFSET).
    pub total: usize,
    /// The records, shown with the wanted fields.
    pub records: Vec<Value>,
}

/// Most records that OFFSET may skip.
const MOST_SKIPPED: u64 = 2000;
/// Runs a query. `data` is the address of the data API (`/services/data/v60.0`), `deleted` includes the recycle bin.
pub fn run(org: &Org, query: &Query, soql: &str, data: &str, deleted: bool) -> Result<Answer, ApiError> {
    let object = org.schema.object(&query.from.text).ok_or_else(|| {
        let message = format!(
            "{}\nsObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append \
             the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate \
             names.",
            position(soql, &query.from),
            query.from.text
        );
        ApiError::bad("INVALID_TYPE", message)
    })?;
    if query.offset > MOST_SKIPPED {
        let message = "Maximum SOQL offset allowed is 2000";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "NUMBER_OUTSIDE_VALID_RANGE", message));
    }
    restriction::check(&object, query.filter.as_ref())?;
    let context = Context { org, from: &object, soql, now: Utc::now() };
    let test = query.filter.as_ref().map(|f| context.compile(f)).transpose()?;
    let order = query
        .order
        .iter()
        .map(|o| Ok((Path::filterable(org, &object, &o.field, soql)?, o.descending, o.nulls_last)))
        .collect::<Result<Vec<_>, ApiError>>()?;
    let shown = match &query.select {
        Select::Fields(names) => {
            names.iter().map(|n| Path::resolve(org, &object, n, soql)).collect::<Result<Vec<_>, _>>()?
        }
        Select::CountOf(name, _) => vec![Path::filterable(org, &object, name, soql)?],
        Select::Count => Vec::new(),
    };

    let fits = |record: &Record| test.as_ref().is_none_or(|test| test(record));
    let mut found: Vec<&Record> = org
        .rows(&object)
        .map(|(_, record)| record)
        .filter(|r| deleted || r.deleted_at.is_none())
        .filter(|r| fits(r))
        .collect();
    if !order.is_empty() {
        let mut keyed: Vec<(Vec<Value>, &Record)> =
            found.into_iter().map(|r| (order.iter().map(|(p, ..)| p.value(org, r)).collect(), r)).collect();
        keyed.sort_by(|(a, _), (b, _)| {
            a.iter().zip(b).zip(&order).fold(
                Ordering::Equal,
                |so_far, ((a, b), (path, descending, nulls_last))| {
                    so_far.then_with(|| compare_keys(a, b, path.is_text(), *descending, *nulls_last))
                },
            )
        });
        found = keyed.into_iter().map(|(_, r)| r).collect();
    }
    let skip = usize::try_from(query.offset).unwrap_or(usize::MAX);
    let limit = query.limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    match &query.select {
        Select::Count => Ok(Answer { total: found.len().min(limit), records: Vec::new() }),
        Select::CountOf(_, alias) => {
            let count = found.iter().filter(|r| !shown[0].value(org, r).is_null()).count();
            let alias = alias.as_deref().unwrap_or("expr0");
            Ok(Answer {
                total: 1,
                records: vec![json!({"attributes": {"type": "AggregateResult"}, alias: count})],
            })
        }
        Select::Fields(_) => {
            let records: Vec<Value> = found
                .into_iter()
                .skip(skip)
                .take(limit)
                .map(|r| show(org, &object, r, &shown, data))
                .collect();
            Ok(Answer { total: records.len(), records })
        }
    }
}

/// Nulls come first unless asked otherwise, whatever the direction. Text is compared without regard to case, ids with.
fn compare_keys(a: &Value, b: &Value, fold: bool, descending: bool, nulls_last: bool) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => {
            if nulls_last {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (false, true) => {
            if nulls_last {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (false, false) => {
            let order = match (a, b) {
                (Value::String(a), Value::String(b)) if fold => a.to_lowercase().cmp(&b.to_lowercase()),
                (Value::String(a), Value::String(b)) => a.cmp(b),
                (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
                (a, b) => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
            };
            if descending { order.reverse() } else { order }
        }
    }
}
