//! The tables of tags: by which columns rows are linked to them, what tags are called, and how one is made.

use super::layout::Layout;
use super::refusal::Refusal;
use super::rows::{condition, read, search};
use super::session::{Failed, Method, Session};
use super::tables::Table;
use super::xmlrpc::Value as Rpc;
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use std::collections::{BTreeMap, BTreeSet};

/// What stands between the names of a tag and the one below it.
const BELOW: &str = " / ";

/// The longest name of a tag in OpenERP 7, which cuts off the rest without a word.
const LONGEST: usize = 64;

/// The columns that matter of a table of tags.
pub const WANTED: [&str; 2] = ["name", "parent_id"];

/// The columns that may link a table's rows to their tags.
pub fn columns(table: Table) -> &'static [&'static str] {
    match table {
        Table::Partners => &["category_id"],
        Table::Events => &["categ_ids"],
        Table::Tasks => &["tag_ids", "categ_ids"],
        Table::Leads | Table::Messages => &[],
    }
}

/// How the rows of a table are tagged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags {
    /// The column that links a row to its tags.
    pub column: &'static str,
    /// The model of the tags.
    pub model: String,
    /// Whether tags may lie below others.
    pub in_levels: bool,
    /// Whether the account may make tags.
    pub may_make: bool,
    /// The longest name of a tag, in characters.
    pub longest: usize,
}

impl Tags {
    /// By the columns of a table of tags. `None`: they have no names.
    pub fn new(
        column: &'static str,
        model: &str,
        layout: &Layout,
        may_make: bool,
        seven: bool,
    ) -> Option<Self> {
        layout.has("name").then(|| Self {
            column,
            model: model.to_owned(),
            in_levels: layout.has("parent_id"),
            may_make,
            longest: if seven { LONGEST } else { usize::MAX },
        })
    }

    /// The names of some tags; those that cannot be seen have none.
    pub async fn names(
        &self,
        session: &Session,
        ids: BTreeSet<i64>,
    ) -> Result<BTreeMap<i64, String>, Failed> {
        let mut rows: BTreeMap<i64, (String, Option<i64>)> = BTreeMap::new();
        let columns: &[&str] = if self.in_levels { &WANTED } else { &WANTED[..1] };
        let (mut asked, mut next) = (BTreeSet::new(), ids.clone());
        // A level after the other, up to the tags that lie below none.
        while !next.is_empty() {
            let there = condition("id", "in", Rpc::list(next.iter().copied()));
            let seen = search(session, &self.model, vec![there], None).await?;
            let level = read(session, &self.model, &seen, columns).await?;
            asked.append(&mut next);
            for (id, row) in level {
                let name = row.get("name").map(Rpc::str).unwrap_or_default().trim().to_owned();
                let above = row.get("parent_id").and_then(Rpc::many2one);
                next.extend(above.filter(|above| !asked.contains(above)));
                rows.insert(id, (name, above));
            }
        }
        Ok(ids.into_iter().filter_map(|id| Some((id, path(id, &rows)?))).collect())
    }

    /// The tags with these names, and those above them.
    async fn find(
        &self,
        session: &Session,
        names: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, Vec<i64>>, Failed> {
        let own = names.iter().flat_map(|name| [Some(*name), self.above(name).map(|(_, own)| own)]);
        let above = names.iter().flat_map(|name| {
            let above = self.above(name).map(|(above, _)| above);
            [above, above.and_then(|above| self.above(above)).map(|(_, own)| own)]
        });
        let words: BTreeSet<&str> = own.chain(above).flatten().collect();
        if words.is_empty() {
            return Ok(BTreeMap::new());
        }
        let called = condition("name", "in", Rpc::list(words));
        let ids = search(session, &self.model, vec![called], None).await?;
        let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for (id, name) in self.names(session, ids.into_iter().collect()).await? {
            found.entry(name).or_default().push(id);
        }
        Ok(found)
    }

    /// The tags with these names; those that there are not yet are made.
    pub async fn find_or_make(
        &self,
        session: &Session,
        add: &BTreeSet<&str>,
        remove: &BTreeSet<&str>,
    ) -> Result<Found, Failed> {
        if add.is_empty() && remove.is_empty() {
            return Ok(Found::default());
        }
        // One after the other: two users of a mailbox system have the same new category at the same time.
        let _one = session.makes_tags().lock().await;
        let all: BTreeSet<&str> = add.union(remove).copied().collect();
        let ids = match self.find(session, &all).await {
            // The right to see tags was taken away in the meantime.
            Err(Failed::Refused(Refusal::Forbidden(why))) => {
                let kept_out = add.iter().map(|name| ((*name).to_owned(), why.clone())).collect();
                return Ok(Found { kept_out, ..Found::default() });
            }
            other => other?,
        };
        let mut found = Found { ids, kept_out: BTreeMap::new() };
        for name in add {
            if found.ids.contains_key(*name) {
                continue;
            }
            match self.make(session, name, &found.ids).await {
                Ok(Ok(id)) => drop(found.ids.insert((*name).to_owned(), vec![id])),
                Ok(Err(why)) => drop(found.kept_out.insert((*name).to_owned(), why)),
                Err(Failed::Refused(refusal)) => {
                    // Somebody may have made it in between.
                    let mut now = self.find(session, &[*name].into()).await?;
                    match (now.remove(*name), refusal.item()) {
                        (Some(ids), _) => drop(found.ids.insert((*name).to_owned(), ids)),
                        (None, ItemError::NotNow(why)) => return Err(busy(why)),
                        (None, why) => drop(found.kept_out.insert((*name).to_owned(), why.to_string())),
                    }
                }
                // Made or not, no item was written: the next try finds it.
                Err(Failed::Call(CallError::InDoubt(why))) => return Err(busy(why)),
                Err(other) => return Err(other),
            }
        }
        Ok(found)
    }

    /// Makes a tag; or says why it cannot be.
    async fn make(
        &self,
        session: &Session,
        name: &str,
        there: &BTreeMap<String, Vec<i64>>,
    ) -> Result<Result<i64, String>, Failed> {
        if !self.may_make {
            return Ok(Err(format!("there is no such tag, and {} may not make one", session.account())));
        }
        let below = self.above(name).and_then(|(above, own)| Some((there.get(above)?.first()?, own)));
        let own = below.map_or(name, |(_, own)| own);
        if own.chars().count() > self.longest {
            return Ok(Err(format!("a tag has no more than {} letters", self.longest)));
        }
        let above = below.map(|(above, _)| ("parent_id", Rpc::Int(*above)));
        let row = Rpc::map([("name", Rpc::from(own))].into_iter().chain(above));
        let made = session.call(&self.model, Method::Create, vec![row]).await?;
        made.int().map(Ok).ok_or_else(|| {
            let what = format!("Odoo answers with {made:?} instead of the id of a tag");
            Failed::Call(Fault::new(FaultKind::UnexpectedAnswer, what).into())
        })
    }

    /// The name of the tag above one, and its own.
    fn above<'n>(&self, name: &'n str) -> Option<(&'n str, &'n str)> {
        name.rsplit_once(BELOW).filter(|_| self.in_levels)
    }
}

