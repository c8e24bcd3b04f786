//! What the server's faults mean.

use riva_core::fault::{Fault, FaultKind, ItemError};

/// Why the server refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// User name or password.
    SignIn,
    /// A right is missing.
    Forbidden(String),
    /// The row is gone.
    Missing,
    /// The row has changed since we read it (OpenERP 7).
    Concurrency,
    /// Another transaction has the row: try later.
    Locked(String),
    /// There is no such database.
    NoDatabase(String),
    /// There is a row with this key already.
    Duplicate,
    /// The values.
    Invalid(String),
    /// Anything else; the last line of a traceback.
    Other(String),
}

impl Refusal {
    /// From a fault. OpenERP 7 has texts as codes (`warning -- AccessError\n\n…`), later versions numbers: 1 anything,
    /// 2 warning, 3 access denied, 4 access error.
    pub fn read(code: &str, text: &str) -> Self {
        let both = format!("{code}\n{text}");
        let has = |needle: &str| both.contains(needle);
        // The words that a person would be shown, without title and traceback.
        let words = || {
            let source = if text.trim().is_empty()
                || text.contains("Traceback") && !code.trim().is_empty() && code.parse::<i64>().is_err()
            {
                code
            } else {
                text
            };
            let source = source
                .split_once("\n\n")
                .filter(|(title, _)| title.starts_with("warning -- "))
                .map_or(source, |(_, rest)| rest);
            if source.contains("Traceback (most recent call last)") {
                source.lines().rev().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default().to_owned()
            } else {
                source.split_whitespace().collect::<Vec<_>>().join(" ")
            }
        };
        if has("ConcurrencyException") {
            Self::Concurrency
        } else if has("could not serialize access")
            || has("deadlock detected")
            || has("could not obtain lock")
        {
            Self::Locked(words())
        } else if has("duplicate key value violates unique constraint")
            || has("multiple records with the same external ID")
        {
            Self::Duplicate
        } else if has("Missing document") || has("MissingError") || has("does not exist or has been deleted")
        {
            Self::Missing
        } else if code == "3" || code == "AccessDenied" || has("exceptions.AccessDenied") {
            Self::SignIn
        } else if code == "4" || has("AccessError") || has("warning -- Access Denied") {
            Self::Forbidden(words())
        } else if has("database \"") && has("does not exist") {
            Self::NoDatabase(words())
        } else if code == "2" || has("warning -- ") || has("ValidationError") || has("ValidateError") {
            Self::Invalid(words())
        } else {
            Self::Other(words())
        }
    }

    /// The row that was not there: OpenERP 7 looks its meetings up in what was read, by id (`base_calendar.py`, `read`).
    pub fn missing_row(&self) -> Option<i64> {
        match self {
            Self::Other(why) => why.strip_prefix("KeyError: ")?.trim_end_matches('L').parse().ok(),
            _ => None,
        }
    }

    /// For calls that concern no single item.
    pub fn fault(self, account: &str) -> Fault {
        match self {
            Self::SignIn => {
                Fault::new(FaultKind::GivenCredentials, format!("user name or password are refused, for {account}"))
            }
            Self::Forbidden(reason) => Fault::new(
                FaultKind::MissingPermission,
                format!("{account} lacks a right in Odoo: {reason}"),
            ),
            Self::NoDatabase(reason) => Fault::new(
                FaultKind::UnexpectedAnswer,
                format!("the server does not have this database: {reason}"),
            )
            .remedy("Set the name of the database in this connection; it is shown on Odoo's login page (/web/database/selector)."),
            Self::Locked(reason) => {
                Fault::new(FaultKind::Throttled, format!("the server is busy with the same records: {reason}"))
            }
            Self::Missing => Fault::new(FaultKind::UnexpectedAnswer, "a record was deleted while it was read"),
            Self::Duplicate => {
                Fault::new(FaultKind::UnexpectedAnswer, "Odoo has a record with the same key already")
            }
            Self::Concurrency => Fault::new(FaultKind::UnexpectedAnswer, "a record was changed while it was read"),
            Self::Invalid(reason) | Self::Other(reason) => {
                Fault::new(FaultKind::UnexpectedAnswer, format!("Odoo refused the call: {reason}"))
            }
        }
    }

    /// For a write of one item. The server has undone all of it.
    pub fn item(self) -> ItemError {
        match self {
            Self::Missing => ItemError::Gone,
            Self::Concurrency => ItemError::VersionMoved,
            Self::Duplicate => ItemError::Exists,
            Self::Forbidden(reason) => ItemError::Forbidden { reason },
            Self::Locked(reason) => ItemError::NotNow(reason),
            Self::SignIn => ItemError::NotNow("the login was refused".into()),
            Self::Invalid(reason) | Self::Other(reason) | Self::NoDatabase(reason) => {
                ItemError::Invalid { reason }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meeting_that_is_not_there_is_named() {
        let traceback = "Traceback (most recent call last):\n  File \"base_calendar.py\"\nKeyError: 25\n";
        assert_eq!(Refusal::read("1", traceback).missing_row(), Some(25));
        assert_eq!(Refusal::Other("KeyError: 25L".into()).missing_row(), Some(25));
        assert_eq!(Refusal::Other("KeyError: 'res.partner'".into()).missing_row(), None);
        assert_eq!(Refusal::Missing.missing_row(), None);
    }

    #[test]
    fn faults_as_openerp_7_and_odoo_18_say_them() {
        let traceback = "Traceback (most recent call last):\n  File \"x.py\"\nValueError: no such field\n";
        for (code, text, refusal) in [
            ("AccessDenied", "Access denied.", Refusal::SignIn),
            ("3", "Access Denied", Refusal::SignIn),
            ("warning -- AccessError\n\nSorry, not you.", "", Refusal::Forbidden("Sorry, not you.".into())),
            (
                "warning -- Access Denied\n\nThe rule says no.",
                "",
                Refusal::Forbidden("The rule says no.".into()),
            ),
            (
                "4",
                "You are not allowed to modify 'Contact'",
                Refusal::Forbidden("You are not allowed to modify 'Contact'".into()),
            ),
            ("warning -- Missing document(s)\n\nOne of the documents …", "", Refusal::Missing),
            (
                "2",
                "Record does not exist or has been deleted.\n(Record: res.partner(9,), User: 2)",
                Refusal::Missing,
            ),
            ("warning -- ConcurrencyException\n\nA document was modified", "", Refusal::Concurrency),
            (
                "warning -- ValidateError\n\nEnd date cannot be set before start date.",
                "",
                Refusal::Invalid("End date cannot be set before start date.".into()),
            ),
            (
                "2",
                "The ending date cannot be earlier",
                Refusal::Invalid("The ending date cannot be earlier".into()),
            ),
            ("1", traceback, Refusal::Other("ValueError: no such field".into())),
            (
                "warning -- Constraint Error\n\nYou cannot have multiple records with the same external ID in the same \
                 module!",
                "",
                Refusal::Duplicate,
            ),
            ("no such field", traceback, Refusal::Other("no such field".into())),
        ] {
            assert_eq!(Refusal::read(code, text), refusal, "{code}");
        }
        assert!(matches!(
            Refusal::read("FATAL:  database \"nodb\" does not exist\n", traceback),
            Refusal::NoDatabase(words) if words.contains("nodb")
        ));
    }
}
