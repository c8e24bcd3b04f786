//! The list of connections.

use crate::age;
use crate::requested::Requested;
use crate::theme::Tone;
use crate::widgets::table::Sort;
use chrono::{DateTime, Utc};
use riva_core::admin::{ConnectionSummary, LastTest};
use riva_core::documents::SystemKind;
use riva_core::fault::FaultKind;
use riva_core::ids::ConnectionName;
use std::collections::BTreeMap;

/// What the Setup pane shows.
#[derive(Debug, Default)]
pub struct Setup {
    /// The connections.
    pub connections: Requested<Vec<ConnectionSummary>>,
    /// The chosen one.
    pub selected: Option<ConnectionName>,
    /// How they are sorted.
    pub sort: Sort,
}

/// A connection as a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Its name.
    pub name: ConnectionName,
    /// As shown.
    pub shown_name: String,
    /// Which system.
    pub system: Option<SystemKind>,
    /// Its title.
    pub system_title: &'static str,
    /// Where.
    pub address: String,
    /// The host of it, which tells connections apart.
    pub host: String,
    /// As whom.
    pub account: String,
    /// The last test in a word.
    pub test: (Tone, String),
    /// The last test in full.
    pub test_more: String,
    /// "2 policies".
    pub used_by: String,
    /// Their names.
    pub used_by_more: String,
    /// What is wrong with the document.
    pub broken: Vec<String>,
}

impl Setup {
    /// The rows, sorted.
    pub fn rows(&self, now: DateTime<Utc>) -> Vec<ConnectionRow> {
        let mut rows: Vec<ConnectionRow> =
            self.connections.value().into_iter().flatten().map(|c| row(c, now)).collect();
        rows.sort_by_cached_key(|r| match self.sort.column {
            1 => r.system_title.to_lowercase(),
            2 => r.address.to_lowercase(),
            3 => r.account.to_lowercase(),
            4 => r.test.1.clone(),
            5 => format!("{:>9}", r.used_by),
            _ => r.shown_name.to_lowercase(),
        });
        if self.sort.descending {
            rows.reverse();
        }
        rows
    }

    /// The chosen connection, if it still exists.
    pub fn chosen(&self) -> Option<&ConnectionSummary> {
        let name = self.selected.as_ref()?;
        self.connections.value()?.iter().find(|c| c.name == *name)
    }

    /// A connection's name as shown; as it is while the list is not there.
    pub fn shown_name(&self, name: &ConnectionName) -> String {
        let mut all = self.connections.value().into_iter().flatten();
        all.find(|c| c.name == *name).map_or_else(|| name.to_string(), shown_name)
    }

    /// Names of the connections to mail systems, or to CRMs.
    pub fn names(&self, mail: bool) -> Vec<String> {
        let all = self.connections.value().into_iter().flatten();
        all.filter(|c| c.system.is_some_and(|s| s.is_mail() == mail)).map(|c| c.name.to_string()).collect()
    }

    /// The system of each connection.
    pub fn systems(&self) -> BTreeMap<String, SystemKind> {
        let all = self.connections.value().into_iter().flatten();
        all.filter_map(|c| Some((c.name.to_string(), c.system?))).collect()
    }

    /// The system of a connection.
    pub fn system_of(&self, name: &str) -> Option<SystemKind> {
        self.connections.value()?.iter().find(|c| c.name.as_str() == name)?.system
    }
}

fn row(c: &ConnectionSummary, now: DateTime<Utc>) -> ConnectionRow {
    let (test, test_more) = last_test(c.last_test.as_ref(), now);
    ConnectionRow {
        name: c.name.clone(),
        shown_name: shown_name(c),
        system: c.system,
        system_title: c.system.map_or("Unknown", SystemKind::title),
        host: host(&c.address),
        address: c.address.clone(),
        account: c.account.clone(),
        test: if c.broken.is_empty() { test } else { (Tone::Bad, "Document broken".into()) },
        test_more,
        used_by: match c.used_by.len() {
            0 => "—".into(),
            1 => "1 policy".into(),
            n => format!("{n} policies"),
        },
        used_by_more: c.used_by.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        broken: c.broken.iter().map(ToString::to_string).collect(),
    }
}

fn shown_name(c: &ConnectionSummary) -> String {
    if c.shown_name.is_empty() { c.name.to_string() } else { c.shown_name.clone() }
}

/// Host and port of an address; an address that is none as it stands.
fn host(address: &str) -> String {
    let parsed = url::Url::parse(address).ok();
    let host = parsed.as_ref().and_then(|url| {
        let host = url.host_str()?;
        Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    });
    host.unwrap_or_else(|| address.to_owned())
}

