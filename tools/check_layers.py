#!/usr/bin/env python3
"""Checks the structure that DESIGN promises: one-way modules, sizes, and the absences of ARCHITECTURE.md.

Usage: check_layers.py [ROOT]. Prints one line per broken rule and exits 1 if there is any.
"""
import pathlib
import re
import sys
import tempfile

LAYERS = {
    "base": [],
    "io": ["base"],
    "net": ["base", "io"],
    "store": ["base", "io", "net"],
    "text": ["base", "io"],
    "kernels": ["base"],
    "model": ["base", "io", "kernels"],
    "runtime": ["base", "text", "kernels", "model"],
    "engine": ["base", "io", "text", "model", "runtime"],
    "lab": ["base", "io", "text", "kernels", "model", "runtime", "engine"],
    "wire": ["base", "io", "text", "engine"],
    "route": ["base", "io", "net", "store", "text", "engine", "wire"],
    "synth": ["base", "io", "text", "engine", "route"],
    "tune": ["base", "io", "text", "kernels", "model", "runtime", "engine"],
    "serve": ["base", "io", "net", "store", "engine", "wire", "route"],
}
ALL = list(LAYERS)
LAYERS["cli"] = ALL + ["capi"]
LAYERS["capi"] = ALL

FOREIGN = {"node_modules"}  # packages that make bench installs
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 70
# Exceptions, each with its reason: "path" or "path:function" -> reason.
SIZE_EXCEPTIONS: dict[str, str] = {
    f"models/device/{name}.py": "tables of sentences, one a line" for name in ("phrases", "paraphrases", "outside")}

# Names that must not appear outside their home.
ARCHITECTURES = re.compile(
    r"\b(llama|qwen2|qwen3|gemma3|phi3|smollm3|LlamaForCausalLM|Qwen[23]ForCausalLM|Gemma3ForCausalLM|Phi3ForCausalLM"
    r"|SmolLM3ForCausalLM|MistralForCausalLM)\b")
FORMATS = re.compile(r"\b(q[2-8]_[01kK]|Q[2-8]_[01K]|kQ[2-8]_?[01K])\b")
FORMATS_ALLOWED = ("src/kernels/formats/",
                   "src/lab/mixes.cpp",  # the table of named mixes: what each consists of
                   "src/store/preferred_labels.cpp")  # file-name labels on the hub, which only look like formats
ISA_IFDEF = re.compile(r"^\s*#\s*if.*__(AVX|SSE|FMA|F16C|ARM_NEON|x86_64|aarch64)", re.M)
ISA_ALLOWED = ("src/kernels/", "src/base/thread_pool.cpp")  # the pool's pause instruction
OUTPUT = re.compile(r"\b(std::cout|std::cerr|std::clog|stdout|stderr|STDOUT_FILENO|STDERR_FILENO|v?f?printf\s*\(|f?puts\s*\(|putchar\s*\("
                    r"|perror\s*\(|(std::)?(_|quick_|_E)?exit\s*\(|abort\s*\(|std::terminate)")
OUTPUT_ALLOWED = ("src/base/result.cpp",)  # check_failed: programmer errors only
THREADS = re.compile(r"\bstd::(thread|jthread|async)\b|pthread_create")
THREADS_ALLOWED = ("src/base/thread_pool", "src/net/", "src/store/", "src/cli/", "src/serve/")  # I/O threads, not compute
FILES = re.compile(r"\b(ifstream|ofstream|fopen|open\s*\(|mmap\s*\()")


