//! The marker that is put into an item that was there before us.

use super::*;
use crate::scripted::throttled;
use riva_core::ids::Marker;

type Tags = Result<Vec<Result<RemoteRef, ItemError>>, CallError>;

/// What a user has is made on the other side, and marked where it was.
fn made(
    origin: Side,
    tag: Tags,
    marker: Option<Marker>,
    known: &[PairRow],
) -> (Bench, Result<(), CycleFault>) {
    let mut bench = Bench::new(|of, caps| caps.can_tag = of == origin);
    bench.store.take_over(&Commit { pairs: known.to_vec(), ..Commit::default() });
    let to = origin.other();
    side(&bench, to).answers([well(to, IntentKind::Create)]);
    side(&bench, origin).script().tag = Some(tag);
    let mut work = to_write(to, IntentKind::Create);
    work.read_mut(origin).as_mut().expect("it shows it").marker = marker;
    let ended = bench.write(&mut [work]);
    (bench, ended)
}

fn tags(bench: &Bench, of: Side) -> usize {
    side(bench, of).script().calls.iter().filter(|call| call.starts_with("tag")).count()
}

#[test]
fn an_origin_that_is_marked_is_read_once_more() {
    for origin in SIDES {
        let marked = RemoteRef { id: "moved".into(), version: "5".into() };
        let (bench, ended) = made(origin, Ok(vec![Ok(marked)]), None, &[]);
        assert_eq!(ended, Ok(()));
        let pair = bench.pair();
        let at = pair_side(&pair, origin);
        assert_eq!((at.id.clone(), at.version.clone()), ("moved".into(), "5".into()));
        let rows = bench.store.all_items();
        let row = rows.iter().find(|row| row.id == "moved".into()).expect("it is stored");
        assert_eq!((row.side, row.version.clone(), row.dirty), (origin, "5".into(), true));
        assert_eq!((row.pair, &row.match_keys), (Some(pair.id), &None));
    }
}

#[test]
fn an_origin_that_is_not_marked_stays_as_it_is() {
    for tag in [Ok(vec![Err(ItemError::VersionMoved)]), Err(unavailable())] {
        let (bench, ended) = made(Side::Mail, tag, None, &[]);
        assert_eq!((ended, tags(&bench, Side::Mail)), (Ok(()), 1));
        let row = row(&bench, Side::Mail).expect("it is stored");
        assert_eq!((row.version, row.dirty), ("1".into(), false));
        assert_eq!(pair_side(&bench.pair(), Side::Mail).version, "1".into());
    }
}

#[test]
fn a_system_that_asks_to_wait_is_heard() {
    let (bench, ended) = made(Side::Mail, Err(throttled()), None, &[]);
    assert_eq!(ended, Err(CycleFault::of(Side::Mail, throttled())));
    assert_eq!(bench.pair().state, PairState::Linked, "what was made is recorded");
}

/// An item of another member was given to this one before the first could note that he made it.
#[test]
fn what_another_member_looks_for_keeps_his_marker() {
    let theirs = |crm: Option<PairSide>| PairRow {
        id: PairId(uuid::Uuid::from_u128(9)),
        member: MemberId(2),
        mail: None,
        crm,
        ..linked().pair
    };
    let marker = Some(theirs(None).marker());
    let tagged = |origin, carried, theirs: PairRow| {
        let now = RemoteRef { id: id(origin).into(), version: "5".into() };
        let (bench, ended) = made(origin, Ok(vec![Ok(now)]), carried, &[theirs]);
        assert_eq!(ended, Ok(()));
        tags(&bench, origin)
    };
    assert_eq!(tagged(Side::Crm, marker, theirs(None)), 0, "he looks for it");
    assert_eq!(tagged(Side::Crm, marker, theirs(linked().pair.crm)), 1, "he knows it");
    assert_eq!(tagged(Side::Mail, marker, theirs(None)), 1, "nobody else has a user's mailbox");
    assert_eq!(tagged(Side::Crm, None, theirs(None)), 1, "it carries none");
}
