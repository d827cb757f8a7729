//! The paths of HTTP+JSON (spec 11.3, and the HTTP annotations of the protocol's service): which operation stands where.

use std::borrow::Cow;

use hyper::Method;
use percent_encoding::percent_decode_str;

use crate::bindings::operation::Kind;
use crate::bindings::version::Generation;

/// What a path names, below an agent's own address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// `/{tenant}/…`
    pub(crate) tenant: Option<String>,
    /// The generation whose paths look like this one.
    pub(crate) generation: Generation,
    pub(crate) resource: Resource,
}

/// The resources of the binding. Ids are as the caller meant them: decoded, not yet looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    /// `/message:send`
    Send,
    /// `/message:stream`
    Stream,
    /// `/tasks`
    Tasks,
    /// `/tasks/{id}`
    Task(String),
    /// `/tasks/{id}:cancel`
    Cancel(String),
    /// `/tasks/{id}:subscribe`
    Subscribe(String),
    /// `/tasks/{id}/pushNotificationConfigs`
    Configs(String),
    /// `/tasks/{id}/pushNotificationConfigs/{config}`
    Config(String, String),
    /// `/extendedAgentCard`
    Card,
}

impl Target {
    /// Reads a path, which begins with a slash. Clients that take the JSON-RPC address for the base of this binding are
    /// understood as well.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let path = below(path);
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let (generation, tenant) = (Generation::V1, None);
        if let ["v1", rest @ ..] = segments.as_slice() {
            let resource = Resource::parse(rest, Generation::V03)?;
            return Some(Self { tenant, generation: Generation::V03, resource });
        }
        if let Some(resource) = Resource::parse(&segments, generation) {
            return Some(Self { tenant, generation, resource });
        }
        let (tenant, rest) = segments.split_first()?;
        let resource = Resource::parse(rest, generation)?;
        Some(Self { tenant: Some(decoded(tenant)?), generation, resource })
    }

    /// Whether a path looks like those of 0.3, be there something at it or not.
    pub(crate) fn is_0_3(path: &str) -> bool {
        below(path).starts_with("/v1/")
    }
}

/// The path below the address of JSON-RPC, or as it is.
fn below(path: &str) -> &str {
    path.strip_prefix("/a2a").filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

impl Resource {
    fn parse(segments: &[&str], generation: Generation) -> Option<Self> {
        Some(match segments {
            ["message:send"] => Self::Send,
            ["message:stream"] => Self::Stream,
            ["extendedAgentCard"] => Self::Card,
            ["card"] if generation == Generation::V03 => Self::Card,
            ["tasks"] => Self::Tasks,
            ["tasks", task] => match task.rsplit_once(':') {
                Some((id, "cancel")) => Self::Cancel(decoded(id)?),
                Some((id, "subscribe")) => Self::Subscribe(decoded(id)?),
                _ => Self::Task(decoded(task)?),
            },
            // The annotations of 0.3 have `task` for once.
            ["tasks" | "task", task, "pushNotificationConfigs"] => Self::Configs(decoded(task)?),
            ["tasks", task, "pushNotificationConfigs", config] => Self::Config(decoded(task)?, decoded(config)?),
            _ => return None,
        })
    }

    /// The operation that a method of HTTP means here; else the methods that mean something.
    pub(crate) fn operation(&self, method: &Method) -> Result<Kind, &'static str> {
        let is = |expected: Method, kind, allowed| if *method == expected { Ok(kind) } else { Err(allowed) };
        match self {
            Self::Send => is(Method::POST, Kind::Send, "POST"),
            Self::Stream => is(Method::POST, Kind::Stream, "POST"),
            Self::Tasks => is(Method::GET, Kind::List, "GET"),
            Self::Task(_) => is(Method::GET, Kind::Get, "GET"),
            Self::Cancel(_) => is(Method::POST, Kind::Cancel, "POST"),
            // The annotation says GET, the list of paths POST (spec 11.3.2).
            Self::Subscribe(_) if matches!(*method, Method::GET | Method::POST) => Ok(Kind::Subscribe),
            Self::Subscribe(_) => Err("GET, POST"),
            Self::Configs(_) | Self::Config(..) => self.push_operation(method),
            Self::Card => is(Method::GET, Kind::Card, "GET"),
        }
    }

    fn push_operation(&self, method: &Method) -> Result<Kind, &'static str> {
        match (self, method.as_str()) {
            (Self::Configs(_), "POST") => Ok(Kind::PushCreate),
            (Self::Configs(_), "GET") => Ok(Kind::PushList),
            (Self::Configs(_), _) => Err("GET, POST"),
            (_, "GET") => Ok(Kind::PushGet),
            (_, "DELETE") => Ok(Kind::PushDelete),
            _ => Err("DELETE, GET"),
        }
    }
}

