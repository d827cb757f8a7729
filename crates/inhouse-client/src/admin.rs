//! What `inhouse` tells those who run a server. It is no part of the protocol: other servers have nothing at these paths.

use bytes::Bytes;
use hyper::Method;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::ClientError;
use crate::rest;

const STATUS: &str = "/admin/status";

impl Client {
    /// How the server stands, as it writes it.
    ///
    /// # Errors
    /// As for any call.
    pub async fn server_status(&self) -> Result<Box<RawValue>, ClientError> {
        self.operate(Method::GET, STATUS).await
    }

    async fn operate(&self, method: Method, path: &str) -> Result<Box<RawValue>, ClientError> {
        let address = self.target().card.at(path);
        let wait_ms = self.options().first_byte_timeout_ms;
        let request = self.request(method, &address, "application/json", None, Bytes::new())?;
        let answer = self.exchange(&address, request, wait_ms).await?;
        let status = answer.status;
        rest::result(status, &self.collect(answer, wait_ms).await?)
    }
}
