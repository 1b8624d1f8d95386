#!/usr/bin/env python3
"""Writes seed inputs for text_schema_fuzz, text_regex_fuzz and text_gbnf_fuzz: one or more for every construct, each with
choices of tokens behind a NUL byte.

Usage: make_corpus_text_grammar.py FOLDER, which gets one folder per target. Python standard library only.
"""
import json
import pathlib
import sys

SCHEMAS = [
    True, False, {"type": ["string", "null"]}, {"type": "integer", "minimum": -12, "exclusiveMaximum": 345},
    {"type": "number", "minimum": -1.5, "maximum": 2.25}, {"multipleOf": 0.25}, {"type": "integer", "multipleOf": 7},
    {"type": "string", "minLength": 1, "maxLength": 3}, {"pattern": "^(a|b)+c?$", "maxLength": 4}, {"enum": ["a", 1, None, [1], {"b": 2}]},
    {"format": "date"}, {"format": "ipv4"}, {"format": "email"},
    {"type": "object", "properties": {"a": {"type": "boolean"}, "b": {"const": "\n"}}, "required": ["b"], "additionalProperties": False},
    {"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "integer"}}, {"required": ["x", "y"]},
    {"type": "array", "prefixItems": [{"type": "null"}], "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
    {"$defs": {"n": {"type": "object", "properties": {"n": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}}}}, "$ref": "#/$defs/n"},
    {"type": "array", "items": {"$ref": "#"}}, {"allOf": [{"properties": {"a": {"minimum": 1}}}, {"properties": {"a": {"type": "integer"}}}]},
    {"oneOf": [{"type": "integer", "maximum": 1}, {"type": "integer", "minimum": 3}, {"type": "string"}]},
    {"oneOf": [{"properties": {"k": {"const": 1}}, "required": ["k"]}, {"properties": {"k": {"const": 2}}, "required": ["k"]}], "type": "object"},
]
PATTERNS = ["", "abc", "a|b|", "(a(?:b)c)*", "^a+$", "a{2,3}?", "[a-z0-9_-]{1,8}", "[^\\d\\s]", "\\w+@\\w+", ".*", "\\u00e9|\\u{1F600}", "\\x41\\cA\\0",
            "(?<n>a)", "(?=a)", "\\1", "\\b", "^$|^a", "(a|aa)+$", "[\\w-.]", "x*y+z?", "é[à-ü]"]
GRAMMARS = ['root ::= "a"', 'root ::= "a" root | "b"', "root ::= x | y\nx ::= \"(\" root \")\" | \"a\"\ny ::= \"(\" root \"]\" | \"a\"",
            'root ::= ws "[" (v ("," ws v)*)? "]"\nv ::= [0-9]+ | root\nws ::= [ \\n]*', "root ::= [^a-c]{2,3} . # c\n", 'root ::= ("x"\n | "y")+ "\\x41\\u00e9"?',
            'root ::= a a a\na ::= "a" a | "a"', 'root ::= e e\ne ::= "b"?']


def main() -> None:
    choices = bytes((37 * i + 11) % 256 for i in range(20))
    for target, seeds in (("text_schema_fuzz", [json.dumps(schema) for schema in SCHEMAS]), ("text_regex_fuzz", PATTERNS),
                          ("text_gbnf_fuzz", GRAMMARS)):
        folder = pathlib.Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds):
            (folder / f"seed_{number:03}").write_bytes(seed.encode() + b"\0" + choices[number % 7:])


if __name__ == "__main__":
    main()