fn last_test(test: Option<&LastTest>, now: DateTime<Utc>) -> ((Tone, String), String) {
    let Some(test) = test else {
        return ((Tone::Neutral, "Not tested".into()), "Open the connection and run a test.".into());
    };
    let whom = test.target.as_ref().map_or_else(|| "the connection account".to_owned(), Clone::clone);
    let when = age::ago(test.at, now);
    match &test.fault {
        None => {
            let more = format!("Passed for {whom}\n{}", age::exact(test.at));
            ((Tone::Good, format!("Passed {when}")), more)
        }
        Some(fault) => {
            let more = format!(
                "{}\n{}\n{}\nFor {whom}, {}",
                fault.title(),
                fault.detail,
                fault.remedy,
                age::exact(test.at)
            );
            // Beyond the sign-in only the user asked for is in question: the connection itself works.
            let pill = match fault.kind {
                FaultKind::UserNotFound => (Tone::Good, format!("Connected {when}")),
                FaultKind::NoAccessToUser | FaultKind::MailboxNeverOpened if test.target.is_some() => {
                    (Tone::Warn, format!("User failed {when}"))
                }
                _ => (Tone::Bad, format!("Failed {when}")),
            };
            (pill, more)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use riva_core::admin::Finding;
    use riva_core::fault::Fault;

    fn summary(name: &str, system: Option<SystemKind>) -> ConnectionSummary {
        ConnectionSummary {
            name: name.into(),
            shown_name: name.to_uppercase(),
            system,
            address: format!("https://{name}.example"),
            account: "riva".into(),
            used_by: vec![],
            last_test: None,
            broken: vec![],
        }
    }

    fn setup(list: Vec<ConnectionSummary>) -> Setup {
        Setup { connections: Requested::Ready(list), ..Setup::default() }
    }

    #[test]
    fn the_last_test_is_told_with_its_age_and_its_reason() {
        let now = Utc::now();
        let mut failed = summary("a", Some(SystemKind::Odoo));
        failed.last_test = Some(LastTest {
            at: now - TimeDelta::minutes(5),
            target: Some("ann@x.example".into()),
            fault: Some(Fault::new(FaultKind::UserNotFound, "nobody has this address")),
        });
        let mut passed = summary("b", Some(SystemKind::Caldav));
        passed.last_test = Some(LastTest { at: now, target: None, fault: None });
        let rows = setup(vec![failed, passed, summary("c", Some(SystemKind::Odoo))]).rows(now);
        assert_eq!(rows[0].test, (Tone::Good, "Connected 5 min ago".into()));
        assert!(rows[0].test_more.contains("User Not Found") && rows[0].test_more.contains("ann@x.example"));
        assert_eq!(rows[1].test, (Tone::Good, "Passed just now".into()));
        assert_eq!(rows[2].test.1, "Not tested");
    }

    #[test]
    fn only_a_fault_of_the_connection_is_shown_as_its_failure() {
        let now = Utc::now();
        for (kind, target, pill) in [
            (FaultKind::UserNotFound, Some("ann@x.example"), (Tone::Good, "Connected just now")),
            (FaultKind::NoAccessToUser, Some("ann@x.example"), (Tone::Warn, "User failed just now")),
            (FaultKind::MailboxNeverOpened, Some("ann@x.example"), (Tone::Warn, "User failed just now")),
            (FaultKind::NoAccessToUser, None, (Tone::Bad, "Failed just now")),
            (FaultKind::GivenCredentials, Some("ann@x.example"), (Tone::Bad, "Failed just now")),
        ] {
            let mut one = summary("a", Some(SystemKind::Odoo));
            let fault = Some(Fault::new(kind, "why"));
            one.last_test = Some(LastTest { at: now, target: target.map(Into::into), fault });
            assert_eq!(setup(vec![one]).rows(now)[0].test, (pill.0, pill.1.to_owned()), "{kind:?}");
        }
    }

    #[test]
    fn a_broken_document_says_where() {
        let mut broken = summary("x", None);
        broken.broken = vec![Finding {
            file: "connections/x.toml".into(),
            line: Some(4),
            key: Some("adress".into()),
            what: "is not known.".into(),
            remedy: "Did you mean `address`?".into(),
        }];
        let rows = setup(vec![broken]).rows(Utc::now());
        assert_eq!(rows[0].broken, ["connections/x.toml:4: adress: is not known. Did you mean `address`?"]);
        assert_eq!(rows[0].test.0, Tone::Bad);
    }

    #[test]
    fn mail_systems_and_crms_are_offered_apart() {
        let setup = setup(vec![
            summary("exchange", Some(SystemKind::ExchangeEws)),
            summary("odoo", Some(SystemKind::Odoo)),
            summary("broken", None),
        ]);
        assert_eq!((setup.names(true), setup.names(false)), (vec!["exchange".into()], vec!["odoo".into()]));
        assert_eq!(setup.system_of("odoo"), Some(SystemKind::Odoo));
        assert_eq!(
            (setup.shown_name(&"odoo".into()), setup.shown_name(&"x".into())),
            ("ODOO".into(), "x".into())
        );
    }

    #[test]
    fn rows_are_sorted_both_ways() {
        let mut setup = setup(vec![summary("b", None), summary("a", None)]);
        assert_eq!(setup.rows(Utc::now())[0].shown_name, "A");
        setup.sort = setup.sort.clicked(0);
        assert_eq!(setup.rows(Utc::now())[0].shown_name, "B");
    }
}
