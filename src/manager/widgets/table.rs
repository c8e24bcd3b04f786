//! A table of rows of one height. Only what is visible is laid out, so a hundred thousand rows cost what thirty do.
//! It is a `table` of named `row`s for screen readers and robots; one row is a Tab stop, the arrow keys move it.

use crate::theme::{icon_family, strong_family, tokens};
use egui::accesskit::Role;
use egui::{
    Align, Align2, EventFilter, Id, Key, Label, Layout, Rect, RichText, ScrollArea, Sense, Stroke, Ui,
    UiBuilder, WidgetInfo, pos2, vec2,
};
use lucide_icons::Icon;

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// Its least width in points.
    pub least: f32,
    /// Its share of the width that is left over.
    pub share: f32,
    /// Whether clicking the heading sorts by it.
    pub sorts: bool,
    /// Numbers stand at the right.
    pub right: bool,
}

impl Column {
    /// A column of text that sorts.
    pub const fn text(title: &'static str, least: f32, share: f32) -> Self {
        Self { title, least, share, sorts: true, right: false }
    }

    /// A column of numbers that sorts.
    pub const fn number(title: &'static str, least: f32) -> Self {
        Self { title, least, share: 0.0, sorts: true, right: true }
    }

    /// The same without sorting.
    pub const fn unsorted(mut self) -> Self {
        self.sorts = false;
        self
    }
}

/// By which column rows are sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sort {
    /// The column's index.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
}

impl Sort {
    /// What a click on a heading makes of it: another column upwards, the same one the other way round.
    #[must_use]
    pub fn clicked(self, column: usize) -> Self {
        Self { column, descending: self.column == column && !self.descending }
    }
}

/// What the administrator did to the table in this frame.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TableOutput {
    /// This row was chosen.
    pub select: Option<usize>,
    /// This row was double-clicked, or Enter was pressed on it.
    pub activate: Option<usize>,
    /// This heading was clicked.
    pub sort: Option<usize>,
}

/// The table.
pub struct Table<'a> {
    /// Its accessible name.
    pub name: &'a str,
    /// Its columns.
    pub columns: &'a [Column],
    /// Number of rows.
    pub rows: usize,
    /// The chosen row.
    pub selected: Option<usize>,
    /// How the rows are sorted, to show in the heading.
    pub sort: Option<Sort>,
    /// The height of a row in points.
    pub row_height: f32,
}

/// What comes of drawing it.
#[derive(Default)]
struct Drawn {
    output: TableOutput,
    /// How wide the widest cell of each column would like to be.
    naturals: Vec<f32>,
}

const HEADER: f32 = 30.0;
const PAD: f32 = 10.0;
/// No cell makes its column wider than this.
const WIDEST: f32 = 520.0;

