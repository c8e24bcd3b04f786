//! Asks the agent how things are, away from the screen's thread, and tells the screen only what has changed.

use crate::desk::{Desk, Ends};
use riva_api::{AgentError, AgentStatus, HoldsQuery, QueueRow};
use riva_core::activity::{ActivityLine, ActivityQuery};
use riva_core::holds::HoldRow;
use riva_core::ids::MemberId;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often the agent is asked while somebody looks.
const LOOKED_AT: Duration = Duration::from_secs(1);
/// How often while somebody looks and nothing has moved for some looks.
const AT_REST: Duration = Duration::from_secs(5);
/// So many looks without a change are rest.
const REST: u32 = 5;
/// How often while nobody looks at the queue: the agent's state in the top bar is all that is shown.
const ASIDE: Duration = Duration::from_secs(10);
/// Holds are fetched again no sooner than this, unless somebody waits for it: there may be thousands of them.
const HOLDS_AGAIN: Duration = Duration::from_secs(4);
/// The same while nobody looks at the Monitor: their number stands in the navigation.
const HOLDS_ASIDE: Duration = Duration::from_mins(1);
/// Lines of activity fetched at a time.
const LINES: usize = 500;

/// What the screen shows, and so wants to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interest {
    /// The sync queue.
    pub queue: bool,
    /// Activity of these members, after these lines.
    pub activity: BTreeMap<MemberId, i64>,
    /// Increases when the answer is wanted at once.
    pub hurry: u64,
}

/// What has changed.
#[derive(Debug)]
pub enum News {
    /// How the agent is.
    Status(Result<AgentStatus, AgentError>),
    /// The whole queue.
    Queue(Vec<QueueRow>),
    /// All open holds.
    Holds(Vec<HoldRow>),
    /// New lines of a member.
    Activity(MemberId, Vec<ActivityLine>),
}

/// The watcher's end that the screen holds.
#[derive(Debug)]
pub struct Watcher {
    interest: watch::Sender<Interest>,
    news: Receiver<News>,
    _ends: Ends,
}

impl Watcher {
    /// Starts to ask.
    pub fn start(desk: &Desk) -> Self {
        let (interest, wanted) = watch::channel(Interest::default());
        let (send, news) = sync_channel(32);
        let ends = desk.begin(run(desk.clone(), wanted, send));
        Self { interest, news, _ends: ends }
    }

    /// Says what is shown now.
    pub fn show(&self, queue: bool, activity: BTreeMap<MemberId, i64>) {
        self.interest.send_if_modified(|i| {
            let changed = i.queue != queue || i.activity.keys().ne(activity.keys());
            i.queue = queue;
            i.activity = activity;
            changed
        });
    }

    /// Wants an answer now.
    pub fn hurry(&self) {
        self.interest.send_modify(|i| i.hurry += 1);
    }

    /// What has changed since.
    pub fn news(&self) -> impl Iterator<Item = News> + '_ {
        self.news.try_iter()
    }
}

async fn run(desk: Desk, mut wanted: watch::Receiver<Interest>, send: SyncSender<News>) {
    let mut last_status = None;
    let mut last_queue: Vec<QueueRow> = Vec::new();
    // Lines that were sent already, whether or not the screen has drawn them yet.
    let mut told: BTreeMap<MemberId, i64> = BTreeMap::new();
    let mut holds = HoldsWatch::default();
    let mut looks_without_change = 0;
    loop {
        let interest = wanted.borrow_and_update().clone();
        let looked_at = interest.queue || !interest.activity.is_empty();
        let status = desk.agent.status().await;
        let runs = status.is_ok();
        looks_without_change += 1;
        if last_status.as_ref() != Some(&status) {
            if !desk.tell(&send, News::Status(status.clone())).await {
                return;
            }
            last_status = Some(status);
            looks_without_change = 0;
        }
        if runs
            && looked_at
            && let Ok(queue) = desk.agent.queue().await
            && queue != last_queue
        {
            last_queue.clone_from(&queue);
            looks_without_change = 0;
            if !desk.tell(&send, News::Queue(queue)).await {
                return;
            }
        }
        if !runs {
            // The screen forgets what an agent that is stopped has said.
            holds = HoldsWatch::default();
        }
        if runs
            && holds.are_due(&last_queue, &interest)
            && let Ok(open) = desk.agent.holds(&HoldsQuery::default()).await
            && holds.are_news(&open)
        {
            looks_without_change = 0;
            if !desk.tell(&send, News::Holds(open)).await {
                return;
            }
        }
        told.retain(|member, _| interest.activity.contains_key(member));
        for (member, shown) in interest.activity.iter().filter(|_| runs) {
            let after = told.get(member).copied().unwrap_or(0).max(*shown);
            let query = ActivityQuery { member: *member, after, limit: LINES };
            let Ok(lines) = desk.agent.activity(&query).await else { continue };
            let Some(last) = lines.last() else { continue };
            told.insert(*member, last.seq);
            looks_without_change = 0;
            if !desk.tell(&send, News::Activity(*member, lines)).await {
                return;
            }
        }
        let at_work = last_queue.iter().any(|row| row.member.running || row.member.urgent);
        let pause = match (looked_at, looks_without_change >= REST && !at_work) {
            (false, _) => ASIDE,
            (true, true) => AT_REST,
            (true, false) => LOOKED_AT,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            changed = wanted.changed() => {
                if changed.is_err() {
                    return;
                }
                looks_without_change = 0;
            }
        }
    }
}

/// When holds are to be fetched: they are opened and closed in cycles alone, and a cycle changes its row of the queue.
#[derive(Default)]
struct HoldsWatch {
    last: Option<Vec<HoldRow>>,
    as_of: Vec<(MemberId, u64, bool)>,
    hurry: u64,
    at: Option<Instant>,
}

impl HoldsWatch {
    fn are_due(&mut self, queue: &[QueueRow], interest: &Interest) -> bool {
        let as_of = queue.iter().map(|row| (row.member.id, row.member.state.cycle, row.member.running));
        let moved = !interest.queue || !as_of.clone().eq(self.as_of.iter().copied());
        // What is decided is about to be carried out.
        let settling = self.last.iter().flatten().any(|hold| hold.decided.is_some());
        let wanted = self.last.is_none() || settling || self.hurry != interest.hurry;
        let rest = if interest.queue { HOLDS_AGAIN } else { HOLDS_ASIDE };
        let rested = self.at.is_none_or(|at| at.elapsed() >= rest);
        let due = (wanted && interest.queue) || (moved && rested);
        if due {
            self.as_of = as_of.collect();
            self.hurry = interest.hurry;
            self.at = Some(Instant::now());
        }
        due
    }

    fn are_news(&mut self, holds: &[HoldRow]) -> bool {
        let news = self.last.as_deref() != Some(holds);
        if news {
            self.last = Some(holds.to_vec());
        }
        news
    }
}
