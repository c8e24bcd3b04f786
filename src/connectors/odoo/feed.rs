//! What changed in the whole CRM: rows by `write_date`, which is the database server's clock, and no other.

use super::event::is_masked;
use super::rows::{condition, read, search, versions};
use super::session::{Failed, Method, Session, SignedIn};
use super::tables::Table;
use super::xmlrpc::Value as Rpc;
use chrono::{Duration, NaiveDateTime};
use riva_core::fault::CallError;
use riva_core::ids::{CrmUserId, Cursor, Version};
use riva_core::item::Module;
use riva_core::ports::{Change, FeedChange, FeedPage};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Rows on a page.
const PAGE: usize = 500;

/// How far each poll looks back behind the newest stamp that was seen: a transaction may become visible that much after
/// the stamp that it has. What is seen twice in the same version costs nothing.
const OVERLAP: Duration = Duration::minutes(5);

/// Where a poll stands. A poll reads the rows written since `from` by their ids, so that rows that are written while it
/// runs are neither skipped nor endless; the next poll begins behind `newest`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Position {
    from: NaiveDateTime,
    newest: NaiveDateTime,
    after: i64,
}

const STAMP: &str = "%Y-%m-%dT%H:%M:%S%.f";

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.from.format(STAMP), self.newest.format(STAMP), self.after)
    }
}

impl FromStr for Position {
    type Err = CallError;

    fn from_str(text: &str) -> Result<Self, CallError> {
        let lost = || CallError::CursorLost("the stored position is not one of this connector's".into());
        let parts: Vec<&str> = text.split(' ').collect();
        let [from, newest, after] = parts.as_slice() else { return Err(lost()) };
        let stamp = |text: &str| NaiveDateTime::parse_from_str(text, STAMP).map_err(|_| lost());
        Ok(Self { from: stamp(from)?, newest: stamp(newest)?, after: after.parse().map_err(|_| lost())? })
    }
}

impl Position {
    /// The first page of the next poll.
    fn next_poll(newest: NaiveDateTime) -> Self {
        Self { from: newest - OVERLAP, newest, after: 0 }
    }
}

/// A server's stamp, with fractions where it has them.
pub fn stamp(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()
}

/// What stands between the positions of a module's tables.
const BETWEEN: char = ';';

/// One page; see [`riva_core::ports::CrmSystem::feed`]. Of a module with several tables each page has a page of each: a
/// lead's conversion is told together with the contact that it made, or before it.
pub async fn page(session: &Session, module: Module, cursor: Option<&Cursor>) -> Result<FeedPage, CallError> {
    let known = session.signed_in().await?;
    let mut whole = FeedPage { changes: Vec::new(), cursor: Cursor::default(), more: false };
    let mut next: Vec<String> = Vec::new();
    let mut positions = cursor.map(|c| c.as_str().split(BETWEEN).collect::<Vec<_>>().into_iter());
    for table in Table::of(&known, module)? {
        // A table that came into sight later begins then.
        let answer = match positions.as_mut().and_then(Iterator::next) {
            Some(position) => one_page(session, &known, table, position.parse()?).await,
            None => newest(session, &known, table.model(&known)).await.map(|newest| FeedPage {
                changes: Vec::new(),
                cursor: Cursor::new(Position::next_poll(newest).to_string()),
                more: false,
            }),
        };
        let page = answer.map_err(|failed| failed.call(session.account()))?;
        whole.changes.extend(page.changes);
        whole.more |= page.more;
        next.push(page.cursor.as_str().to_owned());
    }
    whole.cursor = Cursor::new(next.join(&BETWEEN.to_string()));
    Ok(whole)
}

/// The newest stamp in a model: "from now on".
async fn newest(session: &Session, known: &SignedIn, model: &str) -> Result<NaiveDateTime, Failed> {
    let args = vec![Rpc::List(vec![]), Rpc::Int(0), Rpc::Int(1), Rpc::from("write_date desc, id desc")];
    let ids: Vec<i64> =
        session.call(model, Method::Search, args).await?.items().iter().filter_map(Rpc::int).collect();
    let stamps = versions(session, known, model, &ids).await?;
    // An empty model: everything that comes is new.
    Ok(stamps.values().find_map(|v| stamp(v.stamp())).unwrap_or_default())
}

