//! A running dashboard for one test.

use std::time::Duration;

use http::Method;
use limpid_dashboard_api::config::{ApiConfig, DEFAULT_HELP};
use limpid_dashboard_api::{DashboardConfig, run};
use limpid_domain::clock::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::Call;

pub(crate) const OPERATOR_KEY: &str = "operator_key_of_the_tests";

/// A dashboard on a free port. Dropped, it stops.
#[derive(Debug)]
pub(crate) struct Dashboard {
    pub(crate) address: String,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Dashboard {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let config = DashboardConfig {
            listener,
            api: ApiConfig {
                operator_key: OPERATOR_KEY.into(),
                serving_url: "http://127.0.0.1:8080/".parse().unwrap(),
                help: DEFAULT_HELP.to_owned(),
                clock: Clock::system(),
            },
            drain_timeout: Duration::from_secs(5),
        };
        let shutdown = CancellationToken::new();
        let tasks = TaskTracker::new();
        let running = run(config, shutdown.clone());
        tasks.spawn(async move { running.await.unwrap() });
        tasks.close();
        Self {
            address,
            shutdown,
            tasks,
        }
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        Call::new(method, &format!("{}{path}", self.address))
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
