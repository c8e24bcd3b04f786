//! What changed in the whole org: records by `SystemModstamp`, the recycle bin's among them, and once an hour the
//! tombstones of those whose bin was emptied.

use super::api::Api;
use super::layout::Layout;
use super::layouts::Layouts;
use super::soql;
use super::task;
use super::user::{deleted, key_of, version};
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use riva_core::fault::{CallError, Fault, FaultKind};
use riva_core::ids::{CrmUserId, Cursor, RemoteId};
use riva_core::item::Module;
use riva_core::ports::{Change, FeedChange, FeedPage};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Records on a page.
const PAGE: usize = 2000;
/// How far each poll looks back behind the newest stamp that was seen: a transaction may become visible that much after
/// its stamp. What is seen twice in the same version costs nothing.
const OVERLAP: Duration = Duration::minutes(5);
/// How often tombstones are asked for.
const TOMBSTONES_EVERY: Duration = Duration::hours(1);
/// Salesforce keeps tombstones for 15 days; a poll that comes later may have missed some.
const TOMBSTONES_KEPT: Duration = Duration::days(14);

/// Where a poll stands: the newest stamp seen, stamp and id after which the next page begins, and up to when tombstones
/// were read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Position {
    newest: DateTime<Utc>,
    at: DateTime<Utc>,
    after: Option<String>,
    tombstones: DateTime<Utc>,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let after = self.after.as_deref().unwrap_or("-");
        write!(f, "{} {} {after} {}", text(self.newest), text(self.at), text(self.tombstones))
    }
}

impl FromStr for Position {
    type Err = CallError;

    fn from_str(text: &str) -> Result<Self, CallError> {
        let lost = || CallError::CursorLost("the stored position is not one of this connector's".into());
        let parts: Vec<&str> = text.split(' ').collect();
        let [newest, at, after, tombstones] = parts.as_slice() else { return Err(lost()) };
        let stamp = |text: &str| {
            DateTime::parse_from_rfc3339(text).map(|t| t.with_timezone(&Utc)).map_err(|_| lost())
        };
        let after = Some((*after).to_owned()).filter(|a| a != "-");
        if after.as_deref().is_some_and(|a| !soql::is_id(a)) {
            return Err(lost());
        }
        Ok(Self { newest: stamp(newest)?, at: stamp(at)?, after, tombstones: stamp(tombstones)? })
    }
}

impl Position {
    fn next_poll(newest: DateTime<Utc>, tombstones: DateTime<Utc>) -> Self {
        Self { newest, at: newest - OVERLAP, after: None, tombstones }
    }

    /// The condition of the next page. The order is by stamp and id, so that a record that changes while a poll runs
    /// comes up again and none is skipped.
    fn condition(&self) -> String {
        let at = soql::instant(self.at);
        match &self.after {
            None => format!("SystemModstamp >= {at}"),
            Some(id) => {
                format!("(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > {}))", soql::text(id))
            }
        }
    }
}

/// What stands between the positions of a module's objects.
const BETWEEN: char = ';';

/// One page; see [`riva_core::ports::CrmSystem::feed`]. Of a module with several objects each page has a page of each: a
/// lead's conversion is told together with the contact that it made, or before it.
pub async fn page(
    api: &Api,
    layouts: &Layouts,
    module: Module,
    cursor: Option<&Cursor>,
) -> Result<FeedPage, CallError> {
    api.may_poll()?;
    let mut whole = FeedPage { changes: Vec::new(), cursor: Cursor::default(), more: false };
    let mut next = Vec::new();
    let mut positions = cursor.map(|c| c.as_str().split(BETWEEN).collect::<Vec<_>>().into_iter());
    for (object, layout) in layouts.all_of(module)? {
        // An object that came into sight later begins then.
        let position = positions.as_mut().and_then(Iterator::next);
        let page = match position {
            Some(position) => one_page(api, module, object, layout, position.parse()?).await?,
            None => from_now_on(api, object).await?,
        };
        whole.changes.extend(page.changes);
        whole.more |= page.more;
        next.push(page.cursor.as_str().to_owned());
    }
    whole.cursor = Cursor::new(next.join(&BETWEEN.to_string()));
    Ok(whole)
}

