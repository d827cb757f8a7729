//! What `inhouse` tells those who run a server. It is no part of the protocol: other servers have nothing at these paths.

use bytes::Bytes;
use hyper::Method;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::ClientError;
use crate::rest;

const STATUS: &str = "/admin/status";
const RELOAD: &str = "/admin/reload";

impl Client {
    /// How the server stands, as it writes it.
    ///
    /// # Errors
    /// As for any call.
    pub async fn server_status(&self) -> Result<Box<RawValue>, ClientError> {
        self.operate(Method::GET, STATUS).await
    }

    /// Has the server read its configuration again: what it says to it, as it writes it.
    ///
    /// # Errors
    /// As for any call; an error object with the reason `CONFIGURATION_REFUSED` says why the configuration can not be used.
    pub async fn reload_server(&self) -> Result<Box<RawValue>, ClientError> {
        self.operate(Method::POST, RELOAD).await
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
