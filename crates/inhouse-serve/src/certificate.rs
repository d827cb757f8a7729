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

/// Whose certificates of a name are.
#[derive(Debug, Clone)]
pub struct CertificateRule {
    /// The name, with its kind in front.
    pub name: String,
    /// Whose.
    pub principal: Principal,
    /// What for, as long as they are good.
    pub rights: Rights,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct CertificateRules(pub Vec<CertificateRule>);

impl CertificateRules {
    /// The caller whom these names stand for; a certificate with names of several is nobody's.
    pub(crate) fn certified(&self, names: &[String], until_s: u64) -> Option<Vouched> {
        let mut named = self.0.iter().filter(|rule| names.contains(&rule.name));
        let rule = named.next()?;
        let mut rights = Rights { expires_at_s: Some(until_s), ..rule.rights.clone() };
        for other in named {
            if other.principal != rule.principal {
                return None;
            }
            // Of two rules for one of its owner's certificates the narrower one holds.
            rights.scopes.retain(|scope| other.rights.scopes.contains(scope));
        }
        Some(Vouched { principal: rule.principal.clone(), rights: Arc::new(rights), by: rule.proof() })
    }

    /// Whether the rule is there still.
    pub(crate) fn hold(&self, proof: &str) -> bool {
        self.0.iter().any(|rule| *rule.proof() == *proof)
    }
}

impl CertificateRule {
    /// The name of no issuer of tokens has a colon.
    fn proof(&self) -> Arc<str> {
        format!("certificate: {} {}", self.name, self.principal).into()
    }
}

#[cfg(test)]
mod tests {
    use inhouse_trust::Scope;

    use super::*;

    #[test]
    fn of_two_rules_the_narrower_one_holds_and_two_callers_are_nobody() {
        let rule = |name: &str, who: &str, rights: Rights| {
            let principal = Principal::new(who).unwrap();
            CertificateRule { name: name.to_owned(), principal, rights }
        };
        let rules = CertificateRules(vec![
            rule("dns:a", "ann", Rights::of_operator()),
            rule("uri:a", "ann", Rights::default()),
            rule("dns:b", "bob", Rights::default()),
        ]);
        for (names, who, is_admin) in [
            (&["dns:a"][..], Some("ann"), true),
            (&["uri:a", "dns:a"], Some("ann"), false),
            (&["dns:a", "dns:b"], None, false),
            (&["dns:c"], None, false),
            (&[], None, false),
        ] {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            let found = rules.certified(&names, 7);
            let found = found.as_ref().map(|found| (found.principal.as_str(), &found.rights));
            assert_eq!(found.map(|(who, _)| who), who, "{names:?}");
            let admin = found.is_some_and(|(_, rights)| rights.scopes.contains(&Scope::Admin));
            assert_eq!((admin, found.map(|(_, rights)| rights.expires_at_s)), (is_admin, who.map(|_| Some(7))));
        }
    }
}
