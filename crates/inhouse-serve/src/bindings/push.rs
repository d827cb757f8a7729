//! The operations on push notification configs (spec 3.1.7 to 3.1.10), whatever binding they came by.

use inhouse_engine::store::PushConfig;
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::v1;
use inhouse_trust::{Operation, Permit};

use super::list::PAGE_SIZE_MAX;
use super::operation::Outcome;
use super::version::Generation;
use super::{Audited, Call};
use crate::push::{Push, Room};

/// Which of them.
#[derive(Debug)]
pub(crate) enum PushAsked {
    Create(Box<v1::TaskPushNotificationConfig>, Generation),
    Get(v1::GetTaskPushNotificationConfigRequest),
    /// The only one of this task, or its oldest, for clients of 0.3 who name none.
    Only(v1::ListTaskPushNotificationConfigsRequest),
    List(v1::ListTaskPushNotificationConfigsRequest),
    Delete(v1::DeleteTaskPushNotificationConfigRequest),
}

impl PushAsked {
    /// Whether it changes who is told.
    pub(super) fn is_change(&self) -> bool {
        matches!(self, Self::Create(..) | Self::Delete(_))
    }

    /// The agent that the request names, if it names one.
    pub(super) fn tenant(&self) -> &str {
        match self {
            Self::Create(config, _) => &config.tenant,
            Self::Get(request) => &request.tenant,
            Self::Only(request) | Self::List(request) => &request.tenant,
            Self::Delete(request) => &request.tenant,
        }
    }
}

/// Does what is asked.
pub(super) async fn perform(call: &Call<'_>, asked: PushAsked, audited: &mut Audited) -> Result<Outcome, A2aError> {
    let push = push(call)?;
    let engine = &call.endpoint.engine;
    let permit = call.permit(Operation::Push)?;
    match asked {
        PushAsked::Create(config, generation) => {
            audited.names(&config.task_id);
            // First whether there is such a task: whoever has none makes us resolve no names.
            engine.push_configs(&permit, &config.task_id).await?;
            let room = push.check(&permit, &config, "").await?;
            let config = engine.push_set(&permit, *config, generation.label()).await?;
            push.follow(engine, &permit, &config.config.task_id, &config.id, room);
            Ok(Outcome::Config(Box::new(shown(&config))))
        }
        PushAsked::Get(request) => {
            audited.names(&request.task_id);
            let config = engine.push_config(&permit, &request.task_id, &request.id).await?;
            Ok(Outcome::Config(Box::new(shown(&config))))
        }
        PushAsked::Only(v1::ListTaskPushNotificationConfigsRequest { task_id, .. }) => {
            audited.names(&task_id);
            let configs = engine.push_configs(&permit, &task_id).await?;
            let missing = || A2aError::new(ErrorKind::TaskNotFound).with("taskId", &task_id);
            let config = configs.iter().find(|config| *config.id == task_id).or(configs.first()).ok_or_else(missing)?;
            Ok(Outcome::Config(Box::new(shown(config))))
        }
        PushAsked::List(request) => {
            audited.names(&request.task_id);
            Ok(Outcome::Configs(page(&request, engine.push_configs(&permit, &request.task_id).await?)))
        }
        PushAsked::Delete(request) => {
            audited.names(&request.task_id);
            // A delivery that begins only now finds nothing to tell.
            push.stop(&permit, &request.task_id, &request.id);
            engine.push_delete(&permit, &request.task_id, &request.id).await?;
            Ok(Outcome::Deleted)
        }
    }
}

/// A page of a task's configs, by their ids (spec 3.1.9). Its token is the id of the last one on the page.
fn page(
    request: &v1::ListTaskPushNotificationConfigsRequest,
    mut configs: Vec<PushConfig>,
) -> v1::ListTaskPushNotificationConfigsResponse {
    configs.retain(|config| *config.id > *request.page_token);
    configs.sort_by(|one, other| one.id.cmp(&other.id));
    let size = usize::try_from(if request.page_size == 0 { PAGE_SIZE_MAX } else { request.page_size }).unwrap_or(1);
    let next_page_token = match configs.get(size) {
        Some(_) => configs[size - 1].id.to_string(),
        None => String::new(),
    };
    let configs = configs.iter().take(size).map(shown).collect();
    v1::ListTaskPushNotificationConfigsResponse { configs, next_page_token }
}

/// The part of the server that tells webhooks.
///
/// # Errors
/// Push notifications not supported, where the configuration has none of it.
fn push<'a>(call: &Call<'a>) -> Result<&'a Push, A2aError> {
    call.endpoint.push.as_ref().ok_or_else(|| A2aError::new(ErrorKind::PushNotificationNotSupported))
}

/// Whether the config that comes with a message may be made, and its room.
pub(super) async fn check(
    call: &Call<'_>,
    permit: &Permit,
    config: Option<&v1::TaskPushNotificationConfig>,
) -> Result<Option<Room>, A2aError> {
    let Some(config) = config else { return Ok(None) };
    push(call)?.check(permit, config, "configuration.taskPushNotificationConfig.").await.map(Some)
}

/// Tells the config that came with a message.
pub(super) async fn follow(
    call: &Call<'_>,
    permit: &Permit,
    task_id: &str,
    id: &str,
    room: Room,
) -> Result<(), A2aError> {
    // A retry has changed nothing: then this is what the first send made, if it made one, and it has been told already.
    let config = call.endpoint.engine.push_config(permit, task_id, id).await;
    if config.is_ok_and(|config| config.told == 0) {
        push(call)?.follow(&call.endpoint.engine, permit, task_id, id, room);
    }
    Ok(())
}

/// The config without its credentials: they are written once, and never read.
fn shown(config: &PushConfig) -> v1::TaskPushNotificationConfig {
    let mut shown = (*config.config).clone();
    if let Some(info) = &mut shown.authentication {
        info.credentials.clear();
    }
    shown
}
