//! From a document's text to its meaning, with findings in plain words where it has none.

use super::place::{key_at, line_at};
use crate::admin::Finding;
use serde::de::DeserializeOwned;

/// Reads a document. `file` is its path below the workspace, for the finding.
pub(crate) fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Finding> {
    toml::from_str(text).map_err(|error| finding(file, text, &error))
}

/// A finding that only says in which file.
pub(crate) fn in_file(file: &str, what: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { file: file.to_owned(), line: None, key: None, what: what.into(), remedy: remedy.into() }
}

fn finding(file: &str, text: &str, error: &toml::de::Error) -> Finding {
    let start = error.span().map(|span| span.start);
    let mut found = in_file(file, "", "");
    found.line = start.map(|byte| line_at(text, byte));
    let readable = toml_edit::Document::parse(text).is_ok();
    let message = error.message();
    found.key = start.filter(|_| readable).and_then(|byte| key_at(text, byte));
    if !readable {
        found.what = format!("this is not TOML: {}.", one_line(message));
        found.remedy = "Mend this line; texts stand in quotes, tables begin with [name].".into();
        return found;
    }
    let named = quoted(message);
    if message.starts_with("unknown field") || message.starts_with("unknown variant") {
        let (asked, known) = named.split_first().map_or(("", &[][..]), |(a, k)| (*a, k));
        if message.starts_with("unknown field") {
            // The span of a table that is read as a whole is the table's own: name the key all the same.
            if !found.key.as_deref().is_some_and(|key| key == asked || key.ends_with(&format!(".{asked}"))) {
                let line = text.lines().position(|l| l.trim_start().starts_with(asked));
                found.line = line.map(|index| index + 1).or(found.line);
                found.key = Some(found.key.map_or_else(|| asked.to_owned(), |key| format!("{key}.{asked}")));
            }
            found.what = format!("there is no key `{asked}` here.");
        } else {
            found.what = format!("`{asked}` is not one of the values that this key takes.");
        }
        found.remedy = suggest(asked, known);
    } else if message.starts_with("missing field") {
        let missing = named.first().copied().unwrap_or_default();
        found.what = format!("the key `{missing}` is missing.");
        found.remedy = format!("Add a line `{missing} = …`.");
    } else if let Some((got, wanted)) = message.split_once(", expected ") {
        let got = got.trim_start_matches("invalid type: ").trim_start_matches("invalid value: ");
        found.what = format!("{} does not fit.", one_line(got));
        found.remedy = format!("Expected: {}.", type_in_words(wanted));
    } else {
        found.what = format!("{}.", one_line(message).trim_end_matches('.'));
        found.remedy = "Mend this value.".into();
    }
    found
}

/// The nearest known word, or all of them.
pub(crate) fn suggest(asked: &str, known: &[&str]) -> String {
    if ["password", "secret", "token", "private_key", "client_secret"].contains(&asked) {
        return "Secrets are never in a document: take the line out and use `riva connection set-password NAME`."
            .into();
    }
    let nearest = known.iter().map(|word| (strsim::damerau_levenshtein(asked, word), word)).min();
    match nearest {
        Some((distance, word)) if distance <= 2.max(asked.chars().count() / 3) => {
            format!("Did you mean `{word}`?")
        }
        Some(_) => format!("Known here: {}.", known.join(", ")),
        None => "Take the line out.".into(),
    }
}

/// The words between back-ticks.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn type_in_words(wanted: &str) -> String {
    match wanted.trim() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more".into(),
        "i32" | "i64" => "a whole number".into(),
        "a boolean" => "true or false".into(),
        "a string" => "a text in quotes".into(),
        "a sequence" => "a list".into(),
        other if other.starts_with("struct ") || other == "a map" => "a table".into(),
        other => one_line(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::{Connection, Policy, Settings};
    use proptest::prelude::*;

    fn found<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> Finding {
        read::<T>("policies/sales.toml", text).unwrap_err()
    }

    #[test]
    fn a_typo_is_named_with_line_key_and_the_nearest_key() {
        let text = "enabled = true\nmail = \"a\"\ncrm = \"b\"\n\n[modules.calendar]\ndays_bakc = 45\n";
        let finding = found::<Policy>(text);
        assert_eq!(finding.line, Some(6));
        assert_eq!(finding.key.as_deref(), Some("modules.calendar.days_bakc"));
        assert_eq!(finding.remedy, "Did you mean `days_back`?");
        assert!(finding.to_string().starts_with("policies/sales.toml:6: modules.calendar.days_bakc: "));
    }

    #[test]
    fn a_wrong_type_says_what_was_expected() {
        let finding = found::<Settings>("[agent]\nmax_threads = \"many\"\n");
        assert_eq!((finding.line, finding.key.as_deref()), (Some(2), Some("agent.max_threads")));
        assert_eq!(finding.remedy, "Expected: a whole number, 0 or more.");
    }

    #[test]
    fn a_missing_key_is_named() {
        let finding = found::<Policy>("enabled = true\nmail = \"a\"\n");
        assert_eq!(finding.what, "the key `crm` is missing.");
    }

    #[test]
    fn an_unknown_value_gets_a_suggestion() {
        let text = "system = \"salesfroce\"\naddress = \"https://x.example\"\naccount = \"a\"\n";
        let finding = found::<Connection>(text);
        assert_eq!((finding.line, finding.key.as_deref()), (Some(1), Some("system")));
        assert_eq!(finding.remedy, "Did you mean `salesforce`?");
    }

    #[test]
    fn a_password_in_a_document_is_refused_and_not_repeated() {
        let text =
            "system = \"odoo\"\naddress = \"https://x.example\"\naccount = \"a\"\npassword = \"hunter2\"\n";
        let finding = found::<Connection>(text);
        assert_eq!(finding.line, Some(4));
        assert!(finding.remedy.contains("set-password"));
        assert!(!finding.to_string().contains("hunter2"));
    }

    #[test]
    fn broken_toml_names_its_line() {
        let finding = found::<Policy>("enabled = true\nmail = \n");
        assert_eq!(finding.line, Some(2));
        assert!(finding.what.starts_with("this is not TOML"));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "\\PC*|([a-z_]+ ?= ?[\"\\[{0-9a-z]*\n?)*") {
            let _ = read::<Policy>("p", &text);
            let _ = read::<Connection>("c", &text);
            let _ = read::<Settings>("s", &text);
        }
    }
}
