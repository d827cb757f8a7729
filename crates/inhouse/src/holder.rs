//! Who listens on a port, for the message that it is taken. Linux tells by /proc; elsewhere, and for another user's
//! process, nobody does.

use std::fs;
use std::path::Path;

/// The listening state in /proc/net/tcp.
const LISTEN: &str = "0A";

/// `name (pid 4711)` of the process that listens on the port, when this user may know.
pub(crate) fn holder(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let inodes: Vec<String> = tables.iter().flat_map(|table| listeners(table, port)).collect();
    if inodes.is_empty() {
        return None;
    }
    let processes = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let (pid, process) = pids
        .map(|pid| (pid, Path::new("/proc").join(pid.to_string())))
        .find(|(_, process)| has_socket(process, &inodes))?;
    let name = fs::read_to_string(process.join("comm")).ok()?;
    Some(format!("{} (pid {pid})", name.trim()))
}

/// The inodes of the sockets that listen on the port. A line is: slot, local address, remote address, state, …, inode.
fn listeners(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens = fields.get(1)?.ends_with(&suffix) && *fields.get(3)? == LISTEN;
        listens.then(|| fields.get(9).map(|inode| format!("socket:[{inode}]")))?
    };
    table.lines().filter_map(inode).collect()
}

fn has_socket(process: &Path, inodes: &[String]) -> bool {
    let Ok(files) = fs::read_dir(process.join("fd")) else { return false };
    let target = |file: fs::DirEntry| fs::read_link(file.path()).ok();
    files
        .filter_map(Result::ok)
        .filter_map(target)
        .any(|target| inodes.iter().any(|inode| target.as_os_str() == inode.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_tells_who_listens() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1\n\
             1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1\n\
             2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1\n";
        assert_eq!(listeners(table, 8080), ["socket:[4711]"]);
        assert_eq!(listeners(table, 80), ["socket:[4713]"]);
        assert!(listeners(table, 8081).is_empty() && listeners("", 1).is_empty() && listeners("x", 1).is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_found_by_its_port() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let found = holder(socket.local_addr().unwrap().port()).unwrap();
        assert!(found.ends_with(&format!("(pid {})", std::process::id())), "{found}");
    }
}
