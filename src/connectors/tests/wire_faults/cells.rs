//! One cell: an operation with a fault on its way, what came of it, and the rules that hold for every cell.

use super::houses::{House, Side};
use super::proxy::{Delivered, Fault, Hits, Reply, Seen};
use riva_core::fault::{CallError, FaultKind, ItemError};
use riva_core::ids::{Cursor, Marker, PairId, RemoteId};
use riva_core::item::Item;
use riva_core::ports::{Change, Draft, Fetched, Patch, RemoteRef, Removal};
use std::collections::BTreeSet;
use std::time::Duration;

/// What is asked of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Delete,
    Tag,
    List,
    Fetch,
    Probe,
    Feed,
}

impl Operation {
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Tag,
        Self::List,
        Self::Fetch,
        Self::Probe,
        Self::Feed,
    ];

    /// Of a write, which requests something happens to if nobody says another thing: those that write.
    pub fn usual(self) -> Hits {
        if self.writes() { Hits::Writes } else { Hits::All }
    }

    pub fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete | Self::Tag)
    }
}

/// A word for the class of an answer, as the tables have it.
pub type Class = &'static str;

pub fn of_call(error: &CallError) -> Class {
    match error {
        CallError::InDoubt(_) => "doubt",
        CallError::CursorLost(_) => "cursor",
        CallError::Fault(fault) => match fault.kind {
            FaultKind::SystemNotAvailable => "down",
            FaultKind::GivenCredentials => "login",
            FaultKind::Throttled => "wait",
            FaultKind::NoAccessToUser | FaultKind::MissingPermission => "access",
            FaultKind::UserNotFound => "nobody",
            FaultKind::MailboxNeverOpened => "unopened",
            FaultKind::UnexpectedAnswer => "odd",
        },
    }
}

pub fn of_item(error: &ItemError) -> Class {
    match error {
        ItemError::InDoubt(_) => "doubt",
        ItemError::Gone => "gone",
        ItemError::VersionMoved => "moved",
        ItemError::Exists => "exists",
        ItemError::Invalid { .. } => "invalid",
        ItemError::Forbidden { .. } => "forbidden",
        ItemError::WouldNotify { .. } => "notify",
        ItemError::NotNow(_) => "later",
    }
}

fn of_write<T>(answer: Result<Vec<Result<T, ItemError>>, CallError>) -> Class {
    match answer {
        Err(error) => of_call(&error),
        Ok(answers) => match answers.as_slice() {
            [Ok(_)] => "done",
            [Err(error)] => of_item(error),
            _ => "not one answer",
        },
    }
}

/// A house with a connector that nothing happens to: for what stands there before, and what is found afterwards.
pub struct Bench {
    pub house: House,
    pub clean: Side,
    /// The connector under test, through the proxy.
    pub tried: Side,
    /// Where the change feed stood at the beginning.
    from: Cursor,
    made: usize,
}

/// An item that was made for a cell.
pub struct Made {
    pub at: RemoteRef,
    pub marker: Marker,
    pub item: Item,
}

/// What came of an operation.
pub struct Outcome {
    pub class: Class,
    pub seen: Seen,
    /// The rules that it breaks.
    pub broken: Vec<String>,
}

pub fn marker() -> Marker {
    Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 }
}

async fn feed(
    house: &House,
    side: &Side,
    from: Option<&Cursor>,
) -> Result<(BTreeSet<RemoteId>, Cursor), CallError> {
    let (mut ids, mut cursor) = (BTreeSet::new(), from.cloned());
    let of = |change: &Change| match change {
        Change::Seen { id, .. } | Change::Deleted { id } => id.clone(),
    };
    loop {
        let more;
        if let Some(crm) = &side.crm {
            let page = crm.feed(house.module(), cursor.as_ref()).await?;
            ids.extend(page.changes.iter().map(|c| of(&c.change)));
            (cursor, more) = (Some(page.cursor), page.more);
        } else {
            let page = side.side.changes(house.module(), cursor.as_ref()).await?;
            ids.extend(page.changes.iter().map(of));
            (cursor, more) = (Some(page.cursor), page.more);
        }
        if let (false, Some(cursor)) = (more, cursor.clone()) {
            return Ok((ids, cursor));
        }
    }
}

