//! Characters that a reader of a log or an error does not see, but that his terminal acts on.

use std::iter::Peekable;
use std::str::Chars;

/// Control characters of both sets, bidirectional overrides, line separators, and marks without width.
pub(crate) fn is_hidden(c: char) -> bool {
    let marks = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}');
    let more = matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    c.is_control() || marks || more
}

/// The text without terminal escapes and hidden characters; white space of any kind becomes a space.
pub(crate) fn plain(text: &str) -> String {
    let mut chars = text.chars().peekable();
    let mut plain = String::with_capacity(text.len().min(4096));
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut chars),
            _ if c.is_whitespace() => plain.push(' '),
            _ if is_hidden(c) => {}
            _ => plain.push(c),
        }
    }
    plain
}

/// After ESC: a control sequence, a string, or a short escape of intermediates and one final character (ECMA-48).
fn skip_escape(chars: &mut Peekable<Chars<'_>>) {
    if chars.next_if_eq(&'[').is_some() {
        return skip_csi(chars);
    }
    if chars.next_if(|c| "]PX^_".contains(*c)).is_some() {
        return skip_string(chars);
    }
    while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
    chars.next_if(|c| ('0'..='~').contains(c));
}

fn skip_csi(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
    chars.next_if(|c| ('@'..='~').contains(c));
}

/// An operating system command or its like: everything up to BEL or ST. One that never ends takes the rest.
fn skip_string(chars: &mut Peekable<Chars<'_>>) {
    let end = chars.find(|c| matches!(c, '\u{7}' | '\u{9c}' | '\u{1b}'));
    if end == Some('\u{1b}') {
        chars.next_if_eq(&'\\');
    }
}
