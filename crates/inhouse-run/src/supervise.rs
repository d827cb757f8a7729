//! The supervisor's process: takes a plan, starts it, reports how it goes, and leaves nothing of it behind. Then the
//! next one. It has one thread, no runtime, and no state but the run at hand, which [`tree`] holds.

mod namespaces;
mod cgroup;
mod owned;
mod pins;
mod covers;
mod guards;
mod scope;
mod inbox;
mod tree;
mod sweep;
mod watch;

use std::fs;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::resource::rlim_t;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, setsid};

use crate::life::{Life, Mode};
use crate::namespace::{DONE, Refusal, Step};
use crate::wire::{Plan, Report};
use crate::{limits, sys};
use cgroup::Cgroup;
use covers::Covers;
use guards::Guards;
use inbox::{Inbox, Order};
use tree::{Tree, Verdict};
use watch::Watch;

/// How much sooner than the server, of 1,000, we and agents are ended where the machine has no more memory.
const OOM_SCORE_MORE: i32 = 500;
const OOM_SCORE_MAX: i32 = 1_000;
const OOM_SCORE: &str = "/proc/self/oom_score_adj";

/// The life of a supervisor process; its control socket is descriptor 0. To be called before there is any other thread.
pub fn supervise() -> ! {
    let life = Life::read(std::env::args_os().skip(2)).ok_or_else(|| io::Error::other("what it is for is not said"));
    let code = match life.and_then(live) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("inhouse supervisor {}: {error}", Pid::this());
            tree::end_all();
            1
        }
    };
    std::process::exit(code)
}

fn live(life: Life) -> io::Result<()> {
    // No terminal, and so neither its signals nor its input. It also marks all that comes below us: nothing there
    // can ever be in the server's session.
    setsid()?;
    prctl::set_name(c"inhouse-run")?;
    // Where memory is short, agents end before the server does. It fails where nobody may choose.
    let own = fs::read_to_string(OOM_SCORE).ok().and_then(|score| score.trim().parse::<i32>().ok()).unwrap_or_default();
    let _ = fs::write(OOM_SCORE, (own + OOM_SCORE_MORE).min(OOM_SCORE_MAX).to_string());
    // An agent may have stopped us. When the server dies we must run, to see its end of the socket close.
    prctl::set_pdeathsig(Signal::SIGCONT)?;
    if life.is_attempt {
        return attempt(life);
    }
    let (open_files_max, mode) = (life.open_files_max, life.mode);
    let place = enter(life).map_err(io::Error::other)?;
    Supervisor::new(open_files_max, mode, place)?.serve()
}

/// Where a supervisor works, and what its runs see there.
struct Place {
    covers: Covers,
    guards: Guards,
    cgroup: Option<Rc<Cgroup>>,
}

fn enter(life: Life) -> Result<Place, Refusal> {
    let cgroup = life.cgroup.map(|place| Cgroup::at(&place)).transpose().map_err(no_cgroup)?.map(Rc::new);
    let (covers, guards) = match life.mode {
        Mode::Reaper => {
            // Where the kernel has no fence, what else there is has to do.
            let _ = scope::enter();
            <(Covers, Guards)>::default()
        }
        Mode::Namespace => namespaces::enter(life.hidden, life.guarded)?,
    };
    Ok(Place { covers, guards, cgroup })
}

fn no_cgroup(error: io::Error) -> Refusal {
    Refusal { step: Step::Cgroup, errno: error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw) }
}

/// Answers whether all of it can be had.
fn attempt(life: Life) -> io::Result<()> {
    let tried = enter(life).and_then(|place| place.cgroup.map_or(Ok(()), |it| it.try_out()).map_err(no_cgroup));
    let line = tried.err().map_or_else(|| DONE.to_owned(), |refusal| refusal.line());
    io::stdout().write_all((line + "\n").as_bytes())
}

struct Supervisor {
    mode: Mode,
    place: Place,
    inbox: Inbox,
    signals: SignalFd,
    child_ended: SigSet,
}