async fn one_page(
    session: &Session,
    known: &SignedIn,
    table: Table,
    at: Position,
) -> Result<FeedPage, Failed> {
    let model = table.model(known);
    let domain = vec![
        condition("write_date", ">=", at.from.format("%Y-%m-%d %H:%M:%S").to_string()),
        condition("id", ">", at.after),
    ];
    let ids = search(session, model, domain, Some(PAGE)).await?;
    let versions = versions(session, known, model, &ids).await?;
    let mut columns = vec!["user_id", "active"];
    let shape = known.events.as_ref().filter(|_| table == Table::Events);
    columns.extend(shape.map(|shape| shape.privacy));
    let tasks = known.tasks.as_ref().filter(|_| table == Table::Tasks);
    if let Some(tasks) = tasks {
        columns = tasks.layout.only(&["user_id", "user_ids", "active", "state"]);
    }
    columns.extend(Some("is_company").filter(|_| table == Table::Partners));
    let rows = match read(session, model, &ids, &columns).await {
        // A meeting was deleted in between: the next try does not find it any more.
        Err(Failed::Refused(_)) => {
            let still =
                search(session, model, vec![condition("id", "in", Rpc::list(ids.iter().copied()))], None)
                    .await?;
            read(session, model, &still, &columns).await?
        }
        other => other?,
    };
    let newest = versions.values().filter_map(|v| stamp(v.stamp())).max().unwrap_or(at.newest).max(at.newest);
    let changes = ids
        .iter()
        .filter_map(|id| {
            let (row, version) = (rows.get(id)?, versions.get(id)?);
            if row.get("is_company").is_some_and(Rpc::is_true) {
                return None;
            }
            let masked = shape.is_some_and(|shape| is_masked(row, shape, known.uid));
            let remote = table.id(*id);
            let gone = match tasks {
                Some(tasks) => tasks.is_gone(row),
                None => !masked && row.get("active").is_some_and(|active| !active.is_true()),
            };
            if gone {
                return Some(FeedChange { change: Change::Deleted { id: remote }, concerns: [].into() });
            }
            let one = row.get("user_id").and_then(Rpc::many2one).into_iter().collect();
            let owners: Vec<i64> = tasks.map_or(one, |tasks| tasks.owners(row));
            Some(FeedChange {
                change: Change::Seen { id: remote, version: version.clone() },
                concerns: owners.iter().map(|user| CrmUserId::new(user.to_string())).collect(),
            })
        })
        .collect();
    let more = ids.len() == PAGE;
    let next = match ids.last() {
        Some(last) if more => Position { from: at.from, newest, after: *last },
        _ => Position::next_poll(newest),
    };
    Ok(FeedPage { changes, cursor: Cursor::new(next.to_string()), more })
}

/// The rows of a table behind a number, one page, and the number behind which the next begins.
pub async fn list(
    session: &Session,
    known: &SignedIn,
    table: Table,
    mut domain: Vec<Rpc>,
    after: i64,
) -> Result<(BTreeMap<i64, Version>, Option<i64>), Failed> {
    domain.push(condition("id", ">", after));
    let model = table.model(known);
    let ids = search(session, model, domain, Some(PAGE)).await?;
    let stamps = versions(session, known, model, &ids).await?;
    Ok((stamps, ids.last().copied().filter(|_| ids.len() == PAGE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_text_form() {
        let newest = stamp("2026-11-23 06:27:05.593283").expect("a stamp");
        let position = Position { from: newest - OVERLAP, newest, after: 12 };
        assert_eq!(position.to_string().parse::<Position>().ok(), Some(position));
        let whole = Position::next_poll(stamp("2026-11-23 06:27:05").expect("a stamp"));
        assert_eq!(whole.to_string().parse::<Position>().ok(), Some(whole));
    }

    #[test]
    fn a_strange_cursor_is_lost_not_misread() {
        for text in ["", "2026", "a b c"] {
            assert!(matches!(text.parse::<Position>(), Err(CallError::CursorLost(_))), "{text}");
        }
    }
}
