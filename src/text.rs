//! Text from outside: what is harmless in it, and how it is shortened.

/// The most characters that GitHub takes as the description of a status; the cause and the message of a health are made
/// to fit into it together.
pub(crate) const LONGEST_DESCRIPTION: usize = 140;

/// Whether `c` steers what shows it: control characters, separators of lines, what changes the direction of writing
/// ([`Bidi_Control`](https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters)), and the byte order mark.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `text`, cut between characters to at most `most` of them, with `…` where something is missing.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_unsafe() {
        // Each end of each range, and what stands beside it.
        for c in "\0\u{1f}\u{7f}\u{9f}\u{61c}\u{200e}\u{200f}\u{2028}\u{202e}\u{2066}\u{2069}\u{feff}".chars() {
            assert!(is_unsafe(c), "{c:?}");
        }
        for c in " ~\u{a0}\u{61b}\u{61d}\u{200d}\u{2010}\u{2027}\u{202f}\u{2065}\u{206a}\u{fefe}äש日🚀".chars() {
            assert!(!is_unsafe(c), "{c:?}");
        }
    }

    #[test]
    fn shorten_counts_characters() {
        for (text, most, expected) in [
            ("short", 5, "short"),
            ("longer", 5, "long…"),
            ("日本語", 3, "日本語"),
            ("日本語だ", 3, "日本…"),
            ("two words", 5, "two…"),
            ("", 0, ""),
        ] {
            assert_eq!(shorten(text, most), expected, "{text:?}");
        }
    }
}
