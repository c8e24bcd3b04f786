//! Rules and deeds of the journal as sentences.

use super::fields::by_word;
use riva_core::ports::LOST_AND_FOUND;
use riva_core::rows::JournalRow;

/// Why something is done: the rule that decided, as the end of a sentence that begins with "because".
pub fn because(rule: &str) -> String {
    if let Some((row, more)) =
        rule.strip_prefix("table row ").map(|rest| rest.split_once(", ").unwrap_or((rest, "")))
        && let Some(words) = row.parse().ok().and_then(of_row)
    {
        return match more {
            "Delete Safety" => format!("{words}, and there were more deletions than Delete Safety allows"),
            _ => words.to_owned(),
        };
    }
    if let Some((choice, by)) = rule.split_once(", decided by ") {
        return format!("{by} decided: {choice}");
    }
    if let Some(by) = rule.strip_prefix("undo by ") {
        return format!("{by} has undone earlier writes");
    }
    if let Some(by) = rule.strip_prefix("match by ") {
        return because(by);
    }
    if let Some(words) = of_message(rule) {
        return words;
    }
    match rule {
        "attachments" => "files hang on it in the mailbox".to_owned(),
        "time zone rules" => "the rules of its time zone have changed".to_owned(),
        "shared record" => "another user has the same record in step".to_owned(),
        "matching" => "several items may be the same thing, or its twin is not known".to_owned(),
        "reading" => "it cannot be kept in step as its side shows it".to_owned(),
        "recovery" => "the answer to an earlier write was lost".to_owned(),
        "series" => "it belongs to a recurring series".to_owned(),
        LOST_AND_FOUND => {
            "another sync has left it, by its category, and the CRM has no twin of it".to_owned()
        }
        "marker" => "it carries Riva's own marker".to_owned(),
        "as sent" => "it shows exactly what was sent".to_owned(),
        "" => "no rule was written down".to_owned(),
        by => format!("both have the same {by}"),
    }
}

/// Of a message: how it came to be logged.
fn of_message(rule: &str) -> Option<String> {
    let place = rule.strip_suffix("by matching addresses")?.trim_end();
    let place = place.strip_suffix("people").unwrap_or(place).trim_end_matches([',', ' ']);
    Some(match (place.strip_prefix("assigned by the user to "), place) {
        (Some(record), _) => format!("its user has assigned it to {record}"),
        (None, "dropped by the user") => "its user has dropped it to be logged".to_owned(),
        (None, folder) => format!("it lies in {folder}, and the CRM knows an address of it"),
    })
}

fn of_row(row: u8) -> Option<&'static str> {
    Some(match row {
        1 => "nothing has changed on either side",
        2 => "it was changed in the mailbox",
        3 => "it was changed in the CRM",
        4 | 5 => "it was changed on both sides",
        6 => "the same field was changed on both sides",
        7 => "it was deleted in the mailbox",
        8 => "it was deleted in the CRM",
        9 => "it was deleted in the mailbox, but edited in the CRM",
        10 => "it was deleted in the CRM, but edited in the mailbox",
        11 => "it is gone on both sides",
        12 => "it has left this user's sight in the mailbox, or has become private",
        13 => "it has left this user's sight in the CRM",
        14 => "neither side shows it to this user any more",
        15 => "it is new in the mailbox, and the CRM has no twin of it",
        16 => "it is new in the CRM, and the mailbox has no twin of it",
        17 => "both sides have it, and were not in step before",
        18 => "it carries Riva's own marker, but its pair was not known",
        19 => "a user deleted it earlier, and it is never made again",
        20 => "it was moved, and is the same item as before",
        21 => "the CRM has merged or converted the record",
        _ => return None,
    })
}

