"""The same model by the APIs of other providers, as much of them as Codex, Gemini CLI and Qwen Code ask for: OpenAI's Responses and
Chat Completions, and Gemini's generateContent. What remains goes to the Anthropic API of fake_model.py (opencode).

The words that choose how it behaves are those of fake_model.py: MODEL_SLOW, MODEL_BIG{…}, MODEL_HTTP{…}, MODEL_CUT and MODEL_TOOL{…}.
"""
import json
import re
import time
import uuid

from fake_model import Handler, tool_of


CHOICE = {"reasoning": "none", "model_choice": "flash", "complexity_score": 10, "next_speaker": "user"}


def texts_of(content):
    """The texts of a message: a string, or a list of parts that have one."""
    parts = [{"text": content}] if isinstance(content, str) else content or []
    return [part["text"] for part in parts if part.get("text")]


def broken_off(pieces):
    """The first of the pieces, and then the end of the connection."""
    for number, piece in enumerate(pieces):
        if number == 2:
            raise ConnectionResetError
        yield piece


class Providers(Handler):
    """One request of any of the APIs."""

    def do_POST(self):
        path = self.path.partition("?")[0]
        apis = {"/responses": self.answer_responses, "/chat/completions": self.answer_chat, "enerateContent": self.answer_gemini}
        api = next((api for ending, api in apis.items() if path.endswith(ending)), None)
        if api is None:
            return super().do_POST()
        request = self.body()
        body = json.loads(request)
        texts = self.last_texts(body)
        first = self.server.model.remember(request, texts)
        words = "\n".join(texts)
        refused = re.search(r"MODEL_HTTP\{(\d+)\}", words)
        if refused:
            code = int(refused[1])
            error = {"code": code, "message": f"the fake model says {code}", "status": "UNAUTHENTICATED", "type": "error"}
            return self.json({"error": error}, code)
        # Programs stand their own context before what a person says, which comes last.
        results = self.tool_results(body)
        pieces = [f"The tool said: {' '.join(results)}"] if results else self.pieces(words, len(texts[-1].encode()) if texts else 0)
        if first and "MODEL_CUT" in words:
            pieces = broken_off(pieces)
        try:
            return api(body, pieces, None if results else tool_of(body, words))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def body(self):
        """The request's bytes, with a length or in chunks."""
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    @staticmethod
    def last_texts(body):
        """What a person said last, by any of the APIs."""
        if isinstance(body.get("input"), str):
            return [body["input"]]
        messages = body.get("input") or body.get("messages") or body.get("contents") or []
        users = [message for message in messages if message.get("role") == "user"]
        if not users:
            return []
        return texts_of(users[-1].get("content") or users[-1].get("parts"))

    @staticmethod
    def tool_results(body):
        """What came of the tool that was used last, by any of the APIs."""
        messages = body.get("input") if isinstance(body.get("input"), list) else body.get("messages") or body.get("contents")
        last = (messages or [{}])[-1]
        if last.get("type") == "function_call_output":
            return [json.dumps(last["output"])]
        if last.get("role") == "tool":
            return texts_of(last["content"])
        return [json.dumps(part["functionResponse"]["response"]) for part in last.get("parts", []) if "functionResponse" in part]

    def data(self, value):
        self.chunk(f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode())

    def answer_responses(self, body, pieces, tool):
        response = {"id": f"resp_{uuid.uuid4().hex}", "object": "response", "model": body["model"], "status": "in_progress"}
        self.begin_stream()
        self.event("response.created", response=response | {"output": []})
        if tool:
            item = {"id": f"fc_{uuid.uuid4().hex}", "type": "function_call", "status": "in_progress", "name": tool[0]}
            self.event("response.output_item.added", output_index=0, item=item | {"arguments": ""})
            item |= {"status": "completed", "call_id": f"call_{uuid.uuid4().hex[:20]}", "arguments": json.dumps(tool[1])}
        else:
            item = {"id": f"msg_{uuid.uuid4().hex}", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
            self.event("response.output_item.added", output_index=0, item=item)
            text = ""
            for piece in pieces:
                text += piece
                self.event("response.output_text.delta", item_id=item["id"], output_index=0, content_index=0, delta=piece)
            item |= {"status": "completed", "content": [{"type": "output_text", "text": text, "annotations": []}]}
        self.event("response.output_item.done", output_index=0, item=item)
        usage = {
            "input_tokens": 11, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 18,
        }  # fmt: skip
        self.event("response.completed", response=response | {"status": "completed", "output": [item], "usage": usage})
        self.chunk(b"")

    def answer_chat(self, body, pieces, tool):
        whole = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": body["model"]}
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        if not body.get("stream"):
            message = {"role": "assistant", "content": "".join(pieces)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return self.json(whole | {"object": "chat.completion", "choices": [choice], "usage": usage})
        whole["object"] = "chat.completion.chunk"
        self.begin_stream()
        deltas = ({"role": "assistant", "content": piece} for piece in pieces)
        if tool:
            function = {"name": tool[0], "arguments": json.dumps(tool[1])}
            call = {"index": 0, "id": f"call_{uuid.uuid4().hex[:20]}", "type": "function", "function": function}
            deltas = [{"role": "assistant", "content": None, "tool_calls": [call]}]
        for delta in deltas:
            self.data(whole | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        self.data(whole | {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if tool else "stop"}]})
        self.data(whole | {"choices": [], "usage": usage})
        self.data("[DONE]")
        self.chunk(b"")

    def answer_gemini(self, body, pieces, tool):
        def answer(text, **more):
            return holding({"text": text}, **more)

        def holding(part, **more):
            content = {"role": "model", "parts": [part]}
            return {"candidates": [{"index": 0, "content": content} | more], "modelVersion": "fake"}

        if "streamGenerateContent" not in self.path:
            # The program asks which model to take, and who is to speak next.
            asks_for_json = body.get("generationConfig", {}).get("responseMimeType") == "application/json"
            text = json.dumps(CHOICE) if asks_for_json else "".join(pieces)
            return self.json(answer(text, finishReason="STOP"))
        self.begin_stream()
        if tool:
            self.data(holding({"functionCall": {"name": tool[0], "args": tool[1]}}))
        for piece in [] if tool else pieces:
            self.data(answer(piece))
        usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
        self.data(answer("", finishReason="STOP") | {"usageMetadata": usage})
        self.chunk(b"")
