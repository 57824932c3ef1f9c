//! Reading a body within its limits: bytes, silence, deadline; undoing content encodings nobody asked for.

pub(crate) mod decode;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use limpid_domain::failure::{AttemptFailure, LimitBreach, Reason};
use limpid_domain::ids::TenantId;

use crate::attempt::{Attempt, AttemptResult, failure, micros_since};
use crate::byte_budget::{ByteBudget, ByteLoan};
use crate::exchange::io_cause;
use crate::trace::{BEGINNING_BYTES, FetchTrace};
use crate::transport::Connection;
use crate::transport::pool::{Authority, Pool};
use decode::Decoder;

/// A body on the wire. Dropping it before its end closes the connection; at its end the connection is kept.
#[derive(Debug)]
pub(crate) struct Body {
    incoming: Incoming,
    pool: Arc<Pool>,
    authority: Authority,
    connection: Connection,
}

/// How much of a body may be read, and how patiently.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits<'a> {
    /// Where its memory comes from.
    pub(crate) budget: &'a ByteBudget,
    /// Whose original it is.
    pub(crate) tenant: TenantId,
    /// Largest acceptable body, encoded or not. Units: bytes.
    pub(crate) max_bytes: u64,
    /// Longest silence.
    pub(crate) idle_timeout: Duration,
}

/// A body that was read, and the memory it has.
#[derive(Debug)]
pub(crate) struct Read {
    /// All of it.
    pub(crate) bytes: Bytes,
    /// Given back when it is dropped.
    pub(crate) loan: ByteLoan,
}

/// What a body of unknown length takes of the memory for originals at first; then as much again, again and again. Units: bytes.
const FIRST_LOAN: u64 = 256 * 1024;

/// Bodies below this are collected without asking for memory twice; a declared length above it is not believed at once.
const MAX_TRUSTED_CAPACITY: u64 = 1 << 20;

/// How long an error page may take. It only decorates a failure that is known already.
const EXCERPT_TIMEOUT: Duration = Duration::from_millis(500);

impl Body {
    /// A body that returns `connection` to `pool` when it has been read to its end.
    pub(crate) fn new(
        incoming: Incoming,
        pool: Arc<Pool>,
        authority: Authority,
        connection: Connection,
    ) -> Self {
        Self {
            incoming,
            pool,
            authority,
            connection,
        }
    }

    /// Reads the whole body of a good answer.
    ///
    /// Errors: `source_too_large`, `body_stalled`, `body_incomplete`, `body_empty`, `content_encoding_invalid`, `http_protocol_error`.
    pub(crate) async fn read(
        self,
        headers: &HeaderMap,
        limits: BodyLimits<'_>,
        attempt: &mut Attempt<'_>,
    ) -> AttemptResult<Read> {
        let started = Instant::now();
        let mut seen = Seen::of(attempt.trace);
        let read = self
            .read_and_decode(headers, limits, attempt, &mut seen)
            .await;
        attempt.timings.body_us = Some(micros_since(started));
        attempt
            .trace
            .step("body", read.is_ok(), started, || match &read {
                Ok(read) => format!("{} bytes", read.bytes.len()),
                Err(failed) => why(failed),
            });
        let beginning = read
            .as_ref()
            .map_or(seen.0, |read| Some(read.bytes.clone()));
        attempt.trace.first_bytes(&beginning.unwrap_or_default());
        read
    }

    /// The page under a refusal, as far as it comes at once: what a trace shows the beginning of.
    pub(crate) async fn read_page(self, max_bytes: usize, attempt: &mut Attempt<'_>) -> Bytes {
        let page = self.read_excerpt(max_bytes, attempt).await;
        attempt.trace.first_bytes(&page);
        page
    }

    /// The beginning of an error page, as far as it comes at once. Never fails: the failure is known already.
    pub(crate) async fn read_excerpt(mut self, max_bytes: usize, attempt: &Attempt<'_>) -> Bytes {
        let mut page = BytesMut::new();
        let reading = async {
            while page.len() < max_bytes {
                match self.incoming.frame().await {
                    Some(Ok(frame)) => {
                        page.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
                    }
                    Some(Err(_)) => return false,
                    None => return true,
                }
            }
            self.incoming.is_end_stream()
        };
        let is_complete = attempt.within(EXCERPT_TIMEOUT, reading).await == Ok(true);
        if is_complete {
            self.pool.put(self.authority, self.connection);
        }
        page.truncate(max_bytes);
        page.freeze()
    }

