//! Numbers as URLs write them: no exponents, `N` for minus.

/// Longest accepted number; bounds what a quotient of two numbers prints as.
const MAX_NUMBER_BYTES: usize = 48;

/// Longest side of a ratio.
pub(super) const MAX_RATIO_BYTES: usize = 12;

/// Digits only; larger than `u32` saturates.
pub(super) fn whole(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u32::MAX))
}

/// Digits only, within a range.
pub(super) fn whole_in(text: &str, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
    whole(text).filter(|value| range.contains(value))
}

/// The same for one byte.
pub(super) fn byte_in(text: &str, range: std::ops::RangeInclusive<u32>) -> Option<u8> {
    whole_in(text, range).and_then(|value| u8::try_from(value).ok())
}

/// `12`, `0.5`, `.5`; never negative.
pub(super) fn decimal(text: &str) -> Option<f64> {
    let (integer, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if text.len() > MAX_NUMBER_BYTES
        || text.is_empty()
        || fraction.is_empty()
        || !digits(integer)
        || !digits(fraction)
    {
        return None;
    }
    text.parse().ok()
}

/// A decimal above 0.
pub(super) fn positive(text: &str) -> Option<f64> {
    decimal(text).filter(|value| *value > 0.0)
}

/// A decimal with an optional `N` or `-` before it.
pub(super) fn signed(text: &str) -> Option<f64> {
    match text.strip_prefix(['N', '-']) {
        Some(magnitude) => decimal(magnitude).map(|value| if value == 0.0 { 0.0 } else { -value }),
        None => decimal(text),
    }
}

/// A whole number with an optional `N` or `-` before it, at most `limit` away from 0.
pub(super) fn signed_whole(text: &str, limit: u32) -> Option<i32> {
    let (negative, magnitude) = match text.strip_prefix(['N', '-']) {
        Some(magnitude) => (true, magnitude),
        None => (false, text),
    };
    let value = i32::try_from(whole_in(magnitude, 0..=limit)?).ok()?;
    Some(if negative { -value } else { value })
}

/// `4-3` or `4_3`, both sides above 0.
pub(super) fn ratio(text: &str) -> Option<(f64, f64)> {
    let (left, right) = text.split_once(['-', '_'])?;
    let side = |part: &str| positive(part).filter(|_| part.len() <= MAX_RATIO_BYTES);
    Some((side(left)?, side(right)?))
}
