//! Text for people: what a terminal may see, tables, times, and words that a shell takes as they are. Pure.

use std::borrow::Cow;
use std::fmt::Write as _;

use inhouse_proto::v1::TaskState;

use crate::config::words::quote;

/// The text with every character escaped that a terminal would act on or hide, but line feeds and tabs.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_active(c) && c != '\n' && c != '\t')
}

/// The same on one line: for ids, names and cells of a table.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_active)
}

/// JSON for a terminal: what is escaped there is escaped as JSON does, so that it stays the same value.
pub(crate) fn visible_json(json: &str) -> Cow<'_, str> {
    if !json.chars().any(is_active) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_active(c) {
            let _ = write!(out, "\\u{:04x}", c as u32);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// JSON on one line. Outside of its strings a line break is only white space, inside it is not allowed.
pub(crate) fn json_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) { Cow::Owned(json.replace(['\n', '\r'], " ")) } else { Cow::Borrowed(json) }
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_escaped(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Control characters of both sets, line separators, and what changes the direction of text. All are below U+10000.
fn is_active(c: char) -> bool {
    let direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || direction || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Columns as wide as their widest cell, two spaces apart; no spaces at the end of a line.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// A task's state as people write it, and as `--status` takes it.
pub(crate) fn state_name(state: TaskState) -> &'static str {
    match state {
        TaskState::Unspecified => "unknown",
        TaskState::Submitted => "submitted",
        TaskState::Working => "working",
        TaskState::Completed => "completed",
        TaskState::Failed => "failed",
        TaskState::Canceled => "canceled",
        TaskState::InputRequired => "input-required",
        TaskState::Rejected => "rejected",
        TaskState::AuthRequired => "auth-required",
    }
}

/// How long ago, in the largest unit that fits. Both times in milliseconds since the epoch.
pub(crate) fn ago(now_ms: i64, then_ms: i64) -> String {
    let seconds = now_ms.saturating_sub(then_ms) / 1000;
    match seconds {
        ..1 => "just now".to_owned(),
        1..60 => format!("{seconds}s ago"),
        60..3600 => format!("{}m ago", seconds / 60),
        3600..86_400 => format!("{}h ago", seconds / 3600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

/// A word that a shell takes as it is, whatever a server has put into it.
pub(crate) fn shell_word(word: &str) -> String {
    quote(&one_line(word)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_sees_no_character_that_it_would_act_on() {
        for (text, terminal, line) in [
            (
                "plain é 日本 \u{1f468}\u{200d}\u{1f469}",
                "plain é 日本 \u{1f468}\u{200d}\u{1f469}",
                "plain é 日本 \u{1f468}\u{200d}\u{1f469}",
            ),
            ("a\n\tb", "a\n\tb", "a\\u{a}\\u{9}b"),
            ("\u{1b}[31mred\u{7}", "\\u{1b}[31mred\\u{7}", "\\u{1b}[31mred\\u{7}"),
            ("a\rb\u{8}\u{7f}\0", "a\\u{d}b\\u{8}\\u{7f}\\u{0}", "a\\u{d}b\\u{8}\\u{7f}\\u{0}"),
            ("\u{9b}31m\u{202e}gpj", "\\u{9b}31m\\u{202e}gpj", "\\u{9b}31m\\u{202e}gpj"),
            ("\u{2028}\u{2066}", "\\u{2028}\\u{2066}", "\\u{2028}\\u{2066}"),
        ] {
            assert_eq!((visible(text).as_ref(), one_line(text).as_ref()), (terminal, line), "{text:?}");
        }
    }

    #[test]
    fn json_keeps_its_value_on_a_terminal_and_on_one_line() {
        for (json, shown) in [
            ("{\"a\":\"x\"}", "{\"a\":\"x\"}"),
            ("\"\u{9b}1m\u{202e}\"", "\"\\u009b1m\\u202e\""),
            ("{\r\n \"a\":1}", "{   \"a\":1}"),
        ] {
            let line = json_line(json);
            let shown_now = visible_json(&line);
            assert_eq!(shown_now, shown);
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(value(&shown_now), value(json));
        }
    }

    #[test]
    fn columns_are_aligned_and_lines_end_with_their_text() {
        let rows = [vec!["TASK", "STATE"], vec!["ä1", "working"], vec!["longer", ""]]
            .map(|row| row.into_iter().map(str::to_owned).collect());
        assert_eq!(table(&rows), "TASK    STATE\nä1      working\nlonger\n");
    }

    #[test]
    fn times_are_told_in_their_largest_unit() {
        for (seconds, expected) in [
            (-5, "just now"),
            (0, "just now"),
            (1, "1s ago"),
            (59, "59s ago"),
            (60, "1m ago"),
            (3599, "59m ago"),
            (3600, "1h ago"),
            (86_399, "23h ago"),
            (86_400, "1d ago"),
            (864_000, "10d ago"),
        ] {
            assert_eq!(ago(1_000_000_000_000, 1_000_000_000_000 - seconds * 1000), expected);
        }
    }

    #[test]
    fn a_word_from_a_server_can_not_become_a_command() {
        for (word, quoted) in [
            ("7f3a-01", "7f3a-01"),
            ("http://h:1/a2a", "http://h:1/a2a"),
            ("", "''"),
            ("$(rm -rf ~)", "'$(rm -rf ~)'"),
            ("a'b", "'a'\\''b'"),
            ("a\nb", "'a\\u{a}b'"),
            ("x;y", "'x;y'"),
        ] {
            assert_eq!(shell_word(word), quoted);
        }
    }
}
