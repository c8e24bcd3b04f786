//! I16, restart equivalence: whenever the process dies in a cycle, and dies again in the next one, it ends as if it had not.
//!
//! Each story is played once in peace. Then the process is killed at every moment of its cycle, each in a world of its own:
//! before and after everything that is stored, before each reading, before each write and before its answer is there. For each
//! of these that leaves something else behind than the one before, the cycle that recovers is killed at every moment of its
//! own, too. What stands in the end must be what stood in peace, and each write must have been made as often.

use super::axes::{Cell, Crash, Kind, Op, System, Trouble};
use super::killer::Moment;
use super::systems::{value, written};
use super::world::{World, new_item};
use riva_core::documents::ConflictWinner;
use riva_core::ids::RemoteId;
use riva_core::item::{Item, Module};
use riva_core::rows::{JournalRow, PairRow, PairState, Side};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What the cycle finds that is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// Nothing was synced yet, and there are items on either side, and one on both.
    FirstSync,
    /// An item was made, changed or deleted: the cell says what, and where it must be written.
    Cell,
    /// The same was made on both sides.
    Twins,
    /// An item was given another id.
    Move,
    /// The same field was changed on both sides, and somebody has to decide.
    Conflict,
}

/// What happens, and between which systems.
#[derive(Debug, Clone, Copy)]
struct Story {
    deed: Deed,
    cell: Cell,
}

impl Story {
    fn all() -> Vec<Self> {
        let systems = System::MAIL.into_iter().flat_map(|mail| System::CRM.map(|crm| (mail, crm)));
        let kinds = systems.flat_map(|(mail, crm)| Kind::ALL.map(|kind| (mail, crm, kind)));
        let mut all = Vec::new();
        for (mail, crm, kind) in kinds {
            let cell = |side, op| Cell { mail, crm, kind, side, op, trouble: Trouble::No, crash: Crash::No };
            let mut tell = |deed, side, op| all.push(Self { deed, cell: cell(side, op) });
            for side in [Side::Crm, Side::Mail] {
                for op in [Op::Create, Op::Update, Op::Delete] {
                    tell(Deed::Cell, side, op);
                }
            }
            if matches!(kind, Kind::Contact | Kind::Event | Kind::Task) {
                tell(Deed::FirstSync, Side::Crm, Op::Create);
                tell(Deed::Twins, Side::Crm, Op::Create);
                tell(Deed::Move, Side::Crm, Op::Update);
                tell(Deed::Conflict, Side::Crm, Op::Update);
            }
        }
        // A create that is interrupted where nothing can be looked for ends with a question, if it does not end well: no client
        // can know. The matrix has what becomes of it.
        let asks = |s: &Self| {
            let makes = s.cell.op == Op::Create && s.cell.side == Side::Crm && s.deed != Deed::Twins;
            // What carries neither marker nor UID is made anew under its new id.
            let moved = s.deed == Deed::Move && !s.cell.mail.can_tag() && s.cell.kind == Kind::Contact;
            (makes || moved) && !s.cell.crm.keeps_markers() && s.cell.kind != Kind::Message
        };
        all.retain(|story| story.cell.not_there().is_none() && !asks(story));
        all
    }

    /// The world just before the cycle.
    fn world(self) -> Result<World, String> {
        let cell = self.cell;
        let mut world = if self.deed == Deed::FirstSync { World::empty(cell) } else { World::new(cell)? };
        if self.deed == Deed::Conflict {
            asks_who_wins(&mut world);
        }
        let world = world;
        world.pass(21);
        let sides = || [Side::Mail, Side::Crm].map(|side| world.side(side).server());
        match self.deed {
            Deed::FirstSync => {
                let [mut mail, mut crm] = sides();
                mail.user_create(new_item(cell.kind, 1, false));
                mail.user_create(new_item(cell.kind, 2, false));
                crm.user_create(new_item(cell.kind, 2, false));
                crm.user_create(new_item(cell.kind, 3, false));
            }
            Deed::Cell => world.act(),
            Deed::Twins => sides().iter_mut().for_each(|server| drop(server.user_create(world.subject()))),
            Deed::Move => {
                for (id, _) in world.subjects(Side::Mail) {
                    world.mail.server().user_move(&id);
                }
            }
            Deed::Conflict => {
                for (side, n) in [(Side::Mail, 1), (Side::Crm, 2)] {
                    for (id, _) in world.subjects(side) {
                        let field = written(cell.kind);
                        world.side(side).server().user_edit(&id, |item| item.set(field, value(field, n)));
                    }
                }
            }
        }
        Ok(world)
    }
}