/// What was done, as a sentence.
pub fn deed_sentence(line: &JournalRow) -> String {
    let text = line.text.as_str();
    let sentence = match line.deed.as_str() {
        "link" => "The two sides were found to be the same thing and linked.".to_owned(),
        "create mail" => "Created in the mailbox.".to_owned(),
        "create crm" => "Created in the CRM.".to_owned(),
        "update mail" => format!("Updated in the mailbox{}.", fields_of(text)),
        "update crm" => format!("Updated in the CRM{}.", fields_of(text)),
        "delete mail" => "Deleted in the mailbox.".to_owned(),
        "delete crm" => "Deleted in the CRM.".to_owned(),
        "move mail" => format!("Moved to {LOST_AND_FOUND} in the mailbox."),
        "held" => format!("Held until an administrator decides: {text}"),
        "quarantined" | "failed" => format!("It did not work: {text}"),
        "waits" => format!("Waits, and is tried again: {text}"),
        "detached" => format!("Not kept in step from then on: {text}"),
        "decided" => format!("Decided: {text}"),
        "adopt" => "Found again and taken back into step.".to_owned(),
        "drop" => format!("A write that was never made was forgotten: {text}"),
        "in doubt" => format!("It is not known whether the write was made: {text}"),
        "undo" => "Earlier writes were taken back.".to_owned(),
        "put back" => {
            "The CRM does not permit it: the mailbox gets what the CRM has, as the policy says.".to_owned()
        }
        "left alone" => {
            "The CRM does not permit it: each side keeps what it has, as the policy says.".to_owned()
        }
        "unrolled" => format!("A series, kept in step occurrence by occurrence: {text}"),
        "moved" | "relink" => text.to_owned(),
        other => format!("{}: {text}", capital(other)),
    };
    if sentence.ends_with(['.', '!', '?']) { sentence } else { format!("{sentence}.") }
}

/// ": shown as, phones" of "updated in the CRM: Ann (displayName, phones)".
fn fields_of(text: &str) -> String {
    let fields = text.strip_suffix(')').and_then(|rest| rest.rsplit_once(" (")).map(|(_, fields)| fields);
    let Some(fields) = fields else { return String::new() };
    let fields: Vec<String> = fields.split(", ").map(by_word).collect();
    format!(": {}", fields.join(", "))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use riva_core::ids::{MemberId, PairId};
    use riva_core::item::Module;

    fn line(deed: &str, text: &str) -> JournalRow {
        JournalRow {
            member: MemberId(1),
            module: Module::Contacts,
            pair: PairId(uuid::Uuid::from_u128(1)),
            at: DateTime::UNIX_EPOCH,
            deed: deed.into(),
            rule: "table row 2".into(),
            text: text.into(),
            seen: String::new(),
        }
    }

    #[test]
    fn every_row_of_the_table_is_told_in_words() {
        for row in 1..=21 {
            let words = because(&format!("table row {row}"));
            assert!(!words.contains("table row") && !words.contains("the same table"), "{words}");
        }
        assert!(because("table row 8, Delete Safety").ends_with("than Delete Safety allows"));
        assert_eq!(because("UID"), "both have the same UID");
        assert_eq!(because("match by e-mail address"), "both have the same e-mail address");
        assert_eq!(because("match by marker"), "it carries Riva's own marker");
        for (rule, words) in [
            ("Inbox, by matching addresses", "it lies in Inbox, and the CRM knows an address of it"),
            ("dropped by the user, people by matching addresses", "its user has dropped it to be logged"),
            (
                "assigned by the user to \"a, b\", people by matching addresses",
                "its user has assigned it to \"a, b\"",
            ),
        ] {
            assert_eq!(because(rule), words);
        }
        assert_eq!(because("Create, decided by bob@desk"), "bob@desk decided: Create");
    }

    #[test]
    fn a_deed_is_a_sentence() {
        let updated = line("update crm", "updated in the CRM: Mia (Maier) (displayName, phones)");
        assert_eq!(deed_sentence(&updated), "Updated in the CRM: shown as, phones.");
        assert_eq!(
            deed_sentence(&line("create mail", "created in the mailbox: Mia")),
            "Created in the mailbox."
        );
        assert_eq!(deed_sentence(&line("goes on", "As another series")), "Goes on: As another series.");
    }
}
