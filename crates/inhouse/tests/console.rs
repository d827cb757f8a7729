//! The console's files over real sockets: what they let a browser do, who gets them, and that nothing else is behind them. What the
//! pages do is the lane `console`.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use support::http::{self, Response};
use support::{Launch, Server, TOKEN, rpc, scratch};

fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    http::request(server.address, method, path, &http::headers(headers), b"")
}

fn with_token<'a>() -> (&'a str, String) {
    ("Authorization", format!("Bearer {TOKEN}"))
}

/// The files that a browser loads: what the page names, and what the scripts import.
fn files(server: &Server) -> Vec<String> {
    let mut files = vec![String::new()];
    let mut at = 0;
    while at < files.len() {
        let text = String::from_utf8(server.get(&format!("/console/{}", files[at])).body).unwrap();
        let named =
            text.split('"').filter(|word| word.ends_with(".js") || word.ends_with(".css") || word.ends_with(".svg"));
        for name in named.map(|word| word.trim_start_matches("./").to_owned()) {
            if !files.contains(&name) {
                files.push(name);
            }
        }
        at += 1;
    }
    files
}

#[test]
fn the_files_need_no_token_and_let_a_page_do_nothing_but_call_this_server() {
    let server = Server::with_agent("cat");
    let files = files(&server);
    assert!(files.len() > 15, "{files:?}");
    for name in files {
        let answer = server.get(&format!("/console/{name}"));
        let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        assert_eq!(answer.status, 200, "{name}");
        let policy = header("content-security-policy");
        let wanted = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
            form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
        assert_eq!(policy, wanted, "{name}");
        let told = [header("x-content-type-options"), header("referrer-policy"), header("cache-control")];
        assert_eq!(told, ["nosniff", "no-referrer", "no-cache"], "{name}");
        assert!(answer.header("set-cookie").is_none() && answer.header("access-control-allow-origin").is_none());
        let media_type = match name.rsplit_once('.').map(|(_, ending)| ending) {
            None => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(header("content-type"), media_type, "{name}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("https://"), "{name} names another place");
    }
}

#[test]
fn a_file_is_asked_for_like_any_page() {
    let server = Server::with_agent("cat");
    for path in ["/console/", "/console/main.js"] {
        let whole = server.get(path);
        let tag = whole.header("etag").unwrap();
        let again = ask(&server, "GET", path, &[("If-None-Match", tag)]);
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(tag)), "{path}");
        assert!(again.header("content-security-policy").is_some());
        assert_eq!(ask(&server, "GET", path, &[("If-None-Match", "\"other\"")]).body, whole.body);
        let head = ask(&server, "HEAD", path, &[]);
        assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, Some(tag)), "{path}");
        let post = ask(&server, "POST", path, &[]);
        assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")), "{path}");
    }
    let bare = server.get("/console");
    assert_eq!((bare.status, bare.header("location")), (308, Some("console/")));
}

#[test]
fn a_path_that_is_no_file_is_answered_like_any_other() {
    let server = Server::with_agent("cat");
    let (name, value) = with_token();
    let (unknown, nothing) = (server.get("/nothing/there"), ask(&server, "GET", "/nothing/there", &[(name, &value)]));
    assert_eq!((unknown.status, nothing.status), (401, 404));
    let near = "/console/../health /console/../console/ /console/%2e%2e/health /console/..%2fmain.js /console//main.js /console/./main.js \
        /console/main.js/ /console/main.js%00 /console/index.html /console/types.d.ts /console/nothing.js /console/Main.js /CONSOLE/ \
        /consoles /agents/claude/console/ /a2a/console/";
    for path in near.split(' ') {
        let stranger = ask(&server, "GET", path, &[]);
        assert_eq!((stranger.status, &stranger.body), (401, &unknown.body), "{path}");
        let caller = ask(&server, "GET", path, &[(name, &value)]);
        assert_eq!((caller.status, &caller.body), (404, &nothing.body), "{path}");
    }
    assert_eq!(server.get("/agents").status, 401, "what the console shows needs a token");
}

#[test]
fn a_server_without_the_console_has_nothing_of_it() {
    let folder = scratch("no-console");
    std::fs::write(folder.join("inhouse.toml"), "[server]\nconsole = false\n").unwrap();
    let file = folder.join("inhouse.toml");
    let launches = [
        Launch::new(&["serve", "--no-console"]),
        Launch::new(&["serve"]).env("INHOUSE_CONSOLE", "false"),
        Launch::new(&["serve", "--config", file.to_str().unwrap()]),
    ];
    for launch in launches {
        let server = launch.start();
        let (name, value) = with_token();
        for path in ["/console", "/console/", "/console/main.js"] {
            let there = [ask(&server, "GET", path, &[]).status, ask(&server, "GET", path, &[(name, &value)]).status];
            assert_eq!(there, [401, 404], "{path}");
        }
        let own = format!("http://{}", server.address);
        assert_eq!(ask(&server, "GET", "/agents", &[(name, &value), ("Origin", &own)]).status, 403);
        assert!(!server.banner[0].contains("console"), "{:?}", server.banner);
    }
    let back = Launch::new(&["serve", "--config", file.to_str().unwrap()]).env("INHOUSE_CONSOLE", "true").start();
    assert_eq!(back.get("/console/").status, 200, "the environment wins over the file");
}

#[test]
fn the_console_may_call_its_own_server_and_no_other_page_may() {
    let launch = Launch::new(&["serve", "--public-url", "https://Agents.example.com:443"]).env("AGENT_CMD", "cat");
    let server = launch.env("AGENT_INPUT", "stdin").start();
    // The first output names the public address; the last line this machine's own.
    let pasted = server.banner.last().unwrap();
    let port: u16 = pasted.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let (name, value) = with_token();
    let send = |host: &str, origin: &str| {
        let body = String::from_utf8(rpc("SendMessage", support::message("hello"))).unwrap();
        let request = format!(
            "POST /a2a HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n{name}: {value}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let answer = http::raw(address, request.as_bytes());
        assert!(!answer.to_lowercase().contains("access-control"), "{answer}");
        answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    let (here, named) = (format!("127.0.0.1:{port}"), format!("localhost:{port}"));
    for (host, origin, status) in [
        (&here, format!("http://{here}"), 200),
        (&named, format!("http://{named}"), 200),
        // Behind a proxy, whatever Host it passes on.
        (&here, "https://agents.example.com".to_owned(), 200),
        (&"agents.example.com".to_owned(), "https://agents.example.com".to_owned(), 200),
        // Another program on this machine, another scheme, another name for the same address.
        (&here, "http://127.0.0.1:3000".to_owned(), 403),
        (&here, format!("https://{here}"), 403),
        (&here, format!("http://{named}"), 403),
        (&here, "null".to_owned(), 403),
        (&here, "https://evil.example".to_owned(), 403),
        // A name that was rebound to this machine: its page's origin fits its Host, but the Host is none of ours.
        (&"evil.example".to_owned(), "http://evil.example".to_owned(), 421),
        (&format!("evil.example:{port}"), format!("http://evil.example:{port}"), 421),
    ] {
        assert_eq!(send(host, &origin), status, "{host} {origin}");
    }
}
