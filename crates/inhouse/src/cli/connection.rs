//! Which server, and with which token: flags first, then the environment, then this machine. A profile goes with its own token.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use inhouse_client::{Binding, Client, ClientError, ClientOptions, Identity};
use inhouse_proto::via::{HOPS_VARIABLE, TRACE_VARIABLE, TraceParent, Via, hops};
use inhouse_trust::Secret;

use super::problem::Problem;
use super::profiles::{self, Profile, Token as ProfileToken};
use super::text::shell_word;

const DEFAULT_URL: &str = "http://127.0.0.1:8080";
const TOKEN_FILE_BYTES_MAX: u64 = 64 << 10;

/// Flags of every verb that talks to a server. No `Debug`: one of them is a secret.
#[derive(Clone, Default, clap::Args)]
pub(crate) struct ConnectionArgs {
    /// The server, or its JSON-RPC endpoint [default: INHOUSE_URL, else http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A server of ~/.config/inhouse/client.toml, with its token and files [default: INHOUSE_PROFILE, unless INHOUSE_URL is set]
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    pub(crate) profile: Option<String>,
    /// The token; other users may see it in the process list [default: INHOUSE_TOKEN, the file INHOUSE_TOKEN_FILE, API_TOKEN]
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// How calls are written [default: what the card names first]
    #[arg(long, value_enum)]
    pub(crate) binding: Option<BindingChoice>,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// The same, of verbs that say nothing else: the server can be named without a flag.
#[derive(Clone, clap::Args)]
pub(crate) struct ServerArgs {
    /// The server; the same as --url
    #[arg(value_name = "URL", conflicts_with_all = ["url", "profile"])]
    server: Option<String>,
    #[command(flatten)]
    connection: ConnectionArgs,
}

impl From<ServerArgs> for ConnectionArgs {
    fn from(ServerArgs { server, connection }: ServerArgs) -> Self {
        connection.at(server)
    }
}

/// The bindings that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BindingChoice {
    /// JSON-RPC.
    Jsonrpc,
    /// HTTP+JSON.
    #[value(name = "http+json")]
    HttpJson,
}

impl From<BindingChoice> for Binding {
    fn from(choice: BindingChoice) -> Self {
        match choice {
            BindingChoice::Jsonrpc => Self::JsonRpc,
            BindingChoice::HttpJson => Self::HttpJson,
        }
    }
}

/// Files in PEM, for https: whom the client trusts, and what it proves itself with.
#[derive(Clone, Default, clap::Args)]
pub(crate) struct Files {
    /// Certificates in PEM that are trusted beside this machine's own, for https [default: INHOUSE_CA]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The client's own certificate in PEM, for a server that asks for one [default: INHOUSE_CERT]
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// Its private key in PEM [default: INHOUSE_KEY]
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

impl Files {
    /// Those that the environment names.
    fn named(env: &impl Fn(&str) -> Option<OsString>) -> Result<Self, Problem> {
        let file = |name| Ok(variable(env, name)?.map(PathBuf::from));
        Ok(Self { ca: file("INHOUSE_CA")?, cert: file("INHOUSE_CERT")?, key: file("INHOUSE_KEY")? })
    }

    /// These, and others in the place of those that are not there; a certificate goes with its own key.
    fn or(self, other: Self) -> Self {
        let (cert, key) =
            if self.cert.is_some() || self.key.is_some() { (self.cert, self.key) } else { (other.cert, other.key) };
        Self { ca: self.ca.or(other.ca), cert, key }
    }

    fn identity(&self) -> Result<Option<Identity>, Problem> {
        let lonely = |one: &str, other: &str| Problem::usage(format!("a {one} needs its {other}: --cert and --key"));
        match (&self.cert, &self.key) {
            (None, None) => Ok(None),
            (Some(_), None) => Err(lonely("certificate", "key")),
            (None, Some(_)) => Err(lonely("key", "certificate")),
            (Some(cert), Some(key)) => {
                let (shown, hidden) = (cert.display(), key.display());
                let wrong =
                    || Problem::usage(format!("there is no certificate in {shown} or no private key in {hidden}"));
                Identity::new(&read(cert)?, &read(key)?).map(Some).ok_or_else(|| wrong().hint("both are PEM"))
            }
        }
    }
}

impl ConnectionArgs {
    /// The same, for a server that was named without a flag.
    pub(crate) fn at(self, server: Option<String>) -> Self {
        Self { url: server.or(self.url), ..self }
    }

