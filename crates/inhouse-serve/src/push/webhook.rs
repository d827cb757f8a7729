//! Which addresses the server calls because a caller asked it to: public ones by https, and what the operator has listed.
//!
//! A [`Webhook`] is an address as a caller wrote it. Its host is resolved outside, once for each call, and [`WebhookRule::dial`]
//! makes a [`Dial`] of what came of it: the very addresses that are then connected to.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use url::{Host, Url};

/// The longest address of a webhook, in bytes.
pub const WEBHOOK_BYTES_MAX: usize = 2_048;

/// The operator's exceptions.
#[derive(Debug, Clone, Default)]
pub struct WebhookRule {
    listed: BTreeSet<(String, u16)>,
    ranges: Vec<IpNet>,
    own: BTreeSet<String>,
}

/// Why an address is not called. The sentences tell nothing of what a name resolves to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// It is not an address of the web.
    #[error("must be an http or https URL of at most {WEBHOOK_BYTES_MAX} bytes")]
    Malformed,
    /// It carries a name or a password.
    #[error("must not carry credentials: they belong in authentication")]
    Credentials,
    /// It would be called in plain text.
    #[error("must be https: plain http is for what the operator lists in push.allow")]
    Plain,
    /// It is inside: this machine, or its network.
    #[error("may not be called: it is not public, and the operator does not list it in push.allow")]
    Inside,
}

/// What stands in the list of exceptions and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be host:port, or a range of addresses such as 10.0.0.0/8")]
pub struct NotAllowable;

/// The address of a webhook: http or https, a host, and no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook(Url);

/// An address that a webhook's host stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// The address.
    pub ip: IpAddr,
    /// Whether it is one of this machine.
    pub is_own: bool,
}

impl Resolved {
    /// An address, and what `is_own` says of it and of the one that it carries.
    pub fn new(ip: IpAddr, is_own: impl Fn(IpAddr) -> bool) -> Self {
        Self { ip, is_own: is_own(ip) || (inner(ip) != ip && is_own(inner(ip))) }
    }
}

/// The right to call a webhook once. Made by [`WebhookRule::dial`] alone:
///
/// ```compile_fail,E0451
/// let forged = inhouse_serve::Dial { addresses: vec!["127.0.0.1:80".parse().expect("an address")] };
/// ```
#[derive(Debug)]
pub struct Dial {
    addresses: Vec<SocketAddr>,
}

impl Dial {
    /// Where to connect to: the first that answers.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl Webhook {
    /// Reads what a caller wrote. Numbers that stand for an address in any spelling are that address from here on.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub fn parse(text: &str) -> Result<Self, WebhookError> {
        if text.len() > WEBHOOK_BYTES_MAX || !is_plain(text) {
            return Err(WebhookError::Malformed);
        }
        let url = Url::parse(text).map_err(|_| WebhookError::Malformed)?;
        if !matches!(url.scheme(), "http" | "https") || url.port() == Some(0) {
            return Err(WebhookError::Malformed);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(WebhookError::Credentials);
        }
        Ok(Self(url))
    }

    /// Whether it is called by https.
    pub fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host, as a name or as an address without brackets.
    pub fn host(&self) -> String {
        match self.0.host() {
            Some(Host::Ipv6(ip)) => ip.to_string(),
            Some(host) => host.to_string(),
            None => String::new(),
        }
    }

    /// The port, named or not.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    /// The value of a request's Host header.
    pub fn authority(&self) -> &str {
        &self.0[url::Position::BeforeHost..url::Position::AfterPort]
    }

    /// A request's target: path and query.
    pub fn target(&self) -> &str {
        &self.0[url::Position::BeforePath..url::Position::AfterQuery]
    }

    /// The name as it is listed: without the dot of a full name.
    fn key(&self) -> (String, u16) {
        (self.host().trim_end_matches('.').to_owned(), self.port())
    }
}

/// Whether a text has no character that an address can not have (RFC 3986), and its host none that is coded: what has to be decoded
/// first is no name that anybody has, and the parser would only trip over it.
fn is_plain(text: &str) -> bool {
    let rest = text.split_once(':').map_or(text, |(_, rest)| rest).trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    text.bytes().all(|byte| byte.is_ascii_graphic()) && !authority.contains('%')
}

