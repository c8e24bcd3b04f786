//! The folder in which a mailbox keeps what another sync has left.

use super::Removal;
use crate::fault::{CallError, ItemError};
use crate::item::Module;
use async_trait::async_trait;

/// What such a folder is called.
pub const LOST_AND_FOUND: &str = "Lost & Found";

/// Puts items of one user aside, where they are not synced.
#[async_trait]
pub trait LostAndFound: Send + Sync {
    /// Moves items to the folder [`LOST_AND_FOUND`] of a module, which is made if it is missing. One answer for each, in their
    /// order. What was moved is not there any more by its id; what is in another version is not moved. Mails nobody.
    async fn set_aside(
        &self,
        module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError>;
}
