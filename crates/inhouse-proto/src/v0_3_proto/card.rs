//! The card of v1 as 0.3 reads it.

use std::collections::BTreeMap;

use super::{
    AgentCapabilities, AgentCard, AgentExtension, AgentInterface, AgentProvider, AgentSkill, PROTOCOL_VERSION,
    Security, SecurityScheme, StringList,
};
use crate::v1;

impl AgentCard {
    /// The card as 0.3 knows it: with the addresses that speak 0.3, or with all where none says so. Signatures are left out,
    /// since they are over the card of v1.
    pub fn from_v1(card: &v1::AgentCard) -> Self {
        let mut interfaces = interfaces(&card.supported_interfaces).into_iter();
        let AgentInterface { url, transport } = interfaces.next().unwrap_or_default();
        let capabilities = card.capabilities.as_ref();
        Self {
            protocol_version: PROTOCOL_VERSION.to_owned(),
            name: card.name.clone(),
            description: card.description.clone(),
            url,
            preferred_transport: transport,
            additional_interfaces: interfaces.collect(),
            provider: card.provider.as_ref().map(|provider| AgentProvider {
                url: provider.url.clone(),
                organization: provider.organization.clone(),
            }),
            version: card.version.clone(),
            documentation_url: card.documentation_url.clone().unwrap_or_default(),
            capabilities: capabilities.map(AgentCapabilities::from_v1),
            security_schemes: schemes(&card.security_schemes),
            security: security(&card.security_requirements),
            default_input_modes: card.default_input_modes.clone(),
            default_output_modes: card.default_output_modes.clone(),
            skills: card.skills.iter().map(AgentSkill::from_v1).collect(),
            supports_authenticated_extended_card: capabilities.is_some_and(v1::AgentCapabilities::extended_agent_card),
            signatures: Vec::new(),
        }
    }
}

fn interfaces(all: &[v1::AgentInterface]) -> Vec<AgentInterface> {
    let speaks = |interface: &&v1::AgentInterface| interface.protocol_version.starts_with("0.3");
    let is_said = all.iter().any(|interface| speaks(&interface));
    let chosen = all.iter().filter(|interface| !is_said || speaks(interface));
    let shown = chosen
        .map(|interface| AgentInterface { url: interface.url.clone(), transport: interface.protocol_binding.clone() });
    shown.collect()
}

fn schemes(schemes: &BTreeMap<String, v1::SecurityScheme>) -> BTreeMap<String, SecurityScheme> {
    schemes.iter().map(|(name, scheme)| (name.clone(), SecurityScheme::from_v1(scheme))).collect()
}

fn security(requirements: &[v1::SecurityRequirement]) -> Vec<Security> {
    let scopes = |(name, list): (&String, &v1::StringList)| (name.clone(), StringList { list: list.list.clone() });
    let shown = requirements.iter().map(|one| Security { schemes: one.schemes.iter().map(scopes).collect() });
    shown.collect()
}

impl AgentCapabilities {
    fn from_v1(capabilities: &v1::AgentCapabilities) -> Self {
        let extensions = capabilities.extensions.iter().map(|extension| AgentExtension {
            uri: extension.uri.clone(),
            description: extension.description.clone(),
            required: extension.required,
            params: extension.params.clone(),
        });
        Self {
            streaming: capabilities.streaming(),
            push_notifications: capabilities.push_notifications(),
            extensions: extensions.collect(),
        }
    }
}

impl AgentSkill {
    fn from_v1(skill: &v1::AgentSkill) -> Self {
        Self {
            id: skill.id.clone(),
            name: skill.name.clone(),
            description: skill.description.clone(),
            tags: skill.tags.clone(),
            examples: skill.examples.clone(),
            input_modes: skill.input_modes.clone(),
            output_modes: skill.output_modes.clone(),
            security: security(&skill.security_requirements),
        }
    }
}
