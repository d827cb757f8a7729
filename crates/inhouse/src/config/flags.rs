//! The layer of the command line's flags. Clap has checked their shape already.

use super::error::ConfigError;
use super::layer::{AgentWords, Choice, Layer};
use super::origin::{Origin, Setting};
use super::urls::public_url;
use crate::args::ServeArgs;

/// What the flags say.
///
/// # Errors
/// [`ConfigError::Value`] for an address that is none.
pub(super) fn layer(flags: &ServeArgs) -> Result<Layer, ConfigError> {
    let public = set("--public-url", flags.public_url.clone());
    Ok(Layer {
        host: set("--host", flags.host.clone()),
        port: set("--port", flags.port),
        public_url: public.map(|text| text.try_map(|text, origin| public_url(&text, origin))).transpose()?,
        console: flags.no_console.then(|| flag("--no-console", false)),
        hardened: flags.hardened.then(|| flag("--hardened", true)),
        user: set("--user", flags.user.clone()),
        container: flags.container.then(|| flag("--container", true)),
        containment: set("--containment", flags.containment),
        tls: set("--tls", flags.tls),
        tls_cert: set("--tls-cert", flags.tls_cert.clone()),
        tls_key: set("--tls-key", flags.tls_key.clone()),
        require_sandbox: flags.require_sandbox.then(|| flag("--require-sandbox", true)),
        log: set("--log", flags.log),
        agent: AgentWords {
            choice: choice(flags),
            title: set("--name", flags.name.clone()),
            description: set("--description", flags.description.clone()),
            project: set("--project", flags.project.clone()),
            input: set("--input", flags.input),
        },
        ..Layer::default()
    })
}

fn choice(flags: &ServeArgs) -> Option<Setting<Choice>> {
    let named = set("--agent", flags.agent.clone().map(Choice::Name));
    let command = (!flags.command.is_empty()).then(|| flag("-- COMMAND", Choice::Command(flags.command.clone())));
    named.or(command)
}

fn set<T>(name: &'static str, value: Option<T>) -> Option<Setting<T>> {
    value.map(|value| flag(name, value))
}

fn flag<T>(name: &'static str, value: T) -> Setting<T> {
    Setting { value, origin: Origin::Flag(name) }
}
