//! The reconciliation table as the engine's design writes it (section 1.4), read row by row. Written from the text of
//! the table and not from the planner, so that one can be held against the other.
//!
//! A row has a number, the state of the mailbox, the state of the CRM, what else must be true, and a cell for each
//! direction. States: `u` unchanged, `x` changed, `d` deleted with evidence, `s` left the scope, `n` new,
//! `0` never seen, `t` tombstone known. Several states in a column mean any of them. A cell of several words lets the
//! delete policy choose; `=` is as in two-way sync. The first row that fits decides.

use riva_core::documents::{ConflictWinner, DeletePolicy, Direction};

const TABLE: &str = "
 1  | u   | u   |          | keep                     | =                | =
 2  | x   | u   |          | merge                    | =                | ignore
 3  | u   | x   |          | merge                    | ignore           | =
 4  | x   | x   | equal    | adopt                    | =                | =
 5  | x   | x   | disjoint | merge                    | merge            | merge
 6  | x   | x   | clash    | conflict                 | mail             | crm
 7  | d   | u   |          | propagate detach restore | propagate detach | restore detach
 8  | u   | d   |          | propagate detach restore | restore detach   | propagate
 9  | d   | x   |          | restore                  | propagate        | restore
 10 | x   | d   | mastered | detach                   | restore          | propagate
 10 | x   | d   |          | hold                     | restore          | propagate
 11 | d   | d   |          | tombstone                | =                | =
 12 | s   | u x |          | detach                   | =                | =
 13 | u x | s   |          | detach                   | =                | =
 14 | s d | s d |          | tombstone                | =                | =
 15 | n   | 0   |          | create-crm               | =                | ignore
 16 | 0   | n   |          | create-mail              | ignore           | =
 17 | n   | n   |          | link                     | =                | =
 19 | n   | t   |          | ignore                   | =                | =
 19 | t   | n   |          | ignore                   | =                | =
";

/// What is known of one side of a pair: the table's columns M and C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Unchanged,
    Changed,
    Deleted,
    LeftScope,
    New,
    NeverSeen,
    Tombstone,
}

impl State {
    pub const ALL: [Self; 7] = [
        Self::Unchanged,
        Self::Changed,
        Self::Deleted,
        Self::LeftScope,
        Self::New,
        Self::NeverSeen,
        Self::Tombstone,
    ];

    fn letter(self) -> &'static str {
        match self {
            Self::Unchanged => "u",
            Self::Changed => "x",
            Self::Deleted => "d",
            Self::LeftScope => "s",
            Self::New => "n",
            Self::NeverSeen => "0",
            Self::Tombstone => "t",
        }
    }
}

/// How two changes stand to one another (rows 4, 5, 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    Equal,
    Disjoint,
    Clash,
}

impl Changes {
    pub const ALL: [Self; 3] = [Self::Equal, Self::Disjoint, Self::Clash];
}

/// The settings that the table's cells speak of.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub direction: Direction,
    pub conflict: ConflictWinner,
    /// The server stamps of both sides, the mailbox's first, for "newest (server stamps, tie → crm)".
    pub stamps: [Option<i64>; 2],
    pub deleted_in_mail: DeletePolicy,
    pub deleted_in_crm: DeletePolicy,
    /// Whether the CRM masters the type (contacts).
    pub crm_masters: bool,
}

/// What a cell asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// No write; versions are taken note of.
    Keep,
    /// The change stays where it is.
    Ignore,
    /// Field by field (section 1.5).
    Merge,
    /// No write; the base is what both show now.
    Adopt,
    /// Field by field; where both changed a field, this side's value.
    MergeFor(Winner),
    /// Deleted on the other side too.
    DeleteOther,
    /// Each side keeps its own.
    Detach,
    /// Made again where it was deleted.
    Restore,
    /// Waits for an administrator.
    Hold,
    /// Gone on both sides.
    Tombstone,
    /// Looked for on the other side by the matching rules, made there if it has no twin.
    MatchOrCreate,
    /// Linked with an empty base.
    Link,
}

/// Who wins a field that both sides changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Winner {
    Mail,
    Crm,
    Nobody,
}

/// The row's number and what its cell asks for; `None` where the table has no row for these states.
pub fn look_up(mail: State, crm: State, changes: Changes, settings: Settings) -> Option<(u8, Deed)> {
    let row = TABLE.lines().map(cells).filter(|row| row.len() == 7).find(|row| {
        row[1].split(' ').any(|s| s == mail.letter())
            && row[2].split(' ').any(|s| s == crm.letter())
            && match row[3] {
                "" => true,
                "equal" => changes == Changes::Equal,
                "disjoint" => changes == Changes::Disjoint,
                "clash" => changes == Changes::Clash,
                "mastered" => settings.crm_masters,
                other => panic!("no such condition: {other}"),
            }
    })?;
    let column = match settings.direction {
        Direction::TwoWay => 4,
        Direction::MailToCrm => 5,
        Direction::CrmToMail => 6,
    };
    let cell = if row[column] == "=" { row[4] } else { row[column] };
    let number = row[0].parse().expect("a row's number");
    let chosen = match number {
        7 | 9 => Some(settings.deleted_in_mail),
        8 | 10 => Some(settings.deleted_in_crm),
        _ => None,
    };
    Some((number, deed(cell, chosen, settings)))
}

fn cells(line: &str) -> Vec<&str> {
    line.split('|').map(str::trim).collect()
}

/// What a cell's words ask for under a policy.
///
/// The cells of rows 7 to 10 name what a direction allows; they leave open what follows where the policy chose
/// something else. That is decided here, by the policy's own words: nothing is deleted that the policy does not say to
/// delete, and `detach` keeps both sides as they are in every row ("edit beats delete unless detach mode"). Row 10 of
/// two-way sync weighs an edit against a deletion that the policy would propagate: where the policy restores what the
/// CRM deleted, there is nothing to weigh.
fn deed(cell: &str, chosen: Option<DeletePolicy>, settings: Settings) -> Deed {
    let words: Vec<&str> = cell.split(' ').collect();
    let word = match chosen {
        Some(DeletePolicy::Detach) => "detach",
        Some(DeletePolicy::Propagate) if words.contains(&"propagate") => "propagate",
        Some(DeletePolicy::Propagate) => words[0],
        Some(DeletePolicy::Restore) if words.contains(&"propagate") && !words.contains(&"restore") => {
            "detach"
        }
        Some(DeletePolicy::Restore) => "restore",
        None => cell,
    };
    match word {
        "keep" => Deed::Keep,
        "ignore" => Deed::Ignore,
        "merge" => Deed::Merge,
        "adopt" => Deed::Adopt,
        "mail" => Deed::MergeFor(Winner::Mail),
        "crm" => Deed::MergeFor(Winner::Crm),
        "conflict" => Deed::MergeFor(match settings.conflict {
            ConflictWinner::Mail => Winner::Mail,
            ConflictWinner::Crm => Winner::Crm,
            // "Tie → crm"; so does a side without a stamp.
            ConflictWinner::Newest => match settings.stamps {
                [Some(mail), Some(crm)] if mail > crm => Winner::Mail,
                _ => Winner::Crm,
            },
            ConflictWinner::Hold => Winner::Nobody,
        }),
        "propagate" => Deed::DeleteOther,
        "detach" => Deed::Detach,
        "restore" => Deed::Restore,
        "hold" => Deed::Hold,
        "tombstone" => Deed::Tombstone,
        "create-crm" | "create-mail" => Deed::MatchOrCreate,
        "link" => Deed::Link,
        other => panic!("no such deed: {other}"),
    }
}
