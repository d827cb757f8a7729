//! Who may come in: from the configured callers to the tokens that are valid, and to the rules for listening where others are.

use std::ffi::OsString;
use std::net::SocketAddr;

use inhouse_serve::{CertificateRule, CertificateRules};
use inhouse_trust::{Credential, HostEnv, Rights, Secret, TokenDigest};

use crate::config::{CallerConfig, CallerToken, Callers, Origin, Server, Setting};
use crate::exit::Failure;
use crate::token::{self, STRONG_BYTES_MIN};

/// The valid tokens, and what the operator has to know of them.
pub(crate) struct Access {
    /// The tokens that are configured, beside those that are issued.
    pub(crate) configured: Vec<Credential>,
    /// Names of certificates, and whose they are.
    pub(crate) certified: CertificateRules,
    /// Which token the operator can use.
    pub(crate) known: Known,
    /// Whether one can be guessed.
    pub(crate) weak: Weak,
}

/// The variable of a token that can be guessed, if there is one.
#[derive(Debug)]
pub(crate) struct Weak(Option<String>);

/// The environment of which agents get their part. A caller's token stands there under a name of the server's own, which never
/// passes to an agent, and by which its value is known for a secret in what an agent writes.
pub(crate) fn without_tokens(variables: impl IntoIterator<Item = (OsString, OsString)>, callers: &Callers) -> HostEnv {
    let list = if let Callers::Configured(list) = callers { list.as_slice() } else { &[] };
    let tokens: Vec<&str> = list.iter().filter_map(variable).map(|(name, _)| name).collect();
    let renamed = |(name, value): (OsString, OsString)| match name.to_str().filter(|name| tokens.contains(name)) {
        Some(name) => (format!("INHOUSE_TOKEN_IN_{name}").into(), value),
        None => (name, value),
    };
    HostEnv::new(variables.into_iter().map(renamed))
}

/// A token that the operator can use.
#[derive(Debug)]
pub(crate) enum Known {
    /// It was made just now, and nobody has seen it.
    Generated(Secret),
    /// It stands in this variable of the environment.
    Variable(String),
    /// Only digests are known.
    Digests,
}

impl Access {
    /// Makes a token where nobody was named.
    ///
    /// # Errors
    /// [`Failure`] when the system has no random bytes; when a token can not stand in a header, so that it would lock its
    /// owner out; when two callers have the same one, so that nobody could tell them apart.
    pub(crate) fn new(callers: &Callers) -> Result<Self, Failure> {
        if let Callers::Configured(list) = callers {
            list.iter().filter_map(variable).try_for_each(|(name, token)| printable(name, token))?;
            distinct(list)?;
        }
        match callers {
            Callers::Generated(owner) => {
                let token = token::generate().map_err(|error| Failure::failed(error.to_string(), None))?;
                let rights = Rights::of_operator().into();
                let configured = vec![Credential { principal: owner.clone(), token: TokenDigest::of(&token), rights }];
                Ok(Self {
                    configured,
                    certified: CertificateRules::default(),
                    known: Known::Generated(token),
                    weak: Weak(None),
                })
            }
            Callers::Configured(list) => {
                let variables = || list.iter().filter_map(variable);
                let name = |(name, _): (&str, _)| name.to_owned();
                Ok(Self {
                    configured: list.iter().filter_map(entry).collect(),
                    certified: CertificateRules(list.iter().filter_map(certified).collect()),
                    known: variables().next().map(name).map_or(Known::Digests, Known::Variable),
                    weak: Weak(variables().find(|(_, token)| token::is_weak(token)).map(name)),
                })
            }
        }
    }
}