async fn one_page(
    api: &Api,
    module: Module,
    object: &str,
    layout: &Layout,
    position: Position,
) -> Result<FeedPage, CallError> {
    let mut columns = vec!["Id", "SystemModstamp", "OwnerId", "IsDeleted"];
    columns.extend(["MasterRecordId", "IsChild"].into_iter().filter(|c| layout.has(c)));
    if module == Module::Tasks {
        columns.extend(["IsRecurrence", "TaskSubtype"].into_iter().filter(|c| layout.has(c)));
    }
    let query = format!(
        "SELECT {} FROM {object} WHERE {} ORDER BY SystemModstamp,Id LIMIT {PAGE}",
        columns.join(","),
        position.condition()
    );
    let records = api.query(&query, true).await?;
    let now = api.now();
    let mut changes: Vec<FeedChange> = records.iter().filter_map(|record| change(record, now)).collect();
    let mut tombstones = position.tombstones;
    if position.after.is_none() && now - tombstones >= TOMBSTONES_EVERY {
        if now - tombstones > TOMBSTONES_KEPT {
            return Err(CallError::CursorLost(
                "the last poll was more than 14 days ago, deletions may be forgotten".into(),
            ));
        }
        let (gone, covered) = deleted(api, object, tombstones - OVERLAP, now).await?;
        let there: BTreeSet<String> = changes.iter().map(|c| key_of(id_of(&c.change)).to_owned()).collect();
        changes.extend(gone.into_iter().filter(|id| !there.contains(key_of(id))).map(|id| FeedChange {
            change: Change::Deleted { id: RemoteId::new(id) },
            concerns: BTreeSet::new(),
        }));
        tombstones = covered.unwrap_or(now).min(now);
    }
    let last = records.last().and_then(|r| {
        let text = |name: &str| r.get(name).and_then(Json::as_str);
        Some((soql::read_instant(text("SystemModstamp")?)?, text("Id")?.to_owned()))
    });
    let more = records.len() >= PAGE;
    let newest = last.as_ref().map_or(position.newest, |(stamp, _)| (*stamp).max(position.newest));
    let next = match last {
        Some((at, id)) if more => Position { newest, at, after: Some(id), tombstones },
        _ => Position::next_poll(newest, tombstones),
    };
    Ok(FeedPage { changes, cursor: Cursor::new(next.to_string()), more })
}

fn id_of(change: &Change) -> &str {
    match change {
        Change::Seen { id, .. } | Change::Deleted { id } => id.as_str(),
    }
}

fn change(record: &Json, now: DateTime<Utc>) -> Option<FeedChange> {
    let text = |name: &str| record.get(name).and_then(Json::as_str).unwrap_or_default();
    let is = |name: &str| record.get(name).and_then(Json::as_bool).unwrap_or(false);
    let id = RemoteId::new(record.get("Id")?.as_str()?);
    // An event's head of a series is shown, so that its reason is; a task's is not asked for.
    if is("IsChild") || !task::is_task(record) {
        return None;
    }
    // The loser of a merge is no deletion: reading it says so.
    if is("IsDeleted") && text("MasterRecordId").is_empty() {
        return Some(FeedChange { change: Change::Deleted { id }, concerns: BTreeSet::new() });
    }
    let concerns = Some(text("OwnerId")).filter(|o| !o.is_empty()).map(CrmUserId::from);
    Some(FeedChange {
        change: Change::Seen { id, version: version(text("SystemModstamp"), now) },
        concerns: concerns.into_iter().collect(),
    })
}

/// An empty page whose cursor is the server's now.
async fn from_now_on(api: &Api, object: &str) -> Result<FeedPage, CallError> {
    let query = format!("SELECT Id,SystemModstamp FROM {object} ORDER BY SystemModstamp DESC LIMIT 1");
    let newest = api.query(&query, false).await?;
    let stamp = newest.first().and_then(|r| soql::read_instant(r.get("SystemModstamp")?.as_str()?));
    let now = api.server_time().or(stamp).ok_or_else(|| {
        Fault::new(FaultKind::UnexpectedAnswer, "Salesforce did not tell its time (no Date header)")
    })?;
    let position = Position::next_poll(now, now);
    Ok(FeedPage { changes: Vec::new(), cursor: Cursor::new(position.to_string()), more: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_position_survives_its_text_form() {
        let now = soql::read_instant("2026-11-23T10:00:00.120+0000").expect("an instant");
        for after in [None, Some("003A000001abcDEIAY".to_owned())] {
            let position = Position { newest: now, at: now - OVERLAP, after, tombstones: now };
            assert_eq!(position.to_string().parse::<Position>().ok(), Some(position));
        }
        assert!(matches!("a b ' c".parse::<Position>(), Err(CallError::CursorLost(_))));
    }

    #[test]
    fn a_merged_contact_is_not_deleted() {
        let base = json!({"Id": "003000000000001", "SystemModstamp": "s", "OwnerId": "005000000000001", "IsDeleted": true});
        assert!(matches!(change(&base, Utc::now()).map(|c| c.change), Some(Change::Deleted { .. })));
        let mut merged = base;
        merged["MasterRecordId"] = json!("003000000000002");
        assert!(matches!(change(&merged, Utc::now()).map(|c| c.change), Some(Change::Seen { .. })));
    }
}