impl WebhookRule {
    /// Adds an exception: `host:port` opens that one, whatever it stands for, also by http; a range opens the private
    /// addresses in it, never this machine, the link or a cloud's metadata.
    ///
    /// # Errors
    /// [`NotAllowable`].
    pub fn allow(&mut self, entry: &str) -> Result<(), NotAllowable> {
        if let Some(range) = entry.parse().ok().or_else(|| entry.parse().ok().map(|ip: IpAddr| ip.into())) {
            self.ranges.push(range);
            return Ok(());
        }
        let port = entry.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        let webhook = port.and_then(|_| Webhook::parse(&format!("http://{entry}")).ok()).ok_or(NotAllowable)?;
        if webhook.target() != "/" {
            return Err(NotAllowable);
        }
        self.listed.insert(webhook.key());
        Ok(())
    }

    /// Refuses a name of this server that stands for no address of this machine, such as its proxy's.
    pub fn refuse(&mut self, host: &str) {
        self.own.insert(host.trim_end_matches('.').to_ascii_lowercase());
    }

    /// The right to call a webhook whose host stands for `resolved`: all of them may be called, or none is.
    ///
    /// # Errors
    /// [`WebhookError::Inside`], [`WebhookError::Plain`].
    pub fn dial(&self, webhook: &Webhook, resolved: &[Resolved]) -> Result<Dial, WebhookError> {
        let dial = || Dial { addresses: resolved.iter().map(|to| SocketAddr::new(to.ip, webhook.port())).collect() };
        if self.listed.contains(&webhook.key()) {
            return Ok(dial());
        }
        let in_range = |to: &Resolved| self.ranges.iter().any(|range| range.contains(&inner(to.ip)));
        let may = |to: &Resolved| match reach(to.ip) {
            Reach::Public => !to.is_own,
            Reach::Private => !to.is_own && in_range(to),
            Reach::Never => false,
        };
        if resolved.is_empty() || !resolved.iter().all(may) || self.own.contains(&webhook.key().0) {
            return Err(WebhookError::Inside);
        }
        if webhook.is_tls() || resolved.iter().all(in_range) { Ok(dial()) } else { Err(WebhookError::Plain) }
    }
}

/// Who can be behind an address, the strictest last.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Public,
    /// A company's own network.
    Private,
    /// This machine, its link, a cloud's metadata, or nobody.
    Never,
}

/// The address that an address of IPv6 stands for, where it carries one of IPv4 (RFC 4291, 6052, 3056, 4380).
fn inner(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(ip) = ip else { return ip };
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)).into();
    match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => v4(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        [0x2001, 0, .., high, low] => v4(!high, !low),
        [.., ISATAP, high, low] => v4(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high > 0 => v4(high, low),
        _ => ip.into(),
    }
}

/// Before the address of IPv4 at the end of an address within any network (RFC 5214).
const ISATAP: u16 = 0x5efe;

fn reach(ip: IpAddr) -> Reach {
    let within = match inner(ip) {
        IpAddr::V4(ip) => reach_v4(ip),
        IpAddr::V6(ip) => reach_v6(ip),
    };
    // The other forms lead nowhere but to what they carry; this one is of its network as well.
    match ip {
        IpAddr::V6(outer) if outer.segments()[5] == ISATAP => within.max(reach_v6(outer)),
        _ => within,
    }
}

/// By the registry of special addresses (RFC 6890), and what clouds answer metadata at.
fn reach_v4(ip: Ipv4Addr) -> Reach {
    match ip.octets() {
        [100, 100, 100, 200] | [168, 63, 129, 16] => Reach::Never,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] | [198, 18..=19, ..] => Reach::Private,
        [0 | 127 | 224.., ..] | [169, 254, ..] | [192, 0, 0 | 2, _] | [192, 88, 99, _] => Reach::Never,
        [198, 51, 100, _] | [203, 0, 113, _] => Reach::Never,
        _ => Reach::Public,
    }
}

fn reach_v6(ip: Ipv6Addr) -> Reach {
    match ip.segments() {
        [0xfd00, 0xec2, 0, ..] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Reach::Never,
        [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42] | [0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe] => Reach::Never,
        [0xfc00..=0xfdff, ..] => Reach::Private,
        [0x2001, 0xdb8, ..] | [0x2001, 0..=0x1ff, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Never,
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never,
    }
}
