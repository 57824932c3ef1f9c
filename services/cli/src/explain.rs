//! `limpid explain URL`: what serving does with one delivery URL, step by step. The same code path, without a record.

use limpid_serving::ServingConfig;

use crate::exit::{Failure, Kind};
use crate::output;

/// Walks the URL and prints what happened, as text or JSON.
///
/// Errors: no configuration can be loaded (unavailable). A URL that fails is a successful explanation.
pub(crate) async fn run(config: &ServingConfig, url: &str, json: bool) -> Result<(), Failure> {
    let explanation = limpid_serving::explain(config, url)
        .await
        .map_err(|error| Failure::caused(Kind::Unavailable, "explain", &error))?;
    if json {
        output::print_json(&explanation)
    } else {
        output::print(explanation.to_string().trim_end())
    }
}
