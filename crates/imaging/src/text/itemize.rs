//! Stretches of text that one font shapes in one go: the same direction, script and font.

use std::ops::Range;

use rustybuzz::{Script, ttf_parser::Tag};
use unicode_bidi::Level;
use unicode_script::{Script as CharacterScript, UnicodeScript};

use super::faces::Faces;

/// A stretch of a paragraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Bytes of the paragraph.
    pub(super) range: Range<usize>,
    pub(super) is_right_to_left: bool,
    pub(super) face: usize,
    pub(super) script: Option<Script>,
}

/// What one character needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Need {
    at: usize,
    face: usize,
    script: CharacterScript,
}

/// What every character of a paragraph needs, in order.
pub(super) fn needs(paragraph: &str, faces: &Faces<'_>) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::with_capacity(paragraph.len());
    for (at, character) in paragraph.char_indices() {
        let script = character.script();
        let is_shared = matches!(script, CharacterScript::Common | CharacterScript::Inherited);
        let previous = needs.last().copied();
        // marks, joiners and spaces stay with what they follow, if its font has them
        let kept = previous.filter(|previous| {
            script == CharacterScript::Inherited && faces.has(previous.face, character)
                || character == ' '
                || is_joiner(character)
        });
        needs.push(Need {
            at,
            face: kept.map_or_else(|| faces.index_for(character), |previous| previous.face),
            script: match previous {
                Some(previous) if is_shared => previous.script,
                _ => script,
            },
        });
    }
    give_scripts_to_leading(&mut needs);
    needs
}

/// Joins and selects glyphs, and has none itself.
fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// Quotes and digits in front of a word belong to its script.
fn give_scripts_to_leading(needs: &mut [Need]) {
    let is_shared = |need: &Need| {
        matches!(
            need.script,
            CharacterScript::Common | CharacterScript::Inherited
        )
    };
    let Some(script) = needs
        .iter()
        .find(|need| !is_shared(need))
        .map(|need| need.script)
    else {
        return;
    };
    needs
        .iter_mut()
        .take_while(|need| is_shared(need))
        .for_each(|need| need.script = script);
}

/// The stretches of a part of a paragraph whose direction is the same, in the order they are read.
pub(super) fn items(needs: &[Need], range: Range<usize>, level: Level) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut last: Option<Need> = None;
    let inside = needs.iter().filter(|need| range.contains(&need.at));
    for need in inside {
        let continues =
            last.is_some_and(|last| (last.face, last.script) == (need.face, need.script));
        match items.last_mut() {
            Some(item) if continues => item.range.end = range.end,
            previous => {
                if let Some(previous) = previous {
                    previous.range.end = need.at;
                }
                items.push(Item {
                    range: need.at..range.end,
                    is_right_to_left: level.is_rtl(),
                    face: need.face,
                    script: tag(need.script),
                });
            }
        }
        last = Some(*need);
    }
    items
}

fn tag(script: CharacterScript) -> Option<Script> {
    let name: &[u8; 4] = script.short_name().as_bytes().first_chunk()?;
    Script::from_iso15924_tag(Tag::from_bytes(name))
}
