//! Where a request comes from, when a proxy that is trusted has handed it on: the last address of `X-Forwarded-For` that is none of
//! the proxies'. From everybody else this header is a caller's word, and says nothing.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use ipnet::IpNet;

/// What proxies write, each the address that it was called from, behind what was there before.
const FORWARDED: &str = "x-forwarded-for";

/// The proxies whose word on a request's source is taken.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<IpNet>);

/// What is given as the address of a proxy and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address, and no range of addresses such as 10.0.0.0/8")]
pub struct NotAProxy(String);

impl Proxies {
    /// Takes addresses and ranges of addresses.
    ///
    /// # Errors
    /// [`NotAProxy`], for the first that is neither.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, NotAProxy> {
        let read = |text: &str| {
            let range = text.parse().ok().or_else(|| text.parse().ok().map(|ip: IpAddr| ip.into()));
            range.ok_or_else(|| NotAProxy(text.to_owned()))
        };
        texts.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether connections of this address are a proxy's.
    pub(crate) fn has(&self, peer: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(&peer))
    }

    /// Who asks, by the connection's other end and the headers.
    pub(crate) fn source(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut source = peer;
        if self.0.is_empty() {
            return source;
        }
        let values: Vec<_> = headers.get_all(FORWARDED).iter().filter_map(|value| value.to_str().ok()).collect();
        let mut hops = values.iter().rev().flat_map(|value| value.rsplit(','));
        // Each hop is the word of the one behind it; where nobody is trusted any more, or nothing can be read, it ends.
        while self.has(source)
            && let Some(hop) = hops.next().and_then(|hop| address(hop.trim()))
        {
            source = hop;
        }
        source
    }
}

/// An address, in brackets or not, with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let ip = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    ip.map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_the_last_address_that_no_proxy_has() {
        let proxies = Proxies::new(["10.0.0.0/8", "192.0.2.7", "fd00::/8"]).unwrap();
        for (peer, headers, source) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            // What stands before it is the caller's own word.
            ("10.0.0.1", &["1.2.3.4, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.2.3.4", "198.51.100.1, 10.9.9.9"], "198.51.100.1"),
            ("192.0.2.7", &["1.2.3.4,198.51.100.1:4711,10.0.0.2"], "198.51.100.1"),
            ("fd00::1", &["[2001:db8::1]:80"], "2001:db8::1"),
            ("fd00::1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, nonsense, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            let mut map = HeaderMap::new();
            for value in headers {
                map.append(FORWARDED, value.parse().unwrap());
            }
            assert_eq!(
                proxies.source(peer.parse().unwrap(), &map),
                source.parse::<IpAddr>().unwrap(),
                "{peer} {headers:?}"
            );
            assert_eq!(Proxies::default().source(peer.parse().unwrap(), &map).to_string(), peer, "nobody is trusted");
        }
        for wrong in ["", "proxy", "10.0.0.0/33", "10.0.0.1:80"] {
            assert_eq!(Proxies::new(["10.0.0.1", wrong]).unwrap_err(), NotAProxy(wrong.to_owned()));
        }
    }
}
