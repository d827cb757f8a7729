//! What comes of a message, event by event, from any server: by a stream, or where the server has none, by asking again.

use std::time::Duration;

use inhouse_client::{Client, ClientError, EventStream};
use inhouse_proto::v1;
use inhouse_proto::v1::send_message_response::Payload as Sent;
use inhouse_proto::v1::stream_response::Payload;
use tokio::time::sleep;

/// A server that does not stream is asked again after so long.
const POLL_WAIT: Duration = Duration::from_secs(1);

/// Where events come from.
pub(crate) enum Source {
    /// The server tells.
    Stream(Box<EventStream>),
    /// The task is read again and again.
    Poll {
        /// Reads it.
        client: Client,
        /// What the message was answered with.
        first: Option<Box<Payload>>,
        /// None for an answer without a task.
        id: Option<String>,
    },
}

impl Source {
    /// Sends a message, by a stream where the server has them.
    pub(crate) async fn send(client: &Client, mut request: v1::SendMessageRequest) -> Result<Self, ClientError> {
        match client.stream(request.clone()).await {
            Ok(stream) => return Ok(Self::Stream(Box::new(stream))),
            Err(error) if !error.is_unsupported() => return Err(error),
            Err(_) => {}
        }
        request.configuration.get_or_insert_default().return_immediately = true;
        let (first, id) = match client.send(request).await?.value {
            Sent::Task(task) => (Payload::Task(task.clone()), Some(task.id)),
            Sent::Message(message) => (Payload::Message(message), None),
        };
        Ok(Self::Poll { client: client.clone(), first: Some(Box::new(first)), id })
    }

    /// Follows a task.
    pub(crate) async fn subscribe(client: &Client, id: &str) -> Result<Self, ClientError> {
        match client.subscribe(id, None).await {
            Ok(stream) => Ok(Self::Stream(Box::new(stream))),
            Err(error) if error.is_unsupported() => {
                Ok(Self::Poll { client: client.clone(), first: None, id: Some(id.to_owned()) })
            }
            Err(error) => Err(error),
        }
    }

    /// The next event; none at the end. What it waits for begins anew when it is dropped.
    pub(crate) async fn next(&mut self) -> Result<Option<Payload>, ClientError> {
        match self {
            Self::Stream(stream) => Ok(stream.next().await?.map(|event| event.payload)),
            Self::Poll { client, first, id } => {
                if let Some(first) = first.take() {
                    return Ok(Some(*first));
                }
                let Some(id) = id.as_ref() else { return Ok(None) };
                sleep(POLL_WAIT).await;
                Ok(Some(Payload::Task(client.get_task(id, Some(0)).await?.value)))
            }
        }
    }
}
