//! The peers of the rows, all on loopback, and for each row the origin that leads to its peer.

use std::net::SocketAddr;
use std::time::Duration;

use limpid_domain::origin::{OriginCredentials, OriginLocation};
use rustls::pki_types::CertificateDer;

use super::rows::{Fault, Row, rows};
use crate::dead_ends::{BlackHole, RefusingPort};
use crate::fake_dns::FakeDns;
use crate::fake_origin::FakeOrigin;
use crate::fake_origin::script::Script;
use crate::google_accounts::GoogleAccounts;
use crate::tls_origin::{CertificateKind, TestAuthority, TlsOrigin};

/// Everybody who misbehaves. They stop when dropped.
#[derive(Debug)]
pub struct Peers {
    authority: TestAuthority,
    certificates: Vec<(CertificateKind, &'static str, TlsOrigin)>,
    dns: FakeDns,
    refusing: RefusingPort,
    silent: BlackHole,
    web: FakeOrigin,
    /// Reads what it takes for the head of a request, and waits for more: no TLS ever begins.
    silent_tls: FakeOrigin,
    /// One origin per row that needs an answer of its own, in the order of the rows.
    own: Vec<(String, FakeOrigin)>,
}

impl Peers {
    /// Starts them all.
    pub async fn start() -> Self {
        let authority = TestAuthority::new();
        let dns = FakeDns::start().await;
        let mut certificates = Vec::new();
        let mut own = Vec::new();
        for row in rows() {
            match &row.fault {
                Fault::Certificate(kind, name) => {
                    let origin = authority.start_origin(name, *kind).await;
                    certificates.push((*kind, *name, origin));
                }
                Fault::Name(name, Some(answer)) => dns.set(name, answer.clone()),
                fault => own.extend(
                    answering(fault)
                        .await
                        .map(|origin| (row.id.clone(), origin)),
                ),
            }
        }
        let silent_tls = FakeOrigin::start().await;
        Self {
            certificates,
            authority,
            dns,
            refusing: RefusingPort::reserve(),
            silent: BlackHole::open().await,
            web: FakeOrigin::start().await,
            silent_tls,
            own,
        }
    }

    /// The origin of a row, and what whoever fetches from it must be told.
    pub fn origin(&self, row: &Row) -> FaultyOrigin {
        let plain = |base: String| FaultyOrigin::folder(&base, Surroundings::default());
        match &row.fault {
            Fault::Page(page) => {
                let drips = page == "drip";
                let around = Surroundings {
                    total_timeout: drips.then_some(Duration::from_millis(900)),
                    ..Surroundings::default()
                };
                FaultyOrigin::folder(&self.web.base_url(), around)
            }
            Fault::Answer(_) => plain(own_of(&self.own, &row.id).base_url()),
            Fault::Certificate(kind, name) => {
                let mut known = self.certificates.iter();
                let found = known.find(|(k, n, _)| (k, n) == (kind, name));
                self.over_tls(found.expect("a peer for each row").2.addr())
            }
            Fault::UnknownAuthority => {
                let mut known = self.certificates.iter();
                let good = known.find(|(kind, ..)| *kind == CertificateKind::Good);
                let port = good.expect("a peer for each row").2.addr().port();
                plain(format!("https://localhost:{port}"))
            }
            Fault::NoTls => self.over_tls(self.web.addr()),
            Fault::SilentTls => self.over_tls(self.silent_tls.addr()),
            Fault::Name(name, _) => {
                let around = Surroundings {
                    name_server: Some(self.dns.addr()),
                    ..Surroundings::default()
                };
                FaultyOrigin::folder(&format!("http://{name}"), around)
            }
            Fault::ClosedPort => plain(format!("http://{}", self.refusing.addr())),
            Fault::SilentPort => plain(format!("http://{}", self.silent.addr())),
            // The broadcast address of the loopback network: the kernel knows no route for a connection.
            Fault::NoRoute => plain("http://127.255.255.255:8080".to_owned()),
            store => object_store(store, own_of(&self.own, &row.id)),
        }
    }

    fn over_tls(&self, addr: SocketAddr) -> FaultyOrigin {
        let around = Surroundings {
            root: Some(self.authority.root()),
            ..Surroundings::default()
        };
        FaultyOrigin::folder(&format!("https://localhost:{}", addr.port()), around)
    }
}

/// An origin that leads to a misbehaving peer.
#[derive(Debug, Clone)]
pub struct FaultyOrigin {
    /// Where its files are.
    pub location: OriginLocation,
    /// What opens it.
    pub credentials: OriginCredentials,
    /// What whoever fetches from it must be told.
    pub surroundings: Surroundings,
}

/// Settings of a fetcher that a row needs; unset ones do not matter to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The only name server, asked with a time-out of 300 ms.
    pub name_server: Option<SocketAddr>,
    /// An authority to trust.
    pub root: Option<CertificateDer<'static>>,
    /// Where Azure is.
    pub azure_blob_endpoint: Option<String>,
    /// Where Google's storage is.
    pub google_storage_endpoint: Option<String>,
    /// Where Google grants tokens.
    pub google_token_endpoint: Option<String>,
    /// The longest a fetch may take.
    pub total_timeout: Option<Duration>,
}

