//! A receiver of webhooks: answers as it is told, and remembers what it was told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::wait;

/// One notification.
#[derive(Debug, Clone)]
pub struct Told {
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Told {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Shared {
    told: Mutex<Vec<Told>>,
    connections: AtomicUsize,
}

/// Listens on a free port of the loopback address until the test ends.
pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    /// Says yes to everything.
    pub fn new() -> Self {
        Self::answering(|_| "200 OK".to_owned())
    }

    /// `answer` makes of the number of a notification (0, 1, …) the status line's rest, and headers behind it.
    pub fn answering(answer: impl Fn(usize) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), Arc::new(Shared::default()));
        let (answer, all) = (Arc::new(answer), Arc::clone(&shared));
        // Ends with the test's process.
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (answer, shared) = (Arc::clone(&answer), Arc::clone(&all));
                shared.connections.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || serve(socket, &shared, &*answer));
            }
        });
        Self { address, shared }
    }

    /// Says yes to everything, over TLS with the certificate for localhost.
    pub fn with_tls() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), Arc::new(Shared::default()));
        let certificate = CertificateDer::from_pem_slice(include_bytes!("../fixtures/localhost.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("../fixtures/localhost.key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = Arc::new(config.with_single_cert(vec![certificate], key).unwrap());
        let all = Arc::clone(&shared);
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                serve(StreamOwned::new(tls, socket), &all, &|_| "200 OK".to_owned());
            }
        });
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?a=b", self.address)
    }

    pub fn told(&self) -> Vec<Told> {
        self.shared.told.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits for a notification that fits, and returns all up to then.
    pub fn wait_for(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Vec<Told> {
        wait(what, || Some(self.told()).filter(|told| told.iter().any(|told| fits(&told.body))))
    }
}

fn serve(socket: impl Read + Write, shared: &Shared, answer: &dyn Fn(usize) -> String) {
    let mut reader = BufReader::new(socket);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: Vec<_> = lines[1..].iter().filter_map(|line| line.split_once(": ")).collect();
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    let told = Told {
        target: lines[0].clone(),
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: serde_json::from_slice(&body).unwrap(),
    };
    let number = {
        let mut all = shared.told.lock().unwrap();
        all.push(told);
        all.len() - 1
    };
    let status = answer(number);
    if status.is_empty() {
        // Never answers.
        std::thread::sleep(Duration::from_secs(600));
    }
    let _ = reader.get_mut().write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes());
}
