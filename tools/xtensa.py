"""Execute Xtensa code of the windowed ABI, as in an ESP32, and count how often each instruction ran.

In:     machine code, and a memory that holds it; where it starts, and the registers a2 to a5
Out:    `decode` tells what one instruction is; `Xtensa.run` fills a `Trace`, from which every figure can be derived
Others: integer core instructions, code density, 32-bit multiply and divide, MIN/MAX; no windows beyond one function,
        whose calls leave the interpreter; no zero-overhead loops, booleans, floats or special registers but SAR
Source: encodings of the Xtensa Instruction Set Architecture Reference Manual; `decode` was compared with GNU binutils
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

Kind = Literal["plain", "load", "store", "multiply", "branch", "jump", "call", "return"]
Step = Callable[[], int]  # executes one instruction; returns where the next one is
CallOut = Callable[[int, int, int], int]  # address called, first two arguments -> result

NOWHERE = -1
LOWEST = 0x1000  # the page below catches pointers that are null
SAR = 16  # the shift amount register, kept behind a0 to a15

_MASK = 0xFFFFFFFF
_SIGN = 0x80000000
# What the four bits of a branch's constant stand for; row 0 and 1 differ between signed and unsigned.
_SIGNED = (-1 & _MASK, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 32, 64, 128, 256)
_UNSIGNED = (32768, 65536, *_SIGNED[2:])


class DeviceCodeError(Exception):
    """Code that can't be compiled or read, or that does what no correct function does."""


class Instruction(NamedTuple):
    """One instruction. `immediate` is already extended, scaled, and wrapped to 32 bits where it is a value."""

    pc: int
    size: int
    name: str
    kind: Kind = "plain"
    writes: int = NOWHERE
    reads: tuple[int, ...] = ()
    immediate: int = 0
    target: int = NOWHERE


class Trace:
    """How often each instruction ran, and how often each branch or jump was taken, by offset in the code."""

    def __init__(self, size: int) -> None:
        self.executed = [0] * size
        self.taken = [0] * size


def signed(value: int) -> int:
    """Read 32 bits as two's complement."""
    return ((value & _MASK) ^ _SIGN) - _SIGN


def _extend(value: int, bits: int) -> int:
    """Read the low bits as two's complement."""
    sign = 1 << bits - 1
    return ((value & (1 << bits) - 1) ^ sign) - sign


def _truncated(a: int, b: int) -> tuple[int, int]:
    """Divide as C does: quotient towards zero, remainder with the dividend's sign."""
    if b == 0:
        raise DeviceCodeError("division by zero")
    quotient = abs(a) // abs(b)
    quotient = -quotient if (a < 0) != (b < 0) else quotient
    return quotient, a - quotient * b


