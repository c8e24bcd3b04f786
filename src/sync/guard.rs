//! Delete Safety: too many deletions at once are held until an administrator approves them.

use riva_core::documents::SafetyLimit;

/// Why deletions are held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tripped {
    /// For the log and the pairs' reason.
    pub text: String,
}

/// Checks a cycle's deletions against the limit, and for a side that looks emptied.
pub(crate) fn check(deletions: usize, in_step: u64, limit: SafetyLimit) -> Option<Tripped> {
    let deletions_u64 = deletions as u64;
    let percent = (deletions_u64 * 100).checked_div(in_step).unwrap_or(0);
    let emptied = deletions_u64 >= in_step && in_step >= 3;
    let too_many = deletions_u64 > u64::from(limit.items);
    let too_large_a_part = deletions > 10 && percent > u64::from(limit.percent);
    if !(emptied || too_many || too_large_a_part) {
        return None;
    }
    let why = if emptied { "; one side looks emptied" } else { "" };
    Some(Tripped {
        text: format!(
            "Delete Safety: poll result returned more deletes than allowed \
             [{deletions} items, {percent}% / {} items, {}%]{why}; nothing was deleted, {deletions} deletions wait for approval",
            limit.items, limit.percent
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: SafetyLimit = SafetyLimit { items: 50, percent: 10 };

    #[test]
    fn a_few_deletions_pass() {
        assert_eq!(check(0, 0, LIMIT), None);
        assert_eq!(check(1, 2, LIMIT), None);
        assert_eq!(check(10, 40, LIMIT), None);
    }

    #[test]
    fn many_do_not() {
        assert!(check(51, 10_000, LIMIT).is_some());
        assert!(check(11, 100, LIMIT).is_some());
        assert!(check(3, 3, LIMIT).is_some(), "an emptied side");
    }
}
