//! What is new on a side is read: what is put aside, what is left to the next cycle, and what is told of it.

use super::*;
use crate::plan::{BothCaps, ModuleRules};
use crate::scripted::Bench;
use crate::simulator::world::run_until_killed;
use chrono::Duration;
use riva_core::activity::{EventSink, SyncEvent};
use riva_core::documents::{CalendarPolicy, ContactsPolicy};
use riva_core::ids::MemberId;
use riva_core::item::{Field, MailFolder, Module, Name, Sensitivity, Value, When};
use riva_core::ports::MessageFolders;
use riva_core::rows::Presence;
use std::sync::Mutex;

fn bench() -> Bench {
    let mut bench = Bench::new(|_, _| {});
    bench.policy.modules.contacts = Some(ContactsPolicy::default());
    bench.policy.modules.calendar = Some(CalendarPolicy::default());
    bench
}

/// Somebody has told that these are there; nothing else is known of them.
fn told(bench: &Bench, module: Module, side: Side, ids: &[&str]) {
    let row = |id: &&str| ItemRow {
        member: MemberId(1),
        module,
        side,
        id: RemoteId::from(*id),
        version: Version::from("1"),
        presence: Presence::Present,
        dirty: true,
        seen: 1,
        pair: None,
        match_keys: None,
    };
    bench.store.take_over(&Commit { items: ids.iter().map(row).collect(), ..Commit::default() });
}

fn row(bench: &Bench, id: &str) -> ItemRow {
    let mut rows = bench.store.all_items().into_iter();
    rows.find(|row| row.id == RemoteId::from(id)).expect("it has a row")
}

/// Does something in a cycle of a module.
fn within<T>(
    bench: &Bench,
    module: Module,
    events: Option<&dyn EventSink>,
    work: impl AsyncFnOnce(&mut FirstSync) -> T,
) -> T {
    let mut ctx = bench.context();
    ctx.events = events.unwrap_or(ctx.events);
    let (mail, crm) = (bench.mail.module(Module::Contacts), bench.crm.module(Module::Contacts));
    let caps = BothCaps { mail: &mail, crm: &crm };
    let as_contacts = if module.is_log() { Module::Contacts } else { module };
    let rules = ModuleRules::of(&bench.policy, as_contacts).expect("the policy has it");
    let mut cycle = ModuleCycle::new(&ctx, module, Bench::hasher(), caps, rules);
    let from = bench.now() - Duration::days(7);
    cycle.messages = module.is_log().then_some(MessageFolders {
        inbox: true,
        sent: true,
        master: None,
        assign: None,
        from,
    });
    run_until_killed(work(&mut FirstSync::new(&mut cycle))).expect("nothing waits")
}

fn run(bench: &Bench) -> Result<(), CycleFault> {
    within(bench, Module::Contacts, None, async |first| first.run().await)
}

fn person() -> Item {
    let mut item = Item::new(Module::Contacts);
    item.set(Field::Name, Value::Name(Name { given: "Ann".into(), family: "Lee".into(), ..Name::default() }));
    item.uid = Some("uid-1".to_owned());
    item
}

#[test]
fn what_cannot_be_read_is_put_aside_and_told() {
    for (side, the) in [(Side::Mail, "The mailbox's"), (Side::Crm, "The CRM's")] {
        let bench = bench();
        told(&bench, Module::Contacts, side, &["torn"]);
        let scripted = if side == Side::Mail { &bench.mail } else { &bench.crm };
        scripted.script().there.insert("torn".into(), Fetched::Unreadable { reason: "it is torn".into() });
        run(&bench).expect("nothing fails");
        let (pair, row) = (bench.pair(), row(&bench, "torn"));
        let why = format!("{the} item cannot be read: it is torn");
        assert_eq!((pair.state, pair.reason.as_deref()), (PairState::Quarantined, Some(&*why)));
        assert_eq!((row.pair, row.dirty), (Some(pair.id), false));
        assert_eq!(bench.log(), std::slice::from_ref(&why));
        let text = format!("(an item that cannot be read): {why}");
        assert_eq!(bench.journal(), [("quarantined".to_owned(), text)]);
        assert_eq!(bench.store.all_holds(), [], "there is nothing to be decided");
    }
}

#[test]
fn nothing_is_made_while_there_is_something_that_a_side_says_nothing_of() {
    let bench = bench();
    told(&bench, Module::Contacts, Side::Mail, &["card"]);
    told(&bench, Module::Contacts, Side::Crm, &["record"]);
    bench.mail.shows("card", "1", &person());
    bench.crm.script().left_out.insert("record".into());
    run(&bench).expect("nothing fails");
    // Once by itself; then, before the card could be made, once and three times more.
    assert_eq!(bench.crm.script().calls, ["fetch 1"; 5]);
    assert_eq!(bench.store.all_pairs(), []);
    bench.crm.script().left_out.clear();
    bench.crm.shows("record", "1", &person());
    run(&bench).expect("nothing fails");
    let pair = bench.pair();
    assert_eq!(
        (pair.mail.map(|at| at.id), pair.crm.map(|at| at.id)),
        (Some("card".into()), Some("record".into()))
    );
}

