"""The kernel in plain C, from its own text: the limit that the device's compiler is measured against.

In:     the viper functions of mmc_core, whose language is small: integers, arrays, `while` and `if`
Out:    C source with the same functions; a program that runs a kernel's blocks, prints a checksum of its words and the
        nanoseconds per sample and channel
Others: needs a C compiler; `-m32` where it can make 32-bit programs
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Sequence
from pathlib import Path

CORE = Path(__file__).resolve().parent.parent / "firmware" / "mmc_core"
SIGNATURES = {
    "filter_block": "int32_t x, int32_t y, uint32_t **words, const uint16_t *src, uint32_t *z",
    "measure_block": "int32_t x, int32_t y, uint32_t **words, uint32_t *z",
    "find_onsets": "int32_t x, int32_t y, uint32_t **words",
}
_SIGNS: dict[type[ast.AST], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.Add: "+", ast.Sub: "-", ast.Mult: "*",
    ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
}  # fmt: skip
_PROGRAM = """
#include <stdint.h>
#include <stdio.h>
#include <time.h>
static inline int32_t floor_divide(int32_t a, int32_t b) {{ return a / b - ((a % b != 0) && ((a < 0) != (b < 0))); }}
{functions}
{arrays}
static uint32_t *words[] = {{{names}}};
static double now(void) {{ struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e9 + t.tv_nsec; }}
int main(void) {{
    const int n = {n}, channels = {channels}, blocks = sizeof(src) / sizeof(src[0]) / {block};
    for (int round = 0; round < {rounds}; round++) {{
        double began = now();
        for (int repeat = 0; repeat < {repeats}; repeat++)
            for (int b = 0; b < blocks; b++) {{ const uint16_t *s = src + b * n * channels; {calls} }}
        printf("ns %.3f\\n", (now() - began) / (1.0 * {repeats} * blocks * n * channels));
    }}
    uint32_t sum = 0;
    for (int c = 0; c < channels; c++) for (int k = 0; k < {size}; k++) sum = sum * 31 + words[c][k];
    printf("sum %u\\n", sum);
    return 0;
}}
"""


class _Function(ast.NodeVisitor):
    """One function's statements as C."""

    def __init__(self, constants: dict[str, int]) -> None:
        self.constants = constants
        self.names: set[str] = set()
        self.pointers: set[str] = set()

    def block(self, statements: Sequence[ast.stmt]) -> str:
        return " ".join(map(self.statement, statements))

    def statement(self, node: ast.stmt) -> str:
        if isinstance(node, ast.While):
            return f"while ({self.value(node.test)}) {{ {self.block(node.body)} }}"
        if isinstance(node, ast.If):
            other = f" else {{ {self.block(node.orelse)} }}" if node.orelse else ""
            return f"if ({self.value(node.test)}) {{ {self.block(node.body)} }}{other}"
        if isinstance(node, ast.AugAssign):
            target = self.value(node.target)
            return f"{target} = {self.value(ast.BinOp(node.target, node.op, node.value))};"
        assert isinstance(node, ast.Assign), ast.unparse(node)
        target = node.targets[0]
        if isinstance(node.value, ast.Call):  # ptr32(words[...])
            assert isinstance(target, ast.Name)
            self.pointers.add(target.id)
            index = node.value.args[0]
            assert isinstance(index, ast.Subscript)
            return f"{target.id} = words[{self.value(index.slice)}];"
        if isinstance(target, ast.Name):
            self.names.add(target.id)
            return f"{target.id} = {self.value(node.value)};"
        assert isinstance(target, ast.Subscript)
        return f"{ast.unparse(target.value)}[{self.value(target.slice)}] = (uint32_t)({self.value(node.value)});"

    def value(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.UnaryOp):
            return f"(-{self.value(node.operand)})"
        if isinstance(node, ast.Name):
            return str(self.constants.get(node.id, node.id))
        if isinstance(node, ast.Subscript):
            return f"(int32_t){ast.unparse(node.value)}[{self.value(node.slice)}]"
        if isinstance(node, ast.Compare):
            sign = _SIGNS[type(node.ops[0])]
            return f"({self.value(node.left)} {sign} {self.value(node.comparators[0])})"
        assert isinstance(node, ast.BinOp), ast.unparse(node)
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.FloorDiv):
            return f"floor_divide({left}, {right})"
        return f"({left} {_SIGNS[type(node.op)]} {right})"


def function(module: str, name: str) -> str:
    """One viper function of the core as C."""
    tree = ast.parse((CORE / f"{module}.py").read_text(encoding="utf-8"))
    constants: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            assert isinstance(node.targets[0], ast.Name) and isinstance(node.value.args[0], ast.Constant)
            assert isinstance(node.value.args[0].value, int)
            constants[node.targets[0].id] = node.value.args[0].value
    (found,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    writer = _Function(constants)
    body = writer.block(found.body)
    names = sorted(writer.names - {"x", "y"})
    declared = "int32_t " + ", ".join(f"{one} = 0" for one in names) + ";"
    declared += "".join(f" uint32_t *{one};" for one in sorted(writer.pointers))
    return f"__attribute__((noinline)) static void {name}({SIGNATURES[name]}) {{ {declared} {body} }}"


def program(words: Sequence[array[int]], blocks: array[int], n: int, stages: Sequence[str], repeats: int) -> str:
    """A program that runs `blocks` (counts, interleaved) through stages like "chain.filter_block", over and over."""
    channels = len(words) - 1
    arrays = [f"static uint32_t w{k}[] = {{{','.join(map(str, one))}}};" for k, one in enumerate(words)]
    arrays.append(f"static const uint16_t src[] = {{{','.join(str(v & 0xFFFF) for v in blocks)}}};")
    arrays.append(f"static uint32_t z[{n * channels}];")
    calls = {"filter_block": "filter_block(n, channels, words, s, z);",
             "measure_block": "measure_block(n, channels, words, z);",
             "find_onsets": "find_onsets(channels, 0, words);"}  # fmt: skip
    parts = [stage.split(".") for stage in stages]
    return _PROGRAM.format(
        functions="\n".join(function(module, name) for module, name in parts),
        arrays="\n".join(arrays), names=", ".join(f"w{k}" for k in range(len(words))), n=n, channels=channels,
        block=n * channels, repeats=repeats, rounds=7, size=len(words[0]),
        calls=" ".join(calls[name] for _, name in parts),
    )  # fmt: skip


def run(source: str, *flags: str) -> tuple[list[float], int] | None:
    """Compile with `cc -O2` and run: ns per sample and channel of each round, and the checksum; None: no cc."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "kernel")
        command = ["cc", "-O2", "-fwrapv", "-std=gnu11", *flags, "-x", "c", "-", "-o", str(out)]
        try:
            subprocess.run(command, input=source, text=True, check=True, capture_output=True)
        except (FileNotFoundError, subprocess.CalledProcessError):
            return None
        lines = subprocess.run([out], check=True, capture_output=True, text=True).stdout.split("\n")
    times = [float(line.split()[1]) for line in lines if line.startswith("ns")]
    return times, int(next(line for line in lines if line.startswith("sum")).split()[1])


def checksum(words: Sequence[Sequence[int]]) -> int:
    """What the program prints as `sum`, of a kernel's words."""
    total = 0
    for one in words:
        for word in one:
            total = (total * 31 + word) & 0xFFFFFFFF
    return total


if __name__ == "__main__":
    sys.exit("c_kernel.py is a module: see tools/bench.py")
