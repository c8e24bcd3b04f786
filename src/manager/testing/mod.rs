//! For tests: the whole app on a harness without a window, and verbs to work it with.

#[cfg(test)]
mod accept;
pub mod agent;
pub mod answers;
pub mod fakes;
pub mod hand;
#[cfg(test)]
mod holds;
#[cfg(test)]
mod journey;
#[cfg(test)]
mod load;
pub mod made_up;
#[cfg(test)]
mod picklists;
#[cfg(test)]
mod shell;

use crate::{App, Office, Open};
use egui_kittest::Harness;
use std::time::{Duration, Instant};

/// The app at 1240 x 780 points, at sixty frames a second of its own time.
pub fn harness(office: Office, what: Open) -> Harness<'static, App> {
    sized(office, what, [1240.0, 780.0], 1.0)
}

/// The same at another size and scale (2: 200 %).
pub fn sized(office: Office, what: Open, size: [f32; 2], scale: f32) -> Harness<'static, App> {
    Harness::builder()
        .with_size(size)
        .with_pixels_per_point(scale)
        .with_step_dt(1.0 / 60.0)
        .build_eframe(move |cc| App::new(&cc.egui_ctx, office, what))
}

/// Draws frames until something holds; work on other threads goes on meanwhile.
///
/// # Panics
/// If it does not hold within 20 seconds.
#[track_caller]
pub fn step_until(
    harness: &mut Harness<'static, App>,
    what: &str,
    mut holds: impl FnMut(&Harness<'static, App>) -> bool,
) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        harness.step();
        if holds(harness) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "not within 20 s: {what}; there is: {}",
            hand::everything(harness)
        );
        std::thread::sleep(Duration::from_millis(4));
    }
}
