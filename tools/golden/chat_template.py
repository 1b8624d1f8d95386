#!/usr/bin/env python3
"""Makes tests/golden/chat_template*.json: what transformers' own chat template renderer prints.

Usage: pip install -r tools/golden/requirements.txt
       tools/golden/chat_template.py TEMPLATE_FOLDER [--dump FOLDER]

TEMPLATE_FOLDER holds the models' *.jinja files (they are not in this repository; each is named in the golden with its
SHA-256). Texts are stored as SHA-256, errors as "error". --dump writes the full texts for comparing by eye.
"""
import argparse
import datetime
import hashlib
import json
import pathlib
import sys

import jinja2
import transformers
from transformers.utils import chat_template_utils

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from chat_template_conversations import conversations  # noqa: E402
from chat_template_snippets import VARIABLES, snippets  # noqa: E402

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
NOW = datetime.datetime(2026, 7, 4, 5, 6, 7)


class FixedClock:
    @staticmethod
    def now():
        return NOW


def render(template: str, request: dict) -> str:
    """One conversation through transformers, as apply_chat_template calls it."""
    request = dict(request)
    messages = request.pop("messages")
    texts, _ = chat_template_utils.render_jinja_template(
        conversations=[messages], tools=request.pop("tools", None), documents=request.pop("documents", None),
        chat_template=template, add_generation_prompt=request.pop("add_generation_prompt", False), **request)
    return texts[0]


def render_or_none(template: str, request: dict):
    try:
        return render(template, request)
    except Exception as error:  # noqa: BLE001 whatever Python raises, the template is refused
        return None, f"{type(error).__name__}: {error}"


def write(name: str, value) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1) + "\n"
    (OUT / name).write_text(text, encoding="utf-8")
    print(name, len(text.encode()), "bytes")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("templates", type=pathlib.Path)
    parser.add_argument("--dump", type=pathlib.Path)
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    chat_template_utils.datetime = FixedClock
    requests = conversations()
    results = {}
    for path in sorted(args.templates.glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        row = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "rendered": {}}
        for name, request in requests.items():
            text = render_or_none(source, request)
            row["rendered"][name] = "error" if isinstance(text, tuple) else hashlib.sha256(text.encode()).hexdigest()
            if args.dump:
                args.dump.mkdir(parents=True, exist_ok=True)
                shown = "error: " + text[1] if isinstance(text, tuple) else text
                (args.dump / f"{path.stem}.{name}.txt").write_text(shown, encoding="utf-8", newline="")
        results[path.stem] = row
    manifest = {
        "made_by": "tools/golden/chat_template.py", "jinja2": jinja2.__version__, "transformers": transformers.__version__,
        "python": sys.version.split()[0],
        "now_local_s": int(NOW.replace(tzinfo=datetime.timezone.utc).timestamp()),
        "conversations_sha256": hashlib.sha256(json.dumps(requests, sort_keys=True).encode()).hexdigest(),
    }
    write("chat_template_conversations.json", requests)
    write("chat_template.json", {"manifest": manifest, "templates": results})
    rows = []
    for source in snippets():
        text = render_or_none(source, {"messages": [], **VARIABLES})
        rows.append([source, None] if isinstance(text, tuple) else [source, text])
        if args.dump and isinstance(text, tuple):
            print("error:", repr(source), text[1])
    write("chat_template_snippets.json", {"manifest": manifest, "variables": VARIABLES, "snippets": rows})
    errors = sum(v == "error" for row in results.values() for v in row["rendered"].values())
    print(len(results), "templates,", len(requests), "conversations,", errors, "errors,", len(rows), "snippets")


if __name__ == "__main__":
    main()