/// What the connection test says of categories.
pub fn remark_of_test(tags: &BTreeMap<Table, Tags>, with_tasks: bool) -> String {
    let items = [(Table::Partners, "contacts"), (Table::Events, "events"), (Table::Tasks, "tasks")];
    let items = items.into_iter().filter(|(table, _)| *table != Table::Tasks || with_tasks);
    let (tagged, others): (Vec<_>, Vec<_>) = items.partition(|(table, _)| tags.contains_key(table));
    let named =
        |items: Vec<(Table, &str)>| items.iter().map(|(_, word)| *word).collect::<Vec<_>>().join(", ");
    let given = tags.values().filter(|tags| !tags.may_make).map(|tags| tags.model.as_str());
    let parts = [
        ("categories are tags of ", named(tagged), ""),
        ("categories are not synced of ", named(others), " (no tags that the account may see)"),
        (
            "the account may make no tags of ",
            given.collect::<Vec<_>>().join(", "),
            ": a category without one stays in the mailbox",
        ),
    ];
    let said = parts.iter().filter(|(_, what, _)| !what.is_empty());
    said.map(|(before, what, after)| format!("; {before}{what}{after}")).collect::<Vec<_>>().concat()
}

/// No item was written yet: the next try finds what there is.
fn busy(why: String) -> Failed {
    Failed::Call(Fault::new(FaultKind::SystemNotAvailable, why).into())
}

/// The name of a tag with those above it. `None` if one of them cannot be seen, or has none.
fn path(id: i64, rows: &BTreeMap<i64, (String, Option<i64>)>) -> Option<String> {
    let (mut names, mut at) = (Vec::new(), Some(id));
    while let Some(id) = at {
        let (name, above) = rows.get(&id).filter(|(name, _)| !name.is_empty())?;
        names.push(name.as_str());
        // The server lets no tag lie below itself.
        at = above.filter(|_| names.len() <= rows.len());
    }
    names.reverse();
    Some(names.join(BELOW))
}

/// Tags that were looked for.
#[derive(Debug, Default)]
pub struct Found {
    /// By name; the oldest first.
    pub ids: BTreeMap<String, Vec<i64>>,
    /// Categories that are no tags, and why.
    pub kept_out: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_called_with_those_above_it() {
        let tag = |name: &str, above| (name.to_owned(), above);
        let rows = [
            (1, tag("World", None)),
            (2, tag("Region", Some(1))),
            (3, tag("North", Some(2))),
            (4, tag("", None)),
            (5, tag("Below a hidden one", Some(9))),
            (6, tag("Circle", Some(6))),
        ]
        .into();
        assert_eq!(path(3, &rows).as_deref(), Some("World / Region / North"));
        assert_eq!(path(1, &rows).as_deref(), Some("World"));
        for unknown in [4, 5, 9] {
            assert_eq!(path(unknown, &rows), None);
        }
        // No server has one, but nothing hangs on it.
        assert!(path(6, &rows).is_some());
    }

    #[test]
    fn the_connection_test_names_what_is_kept_and_what_is_not() {
        let tags = |model: &str, may_make| Tags {
            column: "category_id",
            model: model.to_owned(),
            in_levels: true,
            may_make,
            longest: LONGEST,
        };
        let some = [
            (Table::Partners, tags("res.partner.category", true)),
            (Table::Events, tags("crm.meeting.type", false)),
        ]
        .into();
        assert_eq!(
            remark_of_test(&some, true),
            "; categories are tags of contacts, events; categories are not synced of tasks (no tags that the account may \
             see); the account may make no tags of crm.meeting.type: a category without one stays in the mailbox"
        );
        assert!(!remark_of_test(&some, false).contains("tasks"));
    }
}