impl FaultyOrigin {
    fn folder(base_url: &str, surroundings: Surroundings) -> Self {
        let base_url = base_url.parse().expect("the base URL is one");
        let location = OriginLocation::WebFolder {
            base_url,
            forward_host_header_to_origin: false,
        };
        Self {
            location,
            credentials: OriginCredentials::None,
            surroundings,
        }
    }
}

fn own_of<'a>(own: &'a [(String, FakeOrigin)], id: &str) -> &'a FakeOrigin {
    &own.iter()
        .find(|(known, _)| known == id)
        .expect("a peer for each row")
        .1
}

/// An origin that gives a row's answer to whatever it is asked.
async fn answering(fault: &Fault) -> Option<FakeOrigin> {
    let origin = FakeOrigin::start().await;
    match fault {
        Fault::Answer(script) => origin.answer("/a.jpg", script.clone()),
        Fault::S3OtherEncoding => origin.judge(|request| {
            let exists = request.target == "/pictures/a%20b.jpg";
            let missing = b"<Error><Code>NoSuchKey</Code></Error>";
            Some(if exists {
                // It is asked for with HEAD.
                Script::response(200, &[], b"")
            } else {
                Script::response(404, &[], missing)
            })
        }),
        fault => {
            let (token, other) = answers(fault)?;
            origin.judge(move |request| {
                let is_token = request.target.ends_with("/token");
                Some(if is_token {
                    token.clone()
                } else {
                    other.clone()
                })
            });
        }
    }
    Some(origin)
}

/// What an object store answers to the question for a token, and to every other.
fn answers(fault: &Fault) -> Option<(Script, Script)> {
    let xml = |status, body: String| {
        let kind = [("content-type", "application/xml")];
        Script::response(status, &kind, body.as_bytes())
    };
    let json = |status, body: &str| {
        let kind = [("content-type", "application/json")];
        Script::response(status, &kind, body.as_bytes())
    };
    let azure = |status, code| Script::response(status, &[("x-ms-error-code", code)], b"");
    let akeneo = |status| json(status, &format!("{{\"code\":{status},\"message\":\"no\"}}"));
    let granted = json(200, "{\"access_token\":\"token\",\"expires_in\":3600}");
    let never_asked = json(500, "");
    Some(match fault {
        Fault::S3(status, code, more) => {
            let document = format!("<Error><Code>{code}</Code><Message>no</Message>{more}</Error>");
            (never_asked, xml(*status, document))
        }
        Fault::Azure(status, code) => (never_asked, azure(*status, *code)),
        Fault::AzureEnded => (never_asked, azure(403, "AuthenticationFailed")),
        Fault::Google(status, code, details) => {
            let document =
                format!("<Error><Code>{code}</Code><Details>{details}</Details></Error>");
            (granted, xml(*status, document))
        }
        Fault::GoogleToken(status, body) => (json(*status, body), never_asked),
        Fault::GoogleKey => (never_asked.clone(), never_asked),
        Fault::Akeneo(status) => (granted, akeneo(*status)),
        Fault::AkeneoToken(status) => (akeneo(*status), never_asked),
        _ => return None,
    })
}

fn object_store(fault: &Fault, origin: &FakeOrigin) -> FaultyOrigin {
    let endpoint = origin.base_url();
    let mut surroundings = Surroundings::default();
    let (location, credentials) = match fault {
        Fault::S3(..) | Fault::S3OtherEncoding => (
            OriginLocation::S3Compatible {
                bucket: "pictures".to_owned(),
                prefix: String::new(),
                endpoint: endpoint.parse().expect("the endpoint is a URL"),
                s3_force_path_style: true,
            },
            OriginCredentials::AccessKey {
                access_key: "AKIAMATRIX".into(),
                secret_key: "secret-of-the-matrix".into(),
            },
        ),
        Fault::Azure(..) | Fault::AzureEnded => {
            surroundings.azure_blob_endpoint = Some(endpoint);
            let end = if matches!(fault, Fault::AzureEnded) {
                "2020"
            } else {
                "2099"
            };
            (
                OriginLocation::AzureBlob {
                    account_name: "acmezoo".to_owned(),
                    container: "pictures".to_owned(),
                    prefix: String::new(),
                },
                OriginCredentials::SasToken {
                    sas_token: format!("?se={end}-01-01&sig=signature").into(),
                },
            )
        }
        Fault::Google(..) | Fault::GoogleToken(..) | Fault::GoogleKey => {
            surroundings.google_storage_endpoint = Some(endpoint.clone());
            surroundings.google_token_endpoint = Some(format!("{endpoint}/token"));
            let is_key = !matches!(fault, Fault::GoogleKey);
            let key = if is_key {
                GoogleAccounts::PRIVATE_KEY
            } else {
                "no key"
            };
            (
                OriginLocation::Gcs {
                    bucket: "pictures".to_owned(),
                    prefix: String::new(),
                    client_email: GoogleAccounts::EMAIL.to_owned(),
                },
                OriginCredentials::ServiceAccountKey {
                    private_key: key.into(),
                },
            )
        }
        _ => (
            OriginLocation::AkeneoPim {
                base_url: endpoint.parse().expect("the endpoint is a URL"),
            },
            OriginCredentials::PasswordGrant {
                client_id: "client".into(),
                client_secret: "client-secret".into(),
                username: "user".into(),
                password: "password".into(),
            },
        ),
    };
    FaultyOrigin {
        location,
        credentials,
        surroundings,
    }
}
