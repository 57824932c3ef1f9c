//! `limpid explain URL`: what serving does with one delivery URL, step by step. The same code path, without a record.
//!
//! A serving node that runs is asked, because it alone knows what it remembers: variants, failures, copies, breakers. Where none answers, the
//! steps are walked here.

use std::net::SocketAddr;

use limpid_dashboard_api::serving_node::diagnose;
use limpid_domain::clock::Clock;
use limpid_domain::diagnosis::{DiagnosisAnswer, DiagnosisRequest, Explanation, Question};
use limpid_serving::ServingConfig;

use crate::config::Config;
use crate::data_dir;
use crate::exit::{Failure, Kind};
use crate::output;

/// Walks the URL and prints what happened, as text or JSON.
///
/// Errors: no configuration can be loaded (unavailable). A URL that fails is a successful explanation.
pub(crate) async fn run(
    config: &ServingConfig,
    node: SocketAddr,
    url: &str,
    json: bool,
) -> Result<(), Failure> {
    let explanation = match ask(config, node, url).await {
        Ok(explanation) => explanation,
        Err(reason) => {
            output::complain(&format!(
                "explained here, without what a serving node remembers: {reason}"
            ));
            limpid_serving::explain(config, url)
                .await
                .map_err(|error| Failure::caused(Kind::Unavailable, "explain", &error))?
        }
    };
    if json {
        output::print_json(&explanation)
    } else {
        output::print(explanation.to_string().trim_end())
    }
}

/// The node that runs in the data directory, else the one that is configured.
pub(crate) fn node(config: &Config) -> SocketAddr {
    data_dir::running(&config.data_dir)
        .and_then(|running| running.serving.trim_start_matches("http://").parse().ok())
        .unwrap_or(config.serving_address)
}

/// What the node says; or why there is no answer of it. It finds the account itself, by the path or by the host of a custom domain.
async fn ask(config: &ServingConfig, node: SocketAddr, url: &str) -> Result<Explanation, String> {
    let request = DiagnosisRequest {
        asked_at: Clock::system().now(),
        tenant_id: None,
        question: Question::Trace {
            url: url.to_owned(),
            fields: Vec::new(),
        },
    };
    match diagnose(node, &config.vault, &request).await {
        Ok(DiagnosisAnswer::Explained(explanation)) => Ok(*explanation),
        Ok(DiagnosisAnswer::Busy) => Err(format!("{node} is asked too much at once")),
        Ok(DiagnosisAnswer::NotYours | DiagnosisAnswer::Unknown) => {
            Err(format!("{node} does not answer operators"))
        }
        Err(error) => Err(error.to_string()),
    }
}
