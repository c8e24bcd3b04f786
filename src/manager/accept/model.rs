//! What is said of a connection that leads elsewhere than before, and what is asked before that is accepted.

use crate::widgets::dialog::{Choice, Choices, Question};
use crate::words::count;
use riva_api::Unaccepted;
use riva_core::fault::ToAccept;
use riva_core::ids::ConnectionName;
use riva_core::queue::MemberRow;
use riva_core::rows::Side;

/// The place of *Catch up* among the choices.
const CATCH_UP: usize = 0;

/// A connection that waits to be accepted, as the screen tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Which one.
    pub connection: ConnectionName,
    /// As shown.
    pub shown_name: String,
    /// What happened.
    pub headline: String,
    /// What that means.
    pub consequence: String,
}

impl Notice {
    /// Of a connection under the name that is shown.
    pub fn of(one: &Unaccepted, shown_name: &str) -> Self {
        Self {
            connection: one.connection.clone(),
            shown_name: shown_name.to_owned(),
            headline: match one.why {
                ToAccept::AnotherDatabase => format!("{} than before", title(one.why, shown_name)),
                ToAccept::OlderState => {
                    format!("{}, as if a backup was put back", title(one.why, shown_name))
                }
            },
            consequence: format!(
                "{} not synced until you say what it should be.",
                count(one.users, "user is", "users are")
            ),
        }
    }
}

fn title(why: ToAccept, name: &str) -> String {
    match why {
        ToAccept::AnotherDatabase => format!("{name} leads to another database"),
        ToAccept::OlderState => format!("{name} shows an older state"),
    }
}

/// The connection of a user that waits to be accepted, whether or not the user's cycle has found that out yet.
pub fn of_member<'a>(all: &'a [Unaccepted], member: &MemberRow) -> Option<&'a Unaccepted> {
    all.iter().find(|one| member.connection(one.side) == &one.connection)
}

/// What is asked before it is accepted.
pub fn question(one: &Unaccepted, shown_name: &str) -> Question {
    let users = count(one.users, "user waits", "users wait");
    let found = capital(&one.found);
    let safe = "Nothing is deleted before you approve it.";
    let (text, recommended, chosen) = match one.why {
        // It may be neither: nothing is chosen beforehand.
        ToAccept::AnotherDatabase => (
            format!(
                "{found}\n\nIf that is not meant, cancel, and check the address and the account of the connection. If it \
                 is, {users} for you to say what it should be. {safe}"
            ),
            "",
            None,
        ),
        ToAccept::OlderState => (
            format!("{found}\n\n{users} for you to say what it should be. {safe}"),
            " (recommended)",
            Some(CATCH_UP),
        ),
    };
    let (here, show, there) = match one.side {
        Side::Mail => ("the mailboxes", "show", "the CRM"),
        Side::Crm => ("the CRM", "shows", "the mailboxes"),
    };
    let list = vec![
        Choice {
            title: format!("Catch up: bring it up to date with what was in step before{recommended}"),
            text: match (one.side, one.why) {
                // Another mailbox does not tell which state is older.
                (Side::Mail, ToAccept::AnotherDatabase) => format!(
                    "What {here} show otherwise than before is written anew from {there}, what users have changed there \
                     since included, and what is gone is made again."
                ),
                (Side::Mail | Side::Crm, _) => format!(
                    "What is older in {here} than it was is written anew from {there}, and what is gone is made again."
                ),
            },
        },
        Choice {
            title: "Take it as it is".into(),
            text: format!(
                "What {here} {show} now counts as edited there, and goes to {there}. What is gone counts as deleted."
            ),
        },
    ];
    Question {
        title: title(one.why, shown_name),
        text,
        choices: Some(Choices { list, chosen }),
        yes: "Accept",
        no: "Cancel",
        danger: false,
        busy: None,
    }
}

