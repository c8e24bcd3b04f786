//! The rule by which a mailbox is matched to a user of a CRM: exactly one active user has the address.

use riva_core::fault::{Fault, FaultKind};
use riva_core::ports::CrmUser;

/// A user that a CRM found for an address.
#[derive(Debug, Clone)]
pub struct Found {
    /// Whether they may log in.
    pub active: bool,
    /// Who.
    pub user: CrmUser,
}

/// The one active user among those whom `system` found for an address; else why not, in Riva's words first.
pub fn exactly_one(system: &str, mut found: Vec<Found>, address: &str) -> Result<CrmUser, Fault> {
    let inactive = found.iter().filter(|f| !f.active).count();
    found.retain(|f| f.active);
    let fault = |heading: Option<&str>, why: String| {
        let fault = Fault::new(
            FaultKind::UserNotFound,
            format!("Unable to match a user to impersonate by email address: {why}: {address}"),
        );
        Err(match heading {
            Some(heading) => fault.headed(heading),
            None => fault,
        })
    };
    match (found.len(), inactive) {
        (1, _) => Ok(found.remove(0).user),
        (0, 0) => fault(None, format!("no user of {system} has it as e-mail address or user name")),
        (0, 1) => fault(Some("User Not Active"), format!("the only user of {system} who has it is inactive")),
        (0, several) => fault(
            Some("User Not Active"),
            format!("all {several} users of {system} who have it are inactive"),
        ),
        (several, _) => {
            let names: Vec<&str> = found.iter().map(|f| f.user.user_name.as_str()).collect();
            let why = format!("{several} active users of {system} have it ({})", names.join(", "));
            fault(Some("Several Users Found"), why)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::ids::{CrmUserId, EmailAddress};

    fn found(active: bool, login: &str) -> Found {
        let user = CrmUser {
            id: CrmUserId::new(login),
            name: login.to_uppercase(),
            user_name: login.to_owned(),
            address: EmailAddress::new("ann@x.example"),
        };
        Found { active, user }
    }

    #[test]
    fn only_one_active_user_is_a_match() {
        let one = exactly_one("Odoo", vec![found(false, "old"), found(true, "ann")], "ann@x.example");
        assert_eq!(one.expect("the active one").user_name, "ann");
        let cases = [
            (vec![], "User Not Found", "no user of Odoo has it"),
            (vec![found(false, "old")], "User Not Active", "the only user of Odoo who has it is inactive"),
            (vec![found(false, "a"), found(false, "b")], "User Not Active", "all 2 users of Odoo"),
            (
                vec![found(true, "a"), found(true, "b")],
                "Several Users Found",
                "2 active users of Odoo have it (a, b)",
            ),
        ];
        for (users, title, why) in cases {
            let fault = exactly_one("Odoo", users, "ann@x.example").expect_err(title);
            assert_eq!((fault.kind, fault.title()), (FaultKind::UserNotFound, title));
            assert!(fault.detail.contains(why) && fault.detail.ends_with(": ann@x.example"), "{fault}");
        }
    }
}
