//! `/openapi.json` of a running server describes what the server really answers: each answer of HTTP+JSON fits its schema.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use serde_json::{Value, json};
use support::http::{Response, headers, request};
use support::{Server, TOKEN, message};

fn call(server: &Server, method: &str, path: &str, body: &Value) -> Response {
    let bearer = format!("Bearer {TOKEN}");
    let all = headers(&[("Authorization", &bearer), ("Content-Type", "application/json"), ("A2A-Version", "1.0")]);
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    request(server.address, method, path, &all, &body)
}

/// Fails unless the answer has the form that the description promises for the operation.
fn fits(document: &Value, path: &str, method: &str, response: &Response) {
    let answers = &document["paths"][path][method]["responses"];
    let status = response.status.to_string();
    let promised = answers.get(&status).unwrap_or(&answers["default"]);
    let promised = match promised["$ref"].as_str() {
        Some(pointer) => document.pointer(pointer.trim_start_matches('#')).unwrap(),
        None => promised,
    };
    let mut schema = promised["content"]["application/json"]["schema"].clone();
    assert!(schema.is_object(), "{method} {path}");
    schema["components"] = document["components"].clone();
    let json = response.json();
    let errors: Vec<_> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&json)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{method} {path} {status}: {errors:?}\n{json}");
}

#[test]
fn every_answer_fits_the_description() {
    let server = Server::with_agent("cat");
    let page = server.get("/openapi.json");
    assert_eq!((page.status, page.header("content-type")), (200, Some("application/json")));
    let document = page.json();
    let sent = call(&server, "POST", "/message:send", &message("hi"));
    let id = sent.json()["task"]["id"].as_str().unwrap().to_owned();
    fits(&document, "/message:send", "post", &sent);
    let config = json!({"url": "https://example.com/hook", "token": "t"});
    for (method, path, template, body, status) in [
        ("GET", "/tasks?pageSize=5".to_owned(), "/tasks", Value::Null, 200),
        ("GET", format!("/tasks/{id}"), "/tasks/{id}", Value::Null, 200),
        ("GET", "/tasks/none".to_owned(), "/tasks/{id}", Value::Null, 404),
        ("POST", format!("/tasks/{id}:cancel"), "/tasks/{id}:cancel", json!({}), 400),
        ("POST", "/message:send".to_owned(), "/message:send", json!({"message": {"parts": []}}), 400),
        (
            "GET",
            format!("/tasks/{id}/pushNotificationConfigs"),
            "/tasks/{taskId}/pushNotificationConfigs",
            Value::Null,
            200,
        ),
        (
            "POST",
            "/tasks/none/pushNotificationConfigs".to_owned(),
            "/tasks/{taskId}/pushNotificationConfigs",
            config,
            404,
        ),
        ("GET", "/extendedAgentCard".to_owned(), "/extendedAgentCard", Value::Null, 200),
    ] {
        let answer = call(&server, method, &path, &body);
        assert_eq!(answer.status, status, "{method} {path}");
        fits(&document, template, &method.to_ascii_lowercase(), &answer);
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_its_name() {
    let server = Server::with_agent("cat");
    let document = server.get("/openapi.json").json();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
    let items = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let mut names: Vec<_> = items.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 11);
    let tag = server.get("/openapi.json").header("etag").unwrap().to_owned();
    assert_eq!(request(server.address, "GET", "/openapi.json", &headers(&[("If-None-Match", &tag)]), b"").status, 304);
}
