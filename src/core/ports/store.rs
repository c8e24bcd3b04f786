//! What is remembered: the queue of members, the engine's rows, and the activity log.

use crate::activity::{ActivityLine, ActivityQuery};
use crate::history::{ImageRow, Order, OrderRow, UndoSpan};
use crate::holds::{Decided, HoldRow, Undecidable};
use crate::ids::{CrmUserId, Cursor, MemberId, PairId, RemoteId};
use crate::item::Module;
use crate::queue::{MemberRow, MemberSpec, MemberState};
use crate::rows::{
    Commit, FeedScope, Ingest, IntentRow, ItemRow, JournalRow, MatchKey, PairRow, PairState, Presence, Side,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another agent holds this member now: stop at once, write nothing more.
    #[error("the lease on {0} was lost")]
    LeaseLost(MemberId),
    /// Another reader of the connection's feed has gone on in the meantime: nothing of this page is stored.
    #[error("the feed was read by another reader in the meantime")]
    Overtaken,
    /// The database cannot be opened, read or written.
    #[error("the state database failed: {0}")]
    Broken(String),
}

/// A claimed member: only its holder may write, and only while the fence is the latest.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The member.
    pub member: MemberRow,
    /// Increases with every claim; a write with an older one is refused.
    pub fence: i64,
}

/// As whose holder something is written: nothing, if the member was claimed again since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The member.
    pub member: MemberId,
    /// See [`Claimed::fence`].
    pub fence: i64,
}

/// Who makes the one record that several members' items stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The asking pair does.
    Ours,
    /// Another pair does, or did: this is what it made, if it has.
    Theirs {
        /// That pair.
        pair: PairId,
        /// Its member.
        member: MemberId,
        /// What it made.
        made: Option<RemoteId>,
    },
}

/// What a pair wants to make the one record of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimFor {
    /// What kind of key it is: `event`, `contact`.
    pub kind: &'static str,
    /// The key.
    pub key: u64,
    /// The asking pair.
    pub pair: PairId,
}

/// The queue of members: one row per syncing user, claimed for a while.
#[async_trait]
pub trait QueueStore: Send + Sync {
    /// Makes the queue hold exactly these members: new ones are added (due at once), those that are gone are switched
    /// off and keep their rows.
    async fn set_members(
        &self,
        wanted: &[MemberSpec],
        now: DateTime<Utc>,
    ) -> Result<Vec<MemberRow>, StoreError>;

    /// All members, those that are switched off too.
    async fn members(&self) -> Result<Vec<MemberRow>, StoreError>;

    /// Claims up to `most` members that are due and free, the urgent ones first.
    async fn claim(
        &self,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        most: usize,
    ) -> Result<Vec<Claimed>, StoreError>;

    /// Holds claimed members for longer. Members that are lost are returned.
    async fn extend(
        &self,
        held: &[(MemberId, i64)],
        until: DateTime<Utc>,
    ) -> Result<Vec<MemberId>, StoreError>;

    /// Stores a member's state while it is held.
    async fn update_state(&self, member: MemberId, fence: i64, state: &MemberState)
    -> Result<(), StoreError>;

