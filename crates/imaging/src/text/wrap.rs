//! Where lines end: as late as the width allows, at the places Unicode allows (UAX 14); a word longer than a line is cut
//! between letters.

use std::ops::Range;

/// How far a paragraph reaches before each of its bytes, as if it were one line.
///
/// Units: px.
#[derive(Debug)]
pub(super) struct Reach {
    /// One more than bytes.
    before: Vec<f32>,
    /// Bytes at which a letter with its marks begins.
    begins: Vec<usize>,
}

impl Reach {
    /// From the advance of every cluster and the byte it begins at, in any order.
    pub(super) fn of(length: usize, advances: impl Iterator<Item = (usize, f32)>) -> Self {
        let mut widths = vec![0.0; length + 1];
        let mut begins = Vec::new();
        for (at, advance) in advances {
            if let Some(width) = widths.get_mut(at) {
                *width += advance;
                begins.push(at);
            }
        }
        begins.sort_unstable();
        begins.dedup();
        let mut sum = 0.0f32;
        let before = widths.into_iter().map(|width| {
            let before = sum;
            sum += width;
            before
        });
        Self {
            before: before.collect(),
            begins,
        }
    }

    fn width(&self, range: &Range<usize>) -> f32 {
        let at = |byte: usize| self.before.get(byte).copied().unwrap_or(0.0);
        at(range.end) - at(range.start)
    }
}

/// The lines of a paragraph, without the spaces at their ends. At least one.
pub(super) fn lines(paragraph: &str, reach: &Reach, width: Option<f32>) -> Vec<Range<usize>> {
    let whole = 0..paragraph.len();
    let Some(width) = width else {
        return vec![trimmed(paragraph, whole)];
    };
    let mut lines = Vec::new();
    let mut start = 0;
    let mut fitting: Option<usize> = None;
    for (end, _) in unicode_linebreak::linebreaks(paragraph) {
        while !fits(paragraph, reach, start..end, width) {
            let cut = fitting
                .take()
                .or_else(|| inside_word(reach, start..end, width));
            let Some(cut) = cut else { break };
            lines.push(trimmed(paragraph, start..cut));
            start = cut;
        }
        fitting = Some(end);
    }
    if start < paragraph.len() || lines.is_empty() {
        lines.push(trimmed(paragraph, start..paragraph.len()));
    }
    lines
}

fn fits(paragraph: &str, reach: &Reach, range: Range<usize>, width: f32) -> bool {
    reach.width(&trimmed(paragraph, range)) <= width
}

/// The last place between letters where the line still fits, but after at least one letter.
fn inside_word(reach: &Reach, range: Range<usize>, width: f32) -> Option<usize> {
    let mut places = reach
        .begins
        .iter()
        .copied()
        .filter(|at| range.contains(at) && *at > range.start);
    let first = places.next()?;
    Some(
        places
            .take_while(|at| reach.width(&(range.start..*at)) <= width)
            .last()
            .unwrap_or(first),
    )
}

fn trimmed(paragraph: &str, range: Range<usize>) -> Range<usize> {
    let text = paragraph.get(range.clone()).unwrap_or_default();
    range.start..range.start + text.trim_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every character 10 px wide.
    fn wrapped(text: &str, width: f32) -> Vec<&str> {
        let reach = Reach::of(text.len(), text.char_indices().map(|(at, _)| (at, 10.0)));
        let lines = lines(text, &reach, Some(width));
        lines
            .into_iter()
            .filter_map(|line| text.get(line))
            .collect()
    }

    #[test]
    fn lines_end_as_late_as_they_fit_and_without_spaces() {
        assert_eq!(wrapped("aaa bb c", 100.0), ["aaa bb c"]);
        assert_eq!(wrapped("aaa bb c", 60.0), ["aaa bb", "c"]);
        assert_eq!(wrapped("aaa bb c", 59.0), ["aaa", "bb c"]);
        assert_eq!(wrapped("aaa   bb", 30.0), ["aaa", "bb"]);
    }

    #[test]
    fn a_word_too_long_for_a_line_is_cut_between_letters() {
        assert_eq!(wrapped("abcdefg h", 30.0), ["abc", "def", "g h"]);
        assert_eq!(wrapped("abc", 5.0), ["a", "b", "c"]);
        assert_eq!(wrapped("x äöü", 20.0), ["x", "äö", "ü"]);
    }

    #[test]
    fn nothing_is_one_empty_line() {
        assert_eq!(wrapped("", 30.0), [""]);
    }
}
