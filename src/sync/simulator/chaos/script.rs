//! What happens in a world, step by step. A script is made from a seed, can be made smaller when it fails, and can be
//! kept.

use super::backups::{self, Mind, Tells};
use super::faults::Faults;
use super::rights::{self, Rights};
use crate::simulator::Random;
use riva_core::documents::{ConflictWinner, DeletePolicy, Direction, NoPermission};
use riva_core::rows::Side;

/// What kind of world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "switches that have nothing to do with one another")]
pub struct Knobs {
    /// Syncing users, each with a mailbox; all of them in one CRM.
    pub users: usize,
    /// Agents on one database.
    pub agents: usize,
    /// The CRM tells of deletions only by their absence.
    pub crm_without_tombstones: bool,
    /// The mailbox can carry our marker unseen.
    pub mail_can_tag: bool,
    /// The CRM keeps no marker: a create whose answer is lost cannot be looked for.
    pub crm_without_marker: bool,
    /// The CRM takes every marker once only (an external id).
    pub crm_unique_markers: bool,
    /// The CRM's versions are whole seconds, provisional for a while.
    pub whole_seconds: bool,
    /// The mailbox answers writes without version and content.
    pub bare_answers: bool,
    /// Seconds for which a probe of the mailbox that finds nothing is not believed.
    pub cool_down: u32,
    /// Agents' clocks differ by up to ten minutes.
    pub skewed_clocks: bool,
    /// While chaos reigns.
    pub faults: Faults,
    /// Agents are killed from time to time.
    pub kills: bool,
    /// Members are taken over by other agents in the middle of a cycle.
    pub zombies: bool,
    /// An administrator changes the policy, and switches users off and on.
    pub admin: bool,
    /// Of two changes, the policy believes the later one.
    pub newest_wins: bool,
    /// The mailbox says when an item was last changed.
    pub mail_tells_when: bool,
    /// Something may happen between a reading and its answer.
    pub slow_reads: bool,
    /// Users may not always write in the CRM.
    pub rights: bool,
    /// A backup of the CRM is put back.
    pub backups: bool,
    /// Users have tasks, too.
    pub tasks: bool,
    /// Which way changes go.
    pub direction: Direction,
}

impl Knobs {
    /// One user, one agent, systems that can do everything, and no fault.
    pub const CALM: Self = Self {
        users: 1,
        agents: 1,
        crm_without_tombstones: false,
        mail_can_tag: true,
        crm_without_marker: false,
        crm_unique_markers: false,
        whole_seconds: false,
        bare_answers: false,
        cool_down: 0,
        skewed_clocks: false,
        faults: Faults::NONE,
        kills: false,
        zombies: false,
        admin: false,
        newest_wins: false,
        mail_tells_when: true,
        slow_reads: false,
        rights: false,
        backups: false,
        tasks: false,
        direction: Direction::TwoWay,
    };

    /// Those of a seed.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x6b6e_6f62);
        let crm_without_marker = random.percent(15);
        let users = 1 + random.below(3);
        Self {
            users,
            agents: 1 + random.below(3),
            crm_without_tombstones: random.percent(33),
            mail_can_tag: random.percent(60),
            crm_without_marker,
            crm_unique_markers: !crm_without_marker && random.percent(50),
            whole_seconds: random.percent(25),
            bare_answers: random.percent(25),
            cool_down: if random.percent(50) { 30 } else { 0 },
            skewed_clocks: random.percent(30),
            faults: if random.percent(15) { Faults::NONE } else { Faults::STORM },
            kills: random.percent(80),
            zombies: random.percent(50),
            admin: random.percent(25),
            newest_wins: random.percent(33),
            mail_tells_when: random.percent(80),
            slow_reads: false,
            rights: random.percent(20),
            // In worlds of their own: see the tests.
            backups: false,
            tasks: false,
            direction: Direction::TwoWay,
        }
    }

    /// The same with one thing simpler, counted from 0; `None` when there is nothing more to simplify.
    pub(super) fn simpler(self, change: usize) -> Option<Self> {
        let simple = [
            Self { users: 1, ..self },
            Self { users: 2.min(self.users), ..self },
            Self { agents: 1, ..self },
            Self { kills: false, ..self },
            Self { zombies: false, ..self },
            Self { admin: false, ..self },
            Self { newest_wins: false, ..self },
            Self { mail_tells_when: true, ..self },
            Self { slow_reads: false, ..self },
            Self { rights: false, ..self },
            Self { backups: false, ..self },
            Self { tasks: false, ..self },
            Self { direction: Direction::TwoWay, ..self },
            Self { crm_without_tombstones: false, ..self },
            Self { mail_can_tag: true, ..self },
            Self { crm_without_marker: false, ..self },
            Self { crm_unique_markers: false, ..self },
            Self { whole_seconds: false, ..self },
            Self { bare_answers: false, ..self },
            Self { cool_down: 0, ..self },
            Self { skewed_clocks: false, ..self },
            Self { faults: Faults::NONE, ..self },
        ];
        match simple.get(change) {
            Some(knobs) => Some(*knobs),
            None => Some(Self { faults: self.faults.without(change - simple.len())?, ..self }),
        }
    }
}

