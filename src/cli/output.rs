//! What is printed: tables for people, JSON for programs. Times are shown in the computer's zone.

use chrono::{DateTime, Local, Utc};
use comfy_table::{Table, TableStyle, presets};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Prints a line, or several. A reader that has gone away (`riva queue | head`) is no failure.
pub fn line(text: impl AsRef<str>) {
    put(&readable(text.as_ref(), Some('\n')));
}

/// So wide are paragraphs.
const WIDTH: usize = 100;

/// A paragraph as lines of a readable width, each indented; a word that is longer stands alone.
pub fn wrapped(text: &str, indent: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            // What follows the first line is indented once more: it is seen what belongs together.
            Some(_) => lines.push(format!("{indent}  {word}")),
            None => lines.push(format!("{indent}{word}")),
        }
    }
    lines
}

/// Clears the screen, cursor to the top left (ECMA-48).
pub fn clear() {
    put("\u{1b}[2J\u{1b}[H");
}

fn put(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Text that commands nothing: titles are written by whoever sends an invitation, and a terminal obeys control characters
/// (ECMA-48) and marks that turn the direction of writing (Unicode UAX 9). They are shown as U+FFFD, line ends but for `kept`
/// and tabs as spaces.
fn readable(text: &str, kept: Option<char>) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = |c: char| match c {
        _ if Some(c) == kept => c,
        '\n' | '\r' | '\t' => ' ',
        _ if c.is_control() || turns(c) => char::REPLACEMENT_CHARACTER,
        _ => c,
    };
    text.chars().map(shown).collect()
}

/// Prints a value as JSON, as it is: programs read it.
pub fn json<T: Serialize + ?Sized>(value: &T) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => put(&text),
        Err(error) => eprintln!("riva: the answer cannot be written as JSON: {error}"),
    }
}

/// Prints a value as JSON on one line: one of many that follow.
pub fn json_line<T: Serialize + ?Sized>(value: &T) {
    match serde_json::to_string(value) {
        Ok(text) => put(&text),
        Err(error) => eprintln!("riva: the answer cannot be written as JSON: {error}"),
    }
}

/// Prints rows below a heading; `nothing` if there is none.
pub fn table(heading: &[&str], rows: Vec<Vec<String>>, nothing: &str) {
    const STYLE: TableStyle = presets::NOTHING;
    if rows.is_empty() {
        return line(nothing);
    }
    let mut table = Table::new();
    table.load_style(STYLE).set_header(heading.iter().map(|h| h.to_uppercase()).collect::<Vec<_>>());
    table.add_rows(
        rows.into_iter().map(|row| row.iter().map(|cell| readable(cell, None)).collect::<Vec<_>>()),
    );
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    line(table.trim_fmt());
}

/// A time as a person reads it.
pub fn time(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A duration in the fitting unit.
pub fn took(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis < 10_000 { format!("{millis} ms") } else { format!("{} s", millis / 1000) }
}

/// Whether a person looks at the output.
pub fn on_a_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Errors of the libraries go to the error stream; `RIVA_LOG` asks for more. The platform's verifier of certificates
/// tells each refusal there, too, in its own words: the fault that a person reads has said it already.
pub fn tell_errors() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("RIVA_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error,rustls_platform_verifier=off"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Fails only where there is a subscriber already.
    let _ = log.with_ansi(std::io::stderr().is_terminal()).try_init();
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, readable, wrapped};

    #[test]
    fn a_paragraph_is_no_wider_than_it_is_read() {
        let long = "word ".repeat(60);
        let lines = wrapped(&long, "  ");
        assert!(lines.len() > 2 && lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
        assert!(lines[0].starts_with("  word") && lines[1].starts_with("    word"), "{lines:?}");
        let words = lines.iter().flat_map(|line| line.split_whitespace()).count();
        assert_eq!(words, 60, "nothing is lost");
        assert_eq!(wrapped(&"x".repeat(300), "").len(), 1, "an id is not cut");
    }

    #[test]
    fn a_title_commands_no_terminal() {
        let title = "Visit\u{1b}[31m\u{202e}evil\r\nof \u{9b}2J Jürgen\t東京";
        assert_eq!(readable(title, None), "Visit\u{fffd}[31m\u{fffd}evil  of \u{fffd}2J Jürgen 東京");
        assert_eq!(readable("one\ntwo", Some('\n')), "one\ntwo");
    }
}
