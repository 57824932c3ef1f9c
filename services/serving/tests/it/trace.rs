//! Asks a node for a trace, the way the dashboard API does: sealed, over the delivery listener.

use std::net::SocketAddr;

use limpid_domain::diagnosis::{
    ANSWER_PURPOSE, DiagnosisAnswer, DiagnosisRequest, Explanation, PATH, QUESTION_PURPOSE,
    Question,
};
use limpid_domain::ids::TenantId;

use crate::client::{Answer, raw};
use crate::stack::Stack;

/// What the node says about a URL of the stack's tenant.
pub(crate) async fn ask(stack: &Stack, node: SocketAddr, url: &str) -> DiagnosisAnswer {
    let question = Question::Trace {
        url: url.to_owned(),
        fields: Vec::new(),
    };
    ask_about(stack, node, question).await
}

/// What the node answers to a question about the stack's tenant.
pub(crate) async fn ask_about(
    stack: &Stack,
    node: SocketAddr,
    question: Question,
) -> DiagnosisAnswer {
    ask_for(stack, node, (Some(stack.tenant_id()), question)).await
}

/// What the node answers to a question for this tenant, or for the operator.
pub(crate) async fn ask_for(
    stack: &Stack,
    node: SocketAddr,
    (tenant_id, question): (Option<TenantId>, Question),
) -> DiagnosisAnswer {
    let request = DiagnosisRequest {
        asked_at: stack.config.clock.now(),
        tenant_id,
        question,
    };
    let question = serde_json::to_vec(&request).unwrap();
    let question = stack
        .vault
        .seal_message(QUESTION_PURPOSE, &question)
        .unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        question.len()
    );
    let answer = raw(node, &[head.as_bytes(), &question].concat()).await;
    let answer = Answer::parse(&answer);
    assert_eq!(answer.status, 200);
    let opened = stack.vault.open_message(ANSWER_PURPOSE, &answer.body);
    serde_json::from_slice(&opened.unwrap()).unwrap()
}

/// The same where there must be an explanation.
pub(crate) async fn explained(stack: &Stack, node: SocketAddr, url: &str) -> Explanation {
    match ask(stack, node, url).await {
        DiagnosisAnswer::Explained(explanation) => *explanation,
        other => panic!("{url}: {other:?}"),
    }
}

/// A header field a client would get, or the empty text.
pub(crate) fn header<'a>(explanation: &'a Explanation, name: &str) -> &'a str {
    let found = explanation.headers.iter().find(|(known, _)| known == name);
    found.map_or("", |(_, value)| value)
}
