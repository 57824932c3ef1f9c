//! The variables by which a machine says where its credentials are.

use std::net::IpAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use url::{Host, Url};

use super::Keys;
use crate::config::AllowedAddress;

/// Source: ECS developer guide, "Task IAM role".
const TASK_ENDPOINT: &str = "http://169.254.170.2";

/// Source: EC2 user guide, "Use the Instance Metadata Service".
const INSTANCE: &str = "http://169.254.169.254";

/// Addresses a container endpoint may have over plain HTTP. Source: SDKs and tools reference guide, "Container credential provider".
const PLAIN_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// Where the machine's own AWS credentials come from: keys in the environment, a role by web identity, the container's
/// endpoint, the instance's metadata service; the first one that is set up decides.
#[derive(Debug, Clone)]
pub struct AmbientSources {
    pub(super) keys: Option<Keys>,
    pub(super) web_identity: Option<WebIdentity>,
    pub(super) container: Option<Container>,
    pub(super) instance: Option<Url>,
}

/// A role to be assumed with a token in a file.
#[derive(Debug, Clone)]
pub(super) struct WebIdentity {
    pub(super) token_file: PathBuf,
    pub(super) role_arn: String,
    pub(super) session_name: String,
    pub(super) sts: Url,
}

/// An endpoint that answers the container's credentials.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) url: Url,
    pub(super) authorization: Option<Authorization>,
}

/// What the container endpoint wants to see.
#[derive(Debug, Clone)]
pub(super) enum Authorization {
    Token(SecretString),
    File(PathBuf),
}

/// A variable names a place that cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem}")]
pub struct InvalidAmbientSource {
    variable: &'static str,
    problem: &'static str,
}

impl AmbientSources {
    /// Reads the variables every AWS library reads; `variable` looks one up.
    ///
    /// # Errors
    ///
    /// [`InvalidAmbientSource`], the operator's to fix.
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, InvalidAmbientSource> {
        let text = |name: &str| variable(name).filter(|text| !text.is_empty());
        let keys = match (text("AWS_ACCESS_KEY_ID"), text("AWS_SECRET_ACCESS_KEY")) {
            (Some(access_key), Some(secret_key)) => Some(Keys {
                access_key: access_key.into(),
                secret_key: secret_key.into(),
                session_token: text("AWS_SESSION_TOKEN").map(Into::into),
                ends_at: None,
            }),
            _ => None,
        };
        let is_off = text("AWS_EC2_METADATA_DISABLED")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let instance = match text("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
            _ if is_off => None,
            Some(named) => Some(url("AWS_EC2_METADATA_SERVICE_ENDPOINT", &named)?),
            None => Some(url("the metadata service", INSTANCE)?),
        };
        Ok(Self {
            keys,
            web_identity: web_identity(&text)?,
            container: container(&text)?,
            instance,
        })
    }

    /// The addresses the guard exempts for these sources, and for nothing else.
    pub(super) fn addresses(&self) -> Vec<AllowedAddress> {
        let urls = [
            self.web_identity.as_ref().map(|identity| &identity.sts),
            self.container.as_ref().map(|container| &container.url),
            self.instance.as_ref(),
        ];
        urls.into_iter()
            .flatten()
            .flat_map(|url| {
                let port = url.port_or_known_default();
                addresses_of(url)
                    .into_iter()
                    .map(move |address| AllowedAddress {
                        net: address.into(),
                        port,
                    })
            })
            .collect()
    }
}

