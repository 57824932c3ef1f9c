//! The fake origin behind TLS, with good and bad certificates from an authority of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use chrono::{Datelike, TimeDelta};
use limpid_domain::clock::Clock;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fake_origin::script::Script;
use crate::fake_origin::{Pages, ReceivedRequest, accept};

/// A certificate authority of one test.
#[derive(Debug)]
pub struct TestAuthority {
    params: CertificateParams,
    key: KeyPair,
    root: CertificateDer<'static>,
}

/// What kind of certificate a server shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateKind {
    /// For these names, valid now.
    Good,
    /// Valid for so many more days, and part of another one.
    Ending(u16),
    /// Was valid until 2020.
    Expired,
    /// Will be valid from 2090.
    NotYetValid,
    /// Signed by itself.
    SelfSigned,
    /// For clients only.
    ClientOnly,
}

/// A [`crate::fake_origin::FakeOrigin`] behind TLS. Stops when dropped.
#[derive(Debug)]
pub struct TlsOrigin {
    addr: SocketAddr,
    pages: Arc<Pages>,
    _stop: DropGuard,
}

impl TestAuthority {
    /// A fresh authority.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Limpid test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key can be generated");
        let root = params
            .self_signed(&key)
            .expect("the parameters are complete");
        Self {
            root: root.der().clone(),
            params,
            key,
        }
    }

    /// The certificate to trust.
    pub fn root(&self) -> CertificateDer<'static> {
        self.root.clone()
    }

    /// Starts an origin on a free port of 127.0.0.1 whose certificate is for `name`.
    pub async fn start_origin(&self, name: &str, kind: CertificateKind) -> TlsOrigin {
        let config = self.server_config(name, kind);
        let acceptor = TlsAcceptor::from(Arc::new(config));
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
            let (pages, acceptor) = (Arc::clone(&served), acceptor.clone());
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    pages.serve(stream, connection).await;
                }
            }
        });
        TlsOrigin {
            addr,
            pages,
            _stop: stop.drop_guard(),
        }
    }

    fn server_config(&self, name: &str, kind: CertificateKind) -> ServerConfig {
        let mut params =
            CertificateParams::new(vec![name.to_owned()]).expect("the name is a DNS name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = date_time_ymd(2010, 1, 1);
        match kind {
            CertificateKind::Good | CertificateKind::SelfSigned => {}
            CertificateKind::Ending(days) => {
                // At midnight, so that a part of a day is left as well.
                let end = Clock::system().now() + TimeDelta::days(i64::from(days) + 1);
                let of_two_digits = |number: u32| u8::try_from(number).expect("at most 31");
                let (month, day) = (of_two_digits(end.month()), of_two_digits(end.day()));
                params.not_after = date_time_ymd(end.year(), month, day);
            }
            CertificateKind::Expired => params.not_after = date_time_ymd(2020, 1, 1),
            CertificateKind::NotYetValid => params.not_before = date_time_ymd(2090, 1, 1),
            CertificateKind::ClientOnly => {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            }
        }
        let key = KeyPair::generate().expect("a key can be generated");
        let signed = if kind == CertificateKind::SelfSigned {
            params.self_signed(&key)
        } else {
            params.signed_by(&key, &Issuer::from_params(&self.params, &self.key))
        };
        let certificate = signed.expect("the parameters are complete").der().clone();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring offers the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("key and certificate belong together")
    }
}

impl Default for TestAuthority {
    fn default() -> Self {
        Self::new()
    }
}

impl TlsOrigin {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers a target with a script, see [`crate::fake_origin::FakeOrigin::answer`].
    pub fn answer(&self, target: &str, script: Script) {
        self.pages.answer(target, script);
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.pages.requests()
    }
}
