#!/usr/bin/env python3
"""Writes seed inputs for wire_request_fuzz and wire_answer_fuzz: requests of each protocol, and one answer of each chat family.

Usage: make_corpus_wire.py FOLDER, which gets one folder for each. Python standard library only.
"""
import json
import pathlib
import sys

TOOL = {"type": "function", "function": {"name": "f", "description": "d", "strict": True,
                                         "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}}
MESSAGES = [{"role": "developer", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "h\u00e9"}], "name": "n"},
            {"role": "assistant", "content": None, "reasoning_content": "r",
             "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "7"}]
SAMPLING = {"temperature": 0.5, "top_p": 0.9, "seed": -1, "stop": ["a"], "logit_bias": {"5": -100}, "max_tokens": 5, "top_k": -1}
REQUESTS = [
    (0, {"model": "m", "messages": MESSAGES, "tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}, **SAMPLING,
         "n": 1, "stream": True, "stream_options": {"include_usage": True}, "logprobs": True, "top_logprobs": 2,
         "response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}}}}),
    (0, {"messages": MESSAGES[:2], "guided_choice": ["a|b"], "chat_template_kwargs": {"enable_thinking": False}, "reasoning_effort": "none",
         "functions": [{"name": "f"}], "function_call": {"name": "f"}, "structured_outputs": {"grammar": "root ::= \"a\""}}),
    (1, {"model": "m", "prompt": ["a", [1, 2]], "logprobs": 2, "echo": False, "best_of": 1, **SAMPLING}),
    (2, {"model": "m", "instructions": "i", "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "x"}]},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "r"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "t", "annotations": []}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "o"}],
        "tools": [{"type": "function", "name": "f", "parameters": {}}], "text": {"format": {"type": "json_object"}}, "max_output_tokens": 9,
        "include": ["message.output_text.logprobs"], "reasoning": {"effort": "low"}, "stream": True}),
    (3, {"model": "m", "messages": [{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
                                    {"role": "tool", "tool_name": "f", "content": "1"}],
         "tools": [TOOL], "format": {"type": "object"}, "think": "low", "keep_alive": "1h5m",
         "options": {"seed": 1, "num_predict": -2, "repeat_last_n": -1, "typical_p": 1.0, "mirostat": 0}}),
    (4, {"model": "m", "prompt": "p", "system": "s", "format": "json", "raw": False, "stream": False, "keep_alive": -1}),
    (5, {"model": "m", "input": ["a", [1]], "encoding_format": "base64", "dimensions": 8}),
    (6, {"model": "m", "input": ["a", "b"], "keep_alive": "5m", "dimensions": 3}),
    (7, {"model": "m", "prompt": "a", "keep_alive": 0}),
]
JSON_CALL = '{"name": "f", "arguments": {"a": "x\\u00e9", "b": [1, -2.5e3, null, true]}}'
# By the order of the families' table (src/wire/answer_format.cpp).
ANSWERS = [
    '[THINK]t[/THINK]c[TOOL_CALLS]f[CALL_ID]i[ARGS]{"a": 1}[TOOL_CALLS]f[ARGS]{}',
    f'[TOOL_CALLS] [{JSON_CALL}, {JSON_CALL}]',
    '<|channel>thought\nt<channel|><|tool_call>call:f{a:<|"|>x{<|"|>,b:[1,{c:true}]}<tool_call|>',
    '<start_function_call>call:f{a:<escape>x<escape>,b:2}<end_function_call>',
    '```tool_code\nf(a="x", b=2)\n```',
    '<think>\nt</think>\n<tool_call>\n<function=f>\n<parameter=a>\nx\n</parameter>\n<parameter=b>\n2\n</parameter>\n</function>\n</tool_call>',
    f'<think>\nt\n</think>\n\nc\n<tool_call>\n{JSON_CALL}\n</tool_call>\n<tool_call>{JSON_CALL}</tool_call>',
    '<|tool_call_start|>[f(a="x\\n\\u00e9", b=[1, {"k": None}]), get_weather("p", 2)]<|tool_call_end|>',
    '<function_calls>f(a=1)\nf(b=(2,))</function_calls>',
    f'<|tool_call|>[{JSON_CALL}]<|/tool_call|>',
    f'<|tool_call|>[{JSON_CALL}]',
    f'functools[{JSON_CALL}]',
    '<|python_tag|>{"type": "function", "name": "f", "parameters": {"a": 1}}; {"name": "f", "parameters": {}}',
    f'<tool_call>{JSON_CALL}</tool_call>',
]


def main() -> None:
    root = pathlib.Path(sys.argv[1])
    requests = root / "wire_request_fuzz"
    answers = root / "wire_answer_fuzz"
    for folder in (requests, answers):
        folder.mkdir(parents=True, exist_ok=True)
    for number, (protocol, body) in enumerate(REQUESTS):
        (requests / f"seed_{number:03}").write_bytes(bytes([protocol]) + json.dumps(body, ensure_ascii=False).encode())
    number = 0
    bare = ['{"name": "f", "parameters": {"a": "x"}}', "[f(a='x', b=2), f()]", "[link](x)", '{"answer": 1}']
    for family, answer in [*enumerate(ANSWERS), *((family, text) for family in (4, 12) for text in bare)]:
        for flags in (0, 8):
            (answers / f"seed_{number:03}").write_bytes(bytes([family, flags, number]) + answer.encode())
            number += 1


if __name__ == "__main__":
    main()
