//! The same for agents of the Agent Client Protocol and for Codex: what is special of each.

use inhouse_agents::Protocol;
use inhouse_engine::agent::{End, Note};
use inhouse_engine::cancel::CancelSource;
use inhouse_engine::{Ask, Effect, Reply};
use inhouse_run::Tier;

use crate::house::{Case, House, Said, run, runner, turn_of};
use crate::support::Collected;

pub(crate) const CASES: &[Case] = &[
    ("an agent of the Agent Client Protocol goes on in its session", || run(acp_goes_on())),
    ("one that was given leave for always, changed its mode or lost a process is not kept", || run(acp_is_not_kept())),
    ("codex goes on in its thread", || run(codex_goes_on())),
    ("codex gets its text when its servers have started, and keeps them", || run(codex_servers())),
    ("codex whose servers start after its text is not kept without them", || run(codex_lags())),
    ("one that ends instead of beginning a turn costs that turn nothing", || run(dies_at_once())),
];

const ACP: &str = r#"
reply() { echo '{"jsonrpc":"2.0","id":'"$id"',"result":'"$1"'}'; }
update() { echo '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":{'"$1"'}}}'; }
modes='"modes":{"currentModeId":"default","availableModes":[{"id":"default"},{"id":"auto"}]}'
turns=0
while read -r line; do
  id=${line#*'"id":'}; id=${id%%[!0-9]*}
  case $line in
  *'"initialize"'*) reply '{"protocolVersion":1,"agentCapabilities":{"loadSession":true}}' ;;
  *session/new*) opened=new; reply '{"sessionId":"s",'"$modes"'}' ;;
  *session/load*) opened=load; reply '{'"$modes"'}' ;;
  *session/prompt*)
    case $line in *dies*) [ $turns = 0 ] || exit 1 ;; esac
    turns=$((turns + 1))
    case $line in
    *strays*) update '"sessionUpdate":"current_mode_update","currentModeId":"auto"' ;;
    *stays*) update '"sessionUpdate":"current_mode_update","currentModeId":"default"' ;;
    *daemons*) setsid -f sleep 300 >/dev/null ;;
    *asks*) echo '{"jsonrpc":"2.0","id":77,"method":"session/request_permission","params":{"options":[{"optionId":"once","name":"o","kind":"allow_once"},{"optionId":"ever","name":"e","kind":"allow_always"}],"toolCall":{"kind":"execute","title":"t","rawInput":{"command":"ls"}}}}'
      read -r told ;;
    esac
    update '"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"'"$$ $turns $opened"'"}'
    reply '{"stopReason":"end_turn"}' ;;
  esac
done
"#;

const CODEX: &str = r#"
reply() { echo '{"id":'"$id"',"result":'"$1"'}'; }
server() { echo '{"method":"mcpServer/startupStatus/updated","params":{"threadId":"t","name":"x","status":"'$1'"}}'; }
ready=${TMPDIR:-/tmp}/warm-$WARM_MARK; turns=0
while read -r line; do
  id=${line#*'"id":'}; id=${id%%[!0-9]*}
  case $line in
  *'"initialize"'*) reply '{}' ;;
  *thread/start*|*thread/resume*)
    case $line in *thread/resume*) opened=load ;; *) opened=new ;; esac
    server starting; reply '{"thread":{"id":"t"}}'
    (setsid -f sleep 300 >/dev/null; : > "$ready"; server ready) & ;;
  *turn/start*)
    case $line in *dies*) [ $turns = 0 ] || exit 1 ;; esac
    turns=$((turns + 1)); more=late; [ -e "$ready" ] && more=ready
    case $line in
    *lags*) server starting; setsid -f sleep 300 >/dev/null; server ready ;;
    *daemons*) setsid -f sleep 300 >/dev/null ;;
    esac
    reply '{"turn":{"id":"u'$turns'","status":"inProgress"}}'
    echo '{"method":"item/agentMessage/delta","params":{"threadId":"t","itemId":"m'$turns'","delta":"'"$$ $turns $opened $more"'"}}'
    echo '{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"u'$turns'","status":"completed"}}}'
    echo '{"method":"account/rateLimits/updated","params":{}}' ;;
  esac
