#!/usr/bin/env python3
"""Checks in the disassembly that the kernels for AVX-VNNI are those that tests run on machines with AVX-512 VNNI.

    tools/check_vex.py ARCHIVE_OR_OBJECT [--objdump objdump]
    tools/check_vex.py --self-test

The kernels of src/kernels/gemm/int_panel_vnni256.h exist twice, for the VEX and the EVEX encoding of vpdpbusd. A function
of the first kind may hold no instruction of AVX-512 at all, and must be its counterpart of the second kind, instruction for
instruction and register for register, but for that encoding. x86-64 only.
"""
import argparse
import re
import subprocess
import sys

ENCODINGS = re.compile(r"\bvnni256::(E?[Vv]ex)\b")
FILE = re.compile(r"^(\S+):\s+file format ")
FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
INSTRUCTION = re.compile(r"^\s*[0-9a-f]+:\t(.*)$")
AVX512 = re.compile(r"%zmm|%[xy]mm(?:1[6-9]|2\d|3[01])\b|%k[0-7]\b|\{evex\}|(?<!\{vex\} )vpdpbusd")
TARGET = re.compile(r"\b[0-9a-f]+ <[^#]*>|0x[0-9a-f]+\(%rip\).*")  # places in the code move with the length of encodings
PADDING = re.compile(r"^(?:data16 |cs )*(?:nop|xchg\s+%ax,%ax)")


def functions(disassembly):
    """{(file, name without the encoding, encoding): instructions} of the functions made for one encoding."""
    found, file, body = {}, "", None
    for line in disassembly.splitlines():
        if start := FILE.match(line):
            file = start.group(1)
        elif start := FUNCTION.match(line):
            name, body = start.group(1), None
            kinds = set(ENCODINGS.findall(name))
            if len(kinds) == 1:
                body = found[file, ENCODINGS.sub("vnni256::*", name), kinds.pop()] = []
        elif body is not None and (one := INSTRUCTION.match(line)) and not PADDING.match(one.group(1)):
            body.append(re.sub(r"\s+", " ", one.group(1)).strip())
    return found


def plain(instruction):
    return TARGET.sub("PLACE", instruction.replace("{vex} ", "").replace("{evex} ", ""))


def check(disassembly):
    """(functions compared, dot products in them, problems as lines)."""
    found = functions(disassembly)
    compared, dots, problems = 0, 0, []
    for (file, name, kind), body in found.items():
        if kind != "Vex":
            continue
        compared += 1
        products = sum("vpdpbusd" in i for i in body)
        dots += products
        problems += [f"{file}: {name}: not VEX: {i}" for i in body if AVX512.search(i)]
        tested = found.get((file, name, "Evex"))
        if tested is None and products == 0:
            continue  # the compiler keeps one of two equal functions
        if tested is None:
            problems.append(f"{file}: {name}: has no counterpart that tests run")
        elif [plain(i) for i in body] != [plain(i) for i in tested]:
            problems.append(f"{file}: {name}: differs from the counterpart that tests run")
    if dots == 0:
        problems.append("no dot product in the VEX encoding found: nothing was checked")
    return compared, dots, problems


def self_test():
    """The check must be able to fail."""
    vex = "0000 <k<vnni256::Vex>>:\n  10:\t{vex} vpdpbusd %ymm1,%ymm2,%ymm3\n  15:\tjne    10 <k<vnni256::Vex>+0x10>\n"
    evex = "0000 <k<vnni256::Evex>>:\n  10:\tvpdpbusd %ymm1,%ymm2,%ymm3\n  16:\tnop\n  17:\tjne    10 <k<vnni256::Evex>+0x10>\n"
    assert check(vex + evex) == (1, 1, []), check(vex + evex)
    assert len(check(vex)[2]) == 1
    assert len(check(vex.replace("{vex} ", "") + evex)[2]) == 1
    assert len(check(vex.replace("%ymm3", "%ymm4") + evex)[2]) == 1
    assert len(check(vex + "  20:\tvpaddd %ymm17,%ymm1,%ymm1\n" + evex + "  20:\tvpaddd %ymm17,%ymm1,%ymm1\n")[2]) == 1
    assert check(vex + evex + "0000 <expand<vnni256::Vex>>:\n  10:\tret\n")[2] == []
    assert len(check(evex)[2]) == 1
    print("the check can fail")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?")
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    if not args.file:
        parser.error("which file?")
    command = [args.objdump, "-d", "-C", "--no-show-raw-insn", args.file]
    compared, dots, problems = check(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for problem in problems:
        print(problem)
    print(f"{args.file}: {compared} functions with {dots} dot products compared, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