    /// Gives a claimed member back, due again at `next`.
    async fn release(
        &self,
        member: MemberId,
        fence: i64,
        state: &MemberState,
        next: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Makes members due now and urgent ("Sync now").
    async fn wake(&self, members: &[MemberId], now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Sets the CRM user that a member was matched to.
    async fn set_crm_user(&self, member: MemberId, user: &CrmUserId) -> Result<(), StoreError>;
}

/// The engine's rows. Every write names the fence under which the member is held (0: a connection's feed, which one
/// agent reads at a time).
#[async_trait]
pub trait SyncStore: Send + Sync {
    /// The random key with which fields are hashed; made when the database is.
    async fn hash_key(&self) -> Result<[u8; 16], StoreError>;

    /// Where a feed was read up to.
    async fn cursor(
        &self,
        scope: &FeedScope,
        module: Module,
        side: Side,
    ) -> Result<Option<Cursor>, StoreError>;

    /// Forgets where a feed was read up to (the system does not know it any more).
    async fn forget_cursor(&self, scope: &FeedScope, module: Module, side: Side) -> Result<(), StoreError>;

    /// T0: stores a page of observations and the cursor after it. A row becomes dirty, and its `seen` is raised by one,
    /// if it is new, or its version or presence differs. An unpaired one loses its match keys then: they were those of
    /// what it showed before, and it is read again before it is matched.
    async fn ingest(&self, fence: i64, page: &Ingest) -> Result<(), StoreError>;

    /// T1 and T2: stores changes that belong together. All of them must be of one member.
    async fn commit(&self, member: MemberId, fence: i64, changes: &Commit) -> Result<(), StoreError>;

    /// Items on one side, in an order of the store's own, after an id.
    async fn items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        after: Option<&RemoteId>,
        limit: usize,
    ) -> Result<Vec<ItemRow>, StoreError>;

    /// One item.
    async fn item(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        id: &RemoteId,
    ) -> Result<Option<ItemRow>, StoreError>;

    /// Items by id, in any order; those that do not exist are left out.
    async fn items_by_id(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        ids: &[RemoteId],
    ) -> Result<Vec<ItemRow>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.extend(self.item(member, module, side, id).await?);
        }
        Ok(found)
    }

    /// Present, unpaired, dirty items that were not read for matching yet (no match keys).
    async fn unread_items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        limit: usize,
    ) -> Result<Vec<ItemRow>, StoreError>;

    /// Present, unpaired, dirty items that were read for matching, in an order of the store's own, after
    /// an id.
    async fn unpaired_items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        after: Option<&RemoteId>,
        limit: usize,
    ) -> Result<Vec<ItemRow>, StoreError>;

    /// For each key, the ids of present items on a side that have it: unpaired ones, and those that are alone in a pair
    /// (held or failed). Items with a twin have no match keys.
    async fn matches(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        keys: &[MatchKey],
    ) -> Result<BTreeMap<MatchKey, Vec<RemoteId>>, StoreError>;

    /// Pairs with a dirty item on either side, or that are due for another try, without an open intent, ordered by
    /// id, after an id. Held and detached pairs are among them when an item of theirs is dirty.
    async fn dirty_pairs(
        &self,
        member: MemberId,
        module: Module,
        now: DateTime<Utc>,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<Vec<PairRow>, StoreError>;

    /// Pairs by id, in any order; those that do not exist are left out.
    async fn pairs(&self, member: MemberId, ids: &[PairId]) -> Result<Vec<PairRow>, StoreError>;

    /// Pairs whose mailbox item had one of these hashed UIDs when it was last read, ordered by id; also those that are
    /// tombstoned.
    async fn pairs_of_uids(
        &self,
        member: MemberId,
        module: Module,
        uids: &[u64],
    ) -> Result<Vec<PairRow>, StoreError>;

    /// The pair that an item is part of, tombstoned ones too.
    async fn pair_of(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        id: &RemoteId,
    ) -> Result<Option<PairRow>, StoreError>;

    /// Pairs in a state, ordered by id, after an id: for lists of holds and errors.
    async fn pairs_in(
        &self,
        member: MemberId,
        module: Module,
        state: PairState,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<Vec<PairRow>, StoreError>;

    /// How many pairs are in each state.
    async fn count_pairs(
        &self,
        member: MemberId,
        module: Module,
    ) -> Result<BTreeMap<PairState, u64>, StoreError>;

    /// How many items on a side have a presence (and are part of a pair, if asked).
    async fn count_items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        presence: Presence,
        paired: Option<bool>,
    ) -> Result<u64, StoreError>;

    /// Open intents of a member.
    async fn open_intents(&self, member: MemberId) -> Result<Vec<IntentRow>, StoreError>;

    /// Members of a connection that have a row for this id: whom a change in a connection's feed reaches besides those
    /// whom it concerns.
    async fn holders(
        &self,
        members: &[MemberId],
        module: Module,
        side: Side,
        ids: &[RemoteId],
    ) -> Result<Vec<(MemberId, RemoteId)>, StoreError>;

    /// Members of a connection who are making something on a side: what a connection's feed tells to be gone may be what
    /// they have made, and do not know yet. Creates whose answer is known to be lost for good (`in_doubt`) do not count.
    async fn makers(
        &self,
        members: &[MemberId],
        module: Module,
        side: Side,
    ) -> Result<Vec<MemberId>, StoreError>;

    /// Claims the making of one record on a CRM connection for a key ("event", iCalUID; "contact", e-mail).
    async fn claim(
        &self,
        connection: &crate::ids::ConnectionName,
        kind: &str,
        key: u64,
        pair: PairId,
        lease: Lease,
    ) -> Result<Claim, StoreError>;

    /// Claims the making of a record for a pair, whoever has claimed it before.
    async fn take_over(
        &self,
        connection: &crate::ids::ConnectionName,
        kind: &str,
        key: u64,
        pair: PairId,
        lease: Lease,
    ) -> Result<(), StoreError>;

    /// Of these records of a CRM connection, those that another member keeps: a linked pair of theirs stands for it, and
    /// claims its making.
    async fn kept_by_others(
        &self,
        connection: &crate::ids::ConnectionName,
        member: MemberId,
        module: Module,
        ids: &[RemoteId],
    ) -> Result<Vec<RemoteId>, StoreError>;

    /// Of these records of a CRM connection, those that are known to another member as well.
    async fn known_to_others(
        &self,
        connection: &crate::ids::ConnectionName,
        member: MemberId,
        module: Module,
        ids: &[RemoteId],
    ) -> Result<Vec<RemoteId>, StoreError>;

    /// Of these pairs, whose markers these records of a CRM connection carry, those of another member that stand for another
    /// record, or for none yet: the one that carries the marker is still to be found by it.
    async fn sought_by_others(
        &self,
        connection: &crate::ids::ConnectionName,
        member: MemberId,
        marked: &[(PairId, RemoteId)],
    ) -> Result<Vec<PairId>, StoreError>;

    /// Of these pairs, those whose claims another member's items wait for: their own copies are still there, and were left
    /// alone for the sake of the claim. (A pair that waits is detached and alone; an appointment's `uid` is its claim's key.)
    async fn awaited(
        &self,
        connection: &crate::ids::ConnectionName,
        member: MemberId,
        pairs: &[PairId],
    ) -> Result<Vec<PairId>, StoreError>;

    /// A member's pairs that wait for a claim whose holder, another member's pair, is detached from its record: each with
    /// that holder.
    async fn left_by_others(
        &self,
        connection: &crate::ids::ConnectionName,
        member: MemberId,
    ) -> Result<Vec<(PairId, PairRow)>, StoreError>;

    /// Who holds a claim; nothing is claimed by asking. `None`: nobody does.
    async fn claimed(
        &self,
        connection: &crate::ids::ConnectionName,
        kind: &str,
        key: u64,
    ) -> Result<Option<(PairId, MemberId)>, StoreError>;

    /// Claims for many pairs of one member at once, in order: one answer for each.
    async fn claim_all(
        &self,
        connection: &crate::ids::ConnectionName,
        lease: Lease,
        claims: &[ClaimFor],
    ) -> Result<Vec<Claim>, StoreError> {
        let mut answers = Vec::with_capacity(claims.len());
        for wanted in claims {
            answers.push(self.claim(connection, wanted.kind, wanted.key, wanted.pair, lease).await?);
        }
        Ok(answers)
    }

    /// Gives a claim back, if it is this pair's: what it stood for is gone.
    async fn unclaim(
        &self,
        connection: &crate::ids::ConnectionName,
        pair: PairId,
        lease: Lease,
    ) -> Result<(), StoreError>;

    /// A remembered fact by name (`fingerprint/CONNECTION`, `delete-poll/…`).
    async fn fact(&self, name: &str) -> Result<Option<String>, StoreError>;

    /// Remembers a fact.
    async fn set_fact(&self, name: &str, value: &str) -> Result<(), StoreError>;

    /// The journal of a pair, oldest first.
    async fn journal(&self, pair: PairId) -> Result<Vec<JournalRow>, StoreError>;

    /// Holds of a member that are not closed, in the order of their numbers.
    async fn open_holds(&self, member: MemberId) -> Result<Vec<HoldRow>, StoreError>;

    /// Orders for a member that were not carried out, in the order of their numbers.
    async fn open_orders(&self, member: MemberId) -> Result<Vec<OrderRow>, StoreError>;

    /// What stood there before a member's writes, as far as it is kept and they were made, in the order in which they were.
    async fn images(&self, member: MemberId, span: UndoSpan) -> Result<Vec<ImageRow>, StoreError>;
}

