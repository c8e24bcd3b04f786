//! What is promised of the file itself: a killed process loses nothing it was told is stored, work is found without
//! reading what is in step, and a pair takes few bytes.

use crate::SqlStore;
use chrono::{DateTime, TimeDelta, Utc};
use riva_core::ids::{ConnectionName, Marker, MemberId, PairId};
use riva_core::item::Module;
use riva_core::ports::{QueueStore, SyncStore as _};
use riva_core::queue::MemberSpec;
use riva_core::rows::{
    Commit, Hashes, IntentKind, IntentRow, ItemRow, JournalRow, PairRow, PairSide, PairState, Presence, Side,
};
use std::collections::BTreeSet;
use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use uuid::Uuid;

const DATABASE: &str = "RIVA_STORE_TEST_DATABASE";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

async fn claimed(path: &Path) -> (SqlStore, MemberId, i64) {
    let store = SqlStore::open(path).await.unwrap();
    store.break_leases(now()).await.unwrap();
    let spec = MemberSpec {
        policy: "p".into(),
        address: "ann@example.com".into(),
        mail: "m".into(),
        crm: "c".into(),
        enabled: true,
    };
    store.set_members(&[spec], now()).await.unwrap();
    let claimed = QueueStore::claim(&store, "me", now(), now() + TimeDelta::seconds(90), 1).await.unwrap();
    let (member, fence) = (claimed[0].member.id, claimed[0].fence);
    (store, member, fence)
}

