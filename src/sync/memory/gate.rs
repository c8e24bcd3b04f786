//! What stands before and after each write.

use async_trait::async_trait;
use riva_core::ids::MemberId;
use riva_core::ports::{Lease, StoreError};

/// Stands before and after each write to the rows: the simulator kills the process there.
#[async_trait]
pub trait Gate: Send + Sync {
    /// May never come back.
    async fn step(&self);

    /// Whether a member's changes are stored under this claim. After this nothing keeps them from being stored.
    ///
    /// # Errors
    /// The claim is not the latest, or nobody knows whether they are stored.
    fn admits(&self, _member: Option<MemberId>, _fence: i64) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether who has a lease still holds the member.
    ///
    /// # Errors
    /// Another does.
    fn holds(&self, _lease: Lease) -> Result<(), StoreError> {
        Ok(())
    }

    /// What is told of changes that are stored.
    ///
    /// # Errors
    /// Nobody knows whether they are.
    fn stored(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Always open.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

#[async_trait]
impl Gate for Open {
    async fn step(&self) {}
}
