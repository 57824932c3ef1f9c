//! Named transformations: `n-thumb` stands for a stored string.

use super::{Conditional, Step, Transformation};

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
        let mut steps = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            if let Some(name) = &step.named {
                let stored = lookup(name).ok_or_else(|| ExpansionError::Unknown(name.clone()))?;
                if stored.is_named() {
                    return Err(ExpansionError::Nested(name.clone()));
                }
                steps.extend(stored.steps.iter().cloned());
            }
            let rest = Step {
                named: None,
                conditional: expand_branches(step, lookup)?,
                ..step.clone()
            };
            if rest != Step::default() {
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

fn expand_branches<'s>(
    step: &Step,
    lookup: &dyn Fn(&str) -> Option<&'s Transformation>,
) -> Result<Option<Box<Conditional>>, ExpansionError> {
    let Some(block) = &step.conditional else {
        return Ok(None);
    };
    Ok(Some(Box::new(Conditional {
        condition: block.condition.clone(),
        then: block.then.expand(lookup)?,
        otherwise: block.otherwise.expand(lookup)?,
    })))
}
