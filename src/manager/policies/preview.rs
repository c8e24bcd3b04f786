//! Preview: what the next cycle of a policy's users would do, user by user; nothing is written.

use crate::desk::{Desk, Ends};
use crate::trouble::Trouble;
use crate::words::{count, deed_title};
use riva_api::AgentError;
use riva_core::history::{Deed, DeedKind, Preview};
use riva_core::ids::{EmailAddress, MemberId, PolicyName};
use riva_core::rows::Side;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The kinds as they are counted, in the order of the filters.
pub const KINDS: [DeedKind; 11] = [
    DeedKind::Create { side: Side::Crm },
    DeedKind::Create { side: Side::Mail },
    DeedKind::Update { side: Side::Crm },
    DeedKind::Update { side: Side::Mail },
    DeedKind::Delete { side: Side::Crm },
    DeedKind::Delete { side: Side::Mail },
    DeedKind::Move { side: Side::Mail },
    DeedKind::Link,
    DeedKind::Hold { hold: riva_core::holds::HoldKind::PossibleDuplicate },
    DeedKind::Detach,
    DeedKind::Fail,
];

/// The window.
#[derive(Debug)]
pub struct PolicyPreview {
    /// Of which policy.
    pub policy: PolicyName,
    /// One user alone; all of the policy without one.
    pub only: Option<MemberId>,
    /// What was seen so far.
    pub users: Vec<UserPreview>,
    /// How many users there are to see; `None` until it is known.
    pub total: Option<usize>,
    /// Whose sides are read now.
    pub reading: Option<EmailAddress>,
    /// What the administrator must know of it.
    pub note: Option<String>,
    /// The chosen row.
    pub selected: Option<(usize, usize)>,
    /// Where it is saved, while that is asked.
    pub path: Option<String>,
    /// What came of saving.
    pub saved: crate::requested::Requested<String>,
    run: Run,
    filter: Option<&'static str>,
    search: String,
    rows: Vec<(usize, usize)>,
    totals: BTreeMap<&'static str, usize>,
}

/// How far it is.
#[derive(Debug)]
enum Run {
    Running { news: Receiver<News>, _ends: Ends },
    Done,
    Cancelled,
    Failed(Trouble),
}

/// What the work tells.
#[derive(Debug)]
enum News {
    Users(usize),
    Reading(EmailAddress),
    Seen(UserPreview),
    Failed(Trouble),
    Done,
}

/// What the next cycle of a user would do.
#[derive(Debug, Clone, PartialEq)]
pub struct UserPreview {
    /// The user.
    pub address: EmailAddress,
    /// Whose items they are.
    pub member: MemberId,
    /// What would be done.
    pub deeds: Vec<Deed>,
    /// Why it ends here, or was not seen at all.
    pub ended: Option<String>,
}

impl UserPreview {
    fn of(address: EmailAddress, member: MemberId, seen: Result<Preview, AgentError>) -> Self {
        match seen {
            Ok(Preview { deeds, ended, .. }) => Self { address, member, deeds, ended },
            Err(error) => Self { address, member, deeds: Vec::new(), ended: Some(error.to_string()) },
        }
    }
}

impl PolicyPreview {
    /// Begins it.
    pub fn begin(desk: &Desk, policy: PolicyName, only: Option<MemberId>) -> Self {
        let (send, news) = sync_channel(16);
        let work = work(desk.clone(), policy.clone(), only, send);
        let run = Run::Running { news, _ends: desk.begin(work) };
        Self::with(policy, only, run)
    }

    fn with(policy: PolicyName, only: Option<MemberId>, run: Run) -> Self {
        Self {
            policy,
            only,
            users: Vec::new(),
            total: None,
            reading: None,
            note: None,
            selected: None,
            path: None,
            saved: crate::requested::Requested::NotYet,
            run,
            filter: None,
            search: String::new(),
            rows: Vec::new(),
            totals: BTreeMap::new(),
        }
    }

