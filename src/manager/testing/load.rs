//! The screen stays quick while a thousand connection tests run.

use super::fakes::Company;
use super::hand::{H, click, open_row, shows};
use super::{harness, step_until};
use crate::Open;
use egui::accesskit::Role;
use egui_kittest::kittest::{NodeT, Queryable};
use std::time::{Duration, Instant};

/// A frame takes a few milliseconds, also in a debug build; this leaves room for a busy machine, as does the part of the
/// frames that may take longer: a screen that waited for anything would wait in all of them.
const LONG_FRAME: Duration = Duration::from_millis(250);
const MAY_BE_LONG: usize = 20;

/// How many are tested, as the progress bar says.
fn tested(h: &H) -> u32 {
    let bar = h.query_all_by_role(Role::ProgressIndicator).next();
    let name = bar.and_then(|bar| bar.accesskit_node().label()).unwrap_or_default();
    let number = name.strip_prefix("Tested ").and_then(|rest| rest.split_once(' '));
    number.and_then(|(n, _)| n.parse().ok()).unwrap_or_default()
}

#[test]
fn frames_keep_their_time_while_a_thousand_users_are_tested_and_cancel_works() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let company = Company::new(1000, 1000, Duration::from_millis(2));
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    open_row(&mut h, "Exchange, head office");
    click(&mut h, Role::Tab, "Test Connection");
    click(&mut h, Role::Button, "Test all users");
    let mut frames = Vec::new();
    let deadline = Instant::now() + Duration::from_mins(1);
    while tested(&h) < 300 {
        let began = Instant::now();
        h.step();
        frames.push(began.elapsed());
        assert!(began < deadline, "only {} of 1000 were tested", tested(&h));
        std::thread::sleep(Duration::from_millis(2));
    }
    frames.sort_unstable();
    let long = frames.iter().filter(|took| **took >= LONG_FRAME).count();
    assert!(long * MAY_BE_LONG <= frames.len(), "{long} of {} frames are long: {frames:?}", frames.len());
    click(&mut h, Role::Button, "Cancel all tests");
    step_until(&mut h, "the rest is cancelled", |h| shows(h, "cancelled of 1000"));
    assert!(!shows(&h, "Cancel all tests"));
}