done
"#;

fn house(protocol: Protocol, script: &str) -> House {
    House::with(runner(Tier::Reaper), |spec| {
        spec.command.args = vec!["-c".to_owned(), script.to_owned()];
        spec.protocol = protocol;
    })
}

async fn acp_goes_on() {
    let house = house(Protocol::Acp, ACP);
    let first = house.said("c1", "hi").await;
    assert_eq!((first.turns, first.option.as_str()), (1, "new"));
    for (turns, text) in [(2, "stays"), (3, "hi")] {
        let next = house.said("c1", text).await;
        assert_eq!((next.pid, next.turns, next.option.as_str()), (first.pid, turns, "new"));
    }
    assert_ne!(house.said_to("bob", "c1", "hi").await.pid, first.pid);
    house.runner.shutdown().await;
    house.is_empty().await;
}

async fn acp_is_not_kept() {
    let house = house(Protocol::Acp, ACP);
    for text in ["strays", "daemons"] {
        house.said("c1", text).await;
        assert_eq!(house.alive(), [0; 0], "{text}");
    }
    let once: fn(&Ask) -> Reply = |ask| ask.choose(Effect::Allow).unwrap();
    let ever: fn(&Ask) -> Reply = |ask| ask.choose(Effect::AllowAlways).unwrap();
    for (reply, is_kept) in [(once, true), (ever, false)] {
        let (_source, cancel) = CancelSource::new();
        let mut output = Collected { replies: [reply].into(), ..Collected::default() };
        let end = house.take_into(&turn_of("ann", "c1", "asks", cancel), &mut output).await;
        assert_eq!((end, output.asked.len()), (End::Completed(Note::default()), 1));
        assert_eq!(house.has(Said::read(&output.text).pid), is_kept);
    }
    let next = house.said("c1", "hi").await;
    assert_eq!((next.turns, next.option.as_str()), (1, "load"));
    house.runner.shutdown().await;
}

async fn codex_goes_on() {
    let house = house(Protocol::Codex, CODEX);
    let first = house.said("c1", "hi").await;
    assert_eq!((first.turns, first.option.as_str()), (1, "new"));
    for turns in 2..4 {
        let next = house.said("c1", "hi").await;
        assert_eq!((next.pid, next.turns, next.option.as_str()), (first.pid, turns, "new"));
    }
    house.runner.shutdown().await;
    house.is_empty().await;
    std::fs::remove_file(std::env::temp_dir().join(format!("warm-{}", house.mark))).unwrap();
}

async fn codex_servers() {
    let house = house(Protocol::Codex, CODEX);
    let first = house.said("c1", "daemons").await;
    assert_eq!(first.more, "ready");
    let kept = house.see(2).await;
    assert!(kept.contains(&first.pid), "codex and its server: {kept:?}");
    assert_eq!((house.said("c1", "daemons").await.pid, house.see(2).await), (first.pid, kept));
    house.runner.shutdown().await;
    std::fs::remove_file(std::env::temp_dir().join(format!("warm-{}", house.mark))).unwrap();
}

async fn codex_lags() {
    let house = house(Protocol::Codex, CODEX);
    for text in ["hi", "lags", "hi", "daemons", "lags"] {
        let said = house.said("c1", text).await;
        assert_eq!(house.has(said.pid), text != "lags", "{text}");
    }
    house.runner.shutdown().await;
    std::fs::remove_file(std::env::temp_dir().join(format!("warm-{}", house.mark))).unwrap();
}

async fn dies_at_once() {
    for (protocol, script) in [(Protocol::Acp, ACP), (Protocol::Codex, CODEX)] {
        let house = house(protocol, script);
        let first = house.said("c1", "hi").await;
        let next = house.said("c1", "dies").await;
        assert_eq!((next.turns, next.option.as_str()), (1, "load"), "{protocol:?}");
        assert_ne!(next.pid, first.pid);
        house.runner.shutdown().await;
        let _ = std::fs::remove_file(std::env::temp_dir().join(format!("warm-{}", house.mark)));
    }
}
