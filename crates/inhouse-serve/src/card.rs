//! The Agent Card (spec 4.4.1, 8): who the agent is and where it is reached. It names no path, no command and no caller.

use std::collections::BTreeMap;

use inhouse_proto::v1;
use inhouse_proto::wire::to_json;
use serde_json::{Value, json};

/// What a card says of an agent, whatever address it is reached by.
#[derive(Debug, Clone)]
pub struct CardInfo {
    /// For people.
    pub name: String,
    /// For people and for other agents.
    pub description: String,
    /// Version of the agent.
    pub version: String,
    /// Media types that the agent takes.
    pub input_modes: Vec<String>,
    /// Media types that the agent gives.
    pub output_modes: Vec<String>,
    /// What it is good at; at least one.
    pub skills: Vec<Skill>,
}

/// One ability of an agent (spec 4.4.5).
#[derive(Debug, Clone)]
pub struct Skill {
    /// Unique within the agent.
    pub id: String,
    /// For people.
    pub name: String,
    /// For people and for other agents.
    pub description: String,
    /// Keywords.
    pub tags: Vec<String>,
    /// Requests that it handles.
    pub examples: Vec<String>,
}

const SCHEME: &str = "bearer";

/// The 1.0 card for an endpoint at `url`.
pub(crate) fn v1(info: &CardInfo, url: &str) -> Vec<u8> {
    let scheme = v1::HttpAuthSecurityScheme { scheme: "Bearer".to_owned(), ..Default::default() };
    let scheme = v1::SecurityScheme { scheme: Some(v1::security_scheme::Scheme::HttpAuthSecurityScheme(scheme)) };
    let required =
        v1::SecurityRequirement { schemes: BTreeMap::from([(SCHEME.to_owned(), v1::StringList::default())]) };
    let card = v1::AgentCard {
        name: info.name.clone(),
        description: info.description.clone(),
        supported_interfaces: vec![v1::AgentInterface {
            url: url.to_owned(),
            protocol_binding: "JSONRPC".to_owned(),
            protocol_version: "1.0".to_owned(),
            ..Default::default()
        }],
        version: info.version.clone(),
        capabilities: Some(v1::AgentCapabilities {
            streaming: Some(true),
            push_notifications: Some(false),
            extended_agent_card: Some(false),
            ..Default::default()
        }),
        security_schemes: BTreeMap::from([(SCHEME.to_owned(), scheme)]),
        security_requirements: vec![required],
        default_input_modes: info.input_modes.clone(),
        default_output_modes: info.output_modes.clone(),
        skills: info.skills.iter().map(|skill| v1_skill(skill, info)).collect(),
        ..Default::default()
    };
    to_json(&card).to_vec()
}

fn v1_skill(skill: &Skill, info: &CardInfo) -> v1::AgentSkill {
    v1::AgentSkill {
        id: skill.id.clone(),
        name: skill.name.clone(),
        description: skill.description.clone(),
        tags: skill.tags.clone(),
        examples: skill.examples.clone(),
        input_modes: info.input_modes.clone(),
        output_modes: info.output_modes.clone(),
        ..Default::default()
    }
}

/// The card of the first generation, which its clients fetch at `/.well-known/agent.json`.
pub(crate) fn first(info: &CardInfo, url: &str) -> Vec<u8> {
    let skill = |skill: &Skill| -> Value {
        json!({
            "id": skill.id,
            "name": skill.name,
            "description": skill.description,
            "tags": skill.tags,
            "examples": skill.examples,
            "inputModes": ["text"],
            "outputModes": ["text"],
        })
    };
    let card = json!({
        "name": info.name,
        "description": info.description,
        "url": url,
        "version": info.version,
        "capabilities": {"streaming": true, "pushNotifications": false, "stateTransitionHistory": false},
        "authentication": {"schemes": ["Bearer"]},
        "defaultInputModes": ["text"],
        "defaultOutputModes": ["text"],
        "skills": info.skills.iter().map(skill).collect::<Vec<_>>(),
    });
    card.to_string().into_bytes()
}
