//! The Agent Card (spec 4.4.1, 8): who the agent is and where it is reached. It names no path, no command and no caller.

use inhouse_proto::v1;
use serde_json::{Value, json};

use crate::CardSigner;
use crate::bindings::{Endpoint, extensions};
use crate::routes::{CARD, ENDPOINT};
use crate::schemes::{self, Scheme};

/// What a card says of an agent, whatever address it is reached by.
#[derive(Debug, Clone, Default)]
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
    /// Who runs it.
    pub provider: Option<Provider>,
    /// Where more is to be read about it.
    pub documentation_url: Option<String>,
    /// A picture of it.
    pub icon_url: Option<String>,
}

/// Who runs an agent (spec 4.4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// For people.
    pub organization: String,
    /// Their site.
    pub url: String,
}

/// How cards are shown.
#[derive(Debug)]
pub struct CardOptions {
    /// Whether whoever names no version gets what clients of 0.3 look for, beside what 1.0 has.
    pub legacy: bool,
    /// Whether gRPC is shown to everybody, and not only to known callers.
    pub grpc: bool,
    /// The port that is gRPC's own, where it has one.
    pub grpc_port: Option<u16>,
    /// How long a card may be kept without asking again, in seconds.
    pub max_age_s: u64,
    /// Whether the server speaks TLS: the scheme of its addresses, where no other one is known.
    pub is_tls: bool,
    /// How callers can prove who they are.
    pub schemes: Vec<Scheme>,
    /// Signs them.
    pub signer: Option<CardSigner>,
}

impl Default for CardOptions {
    fn default() -> Self {
        let schemes = vec![Scheme::Bearer];
        Self { legacy: true, grpc: false, grpc_port: None, max_age_s: 60, is_tls: false, schemes, signer: None }
    }
}

/// One ability of an agent (spec 4.4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// Where an agent is reached, as the caller sees the server.
pub(crate) struct Site {
    /// Scheme, host and port.
    pub(crate) base: String,
    /// The agent's own path, without a slash at its end; empty for the default agent.
    pub(crate) path: String,
    /// The agent's name.
    pub(crate) tenant: String,
    /// Host and port of gRPC.
    pub(crate) grpc: String,
}

impl Site {
    fn rpc(&self) -> String {
        format!("{}{}{ENDPOINT}", self.base, self.path)
    }

    fn rest(&self) -> String {
        format!("{}{}", self.base, self.path)
    }

    /// What is spoken where. gRPC is not shown to everybody: some clients take each address for one of HTTP.
    fn interfaces(&self, grpc: bool) -> Vec<v1::AgentInterface> {
        let interface = |url: String, binding: &str, version: &str| v1::AgentInterface {
            url,
            protocol_binding: binding.to_owned(),
            protocol_version: version.to_owned(),
            ..Default::default()
        };
        let mut all = vec![
            interface(self.rpc(), "JSONRPC", "1.0"),
            interface(self.rest(), "HTTP+JSON", "1.0"),
            interface(self.rpc(), "JSONRPC", "0.3"),
            interface(self.rest(), "HTTP+JSON", "0.3"),
        ];
        if grpc {
            // Its address has no path, so the agent is named in each request; 0.3 has no word for that.
            let is_default = self.path.is_empty();
            let tenant = if is_default { String::new() } else { self.tenant.clone() };
            all.push(v1::AgentInterface { tenant, ..interface(self.grpc.clone(), "GRPC", "1.0") });
            all.extend(is_default.then(|| interface(self.grpc.clone(), "GRPC", "0.3")));
        }
        all
    }
}

/// The 1.0 card, with gRPC among its interfaces or without.
pub(crate) fn v1(info: &CardInfo, endpoint: &Endpoint, site: &Site, grpc: bool, proofs: &[Scheme]) -> v1::AgentCard {
    v1::AgentCard {
        name: info.name.clone(),
        description: info.description.clone(),
        supported_interfaces: site.interfaces(grpc),
        version: info.version.clone(),
        capabilities: Some(v1::AgentCapabilities {
            streaming: Some(endpoint.capabilities.streaming),
            push_notifications: Some(endpoint.push.is_some()),
            extended_agent_card: Some(endpoint.capabilities.extended_card),
            extensions: extensions::declared(&endpoint.extensions),
        }),
        security_schemes: schemes::all(proofs),
        security_requirements: schemes::required(proofs),
        default_input_modes: info.input_modes.clone(),
        default_output_modes: info.output_modes.clone(),
        skills: info.skills.iter().map(|skill| v1_skill(skill, info)).collect(),
        provider: info.provider.as_ref().map(|provider| v1::AgentProvider {
            url: provider.url.clone(),
            organization: provider.organization.clone(),
        }),
        documentation_url: info.documentation_url.clone(),
        icon_url: info.icon_url.clone(),
        signatures: Vec::new(),
    }
}

