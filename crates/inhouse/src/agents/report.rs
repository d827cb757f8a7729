//! What `inhouse agents` prints: a row for each agent, as a table for people and as JSON for programs. Pure.

use inhouse_agents::presets::PRESETS;
use inhouse_agents::{AgentSpec, Protocol};
use serde::Serialize;

use super::Answers;
use crate::cli::{one_line, table};
use crate::config::{AgentChoice, AgentConfig, ConfigError, Origin};
use crate::presets::{DEMO, about};
use crate::probe::{Unknown, known};

/// What is known of an agent. The names of its members are those of the JSON.
#[derive(Debug, Default, Serialize)]
pub(super) struct Row {
    name: String,
    default: bool,
    pub(super) status: Status,
    version: Option<String>,
    version_unknown: Option<String>,
    logged_in: Option<bool>,
    login_unknown: Option<String>,
    driver: Option<&'static str>,
    protocol: Option<&'static str>,
    protocol_why: Option<String>,
    program: Option<String>,
    why: String,
    error: Option<String>,
    pub(super) hint: Option<String>,
    #[serde(skip)]
    failed: Failed,
    /// How the default agent was chosen, for one that a start would serve.
    #[serde(skip)]
    served: Option<AgentChoice>,
}

/// Which questions a program was asked without saying what it should have: a person is told why.
#[derive(Debug, Default)]
struct Failed {
    version: bool,
    login: bool,
}

/// What would become of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// A start would serve it.
    Served,
    /// A start would serve another one.
    Found,
    /// It can not be started.
    Broken,
    /// It is known, and not there.
    #[default]
    Missing,
}

impl Row {
    /// `found`: the agent with what its program said, or why it can not be served. `served`: how the default agent was chosen, for
    /// one that a start would serve.
    pub(super) fn new(
        name: String,
        origin: &Origin,
        found: Result<(AgentConfig, Answers), ConfigError>,
        served: Option<AgentChoice>,
        default: bool,
    ) -> Self {
        let why = match served {
            Some(choice) => chosen(&name, origin, choice),
            None => "on PATH".to_owned(),
        };
        let row = Self { name, why, default, served, ..Self::default() };
        match found {
            Ok((agent, answers)) => row.of_agent(&agent, answers),
            Err(error) => row.of_error(&error),
        }
    }

    fn of_agent(self, agent: &AgentConfig, answers: Answers) -> Self {
        let (driver, protocol) = spoken(agent);
        let mut row = Self {
            status: if self.served.is_some() { Status::Served } else { Status::Found },
            driver: Some(driver),
            protocol,
            protocol_why: protocol.map(|_| protocol_why(agent)),
            program: agent.program().map(|program| program.display().to_string()),
            ..self
        };
        let cure = known(agent).and_then(|known| known.login.as_ref()).map(|login| login.cure);
        match answers.logged_in {
            Ok(logged_in) => {
                row.logged_in = Some(logged_in);
                row.hint = cure.filter(|_| !logged_in).map(str::to_owned);
            }
            Err(unknown) => {
                row.failed.login = matches!(unknown, Unknown::NoAnswer(_));
                row.login_unknown = Some(unknown.to_string());
            }
        }
        match answers.version {
            Ok(version) => row.version = Some(version),
            Err(Unknown::NotStarted(why)) => {
                row.status = Status::Broken;
                row.error = Some(why);
                row.hint = Some(format!("install it again: {}", about(&row.name).install.unwrap_or_default()));
            }
            Err(unknown) => {
                row.failed.version = matches!(unknown, Unknown::NoAnswer(_));
                row.version_unknown = Some(unknown.to_string());
            }
        }
        row
    }

    fn of_error(self, error: &ConfigError) -> Self {
        let missing = self.served.is_none() && matches!(error, ConfigError::NotOnPath { .. });
        let install = about(&self.name).install.filter(|_| missing).map(str::to_owned);
        Self {
            status: if missing { Status::Missing } else { Status::Broken },
            why: if missing { "not on PATH".to_owned() } else { self.why },
            error: (!missing).then(|| error.to_string()),
            hint: install.or_else(|| error.hint()),
            ..self
        }
    }

    /// Whether it is an agent that a start can serve, and not only the demo for want of one.
    pub(super) fn can_be_served(&self) -> bool {
        matches!(self.status, Status::Served | Status::Found) && self.served != Some(AgentChoice::Demo)
    }

