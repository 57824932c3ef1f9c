//! Expressions (`iw_mul_0.4_add_10`) and conditions (`w_gt_300_and_ar_lt_4-3`).

use super::{escape, number};
use crate::transformation::{
    Comparison, Condition, Expression, Operand, Operator, Property, Test, Variable,
};

/// The most operands of an expression and the most tests of a condition.
const MAX_TERMS: usize = 64;

const VARIABLES: [(&str, Variable); 9] = [
    ("iw", Variable::InitialWidth),
    ("ih", Variable::InitialHeight),
    ("iar", Variable::InitialAspectRatio),
    ("cw", Variable::CurrentWidth),
    ("ch", Variable::CurrentHeight),
    ("car", Variable::CurrentAspectRatio),
    ("bw", Variable::BaseWidth),
    ("bh", Variable::BaseHeight),
    ("bar", Variable::BaseAspectRatio),
];

const OPERATORS: [(&str, Operator); 6] = [
    ("add", Operator::Add),
    ("sub", Operator::Subtract),
    ("mul", Operator::Multiply),
    ("div", Operator::Divide),
    ("mod", Operator::Modulo),
    ("pow", Operator::Power),
];

const PROPERTIES: [(&str, Property); 6] = [
    ("w", Property::CurrentWidth),
    ("h", Property::CurrentHeight),
    ("ar", Property::CurrentAspectRatio),
    ("iw", Property::InitialWidth),
    ("ih", Property::InitialHeight),
    ("iar", Property::InitialAspectRatio),
];

const COMPARISONS: [(&str, Comparison); 6] = [
    ("eq", Comparison::Equal),
    ("ne", Comparison::NotEqual),
    ("gt", Comparison::Greater),
    ("gte", Comparison::GreaterOrEqual),
    ("lt", Comparison::Less),
    ("lte", Comparison::LessOrEqual),
];

/// An expression, or none where the text is not one. A number alone is none: parameters say themselves which numbers they take.
pub(super) fn expression(text: &str) -> Option<Expression> {
    let mut words = text.split('_');
    let first = operand(words.next()?)?;
    let mut rest = Vec::new();
    while let Some(word) = words.next() {
        let operator = value_of(&OPERATORS, word)?;
        rest.push((operator, operand(words.next()?)?));
        if rest.len() >= MAX_TERMS {
            return None;
        }
    }
    let is_number = rest.is_empty() && matches!(first, Operand::Number(_));
    (!is_number).then_some(Expression { first, rest })
}

/// A condition, or none where the text is not one.
pub(super) fn condition(text: &str) -> Option<Condition> {
    let words: Vec<&str> = text.split('_').collect();
    if words.len() > MAX_TERMS * 4 {
        return None;
    }
    let mut any_of = vec![Vec::new()];
    for group in words.chunks(4) {
        let (terms, joint) = match group {
            [property, comparison, value, joint] => ([property, comparison, value], Some(*joint)),
            [property, comparison, value] => ([property, comparison, value], None),
            _ => return None,
        };
        any_of.last_mut()?.push(test(terms[0], terms[1], terms[2])?);
        match joint {
            Some("and") | None => {}
            Some("or") => any_of.push(Vec::new()),
            Some(_) => return None,
        }
    }
    // A trailing joint leaves a multiple of four words.
    (!words.len().is_multiple_of(4)).then_some(Condition { any_of })
}

/// What is wrong with a text that is no condition: its first word that is out of place.
pub(super) fn fault_of_condition(text: &str) -> String {
    const EXAMPLE: &str = "write tests such as w_gt_300 or iar_lt_4-3 joined by _and_ or _or_";
    let words: Vec<&str> = text.split('_').take(MAX_TERMS * 4).collect();
    for group in words.chunks(4) {
        let [property, rest @ ..] = group else {
            break;
        };
        if value_of(&PROPERTIES, property).is_none() {
            return one_of("property", property, &PROPERTIES);
        }
        let [comparison, rest @ ..] = rest else {
            break;
        };
        if value_of(&COMPARISONS, comparison).is_none() {
            return one_of("comparison", comparison, &COMPARISONS);
        }
        let [value, rest @ ..] = rest else {
            break;
        };
        if test(property, comparison, value).is_none() {
            let kind = if matches!(*property, "ar" | "iar") {
                "a number or a ratio such as 4-3"
            } else {
                "a number"
            };
            return format!("{property} is compared with {kind}, not {}", escape(value));
        }
        if let [joint, ..] = rest
            && !matches!(*joint, "and" | "or")
        {
            return format!("tests are joined by and or or, not {}", escape(joint));
        }
    }
    format!("the condition is not complete; {EXAMPLE}")
}

fn one_of<T: Copy>(what: &str, word: &str, table: &[(&'static str, T)]) -> String {
    let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
    format!(
        "{} is no {what}; there are {}",
        escape(word),
        names.join(", ")
    )
}

/// Whether it needs the base of a layer.
pub(super) fn uses_base(expression: &Expression) -> bool {
    operands(expression).any(|operand| {
        matches!(
            operand,
            Operand::Variable(
                Variable::BaseWidth | Variable::BaseHeight | Variable::BaseAspectRatio
            )
        )
    })
}

/// Whether it needs a measure that text and blocks do not have.
pub(super) fn uses_own_size(expression: &Expression) -> bool {
    operands(expression).any(|operand| match operand {
        Operand::Variable(variable) => !matches!(
            variable,
            Variable::BaseWidth | Variable::BaseHeight | Variable::BaseAspectRatio
        ),
        Operand::Number(_) => false,
    })
}

/// The word for a value of one of the tables above.
pub(super) fn variable_name(variable: Variable) -> &'static str {
    name_of(&VARIABLES, variable)
}

/// `add`, `sub`, …
pub(super) fn operator_name(operator: Operator) -> &'static str {
    name_of(&OPERATORS, operator)
}

/// `w`, `iar`, …
pub(super) fn property_name(property: Property) -> &'static str {
    name_of(&PROPERTIES, property)
}

/// `eq`, `gte`, …
pub(super) fn comparison_name(comparison: Comparison) -> &'static str {
    name_of(&COMPARISONS, comparison)
}

fn operands(expression: &Expression) -> impl Iterator<Item = Operand> {
    std::iter::once(expression.first).chain(expression.rest.iter().map(|(_, operand)| *operand))
}

fn operand(word: &str) -> Option<Operand> {
    match value_of(&VARIABLES, word) {
        Some(variable) => Some(Operand::Variable(variable)),
        None => number::decimal(word).map(Operand::Number),
    }
}

fn test(property: &str, comparison: &str, value: &str) -> Option<Test> {
    let property = value_of(&PROPERTIES, property)?;
    let comparison = value_of(&COMPARISONS, comparison)?;
    let is_ratio = matches!(
        property,
        Property::CurrentAspectRatio | Property::InitialAspectRatio
    );
    let value = match number::decimal(value) {
        Some(number) => number,
        None if is_ratio => number::ratio(value).map(|(width, height)| width / height)?,
        None => return None,
    };
    Some(Test {
        property,
        comparison,
        value,
    })
}

fn value_of<T: Copy>(table: &[(&'static str, T)], word: &str) -> Option<T> {
    table
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, value)| *value)
}

fn name_of<T: Copy + PartialEq>(table: &[(&'static str, T)], value: T) -> &'static str {
    table
        .iter()
        .find(|(_, known)| *known == value)
        .map_or("", |(name, _)| name)
}