/// A pair with both items, as it stands after a first sync between Exchange and Salesforce.
fn in_step(member: MemberId, n: u64) -> (PairRow, [ItemRow; 2]) {
    // Ordered by time, as the engine's are: the rest is as good as random.
    let mut random = [0; 10];
    random[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let millis = 1_800_000_000_000 + n / 20;
    let id = PairId(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid());
    let fields =
        ["name", "displayName", "organization", "workAddress", "birthday", "notes", "categories/customer"];
    let elements = ["emails/1", "emails/2", "phones/work", "phones/mobile"];
    let mut hashes: Hashes = Hashes(
        fields.iter().chain(&elements).map(|key| ((*key).to_owned(), n * 31 + key.len() as u64)).collect(),
    );
    hashes.0.extend(["emails", "phones", "categories"].map(|set| (set.to_owned(), 0)));
    let ews = format!("AAMkADAwATM3ZmYAZS0{n:0>129}AAA=");
    let side = |id: &str, version: &str| PairSide {
        id: id.into(),
        version: version.into(),
        seen: hashes.clone(),
        sent: hashes.clone(),
    };
    let mail = side(&ews, &format!("EQAAABYAAAD{n:0>25}"));
    let crm = side(&format!("003{n:0>15}"), "2026-11-23T06:00:00.000+0000");
    let item = |side, of: &PairSide| ItemRow {
        member,
        module: Module::Contacts,
        side,
        id: of.id.clone(),
        version: of.version.clone(),
        presence: Presence::Present,
        dirty: false,
        seen: 1,
        pair: Some(id),
        match_keys: None,
    };
    let items = [item(Side::Mail, &mail), item(Side::Crm, &crm)];
    let pair = PairRow {
        id,
        member,
        module: Module::Contacts,
        mail: Some(mail),
        crm: Some(crm),
        uid: Some(n.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
        state: PairState::Linked,
        reason: None,
        generation: 1,
        attempts: 0,
        next_try: None,
    };
    (pair, items)
}

/// An intent with its journal line, as T1 writes them.
fn intent(member: MemberId, n: u64) -> Commit {
    let pair = PairId(Uuid::from_u64_pair(7, n));
    let intent = IntentRow {
        pair,
        member,
        module: Module::Contacts,
        side: Side::Crm,
        kind: IntentKind::Create,
        marker: Marker { pair, generation: 1 },
        target: None,
        expect: None,
        sends: Hashes::default(),
        origin: Hashes::default(),
        origin_version: None,
        in_doubt: false,
        at: now(),
        believe_after: None,
    };
    let line = JournalRow {
        member,
        module: Module::Contacts,
        pair,
        at: now(),
        deed: "create crm".into(),
        rule: "15".into(),
        text: n.to_string(),
        seen: String::new(),
    };
    Commit { intents: vec![intent], journal: vec![line], ..Commit::default() }
}

/// Not a test of its own: the process that `a_killed_process_loses_nothing_stored` starts and kills.
#[tokio::test]
#[ignore = "is started, and killed, by a_killed_process_loses_nothing_stored"]
async fn writes_until_killed() {
    let path = std::env::var(DATABASE).unwrap();
    let (store, member, fence) = claimed(Path::new(&path)).await;
    let known = store.open_intents(member).await.unwrap().len() as u64;
    // Two at a time, so that transactions hold more than one job.
    for n in (known + 1..).step_by(2) {
        let (one, two) = (intent(member, n), intent(member, n + 1));
        let (a, b) = tokio::join!(store.commit(member, fence, &one), store.commit(member, fence, &two));
        a.and(b).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "stored {n}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("riva.db");
    for lines_before_the_kill in [1, 7, 2, 23] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "endurance::writes_until_killed", "--ignored", "--nocapture"])
            .env(DATABASE, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines.map_while(Result::ok).filter_map(|l| l.split_once("stored ")?.1.parse::<u64>().ok());
        let last = told.take(lines_before_the_kill).last().expect("the child stored nothing");
        child.kill().unwrap();
        child.wait().unwrap();

        let (store, member, _) = claimed(&path).await;
        let intents = store.open_intents(member).await.unwrap();
        let stored: BTreeSet<u64> = intents.iter().map(|i| i.pair.0.as_u64_pair().1).collect();
        assert!((1..=last + 1).all(|n| stored.contains(&n)), "told {last}, stored {stored:?}");
        for intent in intents {
            assert_eq!(store.journal(intent.pair).await.unwrap().len(), 1, "half a commit");
        }
        store.close().await;
    }
}

#[tokio::test]
async fn a_pair_takes_few_bytes() {
    const PAIRS: u64 = 2000;
    let folder = tempfile::tempdir().unwrap();
    let (store, member, fence) = claimed(&folder.path().join("riva.db")).await;
    let pages =
        async || sqlx::query_scalar::<_, i64>("PRAGMA page_count").fetch_one(&store.reads).await.unwrap();
    let before = pages().await;
    for chunk in (1..=PAIRS).collect::<Vec<_>>().chunks(100) {
        let mut changes = Commit::default();
        for (pair, items) in chunk.iter().map(|n| in_step(member, *n)) {
            changes.pairs.push(pair);
            changes.items.extend(items);
        }
        store.commit(member, fence, &changes).await.unwrap();
    }
    let bytes = (pages().await - before) * 4096 / PAIRS.cast_signed();
    println!("{bytes} bytes a pair, with both items and all indexes");
    assert!(bytes <= 700, "{bytes} bytes a pair");
}

#[tokio::test]
async fn work_is_found_by_index() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ..) = claimed(&folder.path().join("riva.db")).await;
    let (connection, member) = (ConnectionName::from("c"), MemberId(1));
    let waiting = "SEARCH p USING INDEX pair_by_state (member=? AND module=? AND state=? AND uid";
    let claims = [
        (
            crate::claims::awaiting(&connection, member, &[PairId(Uuid::nil())]).sql().as_str().to_owned(),
            waiting,
        ),
        (crate::claims::left(&connection, member).sql().as_str().to_owned(), waiting),
    ];
    let planned = crate::sync::PLANNED.map(|(sql, index)| (sql.to_owned(), index));
    for (sql, index) in planned.into_iter().chain(claims) {
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        let plan = sqlx::QueryBuilder::<crate::base::Db>::new(explain)
            .build()
            .fetch_all(&store.reads)
            .await
            .unwrap()
            .iter()
            .map(|row| sqlx::Row::get::<String, _>(row, "detail"))
            .collect::<Vec<_>>()
            .join("\n");
        assert!(plan.contains(index), "{sql}\n{plan}");
    }
}
