//! The console: files for a browser, part of the binary. They are the same for everybody and tell nothing, so they need no token;
//! what they show they ask for like any other client, with the token that a person has given them.

use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION};
use hyper::{HeaderMap, Response, StatusCode};

use crate::Body;
use crate::pages::{names, tag};

/// Where the console is.
pub const CONSOLE: &str = "/console/";

/// A file as it is served.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! file {
    ($name:literal, $media_type:expr) => {
        File { name: $name, media_type: $media_type, bytes: include_bytes!(concat!("../../console/", $name)) }
    };
}

/// The first one stands at the console's own address, the others below it.
static FILES: [File; 24] = [
    file!("index.html", HTML),
    file!("console.css", "text/css; charset=utf-8"),
    file!("icon.svg", "image/svg+xml"),
    file!("agents.js", SCRIPT),
    file!("api.js", SCRIPT),
    file!("ask.js", SCRIPT),
    file!("audit.js", SCRIPT),
    file!("card.js", SCRIPT),
    file!("compose.js", SCRIPT),
    file!("conversation.js", SCRIPT),
    file!("diff.js", SCRIPT),
    file!("dom.js", SCRIPT),
    file!("history.js", SCRIPT),
    file!("main.js", SCRIPT),
    file!("parts.js", SCRIPT),
    file!("session.js", SCRIPT),
    file!("signature.js", SCRIPT),
    file!("signin.js", SCRIPT),
    file!("sse.js", SCRIPT),
    file!("status.js", SCRIPT),
    file!("task.js", SCRIPT),
    file!("tasks.js", SCRIPT),
    file!("watch.js", SCRIPT),
    file!("words.js", SCRIPT),
];

/// Nothing but the server's own scripts and styles is loaded, nothing but this server is called, no page may frame it, and no text
/// becomes markup or code: what agents say is text, whatever it looks like.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

/// The file at a path, to the letter: no path is put together or decoded.
pub(super) fn file(path: &str) -> Option<&'static File> {
    match path.strip_prefix(CONSOLE)? {
        "" => FILES.first(),
        name => FILES.iter().skip(1).find(|file| file.name == name),
    }
}

/// Whether this is the console's address without its slash, under which its files would not find each other.
pub(super) fn lacks_slash(path: &str) -> bool {
    CONSOLE.strip_suffix('/') == Some(path)
}

/// To the address with the slash, whatever name this server has outside.
pub(super) fn redirection() -> Response<Body> {
    let mut response = Response::new(Body::full(""));
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("console/"));
    response
}

/// A file, or that it is still the one which the browser has.
pub(super) fn answer(file: &File, request: &HeaderMap) -> Response<Body> {
    let tag = tag(file.bytes);
    let known = request.get_all(IF_NONE_MATCH).iter().any(|value| names(value, &tag));
    let mut response = Response::new(Body::full(if known { &[][..] } else { file.bytes }));
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    // After an update of the server no page runs yesterday's script.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.extend(HeaderValue::from_str(&tag).ok().map(|tag| (ETAG, tag)));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_console_is_served_and_no_other() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/console");
        let mut there: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            // What the scripts' types are checked by is for developers.
            .filter(|name| !name.ends_with(".d.ts"))
            .collect();
        let mut served: Vec<_> = FILES.iter().map(|file| file.name.to_owned()).collect();
        there.sort();
        served.sort();
        assert_eq!(there, served);
    }

    #[test]
    fn a_path_names_a_file_to_the_letter() {
        assert_eq!(file("/console/"), FILES.first());
        assert_eq!(file("/console/main.js").unwrap().media_type, SCRIPT);
        for path in [
            "/console",
            "/console/index.html",
            "/console//main.js",
            "/console/./main.js",
            "/console/MAIN.js",
            "/main.js",
        ] {
            assert_eq!(file(path), None, "{path}");
        }
        assert!(lacks_slash("/console") && !lacks_slash("/console/") && !lacks_slash("/consoles"));
    }
}
