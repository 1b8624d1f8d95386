#!/usr/bin/env python3
"""Judges answers written under random schemas with the jsonschema package (an independent validator).

Usage: HEARTH_GRAMMAR_SCHEMAS=10000 HEARTH_GRAMMAR_DUMP=answers.jsonl hearth_text_test \
           --gtest_filter='JsonSchemaSoundness.*' && check_structured_output.py answers.jsonl [http://HOST:PORT]
With a server (of any model; random weights say the most) its answers under the same schemas are judged instead: temperatures from 0.5 to 5, eight
requests at a time; those that the server says were cut (finish_reason "length") only have to be counted.
Needs `pip install jsonschema`. Exits 1 if an answer does not parse or is not valid.
"""
import concurrent.futures
import http.client
import json
import random
import sys
import urllib.parse

import jsonschema


def errors_of(schema: object, text: str) -> list:
    try:
        return list(jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER).iter_errors(json.loads(text)))
    except json.JSONDecodeError as error:
        return [error]


def ask(url: str, number: int, schema: object) -> tuple[str, str]:
    """The reason why the answer ended, or the error, and the answer."""
    where, rng = urllib.parse.urlsplit(url), random.Random(number)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=600)
    body = {"prompt": f"answer {number}", "guided_json": schema, "temperature": rng.choice([0.5, 1, 2, 5]), "seed": number + 1, "max_tokens": rng.choice([20, 200, 600])}
    connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
    reply = connection.getresponse()
    answer = json.loads(reply.read())
    if reply.status != 200:
        return f"{reply.status}: {answer['error']['message']}", ""
    return answer["choices"][0]["finish_reason"], answer["choices"][0]["text"]


def judge_server(url: str, path: str) -> int:
    schemas, last = [], None
    for line in open(path, encoding="utf-8"):
        schema = json.loads(line)["schema"]
        if schema != last:
            schemas.append(schema)
        last = schema
    ends: dict[str, int] = {}
    wrong = valid_although_cut = 0
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for schema, (end, text) in zip(schemas, pool.map(lambda job: ask(url, *job), enumerate(schemas))):
            ends[end] = ends.get(end, 0) + 1
            errors = errors_of(schema, text) if end in ("stop", "length") else []
            valid_although_cut += end == "length" and not errors
            if errors and end == "stop":
                wrong += 1
                print(f"wrong: {text[:200]!r}: {errors[0]}"[:600])
    print(f"{len(schemas)} schemas: {ends}; {valid_although_cut} of those cut are valid all the same; {wrong} wrong")
    return 1 if wrong or not ends.get("stop") else 0


def main() -> int:
    if len(sys.argv) > 2:
        return judge_server(sys.argv[2], sys.argv[1])
    answers = wrong = 0
    validator, last = None, None
    for line in open(sys.argv[1], encoding="utf-8"):
        row = json.loads(line)
        if row["schema"] != last:
            last = row["schema"]
            validator = jsonschema.Draft202012Validator(last, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
        answers += 1
        try:
            errors = list(validator.iter_errors(json.loads(row["text"])))
        except json.JSONDecodeError as error:
            errors = [error]
        if errors:
            wrong += 1
            print(f"wrong: {row['text'][:200]!r}: {errors[0]}"[:600])
    print(f"{answers} answers, {wrong} wrong")
    return 1 if wrong or not answers else 0


if __name__ == "__main__":
    sys.exit(main())
