//! A scripted web origin on a raw socket: a path per misbehaviour, and a log of what it was asked.
//!
//! Built in (see [`script`]): `/photo.jpg`, `/graphic.png`, `/photo.webp` are good pictures, also below any folder;
//! `/status/<n>`, `/html`, `/json`, `/text`, `/empty`, `/truncated.jpg`, `/short-body`, `/silent`, `/slow-headers`, `/half-head`,
//! `/reset`, `/close`, `/stall-body`, `/reset-body`, `/drip`, `/huge`, `/endless`, `/garbage`, `/broken-chunk`, `/cut-chunk`,
//! `/many-headers`, `/gzip`, `/gzip-cut`, `/gzip-bomb`, `/brotli`, `/challenge`, `/private.jpg`, `/redirect-loop`, `/redirects/<n>`,
//! `/redirect?to=<url>`, `/redirect-nowhere`, `/slow-down?after=<seconds>`. Anything else is 404. Tests add paths of their
//! own with [`FakeOrigin::answer`].

pub mod script;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use script::{Script, Step};

/// Longest request head that is read, and longest body. Units: bytes.
const MAX_HEAD_BYTES: usize = 256 * 1024;

/// A web origin on loopback. Stops when dropped.
#[derive(Debug)]
pub struct FakeOrigin {
    addr: SocketAddr,
    pages: Arc<Pages>,
    _stop: DropGuard,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// `GET`, …
    pub method: String,
    /// The request target, raw: path and query.
    pub target: String,
    /// Header fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Which connection it came over, counted from 0.
    pub connection: usize,
    /// The body, if one was announced.
    pub body: Vec<u8>,
}

/// What the origin answers, and what it was asked.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    requests: Mutex<Vec<ReceivedRequest>>,
    // Several scripts for one target are played one after the other; the last one stays.
    scripts: Mutex<HashMap<String, VecDeque<Script>>>,
    judge: Mutex<Option<Judge>>,
}

/// Answers requests that depend on more than their target; `None` leaves a request to the scripts.
struct Judge(Box<Verdict>);

type Verdict = dyn Fn(&ReceivedRequest) -> Option<Script> + Send + Sync;

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Judge")
    }
}

impl ReceivedRequest {
    /// The first value of a header field; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    fn parse(head: &[u8], connection: usize) -> Option<Self> {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split("\r\n");
        let mut request_line = lines.next()?.split(' ');
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Some(Self {
            method: request_line.next()?.to_owned(),
            target: request_line.next()?.to_owned(),
            headers: headers.collect(),
            connection,
            body: Vec::new(),
        })
    }
}

impl FakeOrigin {
    /// Starts an origin on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let addr = listener
            .local_addr()
            .expect("a bound socket has an address");
        let pages = Arc::new(Pages::default());
        let stop = CancellationToken::new();
        let served = Arc::clone(&pages);
        accept(listener, stop.clone(), move |stream, connection| {
            let pages = Arc::clone(&served);
            async move { pages.serve(stream, connection).await }
        });
        Self {
            addr,
            pages,
            _stop: stop.drop_guard(),
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Answers a target (path and query) with a script. Calling it again for the same target queues the script behind
    /// the earlier ones; the last one is repeated.
    pub fn answer(&self, target: &str, script: Script) {
        self.pages.answer(target, script);
    }

    /// Lets a function look at every request first; where it answers nothing, the scripts do.
    pub fn judge<F>(&self, judge: F)
    where
        F: Fn(&ReceivedRequest) -> Option<Script> + Send + Sync + 'static,
    {
        self.pages.judge(judge);
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.pages.requests()
    }

    /// How many requests named exactly this target.
    pub fn hits(&self, target: &str) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.target == target)
            .count()
    }
}

impl Pages {
    pub(crate) fn answer(&self, target: &str, script: Script) {
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        scripts
            .entry(target.to_owned())
            .or_default()
            .push_back(script);
    }

    pub(crate) fn judge<F>(&self, judge: F)
    where
        F: Fn(&ReceivedRequest) -> Option<Script> + Send + Sync + 'static,
    {
        let mut current = self.judge.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Some(Judge(Box::new(judge)));
    }

    pub(crate) fn requests(&self) -> Vec<ReceivedRequest> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Answers requests on one connection until a script ends it.
    pub(crate) async fn serve<S: Peer>(&self, mut stream: S, connection: usize) {
        while let Some(head) = read_head(&mut stream).await {
            let Some(mut request) = ReceivedRequest::parse(&head, connection) else {
                return;
            };
            let announced = request.header("content-length");
            let announced: usize = announced.and_then(|n| n.parse().ok()).unwrap_or(0);
            request.body.resize(announced.min(MAX_HEAD_BYTES), 0);
            if stream.read_exact(&mut request.body).await.is_err() {
                return;
            }
            let script = self.script_for(&request);
            self.requests
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(request);
            if !play(&mut stream, script).await {
                return;
            }
        }
    }

    fn script_for(&self, request: &ReceivedRequest) -> Script {
        let judge = self.judge.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(judged) = judge.as_ref().and_then(|judge| judge.0(request)) {
            return judged;
        }
        drop(judge);
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        let added = scripts.get_mut(&request.target).and_then(|queue| {
            if queue.len() > 1 {
                queue.pop_front()
            } else {
                queue.front().cloned()
            }
        });
        let script = added.unwrap_or_else(|| script::built_in(&request.target));
        if request.method == "HEAD" {
            return script.without_body();
        }
        script
    }
}

/// A stream whose connection can be reset.
pub(crate) trait Peer: AsyncRead + AsyncWrite + Unpin + Send {
    /// Makes closing the connection send a reset.
    fn reset_on_close(&self);
}

impl Peer for TcpStream {
    fn reset_on_close(&self) {
        self.set_zero_linger().expect("the socket is open");
    }
}

impl Peer for tokio_rustls::server::TlsStream<TcpStream> {
    fn reset_on_close(&self) {
        self.get_ref().0.reset_on_close();
    }
}

/// Hands every connection to `serve`, until `stop` is cancelled; then drops them all.
pub(crate) fn accept<F, W>(listener: TcpListener, stop: CancellationToken, serve: F)
where
    F: Fn(TcpStream, usize) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let tracker = TaskTracker::new();
    let connections = tracker.clone();
    tracker.spawn(async move {
        for count in 0.. {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.cancelled() => return,
            };
            let Ok((stream, _)) = accepted else { return };
            let served = serve(stream, count);
            let stop = stop.clone();
            connections.spawn(async move {
                tokio::select! {
                    () = served => {}
                    () = stop.cancelled() => {}
                }
            });
        }
    });
}

async fn read_head<S: Peer>(stream: &mut S) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while head.len() < MAX_HEAD_BYTES {
        head.push(stream.read_u8().await.ok()?);
        if head.ends_with(b"\r\n\r\n") {
            return Some(head);
        }
    }
    None
}

/// Plays a script; whether the connection is kept.
async fn play<S: Peer>(stream: &mut S, script: Script) -> bool {
    for step in script.steps {
        match step {
            Step::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                    return false;
                }
            }
            Step::Pause(duration) => tokio::time::sleep(duration).await,
            Step::Stall => std::future::pending::<()>().await,
            Step::Reset => {
                stream.reset_on_close();
                return false;
            }
        }
    }
    if !script.keep_alive {
        // The other side may have closed already.
        let _already_closed = stream.shutdown().await;
    }
    script.keep_alive
}