fn asks_who_wins(world: &mut World) {
    let modules = &mut world.policy.modules;
    let winners = [
        modules.contacts.as_mut().map(|m| &mut m.conflict),
        modules.calendar.as_mut().map(|m| &mut m.conflict),
        modules.tasks.as_mut().map(|m| &mut m.conflict),
    ];
    winners.into_iter().flatten().for_each(|winner| *winner = ConflictWinner::Hold);
}

/// What can stand several times: how often it does.
type Counted = BTreeMap<String, usize>;

fn counted(all: impl Iterator<Item = String>) -> Counted {
    let mut counted = Counted::new();
    all.for_each(|one| *counted.entry(one).or_default() += 1);
    counted
}

/// What stands in the end.
#[derive(Debug, PartialEq, Eq)]
struct End {
    /// What lies on both sides, in their bins too: whether it carries another pair's marker, and what it says.
    items: Counted,
    /// What becomes of each pair and why, and what its sides say.
    pairs: Counted,
    /// Open holds.
    holds: Counted,
    /// Items written, on both sides.
    writes: [u64; 2],
}

impl End {
    fn of(world: &World) -> Self {
        let pairs = world.store.all_pairs();
        let living = || pairs.iter().filter(|p| p.state != PairState::Tombstoned);
        let items = [Side::Mail, Side::Crm].into_iter().flat_map(|side| {
            let server = world.side(side).server();
            let pair = |id: &RemoteId| living().find(|p| p.side(side).is_some_and(|at| at.id == *id));
            let told = server.items.iter().map(|(id, stored)| {
                // Who dies before it marks an origin leaves it unmarked; nothing carries the marker of another pair.
                let marker = stored.marker.filter(|_| !stored.deleted);
                let strange = marker.is_some_and(|marker| pair(id).map(PairRow::marker) != Some(marker));
                let state = format!("deleted {}, strange marker {strange}", stored.deleted);
                format!("{side:?} {state}: {}", said(&stored.item))
            });
            told.collect::<Vec<String>>()
        });
        let at = |p: &PairRow, side: Side| {
            let Some(id) = p.side(side).map(|at| &at.id) else { return "-".to_owned() };
            let server = world.side(side).server();
            // An occurrence has the id of its series, and its own start.
            server.items.get(id).map_or_else(|| id.to_string(), |stored| said(&stored.item))
        };
        let told = |p: &PairRow| {
            let sides = [Side::Mail, Side::Crm].map(|side| at(p, side));
            format!("{:?} {:?} {sides:?}", p.state, p.reason)
        };
        let holds = world.store.all_holds().into_iter().filter(|hold| hold.closed.is_none());
        Self {
            items: counted(items),
            pairs: counted(living().map(told)),
            holds: counted(holds.map(|hold| format!("{:?} {:?} {}", hold.kind, hold.module, hold.reason))),
            writes: [Side::Mail, Side::Crm].map(|side| world.side(side).server().writes),
        }
    }

    fn differs(&self, peace: &Self) -> Option<String> {
        if self == peace {
            return None;
        }
        Some(format!("in peace {}\n    killed {}", peace.but(self), self.but(peace)))
    }

    /// What is here, and not there.
    fn but(&self, other: &Self) -> String {
        let more = |here: &Counted, there: &Counted| {
            let other = here.iter().filter(|(what, n)| there.get(*what) != Some(n));
            other.map(|(what, n)| format!("\n      {n} × {what}")).collect::<Vec<_>>().concat()
        };
        let (items, pairs) = (more(&self.items, &other.items), more(&self.pairs, &other.pairs));
        format!("{:?} writes{items}{pairs}{}", self.writes, more(&self.holds, &other.holds))
    }
}

/// What an item says, whatever it is called.
fn said(item: &Item) -> String {
    format!("{:?}", item.fields)
}

/// A message that was logged, and not recorded, is found by its Message-ID.
fn is_of_recovery(line: &JournalRow) -> bool {
    line.rule == "recovery" || line.module == Module::Email && line.rule == "match by Message-ID"
}