/// The card of 1.0 with the members that clients of 0.3 look for beside them: one address serves both, since those clients
/// name no version when they fetch it.
pub(crate) fn hybrid(card: &v1::AgentCard) -> Value {
    let mut whole = serde_json::to_value(card).unwrap_or_default();
    let of_0_3 = |interface: &&v1::AgentInterface| interface.protocol_version == "0.3";
    let older: Vec<&v1::AgentInterface> = card.supported_interfaces.iter().filter(of_0_3).collect();
    let transports =
        older.iter().map(|interface| json!({"url": interface.url, "transport": interface.protocol_binding}));
    let extended = card.capabilities.as_ref().is_some_and(|offered| offered.extended_agent_card == Some(true));
    let more = json!({
        "protocolVersion": "0.3.0",
        "url": older.first().map(|interface| interface.url.as_str()).unwrap_or_default(),
        "preferredTransport": "JSONRPC",
        "additionalInterfaces": transports.collect::<Vec<_>>(),
        "security": schemes::older_required(&card.security_requirements),
        "supportsAuthenticatedExtendedCard": extended,
    });
    if let (Some(members), Value::Object(more)) = (whole.as_object_mut(), more) {
        members.extend(more);
    }
    // A scheme is told by its one member in 1.0, by `type` in 0.3.
    for (name, scheme) in &card.security_schemes {
        if let Some(members) = whole["securitySchemes"][name].as_object_mut() {
            members.extend(schemes::older(scheme));
        }
    }
    whole
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

/// What a list of agents says of one.
pub(crate) fn entry(info: &CardInfo, site: &Site, default: bool) -> Value {
    json!({
        "name": site.tenant,
        "title": info.name,
        "description": info.description,
        "default": default,
        "url": site.rpc(),
        "card": format!("{}{CARD}", site.rest()),
    })
}

/// Media types as 0.2 has them, behind the word that the first generation has for plain text.
fn older_modes(modes: &[String]) -> Vec<&str> {
    let text = modes.iter().any(|mode| mode == "text/plain").then_some("text");
    text.into_iter().chain(modes.iter().map(String::as_str)).collect()
}

/// The card of the first generation and of 0.2, whose clients fetch it at `/.well-known/agent.json`: each reads its own members.
pub(crate) fn first(info: &CardInfo, endpoint: &Endpoint, site: &Site, proofs: &[Scheme]) -> Value {
    let skill = |skill: &Skill| -> Value {
        json!({
            "id": skill.id,
            "name": skill.name,
            "description": skill.description,
            "tags": skill.tags,
            "examples": skill.examples,
            "inputModes": older_modes(&info.input_modes),
            "outputModes": older_modes(&info.output_modes),
        })
    };
    let mut card = json!({
        "name": info.name,
        "description": info.description,
        "url": site.rpc(),
        "version": info.version,
        "capabilities": {
            "streaming": endpoint.capabilities.streaming,
            "pushNotifications": endpoint.push.is_some(),
            "stateTransitionHistory": false,
            "extensions": extensions::declared(&endpoint.extensions),
        },
        "authentication": {"schemes": ["Bearer"]},
        "protocolVersion": "0.2.6",
        "preferredTransport": "JSONRPC",
        "securitySchemes": schemes::all(proofs).iter().map(|(name, scheme)| (name.clone(), schemes::older(scheme).into())).collect::<serde_json::Map<_, Value>>(),
        "security": schemes::older_required(&schemes::required(proofs)),
        "defaultInputModes": older_modes(&info.input_modes),
        "defaultOutputModes": older_modes(&info.output_modes),
        "skills": info.skills.iter().map(skill).collect::<Vec<_>>(),
    });
    if let Some(provider) = &info.provider {
        card["provider"] = json!({"organization": provider.organization, "url": provider.url});
    }
    if let Some(url) = &info.documentation_url {
        card["documentationUrl"] = url.as_str().into();
    }
    card
}
