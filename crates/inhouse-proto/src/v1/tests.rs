//! Golden JSON of every message kind, the leniencies of the reader, and what it refuses.

use std::collections::BTreeSet;

use serde::{Serialize, de::DeserializeOwned};

use super::*;
use crate::json::{DecodeError, decode};

/// Reads `json` and writes it again, by way of protobuf.
fn again<T: DeserializeOwned + Serialize + prost::Message + Default>(json: &str) -> Result<String, DecodeError> {
    let message: T = decode(json.as_bytes())?;
    let bytes = message.encode_to_vec();
    assert_eq!(bytes.len(), message.encoded_len());
    let message = T::decode(bytes.as_slice()).expect("what prost writes, prost reads");
    Ok(serde_json::to_string(&message).expect("a message can be written"))
}

type Again = fn(&str) -> Result<String, DecodeError>;

#[rustfmt::skip]
const GOLDEN: &[(&str, Again, &str)] = &[
    ("SendMessageConfiguration", again::<SendMessageConfiguration>, r#"{"acceptedOutputModes":["text/plain"],"taskPushNotificationConfig":{"url":"https://a"},"historyLength":0,"returnImmediately":true}"#),
    ("Task", again::<Task>, r#"{"id":"t","contextId":"c","status":{"state":"TASK_STATE_WORKING"},"artifacts":[{"artifactId":"a","parts":[{"text":"x"}]}],"history":[{"messageId":"m","role":"ROLE_USER","parts":[{"text":"x"}]}],"metadata":{"k":[1,null]}}"#),
    ("TaskStatus", again::<TaskStatus>, r#"{"state":"TASK_STATE_AUTH_REQUIRED","message":{"messageId":"m","role":"ROLE_AGENT","parts":[]},"timestamp":"2026-01-31T12:00:00.007Z"}"#),
    ("Part", again::<Part>, r#"{"text":"hi","metadata":{"k":true},"filename":"a.txt","mediaType":"text/plain"}"#),
    ("Message", again::<Message>, r#"{"messageId":"m","contextId":"c","taskId":"t","role":"ROLE_USER","parts":[{"text":""},{"raw":"AP8="},{"url":"file:///x"},{"data":{"n":1}}],"metadata":{},"extensions":["urn:x"],"referenceTaskIds":["t0"]}"#),
    ("Artifact", again::<Artifact>, r#"{"artifactId":"a","name":"n","description":"d","parts":[{"text":"x"}],"metadata":{"k":"v"},"extensions":["urn:x"]}"#),
    ("TaskStatusUpdateEvent", again::<TaskStatusUpdateEvent>, r#"{"taskId":"t","contextId":"c","status":{"state":"TASK_STATE_COMPLETED"},"metadata":{"k":1}}"#),
    ("TaskArtifactUpdateEvent", again::<TaskArtifactUpdateEvent>, r#"{"taskId":"t","contextId":"c","artifact":{"artifactId":"a","parts":[{"text":"x"}]},"append":true,"lastChunk":true,"metadata":{"k":1}}"#),
    ("AuthenticationInfo", again::<AuthenticationInfo>, r#"{"scheme":"Bearer","credentials":"x"}"#),
    ("AgentInterface", again::<AgentInterface>, r#"{"url":"http://a/","protocolBinding":"JSONRPC","tenant":"t","protocolVersion":"1.0"}"#),
    ("AgentCard", again::<AgentCard>, r#"{"name":"n","description":"d","supportedInterfaces":[],"provider":{"url":"u","organization":"o"},"version":"1","documentationUrl":"","capabilities":{"streaming":false},"securitySchemes":{"b":{"httpAuthSecurityScheme":{"scheme":"Bearer"}}},"securityRequirements":[{"schemes":{"b":{"list":["s"]}}}],"defaultInputModes":["text/plain"],"defaultOutputModes":[],"skills":[],"signatures":[{"protected":"p","signature":"s"}],"iconUrl":"i"}"#),
    ("AgentProvider", again::<AgentProvider>, r#"{"url":"u","organization":"o"}"#),
    ("AgentCapabilities", again::<AgentCapabilities>, r#"{"streaming":true,"pushNotifications":false,"extensions":[{"uri":"urn:x"}],"extendedAgentCard":true}"#),
    ("AgentExtension", again::<AgentExtension>, r#"{"uri":"urn:x","description":"d","required":true,"params":{"p":1}}"#),
    ("AgentSkill", again::<AgentSkill>, r#"{"id":"i","name":"n","description":"d","tags":[],"examples":["e"],"inputModes":["a"],"outputModes":["b"],"securityRequirements":[{}]}"#),
    ("AgentCardSignature", again::<AgentCardSignature>, r#"{"protected":"p","signature":"s","header":{"kid":"k"}}"#),
    ("TaskPushNotificationConfig", again::<TaskPushNotificationConfig>, r#"{"tenant":"x","id":"i","taskId":"t","url":"https://a","token":"k","authentication":{"scheme":"Basic"}}"#),
    ("StringList", again::<StringList>, r#"{"list":["a","b"]}"#),
    ("SecurityRequirement", again::<SecurityRequirement>, r#"{"schemes":{"a":{},"b":{"list":["s"]}}}"#),
    ("SecurityScheme", again::<SecurityScheme>, r#"{"mtlsSecurityScheme":{"description":"d"}}"#),
    ("ApiKeySecurityScheme", again::<ApiKeySecurityScheme>, r#"{"description":"d","location":"header","name":"X-Key"}"#),
    ("HttpAuthSecurityScheme", again::<HttpAuthSecurityScheme>, r#"{"description":"d","scheme":"Bearer","bearerFormat":"JWT"}"#),
    ("OAuth2SecurityScheme", again::<OAuth2SecurityScheme>, r#"{"description":"d","flows":{"implicit":{"authorizationUrl":"u"}},"oauth2MetadataUrl":"m"}"#),
    ("OpenIdConnectSecurityScheme", again::<OpenIdConnectSecurityScheme>, r#"{"description":"d","openIdConnectUrl":"u"}"#),
    ("MutualTlsSecurityScheme", again::<MutualTlsSecurityScheme>, r#"{"description":"d"}"#),
    ("OAuthFlows", again::<OAuthFlows>, r#"{"deviceCode":{"deviceAuthorizationUrl":"d","tokenUrl":"t","scopes":{}}}"#),
    ("AuthorizationCodeOAuthFlow", again::<AuthorizationCodeOAuthFlow>, r#"{"authorizationUrl":"a","tokenUrl":"t","refreshUrl":"r","scopes":{"s":"d"},"pkceRequired":true}"#),
    ("ClientCredentialsOAuthFlow", again::<ClientCredentialsOAuthFlow>, r#"{"tokenUrl":"t","refreshUrl":"r","scopes":{"s":"d"}}"#),
    ("ImplicitOAuthFlow", again::<ImplicitOAuthFlow>, r#"{"authorizationUrl":"a","refreshUrl":"r","scopes":{"s":"d"}}"#),
    ("PasswordOAuthFlow", again::<PasswordOAuthFlow>, r#"{"tokenUrl":"t","refreshUrl":"r","scopes":{"s":"d"}}"#),
    ("DeviceCodeOAuthFlow", again::<DeviceCodeOAuthFlow>, r#"{"deviceAuthorizationUrl":"d","tokenUrl":"t","refreshUrl":"r","scopes":{"s":"d"}}"#),
    ("SendMessageRequest", again::<SendMessageRequest>, r#"{"tenant":"x","message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"hi"}]},"configuration":{"historyLength":3},"metadata":{"k":1}}"#),
    ("GetTaskRequest", again::<GetTaskRequest>, r#"{"tenant":"x","id":"t","historyLength":0}"#),
    ("ListTasksRequest", again::<ListTasksRequest>, r#"{"tenant":"x","contextId":"c","status":"TASK_STATE_FAILED","pageSize":10,"pageToken":"p","historyLength":1,"statusTimestampAfter":"2026-01-31T00:00:00.000Z","includeArtifacts":false}"#),
    ("ListTasksResponse", again::<ListTasksResponse>, r#"{"tasks":[],"nextPageToken":"","pageSize":0,"totalSize":0}"#),
    ("CancelTaskRequest", again::<CancelTaskRequest>, r#"{"tenant":"x","id":"t","metadata":{"k":1}}"#),
    ("GetTaskPushNotificationConfigRequest", again::<GetTaskPushNotificationConfigRequest>, r#"{"tenant":"x","taskId":"t","id":"i"}"#),
    ("DeleteTaskPushNotificationConfigRequest", again::<DeleteTaskPushNotificationConfigRequest>, r#"{"tenant":"x","taskId":"t","id":"i"}"#),
    ("SubscribeToTaskRequest", again::<SubscribeToTaskRequest>, r#"{"tenant":"x","id":"t"}"#),
    ("ListTaskPushNotificationConfigsRequest", again::<ListTaskPushNotificationConfigsRequest>, r#"{"tenant":"x","taskId":"t","pageSize":5,"pageToken":"p"}"#),
    ("GetExtendedAgentCardRequest", again::<GetExtendedAgentCardRequest>, r#"{"tenant":"x"}"#),
    ("SendMessageResponse", again::<SendMessageResponse>, r#"{"message":{"messageId":"m","role":"ROLE_AGENT","parts":[{"text":"x"}]}}"#),
    ("StreamResponse", again::<StreamResponse>, r#"{"statusUpdate":{"taskId":"t","contextId":"c","status":{"state":"TASK_STATE_SUBMITTED"}}}"#),
    ("ListTaskPushNotificationConfigsResponse", again::<ListTaskPushNotificationConfigsResponse>, r#"{"configs":[{"url":"u"}],"nextPageToken":"n"}"#),
];

/// Written as they are sent, but not read that way.
#[rustfmt::skip]
const LENIENT: &[(&str, Again, &str, &str)] = &[
    ("snake_case", again::<Message>, r#"{"message_id":"m","context_id":"c","task_id":"t","role":"ROLE_USER","parts":[{"text":"x","media_type":"m"}],"reference_task_ids":["r"]}"#, r#"{"messageId":"m","contextId":"c","taskId":"t","role":"ROLE_USER","parts":[{"text":"x","mediaType":"m"}],"referenceTaskIds":["r"]}"#),
    ("snake_case of a oneof", again::<StreamResponse>, r#"{"artifact_update":{"task_id":"t","last_chunk":true}}"#, r#"{"artifactUpdate":{"taskId":"t","contextId":"","lastChunk":true}}"#),
    ("null means default", again::<Message>, r#"{"messageId":null,"role":null,"parts":null,"metadata":null,"extensions":null}"#, r#"{"messageId":"","role":"ROLE_UNSPECIFIED","parts":[]}"#),
    ("null in a oneof", again::<StreamResponse>, r#"{"task":null,"message":null,"statusUpdate":null}"#, "{}"),
    ("null map", again::<ClientCredentialsOAuthFlow>, r#"{"tokenUrl":"t","scopes":null}"#, r#"{"tokenUrl":"t","scopes":{}}"#),
    ("null message map", again::<SecurityRequirement>, r#"{"schemes":null}"#, "{}"),
    ("null beside content", again::<Part>, r#"{"text":"x","raw":null,"url":null,"data":null,"metadata":null,"filename":null,"mediaType":null}"#, r#"{"text":"x"}"#),
    ("null as data", again::<Part>, r#"{"data":null}"#, r#"{"data":null}"#),
    ("unknown members", again::<GetTaskRequest>, r#"{"id":"t","future":{"x":[1]},"kind":"x"}"#, r#"{"id":"t"}"#),
    ("unknown members of a part", again::<Part>, r#"{"kind":"text","type":"text","text":"x"}"#, r#"{"text":"x"}"#),
    ("enum by number", again::<TaskStatus>, r#"{"state":3}"#, r#"{"state":"TASK_STATE_COMPLETED"}"#),
    ("whole numbers in protobuf's other forms", again::<ListTasksRequest>, r#"{"pageSize":"10","historyLength":2.0}"#, r#"{"pageSize":10,"historyLength":2}"#),
    ("whole numbers with an exponent", again::<ListTasksResponse>, r#"{"pageSize":1e2,"totalSize":"3.0e1"}"#, r#"{"tasks":[],"nextPageToken":"","pageSize":100,"totalSize":30}"#),
    ("null for a whole number", again::<ListTasksResponse>, r#"{"totalSize":null}"#, r#"{"tasks":[],"nextPageToken":"","pageSize":0,"totalSize":0}"#),
    ("base64 for URLs without padding", again::<Part>, r#"{"raw":"-_8"}"#, r#"{"raw":"+/8="}"#),
    ("other time zone", again::<TaskStatus>, r#"{"state":1,"timestamp":"2026-01-31T13:30:00+01:30"}"#, r#"{"state":"TASK_STATE_SUBMITTED","timestamp":"2026-01-31T12:00:00.000Z"}"#),
];

#[rustfmt::skip]
const REFUSED: &[(Again, &str, &str)] = &[
    (again::<Message>, r#"{"messageId":"a","messageId":"b"}"#, "duplicate field `messageId`"),
    (again::<Message>, r#"{"messageId":"a","message_id":"b"}"#, "duplicate field `messageId`"),
    (again::<Message>, r#"{"parts":[],"parts":[]}"#, "duplicate field `parts`"),
    (again::<Message>, r#"{"parts":[null]}"#, "invalid type: null, expected an object"),
    (again::<Message>, r#"{"parts":[["x"]]}"#, "invalid type: sequence, expected an object"),
    (again::<Message>, r#"{"parts":{}}"#, "invalid type: map, expected a sequence"),
    (again::<Message>, r#"{"role":"ROLE_KING"}"#, "invalid value: string \"ROLE_KING\", expected one of ROLE_UNSPECIFIED, ROLE_USER, ROLE_AGENT"),
    (again::<Message>, r#"{"role":9}"#, "invalid value: integer `9`"),
    (again::<Message>, r#"{"metadata":{"a":{"b":1,"b":2}}}"#, "duplicate key `b`"),
    (again::<Message>, r#"{"metadata":[]}"#, "invalid type: sequence, expected an object"),
    (again::<Part>, r#"{"text":"x","raw":"AA=="}"#, "text and raw together"),
    (again::<Part>, r#"{"url":"x","data":{}}"#, "url and data together"),
    (again::<Part>, r#"{"data":[{"a":1,"a":2}]}"#, "duplicate key `a`"),
    (again::<Part>, r#"{"raw":"?"}"#, "raw is not base64"),
    (again::<Part>, r#"{"text":1}"#, "invalid type: integer `1`, expected a string"),
    (again::<SendMessageRequest>, r#"{"message":[]}"#, "invalid type: sequence, expected an object"),
    (again::<SendMessageRequest>, r#"{"message":"hi"}"#, "invalid type: string \"hi\", expected an object"),
    (again::<StreamResponse>, r#"{"task":{},"message":{}}"#, "task and message together"),
    (again::<GetTaskRequest>, r#"{"id":{}}"#, "invalid type: map, expected a string"),
    (again::<GetTaskRequest>, r#"{"historyLength":4294967296}"#, "invalid value: integer `4294967296`, expected a whole number of 32 bits"),
    (again::<GetTaskRequest>, r#"{"historyLength":2147483648}"#, "invalid value: integer `2147483648`, expected a whole number of 32 bits"),
    (again::<GetTaskRequest>, r#"{"historyLength":1.5}"#, "invalid value: floating point `1.5`, expected a whole number of 32 bits"),
    (again::<GetTaskRequest>, r#"{"historyLength":"-3e9"}"#, "invalid value: string \"-3e9\", expected a whole number of 32 bits"),
    (again::<GetTaskRequest>, r#"{"historyLength":"two"}"#, "invalid value: string \"two\", expected a whole number of 32 bits"),
    (again::<GetTaskRequest>, r#"{"historyLength":true}"#, "invalid type: boolean `true`, expected a whole number of 32 bits"),
    (again::<ClientCredentialsOAuthFlow>, r#"{"scopes":{"a":"","a":""}}"#, "duplicate key `a`"),
    (again::<TaskStatus>, r#"{"timestamp":"yesterday"}"#, "`yesterday` is not an RFC 3339 time"),
];

#[test]
fn every_message_kind_is_written_as_it_was_read() {
    for (name, again, json) in GOLDEN {
        assert_eq!(again(json).as_deref(), Ok(*json), "{name}");
    }
}

#[test]
fn no_message_kind_is_missing_from_the_golden_table() {
    let generated = include_str!("validate_generated.rs").lines();
    let kinds: BTreeSet<&str> =
        generated.filter_map(|line| line.strip_prefix("impl Validate for ")?.strip_suffix(" {")).collect();
    assert_eq!(GOLDEN.iter().map(|(name, ..)| *name).collect::<BTreeSet<_>>(), kinds);
}

#[test]
fn what_real_clients_send_is_read() {
    for (why, again, sent, written) in LENIENT {
        assert_eq!(again(sent).as_deref(), Ok(*written), "{why}");
    }
}

#[test]
fn what_is_ambiguous_or_of_the_wrong_shape_is_refused_with_a_sentence() {
    for (again, json, sentence) in REFUSED {
        match again(json) {
            Err(DecodeError::WrongShape(text)) => assert!(text.contains(sentence), "{json}: {text}"),
            other => panic!("{json}: {other:?}"),
        }
    }
}

#[test]
fn required_fields_are_always_written() {
    for (written, json) in [
        (serde_json::to_string(&Message::default()), r#"{"messageId":"","role":"ROLE_UNSPECIFIED","parts":[]}"#),
        (
            serde_json::to_string(&ListTasksResponse::default()),
            GOLDEN.iter().find(|row| row.0 == "ListTasksResponse").unwrap().2,
        ),
        (serde_json::to_string(&AgentSkill::default()), r#"{"id":"","name":"","description":"","tags":[]}"#),
    ] {
        assert_eq!(written.unwrap(), json);
    }
}

#[test]
fn integers_in_free_form_json_come_back_as_sent() {
    for number in ["1", "9007199254740993", "-9223372036854775808", "18446744073709551615", "1.5", "1.0", "0"] {
        let json = format!(r#"{{"data":{{"n":{number}}},"metadata":{{"n":{number}}}}}"#);
        let part: Part = decode(json.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&part).unwrap(), json);
    }
}
