//! Erasing a tenant: everything it ever was, but for the fact itself.

use serde_json::Value;

use super::{TenantState, not_found};
use crate::event::ConfigEvent;
use crate::refusal::Refusal;
use crate::request_body::Fields;

/// Longest text that is read as a confirmation.
const MAX_CONFIRM_CHARS: usize = 200;

/// A tenant is to be erased, and whoever asks for it wrote its name down once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EraseTenant {
    /// The name as it was written down.
    pub confirm: String,
}

impl EraseTenant {
    /// Reads the body of `POST /operator/v1/tenants/{imagekitId}/erase`.
    ///
    /// Errors: [`Refusal::Invalid`] with the first broken rule.
    pub fn parse(body: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::of(body)?;
        let confirm = fields.required_text("confirm", MAX_CONFIRM_CHARS)?;
        fields.finish()?;
        Ok(Self { confirm })
    }
}

/// What happens when a tenant is to be erased.
///
/// Errors: [`Refusal::NotFound`]; [`Refusal::Invalid`] where the confirmation names another account.
pub fn decide_erasure(
    state: Option<&TenantState>,
    command: &EraseTenant,
) -> Result<Vec<ConfigEvent>, Refusal> {
    let tenant = state.ok_or_else(not_found)?;
    if command.confirm != tenant.imagekit_id.as_str() {
        return Err(Refusal::invalid(format!(
            "Nothing was erased: confirm must be the account's id, {}. An erased account cannot be brought back.",
            tenant.imagekit_id
        )));
    }
    Ok(vec![ConfigEvent::TenantErased {}])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{CreateTenant, NameAvailability, decide, evolve};
    use super::*;

    #[test]
    fn given_a_tenant_when_its_name_is_confirmed_then_it_is_erased_and_once() {
        let create = CreateTenant::parse(json!({"imagekitId": "acme"})).unwrap();
        let created = decide(None, create, NameAvailability::Free).unwrap();
        let state = created.iter().fold(None, evolve);
        let wrong = EraseTenant::parse(json!({"confirm": "ACME"})).unwrap();
        assert!(decide_erasure(state.as_ref(), &wrong).is_err());
        let right = EraseTenant::parse(json!({"confirm": "acme"})).unwrap();
        let events = decide_erasure(state.as_ref(), &right).unwrap();
        assert_eq!(events, [ConfigEvent::TenantErased {}]);
        let state = events.iter().fold(state, evolve);
        assert_eq!(state, None);
        assert!(decide_erasure(state.as_ref(), &right).is_err());
    }

    #[test]
    fn without_a_confirmation_nothing_is_asked_for() {
        for body in [
            json!({}),
            json!({"confirm": true}),
            json!({"confirm": "a", "x": 1}),
        ] {
            assert!(EraseTenant::parse(body).is_err());
        }
    }
}
