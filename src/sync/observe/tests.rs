//! The reading of a feed, page by page.

use super::*;
use crate::scripted::Bench;
use crate::simulator::world::run_until_killed;
use riva_core::documents::CalendarPolicy;

/// What the feed tells is observed. Answers the fault, and which rows there are.
fn observed(bench: &Bench) -> (Option<CycleFault>, Vec<RemoteId>) {
    let ctx = bench.context();
    let mut observed = Observed::default();
    let read = mail_changes(&ctx, Module::Contacts, &mut observed);
    let fault = run_until_killed(read).expect("nothing waits").err();
    (fault, bench.store.all_items().into_iter().map(|row| row.id).collect())
}

fn page(ids: &[&str], cursor: &str) -> ChangePage {
    let seen = |id: &&str| Change::Seen { id: (*id).into(), version: Version::new("1") };
    ChangePage { changes: ids.iter().map(seen).collect(), cursor: Cursor::new(cursor), more: false }
}

#[test]
fn what_a_feed_tells_counts_whether_its_cursor_moves_on_or_not() {
    let bench = Bench::new(|_, _| {});
    for ids in [&["a"][..], &["b"], &[]] {
        bench.mail.script().pages.push_back(Ok(page(ids, "today")));
        assert_eq!(observed(&bench).0, None);
    }
    assert_eq!(observed(&bench).1, ["a".into(), "b".into()]);
}

#[test]
fn a_feed_that_has_lost_its_cursor_is_read_from_its_beginning_once() {
    let bench = Bench::new(|_, _| {});
    let lost = || Err(CallError::CursorLost("too old".into()));
    bench.mail.script().pages.extend([Ok(page(&["a"], "today")), lost(), Ok(page(&["b"], "tomorrow"))]);
    for _ in 0..2 {
        assert_eq!(observed(&bench).0, None);
    }
    assert_eq!(observed(&bench).1, ["a".into(), "b".into()]);
    // One that has no beginning does not work.
    let bench = Bench::new(|_, _| {});
    bench.mail.script().pages.extend([lost(), Ok(page(&["a"], "today"))]);
    let (fault, rows) = observed(&bench);
    assert!(matches!(fault, Some(CycleFault::Side { side: Side::Mail, .. })) && rows.is_empty(), "{fault:?}");
}

/// What it has told until then counts; the next cycle begins anew.
#[test]
fn a_feed_that_loses_its_cursor_at_every_page_does_not_work() {
    let bench = Bench::new(|_, _| {});
    let lost = || Err(CallError::CursorLost("too old".into()));
    let more = |id, cursor| Ok(ChangePage { more: true, ..page(&[id], cursor) });
    bench.mail.script().pages.extend([more("a", "1"), lost(), more("b", "2"), lost()]);
    let (fault, rows) = observed(&bench);
    assert!(matches!(fault, Some(CycleFault::Side { side: Side::Mail, .. })), "{fault:?}");
    assert_eq!(rows, ["a".into(), "b".into()]);
    bench.mail.script().pages.extend([lost(), Ok(page(&["c"], "3"))]);
    assert_eq!(observed(&bench), (None, vec!["a".into(), "b".into(), "c".into()]));
}

#[test]
fn who_reads_a_mailbox_from_its_beginning_compares_if_anything_of_it_is_known() {
    for known in [false, true] {
        let bench = Bench::new(|_, _| {});
        let row = crate::work::Work::sample().mail.and_then(|read| read.row).expect("it has one");
        let items = known.then_some(ItemRow { module: Module::Contacts, ..row }).into_iter().collect();
        bench.store.take_over(&riva_core::rows::Commit { items, ..Default::default() });
        bench.mail.script().pages.push_back(Ok(page(&["b"], "today")));
        assert_eq!(observed(&bench).0, None);
        let ctx = bench.context();
        let asked = run_until_killed(comparison(&ctx, Module::Contacts, Side::Mail).to_do(&ctx));
        assert_eq!(asked.expect("nothing waits").expect("in memory").is_some(), known);
    }
}

/// It may have come after the feed was read: that is looked for, whatever becomes of the listing.
#[test]
fn what_a_listing_of_the_mailbox_shows_may_not_be_told_of() {
    for side in [Side::Mail, Side::Crm] {
        let bench = Bench::new(|_, _| {});
        let (ctx, caps) = (bench.context(), bench.mail.module(Module::Contacts));
        let compared = run_until_killed(compare(&ctx, Module::Contacts, side, &caps)).expect("nothing waits");
        assert!(compared.is_err(), "it cannot be listed");
        let untold = Asked::of(&ctx, "untold", Module::Contacts.as_str());
        let to_do = run_until_killed(untold.to_do(&ctx)).expect("nothing waits").expect("in memory");
        assert_eq!(to_do.is_some(), side == Side::Mail);
    }
}

/// The end of the window was so many days ahead then, too.
#[test]
fn only_what_has_come_into_the_window_since_is_listed() {
    for (then, listed) in [
        ("2026-11-22", Some("list 2027-12-27 to 2027-12-28")),
        ("2026-11-20", Some("list 2027-12-25 to 2027-12-28")),
        ("2020-01-01", Some("list 2026-10-09 to 2027-12-28")),
        ("2026-11-23", None),
    ] {
        let mut bench = Bench::new(|_, _| {});
        bench.policy.modules.calendar = Some(CalendarPolicy::default());
        let (ctx, caps) = (bench.context(), bench.crm.module(Module::Calendar));
        let fact = format!("window/{}/{}", ctx.member.id.0, Module::Calendar.as_str());
        run_until_killed(ctx.store.set_fact(&fact, then)).expect("nothing waits").expect("in memory");
        let rolled = run_until_killed(roll_window(&ctx, Module::Calendar, &caps)).expect("nothing waits");
        assert_eq!(rolled.is_err(), listed.is_some(), "it cannot be listed");
        let calls: Vec<String> = listed.into_iter().map(str::to_owned).collect();
        assert_eq!(bench.crm.script().calls, calls);
    }
}