# Operations by name. Arguments are 32-bit patterns; results are wrapped by whoever stores them.
_TWO_REGISTERS: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "addx2": lambda a, b: (a << 1) + b,
    "addx4": lambda a, b: (a << 2) + b,
    "addx8": lambda a, b: (a << 3) + b,
    "sub": lambda a, b: a - b,
    "subx2": lambda a, b: (a << 1) - b,
    "subx4": lambda a, b: (a << 2) - b,
    "subx8": lambda a, b: (a << 3) - b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "mull": lambda a, b: a * b,
    "muluh": lambda a, b: a * b >> 32,
    "mulsh": lambda a, b: signed(a) * signed(b) >> 32,
    "mul16u": lambda a, b: (a & 0xFFFF) * (b & 0xFFFF),
    "mul16s": lambda a, b: _extend(a, 16) * _extend(b, 16),
    "quou": lambda a, b: _truncated(a, b)[0],
    "quos": lambda a, b: _truncated(signed(a), signed(b))[0],
    "remu": lambda a, b: _truncated(a, b)[1],
    "rems": lambda a, b: _truncated(signed(a), signed(b))[1],
    "min": lambda a, b: min(signed(a), signed(b)),
    "max": lambda a, b: max(signed(a), signed(b)),
    "minu": min,
    "maxu": max,
    "sll": lambda a, sar: a << 32 - sar,
    "srl": lambda a, sar: a >> sar,
    "sra": lambda a, sar: signed(a) >> sar,
}
_ONE_REGISTER: dict[str, Callable[[int, int], int]] = {
    "mov": lambda a, _: a,
    "neg": lambda a, _: -a,
    "abs": lambda a, _: abs(signed(a)),
    "addi": lambda a, n: a + n,
    "slli": lambda a, n: a << n,
    "srli": lambda a, n: a >> n,
    "srai": lambda a, n: signed(a) >> n,
    "extui": lambda a, n: a >> (n & 31) & n >> 5,  # the mask stands above the shift
    "sext": _extend,
    "ssr": lambda a, _: a & 31,
    "ssl": lambda a, _: 32 - (a & 31),
}
_CONDITION: dict[str, Callable[[int, int], bool]] = {
    "beq": lambda a, b: a == b,
    "bne": lambda a, b: a != b,
    "blt": lambda a, b: a ^ _SIGN < b ^ _SIGN,
    "bge": lambda a, b: a ^ _SIGN >= b ^ _SIGN,
    "bltu": lambda a, b: a < b,
    "bgeu": lambda a, b: a >= b,
    "bnone": lambda a, b: a & b == 0,
    "bany": lambda a, b: a & b != 0,
    "ball": lambda a, b: a & b == b,
    "bnall": lambda a, b: a & b != b,
}
_MOVE_IF: dict[str, Callable[[int], bool]] = {
    "moveqz": lambda a: a == 0,
    "movnez": lambda a: a != 0,
    "movltz": lambda a: a >= _SIGN,
    "movgez": lambda a: a < _SIGN,
}

# Opcode maps: (op1, op2) of the three-register formats, r of the memory and branch formats.
_RRR = {
    **{(0, 1): "and", (0, 2): "or", (0, 3): "xor", (0, 8): "add", (0, 9): "addx2", (0, 10): "addx4", (0, 11): "addx8"},
    **{(0, 12): "sub", (0, 13): "subx2", (0, 14): "subx4", (0, 15): "subx8", (1, 12): "mul16u", (1, 13): "mul16s"},
    **{(2, 8): "mull", (2, 10): "muluh", (2, 11): "mulsh", (2, 12): "quou", (2, 13): "quos", (2, 14): "remu"},
    **{(2, 15): "rems", (3, 4): "min", (3, 5): "max", (3, 6): "minu", (3, 7): "maxu"},
    **{(3, 8): "moveqz", (3, 9): "movnez", (3, 10): "movltz", (3, 11): "movgez"},
}
_LOADS = {0: ("l8ui", 0), 1: ("l16ui", 1), 2: ("l32i", 2), 9: ("l16si", 1)}  # name, log2 of the bytes
_STORES = {4: ("s8i", 0), 5: ("s16i", 1), 6: ("s32i", 2)}
_BRANCHES = {
    **{0: "bnone", 1: "beq", 2: "blt", 3: "bltu", 4: "ball"},
    **{8: "bany", 9: "bne", 10: "bge", 11: "bgeu", 12: "bnall"},
}
_FOUR = ("beq", "bne", "blt", "bge")


def decode(code: bytes, pc: int) -> Instruction:
    """Decode the instruction at an offset of the code."""
    raw = code[pc : pc + 3]
    found = None
    if raw and raw[0] & 15 >= 8:
        if len(raw) >= 2:
            found = _decode_narrow(pc, raw[0] | raw[1] << 8)
    elif len(raw) == 3:
        found = _decode_wide(pc, raw[0] | raw[1] << 8 | raw[2] << 16)
    if found is None:
        raise DeviceCodeError(f"Xtensa code at {pc:#x}: {raw.hex(' ') or 'its end'} is no instruction known here")
    return found


