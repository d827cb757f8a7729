//! One document by its address, such as an issuer's keys: whole and in time, or not at all.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, StatusCode};
use tokio::time::timeout;

use crate::address::Address;
use crate::error::ClientError;
use crate::http::call;
use crate::tls::Trust;

/// Fetches documents that nobody on the way can change. What redirects leads nowhere: an address is the one that somebody has chosen.
#[derive(Debug)]
pub struct Fetcher {
    trust: Trust,
    ms_max: u64,
    bytes_max: usize,
}

impl Fetcher {
    /// One that waits so many milliseconds for a document, of so many bytes.
    pub fn new(ms_max: u64, bytes_max: usize) -> Self {
        Self { trust: Trust::default(), ms_max, bytes_max }
    }

    /// Whether a document may come from there: by https, or from this machine itself.
    pub fn may(url: &str) -> bool {
        Address::parse(url).is_ok_and(|address| is_safe(&address))
    }

    /// The document at this address.
    ///
    /// # Errors
    /// [`ClientError`]; an address that may not be, and any other answer than 200.
    pub async fn get(&self, url: &str) -> Result<Vec<u8>, ClientError> {
        let address = Address::parse(url)?;
        if !is_safe(&address) {
            return Err(ClientError::Protocol(format!("{address} is not https")));
        }
        let late = || ClientError::Timeout { address: address.origin(), waited_ms: self.ms_max };
        let get = self.whole(&address);
        timeout(Duration::from_millis(self.ms_max), get).await.map_err(|_| late())?
    }

    async fn whole(&self, address: &Address) -> Result<Vec<u8>, ClientError> {
        let request = Request::get(address.path())
            .header(HOST, address.authority())
            .header(ACCEPT, "application/json")
            .body(Full::<Bytes>::default())
            .map_err(|error| ClientError::Protocol(format!("{address}: {error}")))?;
        let answer = call(address, &self.trust, request, self.ms_max, self.ms_max).await?;
        if answer.status != StatusCode::OK {
            return Err(ClientError::Protocol(format!("{address} answers HTTP {}", answer.status.as_u16())));
        }
        answer.body.collect(self.ms_max, self.bytes_max).await
    }
}

fn is_safe(address: &Address) -> bool {
    let host = address.host();
    address.is_tls() || host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_comes_by_https_or_from_this_machine() {
        for (url, expected) in [
            ("https://login.example.com/keys", true),
            ("http://127.0.0.1:8080/keys", true),
            ("http://[::1]/keys", true),
            ("http://localhost/keys", true),
            ("http://login.example.com/keys", false),
            ("http://127.0.0.1.example.com/", false),
            ("http://10.0.0.1/", false),
            ("https://me:pw@login.example.com/", false),
            ("file:///etc/passwd", false),
            ("login.example.com", false),
        ] {
            assert_eq!(Fetcher::may(url), expected, "{url}");
        }
    }
}
