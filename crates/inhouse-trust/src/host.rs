//! Whom a browser may be talking for: the Host allow-list, which stops DNS rebinding, and the Origin rule, which stops cross-site
//! requests. Both look at header values only, and hold for every path.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The names under which this server may be addressed. Any IP literal and `localhost` always may.
#[derive(Debug, Clone)]
pub struct HostRule {
    names: BTreeSet<String>,
}

/// Why a request's Host is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// There is no Host header (RFC 9112 section 3.2 demands one).
    #[error("the request has no host header")]
    Missing,
    /// There are several.
    #[error("the request has several host headers")]
    Several,
    /// It is not a name or IP literal with an optional port.
    #[error("the host header is not a host name or address")]
    Malformed,
    /// This one, in lower case, is well formed and not ours.
    #[error("host {0} is not served here: list it in allowed_hosts or public_url")]
    NotAllowed(String),
}

impl HostRule {
    /// Takes the names of `allowed_hosts`, the host of `public_url` and the machine's own names, without ports.
    pub fn new<'a>(
        allowed_hosts: impl IntoIterator<Item = &'a str>,
        public_url_host: Option<&'a str>,
        machine_names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let names = allowed_hosts.into_iter().chain(public_url_host).chain(machine_names).chain(["localhost"]);
        Self { names: names.map(normal).filter(|name| !name.is_empty()).collect() }
    }

    /// Checks the values of all Host headers of a request.
    ///
    /// # Errors
    /// [`HostError`]; its sentence names the setting that would allow the host.
    pub fn check(&self, values: &[&[u8]]) -> Result<(), HostError> {
        match values {
            [] => Err(HostError::Missing),
            [one] => self.check_authority(std::str::from_utf8(one).map_err(|_| HostError::Malformed)?),
            _ => Err(HostError::Several),
        }
    }

    /// The same for one `host[:port]`, as it stands in a Host header or in the target of an absolute-form request.
    pub fn check_authority(&self, authority: &str) -> Result<(), HostError> {
        match host_of(authority).ok_or(HostError::Malformed)?.0 {
            Host::Address(_) => Ok(()),
            Host::Name(name) if self.names.contains(&name) => Ok(()),
            Host::Name(name) => Err(HostError::NotAllowed(name)),
        }
    }

    /// Whether `host[:port]` is this server's own beyond doubt: a name of it, loopback or a listed address, with one of
    /// the `ports` that it listens on. Under any address it may be asked, but it vouches for no other.
    pub fn is_own(&self, authority: &str, ports: &[u16]) -> bool {
        let is_named = |host| match host {
            Host::Address(ip) => ip.is_loopback() || self.names.contains(&ip.to_string()),
            Host::Name(name) => self.names.contains(&name),
        };
        host_of(authority).is_some_and(|(host, port)| ports.contains(&port.unwrap_or(80)) && is_named(host))
    }
}

enum Host {
    Address(IpAddr),
    Name(String),
}

fn host_of(authority: &str) -> Option<(Host, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let host = Host::Address(address.parse::<Ipv6Addr>().ok()?.into());
            (host, port.strip_prefix(':').or(port.is_empty().then_some(""))?)
        }
        None => {
            let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
            let name = normal(host);
            (name.parse::<Ipv4Addr>().map_or(Host::Name(name), |ip| Host::Address(ip.into())), port)
        }
    };
    let port = match port {
        "" => None,
        port => Some(port.parse().ok().filter(|_| port.bytes().all(|b| b.is_ascii_digit()))?),
    };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    match &host {
        Host::Name(name) if !(1..=253).contains(&name.len()) || !name.bytes().all(allowed) => None,
        _ => Some((host, port)),
    }
}

fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// The web pages that may call this server, each written as its exact origin (`https://console.example.com`).
#[derive(Debug, Clone, Default)]
pub struct OriginRule {
    allowed: BTreeSet<String>,
    own_scheme: Option<&'static str>,
}

/// A page that is not listed asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this origin may not call the server: list it in allowed_origins")]
pub struct OriginError;

impl OriginRule {
    /// Takes the origins of `allowed_origins`. `null` never is one: every sandboxed page has it.
    pub fn new<'a>(allowed_origins: impl IntoIterator<Item = &'a str>) -> Self {
        let listed = allowed_origins.into_iter().filter(|origin| *origin != "null").map(String::from);
        Self { allowed: listed.collect(), own_scheme: None }
    }

    /// The same for a server with pages of its own, which speaks `scheme` (`http` or `https`): they may call it as well. A page is
    /// its own when its origin is this scheme and the request's own Host, port and all.
    pub fn with_own_pages(self, scheme: &'static str) -> Self {
        Self { own_scheme: Some(scheme), ..self }
    }

    /// Checks the values of all Origin headers of a request to `host`, which [`HostRule::check`] has let pass: else a name that
    /// is rebound to this server would make any page its own. No Origin is fine: only browsers send one.
    ///
    /// # Errors
    /// [`OriginError`] when there is one that is neither listed nor its own, or more than one.
    pub fn check(&self, values: &[&[u8]], host: &[u8]) -> Result<(), OriginError> {
        match values {
            [] => Ok(()),
            [one] if self.is_own(one, host) => Ok(()),
            [one] if std::str::from_utf8(one).is_ok_and(|origin| self.allowed.contains(origin)) => Ok(()),
            _ => Err(OriginError),
        }
    }

    /// Byte for byte: a browser writes both in the same way.
    fn is_own(&self, origin: &[u8], host: &[u8]) -> bool {
        let scheme = self.own_scheme.and_then(|scheme| origin.strip_prefix(scheme.as_bytes()));
        scheme.and_then(|rest| rest.strip_prefix(b"://")) == Some(host)
    }
}
