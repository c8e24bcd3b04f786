//! The Exchange Browser: type users, *check name >>*, *add >>*, *Ok >>*.

use crate::desk::Desk;
use crate::requested::Requested;
use crate::trouble::Trouble;
use riva_core::admin::{AdminError, Candidate};
use riva_core::documents::{Policy, SystemKind};
use riva_core::ids::EmailAddress;

/// What one typed name came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// These users have it.
    Found(Vec<Choice>),
    /// Nobody has it.
    Nobody,
    /// The directory could not be asked.
    Failed(Trouble),
}

/// A user that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The user.
    pub candidate: Candidate,
    /// Whether *add >>* takes it.
    pub ticked: bool,
}

impl Choice {
    /// The CRM user that the mailbox will be synced with, in words; the user name only where it says more.
    pub fn crm_user(&self) -> Option<String> {
        let crm = self.candidate.crm_user.as_ref()?;
        Some(if crm.user_name.eq_ignore_ascii_case(crm.address.as_str()) {
            format!("CRM user {}", crm.name)
        } else {
            format!("CRM user {} ({})", crm.name, crm.user_name)
        })
    }
}

/// A typed name and its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// As typed.
    pub typed: String,
    /// What it came to.
    pub outcome: Outcome,
}

/// The window.
#[derive(Debug, Default)]
pub struct Browser {
    /// What is typed: one name, or several parted by `;` or `,`.
    pub typed: String,
    /// The names that were checked.
    pub checked: Vec<Checked>,
    /// Users to be added by *Ok >>*.
    pub pending: Vec<Candidate>,
    /// The chosen pending user.
    pub selected: Option<usize>,
    lookup: Requested<Vec<Checked>>,
    asked: String,
    exchange: bool,
}

/// The names in what was typed.
pub fn names_in(typed: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for part in typed.split([';', ',', '\n']).map(str::trim).filter(|p| !p.is_empty()) {
        // "Ann Lee <ann@x>" as mail programs copy it.
        let name = part.rsplit_once('<').map_or(part, |(_, address)| address.trim_end_matches('>')).trim();
        if !names.iter().any(|n| n.eq_ignore_ascii_case(name)) {
            names.push(name.to_owned());
        }
    }
    names
}

impl Browser {
    /// An empty window for a mail system.
    pub fn new(system: Option<SystemKind>) -> Self {
        Self { exchange: system.is_none_or(|s| s == SystemKind::ExchangeEws), ..Self::default() }
    }

    /// Its title.
    pub fn title(&self) -> &'static str {
        if self.exchange { "Exchange Browser" } else { "User Browser" }
    }

    /// Whether a check is under way.
    pub fn is_checking(&self) -> bool {
        self.lookup.is_pending()
    }

    /// *check name >>*.
    pub fn check(&mut self, desk: &Desk, policy: &Policy) {
        let names = names_in(&self.typed);
        let Some(admin) = desk.admin.clone().filter(|_| !names.is_empty()) else { return };
        self.asked.clone_from(&self.typed);
        self.checked.clear();
        let policy = policy.clone();
        self.lookup.start(desk.ask(async move {
            let mut checked = Vec::with_capacity(names.len());
            for typed in names {
                let outcome = outcome(admin.check_name(&policy, &typed).await);
                checked.push(Checked { typed, outcome });
            }
            Ok::<_, Trouble>(checked)
        }));
    }

    /// Takes in the answer.
    pub fn poll(&mut self) {
        if self.lookup.poll() {
            match std::mem::take(&mut self.lookup) {
                Requested::Ready(checked) => self.take(checked),
                Requested::Failed { error, .. } => {
                    self.take(vec![Checked { typed: self.asked.clone(), outcome: Outcome::Failed(error) }]);
                }
                other => self.lookup = other,
            }
        }
    }

    fn take(&mut self, mut checked: Vec<Checked>) {
        for choice in checked.iter_mut().flat_map(Checked::choices_mut) {
            if choice.candidate.obstacle.is_none() && self.is_pending(&choice.candidate.user.address) {
                choice.candidate.obstacle = Some("Already in the list of users to add.".into());
            }
        }
        for one in &mut checked {
            // A single fit answer needs no tick by hand.
            let fit = one.choices_mut().filter(|c| c.candidate.obstacle.is_none()).count();
            if fit == 1
                && let Some(choice) = one.choices_mut().find(|c| c.candidate.obstacle.is_none())
            {
                choice.ticked = true;
            }
        }
        self.checked = checked;
    }

    fn is_pending(&self, address: &EmailAddress) -> bool {
        self.pending.iter().any(|p| p.user.address == *address)
    }

    /// How many users *add >>* would take.
    pub fn ticked(&self) -> usize {
        self.checked.iter().flat_map(Checked::choices).filter(|c| c.ticked).count()
    }

    /// *add >>*: the ticked users go to the list; what was not found stays to be mended.
    pub fn add(&mut self) {
        let ticked: Vec<Candidate> = self
            .checked
            .iter()
            .flat_map(Checked::choices)
            .filter(|c| c.ticked && c.candidate.obstacle.is_none())
            .map(|c| c.candidate.clone())
            .collect();
        for candidate in ticked {
            if !self.is_pending(&candidate.user.address) {
                self.pending.push(candidate);
            }
        }
        self.checked.retain(|c| !c.choices().any(|choice| choice.ticked));
        let left: Vec<&str> = self.checked.iter().map(|c| c.typed.as_str()).collect();
        self.typed = left.join("; ");
        self.asked.clone_from(&self.typed);
    }

    /// *remove >>*: takes the chosen user off the list again.
    pub fn remove(&mut self) {
        if let Some(index) = self.selected.take().filter(|i| *i < self.pending.len()) {
            self.pending.remove(index);
        }
    }

    /// Enter in the field: first checks; then, when what was checked still stands there, adds.
    pub fn enter(&mut self, desk: &Desk, policy: &Policy) {
        if self.typed == self.asked && self.ticked() > 0 {
            self.add();
        } else {
            self.check(desk, policy);
        }
    }

    /// Whether *check name >>* has anything to check.
    pub fn can_check(&self) -> bool {
        !self.is_checking() && !names_in(&self.typed).is_empty()
    }
}