/// A segment as the caller meant it; none for an empty one and for what is no UTF-8.
fn decoded(segment: &str) -> Option<String> {
    if segment.is_empty() {
        return None;
    }
    percent_decode_str(segment).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Resource as R;

    fn id(text: &str) -> String {
        text.to_owned()
    }

    fn target(tenant: Option<&str>, generation: Generation, resource: Resource) -> Target {
        Target { tenant: tenant.map(id), generation, resource }
    }

    #[test]
    fn paths_name_resources() {
        #[rustfmt::skip]
        let rows: [(&str, Option<Target>); 24] = [
            ("/message:send", Some(target(None, Generation::V1, R::Send))),
            ("/a2a/message:stream", Some(target(None, Generation::V1, R::Stream))),
            ("/v1/message:send", Some(target(None, Generation::V03, R::Send))),
            ("/a2a/v1/tasks/t", Some(target(None, Generation::V03, R::Task(id("t"))))),
            ("/tasks", Some(target(None, Generation::V1, R::Tasks))),
            ("/tasks/t1", Some(target(None, Generation::V1, R::Task(id("t1"))))),
            ("/tasks/a%2Fb%20c:cancel", Some(target(None, Generation::V1, R::Cancel(id("a/b c"))))),
            ("/tasks/a:b", Some(target(None, Generation::V1, R::Task(id("a:b"))))),
            ("/tasks/a:b:subscribe", Some(target(None, Generation::V1, R::Subscribe(id("a:b"))))),
            ("/codex/tasks/t1:subscribe", Some(target(Some("codex"), Generation::V1, R::Subscribe(id("t1"))))),
            ("/tasks/t/pushNotificationConfigs", Some(target(None, Generation::V1, R::Configs(id("t"))))),
            ("/v1/task/t/pushNotificationConfigs", Some(target(None, Generation::V03, R::Configs(id("t"))))),
            ("/x/tasks/t/pushNotificationConfigs/c", Some(target(Some("x"), Generation::V1, R::Config(id("t"), id("c"))))),
            ("/extendedAgentCard", Some(target(None, Generation::V1, R::Card))),
            ("/v1/card", Some(target(None, Generation::V03, R::Card))),
            ("/card", None),
            ("/", None),
            ("//tasks", None),
            ("/tasks/", None),
            ("/tasks/:cancel", None),
            ("/tasks/%ff", None),
            ("/tasks/t/other", None),
            ("/a/b/tasks", None),
            ("/message:sends", None),
        ];
        for (path, expected) in rows {
            assert_eq!(Target::parse(path), expected, "{path}");
        }
    }

    #[test]
    fn a_method_means_one_operation_or_is_told_which_ones_do() {
        let task = || id("t");
        for (resource, method, meant) in [
            (R::Send, Method::POST, Ok(Kind::Send)),
            (R::Send, Method::GET, Err("POST")),
            (R::Subscribe(task()), Method::GET, Ok(Kind::Subscribe)),
            (R::Subscribe(task()), Method::POST, Ok(Kind::Subscribe)),
            (R::Subscribe(task()), Method::PUT, Err("GET, POST")),
            (R::Cancel(task()), Method::GET, Err("POST")),
            (R::Config(task(), task()), Method::DELETE, Ok(Kind::PushDelete)),
            (R::Config(task(), task()), Method::POST, Err("DELETE, GET")),
            (R::Configs(task()), Method::DELETE, Err("GET, POST")),
        ] {
            assert_eq!(resource.operation(&method), meant, "{method} {resource:?}");
        }
    }
}
