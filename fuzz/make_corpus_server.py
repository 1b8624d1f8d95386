#!/usr/bin/env python3
"""Seeds for net_server_fuzz: four piece sizes, then what a client sends. Usage: make_corpus_server.py CORPUS."""
import pathlib
import sys

HOST = b"Host: h\r\n"
SEEDS = {
    "get": b"GET /a%20b?q=1 HTTP/1.1\r\n" + HOST + b"Accept: */*\r\n\r\n",
    "old": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /x HTTP/1.0\r\n\r\n",
    "absolute": b"\r\nGET http://h.example/p?q HTTP/1.1\r\n" + HOST + b"\r\nOPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "length": b"POST /v1 HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    "chunked": b"POST /v1/x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
               b"5\r\nhello\r\n1;a=\"b\"\r\n!\r\n0\r\nT: v\r\n\r\nHEAD /yy HTTP/1.1\r\n" + HOST + b"\r\n",
    "folded": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\nConnection: close, x\r\n\r\n",
    "conflict": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3, 3\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "large": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\n",
}


def main() -> int:
    folder = pathlib.Path(sys.argv[1]) / "net_server_fuzz"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS.items():
        for sizes in (b"\x00\x00\x00\x00", b"\x06\x1f\x02\xff"):
            (folder / f"{name}-{sizes[0]}").write_bytes(sizes + data)
    print(f"{folder}: {2 * len(SEEDS)} seeds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