    fn typed(&self) -> Vec<(&'static str, String)> {
        let binding = self.binding.map(|binding| Binding::from(binding).name().to_ascii_lowercase());
        let flags = [("--url", self.url.clone()), ("--profile", self.profile.clone()), ("--binding", binding)];
        flags.into_iter().filter_map(|(flag, value)| Some((flag, value?))).collect()
    }
}

/// A token, and where it comes from.
type Found = (&'static str, Secret);

/// A client, and what hints need to know about how it was found.
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) url: String,
    /// Flags that name the server: commands in hints repeat them.
    typed: Vec<(&'static str, String)>,
    /// Where the token came from.
    pub(crate) token_source: Option<&'static str>,
}

impl Connection {
    /// Reads flags and the environment of this process.
    pub(crate) fn new(args: ConnectionArgs) -> Result<Self, Problem> {
        Self::resolve(args, |name| std::env::var_os(name))
    }

    /// Those of all profiles, with their names, where neither flags nor the environment name a server.
    pub(crate) fn all(args: &ConnectionArgs) -> Result<Vec<(String, Self)>, Problem> {
        let env = |name: &str| std::env::var_os(name);
        let names = [variable(&env, "INHOUSE_URL")?, variable(&env, "INHOUSE_PROFILE")?];
        if args.url.is_some() || args.profile.is_some() || names.iter().any(Option::is_some) {
            return Ok(Vec::new());
        }
        let connect = |profile: Profile| {
            let (name, args) =
                (profile.name.clone(), ConnectionArgs { profile: Some(profile.name.clone()), ..args.clone() });
            Ok((name, Self::of(profile, args, via(&env)?)?))
        };
        profiles::all(&env)?.into_iter().map(connect).collect()
    }

    fn resolve(args: ConnectionArgs, env: impl Fn(&str) -> Option<OsString>) -> Result<Self, Problem> {
        let named_by_flag = args.url.is_some() || args.profile.is_some();
        let url = if named_by_flag { args.url.clone() } else { variable(&env, "INHOUSE_URL")? };
        let profile = match url {
            None if !named_by_flag => variable(&env, "INHOUSE_PROFILE")?,
            _ => args.profile.clone(),
        };
        if let Some(name) = profile {
            return Self::of(profiles::named(&name, &env)?, args, via(&env)?);
        }
        let token = token(args.token.clone(), &env)?;
        let files = args.files.clone().or(Files::named(&env)?);
        Self::with(url.unwrap_or_else(|| DEFAULT_URL.to_owned()), token, files, &args, via(&env)?)
    }

    /// With what the profile and flags say. What the environment has for another server stays out of it.
    fn of(profile: Profile, args: ConnectionArgs, via: Via) -> Result<Self, Problem> {
        let token = match (args.token.clone(), profile.token) {
            (Some(flag), _) => Some(flagged(flag)?),
            (None, Some(ProfileToken::Here(token))) => Some(("the profile", token)),
            (None, Some(ProfileToken::In(path))) => {
                Some(("the profile's token_file", token_from("token_file", &path)?))
            }
            (None, None) => None,
        };
        Self::with(profile.url, token, args.files.clone().or(profile.files), &args, via)
    }

    fn with(url: String, token: Option<Found>, files: Files, args: &ConnectionArgs, via: Via) -> Result<Self, Problem> {
        let (token_source, token) = token.unzip();
        let (ca_pem, identity) = (files.ca.as_deref().map(read).transpose()?, files.identity()?);
        let binding = args.binding.map(Into::into);
        let options = ClientOptions { token, ca_pem, identity, binding, via, ..ClientOptions::new(url.clone()) };
        let client = Client::new(options).map_err(|error| match (&error, token_source) {
            (ClientError::Token, Some(source)) => Problem::usage(format!("{error}: {source}")),
            (ClientError::Certificates, _) => Problem::usage(format!("{error} in {}", named(files.ca.as_deref()))),
            _ => Problem::usage(error.to_string())
                .hint(format!("name a server with --url or INHOUSE_URL, for example {DEFAULT_URL}")),
        })?;
        Ok(Self { client, url, typed: args.typed(), token_source })
    }

