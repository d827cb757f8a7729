//! The end of a stream whose caller's token is no good any more: it was revoked, or its time is over.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::HeaderMap;
use hyper::header::HeaderValue;
use inhouse_trust::{Caller, Tokens};
use tokio::sync::watch;

/// The tokens that are good now, and news of them.
pub(crate) type LiveTokens = watch::Receiver<Arc<Tokens>>;

/// Ready when a token is no good any more.
pub(crate) type Lapse = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Seconds since the epoch.
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Waits until a caller would not be let in any more.
pub(crate) fn lapse(mut tokens: LiveTokens, caller: Caller) -> Lapse {
    Box::pin(async move {
        loop {
            let now_s = now_s();
            if !tokens.borrow_and_update().hold(&caller, now_s) {
                return;
            }
            // It may have got more time meanwhile: then it is looked at each second.
            let rest = caller.rights().expires_at_s.map(|end| Duration::from_secs(end.saturating_sub(now_s).max(1)));
            tokio::select! {
                changed = tokens.changed() => match changed {
                    Ok(()) => {}
                    // Nobody changes them any more.
                    Err(_) => rested(rest).await,
                },
                () = rested(rest) => {}
            }
        }
    })
}

async fn rested(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// What ends such a stream of gRPC.
pub(crate) fn trailers() -> HeaderMap {
    let unauthenticated = ("grpc-status", "16");
    [unauthenticated, ("grpc-message", "the token is not valid any more")]
        .into_iter()
        .map(|(name, value)| (hyper::header::HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}
