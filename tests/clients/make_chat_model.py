#!/usr/bin/env python3
"""Writes a tiny random model with the chat format of a real family (ChatML with Hermes' tool calls) as a Hugging Face folder.

Usage: make_chat_model.py OUT_FOLDER
What it says is noise, so whatever is right about its answers was forced by the server.
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import make_tiny  # noqa: E402

CONTEXT = 4096
TEMPLATE = (
    "{%- if tools %}<|im_start|>system\n# Tools\n<tools>{% for tool in tools %}\n{{ tool | tojson }}{% endfor %}\n</tools>\n"
    "For each function call, return a json object within <tool_call></tool_call> tags:\n"
    '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call><|im_end|>\n{% endif %}'
    "{%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content or '' }}"
    "{%- for call in message.tool_calls or [] %}\n<tool_call>\n"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}\n</tool_call>{% endfor %}'
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def main() -> None:
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    files = make_tiny.make_folder(7)
    config = json.loads(files["config.json"])
    config["max_position_embeddings"] = CONTEXT
    files["config.json"] = json.dumps(config).encode()
    tokenizer = json.loads(files.get("tokenizer_config.json", b"{}"))
    tokenizer["chat_template"] = TEMPLATE
    files["tokenizer_config.json"] = json.dumps(tokenizer).encode()
    for name, content in files.items():
        (out / name).write_bytes(content)


main()
