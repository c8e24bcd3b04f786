//! What is known of a backup that was put back and accepted, row by row.

use super::*;
use crate::accepted::accept;
use crate::arrived::{is_expected, note_tried};
use crate::plan::{BothCaps, ModuleRules};
use crate::scripted::Bench;
use crate::scripted::visits::{id, linked, pair_side, visit};
use crate::simulator::world::run_until_killed;
use riva_core::documents::CalendarPolicy;
use riva_core::rows::{IntentKind, IntentRow};

/// In memory nothing waits, and nothing fails.
fn at_once<T, E: std::fmt::Debug>(work: impl Future<Output = Result<T, E>>) -> T {
    run_until_killed(work).expect("nothing waits").expect("it is in memory")
}

/// Versions are in order on both sides, and the calendar is synced.
fn with<T>(bench: &Bench, test: impl FnOnce(&CycleContext<'_>, &mut ModuleCycle<'_, '_>) -> T) -> T {
    let ctx = bench.context();
    let (mail, crm) = (bench.mail.module(Module::Calendar), bench.crm.module(Module::Calendar));
    let rules = ModuleRules::of(ctx.policy, Module::Calendar).expect("it is synced");
    let caps = BothCaps { mail: &mail, crm: &crm };
    test(&ctx, &mut ModuleCycle::new(&ctx, Module::Calendar, Bench::hasher(), caps, rules))
}

fn bench() -> Bench {
    let mut bench = Bench::new(|_, caps| caps.versions_in_order = true);
    bench.policy.modules.calendar = Some(CalendarPolicy::default());
    bench
}

/// A pair that was in step in version 9 of the CRM's record, which was observed in another.
fn pair(n: u128, version: &str, presence: Presence) -> (PairRow, ItemRow) {
    let work = linked();
    let record: RemoteId = n.to_string().as_str().into();
    let mut pair = PairRow { id: PairId(uuid::Uuid::from_u128(n)), mail: None, ..work.pair };
    if let Some(at) = &mut pair.crm {
        (at.id, at.version) = (record.clone(), "9".into());
    }
    let row = work.crm.and_then(|read| read.row).expect("it has one");
    let row = ItemRow { id: record, version: version.into(), presence, pair: Some(pair.id), ..row };
    (pair, row)
}

#[test]
fn a_backup_is_no_older_than_the_latest_that_it_has_put_back_whatever_is_read_since() {
    let bench = bench();
    let seen = [
        ("3", Presence::Present),
        ("5", Presence::Present),
        ("4", Presence::Present),
        ("9", Presence::Present),
        ("8", Presence::Missing),
    ];
    let (pairs, items): (Vec<_>, Vec<_>) =
        (1..).zip(seen).map(|(n, (version, presence))| pair(n, version, presence)).unzip();
    bench.store.take_over(&Commit { pairs: pairs.clone(), items, ..Commit::default() });
    let known = |catch_up| {
        with(&bench, |ctx, cycle| {
            at_once(accept(ctx.store, ctx.connection(Side::Crm), bench.now(), catch_up));
            let accepted = at_once(Accepted::of(ctx, Module::Calendar));
            cycle.catches_up = accepted.catches_up();
            at_once(cycle.look_what_was_put_back(&accepted));
            cycle.backup_has.clone()
        })
    };
    assert_eq!(known(false), BTreeMap::new(), "it is taken as it is");
    assert_eq!(known(true), [(Side::Crm, "5".into())].into());
    // The one of version 5 was read, and is in step in that.
    let mut read = pairs[1].clone();
    read.crm.as_mut().expect("it has one").version = "5".into();
    bench.store.take_over(&Commit { pairs: vec![read], ..Commit::default() });
    assert_eq!(known(true), [(Side::Crm, "5".into())].into(), "it is known from before");
}

#[test]
fn what_was_accepted_is_known_as_it_is_and_so_are_requests_that_were_made_of_it() {
    let bench = bench();
    let read = |version: &str| {
        let now = |version: &str| Now::Present {
            version: version.into(),
            marker: None,
            modified: None,
            item: visit("Room 1"),
        };
        Reading { mail: now("1"), crm: now(version), mail_row: None, crm_row: None }
    };
    let mut tried = linked().pair;
    tried.crm.as_mut().expect("it has both").version = "5".into();
    let sends = Bench::hasher().item(&visit("Room 2"));
    let intent = IntentRow {
        pair: tried.id,
        member: tried.member,
        module: tried.module,
        side: Side::Mail,
        kind: IntentKind::Update,
        marker: tried.marker(),
        target: Some(id(Side::Mail).into()),
        expect: None,
        sends,
        origin: Hashes::default(),
        origin_version: Some("5".into()),
        in_doubt: false,
        at: bench.now(),
        believe_after: None,
    };
    note_tried(&mut tried, Side::Mail, &intent);
    with(&bench, |_, cycle| {
        let mut pair = tried.clone();
        assert!(!cycle.is_known_as_it_is(&mut pair, &read("3")) && pair == tried, "nothing was accepted");
        cycle.anew = true;
        assert!(!cycle.is_known_as_it_is(&mut pair, &read("5")) && pair == tried, "it is no older");
        assert!(cycle.is_known_as_it_is(&mut pair, &read("3")));
        assert_eq!(pair_side(&pair, Side::Crm).version.as_str(), "3");
        assert!(!is_expected(&pair, Side::Mail), "what arrives now was made of another");
        // Its own version says so already: what is on its way is news all the same.
        let mut pair = tried.clone();
        pair.crm.as_mut().expect("it has both").version = "3".into();
        assert!(cycle.is_known_as_it_is(&mut pair, &read("3")));
        assert!(!is_expected(&pair, Side::Mail));
    });
}
