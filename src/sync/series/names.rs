//! Ids for the pairs of a series: the same each time they are made, so that a lost database is linked again by the markers
//! that the CRM's records carry.

use riva_core::ids::{Marker, PairId, RemoteId};
use riva_core::item::{Item, RecurrenceId};
use riva_core::queue::MemberRow;
use uuid::Uuid;

/// The name space of these ids.
const NAME_SPACE: Uuid = Uuid::from_u128(0x8a2f_6c1e_52b0_5d7a_9a41_7c6e_3f0d_9b11);

/// Whose series: two users' copies of one meeting are pairs of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names(String);

impl Names {
    /// A member by policy and address: these outlive the database.
    pub fn of(member: &MemberRow) -> Self {
        Self(format!("{}\n{}", member.policy, member.address))
    }

    /// The pair of one occurrence.
    pub fn occurrence(&self, series: &RemoteId, item: &Item, of: RecurrenceId) -> PairId {
        self.pair(series, item, &of.to_string())
    }

    /// What a series carries when we write to it.
    pub fn series(&self, series: &RemoteId, item: &Item) -> Marker {
        Marker { pair: self.pair(series, item, "series"), generation: 1 }
    }

    /// A series is the same one as long as its UID is; without one, as long as its id is.
    fn pair(&self, series: &RemoteId, item: &Item, which: &str) -> PairId {
        let lineage = item.uid.as_deref().filter(|uid| !uid.is_empty()).unwrap_or(series.as_str());
        let name = format!("{}\n{lineage}\n{which}", self.0);
        PairId(Uuid::new_v5(&NAME_SPACE, name.as_bytes()))
    }
}
