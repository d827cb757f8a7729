//! A clock that is set while the server runs. Setting the machine's needs privilege and would touch others, so a few lines of C stand
//! between the server and the system's clock, and nothing else: whatever counts time otherwise is untouched.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Server, state_of, text_of, untested};
use crate::{House, raise, status};

const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
static int (*real)(clockid_t, struct timespec *);
static volatile long *shift_s;
__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("CLOCK_SHIFT"), O_RDONLY | O_CLOEXEC);
    void *page = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
    real = dlsym(RTLD_NEXT, "clock_gettime");
    if (page != MAP_FAILED) shift_s = page;
}
int clock_gettime(clockid_t clock, struct timespec *time) {
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, time);
    if (!failed && clock == CLOCK_REALTIME && shift_s) time->tv_sec += *shift_s;
    return failed;
}
"#;

const AGENT: &str = r#"read line
case "$line" in
*wait*) echo '{"text":"begun"}'; while [ ! -e flag ]; do sleep 0.05; done; echo '{"text":" ended"}';;
*question*) echo '{"status":"input-required","text":"well?"}';;
*) echo '{"text":"done"}';;
esac
"#;

/// A house whose server's clock can be set.
struct Clock {
    house: House,
    library: PathBuf,
}

impl Clock {
    /// Nothing, where there is no C compiler.
    fn new() -> Option<Self> {
        let house = House::new("");
        house.write("agent.sh", AGENT);
        house.write(
            "inhouse.toml",
            format!(
                "[server]\ntokens_file = \"keys/tokens.json\"\n[audit]\nto = \"file\"\nfile = \"audit.jsonl\"\nkey = \"key.pem\"\n\
                 [agents.bot]\ncommand = [\"sh\", \"{}\"]\ninput = \"json\"\n",
                house.path("agent.sh").display()
            ),
        );
        let (source, library) = (house.path("clock.c"), house.path("clock.so"));
        fs::write(&source, SHIM).unwrap();
        let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl").status();
        if !built.is_ok_and(|built| built.success()) {
            untested("a clock that is set, since there is no C compiler");
            return None;
        }
        let clock = Self { house, library };
        clock.set(0);
        Some(clock)
    }

    /// Sets the server's clock so many seconds ahead.
    fn set(&self, ahead_s: i64) {
        // In place: the server has mapped it.
        use std::io::Write as _;
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(false).open(self.house.path("shift")).unwrap();
        file.write_all(&ahead_s.to_ne_bytes()).unwrap();
    }

    fn serve(&self) -> Server {
        let launch = self.house.launch(&["serve"]).env("LD_PRELOAD", &self.library);
        launch.env("CLOCK_SHIFT", self.house.path("shift")).start()
    }
}

fn year_of(task: &Value) -> i64 {
    task["status"]["timestamp"].as_str().unwrap()[..4].parse().unwrap()
}

#[test]
fn a_clock_that_is_set_ends_no_turn_loses_no_task_and_locks_nobody_out() {
    let Some(clock) = Clock::new() else { return };
    let issue = |args: &[&str]| clock.house.launch(&[&["token", "new"], args].concat()).run().1.trim().to_owned();
    let (lasting, short) = (issue(&["lasting"]), issue(&["short", "--expires", "30m"]));
    let server = clock.serve();
    let done = server.send("go")["id"].as_str().unwrap().to_owned();
    let asks = server.send("question")["id"].as_str().unwrap().to_owned();
    let runs = server.start_task("wait");
    server.wait_for(&runs, |task| text_of(task) == "begun");
    let stream = server.stream("SubscribeToTask", json!({"id": runs}), &[]);
    let this_year = year_of(&server.task(&done));
    let mut sent = 3;
    for ahead_s in [3_600, -3_600, 26 * 3_600, 0, 20 * 365 * 86_400, -20 * 365 * 86_400, 7] {
        clock.set(ahead_s);
        let year = year_of(&server.send("go"));
        sent += 1;
        let moved = (year - this_year - ahead_s / (365 * 86_400)).abs();
        assert!(moved <= 1, "the server sees the clock of the test: {year} {ahead_s}");
        // Twice the time after which what is over its time is forgotten.
        sleep(Duration::from_millis(2_100));
        let states = [&done, &asks, &runs].map(|id| state_of(&server.task(id)).to_owned());
        assert_eq!(states, ["COMPLETED", "INPUT_REQUIRED", "WORKING"], "{ahead_s}");
        assert_eq!(server.result("ListTasks", json!({}))["totalSize"], sent, "{ahead_s}");
        // An end that was named is one of the clock.
        let is_over = ahead_s > 1_800;
        assert_eq!([status(&server, &lasting), status(&server, &short)], [200, if is_over { 401 } else { 200 }]);
    }
    raise(&clock.house.path("flag"));
    assert_eq!(stream.last().unwrap().result()["statusUpdate"]["status"]["state"], "TASK_STATE_COMPLETED");
    assert_eq!(text_of(&server.task(&runs)), "begun ended");
    let mut server = server;
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    clock.house.holds();
}