#[test]
fn nothing_is_read_any_more_when_it_is_to_end() {
    let mut bench = Bench::new(|_, caps| caps.batch = 1);
    bench.policy.modules.contacts = Some(ContactsPolicy::default());
    told(&bench, Module::Contacts, Side::Mail, &["one", "two", "three"]);
    bench.stop.after(2);
    let outcome = run(&bench);
    assert!(matches!(outcome, Err(CycleFault::Stopped)), "{outcome:?}");
    assert_eq!(bench.mail.script().calls, ["fetch 1"; 2]);
}

/// Keeps what is told of how far it is.
#[derive(Default)]
struct Phases(Mutex<Vec<(String, u64)>>);

impl EventSink for Phases {
    fn emit(&self, event: SyncEvent) {
        if let SyncEvent::Progress(progress) = event {
            self.0.lock().expect("no panic").push((progress.phase, progress.done));
        }
    }
}

#[test]
fn it_is_told_how_many_were_read_for_the_first_time() {
    let bench = bench();
    let names: Vec<String> = (0..150).map(|n| format!("card-{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    told(&bench, Module::Contacts, Side::Mail, &names);
    told(&bench, Module::Contacts, Side::Crm, &["record"]);
    let phases = Phases::default();
    let read = within(&bench, Module::Contacts, Some(&phases), async |first| first.run().await);
    read.expect("nothing fails");
    let said = [("reading the mailbox", 100), ("reading the mailbox", 150), ("reading the CRM", 1)];
    let said = said.map(|(phase, done)| (phase.to_owned(), done));
    assert_eq!(*phases.0.lock().expect("no panic"), said);
}

#[test]
fn what_ends_when_the_window_begins_or_begins_when_it_ends_is_in_it() {
    let bench = bench();
    let window = bench.context().window(Module::Calendar).expect("the calendar has one");
    let (hour, second) = (Duration::hours(1), Duration::seconds(1));
    let visits = [
        ("just over", window.from - hour - second, window.from - second, Presence::OutOfScope),
        ("ends", window.from - hour, window.from, Presence::Present),
        ("begins", window.to, window.to + hour, Presence::Present),
        ("not yet", window.to + second, window.to + hour, Presence::OutOfScope),
    ];
    for (id, start, end, _) in visits {
        let mut visit = Item::new(Module::Calendar);
        visit.set(Field::When, Value::When(When::timed(start, end, chrono_tz::UTC)));
        told(&bench, Module::Calendar, Side::Mail, &[id]);
        bench.mail.shows(id, "1", &visit);
    }
    let read = within(&bench, Module::Calendar, None, async |first| first.read(Side::Mail).await);
    read.expect("nothing fails");
    for (id, .., presence) in visits {
        let row = row(&bench, id);
        // What is outside is not looked at again; what is in it is to be matched.
        let outside = presence == Presence::OutOfScope;
        assert_eq!(
            (row.presence, row.dirty, row.match_keys.is_none()),
            (presence, !outside, outside),
            "{id}"
        );
    }
}

#[test]
fn a_message_that_is_not_to_be_logged_is_not_looked_at_again() {
    let bench = bench();
    let message = |sensitivity| {
        let mut item = Item::new(Module::Email);
        item.uid = Some("<1@example.com>".to_owned());
        item.set(Field::SentAt, Value::Number(bench.now().timestamp()));
        item.set(Field::Sensitivity, Value::Sensitivity(sensitivity));
        item.set_text(Field::MailFolder, MailFolder::Inbox.as_str());
        item
    };
    told(&bench, Module::Email, Side::Mail, &["wanted", "unwanted"]);
    bench.mail.shows("wanted", "1", &message(Sensitivity::Normal));
    bench.mail.shows("unwanted", "1", &message(Sensitivity::Private));
    let read = within(&bench, Module::Email, None, async |first| first.read(Side::Mail).await);
    read.expect("nothing fails");
    assert!(row(&bench, "wanted").dirty);
    assert!(!row(&bench, "unwanted").dirty);
    assert_eq!(row(&bench, "unwanted").match_keys, Some(Vec::new()), "it is nobody's twin");
}

#[test]
fn a_copy_that_is_left_alone_has_no_record_and_is_in_no_other_state() {
    let linked = crate::scripted::visits::linked().pair;
    let reason = Some(THERE_TWICE.to_owned());
    let twice = PairRow { state: PairState::Detached, reason, crm: None, ..linked.clone() };
    assert!(is_there_twice(&twice));
    let others = [
        PairRow { state: PairState::Linked, ..twice.clone() },
        PairRow { mail: None, ..twice.clone() },
        PairRow { crm: linked.crm, ..twice.clone() },
        PairRow { reason: Some("It is private.".to_owned()), ..twice },
    ];
    assert!(others.iter().all(|pair| !is_there_twice(pair)));
}