impl Weak {
    /// Whether the server may listen there; what is only warned of is returned as a line.
    ///
    /// # Errors
    /// [`Failure`] with exit code 2 when `hardened` refuses it.
    pub(crate) fn check(&self, server: &Server, address: SocketAddr) -> Result<Option<String>, Failure> {
        let outside = !address.ip().is_loopback();
        let cure = "use one from: openssl rand -hex 32".to_owned();
        let weak =
            self.0.as_ref().map(|name| format!("{name} is shorter than {STRONG_BYTES_MIN} bytes and can be guessed"));
        let Setting { value: hardened, origin } = &server.hardened;
        match weak {
            Some(weak) if *hardened => Err(Failure::usage(format!("{}: {weak}", said(origin)), Some(cure))),
            _ if *hardened && outside && server.tls.is_none() => Err(Failure::usage(
                format!("{}: plain HTTP on {} can be read on its way", said(origin), address.ip()),
                Some(
                    "--tls auto, --tls-cert and --tls-key, or --host 127.0.0.1 with a TLS proxy on this machine".into(),
                ),
            )),
            Some(weak) if outside => Ok(Some(format!("{weak} by anyone who reaches this machine: {cure}"))),
            _ => Ok(None),
        }
    }
}

/// A header has no place for white space and control characters; a token read from a file often ends in a line feed.
fn printable(name: &str, token: &Secret) -> Result<(), Failure> {
    let found = token.expose().chars().find(|char| !char.is_ascii_graphic());
    let Some(found) = found else { return Ok(()) };
    let message = format!("{name} holds {found:?}, which can not stand in an Authorization header");
    Err(Failure::usage(message, Some(format!("{name}=\"$(printf %s \"${name}\" | tr -d '[:space:]')\" inhouse"))))
}

fn distinct(list: &[CallerConfig]) -> Result<(), Failure> {
    for (at, one) in list.iter().enumerate() {
        let same_token = |other: &CallerConfig| match (entry(other), entry(one)) {
            (Some(other), Some(one)) => bool::from(other.token.same(&one.token)),
            _ => false,
        };
        let name = |caller: &CallerConfig| certified(caller).map(|rule| rule.name);
        let same_name = |other: &CallerConfig| name(other).is_some_and(|other| Some(other) == name(one));
        let others = || list[..at].iter().filter(|other| other.name != one.name);
        if let Some(other) = others().find(|other| same_token(other)) {
            let message = format!("the callers {} and {} have the same token", other.name, one.name);
            return Err(Failure::usage(message, Some("give each its own: openssl rand -hex 32".to_owned())));
        }
        if let Some(other) = others().find(|other| same_name(other)) {
            let message = format!("the callers {} and {} have the same certificate", other.name, one.name);
            return Err(Failure::usage(message, Some("give each a name of its own certificate".to_owned())));
        }
    }
    Ok(())
}

fn said(origin: &Origin) -> String {
    match origin {
        Origin::File(place) => format!("{place}: hardened"),
        other => other.to_string(),
    }
}

fn rights(caller: &CallerConfig) -> Rights {
    if caller.admin { Rights::of_operator() } else { Rights::default() }
}

fn entry(caller: &CallerConfig) -> Option<Credential> {
    let token = match &caller.token {
        CallerToken::Variable { token, .. } => TokenDigest::of(token),
        CallerToken::Digest(digest) => TokenDigest::from_sha256(*digest),
        CallerToken::Certificate(_) => return None,
    };
    Some(Credential { principal: caller.name.clone(), token, rights: rights(caller).into() })
}

fn certified(caller: &CallerConfig) -> Option<CertificateRule> {
    match &caller.token {
        CallerToken::Certificate(name) => {
            Some(CertificateRule { name: name.clone(), principal: caller.name.clone(), rights: rights(caller) })
        }
        CallerToken::Variable { .. } | CallerToken::Digest(_) => None,
    }
}

