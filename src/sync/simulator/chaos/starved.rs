//! I13, liveness: nobody waits for what cannot be helped. Of three users one is ill: all calls for them fail from the
//! beginning, or their agent dies, or hangs, in the middle of a cycle. Some items of the others are poison: the other side never
//! takes them. All else must be, after each single cycle, where it is when nobody is ill and nothing is poison.

use super::super::Random;
use super::super::seeds::seeds;
use super::check::user_of;
use super::items::{Slot, serial_of};
use super::server::Stored;
use super::{CYCLES, Deed, Faults, Knobs, Step, World, check};
use riva_core::ids::RemoteId;
use riva_core::rows::{PairState, Side};
use std::collections::BTreeSet;

/// The user who is ill.
const ILL: usize = 2;
/// Rounds of deeds.
const ROUNDS: usize = 4;

/// What a user does with an item of theirs.
#[derive(Debug, Clone, Copy)]
enum What {
    Make,
    Write(usize),
    Delete,
}

/// A deed.
#[derive(Debug, Clone, Copy)]
struct Done {
    user: usize,
    side: Side,
    what: What,
    serial: u64,
}

/// What happens to all users, whether somebody is ill or not.
struct Plan {
    seed: u64,
    knobs: Knobs,
    rounds: Vec<Vec<Done>>,
    /// Items that the other side never takes, and where.
    poison: Vec<(Side, u64)>,
    /// How far the ill user's last cycle goes; `None`: it never begins.
    turns: Option<u32>,
    /// Its agent dies then; else it hangs.
    dies: bool,
}

impl Plan {
    fn of(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x7374_6172);
        let knobs = Knobs {
            users: ILL + 1,
            agents: 2,
            skewed_clocks: false,
            faults: Faults::NONE,
            kills: false,
            zombies: false,
            admin: false,
            rights: false,
            ..Knobs::of(seed)
        };
        let mut made: Vec<Done> = Vec::new();
        let (mut rounds, mut poison) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let mut deeds = Vec::new();
            for user in 0..=ILL {
                for _ in 0..if round == 0 { 7 } else { 1 + random.below(3) } {
                    let side = if random.percent(50) { Side::Mail } else { Side::Crm };
                    let serial = made.len() as u64 + 1;
                    let done = Done { user, side, what: What::Make, serial };
                    // One each in the beginning, and later ones too.
                    let first = round == 0 && poison.len() == user;
                    if user != ILL && (first || random.percent(15)) {
                        poison.push((side.other(), serial));
                    }
                    made.push(done);
                    deeds.push(done);
                }
            }
            for _ in 0..if round == 0 { 0 } else { 8 } {
                let old = made[random.below(made.len())];
                let is_poison = poison.iter().any(|(_, serial)| *serial == old.serial);
                let side = if random.percent(50) { old.side } else { old.side.other() };
                // What is poison stands on its own side alone; what is the ill user's may do so, too.
                let alone = is_poison || old.user == ILL;
                let side = if alone { old.side } else { side };
                let what =
                    if !alone && random.percent(20) { What::Delete } else { What::Write(random.below(2)) };
                deeds.push(Done { side, what, ..old });
            }
            rounds.push(deeds);
        }
        let turns = random.percent(67).then(|| 1 + u32::try_from(random.below(60)).unwrap_or(0));
        Self { seed, knobs, rounds, poison, turns, dies: random.percent(50) }
    }

    /// What is not looked at.
    fn is_aside(&self, user: usize, serial: Option<u64>) -> bool {
        user == ILL || self.poison.iter().any(|(_, poison)| Some(*poison) == serial)
    }

    /// Plays it. Answers where everything else stands after each cycle of the others.
    fn play(&self, ill: bool) -> Result<Vec<BTreeSet<String>>, String> {
        let mut world = World::new(self.seed, self.knobs);
        if ill {
            let mut arena = world.remote.lock();
            for (side, serial) in &self.poison {
                arena.server(*side).poison.insert(*serial);
            }
        }
        let mut stands = Vec::new();
        let mut hangs = false;
        for (round, deeds) in self.rounds.iter().enumerate() {
            for done in deeds {
                act(&mut world, *done);
            }
            if ill && round == usize::from(self.turns.is_some()) {
                hangs = self.falls_ill(&mut world);
            }
            for cycle in 0..CYCLES {
                world.pass(16);
                for member in (0..=ILL).map(|n| (n + cycle) % (ILL + 1)) {
                    if member == ILL && hangs {
                        continue;
                    }
                    let outcome = world.cycle(member);
                    let fails = world.remote.lock().failing.contains(&member);
                    if outcome.fault.is_some() != fails {
                        return Err(format!("I13 liveness: user {member} ends with {:?}", outcome.fault));
                    }
                    if member != ILL {
                        stands.push(self.stands(&world));
                    }
                }
            }
        }
        if !ill {
            check(&mut world)?;
        }
        let pairs = world.store.all_pairs();
        let put_aside =
            pairs.iter().filter(|p| p.state == PairState::Quarantined && user_of(p) != ILL).count();
        if (put_aside > 0) != ill {
            return Err(format!("I13 liveness: {put_aside} items are put aside"));
        }
        Ok(stands)
    }

    /// Everything fails for the ill user from now on. Whether their agent hangs in a cycle.
    fn falls_ill(&self, world: &mut World) -> bool {
        if let Some(turns) = self.turns {
            world.step(Step::Begin { agent: 1, member: ILL });
            world.step(Step::Turns { task: 0, turns });
            if self.dies {
                world.step(Step::Kill { agent: 1 });
            }
        }
        world.remote.lock().failing.insert(ILL);
        self.turns.is_some() && !self.dies
    }

    /// What both sides hold of what is looked at, and what becomes of its pairs.
    fn stands(&self, world: &World) -> BTreeSet<String> {
        let arena = world.remote.lock();
        let mut stands = BTreeSet::new();
        let said = |s: &Stored| format!("{:?} {:?}", s.deleted.is_some(), s.item.fields);
        for side in [Side::Mail, Side::Crm] {
            for s in arena.its(side).items.values() {
                let user = s.users.trailing_zeros() as usize;
                if !self.is_aside(user, serial_of(&s.item)) {
                    stands.insert(format!("{side:?} of {user}: {}", said(s)));
                }
            }
        }
        for pair in world.store.all_pairs() {
            let at = |side: Side| arena.its(side).items.get(&pair.side(side)?.id);
            let serial = at(Side::Mail).or_else(|| at(Side::Crm)).and_then(|s| serial_of(&s.item));
            if !self.is_aside(user_of(&pair), serial) {
                let sides = [Side::Mail, Side::Crm].map(|side| at(side).map(said));
                stands.insert(format!("{:?} {:?} {:?} {sides:?}", user_of(&pair), pair.state, pair.reason));
            }
        }
        stands
    }
}

