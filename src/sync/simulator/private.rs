//! Private appointments: what of them the CRM gets to see, over many seeds, under every policy.

use super::random::Random;
use super::{Knobs, World};
use crate::veil::VEILED;
use riva_core::documents::{BecamePrivate, CalendarPolicy, PrivateItems};
use riva_core::ids::RemoteId;
use riva_core::item::{Body, Field, Item, Module, Sensitivity, Value, When};

fn world(seed: u64, private: PrivateItems, became_private: BecamePrivate, kills: bool) -> World {
    let knobs = Knobs { crm_without_tombstones: seed.is_multiple_of(3), kills, ..Knobs::CALM };
    let mut world = World::new(seed, knobs);
    world.policy.modules.calendar =
        Some(CalendarPolicy { private, became_private, ..CalendarPolicy::default() });
    world
}

/// An appointment with a word in every field, and another start each time.
fn appointment(number: u64, token: &str, private: bool) -> Item {
    let mut item = Item::new(Module::Calendar);
    write(&mut item, number, token, private);
    item
}

fn write(item: &mut Item, number: u64, token: &str, private: bool) {
    item.set_text(Field::Summary, format!("{token} #{number}"));
    item.set_text(Field::Location, format!("room {token}"));
    item.set(Field::Body, Value::body(Body::plain(format!("about {token}"))));
    let start = "2026-12-01T08:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().expect("an instant")
        + chrono::Duration::hours(i64::try_from(number).expect("few"));
    item.set(Field::When, Value::When(When::timed(start, start, chrono_tz::Europe::Berlin)));
    let sensitivity = if private { Sensitivity::Private } else { Sensitivity::Normal };
    item.set(Field::Sensitivity, Value::Sensitivity(sensitivity));
}

fn set(world: &World, id: &RemoteId, number: u64, token: &str, private: bool) {
    world.mail.user_edit(id, |item| write(item, number, token, private));
}

/// What the one appointment in the CRM says.
fn in_crm(world: &World) -> Option<(String, String)> {
    let live = world.crm.live();
    assert!(live.len() <= 1, "{live:?}");
    let (_, item) = live.into_iter().next()?;
    let body = match item.get(Field::Body) {
        Some(Value::Body(body)) => body.text.clone(),
        _ => String::new(),
    };
    Some((item.text(Field::Summary).unwrap_or_default().to_owned(), body))
}

fn both(summary: &str, body: &str) -> (String, String) {
    (summary.to_owned(), body.to_owned())
}

#[test]
fn busy_only_shows_the_time_and_nothing_else() {
    let mut world = world(1, PrivateItems::BusyOnly, BecamePrivate::Leave, false);
    let id = world.mail.user_create(appointment(1, "dentist", true));
    world.settle(4);
    assert_eq!(in_crm(&world), Some(both(VEILED, "")));
    let crm = world.crm.live().remove(0).1;
    assert_eq!(
        crm.when().expect("a time").utc(),
        world.mail.live().remove(0).1.when().expect("a time").utc()
    );
    // Moved in the mailbox, it moves in the CRM.
    set(&world, &id, 2, "dentist", true);
    world.settle(4);
    let (mail, crm) = (world.mail.live().remove(0).1, world.crm.live().remove(0).1);
    assert_eq!(crm.when().expect("a time").utc(), mail.when().expect("a time").utc());
    // What is written over it in the CRM does not reach the mailbox.
    let record = world.crm.live().remove(0).0;
    world.crm.user_edit(&record, |item| item.set_text(Field::Summary, "Guessed"));
    world.settle(4);
    assert_eq!(in_crm(&world), Some(both(VEILED, "")));
    assert_eq!(world.mail.live().remove(0).1.text(Field::Summary), Some("dentist #2"));
    // And once it is private no more, all of it is there.
    set(&world, &id, 2, "open", false);
    world.settle(4);
    assert_eq!(in_crm(&world), Some(both("open #2", "about open")));
}

/// A user's own appointments in the CRM hide nothing from that user's mailbox.
#[test]
fn what_is_private_in_the_crm_comes_to_the_mailbox_as_it_is() {
    for policy in [PrivateItems::BusyOnly, PrivateItems::Skip, PrivateItems::Sync] {
        let mut world = world(1, policy, BecamePrivate::Leave, false);
        world.crm.user_create(appointment(1, "dentist", true));
        world.settle(4);
        let shown: Vec<String> = world.mail.live().into_iter().map(|(_, item)| item.title()).collect();
        assert_eq!(shown, ["dentist #1"], "{policy:?}");
    }
}