    async fn read_and_decode(
        mut self,
        headers: &HeaderMap,
        limits: BodyLimits<'_>,
        attempt: &Attempt<'_>,
        seen: &mut Seen,
    ) -> AttemptResult<Read> {
        let declared = self.incoming.size_hint().exact();
        if let Some(declared) = declared.filter(|declared| *declared > limits.max_bytes) {
            return Err(too_large(&format!("{declared} bytes"), limits.max_bytes));
        }
        let mut decoder = Decoder::for_answer(headers, limits.max_bytes)?;
        // What is decoded may be larger by any factor.
        let first = match (&decoder, declared) {
            (Some(_), _) => limits.max_bytes,
            (None, Some(declared)) => declared,
            (None, None) => FIRST_LOAN.min(limits.max_bytes),
        };
        let mut loan = limits.take(first, attempt).await?;
        let capacity = declared.unwrap_or(0).min(MAX_TRUSTED_CAPACITY);
        let mut whole = BytesMut::with_capacity(usize::try_from(capacity).unwrap_or(0));
        let mut received: u64 = 0;
        while let Some(frame) = self
            .next_frame(limits.idle_timeout, received, attempt)
            .await?
        {
            received = received.saturating_add(frame.len() as u64);
            seen.add(&frame);
            if received > limits.max_bytes {
                let found = format!("more than {} bytes", limits.max_bytes);
                return Err(too_large(&found, limits.max_bytes));
            }
            while received > loan.bytes() && !loan.is_everything() {
                let more = loan
                    .bytes()
                    .min(limits.max_bytes.saturating_sub(loan.bytes()));
                loan.join(limits.take(more, attempt).await?);
            }
            match &mut decoder {
                Some(decoder) => decoder.feed(&frame).await?,
                None => whole.extend_from_slice(&frame),
            }
        }
        self.pool.put(self.authority, self.connection);
        let bytes = match decoder {
            Some(decoder) => decoder.finish().await?,
            None => whole.freeze(),
        };
        if bytes.is_empty() {
            return Err(failure(Reason::BodyEmpty, "status 200 with 0 bytes"));
        }
        Ok(Read { bytes, loan })
    }

    async fn next_frame(
        &mut self,
        idle_timeout: Duration,
        received: u64,
        attempt: &Attempt<'_>,
    ) -> AttemptResult<Option<Bytes>> {
        loop {
            let frame = match attempt.within(idle_timeout, self.incoming.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return Err(classify(&error, received)),
                Ok(None) => return Ok(None),
                Err(late) if late.waited < idle_timeout => {
                    let note = format!("too slow: time was up after {received} bytes");
                    return Err(failure(Reason::BodyStalled, note));
                }
                Err(late) => {
                    let waited = late.waited.as_millis();
                    let note = format!("silent for {waited} ms after {received} bytes");
                    return Err(failure(Reason::BodyStalled, note));
                }
            };
            // Trailers carry nothing we use.
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }
}

/// The beginning of a body as it came, for a trace of a body that cannot be read to its end.
struct Seen(Option<Bytes>);

impl Seen {
    fn of(trace: &FetchTrace) -> Self {
        Self(trace.is_on().then(Bytes::new))
    }

    fn add(&mut self, frame: &Bytes) {
        if let Some(beginning) = &mut self.0
            && beginning.len() < BEGINNING_BYTES
        {
            *beginning = [&beginning[..], &frame[..]].concat().into();
        }
    }
}

impl BodyLimits<'_> {
    /// Waits for memory, until the deadline of the attempt.
    ///
    /// Errors: `internal`, marked as overload.
    async fn take(&self, bytes: u64, attempt: &Attempt<'_>) -> AttemptResult<ByteLoan> {
        let taking = self.budget.take(self.tenant, bytes);
        attempt
            .within(attempt.remaining(), taking)
            .await
            .map_err(|late| {
                let waited = late.waited.as_millis();
                let note = format!("waited {waited} ms for memory for {bytes} bytes in vain");
                let mut failed = failure(Reason::Internal, note);
                failed.is_overload = true;
                failed
            })
    }
}

/// What ended the reading: the note, or the limit.
fn why(failed: &AttemptFailure) -> String {
    let limit = failed.limit.as_ref();
    let limit = limit.map(|limit| format!("{} exceeds {}", limit.found, limit.allowed));
    failed.note.clone().or(limit).unwrap_or_default()
}

pub(crate) fn too_large(found: &str, max_bytes: u64) -> Box<AttemptFailure> {
    Box::new(
        AttemptFailure::new(Reason::SourceTooLarge).with_limit(LimitBreach {
            name: "input image size".to_owned(),
            found: found.to_owned(),
            allowed: format!("{max_bytes} bytes"),
        }),
    )
}

/// The reason behind an error in the middle of a body.
fn classify(error: &hyper::Error, received: u64) -> Box<AttemptFailure> {
    let broken_framing = io_cause(error).is_some_and(|cause| {
        matches!(
            cause.kind(),
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData
        ) && crate::transport::tls::tls_error(cause).is_none()
    });
    if broken_framing || error.is_parse() {
        let note = format!("broken chunk after {received} bytes");
        return failure(Reason::HttpProtocolError, note);
    }
    let note = format!("connection lost after {received} bytes");
    failure(Reason::BodyIncomplete, note)
}
