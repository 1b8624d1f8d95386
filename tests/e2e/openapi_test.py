#!/usr/bin/env python3
"""hearth serve does what docs/openapi.json says: every operation is asked with its example, and with what is wrong in known ways; status,
content type and body must be described, and the body must fit.

Usage: openapi_test.py HEARTH SOURCE_FOLDER
"""
import hashlib
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

from json_schema import Validator

HERE = pathlib.Path(__file__).resolve().parent
KEY = "a-key-for-this-test"
USER = {"role": "user", "content": "hi"}
PERSON = {"type": "object", "properties": {"name": {"enum": ["Ada", "Bob"]}, "old": {"type": "boolean"}}, "required": ["name", "old"],
          "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "set_light", "parameters": PERSON}}
# More of each operation: (path, body, status).
MORE = [
    ("/v1/chat/completions", {"messages": [USER], "max_tokens": 6, "stream": True, "stream_options": {"include_usage": True}}, 200),
    ("/v1/chat/completions", {"messages": [USER], "max_tokens": 6, "n": 3, "logprobs": True, "top_logprobs": 2, "temperature": 2}, 200),
    ("/v1/chat/completions", {"messages": [USER], "max_tokens": 6, "stream": True, "logprobs": True, "top_logprobs": 1}, 200),
    ("/v1/chat/completions", {"messages": [USER], "max_tokens": 60, "tools": [TOOL], "tool_choice": "required"}, 200),
    ("/v1/chat/completions", {"messages": [USER], "max_tokens": 60, "tools": [TOOL], "tool_choice": "required", "stream": True}, 200),
    ("/v1/chat/completions", {"messages": [USER], "max_tokens": 60, "response_format": {"type": "json_schema", "json_schema": {"schema": PERSON}}}, 200),
    ("/v1/chat/completions", {"messages": [USER], "model": "nobody"}, 404),
    ("/v1/chat/completions", {"messages": []}, 400),
    ("/v1/chat/completions", {"messages": [USER], "priority": 101}, 400),
    ("/v1/chat/completions", {"messages": [USER], "temperature": -1}, 400),
    ("/v1/chat/completions", {"messages": [USER], "max_tokens": 0}, 400),
    ("/v1/chat/completions", {"messages": [{"role": "nobody", "content": "x"}]}, 400),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "long " * 5000}]}, 400),
    ("/v1/completions", {"prompt": [[1, 2], [3]], "max_tokens": 3, "logprobs": 2}, 200),
    ("/v1/completions", {"prompt": "a", "max_tokens": 3, "echo": True, "stream": True, "n": 2}, 200),
    ("/v1/completions", {"prompt": []}, 400),
    ("/v1/completions", {"prompt": [""] * 200}, 400),
    ("/v1/responses", {"input": [USER], "max_output_tokens": 6, "include": ["message.output_text.logprobs"], "top_logprobs": 1}, 200),
    ("/v1/responses", {"input": "hi", "max_output_tokens": 60, "tools": [{"type": "function", "name": "f", "parameters": PERSON}], "tool_choice": "required"}, 200),
    ("/v1/responses", {"input": "hi", "max_output_tokens": 6, "stream": True}, 200),
    ("/v1/responses", {"input": []}, 400),
    ("/api/chat", {"model": "chat", "messages": [USER], "options": {"num_predict": 6}, "logprobs": True}, 200),
    ("/api/chat", {"model": "chat", "messages": [USER], "stream": False, "format": PERSON, "options": {"num_predict": 60}}, 200),
    ("/api/chat", {"model": "chat"}, 200),
    ("/api/chat", {"messages": [USER]}, 400),
    ("/api/chat", {"model": "chat", "messages": [USER], "keep_alive": "soon"}, 400),
    ("/api/generate", {"model": "chat", "prompt": "a", "options": {"num_predict": 6}}, 200),
    ("/api/generate", {"model": "chat", "prompt": "a", "raw": True, "stream": False, "options": {"num_predict": 6}}, 200),
    ("/api/generate", {"model": "nobody", "prompt": "a"}, 404),
    ("/api/show", {"name": "chat"}, 200),
    ("/api/show", {"model": "nobody"}, 404),
    ("/api/show", {}, 400),
    ("/v1/embeddings", {"input": [[1, 2], [3]], "dimensions": 8}, 200),
    ("/v1/embeddings", {"input": ""}, 400),
    ("/v1/embeddings", {"input": "x", "model": "hearth-device"}, 400),
    ("/tokenize", {"content": "x", "add_special": True}, 200),
    ("/tokenize", {}, 400),
    ("/apply-template", {"messages": [USER], "enable_thinking": False}, 200),
    ("/apply-template", {"messages": "x"}, 400),
]


