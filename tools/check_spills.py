#!/usr/bin/env python3
"""Checks in the disassembly that the hot loops of the kernels keep their sums in registers.

    tools/check_spills.py ARCHIVE_OR_OBJECT [--objdump objdump] [--list]
    tools/check_spills.py --self-test

A hot function is one with at least MIN_PRODUCTS multiply instructions of the integer tiles. Compilers spill quietly (a
factor of 1.6 was lost to it once): a kernel that does stores a sum after every product, a sound one stores each sum once
or twice per group of products (the kernels of few columns keep two or three float sums per column on the stack). So stores of
vectors to the stack are counted against products; x86-64 only.
"""
import argparse
import re
import subprocess
import sys

MIN_PRODUCTS = 16
MAX_STORES_PER_PRODUCT = 0.5
MAX_STORES_PER_PRODUCT_FEW = 1.25
PRODUCT = re.compile(r"\bv?p(?:maddubsw|maddwd|dpbusd)\b")
STACK_STORE = re.compile(r"\bv(?:mov[a-z0-9]+)\s+%[xyz]mm\d+,\s*(?:-?0x[0-9a-f]+)?\(%r[sb]p")
FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")


def functions(disassembly):
    """Yields (name, products, stack stores) of every function."""
    name, products, stores = None, 0, 0
    for line in disassembly.splitlines():
        start = FUNCTION.match(line)
        if start:
            if name:
                yield name, products, stores
            name, products, stores = start.group(1), 0, 0
        elif PRODUCT.search(line):
            products += 1
        elif STACK_STORE.search(line):
            stores += 1
    if name:
        yield name, products, stores


def check(disassembly, listing=False):
    """The problems, as lines."""
    hot = [f for f in functions(disassembly) if f[1] >= MIN_PRODUCTS]
    if listing:
        for name, products, stores in hot:
            print(f"{products:5d} products {stores:5d} stack stores  {name}")
    if not hot:
        return ["no hot function found: nothing was checked"]
    return [
        f"{name}: {stores} vector stores to the stack for {products} products"
        for name, products, stores in hot
        if stores > (MAX_STORES_PER_PRODUCT_FEW if "FewColumns" in name else MAX_STORES_PER_PRODUCT) * products
    ]


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
    print(f"{args.file}: {len(problems)} hot functions spill")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
