#!/usr/bin/env python3
"""An HTTP server on 127.0.0.1 that cuts, lies, stalls and changes its mind, for the tests of `hearth pull`.

The first part of the path says how it behaves (see MODES), the rest names the file: /cut/model.gguf. It also plays the model
hub: /api/models/ORG/REPO and /ORG/REPO/resolve/REVISION/FILE, from what `add_repo` was told. Everything asked is in `log`.
Python standard library only; run it by hand with: hostile_server.py FILE...
"""
import contextlib
import hashlib
import http.server
import json
import pathlib
import re
import sys
import threading
import time
import urllib.parse

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUGE = 10**15


class Request:
    def __init__(self, path: str, headers) -> None:
        self.path = path
        self.token = headers.get("Authorization")
        self.range = headers.get("Range")


class HostileServer:
    """Serves `files` (name to bytes). `throttle` is bytes per second and connection for the mode `paced`."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.repos: dict[str, dict] = {}
        self.log: list[Request] = []
        self.body_bytes = 0  # sent, all bodies together
        self.bodies = 0  # on their way right now
        self.most_bodies = 0  # at one time, so far
        self.throttle = 2_000_000
        self.elsewhere = ""  # base URL of another server, for redirects
        self.counts: dict[str, int] = {}
        self.lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with outer.lock:
                    outer.log.append(Request(self.path, self.headers))
                try:
                    Answer(outer, self).give()
                except ConnectionError:
                    self.close_connection = True

            do_HEAD = do_GET

            def log_message(self, *arguments) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address) -> None:
                """A client that gives up early is expected; everything else is a mistake in here."""
                if not isinstance(sys.exc_info()[1], ConnectionError):
                    super().handle_error(request, client_address)

        self.http = Server(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def add_repo(self, repo: str, files: dict[str, bytes], *, mode: str = "plain", listing: list | None = None,
                 token: str | None = None, revision: str = COMMIT, sha: bool = True) -> None:
        """`listing` replaces what the API says about the files; `mode` is how they are served."""
        entries = []
        for name, data in files.items():
            entry = {"rfilename": name, "size": len(data), "blobId": hashlib.sha1(data).hexdigest()}
            if sha and len(data) > 1000:
                entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            entries.append(entry)
        self.repos[repo] = {"files": files, "mode": mode, "token": token, "revision": revision,
                            "listing": entries if listing is None else listing}

    @contextlib.contextmanager
    def sending(self, size: int):
        """Around a body of `size` bytes. The one byte of a probe is no body: its reader has left before it comes."""
        step = 1 if size > 1 else 0
        with self.lock:
            self.bodies += step
            self.most_bodies = max(self.most_bodies, self.bodies)
        try:
            yield
        finally:
            with self.lock:
                self.bodies -= step

    def count(self, key: str) -> int:
        with self.lock:
            self.counts[key] = self.counts.get(key, 0) + 1
            return self.counts[key]


class Answer:
    """One answer to one request."""

    def __init__(self, server: HostileServer, handler: http.server.BaseHTTPRequestHandler) -> None:
        self.server, self.handler = server, handler
        self.path = urllib.parse.unquote(urllib.parse.urlsplit(handler.path).path)

    def give(self) -> None:
        if self.path.startswith("/api/models/"):
            return self.api(self.path.removeprefix("/api/models/"))
        hub = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        if hub and hub.group(1) in self.server.repos:
            return self.resolve(*hub.groups())
        mode, _, name = self.path.lstrip("/").partition("/")
        if mode not in MODES or (name not in self.server.files and mode not in BODILESS):
            return self.status(404)
        return MODES[mode](self, self.server.files.get(name, b""))

    # ---- the hub

    def allowed(self, repo: dict) -> bool:
        if repo["token"] is None or self.handler.headers.get("Authorization") == "Bearer " + repo["token"]:
            return True
        self.status(401)
        return False

    def api(self, name: str) -> None:
        repo = self.server.repos.get(name)
        if repo is None:
            return self.status(404)
        if self.allowed(repo):
            body = json.dumps({"id": name, "sha": repo["revision"], "siblings": repo["listing"]}).encode()
            self.status(200, body, {"Content-Type": "application/json"})

    def resolve(self, name: str, revision: str, file: str) -> None:
        repo = self.server.repos[name]
        if not self.allowed(repo):
            return
        if revision not in ("main", repo["revision"]) or file not in repo["files"]:
            return self.status(404)
        MODES[repo["mode"]](self, repo["files"][file])

    # ---- honest pieces

    def status(self, code: int, body: bytes = b"", headers: dict | None = None) -> None:
        self.head(code, {"Content-Length": len(body), **(headers or {})})
        self.write(body)

    def head(self, code: int, headers: dict) -> None:
        self.handler.send_response(code)
        for key, value in headers.items():
            self.handler.send_header(key, str(value))
        self.handler.end_headers()

    def write(self, body: bytes) -> None:
        if self.handler.command != "HEAD":
            self.handler.wfile.write(body)
            with self.server.lock:
                self.server.body_bytes += len(body)

    def cut(self) -> None:
        self.handler.wfile.flush()
        self.handler.close_connection = True

    def wanted(self, size: int) -> tuple[int, int] | None:
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.handler.headers.get("Range") or "")
        if not match:
            return None
        first = int(match.group(1))
        return first, min(size - 1, int(match.group(2) or size - 1))

    def ranged(self, data: bytes, *, etag: str | None = '"one"', claim: int | None = None, send=None,
               more: dict | None = None) -> None:
        """A partial or whole answer. `claim` is the size it pretends to have; `send` writes the body its own way."""
        size = len(data) if claim is None else claim
        tag = {"ETag": etag} if etag else {}
        wanted = self.wanted(size)
        first, last = wanted or (0, size - 1)
        if wanted and first >= size:
            return self.status(416, b"", {"Content-Range": f"bytes */{size}"})
        headers = {"Accept-Ranges": "bytes", "Content-Length": last - first + 1, **tag, **(more or {})}
        if wanted:
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        self.head(206 if wanted else 200, headers)
        with self.server.sending(last - first + 1):
            (send or self.write)(data[first:last + 1])
        if first + len(data[first:last + 1]) <= last:
            self.cut()

    # ---- behaviours

    def plain(self, data: bytes) -> None:
        self.ranged(data)

    def untagged_cut(self, data: bytes) -> None:
        self.cut_often(data, etag=None)

    def cut_often(self, data: bytes, etag: str | None = '"one"') -> None:
        """No answer gives more than 300 kB."""
        def send(body: bytes) -> None:
            self.write(body[:300_000])
            if len(body) > 300_000:
                self.cut()
        self.ranged(data, etag=etag, send=send)

    def cut_always(self, data: bytes) -> None:
        """Beyond the first byte, nothing ever comes."""
        self.ranged(data, send=lambda body: self.write(body) if len(body) == 1 else self.cut())

    def claims_more(self, data: bytes) -> None:
        self.ranged(data, claim=len(data) + 50_000)

    def claims_less(self, data: bytes) -> None:
        self.ranged(data, claim=len(data) - 50_000)

    def wrong_bytes(self, data: bytes) -> None:
        middle = len(data) // 2
        self.ranged(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:])

    def wrong_part(self, data: bytes) -> None:
        """Answers every range with the beginning, but says so."""
        wanted = self.wanted(len(data))
        if wanted is None or wanted[1] == 0:
            return self.ranged(data)
        length = wanted[1] - wanted[0] + 1
        self.head(206, {"Content-Length": length, "ETag": '"one"', "Content-Range": f"bytes 0-{length - 1}/{len(data)}"})
        self.write(data[:length])

    def no_ranges(self, data: bytes) -> None:
        self.status(200, data, {"ETag": '"one"'})

    def forgets_ranges(self, data: bytes) -> None:
        """Promises ranges in the first answer and ignores them afterwards."""
        if self.wanted(len(data)) == (0, 0):
            return self.ranged(data)
        self.no_ranges(data)

    def chunked(self, data: bytes) -> None:
        self.head(200, {"Transfer-Encoding": "chunked"})
        for at in range(0, len(data), 100_000):
            piece = data[at:at + 100_000]
            self.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.write(b"0\r\n\r\n")

    def unframed(self, data: bytes) -> None:
        """Neither length nor chunks: the end of the connection is the end of the body, or a cut."""
        self.head(200, {"Connection": "close"})
        self.write(data)
        self.cut()

    def web_page(self, data: bytes) -> None:
        self.status(200, b"<!doctype html><title>Sign in</title>", {"Content-Type": "text/html; charset=utf-8"})

    def quiet_web_page(self, data: bytes) -> None:
        self.status(200, b"<!doctype html><title>Sign in</title>" * 100, {"Content-Type": "application/octet-stream"})

    def busy_at_first(self, data: bytes) -> None:
        if self.server.count(self.path) <= 2:
            return self.status(429, b"", {"Retry-After": "0"})
        self.ranged(data)

    def always_busy(self, data: bytes) -> None:
        self.status(503, b"come back later")

    def changes_once(self, data: bytes) -> None:
        old = self.server.count(self.path) <= 3
        self.ranged(bytes(len(data)) if old else data, etag='"old"' if old else '"new"')

    def changes_date(self, data: bytes) -> None:
        """Another content after the first answers, and only Last-Modified tells."""
        old = self.server.count(self.path) <= 3
        body = data[:1000] + bytes(len(data) - 1000) if old else data
        self.ranged(body, etag=None, more={"Last-Modified": f"Thu, {'01' if old else '08'} Jan 2026 00:00:00 GMT"})

    def changes_always(self, data: bytes) -> None:
        self.ranged(data, etag=f'"{self.server.count(self.path)}"')

    def stalls(self, data: bytes) -> None:
        """A few bytes, then silence."""
        def send(body: bytes) -> None:
            self.write(body[:1000])
            self.handler.wfile.flush()
            time.sleep(4 if len(body) > 1000 else 0)
            self.cut()
        self.ranged(data, send=send)

    def paced(self, data: bytes) -> None:
        def send(body: bytes) -> None:
            step = 64 * 1024
            for at in range(0, len(body), step):
                time.sleep(step / self.server.throttle)
                self.write(body[at:at + step])
        self.ranged(data, send=send)

    def huge(self, data: bytes) -> None:
        self.ranged(data, claim=HUGE)

    def loop(self, data: bytes) -> None:
        self.status(302, b"", {"Location": self.path + "x"})

    def to_other_host(self, data: bytes) -> None:
        """As the hub does: what it knows stands on the 302, the content comes from a signed address elsewhere."""
        name = next(name for name, content in self.server.files.items() if content == data)
        self.status(302, b"", {"Location": f"{self.server.elsewhere}/plain/{name}?Signature=secret",
                               "X-Linked-ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Linked-Size": len(data)})

    def to_same_host(self, data: bytes) -> None:
        name = next(name for name, content in self.server.files.items() if content == data)
        self.status(307, b"", {"Location": f"/with-token/{name}"})

    def with_token(self, data: bytes) -> None:
        if not self.handler.headers.get("Authorization"):
            return self.status(401)
        self.ranged(data)


BODILESS = {"loop", "always-busy"}
MODES = {
    "plain": Answer.plain, "untagged-cut": Answer.untagged_cut, "cut": Answer.cut_often, "cut-always": Answer.cut_always,
    "claims-more": Answer.claims_more, "claims-less": Answer.claims_less, "wrong-bytes": Answer.wrong_bytes,
    "wrong-part": Answer.wrong_part, "no-ranges": Answer.no_ranges, "forgets-ranges": Answer.forgets_ranges,
    "chunked": Answer.chunked, "unframed": Answer.unframed, "web-page": Answer.web_page,
    "quiet-web-page": Answer.quiet_web_page, "busy-at-first": Answer.busy_at_first, "always-busy": Answer.always_busy,
    "changes-once": Answer.changes_once, "changes-date": Answer.changes_date, "changes-always": Answer.changes_always,
    "stalls": Answer.stalls, "paced": Answer.paced, "huge": Answer.huge, "loop": Answer.loop, "other-host": Answer.to_other_host,
    "same-host": Answer.to_same_host, "with-token": Answer.with_token,
}


def main() -> None:
    server = HostileServer()
    for argument in sys.argv[1:]:
        path = pathlib.Path(argument)
        server.files[path.name] = path.read_bytes()
    print(f"{server.url}/MODE/FILE with MODE of: {', '.join(MODES)}")
    try:
        server.thread.join()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
