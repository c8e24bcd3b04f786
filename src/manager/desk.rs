//! The way from the screen to the work: everything that may take longer than a blink runs on the tokio runtime, and
//! answers by a [`Reply`] and a wake-up of the screen. The screen's own thread never waits.

use crate::requested::Reply;
use crate::trouble::Trouble;
use chrono::{DateTime, Utc};
use riva_api::Agent;
use riva_core::admin::{Admin, AdminError};
use riva_core::ports::Clock;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// How long work waits for a screen that has not taken in what it was told: a few frames.
const SLOW_SCREEN: Duration = Duration::from_millis(50);

/// Wakes the screen up from any thread.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// What every pane needs to get its work done.
#[derive(Clone)]
pub struct Desk {
    /// The documents, if a workspace is open.
    pub admin: Option<Admin>,
    /// The agent of the workspace.
    pub agent: Arc<dyn Agent>,
    /// Where the work runs.
    pub runtime: Handle,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// Wakes the screen.
    pub wake: Wake,
}

/// Ends its work when it is dropped.
#[derive(Debug)]
pub struct Ends(AbortHandle);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Desk {
    /// Now.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Does something with the documents, off the screen's thread.
    pub fn disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Admin) -> Result<T, AdminError> + Send + 'static,
    ) -> Reply<Result<T, Trouble>> {
        let (send, receive) = sync_channel(1);
        let (admin, wake) = (self.admin.clone(), self.wake.clone());
        self.runtime.spawn_blocking(move || {
            let result = match &admin {
                Some(admin) => work(admin).map_err(Trouble::from),
                None => {
                    Err(Trouble::new("No workspace is open", "", "Open or create one from the welcome page."))
                }
            };
            // The asker may have been closed meanwhile: then nobody wants the answer.
            let _ = send.send(result);
            wake();
        });
        Reply::new(receive)
    }

    /// Waits for something, off the screen's thread.
    pub fn ask<T: Send + 'static, E: Into<Trouble>>(
        &self,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Reply<Result<T, Trouble>> {
        let (send, receive) = sync_channel(1);
        let wake = self.wake.clone();
        self.runtime.spawn(async move {
            let _ = send.send(work.await.map_err(Into::into));
            wake();
        });
        Reply::new(receive)
    }

    /// Starts work that tells about itself as it goes on; it ends when the answer is dropped.
    pub fn begin(&self, work: impl Future<Output = ()> + Send + 'static) -> Ends {
        Ends(self.runtime.spawn(work).abort_handle())
    }

    /// For work that was begun: tells the screen something, and waits while the screen is slow. False if whoever began
    /// the work is gone.
    pub async fn tell<T>(&self, send: &SyncSender<T>, mut news: T) -> bool {
        loop {
            match send.try_send(news) {
                Ok(()) => {
                    (self.wake)();
                    return true;
                }
                Err(TrySendError::Full(back)) => {
                    news = back;
                    (self.wake)();
                    // The screen takes all there is at its next frame, and tells nobody when it has.
                    tokio::time::sleep(SLOW_SCREEN).await;
                }
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
    }
}
