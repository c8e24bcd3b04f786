//! Which columns a table of this server has, and how it keeps them.

use super::xmlrpc::Value as Rpc;
use std::collections::{BTreeMap, BTreeSet};

/// The columns of a table, of those that were asked about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    present: BTreeSet<String>,
    html: BTreeSet<String>,
    times: BTreeSet<String>,
    picks: BTreeMap<String, Vec<String>>,
    links: BTreeMap<String, String>,
}

impl Layout {
    /// From the answer of `fields_get`.
    pub fn read(answer: &Rpc) -> Self {
        let Rpc::Map(columns) = answer else { return Self::default() };
        let kind = |column: &Rpc| column.get("type").map(Rpc::str).unwrap_or_default().to_owned();
        let of_kind = |wanted: &str| {
            columns.iter().filter(|(_, c)| kind(c) == wanted).map(|(name, _)| name.clone()).collect()
        };
        let words = |column: &Rpc| {
            let words = column.get("selection").map(Rpc::items).unwrap_or_default();
            words.iter().filter_map(|pair| pair.items().first()).map(|key| key.str().to_owned()).collect()
        };
        Self {
            present: columns.keys().cloned().collect(),
            html: of_kind("html"),
            times: of_kind("datetime"),
            picks: columns
                .iter()
                .filter(|(_, c)| c.get("selection").is_some())
                .map(|(name, column)| (name.clone(), words(column)))
                .collect(),
            links: columns
                .iter()
                .filter(|(_, c)| kind(c) == "many2many")
                .filter_map(|(name, column)| Some((name.clone(), column.get("relation")?.str().to_owned())))
                .collect(),
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

    /// Whether a column is a time (or else a day).
    pub fn is_time(&self, column: &str) -> bool {
        self.times.contains(column)
    }

    /// The words that a column can be set to, in the server's order.
    pub fn picks(&self, column: &str) -> &[String] {
        self.picks.get(column).map(Vec::as_slice).unwrap_or_default()
    }

    /// The model to whose rows a column links, any number of them. `None`: it is no such column.
    pub fn links_to(&self, column: &str) -> Option<&str> {
        self.links.get(column).map(String::as_str).filter(|model| !model.is_empty())
    }

    /// Of some columns, those that there are.
    pub fn only(&self, columns: &[&'static str]) -> Vec<&'static str> {
        columns.iter().copied().filter(|column| self.has(column)).collect()
    }

    /// A table with all these columns, of which some are HTML.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn for_tests(columns: &[&str], html: &[&str]) -> Self {
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Self { present: names(columns), html: names(html), ..Self::default() }
    }

    /// The same, with columns that are times, and one that has words.
    #[cfg(test)]
    #[must_use]
    pub fn with(mut self, times: &[&str], column: &str, words: &[&str]) -> Self {
        self.times = times.iter().map(|n| (*n).to_owned()).collect();
        self.picks = [(column.to_owned(), words.iter().map(|w| (*w).to_owned()).collect())].into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_with_their_kind_and_their_words() {
        let pick = |key: &str, shown: &str| Rpc::list([key, shown]);
        let column = |kind: &str| Rpc::map([("type", Rpc::from(kind))]);
        let priority = Rpc::map([
            ("type", Rpc::from("selection")),
            ("selection", Rpc::List(vec![pick("4", "Very Low"), pick("0", "High")])),
        ]);
        let tags =
            Rpc::map([("type", "many2many"), ("relation", "project.tags")].map(|(k, v)| (k, Rpc::from(v))));
        let answer = Rpc::map([
            ("name", column("char")),
            ("comment", column("html")),
            ("priority", priority),
            ("tag_ids", tags),
        ]);
        let layout = Layout::read(&answer);
        assert_eq!(layout.only(&["name", "fax"]), ["name"]);
        assert!(layout.is_html("comment") && !layout.is_html("name"));
        assert_eq!(layout.picks("priority"), ["4", "0"]);
        assert_eq!(layout.picks("name"), [""; 0]);
        assert_eq!((layout.links_to("tag_ids"), layout.links_to("name")), (Some("project.tags"), None));
    }
}
