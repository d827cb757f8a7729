//! Where the server listens: from a name to an address, an error that says who holds the port and what to type instead, and
//! the address by which others reach it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as Probe, ToSocketAddrs as _, UdpSocket};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};

use crate::config::words::quote;
use crate::exit::Failure;
use crate::holder::holder;

/// How many ports after a taken one are tried for the hint.
const PORTS_TRIED_MAX: u16 = 100;

/// The address to bind. A name may stand for several; the first that is free is taken.
///
/// # Errors
/// [`Failure`] with exit code 2 when the name stands for none.
pub(crate) fn address(host: &str, port: u16) -> Result<SocketAddr, Failure> {
    let addresses: Vec<_> = match (without_brackets(host), port).to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => return Err(unresolved(host, &error)),
    };
    let free = addresses.iter().find(|address| addresses.len() == 1 || Probe::bind(address).is_ok());
    free.or(addresses.first()).copied().ok_or_else(|| unresolved(host, &io::ErrorKind::NotFound.into()))
}

/// `::1` for `[::1]`.
pub(crate) fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn unresolved(host: &str, error: &io::Error) -> Failure {
    Failure::usage(
        format!("host {host:?} is no address and no name that this machine knows: {error}"),
        Some("--host 127.0.0.1".into()),
    )
}

/// Why an address can not be listened on. `command_line` is how the program was called, for the next command to type.
pub(crate) fn refused(address: SocketAddr, error: &io::Error, command_line: &[String]) -> Failure {
    let (ip, port) = (address.ip(), address.port());
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let who = holder(port).unwrap_or_else(|| "another program, perhaps another inhouse".into());
            Failure::usage(
                format!("port {port} on {ip} is taken by {who}"),
                Some(with_port(command_line, free_after(ip, port))),
            )
        }
        io::ErrorKind::PermissionDenied => Failure::usage(
            format!("port {port} on {ip}: ports below 1024 need a right that this user does not have"),
            Some(with_port(command_line, 8080)),
        ),
        io::ErrorKind::AddrNotAvailable => Failure::usage(
            format!("{ip} is no address of this machine"),
            Some("--host 127.0.0.1, or --host 0.0.0.0 for all".into()),
        ),
        _ => Failure::usage(format!("can not listen on {address}: {error}"), None),
    }
}

/// The nearest port that is free now; 0, which takes any, when none is near.
fn free_after(ip: IpAddr, port: u16) -> u16 {
    let mut next = (port.saturating_add(1)..=u16::MAX).take(PORTS_TRIED_MAX.into());
    next.find(|port| Probe::bind((ip, *port)).is_ok()).unwrap_or(0)
}

/// The command as it was typed, with another port.
fn with_port(command_line: &[String], port: u16) -> String {
    let (ours, theirs) =
        command_line.split_at(command_line.iter().position(|word| word == "--").unwrap_or(command_line.len()));
    let mut words: Vec<String> = Vec::new();
    let mut rest = ours.iter();
    while let Some(word) = rest.next() {
        if word == "--port" {
            rest.next();
        } else if !word.starts_with("--port=") {
            words.push(quote(word).into_owned());
        }
    }
    words.extend(["--port".into(), port.to_string()]);
    words.extend(theirs.iter().map(|word| quote(word).into_owned()));
    words.join(" ")
}

/// `http://host:port`, or https, for a socket that was bound to `host`: one that a colleague can use where the socket listens on all of
/// the machine's addresses.
pub(crate) fn url(is_tls: bool, host: &str, bound: SocketAddr) -> String {
    let port = bound.port();
    let name = without_brackets(host);
    let shown = match name.parse::<IpAddr>() {
        Ok(ip) if ip.is_unspecified() => outside_name(),
        Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
        Ok(IpAddr::V4(ip)) => ip.to_string(),
        Err(_) => name.to_owned(),
    };
    format!("{}://{shown}:{port}", if is_tls { "https" } else { "http" })
}

/// This machine as its network sees it: the address with a route outside, else its host name.
fn outside_name() -> String {
    let address = outside_address().map(|ip| ip.to_string());
    address.or_else(host_name).unwrap_or_else(|| Ipv4Addr::LOCALHOST.to_string())
}

/// Every address by which a socket on this one can be called, this machine's own among them.
pub(crate) fn addresses(listened: IpAddr) -> Vec<IpAddr> {
    let own = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    if !listened.is_unspecified() {
        return own.into_iter().chain([listened]).collect();
    }
    let address = |interface: InterfaceAddress| {
        let address = interface.address?;
        let four = address.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
        four.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
    };
    // An address of a link alone means nothing without the link.
    let is_called = |ip: &IpAddr| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let interfaces = getifaddrs().into_iter().flatten().filter_map(address);
    own.into_iter().chain(interfaces.filter(is_called)).collect()
}

/// Connecting a datagram socket sends nothing; it only asks for the route. The address is one for documentation (RFC 5737).
fn outside_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

fn host_name() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    (!name.is_empty()).then_some(name)
}

/// The names that this machine has for itself and for its neighbours.
pub(crate) fn machine_names() -> Vec<String> {
    let Some(name) = host_name() else { return Vec::new() };
    let short = name.split('.').next().unwrap_or(&name).to_owned();
    let local = format!("{short}.local");
    vec![name, short, local]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_next_command_is_the_same_one_with_another_port() {
        let cases = [
            ("inhouse", "inhouse --port 8081"),
            ("inhouse serve --port 8080", "inhouse serve --port 8081"),
            ("/bin/inhouse --port=8080 --host ::1", "/bin/inhouse --host ::1 --port 8081"),
            ("inhouse serve -- bot --port 1", "inhouse serve --port 8081 -- bot --port 1"),
            ("inhouse serve -- bot $x", "inhouse serve --port 8081 -- bot '$x'"),
        ];
        for (typed, next) in cases {
            assert_eq!(with_port(&words(typed), 8081), next);
        }
    }

    #[test]
    fn a_taken_port_is_an_error_with_the_next_command() {
        let taken = Probe::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let failure = refused(address, &Probe::bind(address).unwrap_err(), &words("inhouse serve")).to_string();
        assert!(failure.starts_with(&format!("error: port {} on 127.0.0.1 is taken by ", address.port())), "{failure}");
        assert!(failure.contains("\nhint: inhouse serve --port "), "{failure}");
    }

    #[test]
    fn names_and_addresses_are_taken() {
        for host in ["localhost", "127.0.0.1", "[::1]", "::1"] {
            let address = address(host, 8080).unwrap();
            assert!(address.ip().is_loopback() && address.port() == 8080, "{host}");
        }
        let failure = address("no such host", 0).unwrap_err().to_string();
        assert!(failure.contains("\"no such host\" is no address"), "{failure}");
    }

    #[test]
    fn the_address_shown_is_one_that_can_be_used() {
        let bound: SocketAddr = "127.0.0.1:80".parse().unwrap();
        for (host, shown) in [
            ("127.0.0.1", "http://127.0.0.1:80"),
            ("localhost", "http://localhost:80"),
            ("::1", "http://[::1]:80"),
            ("[::1]", "http://[::1]:80"),
            ("build7", "http://build7:80"),
        ] {
            assert_eq!(url(false, host, bound), shown);
            assert_eq!(url(true, host, bound), shown.replace("http:", "https:"));
        }
        for all in ["0.0.0.0", "::"] {
            assert!(!url(false, all, bound).contains(all), "{}", url(false, all, bound));
        }
    }
}
