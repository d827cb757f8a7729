//! HTTP/2 in bulk: frames that cost their sender nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::http::connect;
use crate::{figure, list, mib, p99_us, peak_bytes, ratio, server, size};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What all of it may take.
const GROWN_MAX: usize = 8 << 20;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// GET / of localhost, in the static table and one literal.
fn head() -> Vec<u8> {
    [&[0x82, 0x86, 0x84, 0x41, 9], b"localhost".as_slice()].concat()
}

/// A header line that stands in no table.
fn line(number: usize) -> Vec<u8> {
    let (name, value) = (format!("x-{number:06}"), "y".repeat(100));
    [&[0, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
}

/// The name of a flood, and the frames that its number comes to.
type Flood = (&'static str, fn(usize) -> Vec<u8>);

const FLOODS: [Flood; 5] = [
    ("SETTINGS", |_| frame(4, 0, 0, &[])),
    ("PING", |number| frame(6, 0, 0, &(number as u64).to_be_bytes())),
    ("resets", |number| {
        let stream = u32::try_from(number * 2 + 1).unwrap();
        [frame(1, 5, stream, &head()), frame(3, 0, stream, &8_u32.to_be_bytes())].concat()
    }),
    ("CONTINUATION", |number| match number {
        0 => frame(1, 1, 1, &head()),
        _ => frame(9, 0, 1, &line(number)),
    }),
    ("WINDOW_UPDATE", |_| frame(8, 0, 0, &1_u32.to_be_bytes())),
];

/// Writes until all is written, or the server has had enough: how many were written, and whether it has closed.
fn pour(socket: &mut TcpStream, flood: fn(usize) -> Vec<u8>, count: usize) -> (usize, bool) {
    let mut reading = socket.try_clone().unwrap();
    reading.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let reader = std::thread::spawn(move || {
        let mut bytes = [0; 64 << 10];
        loop {
            match reading.read(&mut bytes) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return !matches!(error.kind(), std::io::ErrorKind::WouldBlock),
            }
        }
    });
    let written = (0..count).take_while(|number| socket.write_all(&flood(*number)).is_ok()).count();
    (written, reader.join().unwrap())
}

#[test]
fn floods_of_frames_cost_little() {
    let size = size();
    for (name, flood) in FLOODS {
        let server = server("cat", "");
        let (before, calm) = (server.resident_bytes(), p99_us(&server, size.samples));
        let mut socket = connect(server.address);
        socket.write_all(PREFACE).unwrap();
        socket.write_all(&frame(4, 0, 0, &[])).unwrap();
        let (written, closed) = pour(&mut socket, flood, size.frames);
        let among = p99_us(&server, size.samples);
        list(&server);
        let grown = peak_bytes(&server).saturating_sub(before);
        let end = if closed { "closed" } else { "open" };
        figure(&format!("HTTP/2, {written} frames of {name}: then {end}"), &mib(grown), "8 MiB");
        figure("  a healthy caller's p99 after it", &ratio(among, calm), "2x");
        assert!(grown <= GROWN_MAX, "{name}: {}", mib(grown));
        assert!(closed || !["resets", "CONTINUATION"].contains(&name), "{name} is ended");
    }
}