fn variable(caller: &CallerConfig) -> Option<(&str, &Secret)> {
    match &caller.token {
        CallerToken::Variable { name, token } => Some((name, token)),
        CallerToken::Digest(_) | CallerToken::Certificate(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::ServeArgs;
    use crate::config;
    use crate::testing::Folder;

    fn check(token: &str, hardened: bool, address: &str) -> Result<Option<String>, String> {
        let flags = ServeArgs { hardened, ..ServeArgs::default() };
        let folder = Folder::new();
        let environment =
            HostEnv::new([("API_TOKEN", token), ("PATH", "/none")].map(|(name, value)| (name.into(), value.into())));
        let config = config::load(&flags, &environment, folder.path()).unwrap();
        let checked = Access::new(&config.callers).unwrap().weak.check(&config.server, address.parse().unwrap());
        checked.map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_weak_token_is_warned_of_where_others_are_and_refused_only_when_hardened() {
        let (here, everywhere) = ("127.0.0.1:1", "0.0.0.0:1");
        assert_eq!(check("team-secret", false, here), Ok(None));
        let warning = "API_TOKEN is shorter than 16 bytes and can be guessed by anyone who reaches this machine: use one from: openssl rand -hex 32";
        assert_eq!(check("team-secret", false, everywhere), Ok(Some(warning.into())));
        assert_eq!(check("a-token-of-16-by", false, everywhere), Ok(None));
        assert_eq!(check("", false, everywhere), Ok(None));
        let refused = "error: --hardened: API_TOKEN is shorter than 16 bytes and can be guessed\nhint: use one from: openssl rand -hex 32";
        assert_eq!(check("team-secret", true, here), Err(refused.into()));
        assert!(check("a-token-of-16-by", true, everywhere).unwrap_err().contains("plain HTTP on 0.0.0.0"));
        assert_eq!(check("a-token-of-16-by", true, here), Ok(None));
    }

    #[test]
    fn a_token_that_would_lock_its_owner_out_is_refused_at_start() {
        let refused = |variables: &[(&str, &str)], text: &str| {
            let folder = Folder::new();
            std::fs::write(folder.path().join("inhouse.toml"), text).unwrap();
            let pairs = variables.iter().chain(&[("PATH", "/none")]);
            let environment = HostEnv::new(pairs.map(|(name, value)| ((*name).into(), (*value).into())));
            let config = config::load(&ServeArgs::default(), &environment, folder.path()).unwrap();
            Access::new(&config.callers).err().map(|failure| failure.to_string()).unwrap_or_default()
        };
        for token in
            ["a-token-of-16-bytes\n", " a-token-of-16-bytes", "a token of 16 bytes", "a-t\u{f6}ken-of-16-bytes"]
        {
            let said = refused(&[("API_TOKEN", token)], "[agents.demo]\n");
            assert!(said.contains("API_TOKEN holds") && said.contains("hint: API_TOKEN="), "{token:?}: {said}");
            assert!(!said.contains("16"), "it is not shown: {said}");
        }
        let callers =
            "[[callers]]\nname = \"ann\"\ntoken_env = \"A\"\n[[callers]]\nname = \"bob\"\ntoken_env = \"B\"\n";
        let same = refused(&[("A", "a-token-of-16-bytes"), ("B", "a-token-of-16-bytes")], callers);
        assert!(same.contains("ann and bob have the same token"), "{same}");
        assert_eq!(refused(&[("A", "a-token-of-16-bytes"), ("B", "another-of-16-bytes")], callers), "");
    }

    #[test]
    fn a_token_of_a_caller_stands_under_no_name_that_passes() {
        let folder = Folder::new();
        let text = "[[callers]]\nname = \"shop\"\ntoken_env = \"SHOP_TOKEN\"\n[agents.demo]\n";
        std::fs::write(folder.path().join("inhouse.toml"), text).unwrap();
        let variables = || {
            let pairs =
                [("SHOP_TOKEN", "a-token-of-the-shop"), ("SHOP_URL", "u"), ("API_TOKEN", "b"), ("PATH", "/none")];
            pairs.map(|(name, value)| (OsString::from(name), OsString::from(value)))
        };
        let config = config::load(&ServeArgs::default(), &HostEnv::new(variables()), folder.path()).unwrap();
        let agents = without_tokens(variables(), &config.callers);
        let names: Vec<&str> = agents.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["INHOUSE_TOKEN_IN_API_TOKEN", "INHOUSE_TOKEN_IN_SHOP_TOKEN", "PATH", "SHOP_URL"]);
        let shown = inhouse_trust::Redactor::new(agents.iter()).line("it is a-token-of-the-shop");
        assert_eq!(shown, "it is [redacted]");
    }

    #[test]
    fn a_generated_token_lets_its_owner_in() {
        let access = Access::new(&Callers::Generated(config::owner())).unwrap();
        let Known::Generated(token) = &access.known else { panic!() };
        let header = format!("Bearer {}", token.expose());
        let tokens = inhouse_trust::Tokens::new(access.configured);
        assert_eq!(tokens.caller(&[header.as_bytes()], 0).unwrap().principal().as_str(), "owner");
    }
}
