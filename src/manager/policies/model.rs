//! The list of policies.

use crate::age;
use crate::requested::Requested;
use crate::widgets::table::Sort;
use chrono::{DateTime, Utc};
use riva_core::admin::PolicySummary;
use riva_core::ids::PolicyName;

/// What the Policies pane shows.
#[derive(Debug)]
pub struct Policies {
    /// The policies.
    pub list: Requested<Vec<PolicySummary>>,
    /// The chosen one.
    pub selected: Option<PolicyName>,
    /// How they are sorted.
    pub sort: Sort,
}

impl Default for Policies {
    fn default() -> Self {
        Self { list: Requested::NotYet, selected: None, sort: Sort { column: 1, descending: false } }
    }
}

/// A policy as a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// Its name.
    pub name: PolicyName,
    /// Whether it syncs.
    pub enabled: bool,
    /// Mail connection.
    pub mail: String,
    /// CRM connection.
    pub crm: String,
    /// Number of users.
    pub users: usize,
    /// "3 min ago by ann@host".
    pub modified: String,
    /// Exactly.
    pub modified_more: String,
    /// What is wrong with the document.
    pub broken: Vec<String>,
}

impl Policies {
    /// The rows, sorted.
    pub fn rows(&self, now: DateTime<Utc>) -> Vec<PolicyRow> {
        let mut list: Vec<&PolicySummary> = self.list.value().into_iter().flatten().collect();
        list.sort_by_cached_key(|p| match self.sort.column {
            0 => (u64::from(!p.enabled), p.name.as_str().to_lowercase()),
            2 => (0, p.mail.as_str().to_lowercase()),
            3 => (0, p.crm.as_str().to_lowercase()),
            4 => (p.users as u64, String::new()),
            5 => (p.modified.as_ref().map_or(0, |m| m.at.timestamp().unsigned_abs()), String::new()),
            _ => (0, p.name.as_str().to_lowercase()),
        });
        if self.sort.descending {
            list.reverse();
        }
        list.into_iter().map(|p| row(p, now)).collect()
    }

    /// The chosen policy, if it still exists.
    pub fn chosen(&self) -> Option<&PolicySummary> {
        let name = self.selected.as_ref()?;
        self.list.value()?.iter().find(|p| p.name == *name)
    }
}

fn row(p: &PolicySummary, now: DateTime<Utc>) -> PolicyRow {
    let modified = p.modified.as_ref();
    PolicyRow {
        name: p.name.clone(),
        enabled: p.enabled,
        mail: p.mail.to_string(),
        crm: p.crm.to_string(),
        users: p.users,
        modified: modified.map_or_else(|| "—".into(), |m| age::ago(m.at, now)),
        modified_more: modified.map_or_else(String::new, |m| format!("{}\nby {}", age::exact(m.at), m.by)),
        broken: p.broken.iter().map(ToString::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(name: &str, enabled: bool, users: usize) -> PolicySummary {
        PolicySummary {
            name: name.into(),
            enabled,
            mail: "exchange".into(),
            crm: "salesforce".into(),
            users,
            modified: None,
            broken: vec![],
        }
    }

    #[test]
    fn policies_sort_by_name_and_by_users() {
        let list = vec![summary("b", true, 3), summary("A", false, 9)];
        let mut policies = Policies { list: Requested::Ready(list), ..Policies::default() };
        let names =
            |p: &Policies| p.rows(Utc::now()).into_iter().map(|r| r.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&policies), ["A", "b"]);
        policies.sort = policies.sort.clicked(4);
        assert_eq!(names(&policies), ["b", "A"]);
        policies.sort = policies.sort.clicked(4);
        assert_eq!(names(&policies), ["A", "b"]);
        policies.selected = Some("b".into());
        assert_eq!(policies.chosen().map(|p| p.users), Some(3));
    }
}
