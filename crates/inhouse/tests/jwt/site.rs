//! A site of the loopback address that serves what a test says, and counts who asks.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// How a path is answered.
#[derive(Clone)]
pub enum Page {
    /// With 200 and this text.
    Text(String),
    /// With this head.
    Head(String),
    /// With the head, and then nothing more.
    Silence,
}

#[derive(Clone, Default)]
pub struct Site {
    pages: Arc<Mutex<HashMap<String, Page>>>,
    asked: Arc<AtomicUsize>,
}

impl Site {
    /// Listens until the test ends.
    pub fn start() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (site, address) = (Self::default(), listener.local_addr().unwrap());
        let served = site.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let site = served.clone();
                std::thread::spawn(move || site.answer(socket));
            }
        });
        (site, address)
    }

    pub fn put(&self, path: &str, page: Page) {
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    pub fn text(&self, path: &str, text: &Value) {
        self.put(path, Page::Text(text.to_string()));
    }

    /// The document by which an issuer tells where its keys are.
    pub fn tell(&self, issuer: &str, keys: &str) {
        self.text("/.well-known/openid-configuration", &json!({"issuer": issuer, "jwks_uri": keys}));
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn answer(&self, mut socket: TcpStream) {
        let mut lines = BufReader::new(socket.try_clone().unwrap()).lines().map_while(Result::ok);
        let Some(path) = lines.next().and_then(|line| line.split(' ').nth(1).map(str::to_owned)) else { return };
        while lines.next().is_some_and(|line| !line.is_empty()) {}
        self.asked.fetch_add(1, Ordering::SeqCst);
        let page = self.pages.lock().unwrap().get(&path).cloned();
        let head = |status: &str, length: usize| format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n");
        let _ = match page {
            Some(Page::Text(text)) => socket.write_all((head("200 OK", text.len()) + &text).as_bytes()),
            Some(Page::Head(head)) => socket.write_all(head.as_bytes()),
            None => socket.write_all(head("404 Not Found", 0).as_bytes()),
            Some(Page::Silence) => {
                let _ = socket.write_all(head("200 OK", 1).as_bytes());
                // Until the other side has had enough.
                let _ = lines.next();
                Ok(())
            }
        };
    }
}