    /// A command that the user can paste: it reaches the same server.
    pub(crate) fn command(&self, verb: &str) -> String {
        let mut command = format!("inhouse {verb}");
        for (flag, value) in &self.typed {
            command.push_str(&format!(" {flag} {}", shell_word(value)));
        }
        if self.token_source == Some("--token") {
            command.push_str(" --token …");
        }
        command
    }
}

/// The way that led to this process, where it runs in an agent's turn.
fn via(env: &impl Fn(&str) -> Option<OsString>) -> Result<Via, Problem> {
    let hops = match variable(env, HOPS_VARIABLE)? {
        Some(text) => hops(&text).ok_or_else(|| {
            Problem::usage(format!("{HOPS_VARIABLE} is {text:?}, not a number from 0 to 255"))
                .hint("leave it as the server of the agent has set it")
        })?,
        None => 0,
    };
    Ok(Via { hops, trace: variable(env, TRACE_VARIABLE)?.and_then(|text| TraceParent::parse(&text)) })
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    std::fs::read(path).map_err(|error| Problem::usage(format!("{}: {error}", path.display())))
}

fn named(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| path.display().to_string())
}

/// An empty variable is an unset one.
fn variable(env: &impl Fn(&str) -> Option<OsString>, name: &str) -> Result<Option<String>, Problem> {
    let Some(value) = env(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    value.into_string().map(Some).map_err(|_| Problem::usage(format!("{name} is not UTF-8")))
}

fn token(flag: Option<String>, env: &impl Fn(&str) -> Option<OsString>) -> Result<Option<Found>, Problem> {
    if let Some(token) = flag {
        return Ok(Some(flagged(token)?));
    }
    if let Some(token) = variable(env, "INHOUSE_TOKEN")? {
        return Ok(Some(("INHOUSE_TOKEN", Secret::new(token))));
    }
    if let Some(path) = env("INHOUSE_TOKEN_FILE").filter(|path| !path.is_empty()) {
        return Ok(Some(("INHOUSE_TOKEN_FILE", token_from("INHOUSE_TOKEN_FILE", Path::new(&path))?)));
    }
    Ok(variable(env, "API_TOKEN")?.map(|token| ("API_TOKEN", Secret::new(token))))
}

fn flagged(token: String) -> Result<Found, Problem> {
    if token.is_empty() { Err(Problem::usage("--token is empty")) } else { Ok(("--token", Secret::new(token))) }
}

fn token_from(who: &str, path: &Path) -> Result<Secret, Problem> {
    let wrong = |why: String| Problem::usage(format!("{who}: {}: {why}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    file.take(TOKEN_FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
    match text.trim() {
        "" => Err(wrong("the file is empty".to_owned())),
        token => Ok(Secret::new(token.to_owned())),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn resolve(url: Option<&str>, token: Option<&str>, env: &[(&str, &str)]) -> Result<Connection, Problem> {
        let args =
            ConnectionArgs { url: url.map(str::to_owned), token: token.map(str::to_owned), ..Default::default() };
        Connection::resolve(args, |name| env.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_the_environment_over_the_default() {
        let all = [("INHOUSE_URL", "http://env:1"), ("INHOUSE_TOKEN", "t1"), ("API_TOKEN", "t2")];
        let empty = [("INHOUSE_URL", ""), ("INHOUSE_TOKEN", ""), ("INHOUSE_TOKEN_FILE", ""), ("API_TOKEN", "t2")];
        for (url, token, env, expected) in [
            (None, None, &[][..], (DEFAULT_URL, None)),
            (None, None, &all[..], ("http://env:1", Some("INHOUSE_TOKEN"))),
            (Some("http://flag:2"), Some("t0"), &all[..], ("http://flag:2", Some("--token"))),
            (None, None, &empty[..], (DEFAULT_URL, Some("API_TOKEN"))),
        ] {
            let connection = resolve(url, token, env).unwrap_or_else(|problem| panic!("{problem:?}"));
            assert_eq!((connection.url.as_str(), connection.token_source), expected);
        }
    }

    #[test]
    fn a_token_is_in_no_error_and_in_no_command() {
        let canary = "canary-4711";
        let problem = resolve(None, Some(&format!("{canary}\n")), &[]).err().expect("a line feed can not be sent");
        assert!(!format!("{problem:?}").contains(canary));
        let problem =
            resolve(Some(&format!("http://me:{canary}@host")), None, &[]).err().expect("user information is refused");
        assert!(!format!("{problem:?}").contains(canary));
        let connection = resolve(Some("http://h:1"), Some(canary), &[]).unwrap_or_else(|problem| panic!("{problem:?}"));
        assert_eq!(connection.command("task list"), "inhouse task list --url http://h:1 --token …");
        assert!(!format!("{:?}", connection.client).contains(canary));
    }

    #[test]
    fn a_token_file_that_can_not_be_used_is_named() {
        let problem =
            resolve(None, None, &[("INHOUSE_TOKEN_FILE", "/nowhere/token")]).err().expect("there is no such file");
        assert!(format!("{problem:?}").contains("/nowhere/token"));
    }
}
