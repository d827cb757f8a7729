//! Addresses in the configuration: the public one, and the origins of pages that may call. They are checked, never joined.

use inhouse_serve::Proxies;

use super::error::ConfigError;
use super::model::PublicUrl;
use super::origin::{Origin, Setting};

/// Takes `http://host[:port]` or `https://host[:port]`, with or without a slash at its end.
///
/// # Errors
/// [`ConfigError::Value`] for anything else.
pub(super) fn public_url(text: &str, origin: &Origin) -> Result<PublicUrl, ConfigError> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let host = host(text).ok_or_else(|| wrong("public_url", text, origin))?;
    Ok(PublicUrl { text: text.into(), host: host.to_ascii_lowercase() })
}

impl PublicUrl {
    /// The same as a browser writes it: in small letters, and without the port that its scheme means anyway.
    pub(crate) fn origin(&self) -> String {
        let text = self.text.to_ascii_lowercase();
        let port = if text.starts_with("https:") { ":443" } else { ":80" };
        text.strip_suffix(port).map(str::to_owned).unwrap_or(text)
    }
}

/// Checks that all are origins as a browser writes them: scheme, host, perhaps a port.
///
/// # Errors
/// [`ConfigError::Value`] for the first that is none.
pub(super) fn origins(texts: Vec<String>, origin: &Origin) -> Result<Vec<String>, ConfigError> {
    match texts.iter().find(|text| host(text).is_none()) {
        Some(bad) => Err(wrong("allowed_origins", bad, origin)),
        None => Ok(texts),
    }
}

/// Checks that all are addresses or ranges of addresses.
///
/// # Errors
/// [`ConfigError::Value`] for the first that is none.
pub(super) fn proxies(texts: Vec<String>, origin: &Origin) -> Result<Vec<String>, ConfigError> {
    match texts.iter().find(|text| Proxies::new([text.as_str()]).is_err()) {
        Some(bad) => Err(ConfigError::Value {
            origin: origin.clone(),
            key: "trusted_proxies".into(),
            expected: "addresses, or ranges of addresses such as \"10.0.0.0/8\"".into(),
            found: format!("{bad:?}"),
        }),
        None => Ok(texts),
    }
}

/// Checks that a text is an address of the web.
///
/// # Errors
/// [`ConfigError::Value`] for one that is none.
pub(super) fn web_address(key: &str, text: Setting<String>) -> Result<Setting<String>, ConfigError> {
    text.try_map(|text, origin| match text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
        Some(rest) if !rest.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(text),
        _ => Err(ConfigError::Value {
            origin: origin.clone(),
            key: key.into(),
            expected: "an http:// or https:// address".into(),
            found: format!("{text:?}"),
        }),
    })
}

fn host(text: &str) -> Option<&str> {
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, port)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let named = authority.starts_with('[') || host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    let numbered = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    (!host.is_empty() && named && numbered).then_some(host)
}

fn wrong(key: &str, found: &str, origin: &Origin) -> ConfigError {
    ConfigError::Value {
        origin: origin.clone(),
        key: key.into(),
        expected: "http:// or https://, a host and perhaps a port, without a path".into(),
        found: format!("{found:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scheme_host_and_port_make_a_public_address() {
        let good = [
            ("https://agents.example.com", "agents.example.com"),
            ("https://Agents.example.com/", "agents.example.com"),
            ("http://10.0.0.7:8080", "10.0.0.7"),
            ("http://[::1]:8080", "::1"),
        ];
        for (text, host) in good {
            assert_eq!(public_url(text, &Origin::Default).unwrap().host, host, "{text}");
        }
        for (text, origin) in [
            ("https://Agents.example.com/", "https://agents.example.com"),
            ("https://a:443", "https://a"),
            ("https://a:80", "https://a:80"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(public_url(text, &Origin::Default).unwrap().origin(), origin, "{text}");
        }
        let bad = [
            "",
            "agents.example.com",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://a:b",
            "https://a?x",
            "https://u@a",
            "http://[x]",
            "https://:80",
        ];
        for text in bad {
            assert!(public_url(text, &Origin::Default).is_err(), "{text}");
        }
    }
}
