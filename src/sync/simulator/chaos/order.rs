//! I10, order: the same deeds of the same users end the same way, in whatever order a page of changes tells of them, and
//! members have their cycles.
//!
//! A script of this world is a row of rounds: users work, then each member has a cycle. It is played as it is written, and
//! once more in each of a few other orders: pages are cut elsewhere, their entries are shuffled, and the cycles of a round
//! come one after the other in another order, or all at once, await by await in turn. What stands in the end is compared by
//! what it says: ids follow from who came first, and are nobody's concern. What users share is left out: see
//! [`is_shared`].

use super::super::Random;
use super::super::seeds::seeds;
use super::many::many;
use super::{CYCLES, Deed, Faults, Knobs, Script, Step, World, check};
use riva_core::ids::RemoteId;
use riva_core::item::{Item, Module};
use riva_core::rows::{PairState, Side};
use std::collections::BTreeMap;
use std::fmt::{self, Debug};

/// Orders in which a script is played beside its own.
const ORDERS: u64 = 4;

/// What can stand several times: how often it does.
type Counted<T> = BTreeMap<T, usize>;

/// What stands in the end.
#[derive(Default, PartialEq, Eq)]
struct End {
    /// Items: where, whose (as bits), what they say.
    items: Counted<(Side, u32, String)>,
    /// Pairs: of which member, what becomes of them and why, and what both sides say.
    pairs: Counted<(i64, String, String, [String; 2])>,
    /// Open holds: of which member and module, and what they say.
    holds: Counted<(i64, Module, String)>,
}

impl End {
    fn of(world: &World) -> Self {
        let mut end = Self::default();
        let arena = world.remote.lock();
        for side in [Side::Mail, Side::Crm] {
            for stored in arena.its(side).items.values().filter(|s| s.live()) {
                *end.items.entry((side, stored.users, said(&stored.item))).or_default() += 1;
            }
        }
        let at = |side: Side, id: Option<&RemoteId>| match id.map(|id| arena.its(side).items.get(id)) {
            None => "-".to_owned(),
            Some(stored) => stored.filter(|s| s.live()).map_or("gone".into(), |s| said(&s.item)),
        };
        for pair in world.store.all_pairs().into_iter().filter(|p| p.state != PairState::Tombstoned) {
            let sides = [Side::Mail, Side::Crm].map(|side| at(side, pair.side(side).map(|s| &s.id)));
            let key = (pair.member.0, format!("{:?}", pair.state), pair.reason.unwrap_or_default(), sides);
            *end.pairs.entry(key).or_default() += 1;
        }
        for hold in world.store.all_holds().into_iter().filter(|h| h.closed.is_none()) {
            let key = (
                hold.member.0,
                hold.module,
                format!("{:?}, {} items: {}", hold.kind, hold.items.len(), hold.reason),
            );
            *end.holds.entry(key).or_default() += 1;
        }
        end
    }

    /// What is here and not there.
    fn without<'e>(&'e self, other: &'e Self) -> Missing<'e> {
        Missing { here: self, there: other }
    }
}

/// What an item says: its fields, and not its id.
fn said(item: &Item) -> String {
    format!("{:?} {:?}", item.module, item.fields)
}

/// What is in one end, and not in another.
struct Missing<'e> {
    here: &'e End,
    there: &'e End,
}

impl fmt::Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        more(f, "item", &self.here.items, &self.there.items)?;
        more(f, "pair", &self.here.pairs, &self.there.pairs)?;
        more(f, "hold", &self.here.holds, &self.there.holds)
    }
}

fn more<T: Ord + Debug>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    here: &Counted<T>,
    there: &Counted<T>,
) -> fmt::Result {
    for (key, n) in here.iter().filter(|(key, n)| there.get(key) != Some(n)) {
        write!(f, "\n    {n} × {what} {key:?}")?;
    }
    Ok(())
}

/// What several users have is whose agent comes first: of one person, and of one meeting, there is one record. That is decided by
/// order, and by nothing else.
fn is_shared(deed: Deed) -> bool {
    matches!(deed, Deed::Share | Deed::Reassign)
}

/// The script of a seed: the deeds of its users, round by round, and a cycle of each member after each round. Nothing fails,
/// and nobody works while a cycle runs: what a cycle sees does not depend on when it comes.
fn script(seed: u64) -> Script {
    let of_seed = Knobs::of(seed);
    let users = 2 + usize::from(of_seed.users > 2);
    let knobs = Knobs {
        users,
        agents: users,
        skewed_clocks: false,
        faults: Faults::NONE,
        kills: false,
        zombies: false,
        rights: false,
        ..of_seed
    };
    let mut script = Script::with(seed, knobs);
    script.steps.retain(|step| !matches!(step, Step::Turns { .. } | Step::Begin { .. }));
    script.steps.retain(|step| !matches!(step, Step::User { deed, .. } if is_shared(*deed)));
    let cycles = (0..users).map(|member| Step::Begin { agent: member, member });
    let with_cycles = script.steps.into_iter().flat_map(|step| {
        let begin: Vec<Step> = if step == Step::Finish { cycles.clone().collect() } else { Vec::new() };
        begin.into_iter().chain([step])
    });
    script.steps = with_cycles.collect();
    script
}

/// The same in another order.
fn in_order(script: &Script, order: u64) -> Script {
    let mut random = Random::new(script.seed ^ (order << 48));
    let at_once = order.is_multiple_of(2);
    let faults = Faults { shuffled: if order == 0 { 0 } else { 100 }, ..Faults::NONE };
    // Where pages end is drawn from the world's seed.
    let mut other =
        Script { seed: random.draw(), knobs: Knobs { faults, ..script.knobs }, steps: Vec::new() };
    let mut begun = Vec::new();
    for step in &script.steps {
        match step {
            Step::Begin { .. } => begun.push(*step),
            Step::Finish => {
                while !begun.is_empty() {
                    let next = if order == 0 { 0 } else { random.below(begun.len()) };
                    other.steps.push(begun.remove(next));
                    if !at_once || order == 0 {
                        other.steps.push(Step::Finish);
                    }
                }
                other.steps.push(Step::Finish);
            }
            _ => other.steps.push(*step),
        }
    }
    other
}

/// Plays a script to its end.
fn end(script: &Script) -> Result<End, String> {
    let mut world = World::play(script);
    check(&mut world)?;
    if world.settle(CYCLES) != Some(0) {
        return Err("I8 quiescence: it goes on".into());
    }
    Ok(End::of(&world))
}

fn fails(script: &Script) -> Option<String> {
    let ends: Result<Vec<End>, String> = (0..=ORDERS).map(|order| end(&in_order(script, order))).collect();
    let ends = match ends {
        Ok(ends) => ends,
        Err(why) => return Some(why),
    };
    let (first, others) = ends.split_first()?;
    let (order, other) = (1..).zip(others).find(|(_, other)| *other != first)?;
    Some(format!(
        "I10 order: it ends otherwise in order {order}.\n  In order:{}\n  In order {order}:{}",
        first.without(other),
        other.without(first)
    ))
}

#[test]
fn whoever_comes_first_it_ends_the_same() {
    many("order", seeds(300), script, fails);
}
