//! a2a-protocol-client.

use std::sync::Arc;

use a2a_protocol_client::{
    A2aClient, BearerAuthInterceptor, ClientBuilder, EventStream, StaticTokenProvider, resolve_agent_card,
};
use serde_json::{Value, json};

use crate::{Client, read, said, written};

pub(crate) struct Protocol(A2aClient);

impl Protocol {
    pub(crate) async fn connect(url: &str, token: &str, binding: &str) -> Result<Self, String> {
        let card = resolve_agent_card(url).await.map_err(said)?;
        let builder = ClientBuilder::from_card_preferring(&card, &[binding.to_owned()]).map_err(said)?;
        let auth = BearerAuthInterceptor::new(Arc::new(StaticTokenProvider::new(token)));
        builder.with_interceptor(auth).build().map(Self).map_err(said)
    }
}

async fn collect(mut stream: EventStream, mut seen: impl FnMut(&Value)) -> Result<Vec<Value>, String> {
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        let event = written(&event.map_err(said)?)?;
        seen(&event);
        events.push(event);
    }
    Ok(events)
}

impl Client for Protocol {
    async fn send(&self, request: Value) -> Result<Value, String> {
        written(&self.0.send_message(read(request)?).await.map_err(said)?)
    }

    async fn stream(&self, request: Value, seen: impl FnMut(&Value)) -> Result<Vec<Value>, String> {
        collect(self.0.stream_message(read(request)?).await.map_err(said)?, seen).await
    }

    async fn subscribe(&self, id: &str, seen: impl FnMut(&Value)) -> Result<Vec<Value>, String> {
        collect(self.0.subscribe_to_task(id).await.map_err(said)?, seen).await
    }

    async fn get(&self, id: &str) -> Result<Value, String> {
        written(&self.0.get_task(read(json!({"id": id}))?).await.map_err(said)?)
    }

    async fn list(&self, context: &str) -> Result<Value, String> {
        written(&self.0.list_tasks(read(json!({"contextId": context}))?).await.map_err(said)?)
    }

    async fn cancel(&self, id: &str) -> Result<Value, String> {
        written(&self.0.cancel_task(id).await.map_err(said)?)
    }

    async fn push_create(&self, config: Value) -> Result<Value, String> {
        written(&self.0.set_push_config(read(config)?).await.map_err(said)?)
    }

    async fn push_list(&self, task: &str) -> Result<Value, String> {
        written(&self.0.list_push_configs(read(json!({"taskId": task}))?).await.map_err(said)?)
    }

    async fn push_delete(&self, task: &str, id: &str) -> Result<(), String> {
        self.0.delete_push_config(task, id).await.map_err(said)
    }
}
