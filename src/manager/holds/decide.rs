//! Decisions: what each button says, and what is asked before something is lost or written by it.

use super::model::{Holds, headline};
use crate::widgets::dialog::Question;
use crate::words::{bin_of, count};
use riva_core::holds::{Choice, Decision, HeldItem, HoldKind, HoldRow};
use riva_core::rows::Side;

/// So many items are named before a decision; all of them stand in the hold.
const NAMED: usize = 8;

/// A button of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Button {
    /// Which choice.
    pub choice: Choice,
    /// What it says; with an ellipsis, something is asked first.
    pub text: &'static str,
    /// What it does, when pointed at.
    pub more: &'static str,
    /// Whether something is lost by it.
    pub danger: bool,
}

/// The buttons of a kind of hold, in their order. A candidate has its own button to be linked to.
pub fn buttons(kind: HoldKind) -> Vec<Button> {
    let all = kind.choices().iter().filter(|choice| **choice != Choice::Link);
    all.map(|choice| button(*choice)).collect()
}

/// What a choice is called on its button.
pub fn button(choice: Choice) -> Button {
    let (text, more, danger) = match choice {
        Choice::Approve => (
            "Approve deletions…",
            "Exactly the deletions that are listed are made. An item that was edited since is not deleted.",
            true,
        ),
        Choice::Refuse => (
            "Refuse deletions…",
            "Nothing is deleted. The items are kept, or made again where they are gone, as the policy says.",
            false,
        ),
        Choice::Link => ("Link…", "They are the same thing, and kept in step from now on.", false),
        Choice::Create => ("Create", "It is a thing of its own: it is made on the other side.", false),
        Choice::Ignore => ("Ignore", "Each side keeps what it has; they are not kept in step.", false),
        Choice::TakeMail => ("Take mailbox…", "What the mailbox shows goes to the CRM.", true),
        Choice::TakeCrm => ("Take CRM…", "What the CRM shows goes to the mailbox.", true),
        Choice::Keep => ("Keep", "The mailbox keeps it.", false),
        Choice::LetGo => ("Let go…", "It is deleted in the mailbox too.", true),
    };
    Button { choice, text, more, danger }
}

/// The decision of a choice that nothing goes with.
pub fn simple(choice: Choice) -> Option<Decision> {
    Some(match choice {
        Choice::Approve => Decision::Approve,
        Choice::Refuse => Decision::Refuse,
        Choice::Create => Decision::Create,
        Choice::Ignore => Decision::Ignore,
        Choice::TakeMail => Decision::TakeMail,
        Choice::TakeCrm => Decision::TakeCrm,
        Choice::Keep => Decision::Keep,
        Choice::LetGo => Decision::LetGo,
        Choice::Link => return None,
    })
}

/// What was decided, as a sentence for a notice.
pub fn said(choice: Choice, what: &str) -> String {
    let done = match choice {
        Choice::Approve => "approved",
        Choice::Refuse => "refused",
        Choice::Link => "linked",
        Choice::Create => "to be created",
        Choice::Ignore => "ignored",
        Choice::TakeMail => "the mailbox is taken",
        Choice::TakeCrm => "the CRM is taken",
        Choice::Keep => "kept",
        Choice::LetGo => "let go",
    };
    format!("{what}: {done}. It is carried out at once")
}

