//! The list of holds: filtered and searched once, not in every frame, and the details of the chosen one.

use super::compare::Comparison;
use crate::desk::Desk;
use crate::requested::{Reply, Requested};
use crate::trouble::Trouble;
use crate::words::count;
use chrono::{DateTime, Utc};
use riva_api::{Decide, QueueRow};
use riva_core::admin::who;
use riva_core::hold_details::HoldDetails;
use riva_core::holds::{Choice, Decision, HoldKind, HoldRow};
use riva_core::ids::{EmailAddress, MemberId, PairId, PolicyName};
use riva_core::rows::Side;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Holds that are not closed.
#[derive(Debug, Default)]
pub struct Holds {
    all: Vec<Arc<HoldRow>>,
    /// Whether the list was received at all.
    pub heard: bool,
    people: BTreeMap<MemberId, (EmailAddress, PolicyName)>,
    shown: Vec<usize>,
    kind: Option<HoldKind>,
    search: String,
    selected: Option<i64>,
    /// Whether fields in which nothing differs are shown too.
    pub all_fields: bool,
    /// The chosen item of the open hold.
    pub item: Option<PairId>,
    details: Details,
    deciding: Vec<(i64, Reply<Result<HoldRow, Trouble>>)>,
}

/// What was asked about the chosen hold.
#[derive(Debug, Default)]
struct Details {
    /// The hold, and since when it is open: one that was opened again is another.
    of: Option<(i64, DateTime<Utc>)>,
    answer: Requested<HoldDetails>,
    comparisons: Vec<Comparison>,
}

/// What came of a decision.
#[derive(Debug)]
pub enum DecisionNews {
    /// It is written down, and carried out at once.
    Taken(Choice, String),
    /// It was refused.
    Refused(Trouble),
}

impl Holds {
    /// Takes in a new list. The chosen hold stays chosen; where it is gone, its neighbour is.
    pub fn set(&mut self, mut holds: Vec<HoldRow>) {
        holds.retain(|hold| hold.closed.is_none());
        let place = self.selected_place().unwrap_or(0);
        // Those that wait first, newest first.
        holds.sort_by_key(|hold| (hold.decided.is_some(), std::cmp::Reverse((hold.since, hold.number))));
        self.all = holds.into_iter().map(Arc::new).collect();
        self.heard = true;
        self.arrange();
        if self.chosen().is_none() {
            self.selected = self.at(place.min(self.len().saturating_sub(1))).map(|hold| hold.number);
            self.item = None;
        }
    }

    /// Whose members are whose.
    pub fn set_people(&mut self, rows: &[QueueRow]) {
        let person =
            |row: &QueueRow| (row.member.id, (row.member.address.clone(), row.member.policy.clone()));
        self.people = rows.iter().map(person).collect();
        if !self.search.is_empty() {
            self.arrange();
        }
    }

    /// How many holds nobody has decided yet.
    pub fn waiting(&self) -> usize {
        self.all.iter().filter(|hold| hold.decided.is_none()).count()
    }

    /// How many holds there are, decided or not.
    pub fn total(&self) -> usize {
        self.all.len()
    }

    /// How many are shown.
    pub fn len(&self) -> usize {
        self.shown.len()
    }

    /// Whether none is shown.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// A shown hold.
    pub fn at(&self, place: usize) -> Option<&HoldRow> {
        self.all.get(*self.shown.get(place)?).map(Arc::as_ref)
    }

    /// The chosen hold.
    pub fn chosen(&self) -> Option<&HoldRow> {
        self.number(self.selected?)
    }

    /// The chosen hold, to keep while something changes here: it may name thousands of items.
    pub fn shared(&self) -> Option<Arc<HoldRow>> {
        let number = self.selected?;
        self.all.iter().find(|hold| hold.number == number).cloned()
    }

    /// A hold by its number.
    pub fn number(&self, number: i64) -> Option<&HoldRow> {
        self.all.iter().find(|hold| hold.number == number).map(Arc::as_ref)
    }

    /// Where the chosen hold stands.
    pub fn selected_place(&self) -> Option<usize> {
        let number = self.selected?;
        self.shown.iter().position(|index| self.all[*index].number == number)
    }