def _decode_wide(pc: int, word: int) -> Instruction | None:
    """Decode 24 bits."""
    op0, t, s, r = word & 15, word >> 4 & 15, word >> 8 & 15, word >> 12 & 15
    imm8 = word >> 16
    if op0 == 0:
        return _decode_registers(pc, word)
    if op0 == 1:
        literal = (pc + 3 & ~3) + 4 * ((word >> 8) - 0x10000)
        return Instruction(pc, 3, "l32r", "load", t, (), literal) if literal >= 0 else None
    if op0 == 2:
        if r in _LOADS:
            name, scale = _LOADS[r]
            return Instruction(pc, 3, name, "load", t, (s,), imm8 << scale)
        if r in _STORES:
            name, scale = _STORES[r]
            return Instruction(pc, 3, name, "store", NOWHERE, (t, s), imm8 << scale)
        if r == 10:
            return Instruction(pc, 3, "movi", "plain", t, (), _extend(s << 8 | imm8, 12) & _MASK)
        if r in (12, 13):  # ADDI, ADDMI
            return Instruction(pc, 3, "addi", "plain", t, (s,), _extend(imm8, 8) << (8 if r == 13 else 0))
    if op0 == 6:
        return _decode_jump(pc, word)
    if op0 == 7 and r in _BRANCHES:
        return Instruction(pc, 3, _BRANCHES[r], "branch", NOWHERE, (s, t), 0, pc + 4 + _extend(imm8, 8))
    return None


def _decode_registers(pc: int, word: int) -> Instruction | None:
    """Decode the formats whose operands are registers, shifts and EXTUI among them."""
    t, s, r, op1, op2 = word >> 4 & 15, word >> 8 & 15, word >> 12 & 15, word >> 16 & 15, word >> 20
    if (op1, op2) in _RRR:
        name = _RRR[op1, op2]
        if name == "or" and s == t:
            return Instruction(pc, 3, "mov", "plain", r, (s,))
        # A move that does not happen leaves what was there, so that it reads its own destination.
        reads = (s, t, r) if name in _MOVE_IF else (s, t)
        return Instruction(pc, 3, name, "multiply" if name.startswith("mul") else "plain", r, reads)
    if op1 in (4, 5):
        return Instruction(pc, 3, "extui", "plain", r, (t,), s | (op1 & 1) << 4 | (2 << op2) - 1 << 5)
    match op1, op2:
        case 0, 0 if r == 0:
            return _decode_call(pc, t, s)
        case 0, 0 if r == 2 and s == 0 and t in (12, 15):  # MEMW, NOP
            return Instruction(pc, 3, "nop")
        case 0, 4 if r in (0, 1) and t == 0:
            return Instruction(pc, 3, ("ssr", "ssl")[r], "plain", SAR, (s,))
        case 0, 4 if r == 4 and t < 2:
            return Instruction(pc, 3, "movi", "plain", SAR, (), s | (t & 1) << 4)  # SSAI
        case 0, 6 if s in (0, 1):
            return Instruction(pc, 3, ("neg", "abs")[s], "plain", r, (t,))
        case 1, 0 | 1:
            return Instruction(pc, 3, "slli", "plain", r, (s,), 32 - (t | (op2 & 1) << 4))
        case 1, 2 | 3:
            return Instruction(pc, 3, "srai", "plain", r, (t,), s | (op2 & 1) << 4)
        case 1, 4:
            return Instruction(pc, 3, "srli", "plain", r, (t,), s)
        case 1, 9 | 11 if s == 0:
            return Instruction(pc, 3, "srl" if op2 == 9 else "sra", "plain", r, (t, SAR))
        case 1, 10 if t == 0:
            return Instruction(pc, 3, "sll", "plain", r, (s, SAR))
        case 3, 2:
            return Instruction(pc, 3, "sext", "plain", r, (s,), t + 8)
        case _:
            return None


