//! Short messages that come and go, and the list in which they stay.

use super::{buttons, chip::tone_icon};
use crate::age;
use crate::theme::{Tone, glyph, strong_family, tokens};
use crate::trouble::Trouble;
use chrono::{DateTime, TimeDelta, Utc};
use egui::accesskit::Role;
use egui::{Align2, Area, Context, Frame, Id, Margin, Order, RichText, Ui, vec2};
use lucide_icons::Icon;

/// How long good news stays on screen; bad news stays until it is closed.
const SHOWN_FOR: TimeDelta = TimeDelta::seconds(6);
/// How many messages are kept.
const KEPT: usize = 200;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Increases with every message.
    pub number: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// How it is meant.
    pub tone: Tone,
    /// What is said.
    pub text: String,
    /// The whole of it, to copy, where there is more.
    pub more: String,
    /// Until when it floats; `None` until it is closed.
    until: Option<DateTime<Utc>>,
    closed: bool,
}

/// All messages of this run, newest last.
#[derive(Debug, Default)]
pub struct Notices {
    all: Vec<Notice>,
    count: u64,
    /// Whether the list is open.
    pub open: bool,
    seen: u64,
}

impl Notices {
    /// Good news, or none.
    pub fn say(&mut self, now: DateTime<Utc>, tone: Tone, text: impl Into<String>) {
        self.push(now, tone, text.into(), String::new());
    }

    /// Something went wrong.
    pub fn trouble(&mut self, now: DateTime<Utc>, trouble: &Trouble) {
        self.push(now, Tone::Bad, trouble.line(), trouble.copy_text());
    }

    fn push(&mut self, at: DateTime<Utc>, tone: Tone, text: String, more: String) {
        self.count += 1;
        let until = (tone != Tone::Bad).then_some(at + SHOWN_FOR);
        self.all.push(Notice { number: self.count, at, tone, text, more, until, closed: false });
        if self.all.len() > KEPT {
            self.all.remove(0);
        }
    }

    /// Messages that float at a time.
    pub fn floating(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Notice> {
        self.all.iter().filter(move |n| !n.closed && n.until.is_none_or(|until| until > now))
    }

    /// Messages that nobody has looked at in the list.
    pub fn unseen(&self) -> u64 {
        self.count - self.seen
    }

    /// All of them, newest first.
    pub fn history(&self) -> impl Iterator<Item = &Notice> {
        self.all.iter().rev()
    }

    fn close(&mut self, number: u64) {
        if let Some(notice) = self.all.iter_mut().find(|n| n.number == number) {
            notice.closed = true;
        }
    }

    /// Draws the floating ones above everything.
    pub fn float_ui(&mut self, ctx: &Context, now: DateTime<Utc>) {
        let floating: Vec<Notice> = self.floating(now).cloned().collect();
        let Some(last) = floating.last() else { return };
        if let Some(until) = floating.iter().filter_map(|n| n.until).min() {
            ctx.request_repaint_after((until - now).to_std().unwrap_or_default());
        }
        let mut closed = None;
        Area::new(Id::unique("notices"))
            .order(Order::Foreground)
            // In the middle of the top bar, where nothing else is: a message must not cover what is clicked next.
            .anchor(Align2::CENTER_TOP, vec2(0.0, 3.0))
            .accessible_name(&last.text)
            .role(Role::Alert)
            .show(ctx, |ui| {
                for notice in floating.iter().rev().take(4) {
                    let t = tokens(ui);
                    Frame::window(ui.style()).inner_margin(Margin::symmetric(12, 6)).show(ui, |ui| {
                        ui.set_width(340.0);
                        ui.horizontal(|ui| {
                            let (ink, _) = t.tone(notice.tone);
                            glyph(ui, tone_icon(notice.tone), ink, 16.0);
                            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                                if buttons::bare_icon(ui, Icon::X, "Close message").clicked() {
                                    closed = Some(notice.number);
                                }
                                let copies = !notice.more.is_empty();
                                if copies && buttons::bare_icon(ui, Icon::Copy, "Copy message").clicked() {
                                    ui.ctx().copy_text(notice.more.clone());
                                }
                                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                                    ui.add(egui::Label::new(&notice.text).wrap());
                                });
                            });
                        });
                    });
                }
            });
        if let Some(number) = closed {
            self.close(number);
        }
    }

    /// Draws the list.
    pub fn history_ui(&mut self, ui: &mut Ui, now: DateTime<Utc>) {
        self.seen = self.count;
        let mut close = false;
        let t = tokens(ui);
        ui.horizontal(|ui| {
            ui.label(RichText::new("Messages").family(strong_family()).size(15.0));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if buttons::bare_icon(ui, Icon::X, "Close messages").clicked() {
                    close = true;
                }
            });
        });
        if self.all.is_empty() {
            ui.label(RichText::new("Nothing yet").color(t.weak));
        }
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            for notice in self.history() {
                let (ink, _) = t.tone(notice.tone);
                ui.horizontal_top(|ui| {
                    glyph(ui, tone_icon(notice.tone), ink, 13.5);
                    ui.vertical(|ui| {
                        ui.set_width(ui.available_width());
                        ui.add(egui::Label::new(&notice.text).wrap().selectable(true));
                        ui.label(RichText::new(age::ago(notice.at, now)).color(t.weak).small())
                            .on_hover_text(age::exact(notice.at));
                    });
                });
                ui.add_space(4.0);
            }
        });
        if close {
            self.open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_news_goes_bad_news_stays_and_all_is_kept() {
        let now = Utc::now();
        let mut notices = Notices::default();
        notices.say(now, Tone::Good, "Saved");
        notices.trouble(now, &Trouble::new("The disk failed", "full", ""));
        assert_eq!(notices.floating(now).count(), 2);
        let later = now + TimeDelta::seconds(60);
        assert_eq!(
            notices.floating(later).map(|n| n.text.as_str()).collect::<Vec<_>>(),
            ["The disk failed: full"]
        );
        notices.close(2);
        assert_eq!(notices.floating(later).count(), 0);
        assert_eq!(notices.history().count(), 2);
        assert_eq!(notices.unseen(), 2);
    }

    #[test]
    fn the_list_does_not_grow_for_ever() {
        let mut notices = Notices::default();
        for _ in 0..KEPT + 5 {
            notices.say(Utc::now(), Tone::Good, "x");
        }
        assert_eq!(notices.history().count(), KEPT);
    }
}