    /// Chooses a shown hold.
    pub fn select(&mut self, place: usize) {
        let number = self.at(place).map(|hold| hold.number);
        if number != self.selected {
            self.item = None;
        }
        self.selected = number;
    }

    /// Whose it is.
    pub fn address(&self, member: MemberId) -> String {
        self.people.get(&member).map_or_else(|| member.to_string(), |(address, _)| address.to_string())
    }

    /// In which policy.
    pub fn policy(&self, member: MemberId) -> &str {
        self.people.get(&member).map_or("", |(_, policy)| policy.as_str())
    }

    /// The kinds that occur, with their counts; the one that is filtered by stays.
    pub fn kinds(&self) -> Vec<(HoldKind, usize)> {
        let mut counts: BTreeMap<HoldKind, usize> = BTreeMap::new();
        for hold in &self.all {
            *counts.entry(hold.kind).or_default() += 1;
        }
        if let Some(kind) = self.kind {
            counts.entry(kind).or_default();
        }
        counts.into_iter().collect()
    }

    /// The kind that is filtered by.
    pub fn kind(&self) -> Option<HoldKind> {
        self.kind
    }

    /// Filters by a kind, or by none.
    pub fn set_kind(&mut self, kind: Option<HoldKind>) {
        self.kind = kind;
        self.arrange();
    }

    /// What is searched for.
    pub fn search(&self) -> &str {
        &self.search
    }

    /// Searches by user, policy, item and reason.
    pub fn set_search(&mut self, search: String) {
        self.search = search;
        self.arrange();
    }

    fn arrange(&mut self) {
        let wanted = self.search.trim().to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let fits = |hold: &HoldRow| {
            self.kind.is_none_or(|kind| hold.kind == kind)
                && (wanted.is_empty()
                    || self.people.get(&hold.member).is_some_and(|(a, p)| has(a.as_str()) || has(p.as_str()))
                    || has(&hold.reason)
                    || hold.items.iter().any(|item| has(&item.title)))
        };
        self.shown = (0..self.all.len()).filter(|index| fits(&self.all[*index])).collect();
    }

    /// Takes in answers, and asks for the details of the hold that is chosen now, if it is on the screen.
    pub fn poll(&mut self, desk: &Desk, shown: bool) -> Vec<DecisionNews> {
        if self.details.answer.poll() {
            self.compare();
        }
        let wanted = self.chosen().map(|hold| (hold.number, hold.since));
        if shown && wanted != self.details.of {
            self.details = Details { of: wanted, ..Details::default() };
            if let Some((number, _)) = wanted {
                let agent = desk.agent.clone();
                self.details.answer.start(desk.ask(async move { agent.hold_details(number).await }));
            }
        }
        let mut news = Vec::new();
        let mut taken = Vec::new();
        self.deciding.retain(|(number, reply)| match reply.poll() {
            None => true,
            Some(result) => {
                taken.push((*number, result.unwrap_or_else(|lost| Err(lost.into()))));
                false
            }
        });
        for (number, result) in taken {
            match result {
                Ok(hold) => {
                    let choice = hold.decided.as_ref().map_or(Choice::Ignore, |d| d.decision.choice());
                    news.push(DecisionNews::Taken(choice, headline(&hold)));
                    if let Some(row) = self.all.iter_mut().find(|row| row.number == number) {
                        *row = Arc::new(hold);
                    }
                }
                Err(trouble) => news.push(DecisionNews::Refused(trouble)),
            }
        }
        news
    }

    fn compare(&mut self) {
        let details = self.details.answer.value();
        let comparisons = self.chosen().zip(details).map(|(hold, details)| Comparison::of(hold, details));
        self.details.comparisons = comparisons.unwrap_or_default();
    }

    /// The details of the chosen hold.
    pub fn details(&self) -> &Requested<HoldDetails> {
        &self.details.answer
    }

    /// The items of the chosen hold beside what they may be the same as.
    pub fn comparisons(&self) -> &[Comparison] {
        &self.details.comparisons
    }

    /// Whether a decision about this hold is under way.
    pub fn is_deciding(&self, number: i64) -> bool {
        self.deciding.iter().any(|(each, _)| *each == number)
    }

    /// Sends a decision to the agent.
    pub fn decide(&mut self, desk: &Desk, number: i64, decision: Decision) {
        if self.is_deciding(number) {
            return;
        }
        let agent = desk.agent.clone();
        let what = Decide { number, decision, by: who() };
        self.deciding.push((number, desk.ask(async move { agent.decide(&what).await })));
    }

