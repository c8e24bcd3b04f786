//! Calls for one user's mailbox: sent in batches, and what their answers mean for each item.

use super::capabilities;
use super::client::{Message, Reply, messages};
use super::code::Refusal;
use super::mailbox::Mailbox;
use super::request;
use super::xml::{Node, Read};
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};

impl Mailbox {
    pub(super) async fn call(&self, operation: Node) -> Result<Reply, CallError> {
        self.ews.call(Some(&self.user), operation).await
    }

    pub(super) fn refused(&self, refusal: &Refusal) -> CallError {
        self.ews.call_error(Some(&self.user), refusal)
    }

    pub(super) fn silent_answer() -> CallError {
        Fault::new(FaultKind::UnexpectedAnswer, "Exchange's answer lacks the response that was asked for")
            .into()
    }

    /// Deleted items keep their id on some versions: an item that lies there is gone.
    pub(super) async fn deleted_items(&self) -> Result<Option<&str>, CallError> {
        let id = self
            .deleted
            .get_or_try_init(|| async {
                let reply = self.call(request::get_folder(&[self.folder("deleteditems")])).await?;
                let doc = reply.document()?;
                let id = match messages(&doc).into_iter().next() {
                    Some(Ok(message)) => {
                        message.deep("FolderId").and_then(|f| f.attribute("Id")).map(str::to_owned)
                    }
                    // A delegate of single folders does not see it.
                    _ => None,
                };
                Ok::<_, CallError>(id)
            })
            .await?;
        Ok(id.as_deref())
    }

    /// Why one thing could not be read. What concerns the whole call ends the call.
    pub(super) fn not_read(&self, refusal: &Refusal) -> Result<ItemError, CallError> {
        if refusal.concerns_call() {
            return Err(self.refused(refusal));
        }
        Ok(match refusal.item_error() {
            // Nothing was written, so nothing can be in doubt.
            ItemError::InDoubt(why) => ItemError::NotNow(why),
            other => other,
        })
    }

    /// If every message concerns the whole call, there is nothing to be said of items.
    pub(super) fn call_wide(&self, answers: &[Message<'_>]) -> Result<(), CallError> {
        if let Some(Err(busy)) = answers.iter().find(|m| matches!(m, Err(r) if r.is_busy())) {
            // Heeded even if other items went through.
            let error = self.refused(busy);
            if answers.iter().all(Result::is_err) {
                return Err(error);
            }
        }
        match answers.first() {
            Some(Err(first))
                if answers
                    .iter()
                    .all(|m| matches!(m, Err(r) if r.concerns_call() && !r.leaves_in_doubt())) =>
            {
                Err(self.refused(first))
            }
            _ => Ok(()),
        }
    }

    /// Sends writes in batches. What a batch brought is kept even if a later one fails.
    pub(super) async fn write<T, I: Sync>(
        &self,
        all: &[I],
        build: impl Fn(&[I]) -> Node + Send + Sync,
        read: impl Fn(&I, roxmltree::Node<'_, '_>) -> Result<T, ItemError> + Send + Sync,
    ) -> Result<Vec<Result<T, ItemError>>, CallError>
    where
        T: Send,
    {
        let mut results: Vec<Result<T, ItemError>> = Vec::with_capacity(all.len());
        for batch in all.chunks(capabilities::BATCH) {
            match self.write_batch(batch, build(batch), &read).await {
                Ok(mut answers) => results.append(&mut answers),
                Err(error) if results.is_empty() => return Err(error),
                Err(CallError::InDoubt(why)) => {
                    results.extend(batch.iter().map(|_| Err(ItemError::InDoubt(why.clone()))));
                    break;
                }
                Err(_) => break,
            }
        }
        while results.len() < all.len() {
            results.push(Err(ItemError::NotNow("an earlier batch failed".to_owned())));
        }
        Ok(results)
    }

    pub(super) async fn write_batch<T, I: Sync>(
        &self,
        batch: &[I],
        operation: Node,
        read: impl Fn(&I, roxmltree::Node<'_, '_>) -> Result<T, ItemError> + Send + Sync,
    ) -> Result<Vec<Result<T, ItemError>>, CallError> {
        let reply = self.call(operation).await?;
        let doc = reply.document().map_err(|fault| CallError::InDoubt(fault.detail))?;
        let answers = messages(&doc);
        self.call_wide(&answers)?;
        let mut answers = answers.into_iter();
        Ok(batch
            .iter()
            .map(|item| match answers.next() {
                Some(Ok(message)) => read(item, message),
                Some(Err(refusal)) => Err(refusal.item_error()),
                None => Err(ItemError::InDoubt("Exchange's answer lacks this item".to_owned())),
            })
            .collect())
    }

    /// Sends those that could be built; the others have their error already.
    pub(super) async fn write_some<T: Send, I: Sync + Send>(
        &self,
        prepared: Vec<Result<I, ItemError>>,
        build: impl Fn(&[I]) -> Node + Send + Sync,
        read: impl Fn(&I, roxmltree::Node<'_, '_>) -> Result<T, ItemError> + Send + Sync,
    ) -> Result<Vec<Result<T, ItemError>>, CallError> {
        let mut good = Vec::new();
        let mut bad = Vec::new();
        for item in prepared {
            match item {
                Ok(item) => {
                    good.push(item);
                    bad.push(None);
                }
                Err(error) => bad.push(Some(error)),
            }
        }
        let written = if good.is_empty() { Vec::new() } else { self.write(&good, build, read).await? };
        let mut written = written.into_iter();
        Ok(bad
            .into_iter()
            .map(|error| match error {
                Some(error) => Err(error),
                None => written
                    .next()
                    .unwrap_or_else(|| Err(ItemError::InDoubt("no answer for this item".to_owned()))),
            })
            .collect())
    }

    /// Sends an operation for one item, and reads its answer.
    pub(super) async fn ask<T>(
        &self,
        operation: Node,
        read: impl FnOnce(roxmltree::Node<'_, '_>) -> Result<T, ItemError>,
    ) -> Result<T, ItemError> {
        let reply = self.call(operation).await.map_err(of_call)?;
        let doc = reply.document().map_err(|fault| ItemError::InDoubt(fault.detail))?;
        match messages(&doc).into_iter().next() {
            Some(Ok(message)) => read(message),
            Some(Err(refusal)) => {
                if refusal.is_busy() {
                    // Notes for how long.
                    let _ = self.refused(&refusal);
                }
                Err(refusal.item_error())
            }
            None => Err(ItemError::InDoubt("Exchange's answer lacks this item".to_owned())),
        }
    }
}

/// What the end of a call means for an item that it was for.
pub(super) fn of_call(error: CallError) -> ItemError {
    match error {
        CallError::InDoubt(why) => ItemError::InDoubt(why),
        CallError::Fault(fault) => ItemError::NotNow(fault.to_string()),
        CallError::CursorLost(why) => ItemError::NotNow(why),
    }
}
