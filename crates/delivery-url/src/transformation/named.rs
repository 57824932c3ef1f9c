//! Named transformations: `n-thumb` stands for a stored string.

use super::{Conditional, Step, Transformation};
use crate::grammar::MAX_STEPS;

/// Why a named transformation cannot be used. The client's fault, or the tenant's who removed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpansionError {
    /// No such name, or it is disabled.
    #[error("named transformation \"{0}\" does not exist or is disabled")]
    Unknown(String),
    /// A stored transformation names another one.
    #[error(
        "named transformation \"{0}\" itself uses a named transformation, which is not allowed"
    )]
    Nested(String),
    /// What the names stand for is longer than a transformation may be.
    #[error("the named transformations come to more than 100 steps; use fewer or shorter ones")]
    TooLong,
}

impl Transformation {
    /// Replaces every `n-…` by the stored transformation that `lookup` knows, in conditionals too. What stands beside `n-…` in
    /// its step follows as a step of its own.
    ///
    /// # Errors
    ///
    /// See [`ExpansionError`].
    pub fn expand<'s>(
        &self,
        lookup: &dyn Fn(&str) -> Option<&'s Self>,
    ) -> Result<Self, ExpansionError> {
        let mut room = MAX_STEPS;
        self.expand_within(lookup, &mut room)
    }

    /// `room`: how many more steps there may be. Without it a hundred names of a hundred steps each would be copied.
    fn expand_within<'s>(
        &self,
        lookup: &dyn Fn(&str) -> Option<&'s Self>,
        room: &mut usize,
    ) -> Result<Self, ExpansionError> {
        let mut steps = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            if let Some(name) = &step.named {
                let stored = lookup(name).ok_or_else(|| ExpansionError::Unknown(name.clone()))?;
                if stored.is_named() {
                    return Err(ExpansionError::Nested(name.clone()));
                }
                take_room(room, stored.count_steps())?;
                steps.extend(stored.steps.iter().cloned());
            }
            let rest = Step {
                named: None,
                conditional: expand_branches(step, lookup, room)?,
                ..step.clone()
            };
            if rest != Step::default() {
                take_room(room, 1)?;
                steps.push(rest);
            }
        }
        Ok(Self { steps })
    }

    /// Whether it uses a named transformation anywhere.
    pub fn is_named(&self) -> bool {
        self.steps.iter().any(|step| {
            let in_branches =
                |block: &Conditional| block.then.is_named() || block.otherwise.is_named();
            step.named.is_some() || step.conditional.as_deref().is_some_and(in_branches)
        })
    }

    /// Its steps, those of branches and layers included, as the parser counts them.
    fn count_steps(&self) -> usize {
        let inside = |step: &Step| {
            let layers = step.layers.iter();
            let in_layers: usize = layers.map(|layer| layer.transformation.count_steps()).sum();
            let branches = step.conditional.as_deref();
            let in_branches = branches.map_or(0, |block| {
                block.then.count_steps() + block.otherwise.count_steps()
            });
            in_layers + in_branches
        };
        self.steps.iter().map(|step| 1 + inside(step)).sum()
    }

    /// Whether it is nothing but named transformations: what "restrict unnamed" permits.
    pub fn is_only_named(&self) -> bool {
        self.steps.iter().all(|step| {
            *step
                == Step {
                    named: step.named.clone(),
                    ..Step::default()
                }
        })
    }
}

impl Transformation {
    /// Key of the first parameter that is no named transformation, as the URL would have it: `w`, `l`, `if`. What "restrict
    /// unnamed" refuses. Shape: a key of the grammar, never text of the request.
    pub fn first_unnamed(&self) -> Option<String> {
        let rest = self.steps.iter().map(|step| Step {
            named: None,
            ..step.clone()
        });
        let rest: Vec<Step> = rest
            .filter(|step| *step != Step::default())
            .take(1)
            .collect();
        let printed = Self { steps: rest }.to_string();
        let key = printed.split(['-', ',', ':']).next()?;
        (!key.is_empty()).then(|| key.to_owned())
    }
}

fn take_room(room: &mut usize, steps: usize) -> Result<(), ExpansionError> {
    *room = room.checked_sub(steps).ok_or(ExpansionError::TooLong)?;
    Ok(())
}

fn expand_branches<'s>(
    step: &Step,
    lookup: &dyn Fn(&str) -> Option<&'s Transformation>,
    room: &mut usize,
) -> Result<Option<Box<Conditional>>, ExpansionError> {
    let Some(block) = &step.conditional else {
        return Ok(None);
    };
    Ok(Some(Box::new(Conditional {
        condition: block.condition.clone(),
        then: block.then.expand_within(lookup, room)?,
        otherwise: block.otherwise.expand_within(lookup, room)?,
    })))
}
