//! The layer of environment variables. Their names are those that operators of A2A servers around Claude Code know; an
//! empty value is no value.

use clap::ValueEnum;
use inhouse_trust::{HostEnv, Secret};

use super::choices::LogChoice;
use super::document::{one_of, whole_number};
use super::error::ConfigError;
use super::layer::{AgentWords, Choice, Layer, owner};
use super::limits::LIMITS;
use super::model::{CallerConfig, CallerToken};
use super::origin::{Origin, Setting};
use super::words::split;

/// What the environment says.
///
/// # Errors
/// [`ConfigError`] naming the variable.
pub(super) fn layer(environment: &HostEnv) -> Result<Layer, ConfigError> {
    let get = |name: &'static str| text(environment, name);
    let mut layer = Layer {
        host: get("HOST"),
        port: get("PORT").map(|text| text.try_map(|text, origin| port(&text, origin))).transpose()?,
        log: get("INHOUSE_LOG")
            .map(|text| text.try_map(|text, origin| word::<LogChoice>(&text, origin)))
            .transpose()?,
        console: get("INHOUSE_CONSOLE").map(|text| text.try_map(|text, origin| switch(&text, origin))).transpose()?,
        // Set by what makes containers (systemd's container interface).
        container: get("container").map(|text| Setting { value: true, origin: text.origin }),
        callers: get("API_TOKEN").map(api_token).into_iter().collect(),
        agent: AgentWords {
            choice: get("AGENT_CMD").map(|text| text.try_map(command)).transpose()?.filter(is_command),
            title: get("AGENT_NAME"),
            description: get("AGENT_DESCRIPTION"),
            project: get("AGENT_PROJECT"),
            input: get("AGENT_INPUT").map(|text| text.try_map(|text, origin| word(&text, origin))).transpose()?,
        },
        ..Layer::default()
    };
    for limit in LIMITS {
        if let Some(text) = limit.environment.and_then(get) {
            let value = text.try_map(|text, origin| {
                let number = text.trim().parse().ok().filter(|number| limit.range.contains(number));
                number.ok_or_else(|| wrong(origin, whole_number(&limit.range), &text))
            })?;
            layer.limits.insert(limit.key, value);
        }
    }
    Ok(layer)
}

fn text(environment: &HostEnv, name: &'static str) -> Option<Setting<String>> {
    let value = environment.get(name).filter(|value| !value.trim().is_empty())?;
    Some(Setting { value: value.to_owned(), origin: Origin::Environment(name) })
}

fn port(text: &str, origin: &Origin) -> Result<u16, ConfigError> {
    text.trim().parse().map_err(|_| wrong(origin, whole_number(&(0..=u16::MAX.into())), text))
}

fn switch(text: &str, origin: &Origin) -> Result<bool, ConfigError> {
    text.trim().parse().map_err(|_| wrong(origin, "true or false".into(), text))
}

fn word<T: ValueEnum>(text: &str, origin: &Origin) -> Result<T, ConfigError> {
    T::from_str(text.trim(), true).map_err(|_| wrong(origin, one_of::<T>(), text))
}

fn command(text: String, origin: &Origin) -> Result<Choice, ConfigError> {
    split(&text).map(Choice::Command).map_err(|source| ConfigError::Words { origin: origin.clone(), source })
}

fn is_command(choice: &Setting<Choice>) -> bool {
    !matches!(&choice.value, Choice::Command(words) if words.is_empty())
}

fn api_token(token: Setting<String>) -> CallerConfig {
    let token_value = CallerToken::Variable { name: "API_TOKEN".into(), token: Secret::new(token.value) };
    CallerConfig { name: owner(), token: token_value, admin: true, origin: token.origin }
}

fn wrong(origin: &Origin, expected: String, found: &str) -> ConfigError {
    ConfigError::Value { origin: origin.clone(), key: String::new(), expected, found: format!("{found:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::choices::InputChoice;

    fn environment(pairs: &[(&str, &str)]) -> HostEnv {
        HostEnv::new(pairs.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn every_name_of_the_predecessor_means_what_it_meant() {
        let pairs = [
            ("HOST", "0.0.0.0"),
            ("PORT", "9000"),
            ("API_TOKEN", "team-secret"),
            ("AGENT_CMD", "node 'my bot.js'"),
            ("AGENT_NAME", "Our Bot"),
            ("AGENT_DESCRIPTION", "Answers"),
            ("AGENT_PROJECT", "/srv/shop"),
            ("AGENT_INPUT", "stdin"),
            ("REQUEST_TIMEOUT_MS", "1000"),
            ("RATE_LIMIT_RPM", "60"),
            ("MAX_BODY_BYTES", "2048"),
        ];
        let layer = layer(&environment(&pairs)).unwrap();
        assert_eq!(layer.host.unwrap().value, "0.0.0.0");
        assert_eq!(layer.port.unwrap(), Setting { value: 9000, origin: Origin::Environment("PORT") });
        let CallerToken::Variable { name, token } = &layer.callers[0].token else { panic!() };
        assert_eq!((name.as_str(), token.expose()), ("API_TOKEN", "team-secret"));
        assert_eq!(layer.agent.choice.unwrap().value, Choice::Command(vec!["node".into(), "my bot.js".into()]));
        assert_eq!(layer.agent.title.unwrap().value, "Our Bot");
        assert_eq!(layer.agent.description.unwrap().value, "Answers");
        assert_eq!(layer.agent.project.unwrap().value, "/srv/shop");
        assert_eq!(layer.agent.input.unwrap().value, InputChoice::Stdin);
        let limits: Vec<_> = layer.limits.iter().map(|(key, limit)| (*key, limit.value)).collect();
        assert_eq!(limits, [("body_bytes_max", 2048), ("rate_limit_rpm", 60), ("request_timeout_ms", 1000)]);
    }

    #[test]
    fn an_empty_value_is_no_value() {
        let names = ["HOST", "PORT", "API_TOKEN", "AGENT_CMD", "AGENT_NAME", "AGENT_INPUT", "RATE_LIMIT_RPM"];
        for blank in ["", " "] {
            let layer = layer(&environment(&names.map(|name| (name, blank)))).unwrap();
            assert!(layer.host.is_none() && layer.port.is_none() && layer.callers.is_empty());
            assert!(layer.agent.choice.is_none() && layer.agent.title.is_none() && layer.agent.input.is_none());
            assert!(layer.limits.is_empty());
        }
    }

    #[test]
    fn a_wrong_value_is_named_with_its_variable() {
        let cases = [
            ("PORT", "http", "PORT must be a whole number from 0 to 65535, found \"http\""),
            ("PORT", "65536", "PORT must be a whole number from 0 to 65535, found \"65536\""),
            ("RATE_LIMIT_RPM", "0", "RATE_LIMIT_RPM must be a whole number from 1 to 1000000, found \"0\""),
            (
                "AGENT_INPUT",
                "args",
                "AGENT_INPUT must be \"stdin\" or \"argument\" or \"both\" or \"json\", found \"args\"",
            ),
            ("INHOUSE_CONSOLE", "no", "INHOUSE_CONSOLE must be true or false, found \"no\""),
            ("AGENT_CMD", "node 'x", "AGENT_CMD: the quote ' at character 6 is never closed"),
        ];
        for (name, value, message) in cases {
            assert_eq!(layer(&environment(&[(name, value)])).unwrap_err().to_string(), message);
        }
    }
}
