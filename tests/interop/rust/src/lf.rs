//! a2a-client-lf, the official client.

use std::sync::Arc;

use a2a_client::agent_card::AgentCardResolver;
use a2a_client::auth::AuthInterceptor;
use a2a_client::{A2AClient, A2AClientFactory, BoxStream, Transport};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::{Client, read, said, written};

pub(crate) struct Lf(A2AClient<Box<dyn Transport>>);

impl Lf {
    pub(crate) async fn connect(url: &str, token: &str, binding: &str) -> Result<Self, String> {
        let mut card = AgentCardResolver::new(None).resolve(url).await.map_err(said)?;
        card.supported_interfaces.retain(|one| one.protocol_binding == binding && one.protocol_version == "1.0");
        let factory = A2AClientFactory::builder().with_interceptor(Arc::new(AuthInterceptor::bearer(token))).build();
        factory.create_from_card(&card).await.map(Self).map_err(said)
    }
}

async fn collect(
    mut stream: BoxStream<'static, Result<a2a::StreamResponse, a2a::A2AError>>,
    mut seen: impl FnMut(&Value),
) -> Result<Vec<Value>, String> {
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        let event = written(&event.map_err(said)?)?;
        seen(&event);
        events.push(event);
    }
    Ok(events)
}

impl Client for Lf {
    async fn send(&self, request: Value) -> Result<Value, String> {
        written(&self.0.send_message(&read(request)?).await.map_err(said)?)
    }

    async fn stream(&self, request: Value, seen: impl FnMut(&Value)) -> Result<Vec<Value>, String> {
        collect(self.0.send_streaming_message(&read(request)?).await.map_err(said)?, seen).await
    }

    async fn subscribe(&self, id: &str, seen: impl FnMut(&Value)) -> Result<Vec<Value>, String> {
        collect(self.0.subscribe_to_task(&read(json!({"id": id}))?).await.map_err(said)?, seen).await
    }

    async fn get(&self, id: &str) -> Result<Value, String> {
        written(&self.0.get_task(&read(json!({"id": id}))?).await.map_err(said)?)
    }

    async fn list(&self, context: &str) -> Result<Value, String> {
        written(&self.0.list_tasks(&read(json!({"contextId": context}))?).await.map_err(said)?)
    }

    async fn cancel(&self, id: &str) -> Result<Value, String> {
        written(&self.0.cancel_task(&read(json!({"id": id}))?).await.map_err(said)?)
    }

    async fn push_create(&self, config: Value) -> Result<Value, String> {
        written(&self.0.create_push_config(&read(config)?).await.map_err(said)?)
    }

    async fn push_list(&self, task: &str) -> Result<Value, String> {
        written(&self.0.list_push_configs(&read(json!({"taskId": task}))?).await.map_err(said)?)
    }

    async fn push_delete(&self, task: &str, id: &str) -> Result<(), String> {
        self.0.delete_push_config(&read(json!({"taskId": task, "id": id}))?).await.map_err(said)
    }
}
