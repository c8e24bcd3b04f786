//! Delete Safety: too many deletions at once are held until an administrator approves them.

use riva_core::documents::SafetyLimit;
use riva_core::rows::Side;

/// Below so many deletions a part in percent says nothing.
const FEW: u64 = 10;

/// What a cycle would delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Deletions {
    /// Items of the mailbox, because they are gone in the CRM.
    pub mail: u64,
    /// Items of the CRM, because they are gone in the mailbox.
    pub crm: u64,
    /// Pairs in step before.
    pub linked: u64,
}

impl Deletions {
    fn all(self) -> u64 {
        self.mail + self.crm
    }

    /// What was never in step, and is deleted all the same, is no part of it.
    fn percent(self) -> u64 {
        (self.all() * 100).checked_div(self.linked).unwrap_or(0).min(100)
    }

    /// The side on which everything is gone.
    fn emptied(self) -> Option<Side> {
        let all = |n: u64| n >= self.linked && self.linked >= 3;
        match (all(self.mail), all(self.crm)) {
            (true, _) => Some(Side::Crm),
            (_, true) => Some(Side::Mail),
            (false, false) => None,
        }
    }
}

/// Why what looks deleted may not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// There is none.
    None,
    /// A feed was lost in this cycle: everything was listed anew.
    CursorLost,
    /// What is gone on this side without a word is what was changed there last: as if a backup had been put back.
    NewestGone(Side),
    /// A connection leads to another database than before, and an administrator has accepted that.
    OtherDatabase,
}

/// Why deletions are held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tripped {
    /// For the log and the pairs' reason.
    pub text: String,
}

/// Checks a cycle's deletions against the limit, for a side that looks emptied, and for reasons to doubt them.
pub(crate) fn check(deletions: Deletions, limit: SafetyLimit, doubt: Doubt) -> Option<Tripped> {
    let (n, percent) = (deletions.all(), deletions.percent());
    let too_many = n > u64::from(limit.items);
    let too_large_a_part = n > FEW && percent > u64::from(limit.percent);
    let why = match (deletions.emptied(), doubt) {
        (_, Doubt::OtherDatabase) if n > 0 => {
            "; a connection leads to another database than before".to_owned()
        }
        (_, Doubt::NewestGone(side)) if n > 0 => {
            format!(
                "; they are what was changed last in the {}, as if a backup had been put back there",
                side.title()
            )
        }
        (Some(side), _) => format!("; the {} looks emptied", side.title()),
        (None, Doubt::CursorLost) if n > FEW && percent > 10 => {
            "; everything was listed anew, because the system no longer knew where the last poll ended"
                .to_owned()
        }
        (None, _) if too_many || too_large_a_part => String::new(),
        (None, _) => return None,
    };
    Some(Tripped {
        text: format!(
            "Delete Safety: poll result returned more deletes than allowed \
             [{n} items, {percent}% / {} items, {}%]{why}; nothing was deleted, {} for approval",
            limit.items,
            limit.percent,
            waiting(n)
        ),
    })
}

/// So many deletions wait.
pub(crate) fn waiting(n: u64) -> String {
    if n == 1 { "1 deletion waits".to_owned() } else { format!("{n} deletions wait") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: SafetyLimit = SafetyLimit { items: 50, percent: 10 };

    fn mail(n: u64, linked: u64) -> Deletions {
        Deletions { mail: n, crm: 0, linked }
    }

    fn trips(deletions: Deletions, doubt: Doubt) -> bool {
        check(deletions, LIMIT, doubt).is_some()
    }

    #[test]
    fn a_few_deletions_pass() {
        for (n, of) in [(0, 0), (1, 2), (10, 40), (11, 110), (50, 1_000)] {
            assert!(!trips(mail(n, of), Doubt::None), "{n} of {of}");
        }
    }

    #[test]
    fn one_waits_and_several_wait() {
        for (n, text) in [(1, "1 deletion waits"), (2, "2 deletions wait"), (0, "0 deletions wait")] {
            assert_eq!(waiting(n), text);
        }
    }

    #[test]
    fn many_do_not() {
        assert!(trips(mail(51, 10_000), Doubt::None));
        assert!(trips(mail(11, 100), Doubt::None));
        assert!(trips(mail(3, 3), Doubt::None), "an emptied side");
        assert!(trips(Deletions { mail: 0, crm: 3, linked: 3 }, Doubt::None), "the other side emptied");
        assert!(!trips(Deletions { mail: 2, crm: 1, linked: 3 }, Doubt::None), "neither is emptied");
    }

    #[test]
    fn doubt_makes_the_limit_stricter() {
        let wide = SafetyLimit { items: 1000, percent: 90 };
        assert_eq!(check(mail(20, 100), wide, Doubt::None), None);
        assert!(check(mail(20, 100), wide, Doubt::CursorLost).is_some());
        assert_eq!(check(mail(10, 20), wide, Doubt::CursorLost), None);
        assert_eq!(check(mail(11, 110), wide, Doubt::CursorLost), None, "just a tenth");
        assert!(check(mail(1, 100), wide, Doubt::OtherDatabase).is_some());
        assert_eq!(check(mail(0, 100), wide, Doubt::OtherDatabase), None);
        let held = check(mail(4, 3), wide, Doubt::None).expect("it is held");
        assert!(held.text.contains("[4 items, 100% / 1000 items, 90%]"), "{}", held.text);
        let held = check(mail(3, 100), wide, Doubt::NewestGone(Side::Crm)).expect("it is held");
        assert!(held.text.contains("they are what was changed last in the CRM"), "{}", held.text);
        assert_eq!(check(mail(0, 100), wide, Doubt::NewestGone(Side::Crm)), None);
    }
}
