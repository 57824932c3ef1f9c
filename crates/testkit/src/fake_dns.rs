//! A name server on loopback (UDP) that says what a test wants, or nothing.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_AAAA: u16 = 28;
const CODE_SERVER_FAILURE: u8 = 2;
const CODE_NO_SUCH_NAME: u8 = 3;
const CODE_REFUSED: u8 = 5;

/// A name server. Stops when dropped.
#[derive(Debug)]
pub struct FakeDns {
    addr: SocketAddr,
    zone: Arc<Zone>,
    _stop: DropGuard,
}

/// What the server answers about a name.
#[derive(Debug, Clone)]
pub enum DnsAnswer {
    /// These addresses, with a TTL of 0.
    Addresses(Vec<IpAddr>),
    /// The first answers one after the other, one per lookup (of A and AAAA together); the last one stays.
    Rebinding(Vec<Vec<IpAddr>>),
    /// The name is another name for this one, which has these addresses.
    Alias(String, Vec<IpAddr>),
    /// The name exists, without addresses.
    NoData,
    /// SERVFAIL.
    ServerFailure,
    /// REFUSED.
    Refused,
    /// Silence.
    Silence,
    /// Bytes that are no DNS message.
    Garbage,
}

#[derive(Debug, Default)]
struct Zone {
    answers: Mutex<HashMap<String, DnsAnswer>>,
    questions: Mutex<HashMap<(String, u16), usize>>,
}

impl FakeDns {
    /// Starts a server that knows no name.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let addr = socket.local_addr().expect("a bound socket has an address");
        let zone = Arc::new(Zone::default());
        let stop = CancellationToken::new();
        let (served, stopped) = (Arc::clone(&zone), stop.clone());
        TaskTracker::new().spawn(async move {
            tokio::select! {
                () = served.serve(&socket) => {}
                () = stopped.cancelled() => {}
            }
        });
        Self {
            addr,
            zone,
            _stop: stop.drop_guard(),
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sets what it says about a name (lower case, without a dot at the end).
    pub fn set(&self, name: &str, answer: DnsAnswer) {
        let mut answers = lock(&self.zone.answers);
        answers.insert(name.to_owned(), answer);
    }

    /// How often the addresses of a name were asked for: questions of type A.
    pub fn questions(&self, name: &str) -> usize {
        let questions = lock(&self.zone.questions);
        questions
            .get(&(name.to_owned(), TYPE_A))
            .copied()
            .unwrap_or(0)
    }
}

impl Zone {
    async fn serve(&self, socket: &UdpSocket) {
        let mut packet = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut packet).await {
            let question = packet.get(..length).and_then(Question::parse);
            let reply = question.and_then(|question| self.reply(&question));
            if let Some(reply) = reply {
                // Whoever asked may be gone.
                let _nobody_waits = socket.send_to(&reply, peer).await;
            }
        }
    }

    fn reply(&self, question: &Question<'_>) -> Option<Vec<u8>> {
        let nth = {
            let mut questions = lock(&self.questions);
            let count = questions
                .entry((question.name.clone(), question.kind))
                .or_default();
            *count += 1;
            *count - 1
        };
        let answer = lock(&self.answers).get(&question.name).cloned();
        Some(match answer {
            None => question.error(CODE_NO_SUCH_NAME),
            Some(DnsAnswer::Silence) => return None,
            Some(DnsAnswer::Garbage) => b"not a DNS message".to_vec(),
            Some(DnsAnswer::NoData) => question.addresses(&[]),
            Some(DnsAnswer::ServerFailure) => question.error(CODE_SERVER_FAILURE),
            Some(DnsAnswer::Refused) => question.error(CODE_REFUSED),
            Some(DnsAnswer::Addresses(addresses)) => question.addresses(&addresses),
            Some(DnsAnswer::Alias(target, addresses)) => question.alias(&target, &addresses),
            Some(DnsAnswer::Rebinding(answers)) => {
                let answer = answers.get(nth).or(answers.last())?;
                question.addresses(answer)
            }
        })
    }
}

/// A question as it arrived.
struct Question<'a> {
    id: [u8; 2],
    name: String,
    kind: u16,
    /// The question section, repeated in the answer.
    section: &'a [u8],
}

impl<'a> Question<'a> {
    /// Source: RFC 1035 section 4.1.
    fn parse(packet: &'a [u8]) -> Option<Self> {
        let id = [*packet.first()?, *packet.get(1)?];
        let body = packet.get(12..)?;
        let mut labels = Vec::new();
        let mut at = 0;
        loop {
            let length = usize::from(*body.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            let label = body.get(at..at + length)?;
            labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
            at += length;
        }
        let kind = u16::from_be_bytes([*body.get(at)?, *body.get(at + 1)?]);
        Some(Self {
            id,
            name: labels.join("."),
            kind,
            section: body.get(..at + 4)?,
        })
    }

    fn error(&self, code: u8) -> Vec<u8> {
        self.message(code, &[])
    }

    fn addresses(&self, addresses: &[IpAddr]) -> Vec<u8> {
        let records: Vec<Vec<u8>> = self
            .data(addresses)
            .map(|data| record(NAME_OF_THE_QUESTION, self.kind, &data))
            .collect();
        self.message(0, &records)
    }

    fn alias(&self, target: &str, addresses: &[IpAddr]) -> Vec<u8> {
        let target = encoded(target);
        let mut records = vec![record(NAME_OF_THE_QUESTION, TYPE_CNAME, &target)];
        let addresses = self.data(addresses);
        records.extend(addresses.map(|data| record(&target, self.kind, &data)));
        self.message(0, &records)
    }

    /// The addresses of the kind that was asked for.
    fn data<'b>(&self, addresses: &'b [IpAddr]) -> impl Iterator<Item = Vec<u8>> + use<'b> {
        let kind = self.kind;
        addresses
            .iter()
            .filter_map(move |address| match (address, kind) {
                (IpAddr::V4(v4), TYPE_A) => Some(v4.octets().to_vec()),
                (IpAddr::V6(v6), TYPE_AAAA) => Some(v6.octets().to_vec()),
                _ => None,
            })
    }

    fn message(&self, code: u8, records: &[Vec<u8>]) -> Vec<u8> {
        let count = u16::try_from(records.len()).expect("a handful of addresses");
        let mut message = self.id.to_vec();
        // Response, recursion desired and available.
        message.extend_from_slice(&[0x81, 0x80 | code, 0, 1]);
        message.extend_from_slice(&count.to_be_bytes());
        message.extend_from_slice(&[0, 0, 0, 0]);
        message.extend_from_slice(self.section);
        for record in records {
            message.extend_from_slice(record);
        }
        message
    }
}

/// A pointer to offset 12, where the question's name is.
const NAME_OF_THE_QUESTION: &[u8] = &[0xc0, 12];

/// A record of class IN with TTL 0.
fn record(name: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let mut record = name.to_vec();
    record.extend_from_slice(&kind.to_be_bytes());
    record.extend_from_slice(&[0, 1, 0, 0, 0, 0]);
    let length = u16::try_from(data.len()).expect("an address or a short name");
    record.extend_from_slice(&length.to_be_bytes());
    record.extend_from_slice(data);
    record
}

/// A name in labels.
fn encoded(name: &str) -> Vec<u8> {
    let mut encoded = Vec::new();
    for label in name.split('.') {
        encoded.push(u8::try_from(label.len()).expect("a label is short"));
        encoded.extend_from_slice(label.as_bytes());
    }
    encoded.push(0);
    encoded
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