/// What the journal says but for recovery: of each kind of line, how many.
fn journal(world: &World) -> (Counted, usize) {
    let (recovery, others): (Vec<_>, Vec<_>) =
        world.store.all_journal().into_iter().partition(is_of_recovery);
    let told = others.iter().map(|line| format!("{} ({}): {}", line.deed, line.rule, line.text));
    (counted(told), recovery.len())
}

/// What is written once is told of once: by who did it, or by who found out later that it was done.
fn told_once(world: &World, peace: &Counted) -> Result<(), String> {
    let (told, recovered) = journal(world);
    let more: Vec<_> =
        told.iter().filter(|(line, n)| peace.get(*line).is_none_or(|most| *n > most)).collect();
    if !more.is_empty() {
        return Err(format!("the journal says more than in peace: {more:?}\n    in peace {peace:?}"));
    }
    let (all, in_peace) = (told.values().sum::<usize>(), peace.values().sum::<usize>());
    if all + recovered < in_peace {
        return Err(format!(
            "the journal says less: {told:?}, and {recovered} of recovery; in peace {peace:?}"
        ));
    }
    Ok(())
}

/// How many times the process was killed.
#[derive(Debug, Default)]
struct Kills {
    once: usize,
    twice: usize,
}

/// Plays a story in peace and with every kill.
fn play(story: Story) -> Result<Kills, String> {
    let world = story.world()?;
    let moments = world.dies(None);
    world.goes_on()?;
    let (peace, lines) = (End::of(&world), journal(&world).0);
    let judged = |world: &World, when: &dyn Debug| {
        let end = world.goes_on().and_then(|()| match End::of(world).differs(&peace) {
            Some(how) => Err(format!("it ends otherwise: {how}")),
            None => told_once(world, &lines),
        });
        end.map_err(|why| format!("killed at {when:?}: {why}\n    {}", world.log().join("\n    ")))
    };
    let mut kills = Kills::default();
    for (k, moment) in moments.iter().enumerate() {
        let world = story.world()?;
        world.dies(Some(k));
        world.pass(1);
        let recovering = world.dies(None);
        kills.once += 1;
        judged(&world, &(k, moment))?;
        // Where nothing was stored or written since the moment before, the next cycle finds what it found there.
        if k > 0 && !matches!(moment, Moment::Stored | Moment::Answer(..)) {
            continue;
        }
        for (j, second) in recovering.iter().enumerate() {
            let world = story.world()?;
            world.dies(Some(k));
            world.pass(1);
            world.dies(Some(j));
            kills.twice += 1;
            judged(&world, &((k, moment), (j, second)))?;
        }
    }
    Ok(kills)
}

/// What is told in peace happens: the stories write what they are about.
#[test]
fn the_stories_write_what_they_are_about() {
    for story in Story::all() {
        let world = story.world().expect("the beginning");
        let past = world.dies(None);
        let of_series = story.cell.kind == Kind::Occurrence && story.cell.side == Side::Mail;
        let op = if of_series { Op::Update } else { story.cell.op };
        let call = Moment::Call(story.cell.side, op);
        let wanted = matches!(story.deed, Deed::Cell | Deed::FirstSync);
        assert_eq!(wanted, past.contains(&call), "{story:?}: {past:?}");
    }
}

#[test]
fn whenever_it_is_killed_it_ends_as_if_it_had_not_been() {
    let stories = Story::all();
    let (next, told) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(story) = stories.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let kills = play(*story);
                    told.lock().unwrap_or_else(PoisonError::into_inner).push((story, kills));
                }
            });
        }
    });
    let told = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    let kills =
        |of: fn(&Kills) -> usize| told.iter().filter_map(|(_, k)| Some(of(k.as_ref().ok()?))).sum::<usize>();
    println!(
        "{} stories, killed {} times, and {} times twice",
        told.len(),
        kills(|k| k.once),
        kills(|k| k.twice)
    );
    let failed: Vec<_> = told.iter().filter_map(|(story, k)| Some((story, k.as_ref().err()?))).collect();
    for (story, why) in &failed {
        println!("{story:?}\n    {why}");
    }
    assert!(failed.is_empty(), "{} stories fail", failed.len());
}