def strip_comments(text: str) -> str:
    """Blanks comments and string literals, keeping line numbers."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def strip_comments_only(text: str) -> str:
    pattern = re.compile(r'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/', re.S)
    return pattern.sub(lambda m: m.group(1) or re.sub(r"[^\n]", " ", m.group(0)), text)


def function_lengths(code: str):
    """Yields (name, first line, lines) of function bodies: a brace opened by a line that ends a parameter list at
    namespace or class level. Namespaces, classes, enums and initialisers are passed through."""
    depth_kind = []
    line = 1
    statement = ""
    statement_line = 1
    for char in code:
        if char == "\n":
            line += 1
        if char == "{":
            head = statement.strip()
            inside_function = any(kind == "function" for kind, _, _ in depth_kind)
            if not inside_function and re.search(r"\)\s*(const|noexcept|override|final|->\s*[\w:<>,&*\s]+|:\s*.*)*\s*$", head, re.S) \
                    and not re.match(r"^(namespace|class|struct|enum|union|extern)\b", head):
                name = re.search(r"([~\w:]+)\s*\(", head)
                depth_kind.append(("function", name.group(1) if name else "?", statement_line))
            else:
                depth_kind.append(("other", "", line))
            statement = ""
        elif char == "}":
            if depth_kind:
                kind, name, first = depth_kind.pop()
                if kind == "function":
                    yield name, first, line - first + 1
            statement = ""
        elif char == ";":
            statement = ""
        else:
            if not statement.strip():
                statement_line = line
            statement += char


def check_file(root: pathlib.Path, path: pathlib.Path, problems: list[str]) -> None:
    rel = path.relative_to(root).as_posix()
    text = path.read_text(encoding="utf-8")
    code = strip_comments(text)
    code_with_strings = strip_comments_only(text)
    is_test = rel.endswith("_test.cpp")
    if text.count("\n") > MAX_FILE_LINES and rel not in SIZE_EXCEPTIONS:
        problems.append(f"{rel}: {text.count(chr(10))} lines, at most {MAX_FILE_LINES}")
    if not text.lstrip().startswith(("//", "/*")):
        problems.append(f"{rel}: does not open with lines that say what it is")
    for name, first, lines in function_lengths(code):
        if lines > MAX_FUNCTION_LINES and f"{rel}:{name}" not in SIZE_EXCEPTIONS:
            problems.append(f"{rel}:{first}: {name} has {lines} lines, at most {MAX_FUNCTION_LINES}")
    parts = rel.split("/")
    if parts[0] != "src":
        return
    module = parts[1]
    for number, line in enumerate(code_with_strings.splitlines(), 1):
        include = re.match(r'\s*#\s*include\s+"([a-z]+)/', line)
        if include and include.group(1) in LAYERS:
            imported = include.group(1)
            if imported != module and imported not in LAYERS[module] and not is_test:
                problems.append(f"{rel}:{number}: {module} may not import {imported}")
            if is_test and imported != module and ALL.index(imported) > ALL.index(module) if module in ALL and imported in ALL else False:
                problems.append(f"{rel}:{number}: a test of {module} may not import the later module {imported}")

    def absent(pattern, haystack, what, allowed=()):
        if is_test or any(rel.startswith(prefix) for prefix in allowed):
            return
        for match in pattern.finditer(haystack):
            number = haystack.count("\n", 0, match.start()) + 1
            problems.append(f"{rel}:{number}: {what}: {match.group(0).strip()}")

    absent(ARCHITECTURES, code_with_strings, "architecture name outside model/arch", ("src/model/arch/", "src/text/"))
    absent(FORMATS, code_with_strings, "format name outside kernels/formats", FORMATS_ALLOWED)
    absent(ISA_IFDEF, code, "ISA conditional outside kernels", ISA_ALLOWED)
    absent(THREADS, code, "thread created outside the pool", THREADS_ALLOWED)
    if module != "cli":
        absent(OUTPUT, code, "output or exit below cli", OUTPUT_ALLOWED)
    if module == "kernels":
        absent(FILES, code, "file access in kernels")


def self_test(folder: pathlib.Path) -> list[str]:
    """Every rule must find the one file made to break it; a checker that finds nothing proves nothing."""
    bad = {
        "src/io/up.cpp": ('// x\n#include "model/model.h"\n', "may not import"),
        "src/io/nothing.cpp": ("int x;\n", "does not open with lines"),
        "src/io/long.cpp": ("// x\n" + "int x;\n" * 600, "lines, at most 600"),
        "src/io/tall.cpp": ("// x\nvoid tall() {\n" + "f();\n" * 70 + "}\n", "tall has"),
        "src/runtime/name.cpp": ('// x\nauto a = "qwen3";\n', "architecture name"),
        "src/runtime/format.cpp": ("// x\nauto a = q4_0;\n", "format name"),
        "src/runtime/isa.cpp": ("// x\n#ifdef __AVX2__\n#endif\n", "ISA conditional"),
        "src/engine/thread.cpp": ("// x\nstd::thread t;\n", "thread created"),
        "src/text/say.cpp": ("// x\nvoid f() { fputs(a, stderr); }\n", "output or exit"),
        "src/text/leave.cpp": ("// x\nvoid f() { std::exit(1); }\n", "output or exit"),
        "src/kernels/file.cpp": ("// x\nstd::ifstream f;\n", "file access"),
    }
    missed = []
    for rel, (text, expected) in bad.items():
        path = folder / rel
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        found: list[str] = []
        check_file(folder, path, found)
        if not any(expected in problem for problem in found):
            missed.append(f"check_layers.py does not find '{expected}' in {text[:40]!r}")
    return missed


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    with tempfile.TemporaryDirectory() as folder:
        problems = self_test(pathlib.Path(folder))
    files = sorted(p for folder in ("src", "include", "fuzz", "tests", "bench") for p in (root / folder).rglob("*")
                   if p.suffix in (".h", ".cpp", ".hpp", ".c") and not FOREIGN.intersection(p.parts))
    for path in files:
        check_file(root, path, problems)
    for module in sorted({p.relative_to(root).parts[1] for p in files if p.relative_to(root).parts[0] == "src"}):
        if module not in LAYERS:
            problems.append(f"src/{module}: not in the layer table")
    for path in sorted(p for folder in ("models", "tools", "tests", "bench", "fuzz") for p in (root / folder).rglob("*.py")
                       if not FOREIGN.intersection(p.parts)):
        rel, lines = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8").count("\n")
        if lines > MAX_FILE_LINES and rel not in SIZE_EXCEPTIONS:
            problems.append(f"{rel}: {lines} lines, at most {MAX_FILE_LINES}")
    for line in problems:
        print(line)
    print(f"{len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
