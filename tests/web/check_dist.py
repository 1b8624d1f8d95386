#!/usr/bin/env python3
"""The web page that is committed was built from the sources that are committed: compares every file with web/dist/MANIFEST, which
`npm run build` writes. Needs no Node.

Usage: check_dist.py REPOSITORY
"""
import hashlib
import pathlib
import sys

MAX_BYTES = 150 * 1024  # of what a visit loads, and of what the binary grows by


def main() -> int:
    web = pathlib.Path(sys.argv[1]) / "web"
    dist = web / "dist"
    listed = dict(reversed(line.split("  ", 1)) for line in (dist / "MANIFEST").read_text().splitlines())
    here = {path.relative_to(web).as_posix() for folder in (web / "src", dist) for path in folder.rglob("*") if path.is_file()}
    here.discard("dist/MANIFEST")
    faults = [f"{name}: not in the manifest" for name in sorted(here - listed.keys())]
    for name, expected in sorted(listed.items()):
        path = web / name
        if not path.is_file():
            faults.append(f"{name}: is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            faults.append(f"{name}: changed since the page was built")
    size = sum(path.stat().st_size for path in dist.iterdir() if path.name != "MANIFEST")
    if size > MAX_BYTES:
        faults.append(f"dist: {size} bytes, more than {MAX_BYTES}")
    for fault in faults:
        print(f"FAIL: {fault}")
    if faults:
        print("run `npm ci && npm run build` in web/ and commit web/dist")
        return 1
    print(f"web/dist is what its {len(listed)} files say; {size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
