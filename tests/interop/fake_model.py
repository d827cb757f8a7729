"""A model on loopback that speaks as much of the Anthropic Messages API as Claude Code asks for, streamed and plain.

It remembers the length and SHA-256 of every text that it was sent, so a test can tell whether a caller's text has come
through to the byte. A word in the caller's text chooses how it behaves:

MODEL_SLOW      a word every 0.2 s for a minute
MODEL_CUT       the first answer breaks off in the middle; the next one to the same text is whole
MODEL_HTTP{400} this HTTP status
MODEL_BIG{1000} a multi-byte text of that many bytes
MODEL_THINK     some thinking before the answer
MODEL_TOOL{Name} {…}  the use of this tool with this input; its result is told in the next answer; MODEL_FILE in it is the first
                file of which the text tells
otherwise       a short answer that tells how many bytes the first text had
"""
import hashlib
import json
import re
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import multibyte

CHUNK_CHARACTERS = 400
SLOW_WORDS = 300
THOUGHT = "a secret thought"
USAGE = {"input_tokens": 11, "output_tokens": 7, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 5}
ERROR_TYPES = {400: "invalid_request_error", 401: "authentication_error", 500: "api_error"}


def digest(text):
    """What the model remembers of a text: its length in bytes and its SHA-256."""
    data = text.encode()
    return len(data), hashlib.sha256(data).hexdigest()


def user_texts(body):
    """The text blocks of the last user message, without the reminders that the program puts beside them."""
    users = [message["content"] for message in body.get("messages", []) if message["role"] == "user"]
    content = users[-1] if users else ""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    texts = [block["text"] for block in blocks if block.get("type") == "text"]
    return [text for text in texts if not text.lstrip().startswith("<system-reminder>")]


def tool_results(body):
    """The texts of the tool results in the last user message."""
    users = [message["content"] for message in body.get("messages", []) if message["role"] == "user"]
    blocks = users[-1] if users and isinstance(users[-1], list) else []
    contents = [block.get("content", "") for block in blocks if block.get("type") == "tool_result"]
    flat = lambda content: content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    return [flat(content) for content in contents]


def tool_of(body, words):
    """The tool that the words want used and its input, if the program offers it."""
    found = re.search(r"MODEL_TOOL\{(\w+)\} (\{.*\})", words)
    if found and f'"{found[1]}"' in json.dumps(body.get("tools", [])):
        told = re.search(r"^file: (\S+) ", words, re.MULTILINE)
        return found[1], json.loads(found[2].replace("MODEL_FILE", told[1] if told else "MODEL_FILE"))
    return None


class FakeModel:
    """The model as a context manager: `with FakeModel() as model:` serves at `model.url` until the block ends."""

    def __init__(self, handler=None):
        self.handler = handler or Handler

    def __enter__(self):
        self.lock = threading.Lock()
        self.read = set()
        self.seen = set()
        self.requests = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        self.server.daemon_threads = True
        self.server.model = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def has_read(self, text):
        """Whether a block of exactly this text has come in."""
        with self.lock:
            return digest(text) in self.read

    def has_heard_of(self, word):
        """Whether the word stands anywhere in what came in."""
        with self.lock:
            return any(word.encode() in request for request in self.requests)

    def remember(self, request, texts):
        """Notes what came in; tells whether it came for the first time."""
        with self.lock:
            self.requests.append(request)
            self.read.update(map(digest, texts))
            whole = digest("\n".join(texts))
            first = whole not in self.seen
            self.seen.add(whole)
            return first


class Handler(BaseHTTPRequestHandler):
    """One request of the API."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.json({})

    def do_GET(self):
        self.json({"data": []})

    def do_POST(self):
        request = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(request or b"{}")
        if "count_tokens" in self.path:
            return self.json({"input_tokens": 11})
        if not self.path.startswith("/v1/messages"):
            return self.json({})
        texts = user_texts(body)
        first = self.server.model.remember(request, texts)
        words = "\n".join(texts)
        refused = re.search(r"MODEL_HTTP\{(\d+)\}", words)
        if refused:
            code = int(refused[1])
            return self.json({"type": "error", "error": {"type": ERROR_TYPES[code], "message": f"the fake model says {code}"}}, code)
        try:
            self.answer(body, texts, first)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def json(self, value, code=200):
        data = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def answer(self, body, texts, first):
        words = "\n".join(texts)
        message = {
            "id": f"msg_{uuid.uuid4().hex}", "type": "message", "role": "assistant", "model": body["model"],
            "content": [], "stop_reason": None, "stop_sequence": None, "usage": USAGE,
        }
        results = tool_results(body)
        pieces = [f"The tool said: {' '.join(results)}"] if results else self.pieces(words, len(texts[0].encode()) if texts else 0)
        tool = None if results else tool_of(body, words)
        if not body.get("stream"):
            message.update(content=[{"type": "text", "text": "".join(pieces)}], stop_reason="end_turn")
            return self.json(message)
        self.begin_stream()
        self.event("message_start", message=message)
        if tool:
            return self.use(*tool)
        index = self.think() if "MODEL_THINK" in words else 0
        self.event("content_block_start", index=index, content_block={"type": "text", "text": ""})
        for number, piece in enumerate(pieces):
            if number == 2 and first and "MODEL_CUT" in words:
                self.close_connection = True
                return
            self.event("content_block_delta", index=index, delta={"type": "text_delta", "text": piece})
        self.event("content_block_stop", index=index)
        self.end("end_turn")

    def use(self, name, tool_input):
        """A message that uses a tool."""
        block = {"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:20]}", "name": name, "input": {}}
        self.event("content_block_start", index=0, content_block=block)
        delta = {"type": "input_json_delta", "partial_json": json.dumps(tool_input)}
        self.event("content_block_delta", index=0, delta=delta)
        self.event("content_block_stop", index=0)
        self.end("tool_use")

    def end(self, reason):
        self.event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage={"output_tokens": 7})
        self.event("message_stop")
        self.chunk(b"")

    @staticmethod
    def pieces(words, read_bytes):
        """The answer, piece by piece and in its own time."""
        if "MODEL_SLOW" in words:
            for number in range(SLOW_WORDS):
                yield f"word{number} "
                time.sleep(0.2)
            return
        big = re.search(r"MODEL_BIG\{(\d+)\}", words)
        if big:
            text = multibyte(int(big[1]))
            yield from (text[at:at + CHUNK_CHARACTERS] for at in range(0, len(text), CHUNK_CHARACTERS))
            return
        for word in ["The ", "model ", "has ", "read ", f"{read_bytes} ", "bytes."]:
            yield word
            time.sleep(0.03)

    def think(self):
        """A block of thinking; returns the next block's index."""
        self.event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""})
        self.event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": THOUGHT})
        self.event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "ZmFrZQ=="})
        self.event("content_block_stop", index=0)
        return 1

    def begin_stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, kind, **fields):
        self.chunk(f"event: {kind}\ndata: {json.dumps({'type': kind} | fields)}\n\n".encode())

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()