fn web_identity(
    text: &impl Fn(&str) -> Option<String>,
) -> Result<Option<WebIdentity>, InvalidAmbientSource> {
    let (Some(token_file), Some(role_arn)) =
        (text("AWS_WEB_IDENTITY_TOKEN_FILE"), text("AWS_ROLE_ARN"))
    else {
        return Ok(None);
    };
    let sts = match (
        text("AWS_ENDPOINT_URL_STS"),
        text("AWS_REGION").or_else(|| text("AWS_DEFAULT_REGION")),
    ) {
        (Some(named), _) => named,
        (None, Some(region)) => format!("https://sts.{region}.amazonaws.com"),
        (None, None) => "https://sts.amazonaws.com".to_owned(),
    };
    Ok(Some(WebIdentity {
        token_file: token_file.into(),
        role_arn,
        session_name: text("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "limpid".to_owned()),
        sts: url("AWS_ENDPOINT_URL_STS", &sts)?,
    }))
}

fn container(
    text: &impl Fn(&str) -> Option<String>,
) -> Result<Option<Container>, InvalidAmbientSource> {
    const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    let url = match (text(RELATIVE), text(FULL)) {
        (Some(path), _) if path.starts_with('/') => {
            url(RELATIVE, &format!("{TASK_ENDPOINT}{path}"))?
        }
        (Some(_), _) => {
            return Err(InvalidAmbientSource {
                variable: RELATIVE,
                problem: "must begin with a slash",
            });
        }
        (None, Some(named)) => {
            let named = url(FULL, &named)?;
            let is_local = !addresses_of(&named).is_empty()
                && addresses_of(&named).iter().all(|address| {
                    address.is_loopback() || PLAIN_HOSTS.contains(&address.to_string().as_str())
                });
            if named.scheme() != "https" && !is_local {
                return Err(InvalidAmbientSource {
                    variable: FULL,
                    problem: "must be https, or an address on this machine",
                });
            }
            named
        }
        (None, None) => return Ok(None),
    };
    let file = text("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    let token = text("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    let authorization = file
        .map(|path| Authorization::File(path.into()))
        .or_else(|| token.map(|token| Authorization::Token(token.into())));
    Ok(Some(Container { url, authorization }))
}

/// The addresses a host stands for without a name server.
fn addresses_of(url: &Url) -> Vec<IpAddr> {
    match url.host() {
        Some(Host::Ipv4(address)) => vec![address.into()],
        Some(Host::Ipv6(address)) => vec![address.into()],
        Some(Host::Domain("localhost")) => vec![
            std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::Ipv6Addr::LOCALHOST.into(),
        ],
        _ => Vec::new(),
    }
}

fn url(variable: &'static str, text: &str) -> Result<Url, InvalidAmbientSource> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or(InvalidAmbientSource {
            variable,
            problem: "is no http or https URL",
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<AmbientSources, InvalidAmbientSource> {
        AmbientSources::from_variables(|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_usual_variables_are_read() {
        let nothing = read(&[]).unwrap();
        assert_eq!(
            nothing.instance.unwrap().as_str(),
            "http://169.254.169.254/"
        );
        assert!(nothing.keys.is_none() && nothing.container.is_none());
        let task = read(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")]).unwrap();
        let container = task.container.unwrap();
        assert_eq!(container.url.as_str(), "http://169.254.170.2/v2/x");
        let off = read(&[("AWS_EC2_METADATA_DISABLED", "true")]).unwrap();
        assert!(off.instance.is_none());
        let role = read(&[
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
            ("AWS_ROLE_ARN", "arn:aws:iam::1:role/x"),
            ("AWS_REGION", "eu-central-1"),
        ]);
        let role = role.unwrap().web_identity.unwrap();
        assert_eq!(role.sts.as_str(), "https://sts.eu-central-1.amazonaws.com/");
        assert!(
            read(&[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "")])
                .unwrap()
                .keys
                .is_none()
        );
    }

    #[test]
    fn a_container_endpoint_is_on_this_machine_or_behind_tls() {
        let full = |uri| read(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)]).map(|_| ());
        for uri in [
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://127.0.0.1:9000/",
            "http://localhost/",
            "https://keys.example/",
        ] {
            assert!(full(uri).is_ok(), "{uri}");
        }
        for uri in [
            "http://keys.example/",
            "http://10.0.0.5/",
            "ftp://127.0.0.1/",
            "x",
        ] {
            assert!(full(uri).is_err(), "{uri}");
        }
        assert!(read(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.example/")]).is_err());
    }

    #[test]
    fn only_the_addresses_of_the_sources_are_exempt() {
        let sources = read(&[(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "http://127.0.0.1:9000/",
        )]);
        let shown: Vec<String> = sources
            .unwrap()
            .addresses()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(shown, ["127.0.0.1/32:9000", "169.254.169.254/32:80"]);
    }
}
