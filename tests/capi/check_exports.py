"""The shared library exports exactly the functions that hearth.h declares. Usage: check_exports.py LIBRARY HEADER"""
import re
import subprocess
import sys

library, header = sys.argv[1:3]
symbols = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
exported = {line.split()[-1].split("@")[0] for line in symbols.splitlines()}
declared = set(re.findall(r"^HEARTH_API[^;(]*?(hearth_\w+)\s*\(", open(header, encoding="utf-8").read(), re.M))
for name in sorted(exported - declared):
    print(f"exported but not declared: {name}")
for name in sorted(declared - exported):
    print(f"declared but not exported: {name}")
print(f"{len(declared)} functions")
sys.exit(exported != declared)
