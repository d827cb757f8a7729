#!/bin/sh
# A full A2A agent in POSIX shell: one JSON object comes in on stdin, JSON lines go out on stdout.
#
# Serve it:   AGENT_INPUT=json inhouse serve -- sh examples/agents/agent.sh
# Then send:  "count to 5"   text, streamed
#             "report"       an artifact
#             "order pizza"  a question; answer it with a message on the same task
#             "fail"         a failed task

# The text of the message as it stands in the JSON: still escaped, so that it can go into a JSON line as it is.
text=$(sed -E 's/,"history":.*//' | sed -nE 's/.*"text":"(([^"\\]|\\.)*)".*/\1/p')

count() {
    last=$(printf '%s' "$text" | tr -cd 0-9)
    number=1
    while [ "$number" -le "${last:-3}" ] && [ "$number" -le 100 ]; do
        printf '{"text":"%s\\n"}\n' "$number"
        number=$((number + 1))
        sleep 0.05
    done
}

report() {
    printf '{"status":"working","text":"looking around"}\n'
    printf '{"artifact":{"artifactId":"report","name":"Machine","parts":[{"text":"%s\\n"}],"lastChunk":true}}\n' "$(uname -sm)"
}

# A task whose message is not its first goes on where it stopped. The folder or a file by A2A_TASK_ID could hold more.
if [ "$A2A_TURN" -gt 1 ]; then
    printf '{"text":"Size %s is on its way.\\n"}\n' "$text"
    exit 0
fi

case $text in
count*) count ;;
report) report ;;
order*) printf '{"status":"input-required","text":"Which size: small, medium or large?"}\n' ;;
fail) printf '{"status":"failed","text":"the kitchen is closed"}\n' ;;
*) printf '{"text":"You said: %s\\n"}\n' "$text" ;;
esac