class Checker:
    def __init__(self, port: int, document: dict) -> None:
        self.port, self.document = port, document
        self.validator = Validator(document)
        self.wrong: list[str] = []
        self.asked = 0

    def ask(self, method: str, path: str, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        text = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        connection.request(method, path, text, {"Authorization": "Bearer " + KEY, **(headers or {})})
        reply = connection.getresponse()
        data = reply.read()
        connection.close()
        self.asked += 1
        return reply, data

    def complain(self, what: str) -> None:
        self.wrong.append(what)

    def resolve(self, node: dict) -> dict:
        return self.validator.resolve(node["$ref"]) if "$ref" in node else node

    def request_fits(self, path: str, body) -> list[str]:
        schema = self.document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        return self.validator.errors(body, schema)

    def events(self, kind: str, data: bytes) -> list:
        lines = data.decode().splitlines()
        if kind == "application/x-ndjson":
            return [json.loads(line) for line in lines]
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ") and line != "data: [DONE]"]

    def check_body(self, where: str, content: dict, kind: str, data: bytes) -> None:
        if kind not in content:
            return self.complain(f"{where}: {kind} is not described, only {list(content)}")
        if kind == "application/json":
            for error in self.validator.errors(json.loads(data), content[kind]["schema"]):
                self.complain(f"{where}: {error} in {data[:300]!r}")
        elif kind in ("text/event-stream", "application/x-ndjson"):
            chunk = re.search(r"(?:`data` is a|lines of) (\w+)", content[kind]["schema"]["description"]).group(1)
            events = self.events(kind, data)
            for event in events:
                for error in self.validator.errors(event, {"$ref": "#/components/schemas/" + chunk}):
                    self.complain(f"{where}: {error} in {event}")
            if not events:
                self.complain(f"{where}: no events in {data[:200]!r}")

    def check(self, method: str, path: str, real_path: str, body=None, expected: int | None = None, headers=None) -> None:
        reply, data = self.ask(method, real_path, body, headers)
        where = f"{method} {real_path} {str(body)[:90]} -> {reply.status}"
        if expected is not None and reply.status != expected:
            self.complain(f"{where} instead of {expected}: {data[:300]!r}")
        described = self.document["paths"][path][method.lower()]["responses"].get(str(reply.status))
        if described is None:
            return self.complain(f"{where}: the status is not described")
        described = self.resolve(described)
        for name in described.get("headers", {}):
            if reply.getheader(name) is None:
                self.complain(f"{where}: {name} is missing")
        if "content" in described:
            self.check_body(where, described["content"], (reply.getheader("Content-Type") or "").split(";")[0], data)
        elif data:
            self.complain(f"{where}: has a body")


def run(port: int, document: dict) -> list[str]:
    checker = Checker(port, document)
    for path, item in document["paths"].items():
        real = path.replace("{model}", "chat")
        for method, operation in item.items():
            body = operation["requestBody"]["content"]["application/json"]["example"] if method == "post" else None
            if body is not None:
                body = {**body, "model": "chat"}
                for error in checker.request_fits(path, body):
                    checker.complain(f"{path}: its example does not fit: {error}")
            checker.check(method.upper(), path, real, body, 200)
            if method == "post":
                checker.check("POST", path, real, b'{"messages": [', 400)
                checker.check("POST", path, real, b"[1, 2]", 400)
            if operation.get("security") != []:
                checker.check(method.upper(), path, real, body, 401, {"Authorization": "Bearer wrong"})
            checker.check(method.upper(), path, real, body, 403, {"Origin": "https://evil.example"})
            other = "PUT" if method == "post" else "DELETE"
            reply, _ = checker.ask(other, real)
            if reply.status != 405 or method.upper() not in (reply.getheader("Allow") or ""):
                checker.complain(f"{other} {real} -> {reply.status}, Allow: {reply.getheader('Allow')}")
    checker.check("GET", "/v1/models/{model}", "/v1/models/nobody", None, 404)
    for path, body, status in MORE:
        errors = checker.request_fits(path, body)
        if status == 200 and errors:
            checker.complain(f"{path} {body}: does not fit the document: {errors[0]}")
        checker.check("POST", path, path, body, status)
    print(f"{checker.asked} requests")
    return checker.wrong


def config(priority: int) -> str:
    return f'[[api_keys]]\nname = "test"\nsha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"\npriority = {priority}\n'


def check_config(hearth: str, folder: str) -> list[str]:
    path = pathlib.Path(folder) / "bad.toml"
    path.write_text(config(101))
    ended = subprocess.run([hearth, "serve", "--config", path, "--port", "0"], capture_output=True, text=True, timeout=60, check=False)
    return [] if ended.returncode == 2 and "priority = 101" in ended.stderr else [f"a priority of 101 got {ended.returncode}: {ended.stderr}"]


def main() -> int:
    hearth, source = sys.argv[1], pathlib.Path(sys.argv[2])
    document = json.loads((source / "docs" / "openapi.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "chat"
        subprocess.run([sys.executable, "-B", HERE.parent / "clients" / "make_chat_model.py", model], check=True)
        (pathlib.Path(folder) / "hearth.toml").write_text(config(10))
        server = subprocess.Popen([hearth, "serve", model, "--config", folder + "/hearth.toml", "--port", "0", "--quiet", "--ctx", "1024", "--parallel", "4", "--queue", "60"],
                                  stderr=subprocess.PIPE, text=True,
                                  env={**os.environ, "HEARTH_HOME": folder + "/home", "HEARTH_NO_CHECK": "1"})
        port = next(int(found.group(1)) for line in server.stderr if (found := re.search(r"http://[^:]+:(\d+)", line)))
        threading.Thread(target=server.stderr.read, daemon=True).start()
        while Checker(port, document).ask("GET", "/ready")[0].status != 200:
            pass
        wrong = check_config(hearth, folder) + run(port, document)
        server.terminate()
        if (status := server.wait(60)) != 0:
            wrong.append(f"the server ended with {status}")
    for line in wrong[:30]:
        print("openapi:", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
