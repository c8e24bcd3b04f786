//! Makes a failing script smaller while it still fails.

use super::script::{Script, Step};

/// Runs that one minimisation may take.
const RUNS: usize = 1_500;

/// The smallest script found that still fails, and how it fails.
pub fn shrink(script: Script, why: String, fails: impl Fn(&Script) -> Option<String>) -> (Script, String) {
    let mut shrinking = Shrinking { best: script, why, fails, runs: 0 };
    loop {
        let before = (shrinking.best.steps.len(), shrinking.best.knobs);
        shrinking.knobs();
        shrinking.steps();
        if (shrinking.best.steps.len(), shrinking.best.knobs) == before || shrinking.runs >= RUNS {
            return (shrinking.best, shrinking.why);
        }
    }
}

struct Shrinking<F> {
    best: Script,
    why: String,
    fails: F,
    runs: usize,
}

impl<F: Fn(&Script) -> Option<String>> Shrinking<F> {
    fn attempt(&mut self, script: Script) -> bool {
        if script == self.best || self.runs >= RUNS {
            return false;
        }
        self.runs += 1;
        let Some(why) = (self.fails)(&script) else { return false };
        // Another invariant would be another failure.
        if why.split(':').next() != self.why.split(':').next() {
            return false;
        }
        (self.best, self.why) = (script, why);
        true
    }

    /// Fewer users, agents, faults.
    fn knobs(&mut self) {
        let mut change = 0;
        while let Some(knobs) = self.best.knobs.simpler(change) {
            let script = Script { knobs, ..self.best.clone() };
            self.attempt(script);
            change += 1;
        }
    }

    /// Fewer steps: halves, quarters, … single ones.
    fn steps(&mut self) {
        let mut size = self.best.steps.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < self.best.steps.len() {
                let mut steps: Vec<Step> = self.best.steps.clone();
                steps.drain(at..(at + size).min(steps.len()));
                let script = Script { steps, ..self.best.clone() };
                if !self.attempt(script) {
                    at += size;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }
}

/// A script as it stands in a test.
pub fn shown(script: &Script) -> String {
    let steps: Vec<String> = script.steps.iter().map(|step| format!("        {step:?},")).collect();
    format!(
        "Script {{\n    seed: {},\n    knobs: {:?},\n    steps: vec![\n{}\n    ],\n}}",
        script.seed,
        script.knobs,
        steps.join("\n")
    )
}