/// What a user does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Makes a contact or an event on one side.
    Create,
    /// Has the same thing on both sides.
    CreateOnBoth,
    /// Puts a meeting or a person into another user's mailbox as well.
    Share,
    /// Makes a second item just like one that is there.
    Double,
    /// Writes something.
    Edit,
    /// Writes a long text.
    EditLong,
    /// Empties a field.
    Empty,
    /// Deletes an item.
    Delete,
    /// Takes it back.
    Undelete,
    /// Marks an item of the mailbox private.
    Private,
    /// Takes that back.
    Public,
    /// Moves an item: it has a new id.
    Move,
    /// The whole mailbox is moved: all ids change, and no cursor is known any more.
    MoveMailbox,
    /// A record is given to another user, or shared with one.
    Reassign,
    /// Makes an item that the other side never takes.
    Poison,
}

/// What an administrator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admin {
    /// Says who wins.
    Conflict(ConflictWinner),
    /// Says what becomes of deletions: in the mailbox, in the CRM.
    Deletions(DeletePolicy, DeletePolicy),
    /// Says what becomes of what users may not do in the CRM.
    NoPermission(NoPermission),
    /// Switches a user off or on.
    Toggle(usize),
}

/// A step. Numbers that choose something are taken modulo what there is to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A user works on one side.
    User {
        /// Who.
        who: usize,
        /// Where.
        side: Side,
        /// What.
        deed: Deed,
        /// With which item: its serial number, or the next one that there is.
        item: u64,
        /// In which of several ways.
        how: usize,
    },
    /// An agent claims a member and begins a cycle. If another has it, its lease has run out.
    Begin {
        /// Which agent.
        agent: usize,
        /// Which member.
        member: usize,
    },
    /// A running cycle goes on for so many awaits.
    Turns {
        /// Which.
        task: usize,
        /// How far.
        turns: u32,
    },
    /// All running cycles go on to their ends.
    Finish,
    /// An agent's process dies.
    Kill {
        /// Which.
        agent: usize,
    },
    /// A cycle whose lease has been lost hears of it.
    Hear,
    /// Time passes.
    Pass {
        /// So much of it.
        minutes: i64,
    },
    /// A system is down (503), or asks everybody to slow down (429).
    Weather {
        /// Which.
        side: Side,
        /// 429.
        slow_down: bool,
        /// For how long.
        minutes: i64,
    },
    /// An administrator works.
    Admin(Admin),
    /// A backup of the CRM is made.
    BackUp,
    /// It is put back.
    PutBack(Tells),
    /// An administrator is asked about it, or about deletions that are held.
    Answer(Mind),
    /// A user's rights in the CRM are changed.
    Rights {
        /// Whose.
        who: usize,
        /// To these.
        rights: Rights,
    },
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// What faults are drawn from.
    pub seed: u64,
    /// In which world.
    pub knobs: Knobs,
    /// What happens, until the faults end.
    pub steps: Vec<Step>,
}

impl Script {
    /// The script of a seed, in the seed's own world.
    pub fn of(seed: u64) -> Self {
        Self::with(seed, Knobs::of(seed))
    }

    /// The script of a seed in a given world.
    pub fn with(seed: u64, knobs: Knobs) -> Self {
        let mut writer = Writer { random: Random::new(seed), knobs, steps: Vec::new(), serials: 0 };
        writer.beginning();
        for _ in 0..6 + writer.random.below(6) {
            writer.round();
        }
        let mut script = Self { seed, knobs, steps: writer.steps };
        if knobs.rights {
            rights::come_and_go(&mut script);
        }
        if knobs.backups {
            backups::puts_back(&mut script);
        }
        script
    }
}