async fn list(house: &House, side: &Side) -> Result<BTreeSet<RemoteId>, CallError> {
    let (mut ids, mut after) = (BTreeSet::new(), None);
    loop {
        let page = side.side.list(house.module(), None, after.as_ref()).await?;
        ids.extend(page.items.into_iter().map(|i| i.id));
        after = page.next;
        if after.is_none() {
            return Ok(ids);
        }
    }
}

impl Bench {
    pub async fn of(house: House) -> Self {
        let clean = house.direct().await;
        let tried = house.through_proxy().await;
        let (_, from) = feed(&house, &clean, None).await.unwrap();
        Self { house, clean, tried, from, made: 0 }
    }

    /// A word that no other item has.
    pub fn word(&mut self) -> String {
        self.made += 1;
        format!("Word{:05}end", self.made)
    }

    /// An item that stands on the server, with a word.
    pub async fn make(&mut self, word: &str) -> Made {
        let draft = Draft { marker: marker(), item: self.house.item(word) };
        let written = self
            .clean
            .side
            .create(self.house.module(), std::slice::from_ref(&draft))
            .await
            .unwrap()
            .remove(0)
            .unwrap();
        let shown = self
            .clean
            .side
            .fetch(self.house.module(), std::slice::from_ref(&written.at.id))
            .await
            .unwrap()
            .remove(0);
        let Fetched::Present { version, item, .. } = shown else { panic!("{shown:?}") };
        Made { at: RemoteRef { id: written.at.id, version }, marker: draft.marker, item: *item }
    }

    /// How many items hold all these words.
    pub fn standing(&self, words: &[&str]) -> usize {
        self.house.standing().iter().filter(|text| words.iter().all(|word| text.contains(word))).count()
    }

    /// Asks the connector under test, and says what came of it.
    async fn carry_out(
        &self,
        operation: Operation,
        made: Option<&Made>,
        ours: Marker,
        new: &str,
        broken: &mut Vec<String>,
    ) -> Class {
        let (module, side) = (self.house.module(), &self.tried);
        let at = || made.map(|made| made.at.clone()).expect("it was made");
        let mut rule = |kept: bool, what: &str| broken.extend((!kept).then(|| what.to_owned()));
        match operation {
            Operation::Create => {
                let draft = Draft { marker: ours, item: self.house.item(new) };
                of_write(side.side.create(module, &[draft]).await)
            }
            Operation::Update => {
                let made = made.expect("it was made");
                let patch = Patch {
                    id: at().id,
                    version: at().version,
                    marker: made.marker,
                    set: [self.house.change(new)].into(),
                    base: made.item.clone(),
                };
                of_write(side.side.update(module, &[patch]).await)
            }
            Operation::Delete => {
                of_write(side.side.delete(module, &[Removal { id: at().id, version: at().version }]).await)
            }
            Operation::Tag => of_write(side.side.tag(module, &[(at(), ours)]).await),
            Operation::List => match list(&self.house, side).await {
                Ok(ids) => {
                    rule(
                        ids == list(&self.house, &self.clean).await.unwrap(),
                        "a listing has all that stands",
                    );
                    "done"
                }
                Err(error) => of_call(&error),
            },
            Operation::Fetch => match side.side.fetch(module, &[at().id]).await {
                Ok(found) => {
                    let there = matches!(found.as_slice(), [Fetched::Present { version, .. }] if *version == at().version);
                    rule(there, "what stands is read as it stands");
                    "done"
                }
                Err(error) => of_call(&error),
            },
            Operation::Probe => match side.side.probe(module, &[made.expect("it was made").marker]).await {
                Ok(found) => {
                    rule(
                        found.len() == 1 && found[0].len() == 1 && found[0][0].id == at().id,
                        "what carries the marker is found",
                    );
                    "done"
                }
                Err(error) => of_call(&error),
            },
            Operation::Feed => match feed(&self.house, side, Some(&self.from)).await {
                Ok((ids, _)) => {
                    let all = feed(&self.house, &self.clean, Some(&self.from)).await.unwrap().0;
                    rule(ids == all, "the feed has all that changed");
                    "done"
                }
                Err(error) => of_call(&error),
            },
        }
    }