    /// One line.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).expect("texts and truth values are JSON") + "\n"
    }

    fn cells(&self) -> Vec<String> {
        let unknown = |failed: bool, why: &Option<String>| match why {
            Some(why) if failed => format!("unknown ({why})"),
            _ if self.driver == Some(DEMO) => "-".to_owned(),
            _ => "unknown".to_owned(),
        };
        let hint = self.hint.as_deref().unwrap_or_default();
        let logged_in = self.logged_in.map(|yes| if yes { "yes".to_owned() } else { format!("no: {hint}") });
        let protocol = self.protocol.map(|protocol| match &self.protocol_why {
            Some(why) => format!("{protocol}, {why}"),
            None => protocol.to_owned(),
        });
        let why = match self.status {
            Status::Found => format!("{}: inhouse serve --agent {}", self.why, self.name),
            _ => self.why.clone(),
        };
        let cells = [
            if self.default { "*" } else { "" }.to_owned(),
            self.name.clone(),
            self.version.clone().unwrap_or_else(|| unknown(self.failed.version, &self.version_unknown)),
            logged_in.unwrap_or_else(|| unknown(self.failed.login, &self.login_unknown)),
            self.driver.unwrap_or("-").to_owned(),
            protocol.unwrap_or_else(|| "-".to_owned()),
            self.program.clone().unwrap_or_else(|| "-".to_owned()),
            why,
        ];
        cells.iter().map(|cell| one_line(cell).into_owned()).collect()
    }
}

/// All rows for people: those that can be served, those that can not, and those that are not there.
pub(super) fn text(rows: &[Row]) -> String {
    let of = |wanted: Status| rows.iter().filter(move |row| row.status == wanted);
    let head =
        ["", "AGENT", "VERSION", "LOGGED IN", "DRIVER", "PROTOCOL", "PROGRAM", "WHY"].map(str::to_owned).to_vec();
    let there: Vec<_> = of(Status::Served).chain(of(Status::Found)).map(Row::cells).collect();
    let mut out = if there.is_empty() { String::new() } else { table(&[vec![head], there].concat()) };
    for row in of(Status::Broken) {
        let (error, hint) = (row.error.as_deref().unwrap_or_default(), row.hint.as_deref().unwrap_or_default());
        out.push_str(&format!("\n{} can not be served ({})\n", one_line(&row.name), one_line(&row.why)));
        out.push_str(&format!("  error: {}\n  hint: {}\n", one_line(error), one_line(hint)));
    }
    if of(Status::Broken).any(|row| row.served.is_some()) {
        out.push_str("\n`inhouse serve` with the same flags does not start before that is mended\n");
    }
    let missing = of(Status::Missing).map(|row| vec![row.name.clone(), row.hint.clone().unwrap_or_default()]);
    let missing: Vec<_> = missing.map(|row| [vec![String::new()], row].concat()).collect();
    if !missing.is_empty() {
        out.push_str(&format!("\nnot on PATH\n{}", table(&missing)));
    }
    out.trim_start_matches('\n').to_owned()
}

/// Why a start would serve an agent.
fn chosen(name: &str, origin: &Origin, choice: AgentChoice) -> String {
    let known = || PRESETS.each_ref().map(|preset| preset.name()).join(", ");
    match (choice, origin) {
        (AgentChoice::Found, _) => format!("first found of {}", known()),
        (AgentChoice::Demo, _) => format!("none found of {}", known()),
        (AgentChoice::Named, Origin::File(place)) => format!("agents.{name} in {place}"),
        (AgentChoice::Named, origin) => format!("named by {origin}"),
    }
}

/// The driver of an agent, and the protocol as the configuration calls it.
fn spoken(agent: &AgentConfig) -> (&'static str, Option<&'static str>) {
    match &agent.spec {
        AgentSpec::Demo => (DEMO, None),
        AgentSpec::Program(spec) => match spec.protocol {
            Protocol::Text => ("command", Some("text")),
            Protocol::Native => ("native", Some("json")),
            Protocol::Mapped => ("mapped", Some("mapped")),
            Protocol::Claude => ("claude", Some("claude")),
            Protocol::Acp => ("acp", Some("acp")),
            Protocol::Codex => ("codex", Some("codex")),
        },
    }
}

fn protocol_why(agent: &AgentConfig) -> String {
    match (&agent.protocol_origin, agent.preset) {
        (Origin::Default, Some(_)) => "by its preset".to_owned(),
        (Origin::Default, None) => "as any program".to_owned(),
        (origin, _) => format!("by {origin}"),
    }
}
