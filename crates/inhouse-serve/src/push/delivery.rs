//! One config's deliveries: a cursor on the log that moves when the receiver has said yes. In order, at least once, and
//! never in the way of the task.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use inhouse_engine::state::is_terminal;
use inhouse_engine::store::PushConfig;
use inhouse_engine::{Engine, Numbered, Reader};
use inhouse_proto::error::A2aError;
use inhouse_proto::wire::Event;
use inhouse_trust::{Permit, Webhook};
use tokio::time::{sleep, sleep_until, timeout};

use super::Shared;
use super::breaker::Receiver;
use super::call::{Unheard, post};
use super::notification::{Form, Notification};
use crate::Body;

/// The headers in which receivers look for a config's token: the usual one, and what it is called without its `X`.
const TOKENS: [HeaderName; 2] =
    [HeaderName::from_static("x-a2a-notification-token"), HeaderName::from_static("a2a-notification-token")];

/// Who is told of what.
pub(super) struct Delivery {
    pub(super) engine: Engine,
    pub(super) permit: Permit,
    pub(super) config: PushConfig,
    pub(super) webhook: Webhook,
}

impl Delivery {
    /// Tells everything there is, and everything that comes, until the task is over or the receiver is given up.
    pub(super) async fn run(self, shared: &Shared) {
        let form = Form::of(self.config.label);
        let Ok((task, mut reader)) = self.engine.watch(&self.permit, self.task_id()).await else { return };
        let mut told = 0;
        let mut next: Vec<_> = form.task(&task).into_iter().collect();
        let mut over = is_terminal(task.state);
        loop {
            for notification in next.drain(..) {
                if notification.generation > told && !self.tell(shared, form, &notification).await {
                    return;
                }
                told = told.max(notification.generation);
            }
            if over {
                return;
            }
            match self.more(form, &mut reader).await {
                Ok((more, ended)) => (next, over) = (more, ended),
                // It is forgotten.
                Err(_) => return,
            }
        }
    }

    fn task_id(&self) -> &str {
        &self.config.config.task_id
    }

    /// What comes next, as notifications, and whether nothing comes after it.
    async fn more(&self, form: Form, reader: &mut Reader) -> Result<(Vec<Notification>, bool), A2aError> {
        let events = reader.next().await?;
        let is_last = |(_, event): &Numbered| matches!(event, Event::Status(status) if is_terminal(status.state));
        let over = events.last().is_none_or(is_last);
        if form.wants_task(&events) {
            let task = self.engine.get(&self.permit, self.task_id()).await?;
            return Ok((form.task(&task).into_iter().collect(), over));
        }
        Ok((form.events(&events), over))
    }

    /// Tells one thing, however often it takes. Whether the receiver took it.
    async fn tell(&self, shared: &Shared, form: Form, notification: &Notification) -> bool {
        let (host, port) = (self.webhook.host(), self.webhook.port());
        let receiver = Receiver { caller: self.permit.principal().clone(), host, port };
        for attempt in 1..=shared.limits.attempts_max {
            if let Some(until) = shared.breaker.rests_until(&receiver) {
                sleep_until(until).await;
            }
            let error = match self.attempt(shared, form, notification).await {
                Ok(()) => {
                    shared.breaker.succeeded(&receiver);
                    let told =
                        self.engine.push_told(&self.permit, self.task_id(), &self.config.id, notification.generation);
                    return told.await.is_ok();
                }
                Err(error) => error,
            };
            shared.breaker.failed(&receiver);
            let (host, task) = (&receiver.host, self.task_id());
            if attempt == shared.limits.attempts_max || matches!(error, Unheard::Status(StatusCode::GONE)) {
                tracing::warn!(%error, %host, %task, attempt, "a webhook is given up: it is not told of this task any more");
                return false;
            }
            tracing::debug!(%error, %host, %task, attempt, "a webhook was not told, and is tried again");
            sleep(shared.limits.pause_after(attempt)).await;
        }
        false
    }

    async fn attempt(&self, shared: &Shared, form: Form, notification: &Notification) -> Result<(), Unheard> {
        let body = Body::chunks(notification.body.clone());
        let limit = shared.limits.timeout_ms;
        let call = post(&shared.rule, &self.webhook, self.headers(form), body);
        timeout(Duration::from_millis(limit), call).await.unwrap_or(Err(Unheard::Late(limit)))
    }

    fn headers(&self, form: Form) -> HeaderMap {
        let config = &*self.config.config;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("inhouse/", env!("CARGO_PKG_VERSION"))));
        let host = HeaderValue::from_str(self.webhook.authority());
        headers.extend(host.ok().map(|host| (HOST, host)));
        let secret = |text: &str| {
            let mut value = HeaderValue::from_str(text).ok().filter(|value| !value.is_empty())?;
            value.set_sensitive(true);
            Some(value)
        };
        if let Some(token) = secret(&config.token) {
            headers.extend(TOKENS.map(|name| (name, token.clone())));
        }
        let authorization = config.authentication.as_ref().filter(|info| !info.scheme.is_empty());
        let authorization =
            authorization.and_then(|info| secret(format!("{} {}", info.scheme, info.credentials).trim()));
        headers.extend(authorization.map(|value| (AUTHORIZATION, value)));
        headers
    }
}