/// Whether an answer is to catch up; `None` where nothing was chosen.
pub fn catches_up(answered: &Question) -> Option<bool> {
    Some(answered.choices.as_ref()?.chosen? == CATCH_UP)
}

/// What is said when it is done.
pub fn accepted(shown_name: &str, users: usize) -> String {
    let users = count(users, "user goes", "users go");
    format!("{shown_name}: the database it leads to now is accepted; {users} on")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::model::tests::row;
    use chrono::Utc;

    fn one(why: ToAccept, side: Side) -> Unaccepted {
        let found = "the remote database is not the one synced before.".into();
        Unaccepted { connection: "salesforce".into(), side, why, found, users: 14 }
    }

    #[test]
    fn it_is_told_what_happened_and_whom_it_keeps_waiting() {
        let mut one = one(ToAccept::AnotherDatabase, Side::Crm);
        let notice = Notice::of(&one, "Production");
        assert_eq!(notice.headline, "Production leads to another database than before");
        assert_eq!(notice.consequence, "14 users are not synced until you say what it should be.");
        (one.why, one.users) = (ToAccept::OlderState, 1);
        let notice = Notice::of(&one, "Production");
        assert!(notice.headline.contains("a backup was put back"), "{}", notice.headline);
        assert!(notice.consequence.starts_with("1 user is not synced"), "{}", notice.consequence);
    }

    #[test]
    fn catching_up_is_recommended_for_a_backup_alone() {
        let backup = question(&one(ToAccept::OlderState, Side::Crm), "Production");
        assert_eq!(catches_up(&backup), Some(true));
        assert!(backup.choices.as_ref().unwrap().list[0].title.ends_with("(recommended)"));
        assert!(backup.text.starts_with("The remote database"), "{}", backup.text);

        let mut another = question(&one(ToAccept::AnotherDatabase, Side::Crm), "Production");
        assert_eq!((catches_up(&another), another.can_be_answered()), (None, false));
        assert!(another.text.contains("check the address"), "{}", another.text);
        let choices = another.choices.as_mut().unwrap();
        assert!(!choices.list[0].title.contains("recommended"));
        choices.chosen = Some(1);
        assert_eq!((catches_up(&another), another.can_be_answered()), (Some(false), true));
    }

    #[test]
    fn each_choice_says_which_way_things_go() {
        let texts = |side| {
            let choices = question(&one(ToAccept::OlderState, side), "it").choices.unwrap();
            choices.list.into_iter().map(|choice| choice.text).collect::<Vec<_>>()
        };
        let crm = texts(Side::Crm);
        assert!(crm[0].contains("older in the CRM") && crm[0].contains("from the mailboxes"), "{crm:?}");
        assert!(crm[1].contains("What the CRM shows") && crm[1].contains("to the mailboxes"), "{crm:?}");
        let mail = texts(Side::Mail);
        assert!(mail[0].contains("older in the mailboxes") && mail[0].contains("from the CRM"), "{mail:?}");
        assert!(mail[1].contains("What the mailboxes show now"), "{mail:?}");
        // Versions of another mailbox say nothing of what is older.
        let choices = question(&one(ToAccept::AnotherDatabase, Side::Mail), "it").choices.unwrap();
        assert!(choices.list[0].text.contains("users have changed there since included"), "{choices:?}");
    }

    #[test]
    fn a_users_connection_is_found_before_the_user_has_run_into_it() {
        let row = row(1, "ann@x", Utc::now());
        let all = [one(ToAccept::OlderState, Side::Crm)];
        assert_eq!(of_member(&all, &row.member).map(|one| one.connection.as_str()), Some("salesforce"));
        let mut other = row.member;
        other.crm = "odoo".into();
        assert_eq!(of_member(&all, &other), None);
    }

    #[test]
    fn what_was_done_is_told() {
        assert_eq!(accepted("crm", 1), "crm: the database it leads to now is accepted; 1 user goes on");
        assert_eq!(accepted("crm", 3), "crm: the database it leads to now is accepted; 3 users go on");
    }
}
