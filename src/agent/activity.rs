//! What happens to a member becomes a line of its activity, a record of the agent's log, and the progress that the
//! queue shows.

use riva_core::activity::{ActivityLine, EventSink, Level, Progress, SyncEvent};
use riva_core::ids::MemberId;
use riva_core::item::Module;
use riva_core::ports::{ActivityStore as _, Clock};
use riva_core::queue::MemberRow;
use riva_store::SqlStore;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// Most lines stored at once.
const MOST_LINES: usize = 256;

enum Entry {
    Line(ActivityLine),
    /// Answered when everything before it is stored.
    Flush(oneshot::Sender<()>),
}

/// Takes lines without making anyone wait; a task stores them, many at once.
#[derive(Debug, Clone)]
pub(crate) struct ActivityLog(mpsc::UnboundedSender<Entry>);

impl ActivityLog {
    /// Starts the task that stores lines. It ends with the last handle.
    pub fn start(store: Arc<SqlStore>) -> Self {
        let (lines, waiting) = mpsc::unbounded_channel();
        tokio::spawn(store_all(store, waiting));
        Self(lines)
    }

    /// Takes a line in.
    pub fn write(&self, line: ActivityLine) {
        if self.0.send(Entry::Line(line)).is_err() {
            tracing::error!("the activity log has ended");
        }
    }

    /// Waits until all lines so far are stored.
    pub async fn flush(&self) {
        let (tell, told) = oneshot::channel();
        // Fails when the task has ended: then there is nothing to wait for.
        if self.0.send(Entry::Flush(tell)).is_ok() {
            let _ = told.await;
        }
    }
}

async fn store_all(store: Arc<SqlStore>, mut waiting: mpsc::UnboundedReceiver<Entry>) {
    let mut batch = Vec::with_capacity(MOST_LINES);
    while waiting.recv_many(&mut batch, MOST_LINES).await > 0 {
        let (mut lines, mut flushed) = (Vec::new(), Vec::new());
        for entry in batch.drain(..) {
            match entry {
                Entry::Line(line) => lines.push(line),
                Entry::Flush(tell) => flushed.push(tell),
            }
        }
        if let Err(e) = store.append(&lines).await {
            tracing::error!("{} lines of activity could not be stored: {e}", lines.len());
        }
        for tell in flushed {
            let _ = tell.send(());
        }
    }
}

/// What is being done right now, per member.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live(Arc<Mutex<BTreeMap<MemberId, Progress>>>);

impl Live {
    fn set(&self, member: MemberId, progress: Option<Progress>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match progress {
            Some(progress) => all.insert(member, progress),
            None => all.remove(&member),
        };
    }

    /// Everybody's.
    pub fn all(&self) -> BTreeMap<MemberId, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Hears what happens in one cycle of one member.
pub(crate) struct Recorder {
    member: MemberId,
    who: String,
    cycle: u64,
    log: ActivityLog,
    live: Live,
    clock: Arc<dyn Clock>,
}

impl Recorder {
    /// For a cycle of a member.
    pub fn new(member: &MemberRow, cycle: u64, log: ActivityLog, live: Live, clock: Arc<dyn Clock>) -> Self {
        let who = format!("{} in {}", member.address, member.policy);
        Self { member: member.id, who, cycle, log, live, clock }
    }

    /// A line of no module in particular.
    pub fn say(&self, level: Level, text: impl Into<String>) {
        self.line(level, None, text.into());
    }

    fn line(&self, level: Level, module: Option<Module>, text: String) {
        let (who, cycle, member, at) = (&self.who, self.cycle, self.member, self.clock.now());
        let line = ActivityLine { seq: 0, member, at, level, cycle, module, text };
        let text = line.with_module();
        match level {
            Level::Info => tracing::info!(cycle, "{who}: {text}"),
            Level::Warning => tracing::warn!(cycle, "{who}: {text}"),
            Level::Error => tracing::error!(cycle, "{who}: {text}"),
        }
        self.log.write(line);
    }
}

impl EventSink for Recorder {
    fn emit(&self, event: SyncEvent) {
        match event {
            SyncEvent::Line { level, module, text } => self.line(level, module, text),
            SyncEvent::Progress(progress) => self.live.set(self.member, Some(progress)),
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.live.set(self.member, None);
    }
}
