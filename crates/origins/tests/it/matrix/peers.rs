//! The peers of the rows, all on loopback, and an origin of the right kind for each.

use std::net::SocketAddr;
use std::time::Duration;

use limpid_domain::origin::{OriginCredentials, OriginLocation};
use limpid_origins::{DnsConfig, FetchConfig};
use limpid_testkit::dead_ends::{BlackHole, RefusingPort};
use limpid_testkit::fake_dns::FakeDns;
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::Script;
use limpid_testkit::google_accounts::GoogleAccounts;
use limpid_testkit::tls_origin::{CertificateKind, TestAuthority, TlsOrigin};

use super::rows::{Fault, Row, rows};
use crate::fetching::{Fetching, config, folder};

/// Everybody who misbehaves.
#[derive(Debug)]
pub(super) struct Peers {
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
    pub(super) async fn start() -> Self {
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

    /// The origin of a row, with a fetcher of its own: no kept connection, no remembered token.
    pub(super) fn fetching(&self, row: &Row) -> Fetching {
        match &row.fault {
            Fault::Page(page) => {
                let mut config = config();
                if page == "drip" {
                    config.total_timeout = Duration::from_millis(900);
                }
                Fetching::with_config(folder(&self.web.base_url()), config)
            }
            Fault::Answer(_) => Fetching::folder(&own_of(&self.own, &row.id).base_url()),
            Fault::Certificate(kind, name) => {
                let found = self
                    .certificates
                    .iter()
                    .find(|(k, n, _)| (k, n) == (kind, name));
                self.over_tls(found.unwrap().2.addr())
            }
            Fault::UnknownAuthority => {
                let good = |(kind, ..): &&(CertificateKind, _, _)| *kind == CertificateKind::Good;
                let port = self.certificates.iter().find(good).unwrap().2.addr().port();
                Fetching::folder(&format!("https://localhost:{port}"))
            }
            Fault::NoTls => self.over_tls(self.web.addr()),
            Fault::SilentTls => self.over_tls(self.silent_tls.addr()),
            Fault::Name(name, _) => {
                let mut config = config();
                config.dns = DnsConfig {
                    servers: vec![self.dns.addr()],
                    timeout: Duration::from_millis(300),
                };
                Fetching::with_config(folder(&format!("http://{name}")), config)
            }
            Fault::Proxied(_) => {
                let mut config = config();
                config.allow_addresses.clear();
                Fetching::with_config(OriginLocation::WebProxy, config)
            }
            Fault::Unreadable => {
                let mut fetching = Fetching::folder(&self.web.base_url());
                fetching.credentials = OriginCredentials::Unreadable;
                fetching
            }
            Fault::ClosedPort => Fetching::folder(&format!("http://{}", self.refusing.addr())),
            Fault::SilentPort => Fetching::folder(&format!("http://{}", self.silent.addr())),
            // The broadcast address of the loopback network: the kernel knows no route for a connection.
            Fault::NoRoute => Fetching::folder("http://127.255.255.255:8080"),
            store => object_store(store, own_of(&self.own, &row.id)),
        }
    }

    fn over_tls(&self, addr: SocketAddr) -> Fetching {
        let config = FetchConfig {
            extra_roots: vec![self.authority.root()],
            ..config()
        };
        let base = format!("https://localhost:{}", addr.port());
        Fetching::with_config(folder(&base), config)
    }
}

fn own_of<'a>(own: &'a [(String, FakeOrigin)], id: &str) -> &'a FakeOrigin {
    &own.iter().find(|(known, _)| known == id).unwrap().1
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

fn object_store(fault: &Fault, origin: &FakeOrigin) -> Fetching {
    let endpoint = origin.base_url();
    let mut config = config();
    let (location, credentials) = match fault {
        Fault::S3(..) | Fault::S3OtherEncoding => (
            OriginLocation::S3Compatible {
                bucket: "pictures".to_owned(),
                prefix: String::new(),
                endpoint: endpoint.parse().unwrap(),
                s3_force_path_style: true,
            },
            OriginCredentials::AccessKey {
                access_key: "AKIAMATRIX".into(),
                secret_key: "secret-of-the-matrix".into(),
            },
        ),
        Fault::Azure(..) | Fault::AzureEnded => {
            config.azure_blob_endpoint = Some(endpoint.parse().unwrap());
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
            config.google_storage_endpoint = Some(endpoint.parse().unwrap());
            config.google_token_endpoint = Some(format!("{endpoint}/token").parse().unwrap());
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
                base_url: endpoint.parse().unwrap(),
            },
            OriginCredentials::PasswordGrant {
                client_id: "client".into(),
                client_secret: "client-secret".into(),
                username: "user".into(),
                password: "password".into(),
            },
        ),
    };
    let mut fetching = Fetching::with_config(location, config);
    fetching.credentials = credentials;
    fetching
}
