//! The ways to authenticate that a card names, as 0.3 reads them.

use super::{
    ApiKeySecurityScheme, AuthorizationCodeOAuthFlow, ClientCredentialsOAuthFlow, HttpAuthSecurityScheme,
    ImplicitOAuthFlow, MutualTlsSecurityScheme, OAuth2SecurityScheme, OAuthFlows, OpenIdConnectSecurityScheme,
    PasswordOAuthFlow, SecurityScheme, o_auth_flows::Flow, security_scheme::Scheme,
};
use crate::v1;

impl SecurityScheme {
    pub(super) fn from_v1(scheme: &v1::SecurityScheme) -> Self {
        use v1::security_scheme::Scheme as S;
        let scheme = scheme.scheme.clone().map(|scheme| match scheme {
            S::ApiKeySecurityScheme(v1::ApiKeySecurityScheme { description, location, name }) => {
                Scheme::ApiKeySecurityScheme(ApiKeySecurityScheme { description, location, name })
            }
            S::HttpAuthSecurityScheme(v1::HttpAuthSecurityScheme { description, scheme, bearer_format }) => {
                Scheme::HttpAuthSecurityScheme(HttpAuthSecurityScheme { description, scheme, bearer_format })
            }
            S::Oauth2SecurityScheme(v1::OAuth2SecurityScheme { description, flows, oauth2_metadata_url }) => {
                let flows = flows.map(OAuthFlows::from_v1);
                Scheme::Oauth2SecurityScheme(OAuth2SecurityScheme { description, flows, oauth2_metadata_url })
            }
            S::OpenIdConnectSecurityScheme(v1::OpenIdConnectSecurityScheme { description, open_id_connect_url }) => {
                let scheme = OpenIdConnectSecurityScheme { description, open_id_connect_url };
                Scheme::OpenIdConnectSecurityScheme(scheme)
            }
            S::MtlsSecurityScheme(v1::MutualTlsSecurityScheme { description }) => {
                Scheme::MtlsSecurityScheme(MutualTlsSecurityScheme { description })
            }
        });
        Self { scheme }
    }
}

impl OAuthFlows {
    /// 0.3 has no flow by a device code; that one is left out.
    fn from_v1(flows: v1::OAuthFlows) -> Self {
        use v1::o_auth_flows::Flow as F;
        let flow = flows.flow.and_then(|flow| match flow {
            F::AuthorizationCode(flow) => {
                let v1::AuthorizationCodeOAuthFlow { authorization_url, token_url, refresh_url, scopes, .. } = flow;
                let flow = AuthorizationCodeOAuthFlow { authorization_url, token_url, refresh_url, scopes };
                Some(Flow::AuthorizationCode(flow))
            }
            F::ClientCredentials(v1::ClientCredentialsOAuthFlow { token_url, refresh_url, scopes }) => {
                Some(Flow::ClientCredentials(ClientCredentialsOAuthFlow { token_url, refresh_url, scopes }))
            }
            F::Implicit(v1::ImplicitOAuthFlow { authorization_url, refresh_url, scopes }) => {
                Some(Flow::Implicit(ImplicitOAuthFlow { authorization_url, refresh_url, scopes }))
            }
            F::Password(v1::PasswordOAuthFlow { token_url, refresh_url, scopes }) => {
                Some(Flow::Password(PasswordOAuthFlow { token_url, refresh_url, scopes }))
            }
            F::DeviceCode(_) => None,
        });
        Self { flow }
    }
}
