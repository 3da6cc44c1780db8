"""Edits of a Python source by place, and what more than one edit has to know about names.

In:     texts and their syntax trees
Out:    texts with pieces replaced; the lines keep their numbers as long as the edits do
State:  none
"""

from __future__ import annotations

import array
import ast
import binascii
import builtins
import hashlib
import io
import keyword
import os
import re
import select
import struct
import sys
import time
from functools import cache
from typing import TypeVar

WORD = re.compile(r"[A-Za-z_]\w*")
# What our classes may be called like that are not CPython's too: of modules machine, micropython, time, vfs, esp32.
_MICROPYTHON = """
    ADC I2C I2S PWM Partition Pin RTC SPI Timer UART WDT any atten block_erase callback const deepsleep deinit duty
    duty_ns duty_u16 feed freq heap_lock heap_unlock idle info init ioctl ipoll irq kbd_intr lightsleep mem_alloc
    mem_free mount native off on poll ptr16 ptr32 ptr8 read read_u16 read_uv readblocks readfrom readfrom_into
    readfrom_mem readfrom_mem_into readinto reset reset_cause scan schedule shift sleep_ms sleep_us start stop
    ticks_add ticks_diff ticks_ms ticks_us toggle umount unique_id value viper wake_reason width write
    write_readinto writeblocks writeto writeto_mem writevto
"""
Node = TypeVar("Node", bound=ast.AST)
Edit = tuple[int, int, int, int, str]  # first line and column, last line and column, what stands there instead


def nodes(tree: ast.AST, kind: type[Node]) -> list[Node]:
    return [node for node in ast.walk(tree) if isinstance(node, kind)]


def edit(node: ast.expr | ast.stmt, text: str) -> Edit:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, text


def name_of(node: ast.FunctionDef | ast.ClassDef, text: str) -> Edit:
    start = node.col_offset + len("def " if isinstance(node, ast.FunctionDef) else "class ")
    return node.lineno, start, node.lineno, start + len(node.name.encode()), text


def end_of(node: ast.Attribute, name: str, text: str) -> Edit:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset - len(name.encode()), node.end_lineno, node.end_col_offset, text


def lines(node: ast.expr | ast.stmt) -> str:
    """As many ends of lines as a node has, so that those behind it keep their numbers."""
    return "\n" * ((node.end_lineno or node.lineno) - node.lineno)


def literal(value: int) -> str:
    return str(value) if value >= 0 else f"({value})"


def apply(text: str, edits: list[Edit]) -> str:
    lines = [line.encode() for line in text.split("\n")]  # columns of ast count bytes
    for first, start, last, end, new in sorted(edits, reverse=True):
        head, tail = lines[first - 1][:start], lines[last - 1][end:]
        lines[first - 1 : last] = (head + new.encode() + tail).split(b"\n")
    return b"\n".join(lines).decode()


def is_constant(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "const"
        and isinstance(node.targets[0], ast.Name)
    )


@cache
def strangers() -> frozenset[str]:
    """Names that are not ours alone: Python's own, those of the modules that the device has, MicroPython's."""
    found = set(dir(builtins)) | set(keyword.kwlist) | set(_MICROPYTHON.split())
    kinds = (str, bytes, bytearray, memoryview, list, tuple, dict, set, int, array.array, io.BytesIO, io.TextIOWrapper)
    modules = (array, binascii, hashlib, io, os, select, struct, sys, time)
    for one in (*kinds, *modules, hashlib.sha256(), select.poll(), OSError):
        found |= set(dir(one))
    return frozenset(found)