def _decode_call(pc: int, t: int, s: int) -> Instruction | None:
    """Decode what leaves a function, and jumps to a register's address."""
    match t:
        case 9 if s == 0:
            return Instruction(pc, 3, "retw", "return")
        case 10:
            return Instruction(pc, 3, "jx", "jump", NOWHERE, (s,))
        case 14:
            return Instruction(pc, 3, "callx8", "call", 10, (s,))
        case _:
            return None


def _decode_jump(pc: int, word: int) -> Instruction | None:
    """Decode J, ENTRY, and the branches that compare with zero or a constant."""
    n, m, s, r = word >> 4 & 3, word >> 6 & 3, word >> 8 & 15, word >> 12 & 15
    near = pc + 4 + _extend(word >> 16, 8)
    if n == 0:
        return Instruction(pc, 3, "j", "jump", target=pc + 4 + _extend(word >> 6, 18))
    if n == 1:
        return Instruction(pc, 3, _FOUR[m], "branch", NOWHERE, (s,), 0, pc + 4 + _extend(word >> 12, 12))
    if n == 2:
        return Instruction(pc, 3, _FOUR[m], "branch", NOWHERE, (s,), _SIGNED[r], near)
    if m == 0:
        return Instruction(pc, 3, "addi", "plain", s, (s,), -8 * (word >> 12))  # ENTRY: takes the frame off the stack
    if m in (2, 3):
        return Instruction(pc, 3, ("bltu", "bgeu")[m - 2], "branch", NOWHERE, (s,), _UNSIGNED[r], near)
    return None


def _decode_narrow(pc: int, word: int) -> Instruction | None:
    """Decode 16 bits."""
    op0, t, s, r = word & 15, word >> 4 & 15, word >> 8 & 15, word >> 12
    match op0:
        case 8:
            return Instruction(pc, 2, "l32i", "load", t, (s,), 4 * r)
        case 9:
            return Instruction(pc, 2, "s32i", "store", NOWHERE, (t, s), 4 * r)
        case 10:
            return Instruction(pc, 2, "add", "plain", r, (s, t))
        case 11:
            return Instruction(pc, 2, "addi", "plain", r, (s,), t or -1)
        case 12 if t < 8:
            value = t << 4 | r
            return Instruction(pc, 2, "movi", "plain", s, (), (value if value < 96 else value - 128) & _MASK)
        case 12:
            name = "bne" if t & 4 else "beq"
            return Instruction(pc, 2, name, "branch", NOWHERE, (s,), 0, pc + 4 + (r | (t & 3) << 4))
        case 13 if r == 0:
            return Instruction(pc, 2, "mov", "plain", t, (s,))
        case 13 if r == 15 and s == 0 and t in (1, 3):
            return Instruction(pc, 2, *(("retw", "return") if t == 1 else ("nop", "plain")))
        case _:
            return None


