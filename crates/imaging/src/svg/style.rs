//! Style sheets of a document: what they would load is taken out; where it can't be told apart, the whole sheet goes.
//!
//! Source: CSS Syntax 3, sections 4.3.4 to 4.3.7.

use super::policy;

/// A style sheet or the value of `style` that loads nothing; `None` where nothing safe is left.
pub(super) fn without_loading(css: &str) -> Option<String> {
    let plain = without_at_rules(&without_comments(css));
    let safe = without_addresses(&plain);
    // taking things out may have put others together, and escapes may hide some: what is left has to stand up as it is
    (is_safe(&safe) && is_safe(&unescaped(&safe))).then_some(safe)
}

fn is_safe(css: &str) -> bool {
    let plain = policy::squeezed(css);
    ![
        "@import",
        "@charset",
        "@namespace",
        "src(",
        "/*",
        "</",
        "<!",
    ]
    .iter()
    .any(|text| plain.contains(text))
        && policy::is_allowed_value(&plain.replace('\\', ""))
}

/// Comments become a space, as they do for a parser. An open one reaches to the end.
fn without_comments(css: &str) -> String {
    let mut kept = String::with_capacity(css.len());
    let mut rest = css;
    while let Some((before, after)) = rest.split_once("/*") {
        kept.push_str(before);
        kept.push(' ');
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept
}

/// Takes out the rules that load other sheets or change what names mean.
fn without_at_rules(css: &str) -> String {
    let mut kept = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(at) = rest.find('@') {
        let (before, rule) = rest.split_at(at);
        kept.push_str(before);
        let lower = rule.get(..10).unwrap_or(rule).to_ascii_lowercase();
        let is_dropped = ["@import", "@charset", "@namespace"]
            .iter()
            .any(|name| lower.starts_with(name));
        let length = if is_dropped {
            statement_length(rule)
        } else {
            1
        };
        let (rule, after) = rule.split_at(length);
        if !is_dropped {
            kept.push_str(rule);
        }
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// Bytes up to and with the semicolon that ends a statement, not one in a string or in brackets.
fn statement_length(rule: &str) -> usize {
    let (mut quote, mut depth) = (None, 0_u32);
    for (at, letter) in rule.char_indices() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ';') if depth == 0 => return at + 1,
            (Some(_) | None, _) => {}
        }
    }
    rule.len()
}

/// Replaces each `url(…)` that leads outside by `none`.
fn without_addresses(css: &str) -> String {
    let mut kept = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(at) = find_ignoring_case(rest, "url(") {
        let (before, function) = rest.split_at(at);
        kept.push_str(before);
        let length = function.find(')').map_or(function.len(), |end| end + 1);
        let (function, after) = function.split_at(length);
        let plain = policy::squeezed(function);
        if policy::addresses(&plain).all(policy::is_allowed_address) {
            kept.push_str(function);
        } else {
            kept.push_str("none");
        }
        rest = after;
    }
    kept.push_str(rest);
    kept
}

fn find_ignoring_case(text: &str, name: &str) -> Option<usize> {
    let bytes = text.as_bytes().windows(name.len());
    bytes
        .enumerate()
        .find(|(_, window)| window.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(at, _)| at)
}

/// Escapes as a parser reads them: up to six hexadecimal digits and one space, or the character itself.
fn unescaped(css: &str) -> String {
    let mut plain = String::with_capacity(css.len());
    let mut letters = css.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        let mut code = 0;
        let mut digits = 0;
        while digits < 6
            && let Some(digit) = letters.peek().and_then(|letter| letter.to_digit(16))
        {
            code = code * 16 + digit;
            digits += 1;
            letters.next();
        }
        if digits == 0 {
            plain.extend(letters.next());
        } else {
            plain.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            letters.next_if(char::is_ascii_whitespace);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_loads_is_taken_out_and_the_rest_stays() {
        let cases = [
            ("fill:red", Some("fill:red")),
            ("fill:url(#g)", Some("fill:url(#g)")),
            ("fill:URL( \"http://x/\" ) red", Some("fill:none red")),
            ("@import 'http://x;y';.a{fill:red}", Some(".a{fill:red}")),
            ("@import url(a;b) screen;.a{}", Some(".a{}")),
            (
                "@media print{.a{fill:red}}",
                Some("@media print{.a{fill:red}}"),
            ),
            (".a{}/* url(http://x) */.b{}", Some(".a{} .b{}")),
            ("@imp@import x;ort 'y';", None),
            ("fill:u\\72 l(http://x)", None),
            ("fill:url(//x", Some("fill:none")),
            ("x:image-set('http://x' 1x)", None),
            (
                ".icon:before{content:'\\e900'}",
                Some(".icon:before{content:'\\e900'}"),
            ),
            ("a{behavior:url(#default#time2)}", None),
        ];
        for (css, expected) in cases {
            assert_eq!(without_loading(css).as_deref(), expected, "{css}");
        }
    }
}