/// What is asked before a decision is sent; `None` where nothing is overwritten or lost by it.
pub fn question(holds: &Holds, hold: &HoldRow, decision: &Decision) -> Option<Question> {
    let user = holds.address(hold.member);
    let what = headline(hold);
    let (title, text, yes, danger) = match decision {
        Decision::Create | Decision::Ignore | Decision::Keep => return None,
        Decision::Approve => (
            format!("Delete {} of {user}?", count(hold.items.len(), "item", "items")),
            format!(
                "{}\n\nAn item that was edited since is not deleted. Deleted items go to {}, and Undo puts them back \
                 for as long as the workspace keeps what it needs for that.",
                names(&hold.items),
                bins(&hold.items)
            ),
            "Delete",
            true,
        ),
        Decision::Refuse => (
            format!("Refuse {what}?"),
            format!(
                "Nothing of {user} is deleted. The items are kept where they are, or made again where they are gone, \
                 as the policy {} says (Safety).",
                holds.policy(hold.member)
            ),
            "Refuse",
            false,
        ),
        Decision::Link { to } => {
            let twin = hold.items.iter().flat_map(|item| &item.twins).find(|twin| twin.id == *to);
            let twin = twin.map_or_else(|| to.to_string(), |twin| format!("\u{201c}{}\u{201d}", twin.title));
            (
                format!("Link \u{201c}{what}\u{201d}?"),
                format!(
                    "It is taken for the same thing as {twin} and kept in step with it. What only one of them has \
                     goes to the other; where both differ, the policy says which one wins."
                ),
                "Link",
                false,
            )
        }
        Decision::TakeMail => overwritten(&what, Side::Mail),
        Decision::TakeCrm => overwritten(&what, Side::Crm),
        Decision::LetGo => (
            format!("Delete \u{201c}{what}\u{201d} in the mailbox?"),
            format!(
                "It was deleted in the CRM, and edited in the mailbox of {user} after that. The edit is lost with it; \
                 it goes to {}.",
                bin_of(Side::Mail)
            ),
            "Delete",
            true,
        ),
    };
    Some(Question { title, text, choices: None, yes, no: "Cancel", danger, busy: None })
}

fn overwritten(what: &str, right: Side) -> (String, String, &'static str, bool) {
    let (right, lost) = (right.title(), right.other().title());
    (
        format!("Take what the {right} shows of \u{201c}{what}\u{201d}?"),
        format!("Where the two differ, what the {lost} shows is overwritten."),
        "Overwrite",
        true,
    )
}

fn names(items: &[HeldItem]) -> String {
    let mut lines: Vec<String> = items.iter().take(NAMED).map(|item| format!("• {}", item.title)).collect();
    if items.len() > NAMED {
        lines.push(format!("and {} more, all listed in the hold", items.len() - NAMED));
    }
    lines.join("\n")
}

fn bins(items: &[HeldItem]) -> String {
    let on = |side: Side| items.iter().any(|item| item.side == Some(side));
    let bins: Vec<&str> = [Side::Mail, Side::Crm].into_iter().filter(|s| on(*s)).map(bin_of).collect();
    bins.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::made_up::{duplicate, emptied};
    use chrono::Utc;
    use riva_core::ids::MemberId;

    #[test]
    fn approving_names_what_is_lost_and_where_it_goes() {
        let hold = emptied(1, MemberId(1), 12, Utc::now());
        let question = question(&Holds::default(), &hold, &Decision::Approve).unwrap();
        assert!(question.danger && question.title.starts_with("Delete 12 items of"));
        for item in &hold.items[..NAMED] {
            assert!(question.text.contains(&item.title), "{}", question.text);
        }
        assert!(question.text.contains("and 4 more") && question.text.contains("recycle bin"));
        assert!(!question.text.contains(&hold.items[11].title));
    }

    #[test]
    fn what_loses_nothing_is_done_without_a_question() {
        let hold = duplicate(2, MemberId(1), Utc::now());
        for decision in [Decision::Create, Decision::Ignore, Decision::Keep] {
            assert_eq!(question(&Holds::default(), &hold, &decision), None);
        }
        let to = hold.items[0].twins[0].id.clone();
        let link = question(&Holds::default(), &hold, &Decision::Link { to }).unwrap();
        assert!(!link.danger && link.text.contains(&hold.items[0].twins[0].title), "{}", link.text);
    }

    #[test]
    fn a_button_with_an_ellipsis_is_one_that_asks() {
        let hold = duplicate(2, MemberId(1), Utc::now());
        for (decision, choice) in [
            (Decision::Approve, Choice::Approve),
            (Decision::Refuse, Choice::Refuse),
            (Decision::Create, Choice::Create),
            (Decision::Ignore, Choice::Ignore),
            (Decision::TakeMail, Choice::TakeMail),
            (Decision::TakeCrm, Choice::TakeCrm),
            (Decision::Keep, Choice::Keep),
            (Decision::LetGo, Choice::LetGo),
        ] {
            let asks = question(&Holds::default(), &hold, &decision);
            assert_eq!(button(choice).text.ends_with('…'), asks.is_some(), "{choice:?}");
            assert_eq!(button(choice).danger, asks.is_some_and(|q| q.danger), "{choice:?}");
        }
    }
}