    /// Takes in what has been seen.
    pub fn poll(&mut self) {
        self.saved.poll();
        let Run::Running { news, .. } = &self.run else { return };
        let all: Vec<News> = news.try_iter().collect();
        let some = !all.is_empty();
        for one in all {
            match one {
                News::Users(total) => self.total = Some(total),
                News::Reading(address) => self.reading = Some(address),
                News::Seen(user) => self.users.push(user),
                News::Failed(trouble) => self.end(Run::Failed(trouble)),
                News::Done => self.end(Run::Done),
            }
        }
        if some {
            self.arrange();
        }
    }

    fn end(&mut self, run: Run) {
        self.run = run;
        self.reading = None;
    }

    /// Ends it; what was seen so far stays.
    pub fn cancel(&mut self) {
        if self.runs() {
            self.end(Run::Cancelled);
        }
    }

    /// Whether it is under way.
    pub fn runs(&self) -> bool {
        matches!(self.run, Run::Running { .. })
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.run, Run::Cancelled)
    }

    /// Why there is none.
    pub fn trouble(&self) -> Option<&Trouble> {
        if let Run::Failed(trouble) = &self.run { Some(trouble) } else { None }
    }

    /// Everything that would be done.
    pub fn deeds(&self) -> usize {
        self.users.iter().map(|user| user.deeds.len()).sum()
    }

    /// The kinds that occur, with their numbers.
    pub fn totals(&self) -> Vec<(DeedKind, &'static str, usize)> {
        let kinds = KINDS.map(|kind| (kind, deed_title(kind)));
        let with = kinds.map(|(kind, title)| (kind, title, self.totals.get(title).copied().unwrap_or(0)));
        with.into_iter().filter(|(_, title, n)| *n > 0 || self.filter == Some(*title)).collect()
    }

    /// The kind that is filtered by.
    pub fn filter(&self) -> Option<&'static str> {
        self.filter
    }

    /// Filters by a kind, or by none.
    pub fn set_filter(&mut self, filter: Option<&'static str>) {
        self.filter = filter;
        self.arrange();
    }

    /// What is searched for.
    pub fn search(&self) -> &str {
        &self.search
    }

    /// Searches by user and item.
    pub fn set_search(&mut self, search: String) {
        self.search = search;
        self.arrange();
    }

    /// Counts, filters, and sorts by user, module and item.
    fn arrange(&mut self) {
        self.totals.clear();
        for deed in self.users.iter().flat_map(|user| &user.deeds) {
            *self.totals.entry(deed_title(deed.kind)).or_default() += 1;
        }
        let wanted = self.search.trim().to_lowercase();
        let mut rows = Vec::new();
        for (at, user) in self.users.iter().enumerate() {
            let of_user = user.address.as_str().contains(&wanted);
            let fits = |deed: &Deed| {
                self.filter.is_none_or(|filter| deed_title(deed.kind) == filter)
                    && (of_user || deed.title.to_lowercase().contains(&wanted))
            };
            rows.extend((0..user.deeds.len()).filter(|n| fits(&user.deeds[*n])).map(|n| (at, n)));
        }
        rows.sort_by(|(user, one), (other, two)| {
            let key = |user: usize, n: usize| {
                let deed = &self.users[user].deeds[n];
                (deed.module, deed.title.as_str())
            };
            (user, key(*user, *one)).cmp(&(other, key(*other, *two)))
        });
        self.rows = rows;
    }

    /// How many rows are shown.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// A shown row.
    pub fn row(&self, place: usize) -> Option<(&UserPreview, &Deed)> {
        let (user, deed) = *self.rows.get(place)?;
        let user = &self.users[user];
        Some((user, &user.deeds[deed]))
    }

    /// Chooses a shown row.
    pub fn select(&mut self, place: usize) {
        self.selected = self.rows.get(place).copied();
    }

    /// Where the chosen row stands.
    pub fn selected_place(&self) -> Option<usize> {
        let selected = self.selected?;
        self.rows.iter().position(|row| *row == selected)
    }

    /// The chosen thing.
    pub fn chosen(&self) -> Option<(&UserPreview, &Deed)> {
        let (user, deed) = self.selected?;
        let user = self.users.get(user)?;
        Some((user, user.deeds.get(deed)?))
    }

    /// In a sentence: how far it is, or what it comes to.
    pub fn summary(&self) -> String {
        let users = count(self.users.len(), "user", "users");
        let deeds = match self.deeds() {
            0 => "nothing to do".to_owned(),
            n => count(n, "thing to do", "things to do"),
        };
        match &self.run {
            Run::Running { .. } => {
                let of = self.total.map_or_else(String::new, |total| format!(" of {total}"));
                let who = self.reading.as_ref().map_or_else(String::new, |a| format!(": {a}"));
                format!("Reading both sides of user {}{of}{who}", self.users.len() + 1)
            }
            Run::Done => format!("{users}: {deeds}. Nothing was written."),
            Run::Cancelled => format!("Cancelled after {users}: {deeds} so far. Nothing was written."),
            Run::Failed(_) => String::new(),
        }
    }
}

