"""As much of JSON Schema (draft 2020-12) as docs/openapi.json uses, for tests that have nothing but the standard library. A keyword
that is not known is an error, so that none is passed over."""
import re

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
ANNOTATIONS = {"description", "default", "$ref", "then"}


def has_type(value, name: str) -> bool:
    if name == "integer":
        return not isinstance(value, bool) and (isinstance(value, int) or isinstance(value, float) and value.is_integer())
    if name == "number":
        return not isinstance(value, bool) and isinstance(value, (int, float))
    return isinstance(value, TYPES[name])


def same(a, b) -> bool:
    return a == b and isinstance(a, bool) == isinstance(b, bool)


class Validator:
    """errors(value, schema) -> complaints, the first of each branch; `root` is where "#/..." leads."""

    def __init__(self, root: dict) -> None:
        self.root = root

    def resolve(self, reference: str):
        node = self.root
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        return node

    def errors(self, value, schema, path: str = "$") -> list[str]:
        if isinstance(schema, bool):
            return [] if schema else [f"{path}: nothing is allowed here"]
        out = []
        if "$ref" in schema:
            out += self.errors(value, self.resolve(schema["$ref"]), path)
        for keyword, wanted in schema.items():
            if keyword not in ANNOTATIONS:
                out += getattr(self, "check_" + keyword)(value, wanted, path, schema)
        return out

    def check_type(self, value, wanted, path, _schema) -> list[str]:
        names = [wanted] if isinstance(wanted, str) else wanted
        return [] if any(has_type(value, name) for name in names) else [f"{path}: {str(value)[:60]!r} is no {' or '.join(names)}"]

    def check_const(self, value, wanted, path, _schema) -> list[str]:
        return [] if same(value, wanted) else [f"{path}: is not {wanted!r}"]

    def check_enum(self, value, wanted, path, _schema) -> list[str]:
        return [] if any(same(value, one) for one in wanted) else [f"{path}: {value!r} is none of {wanted}"]

    def check_anyOf(self, value, wanted, path, _schema) -> list[str]:
        tried = [self.errors(value, one, path) for one in wanted]
        return [] if not all(tried) else [f"{path}: fits none of {len(tried)}: " + "; ".join(errors[0] for errors in tried)]

    def check_allOf(self, value, wanted, path, _schema) -> list[str]:
        return [error for one in wanted for error in self.errors(value, one, path)]

    def check_not(self, value, wanted, path, _schema) -> list[str]:
        return [] if self.errors(value, wanted, path) else [f"{path}: is what it must not be"]

    def check_required(self, value, wanted, path, _schema) -> list[str]:
        return [f"{path}: has no {key!r}" for key in wanted if isinstance(value, dict) and key not in value]

    def check_properties(self, value, wanted, path, _schema) -> list[str]:
        if not isinstance(value, dict):
            return []
        return [error for key, one in wanted.items() if key in value for error in self.errors(value[key], one, f"{path}.{key}")]

    def check_additionalProperties(self, value, wanted, path, schema) -> list[str]:
        if not isinstance(value, dict):
            return []
        known = schema.get("properties", {})
        return [error for key, one in value.items() if key not in known for error in self.errors(one, wanted, f"{path}.{key}")]

    def check_propertyNames(self, value, wanted, path, _schema) -> list[str]:
        return [error for key in value for error in self.errors(key, wanted, path)] if isinstance(value, dict) else []

    def check_items(self, value, wanted, path, _schema) -> list[str]:
        if not isinstance(value, list):
            return []
        return [error for i, one in enumerate(value) for error in self.errors(one, wanted, f"{path}[{i}]")]

    def bound(self, ok: bool, path: str, what: str) -> list[str]:
        return [] if ok else [f"{path}: {what}"]

    def check_minItems(self, value, wanted, path, _schema) -> list[str]:
        return self.bound(not isinstance(value, list) or len(value) >= wanted, path, f"fewer than {wanted} items")

    def check_maxItems(self, value, wanted, path, _schema) -> list[str]:
        return self.bound(not isinstance(value, list) or len(value) <= wanted, path, f"more than {wanted} items")

    def check_maxProperties(self, value, wanted, path, _schema) -> list[str]:
        return self.bound(not isinstance(value, dict) or len(value) <= wanted, path, f"more than {wanted} members")

    def check_minLength(self, value, wanted, path, _schema) -> list[str]:
        return self.bound(not isinstance(value, str) or len(value) >= wanted, path, f"shorter than {wanted}")

    def check_pattern(self, value, wanted, path, _schema) -> list[str]:
        return self.bound(not isinstance(value, str) or re.search(wanted, value) is not None, path, f"does not match {wanted}")

    def check_minimum(self, value, wanted, path, _schema) -> list[str]:
        return self.bound(not has_type(value, "number") or value >= wanted, path, f"less than {wanted}")

    def check_maximum(self, value, wanted, path, _schema) -> list[str]:
        return self.bound(not has_type(value, "number") or value <= wanted, path, f"more than {wanted}")
