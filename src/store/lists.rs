//! Rows of answers as the engine's rows.

use crate::base::{Row, broken};
use crate::codes::{Code as _, match_keys, pair_id, small, time};
use crate::hashes;
use crate::packed::unpack;
use riva_core::ids::{MemberId, RemoteId, Version};
use riva_core::item::Module;
use riva_core::ports::StoreError;
use riva_core::rows::{
    IntentKind, IntentRow, ItemRow, JournalRow, MatchKey, PairRow, PairSide, PairState, Presence, Side,
};
use sqlx::Row as _;

/// A column's value.
fn get<'r, T>(row: &'r Row, column: &'static str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, crate::base::Db> + sqlx::Type<crate::base::Db>,
{
    row.try_get(column).map_err(broken)
}

/// A row of `item`.
pub(crate) fn item(row: &Row) -> Result<ItemRow, StoreError> {
    let pair: Option<&[u8]> = get(row, "pair")?;
    let keys: Option<&[u8]> = get(row, "match_keys")?;
    Ok(ItemRow {
        member: MemberId(get(row, "member")?),
        module: Module::from_code(get(row, "module")?)?,
        side: Side::from_code(get(row, "side")?)?,
        id: unpack(get(row, "id")?)?.into(),
        version: unpack(get(row, "version")?)?.into(),
        presence: Presence::from_code(get(row, "presence")?)?,
        dirty: get::<i64>(row, "dirty")? != 0,
        seen: get(row, "seen")?,
        pair: pair.map(pair_id).transpose()?,
        match_keys: keys.map(match_keys).transpose()?,
    })
}

/// Where an item is.
pub(crate) type Place = (Module, Side, RemoteId);

/// Where an item is, and its match keys.
pub(crate) fn keys_of_item(row: &Row) -> Result<(Place, Vec<MatchKey>), StoreError> {
    let place = (Module::from_code(get(row, "module")?)?, Side::from_code(get(row, "side")?)?);
    let keys: Option<&[u8]> = get(row, "match_keys")?;
    let keys = keys.map(match_keys).transpose()?.unwrap_or_default();
    Ok(((place.0, place.1, unpack(get(row, "id")?)?.into()), keys))
}

/// A row of `pair`.
pub(crate) fn pair(row: &Row) -> Result<PairRow, StoreError> {
    let [mail_seen, mail_sent, crm_seen, crm_sent] = hashes::decode(get(row, "hashes")?)?;
    let side =
        |id: &'static str, version: &'static str, seen, sent| -> Result<Option<PairSide>, StoreError> {
            let Some(id) = get::<Option<&[u8]>>(row, id)? else { return Ok(None) };
            let version = get::<Option<&[u8]>>(row, version)?.map(unpack).transpose()?.unwrap_or_default();
            Ok(Some(PairSide { id: unpack(id)?.into(), version: version.into(), seen, sent }))
        };
    let next_try: Option<i64> = get(row, "next_try")?;
    Ok(PairRow {
        id: pair_id(get(row, "id")?)?,
        member: MemberId(get(row, "member")?),
        module: Module::from_code(get(row, "module")?)?,
        mail: side("mail_id", "mail_version", mail_seen, mail_sent)?,
        crm: side("crm_id", "crm_version", crm_seen, crm_sent)?,
        uid: get::<Option<i64>>(row, "uid")?.map(i64::cast_unsigned),
        state: PairState::from_code(get(row, "state")?)?,
        reason: get(row, "reason")?,
        generation: small(get(row, "generation")?)?,
        attempts: small(get(row, "attempts")?)?,
        next_try: next_try.map(time).transpose()?,
    })
}

/// A row of `intent`.
pub(crate) fn intent(row: &Row) -> Result<IntentRow, StoreError> {
    let [sends, origin, ..] = hashes::decode(get(row, "sends")?)?;
    let believe_after: Option<i64> = get(row, "believe_after")?;
    Ok(IntentRow {
        pair: pair_id(get(row, "pair")?)?,
        member: MemberId(get(row, "member")?),
        module: Module::from_code(get(row, "module")?)?,
        side: Side::from_code(get(row, "side")?)?,
        kind: IntentKind::from_code(get(row, "kind")?)?,
        marker: get::<&str>(row, "marker")?.parse().map_err(broken)?,
        target: get::<Option<String>>(row, "target")?.map(RemoteId::new),
        expect: get::<Option<String>>(row, "expect")?.map(Version::new),
        sends,
        origin,
        origin_version: get::<Option<String>>(row, "origin_version")?.map(Version::new),
        in_doubt: get::<i64>(row, "in_doubt")? != 0,
        at: time(get(row, "at")?)?,
        believe_after: believe_after.map(time).transpose()?,
    })
}

/// A row of `journal`.
pub(crate) fn journal(row: &Row) -> Result<JournalRow, StoreError> {
    Ok(JournalRow {
        member: MemberId(get(row, "member")?),
        module: Module::from_code(get(row, "module")?)?,
        pair: pair_id(get(row, "pair")?)?,
        at: time(get(row, "at")?)?,
        deed: get(row, "deed")?,
        rule: get(row, "rule")?,
        text: get(row, "text")?,
        seen: get(row, "seen")?,
    })
}
