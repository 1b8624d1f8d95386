#!/usr/bin/env python3
"""Checks in the disassembly that the hot loops of the kernels keep their sums in registers.

    tools/check_spills.py ARCHIVE_OR_OBJECT [--objdump objdump] [--list]
    tools/check_spills.py --self-test

Compilers spill quietly (a factor of 1.6 was lost to it once). Two kinds of hot code are looked at, x86-64 only:

* A function with at least MIN_PRODUCTS multiply instructions of the integer tiles. One that spills stores a sum after every
  product, a sound one stores each sum once or twice per group of products. So stores of vectors to the stack are counted
  against products. Allowed more: FewColumns, which keep two or three float sums per column on the stack on purpose, since
  their integer sums take the registers.
* An innermost loop of at least MIN_FUSED fused multiply-adds of float vectors, in any function that is not of the first kind
  (float tiles, float pages of attention, elementwise functions). Its sums are added to in every turn, so nothing may be stored,
  but in what MAY_STORE lists.
"""
import argparse
import re
import subprocess
import sys

MIN_PRODUCTS = 16
MIN_FUSED = 8
MAY_STORE = {  # start of a name after its namespace, and why
    "step(float*": "softmax of a page's scores: with -O3 a turn has 64 products, and two vectors are stored; they are no sums",
}
MAX_STORES_PER_PRODUCT = 0.5
MAX_STORES_PER_PRODUCT_FEW = 1.25
PRODUCT = re.compile(r"\bv?p(?:maddubsw|maddwd|dpbusd)\b")
FUSED = re.compile(r"\bvf(?:n?m(?:add|sub))\d+ps\b")
STACK_STORE = re.compile(r"\bv(?:mov[a-z0-9]+)\s+%[xyz]mm\d+,\s*(?:-?0x[0-9a-f]+)?\(%r[sb]p")
FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
INSTRUCTION = re.compile(r"^\s+([0-9a-f]+):\s+(\S.*)$")
JUMP = re.compile(r"^j[a-z]+\s+([0-9a-f]+)\b")


def functions(disassembly):
    """Yields (name, [(address, instruction)]) of every function."""
    name, code = None, []
    for line in disassembly.splitlines():
        start, instruction = FUNCTION.match(line), INSTRUCTION.match(line)
        if start:
            if name:
                yield name, code
            name, code = start.group(1), []
        elif instruction:
            code.append((int(instruction.group(1), 16), instruction.group(2)))
    if name:
        yield name, code


def innermost_loops(code):
    """The instructions of every stretch that a jump goes back over, without a smaller one inside."""
    jumps = [(address, JUMP.match(text)) for address, text in code]
    loops = {(int(to.group(1), 16), at) for at, to in jumps if to and code[0][0] <= int(to.group(1), 16) <= at}
    for first, last in sorted(loops):
        if not any((first, last) != other and first <= other[0] and other[1] <= last for other in loops):
            yield [text for address, text in code if first <= address <= last]


def count(pattern, instructions):
    return sum(bool(pattern.search(text)) for text in instructions)


def hot_code(disassembly):
    """Yields (name, kind, products, vector stores to the stack, stores allowed)."""
    for name, code in functions(disassembly):
        whole = [text for _, text in code]
        products = count(PRODUCT, whole)
        if products >= MIN_PRODUCTS:
            share = MAX_STORES_PER_PRODUCT_FEW if "FewColumns" in name else MAX_STORES_PER_PRODUCT
            yield name, "products", products, count(STACK_STORE, whole), share * products
        elif count(FUSED, whole) >= MIN_FUSED:
            for loop in innermost_loops(code):
                fused = count(FUSED, loop)
                if fused >= MIN_FUSED:
                    free = any(f"::{start}" in name for start in MAY_STORE)
                    yield name, "fused products in a loop", fused, count(STACK_STORE, loop), fused if free else 0


def check(disassembly, listing=False):
    """The problems, as lines."""
    hot = list(hot_code(disassembly))
    if listing:
        for name, kind, products, stores, _ in hot:
            print(f"{products:5d} {kind} {stores:5d} stack stores  {name}")
    if not hot:
        return ["no hot function found: nothing was checked"]
    return [f"{name}: {stores} vector stores to the stack for {products} {kind}"
            for name, kind, products, stores, allowed in hot if stores > allowed]


def self_test():
    """The check must be able to fail."""
    product = "  10:\tvpmaddubsw %ymm6,%ymm1,%ymm4\n"
    store = "  20:\tvmovdqa %ymm4,0x88(%rsp)\n"
    other = "  30:\tvmovaps %ymm4,0x20(%rdi)\n"
    sound = "0000 <kernel>:\n" + (product * 4 + store) * 16 + other * 99
    spilled = "0000 <kernel>:\n" + (product + store) * 64
    assert check(sound) == [], check(sound)
    assert len(check(spilled)) == 1
    assert len(check(sound + spilled)) == 1
    assert len(check((spilled + store * 20).replace("kernel", "FewColumns<T>::columns<8>"))) == 1
    assert check("0000 <other>:\n" + store * 99) == ["no hot function found: nothing was checked"]
    fused = "  10:\tvfmadd231ps %ymm6,%ymm1,%ymm4\n"
    jump = "  30:\tjne    10 <kernel+0x10>\n"
    keeps = "0000 <float>:\n" + store * 20 + fused * 12 + jump + store * 20  # before and after the loop: nothing to say
    assert check(sound + keeps.replace("  20:", "   5:")) == [], check(keeps)
    assert check(sound + "0000 <float>:\n" + fused * 12 + jump) == []
    assert len(check(sound + "0000 <float>:\n" + (fused + store) * 12 + jump)) == 1
    assert len(check(sound + "0000 <float>:\n" + fused * 12 + store + jump)) == 1
    assert check(sound + "0000 <a::step(float*, int)>:\n" + fused * 12 + store + jump) == []
    outer = "0000 <float>:\n" + "   8:\tvmovaps %ymm4,0x20(%rsp)\n" * 9 + fused * 12 + jump + "  40:\tjne    8 <kernel+0x8>\n"
    assert check(sound + outer) == [], "once per loop is no spill"
    print("the check can fail")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?")
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("--list", action="store_true", help="print all hot functions")
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    if not args.file:
        parser.error("which file?")
    command = [args.objdump, "-d", "-C", "--no-show-raw-insn", args.file]
    problems = check(subprocess.run(command, check=True, capture_output=True, text=True).stdout, args.list)
    for problem in problems:
        print(problem)
    print(f"{args.file}: {len(problems)} hot functions or loops spill")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
