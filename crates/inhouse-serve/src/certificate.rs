//! What a client's certificate says, the names that the operator's rules know and its end, and whom it names by these rules.

use std::sync::Arc;

use inhouse_trust::{Principal, Rights, Vouched};
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// A certificate of a client, whose authority and key were checked when its connection began.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// As rules are written: `dns:`, `uri:`, `email:` or `subject:CN=`, and the name.
    pub(crate) names: Vec<String>,
    /// From this second since the epoch on it is good for nothing.
    pub(crate) until_s: u64,
}

impl Certificate {
    /// Reads one; nothing, where it can not be read.
    pub(crate) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = parse_x509_certificate(der).ok()?;
        let alternatives = certificate.subject_alternative_name().ok()?;
        let alternatives = alternatives.iter().flat_map(|found| &found.value.general_names);
        let mut names: Vec<_> = alternatives.filter_map(name).collect();
        // Of a subject with two names nobody knows which one counts.
        let mut common = certificate.subject().iter_common_name();
        if let (Some(one), None) = (common.next(), common.next()) {
            names.extend(one.as_str().ok().map(|name| format!("subject:CN={name}")));
        }
        // The last second in which it is good (RFC 5280 section 4.1.2.5).
        let last_s = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
        Some(Self { names, until_s: last_s.saturating_add(1) })
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(format!("dns:{}", name.to_ascii_lowercase())),
        GeneralName::URI(uri) => Some(format!("uri:{uri}")),
        GeneralName::RFC822Name(email) => Some(format!("email:{email}")),
        _ => None,
    }
}

/// Names of certificates, and whose they are.
#[derive(Debug, Clone, Default)]
pub struct CertificateRules(pub Vec<(String, Principal)>);

impl CertificateRules {
    /// The caller whom these names stand for; a certificate with names of several is nobody's.
    pub(crate) fn certified(&self, names: &[String], until_s: u64) -> Option<Vouched> {
        let mut named = self.0.iter().filter(|(name, _)| names.contains(name));
        let (name, principal) = named.next()?;
        let rights = Rights { expires_at_s: Some(until_s), ..Rights::default() };
        named.all(|(_, other)| other == principal).then(|| Vouched {
            principal: principal.clone(),
            rights: Arc::new(rights),
            by: by(name, principal),
        })
    }

    /// Whether the rule is there still.
    pub(crate) fn hold(&self, proof: &str) -> bool {
        self.0.iter().any(|(name, principal)| *by(name, principal) == *proof)
    }
}

/// The name of no issuer of tokens has a colon.
fn by(name: &str, principal: &Principal) -> Arc<str> {
    format!("certificate: {name} {principal}").into()
}
