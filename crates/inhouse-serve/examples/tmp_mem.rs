#![allow(warnings, clippy::all)]
#[path = "../tests/common/mod.rs"]
mod common;
use std::io::{Read, Write};
fn rss() -> u64 { let s = std::fs::read_to_string("/proc/self/statm").unwrap(); s.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096 }
fn main() {
    let a: Vec<String> = std::env::args().collect();
    if a.len() > 1 {
        let addr: std::net::SocketAddr = a[1].parse().unwrap();
        let n: usize = a[2].parse().unwrap();
        let mut v = vec![];
        for _ in 0..n {
            let mut s = std::net::TcpStream::connect(addr).unwrap();
            write!(s, "{} {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer right\r\nUser-Agent: python-httpx/0.27\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n{}", "POST", a[3], "x".repeat(300)).unwrap();
            let mut b = [0; 1000]; let k = s.read(&mut b).unwrap(); assert!(k > 0);
            v.push(s);
        }
        println!("open"); let mut l = String::new(); std::io::stdin().read_line(&mut l); return;
    }
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async {
        let server = common::TestServer::start(inhouse_serve::Limits::default());
        let path = std::env::var("P").unwrap_or("/stream".into());
        let mut before = rss(); let mut had = 0;
        for n in [1000, 3000] {
            let mut c = std::process::Command::new(std::env::current_exe().unwrap()).args([server.address.to_string(), n.to_string(), path.clone()]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
            let mut out = c.stdout.take().unwrap();
            let inp = c.stdin.take().unwrap();
            std::mem::forget(inp);
            tokio::task::spawn_blocking(move || { let mut b = [0; 5]; out.read(&mut b); }).await.unwrap();
            let now = rss(); println!("{n} streams: {} bytes each", (now - before) / n); before = now;
        }
        std::process::exit(0);
    });
}
