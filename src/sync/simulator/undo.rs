//! An undo after a random cycle brings both sides back, or names what it could not restore.

use super::World;
use super::check::by_serial;
use super::decisions::{calm, in_step, knobs, standing};
use super::items::serial_of;
use super::seeds::seeds;
use riva_core::documents::SafetyLimit;
use riva_core::history::{Order, UndoSpan};
use riva_core::ids::MemberId;
use riva_core::item::{Field, Value};
use riva_core::rows::Side;
use std::collections::{BTreeMap, BTreeSet};

/// What a user reads of every item, by side and serial number.
fn contents(world: &World) -> Contents {
    let mut all = BTreeMap::new();
    for side in [Side::Mail, Side::Crm] {
        for item in standing(world, side).into_values() {
            let fields = item.fields.iter().filter(|(_, v)| **v != Value::Blank);
            let fields = fields.map(|(f, v)| (*f, v.clone())).collect();
            if let Some(serial) = serial_of(&item) {
                all.insert((side, serial), fields);
            }
        }
    }
    all
}

#[test]
fn an_undo_brings_both_sides_back() {
    let (mut writes, mut said) = (0, 0);
    for seed in seeds(1_000) {
        let mut world = World::new(seed, knobs(seed));
        world.keep_images = true;
        for _ in 0..3 {
            world.user_has_on_both_sides();
        }
        for _ in 0..6 {
            world.user_creates();
        }
        for _ in 0..(seed % 3) {
            world.pass(61);
            world.cycle();
            for _ in 0..4 {
                world.user_works();
            }
        }
        world.pass(15);
        let (before, since) = (contents(&world), world.now());
        world.pass(1);
        let since_a_time = seed.is_multiple_of(2);
        if since_a_time {
            // What is undone since a time may be several cycles.
            for _ in 0..(seed % 3) {
                writes += world.cycle().expect("nobody kills it").writes;
                world.pass(61);
            }
        }
        let cycle = world.next_cycle();
        writes += world.cycle().expect("nobody kills it").writes;
        let written = contents(&world);
        if seed.is_multiple_of(5) {
            // A user edits some of what was written: that is not to be lost.
            for _ in 0..6 {
                world.user_works();
            }
        }
        let meddled = contents(&world);
        let span = if since_a_time { UndoSpan::Since(since) } else { UndoSpan::Cycle(cycle) };
        world.pass(1);
        let lines = world.preview_undo(span);
        assert_eq!(contents(&world), meddled, "seed {seed}: the preview wrote something");
        let order = world.store.order(MemberId(1), Order::Undo { span }, world.now());
        world.cycle();
        let told = world.store.outcome(order).unwrap_or_else(|| panic!("seed {seed}: not carried out"));
        let cannot: BTreeSet<&str> =
            lines.iter().filter(|line| !line.cannot.is_empty()).map(|line| line.title.as_str()).collect();
        for title in &cannot {
            assert!(
                told.iter().any(|line| line.starts_with(title)),
                "seed {seed}: {title} is not named: {told:?}"
            );
        }
        said += cannot.len();
        let after = contents(&world);
        for key in before.keys().chain(after.keys()) {
            let (then, now) = (before.get(key), after.get(key));
            let serial = format!("#{}", key.1);
            let named = cannot.iter().any(|title| title.ends_with(&serial));
            assert!(
                then == now || named || is_edited(key.1, then, now, &written, &meddled),
                "seed {seed}: {key:?} was {then:?}, is {now:?}; {told:?}\n{lines:?}"
            );
        }
        if !seed.is_multiple_of(5) {
            assert!(cannot.is_empty(), "seed {seed}: nobody touched anything: {lines:?}");
        }
        // What was undone stays undone: nothing is made, written or deleted again.
        let mail = by_serial(&world.mail);
        assert!(mail.values().all(|copies| copies.len() == 1), "seed {seed}: doubled in the mailbox");
        assert!(
            by_serial(&world.crm).values().all(|copies| copies.len() == 1),
            "seed {seed}: doubled in the CRM"
        );
        if !seed.is_multiple_of(5) {
            world.settle(4);
            assert_eq!(contents(&world), before, "seed {seed}: the next cycles did it again");
        }
    }
    assert!(writes > 0 && said > 0, "{writes} writes, {said} that could not be restored");
}

/// All that users read, by side and serial number.
type Contents = BTreeMap<(Side, u64), Fields>;
type Fields = Vec<(Field, Value)>;

/// Whether this is what a side shows of it: the CRM cuts long texts, and writes numbers in its own way.
fn is_of(whole: Option<&Value>, shown: Option<&Value>) -> bool {
    match (whole, shown) {
        (Some(Value::Text(whole)), Some(Value::Text(shown))) => whole.starts_with(shown),
        (Some(Value::Set(whole)), Some(Value::Set(shown))) => whole.keys().eq(shown.keys()),
        _ => whole == shown,
    }
}

fn of(fields: &Fields, field: Field) -> Option<&Value> {
    fields.iter().find(|(f, _)| *f == field).map(|(_, value)| value)
}

/// Whether all in which an item is not what it was is a user's doing after it was written, on either side: he has made or deleted
/// it, or given a field the value that it has.
fn is_edited(
    serial: u64,
    then: Option<&Fields>,
    now: Option<&Fields>,
    written: &Contents,
    meddled: &Contents,
) -> bool {
    let sides =
        [Side::Mail, Side::Crm].map(|side| (written.get(&(side, serial)), meddled.get(&(side, serial))));
    if sides.iter().any(|(written, meddled)| written.is_some() != meddled.is_some()) {
        return true;
    }
    let (Some(then), Some(now)) = (then, now) else { return false };
    then.iter().chain(now).map(|(field, _)| *field).all(|field| {
        let by_user = |(written, meddled): &(Option<&Fields>, Option<&Fields>)| {
            let (Some(written), Some(meddled)) = (written, meddled) else { return false };
            of(written, field) != of(meddled, field) && is_of(of(meddled, field), of(now, field))
        };
        of(then, field) == of(now, field) || sides.iter().any(by_user)
    })
}

#[test]
fn an_undo_survives_kills() {
    for kill in 0..80 {
        let mut world = calm();
        world.keep_images = true;
        in_step(&mut world, 6);
        world.policy.safety.contacts = SafetyLimit { items: 100, percent: 100 };
        let before_edits = contents(&world);
        assert_eq!(before_edits.len(), 12);
        let crm = world.crm.live();
        world.crm.user_delete(&crm[0].0);
        world.crm.user_delete(&crm[1].0);
        world.crm.user_edit(&crm[2].0, |item| item.set_text(Field::DisplayName, "X"));
        let (id, _) = world.mail.live().remove(4);
        let note = Value::body(riva_core::item::Body::plain("noted"));
        world.mail.user_edit(&id, |item| item.set(Field::Notes, note));
        let new = world.new_contact();
        world.mail.user_create(new);
        let before = contents(&world);
        world.pass(1);
        let since = world.now();
        world.settle(3);
        assert_ne!(contents(&world), before);
        let order = Order::Undo { span: UndoSpan::Since(since) };
        let order = world.store.order(MemberId(1), order, world.now());
        world.kill_after(Some(kill));
        world.cycle();
        world.kill_after(None);
        for _ in 0..3 {
            world.pass(1);
            world.cycle();
        }
        assert!(world.store.outcome(order).is_some(), "killed after {kill} steps");
        assert_eq!(contents(&world), before, "killed after {kill} steps: {:?}", world.log());
        assert_eq!(world.settle(4), Some(0));
        assert_eq!(contents(&world), before, "killed after {kill} steps");
    }
}
