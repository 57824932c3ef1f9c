//! Conditional transformations: `if-w_gt_300_and_ar_lt_4-3,w-300,if-else,w-100,if-end`.

use super::Transformation;
use super::expression::Extent;

/// An `if` block.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditional {
    /// What is asked.
    pub condition: Condition,
    /// Steps where it holds.
    pub then: Transformation,
    /// Steps where it does not.
    pub otherwise: Transformation,
}

/// Tests joined by `_and_` and `_or_`; "and" binds tighter.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Any group has to hold; a group holds if all its tests do.
    pub any_of: Vec<Vec<Test>>,
}

/// One comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// Left side.
    pub property: Property,
    /// Operator.
    pub comparison: Comparison,
    /// Right side; a ratio is already divided.
    pub value: f64,
}

/// What a condition can look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Property {
    /// `w`
    CurrentWidth,
    /// `h`
    CurrentHeight,
    /// `ar`
    CurrentAspectRatio,
    /// `iw`
    InitialWidth,
    /// `ih`
    InitialHeight,
    /// `iar`
    InitialAspectRatio,
}

/// How it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `lt`
    Less,
    /// `lte`
    LessOrEqual,
    /// `gt`
    Greater,
    /// `gte`
    GreaterOrEqual,
}

impl Conditional {
    /// The steps that apply, given the original's and the current size.
    pub fn branch(&self, initial: Extent, current: Extent) -> &Transformation {
        if self.condition.holds(initial, current) {
            &self.then
        } else {
            &self.otherwise
        }
    }
}

impl Condition {
    /// Whether it holds, given the original's and the current size.
    pub fn holds(&self, initial: Extent, current: Extent) -> bool {
        self.any_of
            .iter()
            .any(|group| group.iter().all(|test| test.holds(initial, current)))
    }
}

impl Test {
    fn holds(&self, initial: Extent, current: Extent) -> bool {
        let found = match self.property {
            Property::CurrentWidth => current.width,
            Property::CurrentHeight => current.height,
            Property::CurrentAspectRatio => current.aspect_ratio(),
            Property::InitialWidth => initial.width,
            Property::InitialHeight => initial.height,
            Property::InitialAspectRatio => initial.aspect_ratio(),
        };
        match self.comparison {
            Comparison::Equal => self.is_equal(found),
            Comparison::NotEqual => !self.is_equal(found),
            Comparison::Less => found < self.value,
            Comparison::LessOrEqual => found < self.value || self.is_equal(found),
            Comparison::Greater => found > self.value,
            Comparison::GreaterOrEqual => found > self.value || self.is_equal(found),
        }
    }

    /// Sizes are whole numbers; ratios are quotients, equal when they are to a millionth (1024×768 "is" 4-3).
    fn is_equal(&self, found: f64) -> bool {
        (found - self.value).abs() <= 1e-6 * self.value.abs().max(1.0)
    }
}