class Xtensa:
    """A processor over one memory. `call_out` is asked where the code calls what lies outside of it."""

    def __init__(self, memory: bytearray, call_out: CallOut) -> None:
        self.memory = memory
        self.registers = [0] * (SAR + 1)
        self._call_out = call_out
        view = memoryview(memory)
        self._views = {1: view, 2: view.cast("H"), 4: view.cast("I")}

    def run(self, instructions: Mapping[int, Instruction], base: int, trace: Trace, limit: int) -> None:
        """Execute from offset 0 of the code at address `base` until it returns; fail after `limit` instructions."""
        taken, executed = trace.taken, trace.executed
        steps: list[Step | None] = [None] * len(executed)
        for pc, instruction in instructions.items():
            steps[pc] = self._step(instruction, base, taken)
        pc = 0
        last = 0
        try:
            for _ in range(limit):
                step = steps[pc]
                if step is None:
                    raise DeviceCodeError("a jump into the middle of an instruction")
                executed[pc] += 1
                last = pc
                pc = step()
                if pc < 0:
                    if pc == NOWHERE:
                        return
                    raise DeviceCodeError("a jump to before the code")
        except (DeviceCodeError, IndexError) as error:
            name = instructions[last].name
            reason = error if isinstance(error, DeviceCodeError) else "an address outside the memory"
            raise DeviceCodeError(f"Xtensa code at {last:#x}, {name}: {reason}") from error
        raise DeviceCodeError(f"Xtensa code at {last:#x}: still running after {limit} instructions")

    def _step(self, instruction: Instruction, base: int, taken: list[int]) -> Step:
        """Make the function that executes one instruction."""
        pc, size, name, kind, writes, reads, immediate, _ = instruction
        registers, following = self.registers, pc + size
        if kind == "load":
            return self._load(instruction, base)
        if kind == "store":
            return self._store(instruction)
        if kind in ("branch", "jump"):
            return self._branch(instruction, base, taken)
        if kind == "return":
            return lambda: NOWHERE
        if kind == "call":

            def call() -> int:
                registers[10] = self._call_out(registers[reads[0]], registers[10], registers[11]) & _MASK
                return following

            return call
        if name == "movi":

            def move_constant() -> int:
                registers[writes] = immediate
                return following

            return move_constant
        if name == "nop":
            return lambda: following
        if name in _MOVE_IF:
            source, tested, _ = reads
            condition = _MOVE_IF[name]

            def move_if() -> int:
                if condition(registers[tested]):
                    registers[writes] = registers[source]
                return following

            return move_if
        if len(reads) == 2:
            first, second = reads
            operation = _TWO_REGISTERS[name]

            def compute() -> int:
                registers[writes] = operation(registers[first], registers[second]) & _MASK
                return following

            return compute
        (only,) = reads
        with_constant = _ONE_REGISTER[name]

        def compute_with_constant() -> int:
            registers[writes] = with_constant(registers[only], immediate) & _MASK
            return following

        return compute_with_constant

    def _branch(self, instruction: Instruction, base: int, taken: list[int]) -> Step:
        pc, size, name, kind, _, reads, immediate, target = instruction
        registers, following = self.registers, pc + size
        if kind == "jump":

            def jump() -> int:
                taken[pc] += 1
                return target if target >= 0 else registers[reads[0]] - base

            return jump
        condition = _CONDITION[name]
        first, second = reads[0], reads[-1]
        if len(reads) == 2:

            def branch() -> int:
                if condition(registers[first], registers[second]):
                    taken[pc] += 1
                    return target
                return following

            return branch

        def branch_on_constant() -> int:
            if condition(registers[first], immediate):
                taken[pc] += 1
                return target
            return following

        return branch_on_constant

    def _load(self, instruction: Instruction, base: int) -> Step:
        pc, size, name, _, writes, reads, offset, _ = instruction
        registers, following = self.registers, pc + size
        if name == "l32r":
            word = base + offset >> 2
            words = self._views[4]

            def load_literal() -> int:
                registers[writes] = words[word]
                return following

            return load_literal
        width = {"8": 1, "1": 2, "3": 4}[name[1]]
        view, (pointer,) = self._views[width], reads
        sign = 0x8000 if name == "l16si" else 0

        def load() -> int:
            address = registers[pointer] + offset & _MASK
            if address % width or address < LOWEST:
                raise DeviceCodeError(f"a load of {width} bytes from {address:#x}")
            registers[writes] = (view[address // width] ^ sign) - sign & _MASK
            return following

        return load

    def _store(self, instruction: Instruction) -> Step:
        pc, size, name, _, _, (value, pointer), offset, _ = instruction
        registers, following = self.registers, pc + size
        width = {"8": 1, "1": 2, "3": 4}[name[1]]
        view, mask = self._views[width], (1 << 8 * width) - 1

        def store() -> int:
            address = registers[pointer] + offset & _MASK
            if address % width or address < LOWEST:
                raise DeviceCodeError(f"a store of {width} bytes to {address:#x}")
            view[address // width] = registers[value] & mask
            return following

        return store
