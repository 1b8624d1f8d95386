#!/usr/bin/env python3
"""Writes seed inputs for text_jinja_fuzz: the language snippets of the goldens, and a few with a request behind a NUL.

Usage: make_corpus_text_jinja.py FOLDER, which gets text_jinja_fuzz/. Python standard library only.
"""
import json
import pathlib
import sys


def main() -> None:
    here = pathlib.Path(__file__).resolve().parent
    folder = pathlib.Path(sys.argv[1]) / "text_jinja_fuzz"
    folder.mkdir(parents=True, exist_ok=True)
    golden = json.loads((here.parent / "tests" / "golden" / "chat_template_snippets.json").read_text(encoding="utf-8"))
    seeds = [source.encode() for source, _ in golden["snippets"]]
    chat = ("{% for m in messages %}{{ '<|' + m.role + '|>' + (m.content or '') }}{% if m.tool_calls %}{% for c in m.tool_calls %}"
            "{{ c.function|tojson(indent=1) }}{% endfor %}{% endif %}{% endfor %}{% if add_generation_prompt %}<|a|>{% endif %}")
    seeds.append(chat.encode())
    variables = json.dumps(golden["variables"], ensure_ascii=False).encode()
    for request in (variables, b'{"messages":[{"role":"user","content":"x","reasoning":"r"}]}', b"[]", b'{"n":1e400}', b'{"a":"\\ud83d\\ude00"}'):
        seeds.append(b"{{ messages }}{{ n }}{{ d }}{{ floats }}\0" + request)
    for number, seed in enumerate(seeds):
        (folder / f"seed_{number:03}").write_bytes(seed)


if __name__ == "__main__":
    main()
