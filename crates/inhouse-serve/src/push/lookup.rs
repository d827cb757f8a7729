//! What a webhook's host stands for: looked up anew for each call, and judged. A name server that is slow holds a thread as
//! long as it likes, so there is a limit for all, and a smaller one for each caller.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use inhouse_trust::Principal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::lock;
use super::webhook::{Dial, Resolved, Webhook, WebhookError, WebhookRule};

/// A name that stands for more addresses is not called.
const ADDRESSES_MAX: usize = 16;

/// Why a webhook may not be called now.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoDial {
    /// Never.
    #[error("the address {0}")]
    Refused(#[from] WebhookError),
    /// Its name stands for nothing.
    #[error("the name can not be resolved: {0}")]
    Unresolved(#[from] io::Error),
    /// The name servers did not answer in time.
    #[error("the name was not resolved within {0} ms")]
    Late(u64),
}

/// Looks names up.
pub(super) struct Lookups {
    all: Arc<Semaphore>,
    per_caller_max: usize,
    /// Of each caller who ever had one; there are not more than the configuration has.
    callers: Mutex<HashMap<Principal, Arc<Semaphore>>>,
    limit_ms: u64,
}

/// The right to look one name up.
pub(super) struct Place(#[expect(dead_code, reason = "held")] [OwnedSemaphorePermit; 2]);

impl Lookups {
    /// So many names at the same time, in all and for each caller, and so many milliseconds for each.
    pub(super) fn new(all_max: usize, per_caller_max: usize, limit_ms: u64) -> Self {
        Self { all: Arc::new(Semaphore::new(all_max)), per_caller_max, callers: Mutex::default(), limit_ms }
    }

    /// The right to call a webhook now. Waiting for a turn is not counted as time that the name servers took.
    pub(super) async fn dial(&self, caller: &Principal, rule: &WebhookRule, webhook: &Webhook) -> Result<Dial, NoDial> {
        let resolved = match webhook.host().parse() {
            Ok(ip) => vec![Resolved::new(ip, is_own)],
            Err(_) => {
                let place = self.place(caller).await?;
                let lookup = resolve(webhook.host(), webhook.port(), place);
                timeout(Duration::from_millis(self.limit_ms), lookup)
                    .await
                    .map_err(|_| NoDial::Late(self.limit_ms))??
            }
        };
        Ok(rule.dial(webhook, &resolved)?)
    }

    /// The caller's own place first: whoever waits for one holds none of the others'.
    async fn place(&self, caller: &Principal) -> io::Result<Place> {
        let own = Arc::clone(
            lock(&self.callers).entry(caller.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.per_caller_max))),
        );
        let own = own.acquire_owned().await.map_err(io::Error::other)?;
        let shared = Arc::clone(&self.all).acquire_owned().await.map_err(io::Error::other)?;
        Ok(Place([own, shared]))
    }
}

/// The place is free again when the system has answered, also when nobody waits for that any more.
async fn resolve(host: String, port: u16, place: Place) -> io::Result<Vec<Resolved>> {
    let lookup = move || {
        let found: io::Result<Vec<IpAddr>> = (host.as_str(), port)
            .to_socket_addrs()
            .map(|found| found.map(|to| to.ip()).take(ADDRESSES_MAX + 1).collect());
        drop(place);
        match found? {
            found if found.len() > ADDRESSES_MAX => Err(io::Error::other("it stands for too many addresses")),
            found => Ok(found.into_iter().map(|ip| Resolved::new(ip, is_own)).collect()),
        }
    };
    tokio::task::spawn_blocking(lookup).await.map_err(io::Error::other)?
}

/// Whether an address is one of this machine. Connecting a datagram socket sends nothing; towards an address of its own a
/// machine speaks from that very address.
fn is_own(ip: IpAddr) -> bool {
    let from: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let source = UdpSocket::bind((from, 0)).and_then(|socket| {
        socket.connect(SocketAddr::new(ip, 9))?;
        socket.local_addr()
    });
    source.is_ok_and(|source| source.ip() == ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_caller_whose_lookups_hang_takes_no_place_of_the_others() {
        let lookups = Lookups::new(3, 2, 1_000);
        let (busy, other) = (principal("busy"), principal("other"));
        let _held = [lookups.place(&busy).await.unwrap(), lookups.place(&busy).await.unwrap()];
        let mut third = std::pin::pin!(lookups.place(&busy));
        assert!(futures_are_pending(&mut third).await);
        let of_other = lookups.place(&other).await.unwrap();
        drop(of_other);
        // An address is no name: it needs no place.
        let webhook = Webhook::parse("https://127.0.0.1").unwrap();
        let refused = lookups.dial(&busy, &WebhookRule::default(), &webhook).await;
        assert!(matches!(refused, Err(NoDial::Refused(WebhookError::Inside))), "{refused:?}");
    }

    fn principal(name: &str) -> Principal {
        Principal::new(name).unwrap()
    }

    /// Whether it waits, polled once.
    async fn futures_are_pending(future: &mut (impl Future + Unpin)) -> bool {
        std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())).await
    }
}
