//! A receiver of webhooks: says yes to everything and remembers it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What came: a token and a body each.
type Told = Arc<Mutex<Vec<(String, Value)>>>;

/// Listens until the program ends.
pub(crate) struct Receiver {
    pub(crate) url: String,
    told: Told,
}

impl Receiver {
    pub(crate) fn new(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let told = Told::default();
        let all = Arc::clone(&told);
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let all = Arc::clone(&all);
                std::thread::spawn(move || serve(&socket, &all));
            }
        });
        Self { url: format!("http://localhost:{port}/hook"), told }
    }

    /// Waits for a notification with this token that fits.
    pub(crate) async fn wait_for(&self, token: &str, fits: impl Fn(&Value) -> bool) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            let told = self.told.lock().expect("no receiver has failed").clone();
            if told.iter().any(|(with, body)| with == token && fits(body)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(format!("not told in time: {:?}", self.told))
    }
}

fn serve(mut socket: &TcpStream, told: &Told) {
    let mut reader = BufReader::new(socket);
    let (mut length, mut token, mut line) = (0, String::new(), String::new());
    while reader.read_line(&mut line).is_ok_and(|bytes| bytes > 2) {
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "a2a-notification-token" => token = value.trim().to_owned(),
            _ => {}
        }
        line.clear();
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_ok()
        && let Ok(body) = serde_json::from_slice(&body)
    {
        told.lock().expect("no receiver has failed").push((token, body));
    }
    let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}
