//! The agents of one server: the list that `inhouse` gives at `/agents`. It is no part of the protocol, so that a server without
//! one is no error: there the card names the agent.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde::Deserialize;

use crate::client::Client;
use crate::error::ClientError;

/// An agent of a server's list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Listed {
    /// The name that the server knows it by.
    pub name: String,
    /// Whether it is the one that answers where none is named.
    #[serde(default, rename = "default")]
    pub is_default: bool,
    /// The address of its endpoint.
    url: String,
    /// The address of its card.
    card: String,
}

#[derive(Deserialize)]
struct Listing {
    agents: Vec<Listed>,
}

impl Client {
    /// The agents that the server lists for this caller; none where it has no list. With an endpoint as its address, a client
    /// hears of the agent there alone.
    ///
    /// # Errors
    /// As for any call.
    pub async fn agents(&self) -> Result<Option<Vec<Listed>>, ClientError> {
        let target = self.target();
        let Some(address) = &target.agents else { return Ok(None) };
        let wait_ms = self.options().first_byte_timeout_ms;
        let request = self.request(Method::GET, address, "application/json", None, Bytes::new())?;
        let answer = self.exchange(address, request, wait_ms).await?;
        let status = answer.status;
        let body = self.collect(answer, wait_ms).await?;
        let listing = serde_json::from_slice::<Listing>(&body).ok().filter(|_| status == StatusCode::OK);
        let Some(Listing { mut agents }) = listing else { return Ok(None) };
        if let Some(endpoint) = &target.endpoint {
            agents.retain(|agent| address.with_path_of(&agent.url).is_ok_and(|url| url == *endpoint));
        }
        Ok(Some(agents))
    }

    /// A client of this agent of the same server.
    ///
    /// # Errors
    /// [`ClientError::Address`] where the list gives its card no address.
    pub fn of(&self, agent: &Listed) -> Result<Self, ClientError> {
        self.at(self.target().card.with_path_of(&agent.card)?.to_string())
    }
}
