//! As much of Rust as the rules need: what is code and what is not, where a function ends, and what is a test. It relies on
//! rustfmt, which puts the end of an item under its beginning.

use std::ops::Range;

/// The attribute of what only tests have.
const TEST_ONLY: &str = "#[cfg(test)]";

/// What the text before the next character is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Code,
    LineComment,
    BlockComment { depth: usize },
    Text,
    RawText { hashes: usize },
}

/// The text with every character of a comment, a string or a character literal turned into a space; lines stay.
pub(super) fn blank(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let (mut inside, mut at) = (Inside::Code, 0);
    while at < characters.len() {
        let (next, taken) = step(inside, &characters, at);
        let end = (at + taken).min(characters.len());
        let keep = inside == Inside::Code && next == Inside::Code && taken == 1;
        for &character in &characters[at..end] {
            code.push(if keep || character == '\n' { character } else { ' ' });
        }
        (inside, at) = (next, end);
    }
    code
}

/// What follows the next characters, and how many they are.
fn step(inside: Inside, characters: &[char], at: usize) -> (Inside, usize) {
    let rest = &characters[at..];
    match (inside, rest) {
        (Inside::Code, _) => step_in_code(characters, at),
        (Inside::LineComment, ['\n', ..]) => (Inside::Code, 1),
        (Inside::BlockComment { depth }, ['/', '*', ..]) => (Inside::BlockComment { depth: depth + 1 }, 2),
        (Inside::BlockComment { depth: 1 }, ['*', '/', ..]) => (Inside::Code, 2),
        (Inside::BlockComment { depth }, ['*', '/', ..]) => (Inside::BlockComment { depth: depth - 1 }, 2),
        (Inside::Text, ['\\', _, ..]) => (inside, 2),
        (Inside::Text, ['"', ..]) => (Inside::Code, 1),
        (Inside::RawText { hashes }, ['"', end @ ..]) if end.iter().take_while(|&&c| c == '#').count() >= hashes => {
            (Inside::Code, 1 + hashes)
        }
        _ => (inside, 1),
    }
}

fn step_in_code(characters: &[char], at: usize) -> (Inside, usize) {
    let rest = &characters[at..];
    let in_a_word = at > 0 && is_word(characters[at - 1]);
    match rest {
        ['/', '/', ..] => (Inside::LineComment, 2),
        ['/', '*', ..] => (Inside::BlockComment { depth: 1 }, 2),
        ['"', ..] => (Inside::Text, 1),
        ['r', end @ ..] | ['b' | 'c', 'r', end @ ..] if !in_a_word => {
            let hashes = end.iter().take_while(|&&c| c == '#').count();
            let prefix = rest.len() - end.len() + hashes;
            if end.get(hashes) == Some(&'"') { (Inside::RawText { hashes }, prefix + 1) } else { (Inside::Code, 1) }
        }
        // A character literal, not a lifetime. Two characters are never taken for one word, so `keep` stays false.
        ['\'', '\\', end @ ..] => (Inside::Code, 3 + end.iter().skip(1).take_while(|&&c| c != '\'').count() + 1),
        ['\'', _, '\'', ..] => (Inside::Code, 3),
        _ => (Inside::Code, 1),
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether the line of code has this word, and not only as a part of another one.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// The lines of each item, counted from 0, that begins with a line for which `begins` holds: to the line that closes it.
pub(super) fn items(code: &str, begins: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    let lines: Vec<&str> = code.lines().collect();
    let starts = lines.iter().enumerate().filter(|(_, line)| begins(line.trim_start()));
    starts.map(|(start, line)| start..end_of_item(&lines, start, line)).collect()
}

/// The line after the one that closes the item which begins here.
fn end_of_item(lines: &[&str], start: usize, first: &str) -> usize {
    if first.trim_end().ends_with(['}', ';']) {
        return start + 1;
    }
    let closes = |line: &&str| {
        let (body, end) = (line.trim_start(), line.trim_end());
        indent(line) == indent(first) && (body.starts_with('}') || (body.starts_with(')') && end.ends_with([';', '}'])))
    };
    lines.iter().enumerate().skip(start + 1).find(|(_, line)| closes(line)).map_or(lines.len(), |(end, _)| end + 1)
}

/// How many spaces the line begins with.
pub(super) fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether a line without its indent begins a function.
pub(super) fn begins_function(line: &str) -> bool {
    let Some((before, after)) = line.split_once("fn ") else { return false };
    let qualifies = |word: &str| ["const", "async", "unsafe", "extern"].contains(&word) || word.starts_with("pub");
    after.starts_with(is_word) && before.split_whitespace().all(qualifies)
}

/// For each line of code, whether it belongs to an item that only tests have.
pub(super) fn test_lines(code: &str) -> Vec<bool> {
    let lines: Vec<&str> = code.lines().collect();
    let mut tests = vec![false; lines.len()];
    for (start, _) in lines.iter().enumerate().filter(|(_, line)| line.trim() == TEST_ONLY) {
        let item = (start + 1..lines.len()).find(|&at| !lines[at].trim_start().starts_with("#[")).unwrap_or(start);
        tests[start..end_of_item(&lines, item, lines[item])].fill(true);
    }
    tests
}

/// The modules in files of their own that only tests have.
pub(super) fn test_modules(code: &str) -> Vec<&str> {
    let tests = test_lines(code);
    let lines = code.lines().zip(tests).filter(|(_, test)| *test);
    lines.filter_map(|(line, _)| line.trim().strip_suffix(';')?.split_once("mod ")).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_characters_are_blank_and_lifetimes_are_code() {
        let cases = [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x \" y") g"#, "f(        ) g"),
            ("r#\"a \" b\"# c", "           c"),
            ("br\"x\" y", "      y"),
            ("for x", "for x"),
            ("'x' '\\n' '\\'' '\\u{41}' z", "                       z"),
            ("&'a str, '{'", "&'a str,    "),
        ];
        for (text, code) in cases {
            assert_eq!(blank(text), code, "{text}");
        }
    }

    #[test]
    fn functions_are_found_with_their_last_line() {
        let code = "fn one() {}\npub(crate) async fn two(\n    a: u8,\n) -> u8\nwhere\n    u8: Copy,\n{\n    a\n}\n\
                    trait T {\n    fn three(\n        a: u8,\n    ) -> u8;\n    const fn four();\n}\nlet f: fn(u8) = x;\n// fn five() {\n";
        assert_eq!(items(&blank(code), begins_function), [0..1, 1..9, 10..13, 13..14]);
    }

    #[test]
    fn a_test_module_ends_where_it_ends() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        assert_eq!(test_lines(code), [false, true, true, true, true, false]);
        let code = "#[cfg(test)]\n#[path = \"x.rs\"]\npub(crate) mod testing;\nfn c() {\n}\n";
        assert_eq!(test_lines(code), [true, true, true, false, false]);
        assert_eq!(test_modules(code), ["testing"]);
    }

    #[test]
    fn a_word_is_not_a_part_of_another() {
        assert!(has_word("unsafe { x }", "unsafe") && has_word("(unsafe)", "unsafe"));
        assert!(!has_word("unsafe_code", "unsafe") && !has_word("very_unsafe", "unsafe"));
    }
}