fn act(world: &mut World, done: Done) {
    let Done { user, side, what, serial } = done;
    if matches!(what, What::Make) {
        let how = usize::try_from(serial).unwrap_or(0);
        world.step(Step::User { who: user, side, deed: Deed::Create, item: serial, how });
        return;
    }
    let mut arena = world.remote.lock();
    let item = arena.copies(side, user, serial).find(|(_, s)| s.live());
    let Some((id, module)) = item.map(|(id, s)| (RemoteId::clone(id), s.item.module)) else { return };
    match what {
        What::Write(slot) => arena.user_edit(side, &id, Slot::of(module)[slot], false, false).is_some(),
        What::Delete => arena.user_delete(side, &id, world.store.linked(side, &id)),
        What::Make => false,
    };
}

#[test]
fn nobody_waits_for_who_is_ill_or_for_what_is_poison() {
    let mut cycles = 0;
    for seed in seeds(100) {
        let plan = Plan::of(seed);
        let (well, ill) = match (plan.play(false), plan.play(true)) {
            (Ok(well), Ok(ill)) => (well, ill),
            (Err(why), _) | (_, Err(why)) => panic!("seed {seed}: {why}"),
        };
        assert_eq!(well.len(), ill.len(), "seed {seed}");
        for (n, (well, ill)) in well.iter().zip(&ill).enumerate() {
            let (without, with) = (well.difference(ill), ill.difference(well));
            assert!(
                well == ill,
                "seed {seed}: I13 liveness: after {n} cycles\n  with all well: {:#?}\n  else {:#?}",
                without.collect::<Vec<_>>(),
                with.collect::<Vec<_>>()
            );
        }
        cycles += ill.len();
    }
    println!("starved: {cycles} cycles of others, each as if nobody was ill");
}