struct Writer {
    random: Random,
    knobs: Knobs,
    steps: Vec<Step>,
    /// Items made so far.
    serials: u64,
}

impl Writer {
    fn user(&mut self, deed: Deed) {
        let side = if self.random.percent(50) { Side::Mail } else { Side::Crm };
        let who = self.random.below(self.knobs.users);
        let item = if matches!(deed, Deed::Create | Deed::CreateOnBoth | Deed::Poison) {
            self.serials += 1;
            self.serials
        } else {
            1 + self.random.draw() % self.serials.max(1)
        };
        self.steps.push(Step::User { who, side, deed, item, how: self.random.below(6) });
    }

    /// What is there before the first sync.
    fn beginning(&mut self) {
        for _ in 0..4 * self.knobs.users {
            self.user(Deed::CreateOnBoth);
        }
        for _ in 0..4 * self.knobs.users {
            self.user(Deed::Create);
        }
        if self.random.percent(30) {
            self.user(Deed::Poison);
        }
        if self.random.percent(20) {
            self.user(Deed::Double);
        }
        if self.knobs.users > 1 {
            self.user(Deed::Share);
        }
    }

    fn works(&mut self) {
        let deed = match self.random.below(100) {
            0..25 => Deed::Create,
            25..60 => Deed::Edit,
            60..64 => Deed::EditLong,
            64..72 => Deed::Empty,
            72..84 => Deed::Delete,
            84..87 => Deed::Undelete,
            87..89 => Deed::Private,
            89 => Deed::Public,
            90..92 => Deed::Move,
            92 => Deed::MoveMailbox,
            93..95 => Deed::Share,
            95 => Deed::Double,
            96..98 => Deed::Reassign,
            98 => Deed::Poison,
            _ => Deed::CreateOnBoth,
        };
        self.user(deed);
    }

    fn begin(&mut self) {
        let (agent, member) = (self.random.below(self.knobs.agents), self.random.below(self.knobs.users));
        self.steps.push(Step::Begin { agent, member });
    }

    fn round(&mut self) {
        for _ in 0..self.random.below(4) {
            self.works();
        }
        if self.knobs.admin && self.random.percent(25) {
            self.admin();
        }
        if self.knobs.faults != Faults::NONE && self.random.percent(6) {
            let side = if self.random.percent(50) { Side::Mail } else { Side::Crm };
            let slow_down = self.random.percent(50);
            self.steps.push(Step::Weather { side, slow_down, minutes: 5 + 5 * i64::from(slow_down) });
        }
        for member in 0..self.knobs.users {
            if self.random.percent(70) {
                let agent = self.random.below(self.knobs.agents);
                self.steps.push(Step::Begin { agent, member });
            }
        }
        for _ in 0..2 + self.random.below(4) {
            let turns = 1 + u32::try_from(self.random.below(40)).unwrap_or(0);
            self.steps.push(Step::Turns { task: self.random.below(8), turns });
            match self.random.below(100) {
                0..35 => self.works(),
                35..43 if self.knobs.kills => {
                    let agent = self.random.below(self.knobs.agents);
                    self.steps.push(Step::Kill { agent });
                }
                43..55 if self.knobs.zombies => self.begin(),
                55..60 if self.knobs.zombies => self.steps.push(Step::Hear),
                60..65 => self.steps.push(Step::Pass { minutes: 1 }),
                _ => {}
            }
        }
        if self.random.percent(if self.knobs.zombies { 70 } else { 100 }) {
            self.steps.push(Step::Finish);
        }
        let minutes = if self.random.percent(3) { 180 } else { 15 };
        self.steps.push(Step::Pass { minutes });
    }

    fn admin(&mut self) {
        let mut policy = |of: &[DeletePolicy]| of[self.random.below(of.len())];
        let all = [DeletePolicy::Propagate, DeletePolicy::Detach, DeletePolicy::Restore];
        let (in_mail, in_crm) = (policy(&all), policy(&all));
        let admin = match self.random.below(3) {
            0 => Admin::Conflict(
                [ConflictWinner::Crm, ConflictWinner::Mail, ConflictWinner::Hold, ConflictWinner::Newest]
                    [self.random.below(4)],
            ),
            1 => Admin::Deletions(in_mail, in_crm),
            _ => Admin::Toggle(self.random.below(self.knobs.users)),
        };
        self.steps.push(Step::Admin(admin));
    }
}