    /// What can be decided about the chosen hold now.
    pub fn choices(&self) -> &'static [Choice] {
        let open = |hold: &&HoldRow| hold.decided.is_none() && !self.is_deciding(hold.number);
        self.chosen().filter(open).map_or(&[], |hold| hold.kind.choices())
    }
}

/// A hold in a few words: the item, or how many deletions.
pub fn headline(hold: &HoldRow) -> String {
    if hold.kind != HoldKind::DeleteSafety {
        return match hold.items.as_slice() {
            [one] => one.title.clone(),
            many => count(many.len(), "item", "items"),
        };
    }
    let on = |side: Side| hold.items.iter().filter(|item| item.side == Some(side)).count();
    let deletions = count(hold.items.len(), "deletion", "deletions");
    match (on(Side::Mail), on(Side::Crm)) {
        (0, 0) => deletions,
        (_, 0) => format!("{deletions} in the mailbox"),
        (0, _) => format!("{deletions} in the CRM"),
        (mail, crm) => format!("{deletions}: {mail} in the mailbox, {crm} in the CRM"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::made_up::{duplicate, emptied};

    fn some() -> Vec<HoldRow> {
        let now = Utc::now();
        vec![emptied(1, MemberId(1), 12, now), duplicate(2, MemberId(2), now), duplicate(3, MemberId(1), now)]
    }

    #[test]
    fn holds_are_counted_filtered_and_searched_by_what_they_name() {
        let mut holds = Holds::default();
        holds.set(some());
        assert_eq!((holds.waiting(), holds.len()), (3, 3));
        assert_eq!(holds.kinds(), [(HoldKind::DeleteSafety, 1), (HoldKind::PossibleDuplicate, 2)]);
        holds.set_kind(Some(HoldKind::DeleteSafety));
        assert_eq!(headline(holds.at(0).unwrap()), "12 deletions in the CRM");
        holds.set_kind(None);
        holds.set_search("MAXIMILIANE".into());
        assert!(holds.len() == 1 && holds.at(0).unwrap().kind == HoldKind::DeleteSafety);
        holds.set_search("may be the same".into());
        assert!(holds.len() == 2 && holds.at(0).unwrap().kind == HoldKind::PossibleDuplicate);
        holds.set_search("nobody".into());
        assert!(holds.is_empty() && holds.waiting() == 3, "what waits is counted whatever is searched");
    }

    #[test]
    fn the_choice_stays_with_its_hold_and_goes_to_the_neighbour_when_it_is_closed() {
        let mut holds = Holds::default();
        holds.set(some());
        holds.select(1);
        let chosen = holds.chosen().unwrap().number;
        let mut fewer = some();
        fewer.retain(|hold| hold.number == chosen);
        holds.set(fewer);
        assert_eq!(holds.chosen().unwrap().number, chosen);
        let mut others = some();
        others.retain(|hold| hold.number != chosen);
        holds.set(others);
        assert!(holds.chosen().is_some_and(|hold| hold.number != chosen));
        holds.set(Vec::new());
        assert!(holds.chosen().is_none() && holds.heard);
    }

    #[test]
    fn what_is_decided_waits_no_more_and_stands_below() {
        let now = Utc::now();
        let mut all = some();
        let decision = Decision::Approve;
        all[0].decided = Some(riva_core::holds::Decided { decision, by: "bob@desk".into(), at: now });
        let mut holds = Holds::default();
        holds.set(all);
        assert_eq!((holds.waiting(), holds.total()), (2, 3));
        assert_eq!(holds.at(2).unwrap().number, 1);
        holds.select(2);
        assert!(holds.choices().is_empty());
        holds.select(0);
        assert_eq!(holds.choices(), HoldKind::PossibleDuplicate.choices());
    }

    #[test]
    fn ten_thousand_holds_are_arranged_within_a_blink() {
        let now = Utc::now();
        let mut holds = Holds::default();
        let begun = std::time::Instant::now();
        holds.set((1..=10_000).map(|number| duplicate(number, MemberId(number), now)).collect());
        holds.set_search("nobody".into());
        assert!(holds.is_empty() && begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    }
}
