//! Which item is a candidate's twin, as the design writes it (section 1.6): "rules in order, each must be 1:1 unique on both
//! sides; 1:n or n:m → held, never create, never guess".

use crate::matching::MatchRule;
use crate::simulator::Random;
use crate::twin::{Twin, twin};
use riva_core::ids::{RemoteId, Version};
use riva_core::item::{Field, Item, Module, Name, Value};
use riva_core::ports::Fetched;
use riva_core::rows::MatchKey;
use std::collections::{BTreeMap, BTreeSet};

/// The last one is of a later version, and unknown.
const RULES: [u8; 4] = [1, 2, 4, 9];
const OWN: &str = "own";

type Ids = BTreeMap<MatchKey, Vec<RemoteId>>;

struct Case {
    keys: Vec<MatchKey>,
    there: Ids,
    here: Ids,
    twins: BTreeMap<RemoteId, Fetched>,
    taken: BTreeSet<RemoteId>,
}

#[derive(Debug, PartialEq)]
enum Found {
    One(RemoteId, MatchRule),
    Several(Vec<RemoteId>, usize, MatchRule),
    None,
}

fn person(given: &str, family: &str) -> Item {
    let mut item = Item::new(Module::Contacts);
    let name = Name { given: given.into(), family: family.into(), ..Name::default() };
    item.set(Field::Name, Value::Name(name));
    item
}

fn holders(random: &mut Random, keys: &[MatchKey], ids: &[&str], percent: u32) -> Ids {
    let mut of = |_: &MatchKey| -> Vec<RemoteId> {
        let some = ids.iter().filter(|_| random.percent(percent));
        some.map(|id| RemoteId::from(*id)).collect()
    };
    keys.iter().map(|key| (*key, of(key))).collect()
}

impl Case {
    fn of(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let mut all = Vec::new();
        for rule in RULES {
            all.extend((0..3).map(|hash| MatchKey { rule, hash }));
        }
        let keys: Vec<MatchKey> = all.iter().filter(|_| random.percent(35)).copied().collect();
        let there = holders(random, &all, &["a", "b", "c"], 25);
        let here = holders(random, &all, &[OWN, "rival", "another"], 15);
        let mut twins = BTreeMap::new();
        for id in ["a", "b", "c"] {
            let item = if random.percent(60) { person("Ann", "Lee") } else { person("Bob", "Smith") };
            let there = Fetched::Present {
                version: Version::from("1"),
                marker: None,
                modified: None,
                item: item.into(),
            };
            match random.below(10) {
                0 => {}
                1 => _ = twins.insert(id.into(), Fetched::Gone),
                _ => _ = twins.insert(id.into(), there),
            }
        }
        let taken = ["a", "b", "c"].into_iter().filter(|_| random.percent(20)).map(RemoteId::from).collect();
        Self { keys, there, here, twins, taken }
    }

    fn found(&self) -> Found {
        match twin(
            &OWN.into(),
            &person("Ann", "Lee"),
            &self.keys,
            &self.there,
            &self.here,
            &self.twins,
            &self.taken,
        ) {
            Twin::One(id, rule) => Found::One(id, rule),
            Twin::Several(ids, n, rule) => Found::Several(ids, n, rule),
            Twin::None => Found::None,
        }
    }

    /// What the text says.
    fn expected(&self) -> Found {
        for (number, rule) in [(1, MatchRule::Uid), (2, MatchRule::Email), (4, MatchRule::Name)] {
            let free = |key: &&MatchKey| -> BTreeSet<&RemoteId> {
                self.there[*key].iter().filter(|id| !self.taken.contains(*id)).collect()
            };
            // By these keys it could be somebody on the other side.
            let could: Vec<&MatchKey> =
                self.keys.iter().filter(|key| key.rule == number && !free(key).is_empty()).collect();
            let is = |id: &RemoteId| match self.twins.get(id) {
                // "E-mail with compatible name."
                Some(Fetched::Present { item, .. }) => {
                    rule != MatchRule::Email || item.name().is_some_and(|name| name.given == "Ann")
                }
                _ => false,
            };
            let found: BTreeSet<RemoteId> =
                could.iter().flat_map(free).filter(|id| is(id)).cloned().collect();
            let claim: BTreeSet<&RemoteId> = could.iter().flat_map(|key| &self.here[*key]).collect();
            let rivals = claim.iter().filter(|id| id.as_str() != OWN).count();
            if found.is_empty() {
                continue;
            }
            if let (1, 0, Some(only)) = (found.len(), rivals, found.first()) {
                return Found::One(only.clone(), rule);
            }
            let n = found.len().max(rivals + 1);
            return Found::Several(found.into_iter().collect(), n, rule);
        }
        Found::None
    }
}

#[test]
fn a_twin_is_found_by_the_first_rule_that_is_one_to_one() {
    let mut kinds = BTreeMap::new();
    for seed in 0..20_000 {
        let case = Case::of(seed);
        let said = case.expected();
        let kind = match &said {
            Found::One(_, rule) => format!("one by {rule:?}"),
            Found::Several(_, _, rule) => format!("several by {rule:?}"),
            Found::None => "none".to_owned(),
        };
        *kinds.entry(kind).or_insert(0) += 1;
        assert_eq!(case.found(), said, "seed {seed}");
    }
    assert!(kinds.len() == 7 && kinds.values().all(|n| *n > 200), "{kinds:?}");
}
