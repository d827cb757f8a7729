//! Calls that are right or wrong, as whoever tries a server wants them.

use bytes::Bytes;
use hyper::Method;
use hyper::header::HeaderValue;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Client, JSON};
use crate::error::ClientError;

impl Client {
    /// The result of any method with any parameters.
    ///
    /// # Errors
    /// As for any call.
    pub async fn any(&self, method: &str, params: &impl Serialize) -> Result<Box<RawValue>, ClientError> {
        self.told(method, params, self.0.options.first_byte_timeout_ms).await
    }

    /// The result of any body that is posted to the endpoint, or to a path below it, as if it were of this version of A2A.
    ///
    /// # Errors
    /// As for any call.
    pub async fn raw(
        &self,
        version: &'static str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<Box<RawValue>, ClientError> {
        let endpoint = &self.endpoint().await?.address;
        let address = if path.is_empty() { endpoint.clone() } else { endpoint.below(path) };
        let wait_ms = self.0.options.first_byte_timeout_ms;
        let mut request = self.request(Method::POST, &address, JSON, None, body.into())?;
        request.headers_mut().insert("A2A-Version", HeaderValue::from_static(version));
        let answer = self.exchange(&address, request, wait_ms).await?;
        self.result(answer, wait_ms).await
    }
}