async fn work(desk: Desk, policy: PolicyName, only: Option<MemberId>, send: SyncSender<News>) {
    let queue = match desk.agent.queue().await {
        Ok(queue) => queue,
        Err(error) => {
            desk.tell(&send, News::Failed(error.into())).await;
            return;
        }
    };
    let of_policy = queue.iter().map(|row| &row.member).filter(|member| member.policy == policy);
    let chosen: Vec<_> = of_policy.filter(|member| only.is_none_or(|only| member.id == only)).collect();
    if chosen.is_empty() {
        let why = format!("The agent knows no users in policy {policy}.");
        desk.tell(
            &send,
            News::Failed(Trouble::new("Nothing to preview", why, "If they are new, restart the agent.")),
        )
        .await;
        return;
    }
    if !desk.tell(&send, News::Users(chosen.len())).await {
        return;
    }
    for member in chosen {
        if !desk.tell(&send, News::Reading(member.address.clone())).await {
            return;
        }
        // Of several users, one that cannot be reached hides nobody else.
        let seen = desk.agent.preview(member.id).await;
        if !desk.tell(&send, News::Seen(UserPreview::of(member.address.clone(), member.id, seen))).await {
            return;
        }
    }
    desk.tell(&send, News::Done).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::made_up;

    fn seen(deeds: usize) -> PolicyPreview {
        let mut preview = PolicyPreview::with("Sales".into(), None, Run::Done);
        for (id, address) in [(1, "ann@x"), (2, "bob@x")] {
            let seen = made_up::preview(MemberId(id), deeds);
            preview.users.push(UserPreview::of(address.into(), MemberId(id), Ok(seen)));
        }
        preview.arrange();
        preview
    }

    #[test]
    fn the_totals_of_all_kinds_are_everything_that_would_be_done() {
        for deeds in [0, 1, 6, 61] {
            let preview = seen(deeds);
            let sum: usize = preview.totals().iter().map(|(_, _, n)| n).sum();
            assert_eq!((sum, preview.len(), preview.deeds()), (2 * deeds, 2 * deeds, 2 * deeds));
        }
    }

    #[test]
    fn every_kind_has_one_filter() {
        for (at, kind) in KINDS.iter().enumerate() {
            assert!(!KINDS[..at].iter().any(|other| deed_title(*other) == deed_title(*kind)), "{kind:?}");
        }
        let mut preview = seen(12);
        let mut shown = 0;
        for (_, title, n) in preview.totals() {
            preview.set_filter(Some(title));
            assert_eq!(preview.len(), n, "{title}");
            shown += n;
        }
        assert_eq!(shown, preview.deeds());
        preview.set_filter(None);
        preview.set_search("BOB".into());
        assert_eq!(preview.len(), 12);
    }

    #[test]
    fn rows_stand_by_user_module_and_item() {
        let preview = seen(30);
        let keys: Vec<_> = (0..preview.len())
            .filter_map(|n| preview.row(n))
            .map(|(user, deed)| (user.address.clone(), deed.module, deed.title.clone()))
            .collect();
        assert!(keys.is_sorted());
    }

    #[test]
    fn a_user_who_cannot_be_seen_says_why_and_hides_nobody() {
        let mut preview = seen(6);
        let refused = AgentError::Refused("User Not Found".into());
        preview.users.push(UserPreview::of("cy@x".into(), MemberId(3), Err(refused)));
        preview.arrange();
        assert_eq!(preview.deeds(), 12);
        assert!(preview.users[2].ended.as_ref().unwrap().contains("User Not Found"));
        assert_eq!(preview.summary(), "3 users: 12 things to do. Nothing was written.");
    }
}
