//! Tokens → steps. `:` and `,` inside `l-…,l-end` and `if-…,if-end` belong to the block, not to the step around it.

use super::lexer::{Token, Tokens};
use super::parameters::{Draft, Parameter};
use super::{MAX_STEPS, TransformationError, arithmetic, layers, parameters, too_many_steps};
use crate::transformation::{Conditional, Step, Transformation};

/// Conditionals nest at most this deep.
const MAX_CONDITIONAL_DEPTH: usize = 4;

const IF_ALONE: &str =
    "an if block must be alone in its step; separate it from other parameters with a colon";
const IF_OPEN: &str = "this if block is not closed; end it with if-end";

/// Reads tokens from the left, never back.
pub(super) struct Parser<'t> {
    tokens: Tokens<'t>,
    steps: usize,
    pub(super) layer_depth: usize,
    conditional_depth: usize,
    /// The first refused parameter of a step; next to `orig-true` it says nothing.
    refused: Option<TransformationError>,
}

/// What ended a chain of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    EndOfText,
    Else,
    EndIf,
}

impl<'t> Parser<'t> {
    pub(super) fn new(tokens: Tokens<'t>) -> Self {
        Self {
            tokens,
            steps: 0,
            layer_depth: 0,
            conditional_depth: 0,
            refused: None,
        }
    }

    /// The whole text.
    pub(super) fn transformation(mut self) -> Result<Transformation, TransformationError> {
        let parsed = self.chain();
        let refused = self.refused.take();
        let (transformation, ending) = match (parsed, refused) {
            (Ok(parsed), None) => parsed,
            // Source: `imagekit.md` R145 and section 2
            (Ok(parsed), Some(_)) if parsed.0.wants_original() => parsed,
            (_, Some(error)) | (Err(error), None) => return Err(error),
        };
        match ending {
            Ending::EndOfText => Ok(transformation),
            Ending::Else => Err(TransformationError::new(
                "if-else",
                "there is no if block open here; begin one with if-",
            )),
            Ending::EndIf => Err(TransformationError::new(
                "if-end",
                "there is no if block open here; begin one with if-",
            )),
        }
    }

    /// The next token, taken.
    pub(super) fn take(&mut self) -> Result<Option<Token<'t>>, TransformationError> {
        self.tokens.take()
    }

    /// Counts a step and appends it, unless nothing is left in it.
    pub(super) fn push(
        &mut self,
        steps: &mut Vec<Step>,
        draft: Draft,
    ) -> Result<(), TransformationError> {
        let step = draft.finish();
        if step == Step::default() {
            return Ok(());
        }
        self.count()?;
        steps.push(step);
        Ok(())
    }

    fn count(&mut self) -> Result<(), TransformationError> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(too_many_steps());
        }
        Ok(())
    }

    /// Steps up to the end of the text or of an `if` branch.
    fn chain(&mut self) -> Result<(Transformation, Ending), TransformationError> {
        let mut steps = Vec::new();
        let mut draft = Draft::default();
        let mut block: Option<Step> = None;
        let mut is_first = true;
        while let Some(token) = self.take()? {
            let ending = match &*token.text {
                "if-else" => Some(Ending::Else),
                "if-end" => Some(Ending::EndIf),
                _ => None,
            };
            if let Some(ending) = ending {
                self.close(&mut steps, draft, block)?;
                return Ok((Transformation { steps }, ending));
            }
            if token.begins_step && !is_first {
                self.close(&mut steps, std::mem::take(&mut draft), block.take())?;
            }
            is_first = false;
            if block.is_some() {
                return Err(TransformationError::new(&token.text, IF_ALONE));
            }
            if let Some(condition) = token.text.strip_prefix("if-") {
                if !draft.is_untouched() {
                    return Err(TransformationError::new(&token.text, IF_ALONE));
                }
                block = Some(self.conditional(&token.text, condition)?);
                continue;
            }
            self.member(&token, &mut draft)?;
        }
        self.close(&mut steps, draft, block)?;
        Ok((Transformation { steps }, Ending::EndOfText))
    }

    /// Ends a step that is either an `if` block or parameters.
    fn close(
        &mut self,
        steps: &mut Vec<Step>,
        draft: Draft,
        block: Option<Step>,
    ) -> Result<(), TransformationError> {
        match block {
            Some(step) => steps.push(step),
            None => self.push(steps, draft)?,
        }
        Ok(())
    }

    /// One parameter or layer of a step outside layers.
    fn member(&mut self, token: &Token<'t>, draft: &mut Draft) -> Result<(), TransformationError> {
        let parameter = Parameter::new(&token.text, false)?;
        if parameter.key == "l" {
            let layer = layers::layer(self, &parameter)?;
            draft.layer(layer);
            return Ok(());
        }
        // one refusal is sought for in words, which costs; after it only what serves originals counts
        if self.refused.is_some() && !matches!(parameter.key, "orig" | "di") {
            return Ok(());
        }
        if let Err(error) = parameters::apply(&parameter, draft) {
            self.refused.get_or_insert(error);
        }
        Ok(())
    }

    /// What follows `if-<condition>`, up to its `if-end`.
    fn conditional(&mut self, token: &str, condition: &str) -> Result<Step, TransformationError> {
        let Some(condition) = arithmetic::condition(condition) else {
            let fault = arithmetic::fault_of_condition(condition);
            return Err(TransformationError::new(token, &fault));
        };
        self.conditional_depth += 1;
        if self.conditional_depth > MAX_CONDITIONAL_DEPTH {
            return Err(TransformationError::new(
                token,
                "if blocks nest at most 4 deep",
            ));
        }
        let (then, ending) = self.chain()?;
        let (otherwise, ending) = match ending {
            Ending::Else => self.chain()?,
            Ending::EndIf | Ending::EndOfText => (Transformation::default(), ending),
        };
        match ending {
            Ending::EndIf => {}
            Ending::Else => {
                return Err(TransformationError::new(
                    "if-else",
                    "an if block has at most one if-else",
                ));
            }
            Ending::EndOfText => return Err(TransformationError::new(token, IF_OPEN)),
        }
        self.conditional_depth -= 1;
        self.count()?;
        Ok(Step {
            conditional: Some(Box::new(Conditional {
                condition,
                then,
                otherwise,
            })),
            ..Step::default()
        })
    }
}
