//! What is printed: tables for people, JSON for programs. Times are shown in the computer's zone.

use chrono::{DateTime, Local, Utc};
use comfy_table::{Table, TableStyle, presets};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Prints a line. A reader that has gone away (`riva queue | head`) is no failure.
pub fn line(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush());
}

/// Prints a value as JSON.
pub fn json<T: Serialize + ?Sized>(value: &T) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(text),
        Err(error) => eprintln!("riva: the answer cannot be written as JSON: {error}"),
    }
}

/// Prints a value as JSON on one line: one of many that follow.
pub fn json_line<T: Serialize + ?Sized>(value: &T) {
    match serde_json::to_string(value) {
        Ok(text) => line(text),
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
    table.add_rows(rows);
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