fn outcome(result: Result<Vec<Candidate>, AdminError>) -> Outcome {
    match result {
        Ok(found) if found.is_empty() => Outcome::Nobody,
        Ok(found) => {
            Outcome::Found(found.into_iter().map(|candidate| Choice { candidate, ticked: false }).collect())
        }
        Err(error) => Outcome::Failed(error.into()),
    }
}

impl Checked {
    /// The users that were found.
    pub fn choices(&self) -> impl Iterator<Item = &Choice> {
        let found = if let Outcome::Found(found) = &self.outcome { found.as_slice() } else { &[] };
        found.iter()
    }

    /// The same, to tick them.
    pub fn choices_mut(&mut self) -> impl Iterator<Item = &mut Choice> {
        let found =
            if let Outcome::Found(found) = &mut self.outcome { found.as_mut_slice() } else { &mut [] };
        found.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::ports::{CrmUser, ResolvedName};

    fn candidate(address: &str, obstacle: Option<&str>) -> Candidate {
        Candidate {
            user: ResolvedName { display_name: address.to_uppercase(), address: address.into() },
            crm_user: None,
            obstacle: obstacle.map(Into::into),
        }
    }

    fn found(typed: &str, list: Vec<Candidate>) -> Checked {
        Checked { typed: typed.into(), outcome: outcome(Ok(list)) }
    }

    #[test]
    fn several_names_are_taken_apart() {
        assert_eq!(names_in(" ann ; Bob <bob@x> ,cy\n;ANN"), ["ann", "bob@x", "cy"]);
        assert!(names_in(" ; ").is_empty());
    }

    #[test]
    fn a_single_fit_user_is_ticked_and_one_with_an_obstacle_is_not() {
        let mut browser = Browser::new(None);
        browser.take(vec![
            found("ann", vec![candidate("ann@x", None)]),
            found("bob", vec![candidate("bob@x", Some("is in policy Sales"))]),
            found("cy", vec![candidate("cy1@x", None), candidate("cy2@x", None)]),
        ]);
        assert_eq!(browser.ticked(), 1);
        browser.add();
        assert_eq!(browser.pending, [candidate("ann@x", None)]);
        assert_eq!(browser.typed, "bob; cy", "what is left stays to be mended");
    }

    #[test]
    fn the_crm_user_is_named_with_a_user_name_that_says_more() {
        let crm = |user_name: &str| CrmUser {
            id: "005A".into(),
            name: "Ann Lee".into(),
            user_name: user_name.into(),
            address: "ann@x".into(),
        };
        let mut choice = Choice { candidate: candidate("ann@x", None), ticked: false };
        assert_eq!(choice.crm_user(), None);
        choice.candidate.crm_user = Some(crm("ANN@x"));
        assert_eq!(choice.crm_user().as_deref(), Some("CRM user Ann Lee"));
        choice.candidate.crm_user = Some(crm("ann@x.sandbox"));
        assert_eq!(choice.crm_user().as_deref(), Some("CRM user Ann Lee (ann@x.sandbox)"));
    }

    #[test]
    fn nobody_is_added_twice() {
        let mut browser = Browser::new(None);
        browser.take(vec![found("ann", vec![candidate("ann@x", None)])]);
        browser.add();
        browser.take(vec![found("ann", vec![candidate("ann@x", None)])]);
        assert_eq!(browser.ticked(), 0);
        assert!(browser.checked[0].choices().all(|c| c.candidate.obstacle.is_some()));
        browser.add();
        assert_eq!(browser.pending.len(), 1);
        browser.selected = Some(0);
        browser.remove();
        assert!(browser.pending.is_empty());
    }

    #[test]
    fn nobody_found_is_not_the_same_as_a_directory_that_fails() {
        assert_eq!(outcome(Ok(vec![])), Outcome::Nobody);
        let refused = AdminError::Refused { what: "No.".into(), remedy: String::new() };
        assert!(matches!(outcome(Err(refused)), Outcome::Failed(_)));
    }
}
