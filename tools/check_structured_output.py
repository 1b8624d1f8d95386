#!/usr/bin/env python3
"""Judges answers written under random schemas with the jsonschema package (an independent validator).

Usage: HEARTH_GRAMMAR_SCHEMAS=10000 HEARTH_GRAMMAR_DUMP=answers.jsonl hearth_text_test \
           --gtest_filter='JsonSchemaSoundness.*' && check_structured_output.py answers.jsonl
Needs `pip install jsonschema`. Exits 1 if an answer does not parse or is not valid.
"""
import json
import sys

import jsonschema


def main() -> int:
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