    /// Carries an operation out with a fault on its way.
    pub async fn try_one(&mut self, operation: Operation, fault: Fault, hits: Hits) -> Outcome {
        let (module, mails) = (self.house.module(), self.house.mails());
        let (old, new, ours) = (self.word(), self.word(), marker());
        let spelled = self.house.spelled(&ours);
        let made = if operation == Operation::Create { None } else { Some(self.make(&old).await) };
        let at = made.as_ref().map(|made| made.at.clone());
        let at = || at.clone().expect("it was made");
        let mut broken = Vec::new();
        self.house.proxy.set(fault, hits);
        let class = self.carry_out(operation, made.as_ref(), ours, &new, &mut broken).await;
        let mut rule = |kept: bool, what: &str| broken.extend((!kept).then(|| what.to_owned()));
        let seen = self.house.proxy.mend();
        let doubles = usize::from(fault.delivered == Delivered::Twice);
        let now = self.house.standing();
        let standing =
            |words: &[&str]| now.iter().filter(|text| words.iter().all(|w| text.contains(w))).count();
        let stands = match operation {
            Operation::Create => standing(&[&new, &spelled]),
            Operation::Update => standing(&[&old, &new]),
            Operation::Delete => 1 - standing(&[&old]),
            Operation::Tag => standing(&[&old, &spelled]),
            _ => 0,
        };
        let may_be_gone = matches!(operation, Operation::Create | Operation::Delete);
        rule(may_be_gone || standing(&[&old]) == 1, "what is there already stands");
        if operation.writes() {
            // Whatever was carried out is done or in doubt; what the engine reads again, or takes for gone, it finds.
            let known = match operation {
                Operation::Create => ["done", "doubt", "exists", "exists"],
                Operation::Delete => ["done", "doubt", "gone", "moved"],
                Operation::Update => ["done", "doubt", "moved", "moved"],
                _ => ["done", "doubt", "moved", "exists"],
            };
            let changed = stands > 0;
            rule(!changed || known.contains(&class), "what was carried out is not said to have failed");
            rule(changed || class != "done", "what was not carried out is not said to be done");
            rule(
                changed || operation != Operation::Delete || class != "gone",
                "what stands is not said to be gone",
            );
            rule(stands <= 1 + doubles, "nothing is made twice by us");
            let resent = seen.requests.iter().filter(|writes| **writes).count();
            // Refused before anything was done: the token is renewed, or a lock waited for.
            let certain = matches!(fault.reply, Reply::Status(401 | 423));
            rule(resent <= 1 || certain, "nothing is sent again without a look");
        } else {
            rule(seen.delivered == 0, "reading changes nothing");
        }
        // What the connector finds afterwards, when it has waited as long as it was told to, is what stands.
        self.house.proxy.pass(Duration::from_mins(20)).await;
        let sought = if operation == Operation::Create || operation == Operation::Tag {
            ours
        } else {
            made.as_ref().expect("it was made").marker
        };
        let expected = standing(&[&self.house.spelled(&sought)]);
        let found = self.tried.side.probe(module, &[sought]).await.unwrap().remove(0);
        let gone_to_bin = operation == Operation::Delete && stands == 1;
        if gone_to_bin {
            let now = self.tried.side.fetch(module, &[at().id]).await.unwrap();
            rule(now == [Fetched::Gone], "what was deleted is gone");
        } else {
            rule(found.len() == expected, "a probe finds what stands");
        }
        rule(self.house.mails() == mails, "nobody is mailed");
        Outcome { class, seen, broken }
    }
}
