//! The folder beside the synced ones, of which no feed tells.

use super::FakeSide;
use async_trait::async_trait;
use riva_core::fault::{CallError, ItemError};
use riva_core::item::{Item, Module};
use riva_core::ports::{LostAndFound, Removal};

impl FakeSide {
    /// From now on it has no such folder.
    pub fn have_no_folders(&mut self) {
        self.folders = false;
    }

    /// What lies there.
    pub fn lost_and_found_has(&self) -> Vec<Item> {
        self.state().set_aside.clone()
    }

    /// A user moves everything back: it has other ids then.
    pub fn user_moves_back(&self) {
        let mut state = self.state();
        for item in std::mem::take(&mut state.set_aside) {
            state.insert(self.name, item, None);
        }
    }
}

#[async_trait]
impl LostAndFound for FakeSide {
    async fn set_aside(
        &self,
        _module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        self.enter().await?;
        let results = {
            let mut state = self.state();
            removals
                .iter()
                .map(|removal| {
                    let item = state.take_away(removal)?;
                    state.set_aside.push(item);
                    Ok(())
                })
                .collect()
        };
        self.leave().await?;
        Ok(results)
    }
}