/// What an administrator asks and decides: beside the engine, under no fence.
#[async_trait]
pub trait DecisionStore: Send + Sync {
    /// Holds, closed ones only if asked for, newest last; all members' without one.
    async fn holds(&self, member: Option<MemberId>, closed: bool) -> Result<Vec<HoldRow>, StoreError>;

    /// Writes a decision into a hold, if it fits. `None`: there is no such hold.
    async fn decide(
        &self,
        number: i64,
        decided: &Decided,
    ) -> Result<Option<Result<HoldRow, Undecidable>>, StoreError>;

    /// Gives the engine an order; answers with its number.
    async fn order(
        &self,
        member: MemberId,
        order: &Order,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<OrderRow, StoreError>;

    /// An order, carried out or not.
    async fn order_of(&self, number: i64) -> Result<Option<OrderRow>, StoreError>;

    /// Pairs of a member that somebody means by a pair's id, an item's id on either side, or a part of its title; at
    /// most so many, those written to last first.
    async fn find_pairs(
        &self,
        member: MemberId,
        wanted: &str,
        limit: usize,
    ) -> Result<Vec<PairRow>, StoreError>;

    /// Forgets images that are older. Answers how many.
    async fn prune_images(&self, before: DateTime<Utc>) -> Result<u64, StoreError>;
}

/// The activity log of every member.
#[async_trait]
pub trait ActivityStore: Send + Sync {
    /// Writes lines.
    async fn append(&self, lines: &[ActivityLine]) -> Result<(), StoreError>;

    /// Lines of a member, oldest first.
    async fn read(&self, query: &ActivityQuery) -> Result<Vec<ActivityLine>, StoreError>;

    /// Forgets lines that are older.
    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError>;
}
