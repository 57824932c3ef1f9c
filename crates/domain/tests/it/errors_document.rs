//! `docs/ERRORS.md` is generated from the table. `LIMPID_UPDATE_DOCS=1 cargo test -p limpid-domain` writes it.

use std::fmt::Write as _;
use std::path::PathBuf;

use limpid_domain::failure::reason::{SentenceRule, TABLE};
use limpid_domain::failure::{
    DetailLevel, FailureCode, NegativeTtl, ReasonRow, RetryRule, SentenceSubject, sentence,
};
use limpid_domain::origin::OriginKind;

#[test]
fn the_errors_document_equals_the_table() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/ERRORS.md");
    let generated = document();
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of this test, not configuration"
    )]
    if std::env::var("LIMPID_UPDATE_DOCS").is_ok() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "docs/ERRORS.md is out of date: run LIMPID_UPDATE_DOCS=1 cargo test --release -p limpid-domain"
    );
}

fn document() -> String {
    let mut out = String::from(
        "# Errors: codes and reasons\n\n\
         <!-- Generated from crates/domain/src/failure/reason/table.rs; do not edit. -->\n\n\
         When an image cannot be delivered the answer is `404 Not Found` (or `400 Bad Request` for a limit) with\n\
         `ik-error: CODE - sentence`, `ik-error-reason: <reason>`, `ik-request-id`, `ik-event-id` and `Proxy-Status`. The code says\n\
         which family the failure belongs to, the reason says exactly what happened. Reasons are never renamed.\n\n\
         Where a web proxy is attached to the URL endpoint only the code and a generic sentence are sent, so that nobody scans\n\
         networks through it; the reason is in the dashboard, and in the answer to a request with a\n\
         [debug token](API.md#debug-tokens), which is told everything in `ik-error-detail`.\n",
    );
    for code in FailureCode::ALL {
        write!(
            out,
            "\n- [{code}](#{}): {}",
            code.as_str().to_lowercase(),
            family(code)
        )
        .unwrap();
    }
    out.push('\n');
    for code in FailureCode::ALL {
        write!(
            out,
            "\n## {code}\n\nStatus {}. {}\n",
            code.http_status(),
            family(code)
        )
        .unwrap();
        for row in TABLE.iter().filter(|row| row.code == code) {
            push_row(&mut out, row);
        }
    }
    out.push_str(
        "\n## Answers that are no origin failure\n\n\
         | code | status | when |\n|---|---|---|\n\
         | `EINVAL` | 400 | the URL or the transformation is malformed; the sentence names the parameter |\n\
         | `EUNSIGNED` | 401 | the signature is missing, wrong or expired |\n\
         | `EFORBIDDEN` | 403 | the referrer, address or user agent is blocked |\n\
         | `EBUSY` | 429, 503 | over the tenant's rate, or the server is overloaded or cannot record failures |\n",
    );
    out
}

fn family(code: FailureCode) -> &'static str {
    match code {
        FailureCode::Enoent => "Nothing was found at the resolved path.",
        FailureCode::Eacces => "The origin refuses us, or our own policy refuses the origin.",
        FailureCode::Elimit => "A limit of the source, the output or the processing was exceeded.",
        FailureCode::Econnrefused => "No usable answer came from the origin.",
        FailureCode::Unidentified => "An answer came, but nothing could be made of it.",
    }
}

fn push_row(out: &mut String, row: &ReasonRow) {
    let retry = match row.retry {
        RetryRule::Never => "no",
        RetryRule::Once => "once",
        RetryRule::RetryAfterIfShort => "after a short Retry-After",
    };
    let ttl = match row.negative_ttl {
        NegativeTtl::For(time) if time.is_zero() => "not repeated from cache".to_owned(),
        NegativeTtl::For(time) => format!("{} s", time.as_secs()),
        NegativeTtl::RetryAfterAtMost(time) => format!("Retry-After, at most {} s", time.as_secs()),
        NegativeTtl::UntilProbe => "until the probe".to_owned(),
    };
    let wire = match row.sentence {
        SentenceRule::Limit => "<limit>: <found> exceeds <allowed>".to_owned(),
        SentenceRule::Fixed(text) => text.to_owned(),
        SentenceRule::PerOriginKind => {
            let about = SentenceSubject {
                kind: Some(OriginKind::WebFolder),
                ..SentenceSubject::default()
            };
            format!(
                "{} (web folder; each origin kind has its own)",
                sentence(row.reason, &about, DetailLevel::Reason)
            )
        }
    };
    write!(
        out,
        "\n### {name}\n\n**{title}.** {meaning}\n\n**What to do:** {advice}\n\n\
         | sentence | stage | who acts | retry | negative cache | Proxy-Status |\n|---|---|---|---|---|---|\n\
         | `{code} - {wire}` | {stage} | {blame} | {retry} | {ttl} | {proxy} |\n",
        name = row.name,
        title = row.title,
        meaning = row.meaning,
        advice = row
            .advice
            .replace('<', "&lt;")
            .replace('{', "`{")
            .replace('}', "}`"),
        code = row.code,
        stage = row.stage.as_str(),
        blame = row.blame.as_str(),
        proxy = row.proxy_status.unwrap_or("-"),
    ).unwrap();
}