impl Supervisor {
    fn new(open_files_max: rlim_t, mode: Mode, place: Place) -> io::Result<Self> {
        let control = sys::control_socket();
        prctl::set_child_subreaper(true)?;
        // The agent has our user: it must not read our memory or attach to us.
        prctl::set_dumpable(false)?;
        // Opened now: an agent can take away the right to open files.
        crate::proc::own_children();
        limits::lower_files(open_files_max)?;
        sys::default_signals()?;
        sys::close_on_exec()?;
        let mut child_ended = SigSet::empty();
        child_ended.add(Signal::SIGCHLD);
        child_ended.thread_set_mask()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&child_ended, flags)?;
        Ok(Self { mode, place, inbox: Inbox::new(control), signals, child_ended })
    }

    /// Serves one run after the other until the server closes its end.
    fn serve(&mut self) -> io::Result<()> {
        while let Some(order) = self.inbox.wait()? {
            match order {
                Order::Start { plan, stdio } => {
                    self.run(&plan, stdio)?;
                    self.place.covers.close()?;
                    self.place.cgroup.as_ref().map_or(Ok(()), |cgroup| cgroup.remove())?;
                }
                // Meant for a run that ended while this was on its way.
                Order::Terminate { .. } | Order::Kill | Order::Mark | Order::Sweep => {}
            }
        }
        Ok(())
    }

    fn run(&mut self, plan: &[u8], stdio: [OwnedFd; 3]) -> io::Result<()> {
        let (main, watch) = match self.start(plan, stdio) {
            Ok(started) => started,
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(Errno::EINVAL as i32);
                return self.inbox.report(&[Report::Refused(errno)]);
            }
        };
        self.inbox.report(&[Report::Started(main.as_raw().cast_unsigned())])?;
        let mut tree = Tree::new(main, watch);
        loop {
            let Verdict { reports, wait } = tree.advance();
            self.inbox.report(&reports)?;
            match wait {
                Some(timeout) => self.wait(timeout)?,
                None => return Ok(()),
            }
            while let Some(order) = self.inbox.next()? {
                match order {
                    Order::Terminate { grace } => tree.terminate(grace),
                    Order::Kill => tree.kill(),
                    Order::Mark => tree.mark(),
                    Order::Sweep => tree.sweep(),
                    Order::Start { .. } => return Err(io::Error::other("a start during a run")),
                }
            }
            if self.inbox.closed() {
                tree.kill();
            }
        }
    }

    /// Starts the agent in its control group, or else by the standard library's fast path (`posix_spawn`), which `pre_exec` or a uid would
    /// lose.
    #[expect(clippy::disallowed_methods, reason = "this is where plans are started")]
    fn start(&mut self, plan: &[u8], [stdin, stdout, stderr]: [OwnedFd; 3]) -> io::Result<(Pid, Watch)> {
        let plan = Plan::decode(plan).ok_or_else(|| io::Error::from_raw_os_error(Errno::EINVAL as i32))?;
        self.place.guards.put()?;
        self.place.covers.open(Path::new(&plan.directory), plan.shown.iter().map(Path::new))?;
        let mut command = Command::new(plan.program);
        command
            .args(plan.args)
            .env_clear()
            .envs(plan.env)
            .current_dir(plan.directory)
            .process_group(0)
            .stdin(Stdio::from(stdin))
            .stdout(Stdio::from(stdout))
            .stderr(Stdio::from(stderr));
        // The agent inherits the mask, and must see the end of its own children. Whatever ends meanwhile is found by
        // the first look at the tree, which waits for no signal.
        let cgroup = self.place.cgroup.clone();
        let left = cgroup.as_ref().map_or(Ok(plan.bounds), |cgroup| cgroup.make(plan.bounds))?;
        SigSet::empty().thread_set_mask()?;
        let spawned = match &cgroup {
            Some(cgroup) => cgroup.spawn(&mut command),
            None => command.spawn().map(|child| Pid::from_raw(child.id().cast_signed())),
        };
        self.child_ended.thread_set_mask()?;
        // Where control groups can be written, an agent can leave its own.
        let left = if self.mode == Mode::Namespace { left } else { plan.bounds };
        Ok((spawned?, Watch::new(left, cgroup)))
    }

    /// Waits for an order or the end of a child.
    fn wait(&mut self, timeout: PollTimeout) -> io::Result<()> {
        let control = self.inbox.socket();
        let mut sources = [
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(control.unwrap_or(self.signals.as_fd()), PollFlags::POLLIN),
        ];
        match poll(&mut sources, timeout) {
            Ok(0) | Err(Errno::EINTR) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let [child_ended, ordered] = sources.map(|source| source.any().unwrap_or(true));
        let ordered = ordered && control.is_some();
        if child_ended {
            // Only to make it quiet again: which child it was is for the tree to find.
            self.signals.read_signal()?;
        }
        if ordered {
            self.inbox.fill()?;
        }
        Ok(())
    }
}
