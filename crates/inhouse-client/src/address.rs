//! The addresses of a server: what the user typed, where the card is, and where requests go.
//!
//! Paths are set, never joined: `message:send` joined to a base address would read as the scheme `message:`. Host and
//! port are always the user's own, so a card can not send the token to another place.

use std::fmt;

use hyper::Uri;
use hyper::http::uri::{PathAndQuery, Scheme};

const CARD_PATH: &str = "/.well-known/agent-card.json";
const KEYS_PATH: &str = "/.well-known/jwks.json";
const AGENTS_PATH: &str = "/agents";

/// Why an address can not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an absolute http or https address.
    #[error("{0:?} is not an address such as http://127.0.0.1:8080")]
    Malformed(String),
    /// A user or a password before the host.
    #[error("an address with user information before the host is not used; pass a token instead")]
    UserInfo,
}

/// A host, a port and a path over http or https.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    is_tls: bool,
    host: String,
    port: u16,
    path: String,
}

/// What an address that a user typed stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Where the card is.
    pub(crate) card: Address,
    /// Where the keys are that sign it.
    pub(crate) keys: Address,
    /// Where requests go, if the user said so; else the card tells.
    pub(crate) endpoint: Option<Address>,
    /// Where agents may be listed, if not one of them is meant by its card.
    pub(crate) agents: Option<Address>,
}

impl Target {
    /// A server without a path, the address of a card, or an endpoint.
    pub(crate) fn parse(url: &str) -> Result<Self, AddressError> {
        let typed = Address::parse(url)?;
        if typed.path.ends_with(CARD_PATH) {
            return Ok(Self { keys: typed.at(KEYS_PATH), card: typed, endpoint: None, agents: None });
        }
        let card = typed.at(CARD_PATH);
        let agents = Some(typed.at(AGENTS_PATH));
        let endpoint = (typed.path != "/").then_some(typed);
        Ok(Self { keys: card.at(KEYS_PATH), card, endpoint, agents })
    }
}

impl Address {
    /// Reads an absolute address of http or https.
    pub(crate) fn parse(url: &str) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(url.to_owned());
        // First of all, so that no other error repeats a password.
        let behind_scheme = url.split_once("://").map_or(url, |(_, behind)| behind);
        if behind_scheme.split(['/', '?', '#']).any(|piece| piece.contains('@')) {
            return Err(AddressError::UserInfo);
        }
        let uri: Uri = url.trim().parse().map_err(|_| malformed())?;
        let authority = uri.authority().ok_or_else(malformed)?;
        let is_tls = uri.scheme() == Some(&Scheme::HTTPS);
        if !is_tls && uri.scheme() != Some(&Scheme::HTTP) || uri.host().is_none_or(str::is_empty) {
            return Err(malformed());
        }
        let port = match authority.as_str().rsplit_once(':') {
            Some((_, after)) if !after.ends_with(']') => after.parse().map_err(|_| malformed())?,
            _ => default_port(is_tls),
        };
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        Ok(Self { is_tls, host: authority.host().to_owned(), port, path: path.to_owned() })
    }

    /// Whether it is reached by TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The path of another address, here.
    pub(crate) fn with_path_of(&self, url: &str) -> Result<Self, AddressError> {
        let uri: Uri = url.parse().map_err(|_| AddressError::Malformed(url.to_owned()))?;
        if uri.scheme().is_none() || uri.authority().is_none() {
            return Err(AddressError::Malformed(url.to_owned()));
        }
        Ok(self.at(uri.path_and_query().map_or("/", PathAndQuery::as_str)))
    }

    /// A path below this one.
    pub(crate) fn below(&self, path: &str) -> Self {
        self.at(&format!("{}{path}", self.path.trim_end_matches('/')))
    }

    /// Another path of the same server.
    pub(crate) fn at(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    /// The host to connect to: an IPv6 address without its brackets.
    pub(crate) fn host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Path and query: the target of the request line.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The server, for errors about the way there.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme(), self.authority())
    }

    /// The value of the `Host` header.
    pub(crate) fn authority(&self) -> String {
        if self.port == default_port(self.is_tls) { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }
}

fn default_port(is_tls: bool) -> u16 {
    if is_tls { 443 } else { 80 }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path == "/" { "" } else { &self.path };
        write!(f, "{}{path}", self.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_address_is_a_server_a_card_or_an_endpoint() {
        let card = "http://h:8080/.well-known/agent-card.json";
        for (typed, card, endpoint) in [
            ("http://h:8080", card, None),
            ("http://h:8080/", card, None),
            (" http://h:8080 ", card, None),
            ("http://h:8080/a2a", card, Some("http://h:8080/a2a")),
            ("http://h:8080/a2a/", card, Some("http://h:8080/a2a/")),
            ("http://h:8080/rpc?x=1", card, Some("http://h:8080/rpc?x=1")),
            ("http://h:8080/message:send", card, Some("http://h:8080/message:send")),
            ("http://h:8080/team/.well-known/agent-card.json", "http://h:8080/team/.well-known/agent-card.json", None),
            ("http://[::1]:9/a2a", "http://[::1]:9/.well-known/agent-card.json", Some("http://[::1]:9/a2a")),
            ("http://h", "http://h/.well-known/agent-card.json", None),
            ("https://h:443/a2a", "https://h/.well-known/agent-card.json", Some("https://h/a2a")),
            ("https://h:80", "https://h:80/.well-known/agent-card.json", None),
        ] {
            let target = Target::parse(typed).unwrap();
            assert_eq!(
                (target.card.to_string().as_str(), target.endpoint.map(|at| at.to_string()).as_deref()),
                (card, endpoint),
                "{typed}"
            );
        }
    }

    #[test]
    fn an_address_that_can_not_be_used_is_refused_with_the_reason() {
        let malformed = |url: &str| AddressError::Malformed(url.to_owned());
        for (url, error) in [
            ("http://user:pw@h/", AddressError::UserInfo),
            ("http://user:p/w@h:x/", AddressError::UserInfo),
            ("ftp://h/", malformed("ftp://h/")),
            ("h:8080", malformed("h:8080")),
            ("http://", malformed("http://")),
            ("http://h:99999/", malformed("http://h:99999/")),
            ("http://h:/", malformed("http://h:/")),
            ("/a2a", malformed("/a2a")),
            ("", malformed("")),
            ("message:send", malformed("message:send")),
        ] {
            assert_eq!(Target::parse(url).unwrap_err(), error, "{url}");
        }
    }

    #[test]
    fn a_card_changes_the_path_and_never_the_host_or_the_port() {
        let typed = Address::parse("http://localhost:9000").unwrap();
        for (named, expected) in [
            ("http://127.0.0.1:8080/a2a", Some("http://localhost:9000/a2a")),
            ("https://agents.example/team/a2a?x=1", Some("http://localhost:9000/team/a2a?x=1")),
            ("http://evil.example:81", Some("http://localhost:9000")),
            ("/a2a", None),
            ("message:send", None),
        ] {
            assert_eq!(typed.with_path_of(named).ok().map(|at| at.to_string()).as_deref(), expected, "{named}");
        }
    }

    #[test]
    fn an_ipv6_host_connects_without_and_is_named_with_its_brackets() {
        let address = Address::parse("http://[::1]/").unwrap();
        assert_eq!((address.host(), address.authority().as_str(), address.port()), ("::1", "[::1]", 80));
    }
}
