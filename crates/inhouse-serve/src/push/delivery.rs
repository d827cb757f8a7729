//! One config's deliveries: a cursor on the log that moves when the receiver has said yes. In order, at least once, and
//! never in the way of the task.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use inhouse_engine::state::is_terminal;
use inhouse_engine::store::PushConfig;
use inhouse_engine::{Engine, Numbered};
use inhouse_proto::wire::Event;
use inhouse_trust::Permit;
use tokio::time::{sleep, sleep_until, timeout};

use super::Shared;
use super::breaker::Receiver;
use super::call::{Unheard, post};
use super::notification::{Form, Notification, What};
use super::webhook::Webhook;
use crate::Body;

/// The headers in which receivers look for a config's token: the usual one, and what it is called without its `X`.
const TOKENS: [HeaderName; 2] =
    [HeaderName::from_static("x-a2a-notification-token"), HeaderName::from_static("a2a-notification-token")];

/// Who is told of what.
pub(super) struct Delivery {
    engine: Engine,
    permit: Permit,
    config: PushConfig,
    webhook: Webhook,
}

/// That nothing more is told: the receiver is given up, or the config or its task is gone.
struct Over;

impl Delivery {
    /// Tells the config of this id, as it now stands, everything there is and everything that comes, until the task is over or the
    /// receiver is given up.
    pub(super) async fn run(shared: &Shared, engine: Engine, permit: Permit, task_id: &str, id: &str) {
        let Ok(config) = engine.push_config(&permit, task_id, id).await else { return };
        let Ok(webhook) = Webhook::parse(&config.config.url) else { return };
        let _ = Self { engine, permit, config, webhook }.tell_all(shared).await;
    }

    async fn tell_all(&self, shared: &Shared) -> Result<(), Over> {
        let form = Form::of(self.config.label);
        let (_, mut reader) = self.engine.watch(&self.permit, self.task_id()).await.map_err(|_| Over)?;
        let (mut told, is_whole) = self.tell(shared, form, &What::Task).await?;
        if !is_whole && form == Form::V1 {
            let all = self.engine.follow(&self.permit, self.task_id(), Some(0)).await;
            (told, reader) = (0, all.map_err(|_| Over)?.1);
        }
        loop {
            let events = reader.next().await.map_err(|_| Over)?;
            let is_last = |(_, event): &Numbered| matches!(event, Event::Status(status) if is_terminal(status.state));
            let over = events.last().is_none_or(is_last);
            let news: Vec<_> = events.into_iter().filter(|(number, _)| *number > told).collect();
            for what in form.telling(&news) {
                told = told.max(self.tell(shared, form, &what).await?.0);
            }
            if over {
                return Ok(());
            }
        }
    }

    fn task_id(&self) -> &str {
        &self.config.config.task_id
    }

    /// Tells one thing, however often it takes: the number of the last event that the receiver has taken, and whether that
    /// was all of it.
    async fn tell(&self, shared: &Shared, form: Form, what: &What) -> Result<(u64, bool), Over> {
        let (host, port) = (self.webhook.host(), self.webhook.port());
        let receiver = Receiver { caller: self.permit.principal().clone(), host, port };
        for attempt in 1..=shared.limits.attempts_max {
            if let Some(until) = shared.breaker.rests_until(&receiver) {
                sleep_until(until).await;
            }
            let error = match self.attempt(shared, form, what).await? {
                Ok((generation, is_whole)) => {
                    shared.breaker.succeeded(&receiver);
                    shared.metrics.called_webhook("told");
                    let told = self.engine.push_told(&self.permit, &self.config, generation);
                    return told.await.map(|()| (generation, is_whole)).map_err(|_| Over);
                }
                Err(error) => error,
            };
            shared.breaker.failed(&receiver);
            shared.metrics.called_webhook("failed");
            let (host, task) = (&receiver.host, self.task_id());
            if attempt == shared.limits.attempts_max || matches!(error, Unheard::Status(StatusCode::GONE)) {
                tracing::warn!(%error, %host, %task, attempt, "a webhook is given up: it is not told of this task any more");
                return Err(Over);
            }
            tracing::debug!(%error, %host, %task, attempt, "a webhook was not told, and is tried again");
            sleep(shared.limits.pause_after(attempt)).await;
        }
        Err(Over)
    }

    /// Tells it once. Only here there are its bytes, and only if the config is still the one that its caller wants.
    async fn attempt(&self, shared: &Shared, form: Form, what: &What) -> Result<Result<(u64, bool), Unheard>, Over> {
        let rule = shared.rule();
        let dial = match shared.lookups.dial(self.permit.principal(), &rule, &self.webhook).await {
            Ok(dial) => dial,
            Err(error) => return Ok(Err(error.into())),
        };
        self.check_current().await?;
        let Notification { body, generation, is_whole } = match what {
            What::Event(event) => Form::event(event),
            What::Task => {
                let task = self.engine.get(&self.permit, self.task_id()).await.map_err(|_| Over)?;
                form.task(&task).ok_or(Over)?
            }
        };
        let limit = shared.limits.timeout_ms;
        let call = post(&dial, &self.webhook, self.headers(form), Body::chunks(body));
        let posted = timeout(Duration::from_millis(limit), call).await.unwrap_or(Err(Unheard::Late(limit)));
        Ok(posted.map(|()| (generation, is_whole)))
    }

    /// Whoever deletes a config, or puts another one in its place, is heard before anything else is told.
    async fn check_current(&self) -> Result<(), Over> {
        let current = self.engine.push_config(&self.permit, self.task_id(), &self.config.id).await;
        let is_current = current.is_ok_and(|current| current.revision == self.config.revision);
        if is_current { Ok(()) } else { Err(Over) }
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