#[test]
fn what_becomes_private_is_blanked_deleted_or_left_and_comes_back() {
    let private = [
        (BecamePrivate::Blank, Some(both(VEILED, ""))),
        (BecamePrivate::Delete, None),
        (BecamePrivate::Leave, Some(both("open #1", "about open"))),
    ];
    for (became, shown) in private {
        let mut world = world(2, PrivateItems::Skip, became, false);
        let id = world.mail.user_create(appointment(1, "open", false));
        world.settle(4);
        assert_eq!(in_crm(&world), Some(both("open #1", "about open")), "{became:?}");
        set(&world, &id, 3, "secret", true);
        world.settle(4);
        assert_eq!(in_crm(&world), shown, "{became:?}");
        set(&world, &id, 4, "secret", true);
        world.settle(4);
        assert_eq!(in_crm(&world), shown, "{became:?}: still private");
        set(&world, &id, 5, "again", false);
        world.settle(4);
        assert_eq!(in_crm(&world), Some(both("again #5", "about again")), "{became:?}");
        let (mail, crm) = (world.mail.live(), world.crm.live());
        assert_eq!(mail.len(), 1);
        assert_eq!(
            mail[0].1.when().expect("a time").utc(),
            crm[0].1.when().expect("a time").utc(),
            "{became:?}"
        );
        assert!(!world.log().iter().any(|line| line.contains("secret")), "{:?}", world.log());
    }
}

#[test]
fn synced_like_any_other_means_so() {
    let mut world = world(3, PrivateItems::Sync, BecamePrivate::Leave, false);
    world.mail.user_create(appointment(1, "dentist", true));
    world.settle(4);
    assert_eq!(in_crm(&world), Some(both("dentist #1", "about dentist")));
}

/// I12: whatever happens, and whenever the process dies, nothing that was written while an appointment was private is
/// ever in the CRM, nor in the log; and in the end each appointment shows what the policy says.
#[test]
fn private_content_never_reaches_the_crm() {
    let policies = [
        (PrivateItems::BusyOnly, BecamePrivate::Leave),
        (PrivateItems::Skip, BecamePrivate::Blank),
        (PrivateItems::Skip, BecamePrivate::Delete),
        (PrivateItems::Skip, BecamePrivate::Leave),
    ];
    for seed in 0..240 {
        let (private, became) = policies[usize::try_from(seed % 4).expect("small")];
        let kills = seed % 8 >= 4;
        let mut world = world(seed, private, became, kills);
        let mut random = Random::new(seed);
        let (mut number, mut made) = (0, 0);
        let leaks = |world: &World| {
            let crm = world.crm.live();
            let leak = crm.iter().find(|(_, item)| format!("{item:?}").contains("secret"));
            assert!(leak.is_none(), "seed {seed} {private:?} {became:?}: {leak:?}");
            assert!(!world.log().iter().any(|line| line.contains("secret")), "seed {seed}: the log tells");
        };
        for _ in 0..8 {
            for _ in 0..random.below(3) {
                number += 1;
                let hidden = random.percent(50);
                let token = if hidden { "secret" } else { "open" };
                let live = world.mail.live();
                if live.len() < 3 || random.percent(20) {
                    world.mail.user_create(appointment(number, token, hidden));
                    made += 1;
                } else {
                    let (id, _) = live.get(random.below(live.len())).expect("one of them");
                    set(&world, id, number, token, hidden);
                }
            }
            if kills {
                world.deadly_cycle();
            } else {
                world.cycle();
                world.pass(15);
            }
            leaks(&world);
        }
        world.settle(8);
        leaks(&world);
        assert_eq!(world.mail.live().len(), made, "seed {seed}: nobody deleted anything");
        for (_, item) in world
            .mail
            .live()
            .iter()
            .filter(|(_, item)| item.text(Field::Summary).is_some_and(|s| s.starts_with("open")))
        {
            let subject = item.text(Field::Summary);
            let there = world.crm.live().iter().filter(|(_, c)| c.text(Field::Summary) == subject).count();
            assert_eq!(there, 1, "seed {seed} {private:?} {became:?}: {subject:?}");
        }
    }
}
