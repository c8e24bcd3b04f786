//! Which columns a table of this server has, and how it keeps them.

use super::xmlrpc::Value as Rpc;
use std::collections::BTreeSet;

/// The columns of a table, of those that were asked about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    present: BTreeSet<String>,
    html: BTreeSet<String>,
}

impl Layout {
    /// From the answer of `fields_get`.
    pub fn read(answer: &Rpc) -> Self {
        let Rpc::Map(columns) = answer else { return Self::default() };
        let kind = |column: &Rpc| column.get("type").map(Rpc::str).unwrap_or_default().to_owned();
        Self {
            present: columns.keys().cloned().collect(),
            html: columns.iter().filter(|(_, c)| kind(c) == "html").map(|(n, _)| n.clone()).collect(),
        }
    }

    /// Whether there is such a column.
    pub fn has(&self, column: &str) -> bool {
        self.present.contains(column)
    }

    /// Whether a column is HTML.
    pub fn is_html(&self, column: &str) -> bool {
        self.html.contains(column)
    }

    /// Of some columns, those that there are.
    pub fn only(&self, columns: &[&'static str]) -> Vec<&'static str> {
        columns.iter().copied().filter(|column| self.has(column)).collect()
    }

    /// A table with all these columns, of which some are HTML.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn for_tests(columns: &[&str], html: &[&str]) -> Self {
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Self { present: names(columns), html: names(html) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_with_their_kind() {
        let column = |kind: &str| Rpc::map([("type", Rpc::from(kind))]);
        let answer = Rpc::map([("name", column("char")), ("comment", column("html"))]);
        let layout = Layout::read(&answer);
        assert_eq!(layout.only(&["name", "fax"]), ["name"]);
        assert!(layout.is_html("comment") && !layout.is_html("name"));
    }
}
