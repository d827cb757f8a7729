//! Which agents there are: those that each server lists, or the one of its card. An agent is named by its name, and by its
//! server as well where there are several.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use inhouse_client::{Client, ClientError};
use tokio::task::JoinSet;

use super::report::{AgentReport, AgentsReport, ServerReport, SkillReport};
use crate::cli::connection::{Connection, ConnectionArgs};
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;

/// Of one server.
const AGENTS_MAX: usize = 100;

/// The servers, and the agents that were found on them.
pub(super) struct Directory {
    servers: Vec<Arc<Server>>,
    /// By id.
    found: Mutex<BTreeMap<String, Agent>>,
}

struct Server {
    /// Its profile, or host and port.
    label: String,
    connection: Connection,
}

/// An agent that can be called.
#[derive(Clone)]
pub(super) struct Agent {
    /// As calls name it; none for the default one of the only server.
    pub(super) id: Option<String>,
    pub(super) client: Client,
    server: Arc<Server>,
}

impl Agent {
    /// What a failed call of it means.
    pub(super) fn problem(&self, error: &ClientError) -> Problem {
        Problem::of(error, &self.server.connection)
    }
}

impl Directory {
    /// The servers of these addresses; without any, the one that flags and environment name, or those of all profiles.
    pub(super) fn new(urls: Vec<String>, args: ConnectionArgs) -> Result<Self, Problem> {
        let mut servers = Vec::new();
        if urls.is_empty() {
            servers.extend(Connection::all(&args)?.into_iter().map(|(label, connection)| Server { label, connection }));
        }
        let urls = if urls.is_empty() { vec![None] } else { urls.into_iter().map(Some).collect() };
        let urls = if servers.is_empty() { urls } else { Vec::new() };
        for url in urls {
            let connection = Connection::new(args.clone().at(url))?;
            let label = authority(&connection.url).to_owned();
            if servers.iter().all(|other| other.connection.url != connection.url) {
                servers.push(Server { label, connection });
            }
        }
        Ok(Self { servers: servers.into_iter().map(Arc::new).collect(), found: Mutex::default() })
    }

    /// Asks every server, all at once.
    pub(super) async fn list(&self) -> AgentsReport {
        let mut asked = JoinSet::new();
        for (at, server) in self.servers.iter().enumerate() {
            let server = Arc::clone(server);
            asked.spawn(async move { (at, agents_of(&server).await) });
        }
        let mut told = asked.join_all().await;
        told.sort_by_key(|(at, _)| *at);
        let mut report = AgentsReport::default();
        let mut found = BTreeMap::new();
        for (at, (agents, problem)) in told {
            let server = &self.servers[at];
            for (client, mut agent) in agents {
                if self.servers.len() > 1 {
                    agent.id = format!("{}@{}", agent.id, server.label);
                }
                let id = agent.id.clone();
                found.insert(id.clone(), Agent { id: Some(id), client, server: Arc::clone(server) });
                report.agents.push(agent);
            }
            if let Some(problem) = problem {
                report.problems.push(ServerReport { server: server.connection.url.clone(), problem: problem.text() });
            }
        }
        self.found.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
        report
    }

    /// The agent of this id. It is looked for when it is not known yet.
    pub(super) async fn agent(&self, id: Option<&str>) -> Result<Agent, Problem> {
        let Some(id) = id.filter(|id| !id.is_empty()) else { return self.only() };
        if let Some(agent) = self.known(id) {
            return Ok(agent);
        }
        let report = self.list().await;
        if let Some(agent) = self.known(id) {
            return Ok(agent);
        }
        let ids: Vec<_> = report.agents.iter().map(|agent| agent.id.as_str()).collect();
        let problem = Problem::usage(format!("there is no agent {id:?}")).hint(match ids.is_empty() {
            true => "no server names an agent".to_owned(),
            false => format!("there are: {}", ids.join(", ")),
        });
        Err(report.problems.iter().fold(problem, |problem, server| problem.hint(server.problem.clone())))
    }

    /// By its whole id, or by its name, where only one has it.
    fn known(&self, id: &str) -> Option<Agent> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let has_name = |whole: &str| whole.rsplit_once('@').is_some_and(|(name, _)| name == id);
        let named: Vec<_> = found.iter().filter(|(whole, _)| has_name(whole)).map(|(_, agent)| agent).collect();
        found.get(id).or_else(|| named.first().copied().filter(|_| named.len() == 1)).cloned()
    }

    fn only(&self) -> Result<Agent, Problem> {
        match self.servers.as_slice() {
            [server] => Ok(Agent { id: None, client: server.connection.client.clone(), server: Arc::clone(server) }),
            servers => {
                let labels: Vec<_> = servers.iter().map(|server| server.label.as_str()).collect();
                Err(Problem::usage("no agent is named, and there are several servers")
                    .hint(format!("name one as list_agents does: NAME@{}", labels.join(", NAME@"))))
            }
        }
    }
}

type Found = (Vec<(Client, AgentReport)>, Option<Problem>);

/// The agents of one server, and why there are not more.
async fn agents_of(server: &Server) -> Found {
    let client = &server.connection.client;
    let (listed, mut problem) = match client.agents().await {
        Ok(listed) => (listed, None),
        // Cards are public, also where the list is not.
        Err(error) => (None, Some(Problem::of(&error, &server.connection))),
    };
    let Some(listed) = listed else {
        match card_of(client).await {
            Ok(agent) => return (vec![(client.clone(), agent)], problem),
            Err(error) => return (Vec::new(), Some(problem.unwrap_or(Problem::of(&error, &server.connection)))),
        }
    };
    if listed.is_empty() {
        problem = Some(Problem::new(Exit::Failed, "the server has no agent for this token"));
    }
    let mut agents = Vec::new();
    for entry in listed.iter().take(AGENTS_MAX) {
        let agent = match client.of(entry) {
            Ok(client) => card_of(&client).await.map(|agent| (client, agent)),
            Err(error) => Err(error),
        };
        match agent {
            Ok((client, agent)) => {
                agents.push((client, agent.listed(&entry.name, entry.is_default)));
            }
            Err(error) => problem = Some(Problem::of(&error, &server.connection)),
        }
    }
    (agents, problem)
}

async fn card_of(client: &Client) -> Result<AgentReport, ClientError> {
    let card = client.card().await?.value;
    let skills = card.skills.iter().map(|skill| SkillReport::new(&skill.name, &skill.description)).collect();
    Ok(AgentReport::new(slug(&card.name), &card.name, &card.description, skills))
}

/// A name as one word.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.map(str::to_lowercase).collect::<Vec<_>>().join("-");
    if slug.is_empty() { "agent".to_owned() } else { slug }
}

/// Host and port of an address.
fn authority(url: &str) -> &str {
    let behind_scheme = url.split_once("://").map_or(url, |(_, behind)| behind);
    behind_scheme.split('/').next().unwrap_or(behind_scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_named_by_one_word_and_its_server_by_host_and_port() {
        for (name, word) in [("Weather Agent", "weather-agent"), ("  Büro/2 ", "büro-2"), ("!?", "agent")] {
            assert_eq!(slug(name), word);
        }
        for (url, host) in [("http://h:8080", "h:8080"), ("https://h/a2a", "h"), ("http://[::1]:9/", "[::1]:9")] {
            assert_eq!(authority(url), host);
        }
    }
}