impl Table<'_> {
    /// Draws it into the space that is left. `name_of` is a row's accessible name, `cell` draws a cell, `menu` the
    /// verbs behind a right click.
    pub fn show(
        self,
        ui: &mut Ui,
        name_of: impl Fn(usize) -> String,
        mut cell: impl FnMut(&mut Ui, usize, usize),
        mut menu: impl FnMut(&mut Ui, usize),
    ) -> TableOutput {
        let mut drawn = Drawn::default();
        let least: f32 = self.columns.iter().map(|c| c.least).sum();
        ui.scope_builder(UiBuilder::new().id_salt(self.name), |ui| {
            ui.ctx().accesskit_node_builder(ui.unique_id(), |node| {
                node.set_role(Role::Table);
                node.set_label(self.name);
                node.set_row_count(self.rows);
                node.set_column_count(self.columns.len());
            });
            ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
            let height = ui.available_height();
            ScrollArea::horizontal().id_salt("across").auto_shrink(false).max_height(height).show(ui, |ui| {
                let known = Id::unique((ui.scope_id(), "naturals", self.columns.len()));
                let naturals = ui.data(|d| d.get_temp::<Vec<f32>>(known)).unwrap_or_default();
                let edges = edges(self.columns, &naturals, ui.available_width().max(least) - 8.0);
                self.header(ui, &edges, &mut drawn.output);
                drawn.naturals.clone_from(&naturals);
                drawn.naturals.resize(self.columns.len(), 0.0);
                self.body(ui, &edges, &name_of, &mut cell, &mut menu, &mut drawn);
                // Columns only grow: rows that scroll by do not make them jump.
                if drawn.naturals.iter().zip(&naturals).any(|(now, then)| now - then > 0.5)
                    || naturals.is_empty()
                {
                    ui.data_mut(|d| d.insert_temp(known, drawn.naturals.clone()));
                    ui.ctx().request_repaint();
                }
            });
        });
        drawn.output
    }

    fn header(&self, ui: &mut Ui, edges: &[f32], output: &mut TableOutput) {
        let t = tokens(ui);
        let width = edges.last().copied().unwrap_or_default();
        let (rect, _) = ui.allocate_exact_size(vec2(width, HEADER), Sense::hover());
        ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, t.line));
        for (index, column) in self.columns.iter().enumerate() {
            let cell = cell_rect(rect, edges, index);
            let sense = if column.sorts { Sense::click() } else { Sense::hover() };
            let response = ui.interact(cell, ui.scope_id().with(("heading", index)), sense);
            let sorted = self.sort.filter(|s| s.column == index);
            let name = match (column.sorts, sorted) {
                (false, _) => column.title.to_owned(),
                (true, None) => format!("Sort by {}", column.title),
                (true, Some(s)) if s.descending => format!("Sort by {}, descending", column.title),
                (true, Some(_)) => format!("Sort by {}, ascending", column.title),
            };
            response.widget_info(|| WidgetInfo::labeled(Role::ColumnHeader, true, &name));
            let colour = if response.hovered() && column.sorts { t.text } else { t.weak };
            let font = egui::FontId::new(12.0, strong_family());
            let inner = cell.shrink2(vec2(PAD, 0.0));
            let (place, align) = if column.right {
                (inner.right_center(), Align2::RIGHT_CENTER)
            } else {
                (inner.left_center(), Align2::LEFT_CENTER)
            };
            let painter = ui.painter().with_clip_rect(cell.intersect(ui.clip_rect()));
            let text = painter.text(place, align, column.title, font, colour);
            if let Some(sort) = sorted {
                let arrow = if sort.descending { Icon::ChevronDown } else { Icon::ChevronUp };
                let x = if column.right { text.left() - 12.0 } else { text.right() + 4.0 };
                let font = egui::FontId::new(11.0, icon_family());
                painter.text(
                    pos2(x, cell.center().y),
                    Align2::LEFT_CENTER,
                    char::from(arrow),
                    font,
                    t.accent,
                );
            }
            if response.has_focus() {
                ui.painter().rect_stroke(
                    cell.shrink(3.0),
                    4.0,
                    Stroke::new(1.5, t.accent),
                    egui::StrokeKind::Inside,
                );
            }
            if column.sorts && response.clicked() {
                output.sort = Some(index);
            }
        }
    }

    fn body(
        &self,
        ui: &mut Ui,
        edges: &[f32],
        name_of: &impl Fn(usize) -> String,
        cell: &mut impl FnMut(&mut Ui, usize, usize),
        menu: &mut impl FnMut(&mut Ui, usize),
        drawn: &mut Drawn,
    ) {
        let width = edges.last().copied().unwrap_or_default();
        let row_id = ui.scope_id().with("rows");
        let focus_next = Id::unique((row_id, "focus"));
        let scroll = ScrollArea::vertical().id_salt("down").auto_shrink(false);
        scroll.show_rows(ui, self.row_height, self.rows, |ui, range| {
            let top = ui.max_rect().top();
            let first = range.start;
            let tab_stop = self.selected.filter(|s| range.contains(s)).unwrap_or(first);
            let wanted = ui.data(|d| d.get_temp::<usize>(focus_next));
            #[expect(
                clippy::cast_precision_loss,
                reason = "a row's place on the screen; far below 2^24 rows"
            )]
            let place = |row: usize| {
                let down = (row as f32 - first as f32) * self.row_height;
                Rect::from_min_size(pos2(ui.max_rect().left(), top + down), vec2(width, self.row_height))
            };
            let row_places: Vec<_> = range.clone().map(|row| (row, place(row))).collect();
            let wanted_place = wanted.map(place);
            for (row, rect) in row_places {
                let focusable = if row == tab_stop { Sense::click() } else { Sense::CLICK };
                let sense = if wanted == Some(row) { Sense::click() } else { focusable };
                let builder = UiBuilder::new()
                    .id_salt(("row", row))
                    .max_rect(rect)
                    .sense(sense)
                    .layout(Layout::left_to_right(Align::Center));
                let mut row_ui = ui.new_child(builder);
                row_ui.set_min_size(rect.size());
                let response = row_ui.response();
                self.paint_row(&row_ui, rect, row, &response);
                for (column, natural) in drawn.naturals.iter_mut().enumerate() {
                    let inner = cell_rect(rect, edges, column).shrink2(vec2(PAD, 0.0));
                    let layout = if self.columns[column].right {
                        Layout::right_to_left(Align::Center)
                    } else {
                        Layout::left_to_right(Align::Center)
                    };
                    let mut cell_ui =
                        row_ui.new_child(UiBuilder::new().id_salt(column).max_rect(inner).layout(layout));
                    cell_ui.set_clip_rect(inner.expand2(vec2(4.0, 0.0)).intersect(row_ui.clip_rect()));
                    cell_ui.spacing_mut().item_spacing.x = 6.0;
                    ui.data_mut(|d| d.insert_temp(overflow_id(), 0.0_f32));
                    cell(&mut cell_ui, row, column);
                    let cut = ui.data(|d| d.get_temp::<f32>(overflow_id())).unwrap_or_default();
                    *natural = natural.max(cell_ui.min_rect().width() + cut).min(WIDEST);
                }
                row_ui.advance_cursor_after_rect(rect);
                if wanted == Some(row) {
                    response.request_focus();
                    ui.data_mut(|d| d.remove::<usize>(focus_next));
                }
                let selected = self.selected == Some(row);
                response.widget_info(|| WidgetInfo::selected(Role::Row, true, selected, name_of(row)));
                if response.clicked() || response.secondary_clicked() {
                    drawn.output.select = Some(row);
                }
                // A click just before makes a double click a triple one.
                if response.double_clicked() || response.triple_clicked() {
                    drawn.output.activate = Some(row);
                }
                if response.has_focus() {
                    self.keys(ui, &response, row, &mut drawn.output);
                }
                response.context_menu(|ui| menu(ui, row));
            }
            if let Some(target) = drawn.output.select
                && self.selected != Some(target)
                && ui.input(|i| i.events.iter().any(|e| matches!(e, egui::Event::Key { pressed: true, .. })))
            {
                ui.data_mut(|d| d.insert_temp(focus_next, target));
                ui.ctx().request_repaint();
                let down = rect_of(top, first, target, self.row_height, ui.max_rect().left(), width);
                ui.scroll_to_rect(down, None);
            } else if let Some(rect) = wanted_place {
                ui.scroll_to_rect(rect, None);
            }
            ui.allocate_rect(ui.max_rect(), Sense::hover());
        });
    }

    fn paint_row(&self, ui: &Ui, rect: Rect, row: usize, response: &egui::Response) {
        let t = tokens(ui);
        if self.selected == Some(row) {
            ui.painter().rect_filled(rect, 4.0, t.selected);
        } else if response.hovered() {
            ui.painter().rect_filled(rect, 4.0, t.hover);
        }
        ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, t.line.gamma_multiply(0.6)));
        if response.has_focus() {
            let stroke = Stroke::new(1.5, t.accent);
            ui.painter().rect_stroke(rect.shrink(1.0), 4.0, stroke, egui::StrokeKind::Inside);
        }
    }

    fn keys(&self, ui: &Ui, response: &egui::Response, row: usize, output: &mut TableOutput) {
        let arrows = EventFilter { vertical_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|m| m.set_focus_lock_filter(response.id, arrows));
        let last = self.rows.saturating_sub(1);
        let target = ui.input(|i| {
            [
                (Key::ArrowDown, (row + 1).min(last)),
                (Key::ArrowUp, row.saturating_sub(1)),
                (Key::PageDown, (row + 15).min(last)),
                (Key::PageUp, row.saturating_sub(15)),
                (Key::Home, 0),
                (Key::End, last),
            ]
            .into_iter()
            .find_map(|(key, target)| i.key_pressed(key).then_some(target))
        });
        if let Some(target) = target {
            output.select = Some(target);
        } else if ui.input(|i| i.key_pressed(Key::Enter)) {
            output.select = Some(row);
            output.activate = Some(row);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a row's place on the screen; far below 2^24 rows")]
fn rect_of(top: f32, first: usize, row: usize, height: f32, left: f32, width: f32) -> Rect {
    let down = (row as f32 - first as f32) * height;
    Rect::from_min_size(pos2(left, top + down), vec2(width, height))
}

fn cell_rect(row: Rect, edges: &[f32], column: usize) -> Rect {
    Rect::from_min_max(
        pos2(row.left() + edges[column], row.top()),
        pos2(row.left() + edges[column + 1], row.bottom()),
    )
}

/// Where a cell notes how much of it is cut off.
fn overflow_id() -> Id {
    Id::unique("table cell overflow")
}

/// Notes that a cell is cut off by so many points, so that its column gets them if there is room.
pub fn cut_off(ui: &Ui, points: f32) {
    if points > 0.0 {
        ui.data_mut(|d| *d.get_temp_mut_or_default::<f32>(overflow_id()) += points);
    }
}

/// Text in a cell, cut off where it does not fit.
pub fn cell_rich(ui: &mut Ui, text: RichText) -> egui::Response {
    let whole = egui::WidgetText::from(text.clone());
    let whole = whole.into_galley(ui, Some(egui::TextWrapMode::Extend), f32::INFINITY, egui::TextStyle::Body);
    let response = ui.add(Label::new(text).truncate());
    cut_off(ui, whole.size().x - response.rect.width());
    response
}

/// Text in a cell.
pub fn cell_text(ui: &mut Ui, text: &str) -> egui::Response {
    cell_rich(ui, RichText::new(text))
}

/// Text of second rank in a cell.
pub fn cell_weak(ui: &mut Ui, text: &str) -> egui::Response {
    let colour = tokens(ui).weak;
    cell_rich(ui, RichText::new(text).color(colour))
}

/// The left edge of each column, and the right edge of the last. Each gets its least; then what its cells need, as far
/// as there is room; what is left over is shared out.
fn edges(columns: &[Column], naturals: &[f32], width: f32) -> Vec<f32> {
    let needs: Vec<f32> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            naturals.get(index).map_or(0.0, |natural| natural + 2.0 * PAD).max(column.least)
        })
        .collect();
    let least: f32 = columns.iter().map(|c| c.least).sum();
    let needed: f32 = needs.iter().sum();
    let shares: f32 = columns.iter().map(|c| c.share).sum();
    let spare = (width - needed).max(0.0) / shares.max(0.001);
    let part = if needed > width { (width - least).max(0.0) / (needed - least).max(0.001) } else { 1.0 };
    let mut edges = vec![0.0];
    let mut x = 0.0;
    for (column, need) in columns.iter().zip(needs) {
        x += column.least + (need - column.least) * part + column.share * spare;
        edges.push(x);
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui_kittest::{Harness, kittest::Queryable};
    use std::cell::RefCell;
    use std::rc::Rc;

    #[derive(Default)]
    struct Seen {
        selected: Option<usize>,
        activated: Vec<usize>,
        sorted: Vec<usize>,
        cells: usize,
    }

    fn harness(rows: usize) -> (Harness<'static>, Rc<RefCell<Seen>>) {
        let seen = Rc::new(RefCell::new(Seen::default()));
        let shared = seen.clone();
        let harness = Harness::builder()
            .with_size([400.0, 300.0])
            .with_step_dt(1.0 / 60.0)
            .with_context_setup(crate::theme::install)
            .build_ui(move |ui| {
                let mut seen = shared.borrow_mut();
                let columns = [Column::text("Name", 100.0, 1.0), Column::number("Size", 60.0)];
                let table = Table {
                    name: "Things",
                    columns: &columns,
                    rows,
                    selected: seen.selected,
                    sort: Some(Sort::default()),
                    row_height: 30.0,
                };
                let mut cells = 0;
                let output = table.show(
                    ui,
                    |row| format!("thing {row}"),
                    |ui, row, column| {
                        cells += 1;
                        ui.label(format!("{row}.{column}"));
                    },
                    |ui, _| drop(ui.button("Remove thing")),
                );
                seen.cells = cells;
                seen.selected = output.select.or(seen.selected);
                seen.activated.extend(output.activate);
                seen.sorted.extend(output.sort);
            });
        (harness, seen)
    }

    #[test]
    fn rows_are_found_by_name_clicked_and_walked_with_the_keys() {
        let (mut harness, seen) = harness(100_000);
        harness.run();
        assert!(seen.borrow().cells < 60, "only visible rows are drawn");
        harness.get_by_role_and_label(Role::Row, "thing 3").click();
        harness.run();
        assert_eq!(seen.borrow().selected, Some(3));
        harness.get_by_role_and_label(Role::Row, "thing 3").focus();
        harness.run();
        for _ in 0..12 {
            harness.key_press(Key::ArrowDown);
            harness.run();
        }
        assert_eq!(seen.borrow().selected, Some(15), "the focus goes on below the edge");
        harness.key_press(Key::Enter);
        harness.run();
        assert_eq!(seen.borrow().activated, [15]);
        harness.key_press(Key::End);
        harness.run();
        assert_eq!(seen.borrow().selected, Some(99_999));
        harness.get_by_role_and_label(Role::Row, "thing 99999");
    }

    #[test]
    fn a_double_click_opens_and_a_right_click_has_the_verbs() {
        let (mut harness, seen) = harness(5);
        harness.run_steps(30);
        let row = harness.get_by_role_and_label(Role::Row, "thing 2");
        row.click();
        row.click();
        harness.run();
        assert_eq!(seen.borrow().activated, [2]);
        harness.run_steps(30);
        harness.get_by_role_and_label(Role::Row, "thing 4").click_secondary();
        harness.run();
        harness.get_by_label("Remove thing");
        assert_eq!(seen.borrow().selected, Some(4));
    }

    #[test]
    fn no_column_is_cut_while_there_is_room() {
        let columns =
            [Column::text("A", 100.0, 1.0), Column::text("B", 60.0, 0.0), Column::number("C", 40.0)];
        let mut seed = 7_u32;
        let mut random = |most: u16| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let number = u16::try_from(seed >> 16).unwrap_or_default();
            f32::from(number % most)
        };
        for _ in 0..500 {
            let naturals = [random(300), random(300), random(120)];
            let width = 200.0 + random(600);
            let edges = edges(&columns, &naturals, width);
            let widths: Vec<f32> = edges.windows(2).map(|two| two[1] - two[0]).collect();
            let needs: Vec<f32> =
                columns.iter().zip(naturals).map(|(c, n)| c.least.max(n + 2.0 * PAD)).collect();
            assert!((edges[3] - width).abs() < 0.1, "{edges:?} {width}");
            assert!(widths.iter().zip(&columns).all(|(w, c)| *w >= c.least - 0.1), "{widths:?}");
            if needs.iter().sum::<f32>() <= width {
                assert!(widths.iter().zip(&needs).all(|(w, n)| *w >= n - 0.1), "{widths:?} {needs:?}");
            }
        }
    }

    #[test]
    fn headings_sort() {
        let (mut harness, seen) = harness(5);
        harness.run();
        harness.get_by_label("Sort by Size").click();
        harness.run();
        assert_eq!(seen.borrow().sorted, [1]);
        assert_eq!(Sort::default().clicked(0), Sort { column: 0, descending: true });
        assert_eq!(Sort::default().clicked(1), Sort { column: 1, descending: false });
    }
}
