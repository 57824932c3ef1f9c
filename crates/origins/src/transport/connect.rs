//! TCP to exactly the addresses the guard has checked, several in a staggered race (RFC 8305).

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use limpid_domain::failure::{AttemptFailure, Reason};
use tokio::net::TcpStream;

use crate::attempt::{Attempt, AttemptResult, failure};

/// Head start of one address over the next. Source: RFC 8305 section 5, "Connection Attempt Delay".
const MAX_HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first of `addresses` that answers, within `limit` for all of them together.
pub(crate) async fn connect(
    addresses: Vec<SocketAddr>,
    limit: Duration,
    attempt: &Attempt<'_>,
) -> AttemptResult<TcpStream> {
    let count = addresses.len();
    // With many addresses the head start shrinks, so that the last one still gets a fair share of the limit.
    let shares = u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
    let head_start = MAX_HEAD_START.min(limit / shares);
    let race = race(interleave(addresses), head_start);
    let stream = match attempt.within(limit, race).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(errors)) => return Err(classify(&errors, count)),
        Err(late) => {
            let waited = late.waited.as_millis();
            let note = format!("none of {count} addresses accepted within {waited} ms");
            return Err(failure(Reason::ConnectionTimeout, note));
        }
    };
    // Requests are single small writes; waiting to fill a segment would only add a delay.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "could not switch off Nagle's algorithm");
    }
    Ok(stream)
}

async fn race(
    mut waiting: VecDeque<SocketAddr>,
    head_start: Duration,
) -> Result<TcpStream, Vec<io::Error>> {
    let mut running = FuturesUnordered::new();
    let mut errors = Vec::new();
    loop {
        match waiting.pop_front() {
            Some(address) => running.push(TcpStream::connect(address)),
            None if running.is_empty() => return Err(errors),
            None => {}
        }
        let next_start = async {
            if waiting.is_empty() {
                std::future::pending::<()>().await;
            } else {
                tokio::time::sleep(head_start).await;
            }
        };
        tokio::select! {
            Some(ended) = running.next() => match ended {
                Ok(stream) => return Ok(stream),
                Err(error) => errors.push(error),
            },
            () = next_start => {}
        }
    }
}

/// Alternates the families, the first one leading, so that a broken family costs one head start and not all of them.
fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let leads_with_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut leading, mut other): (VecDeque<_>, VecDeque<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == leads_with_v6);
    let mut order = VecDeque::with_capacity(leading.len() + other.len());
    while !leading.is_empty() || !other.is_empty() {
        order.extend(leading.pop_front());
        order.extend(other.pop_front());
    }
    order
}

/// The most telling of several errors: a refusal is an answer, a reset too, "unreachable" may be only our missing IPv6.
fn classify(errors: &[io::Error], count: usize) -> Box<AttemptFailure> {
    let any = |kinds: &[io::ErrorKind]| errors.iter().any(|error| kinds.contains(&error.kind()));
    if any(&[io::ErrorKind::ConnectionRefused]) {
        let note = format!("{count} addresses tried, the port is closed");
        return failure(Reason::ConnectionRefused, note);
    }
    if any(&[
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted,
    ]) {
        return failure(Reason::ConnectionReset, "reset while connecting");
    }
    if any(&[io::ErrorKind::TimedOut]) {
        return failure(
            Reason::ConnectionTimeout,
            "the operating system gave up connecting",
        );
    }
    let note = errors
        .first()
        .map_or_else(String::new, |error| error.kind().to_string());
    failure(Reason::NetworkUnreachable, note)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn families_alternate() {
        let order = interleave(vec![
            address("[2001::1]:80"),
            address("[2001::2]:80"),
            address("1.1.1.1:80"),
            address("[2001::3]:80"),
        ]);
        let families: Vec<bool> = order.iter().map(SocketAddr::is_ipv6).collect();
        assert_eq!(families, [true, false, true, true]);
    }

    #[test]
    fn a_refusal_tells_more_than_an_unreachable_network() {
        let errors = [
            io::ErrorKind::NetworkUnreachable.into(),
            io::ErrorKind::ConnectionRefused.into(),
        ];
        assert_eq!(classify(&errors, 2).reason, Reason::ConnectionRefused);
        let errors = [io::ErrorKind::HostUnreachable.into()];
        assert_eq!(classify(&errors, 1).reason, Reason::NetworkUnreachable);
    }
}
