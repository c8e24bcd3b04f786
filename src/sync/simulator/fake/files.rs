//! Files of a fake system: users hang them on its items, and as a CRM it is sent some.

use super::FakeSide;
use async_trait::async_trait;
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::ids::RemoteId;
use riva_core::item::{FileListed, Module};
use riva_core::ports::{FileKept, FileOwner, FileSource, ItemFile, ItemFiles};
use std::sync::PoisonError;

/// What a file holds: as many bytes as it is listed with.
pub(in crate::simulator) fn content(file: &FileListed) -> ItemFile {
    let content = vec![u8::try_from(file.nth).unwrap_or(0); usize::try_from(file.size).unwrap_or(0)];
    ItemFile { name: file.name.clone(), media_type: "text/plain".into(), content }
}

/// The files beside a CRM's records, by record.
#[derive(Default)]
pub(super) struct Files {
    kept: Vec<(RemoteId, ItemFile)>,
    late: Vec<(RemoteId, ItemFile)>,
    /// What is sent arrives later, and nobody hears of it.
    is_slow: bool,
    refuses: bool,
    is_down: bool,
}

impl FakeSide {
    fn with_files<T>(&self, of: impl FnOnce(&mut Files) -> T) -> T {
        of(&mut self.files.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Names and sizes of what hangs on a record.
    pub fn files_of(&self, id: &RemoteId) -> Vec<(String, usize)> {
        self.with_files(|files| {
            let of_record = files.kept.iter().filter(|(of, _)| of == id);
            let mut all: Vec<_> =
                of_record.map(|(_, file)| (file.name.clone(), file.content.len())).collect();
            all.sort();
            all
        })
    }

    /// A user hangs a file on a record.
    pub fn user_hangs(&self, id: &RemoteId, name: &str, size: u64) {
        let file = FileListed::all([(name.to_owned(), size)]).remove(0);
        self.with_files(|files| files.kept.push((id.clone(), content(&file))));
    }

    /// A user takes a file off a record.
    pub fn user_takes_off(&self, id: &RemoteId, name: &str) {
        self.with_files(|files| files.kept.retain(|(of, file)| of != id || file.name != name));
    }

    /// From now on, whether answers about files are lost, and what was sent arrives only when [`FakeSide::arrive`] says so.
    pub fn slow_with_files(&self, is_slow: bool) {
        self.with_files(|files| files.is_slow = is_slow);
    }

    /// What was on its way is there.
    pub fn arrive(&self) {
        self.with_files(|files| files.kept.append(&mut files.late));
    }

    /// From now on, whether files are refused.
    pub fn refuse_files(&self, refuses: bool) {
        self.with_files(|files| files.refuses = refuses);
    }

    /// From now on, whether it goes down when it is sent a file.
    #[cfg(test)]
    pub fn down_for_files(&self, is_down: bool) {
        self.with_files(|files| files.is_down = is_down);
    }
}

#[async_trait]
impl FileSource for FakeSide {
    async fn file(
        &self,
        module: Module,
        item: &RemoteId,
        key: &str,
    ) -> Result<Result<ItemFile, ItemError>, CallError> {
        self.enter().await?;
        let state = self.state();
        let there = state.items.get(item).filter(|s| !s.deleted && s.module == module);
        let file = there.and_then(|s| s.item.files.iter().find(|file| file.key == key));
        Ok(file.map(content).ok_or(ItemError::Gone))
    }
}

#[async_trait]
impl ItemFiles for FakeSide {
    async fn files(&self, owner: &FileOwner) -> Result<Vec<FileKept>, CallError> {
        self.enter().await?;
        let kept = |(name, size): (String, usize)| FileKept { name, size: size as u64 };
        Ok(self.files_of(&owner.id).into_iter().map(kept).collect())
    }

    async fn attach(&self, owner: &FileOwner, file: &ItemFile) -> Result<Result<(), ItemError>, CallError> {
        self.enter().await?;
        {
            let mut state = self.state();
            if state.items.get(&owner.id).is_none_or(|s| s.deleted || s.module != owner.module) {
                return Ok(Err(ItemError::Gone));
            }
            if let Some(error) = state.refuses() {
                return Ok(Err(error));
            }
        }
        if self.with_files(|files| files.refuses) {
            return Ok(Err(ItemError::Forbidden { reason: "storage is full".into() }));
        }
        if self.with_files(|files| files.is_down) {
            return Err(Fault::new(FaultKind::SystemNotAvailable, "no route").into());
        }
        let file = (owner.id.clone(), file.clone());
        let is_slow = self.with_files(|files| {
            if files.is_slow {
                files.late.push(file);
            } else {
                files.kept.push(file);
            }
            files.is_slow
        });
        if is_slow {
            return Err(CallError::InDoubt("the connection was reset".into()));
        }
        self.leave().await?;
        Ok(Ok(()))
    }
}
