//! The query addresses: SOQL in, pages of records out.

use super::api::ApiError;
use super::gate::Caller;
use super::rows::{Answer, At};
use super::{Salesforce, held, soql};
use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Records on a page unless the client asks for fewer.
const BATCH: usize = 2000;
/// Fewest that a client may ask for.
const SMALLEST: usize = 200;
/// Open queries that are kept for each org.
const CURSORS: usize = 1000;

/// What is left of a query's answer.
pub struct Cursor {
    records: Vec<Value>,
    batch: usize,
}

type Params = Query<BTreeMap<String, String>>;

/// `GET …/query?q=…`.
pub async fn query(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Query(params): Params,
    headers: HeaderMap,
) -> Answer {
    first(&salesforce, &caller, &params, &headers, false)
}

/// `GET …/queryAll?q=…`: with the recycle bin.
pub async fn query_all(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Query(params): Params,
    headers: HeaderMap,
) -> Answer {
    first(&salesforce, &caller, &params, &headers, true)
}

fn first(
    salesforce: &Salesforce,
    caller: &Caller,
    params: &BTreeMap<String, String>,
    headers: &HeaderMap,
    deleted: bool,
) -> Answer {
    let text = params.get("q").ok_or_else(|| {
        ApiError::bad("MALFORMED_QUERY", "SOQL query is missing: give it in the parameter q")
    })?;
    let query = soql::parse(text)?;
    let answer = soql::run(&salesforce.org(), &query, text, &caller.data, deleted)?;
    let asked = headers
        .get("sforce-query-options")
        .and_then(|v| v.to_str().ok())
        .and_then(|v| {
            v.split(',').find_map(|part| part.trim().strip_prefix("batchSize=")?.trim().parse().ok())
        })
        .unwrap_or(BATCH);
    let batch = salesforce.faults().page_size.unwrap_or(asked.clamp(SMALLEST, BATCH)).max(1);
    Ok(Json(page(salesforce, caller, answer.records, answer.total, batch)).into_response())
}

/// `GET …/query/CURSOR-OFFSET`: the next page.
pub async fn more(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Path((_, locator)): At<(String, String)>,
) -> Answer {
    let gone = || ApiError::bad("INVALID_QUERY_LOCATOR", "invalid query locator");
    let (cursor, offset) = locator.rsplit_once('-').ok_or_else(gone)?;
    let offset: usize = offset.parse().map_err(|_| gone())?;
    let cursors = held(&salesforce.state.cursors);
    let cursor_id = cursor.to_owned();
    let cursor = cursors.get(cursor).filter(|c| offset < c.records.len()).ok_or_else(gone)?;
    let records: Vec<Value> = cursor.records.iter().skip(offset).take(cursor.batch).cloned().collect();
    let end = offset + records.len();
    let total = cursor.records.len();
    let mut body = json!({"totalSize": total, "done": end == total, "records": records});
    if end < total {
        body["nextRecordsUrl"] = format!("{}/query/{cursor_id}-{end}", caller.data).into();
    }
    Ok(Json(body).into_response())
}

fn page(salesforce: &Salesforce, caller: &Caller, records: Vec<Value>, total: usize, batch: usize) -> Value {
    if records.len() <= batch {
        return json!({"totalSize": total, "done": true, "records": records});
    }
    // The answer stays as it was at the first page, whatever happens to the records meanwhile.
    let id = format!("01g{}", Uuid::now_v7().simple());
    let shown: Vec<Value> = records.iter().take(batch).cloned().collect();
    let mut cursors = held(&salesforce.state.cursors);
    while cursors.len() >= CURSORS {
        cursors.pop_first();
    }
    let next = format!("{}/query/{id}-{batch}", caller.data);
    cursors.insert(id, Cursor { records, batch });
    json!({"totalSize": total, "done": false, "nextRecordsUrl": next, "records": shown})
}
