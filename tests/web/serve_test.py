#!/usr/bin/env python3
"""The binary serves the committed page: the same bytes, their types, a policy without inline code, an ETag that is heeded, and all of
it without the API key that everything else needs.

Usage: serve_test.py HEARTH REPOSITORY
"""
import http.client
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HEARTH, DIST = sys.argv[1], pathlib.Path(sys.argv[2]) / "web" / "dist"
FILES = {"/": ("index.html", "text/html"), "/app.js": ("app.js", "text/javascript"), "/app.css": ("app.css", "text/css")}


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.home = tempfile.TemporaryDirectory()
        env = {**os.environ, "HEARTH_NO_CHECK": "1", "HEARTH_HOME": cls.home.name, "HEARTH_API_KEY": "secret"}
        cls.server = subprocess.Popen([HEARTH, "serve", "--port", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                      env=env)
        for line in cls.server.stderr:
            if found := re.search(r"on http://127\.0\.0\.1:(\d+)", line):
                cls.port = int(found[1])
                return
        raise AssertionError("hearth serve did not start")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.kill()
        cls.server.wait()
        cls.server.stderr.close()
        cls.home.cleanup()

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response, body

    def test_files_types_and_policy(self) -> None:
        for path, (name, kind) in FILES.items():
            response, body = self.ask(path)
            self.assertEqual(response.status, 200)
            self.assertEqual(body, (DIST / name).read_bytes())
            self.assertTrue(response.headers["Content-Type"].startswith(kind))
            policy = dict(part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";"))
            for directive in ("default-src", "base-uri", "form-action", "frame-ancestors"):
                self.assertEqual(policy[directive], "'none'")
            for directive in ("script-src", "style-src", "connect-src"):
                self.assertEqual(policy[directive], "'self'")
            self.assertEqual(response.headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(response.headers["Referrer-Policy"], "no-referrer")

    def test_etag(self) -> None:
        for path, (name, _) in FILES.items():
            tag = self.ask(path)[0].headers["ETag"]
            for known in (tag, f'"another", W/{tag}', "*"):
                response, body = self.ask(path, If_None_Match=known)
                self.assertEqual((response.status, body, response.headers["ETag"]), (304, b"", tag))
            self.assertEqual(self.ask(path, If_None_Match='"another"')[0].status, 200)
            response, body = self.ask(path, "HEAD")
            self.assertEqual((response.status, body, response.headers["ETag"]), (200, b"", tag))
            self.assertEqual(response.headers["Content-Length"], str((DIST / name).stat().st_size))

    def test_only_the_page_is_open(self) -> None:
        for path in ("/v1/models", "/metrics"):
            self.assertEqual(self.ask(path)[0].status, 401)
            self.assertEqual(self.ask(path, Authorization="Bearer secret")[0].status, 200)
        self.assertEqual(self.ask("/", "POST")[0].status, 405)
        for path in ("/index.html", "/app.js.map", "/MANIFEST", "//", "/../app.js"):
            self.assertIn(self.ask(path)[0].status, (400, 404))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
