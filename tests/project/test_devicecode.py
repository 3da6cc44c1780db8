"""The code that mpy-cross emits, executed here, computes what Python computes under 32-bit wrapping, and is counted."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from devicecode import Architecture, Counts, DeviceCodeError, Machine, compile_viper
from xtensa import Trace, Xtensa, decode

ARCHITECTURES: tuple[Architecture, ...] = ("xtensawin", "rv32imc")
EXTREMES = (0, 1, -1, 2, -3, 31, 32, -2048, 32767, 65536, 2**31 - 1, -(2**31))


Formula = Callable[[int, int], int]

OPERATIONS: dict[str, tuple[str, Formula]] = {
    "add": ("a + b", lambda a, b: a + b),
    "subtract": ("a - b", lambda a, b: a - b),
    "negate": ("0 - a", lambda a, b: -a),
    "multiply": ("a * b", lambda a, b: a * b),
    "multiply_constant": ("a * 29863", lambda a, b: a * 29863),
    "multiply_pairs": ("a * b - (a + 3) * (b - 70000)", lambda a, b: a * b - (a + 3) * (b - 70000)),
    "conjunction": ("a & b", lambda a, b: a & b),
    "disjunction": ("a | b", lambda a, b: a | b),
    "exclusive": ("a ^ b", lambda a, b: a ^ b),
    "low_bits": ("a & 16383", lambda a, b: a & 16383),
    "left_constant": ("a << 4", lambda a, b: a << 4),
    "right_constant": ("a >> 14", lambda a, b: a >> 14),
    "left": ("a << (b & 31)", lambda a, b: a << (b & 31)),
    "right": ("a >> (b & 31)", lambda a, b: a >> (b & 31)),
    "less": ("int(a < b)", lambda a, b: a < b),
    "at_most": ("int(a <= b)", lambda a, b: a <= b),
    "equal": ("int(a == b)", lambda a, b: a == b),
    "other": ("int(a != b)", lambda a, b: a != b),
    "more": ("int(a > b)", lambda a, b: a > b),
    "at_least": ("int(a >= b)", lambda a, b: a >= b),
    "floor_divide": ("a // b", lambda a, b: a // b),
    "modulo": ("a % b", lambda a, b: a % b),
}

LOOPS = """
import micropython
from micropython import const

TABLE = ("a tuple", (1, 2.5), b"", None, 12345678901234567890)  # objects of every kind in the .mpy
STEP = const(3)

@micropython.viper
def idle(n: int) -> int:
    i = 0
    while i < n:
        i += 1
    return i

class Between:
    def bytecode(self, words):
        return [word for word in words if word not in TABLE]

    @micropython.native
    def native(self):
        return self

@micropython.viper
def nested(n: int, m: int) -> int:
    total = 0
    i = 0
    while i < n:
        j = 0
        while j < m:
            total += j
            j += 1
        i += 1
    return total

@micropython.viper
def widths(words: ptr32, halves: ptr16, octets: ptr8, n: int):
    i = 0
    while i < n:
        words[i] = halves[i] + octets[i] + words[i]
        halves[i] = words[i] + STEP
        octets[i] = words[i] >> 4
        i += 1
    words[2] = words[1] - 70000

@micropython.viper
def quotients(words: ptr32, n: int, by: int):
    i = 0
    while i < n:
        words[i] = words[i] // by + words[i] % by
        i += 1

@micropython.viper
def unsigned(a: uint) -> uint:
    return a

@micropython.viper
def forever():
    while True:
        pass

@micropython.viper
def asks(x: int):
    print(x)
"""
LOOP_NAMES = "idle nested widths quotients unsigned forever asks".split()


def wrapped(value: int) -> int:
    """32-bit two's complement by its definition."""
    return (int(value) + 2**31) % 2**32 - 2**31


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[Architecture, str], Machine]:
    """Every function of this file, for both architectures."""
    folder = tmp_path_factory.mktemp("viper")
    lines = ["import micropython"]
    for name, (expression, _) in OPERATIONS.items():
        lines += ["@micropython.viper", f"def {name}(a: int, b: int) -> int:", f"    return {expression}"]
    (folder / "operations.py").write_text("\n".join(lines) + "\n")
    (folder / "loops.py").write_text(LOOPS)
    found: dict[tuple[Architecture, str], Machine] = {}
    for architecture in ARCHITECTURES:
        for file, names in (("operations.py", list(OPERATIONS)), ("loops.py", LOOP_NAMES)):
            codes = compile_viper(folder / file, architecture)
            for name, code in zip(names, codes, strict=True):
                found[architecture, name] = Machine(code, architecture)
    return found


Machines = dict[tuple[Architecture, str], Machine]
both = pytest.mark.parametrize("architecture", ARCHITECTURES)


@both
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_wraps_at_32_bits(machines: Machines, architecture: Architecture, name: str) -> None:
    draw = random.Random(name)
    pairs = [(a, b) for a in EXTREMES for b in EXTREMES]
    pairs += [(draw.randrange(-(2**31), 2**31), draw.randrange(-(2**31), 2**31)) for _ in range(15)]
    pairs += [(draw.randrange(-(2**31), 2**31), draw.randrange(-99, 99)) for _ in range(15)]
    divides = name in ("floor_divide", "modulo")
    for a, b in pairs:
        if divides and b == 0:
            continue
        counts = machines[architecture, name].call([a, b])
        assert counts.result == wrapped(OPERATIONS[name][1](a, b)), (a, b)
        assert counts.helper_calls == divides
        assert counts.conversions == 3  # two arguments and the result


@both
def test_division_by_zero_is_an_error(machines: Machines, architecture: Architecture) -> None:
    with pytest.raises(DeviceCodeError, match="division by zero"):
        machines[architecture, "floor_divide"].call([1, 0])


@both
def test_pointers_load_and_store_in_their_width(machines: Machines, architecture: Architecture) -> None:
    draw = random.Random(1)
    n = 37
    words = array("i", [draw.randrange(-(2**31), 2**31) for _ in range(n)])
    halves = array("h", [draw.randrange(-32768, 32768) for _ in range(n)])
    octets = bytearray(draw.randrange(256) for _ in range(n))
    expected_words, expected_halves, expected_octets = list(words), list(halves), list(octets)
    for i in range(n):
        word = wrapped((expected_halves[i] & 0xFFFF) + expected_octets[i] + expected_words[i])
        expected_words[i] = word
        expected_halves[i] = (word + 3 + 32768) % 65536 - 32768
        expected_octets[i] = (word >> 4) % 256
    expected_words[2] = wrapped(expected_words[1] - 70000)
    counts = machines[architecture, "widths"].call([words, halves, octets, n])
    assert (list(words), list(halves), list(octets)) == (expected_words, expected_halves, expected_octets)
    assert counts.result is None
    assert counts.conversions == 4


@both
def test_a_buffer_given_twice_is_one_buffer(machines: Machines, architecture: Architecture) -> None:
    octets = bytearray(8)
    octets[0] = 5
    words = array("i", [0, 0, 0])
    machines[architecture, "widths"].call([words, octets, octets, 1])
    # 5 as a half-word, and 5 again as a byte; the half-word becomes 13, then its low byte 10 >> 4
    assert list(words) == [10, 0, -70000]
    assert octets == bytes(8)


@both
def test_an_unsigned_result_has_no_sign(machines: Machines, architecture: Architecture) -> None:
    assert machines[architecture, "unsigned"].call([-1]).result == 0xFFFFFFFF


@both
def test_a_loop_costs_the_same_every_time_round(machines: Machines, architecture: Architecture) -> None:
    machine = machines[architecture, "idle"]
    counts = [machine.call([k]) for k in range(6)]
    (loop,) = counts[0].loops
    inside = sum(loop.first <= pc <= loop.last for pc in machine.instructions)
    # Without a branch all of it runs; Xtensa makes a comparison's 0 or 1 by stepping over the 0.
    each = inside - (architecture == "xtensawin")
    for k, one in enumerate(counts):
        assert one.result == k
        assert one.instructions == counts[0].instructions + k * each
        assert one.loops[0].iterations == k
        assert one.loops[0].instructions == counts[0].loops[0].instructions + k * each
    assert counts[0].loops[0].per_iteration == 0.0
    assert machine.call([1000]).loops[0].per_iteration == pytest.approx(each, rel=0.01)


@both
def test_inner_loops_are_counted_for_themselves(machines: Machines, architecture: Architecture) -> None:
    machine = machines[architecture, "nested"]

    def run(n: int, m: int) -> Counts:
        counts = machine.call([n, m])
        assert counts.result == n * (m * (m - 1) // 2)
        return counts

    outer, inner = run(3, 5).loops
    assert outer.first < inner.first < inner.last < outer.last
    assert (outer.iterations, inner.iterations) == (3, 15)
    assert run(3, 50).loops[0].instructions == outer.instructions
    per_round = (run(3, 6).loops[1].instructions - inner.instructions) // 3
    assert run(3, 105).loops[1].instructions == inner.instructions + 300 * per_round
    whole = run(3, 6)
    assert whole.instructions - run(3, 5).instructions == 3 * per_round


@both
def test_loads_and_helpers_of_a_loop_are_counted(machines: Machines, architecture: Architecture) -> None:
    words = array("i", [-7, 7, 100])
    machine = machines[architecture, "quotients"]
    none, some = machine.call([words, 0, 3]), machine.call([words, 3, -3])
    assert list(words) == [2 - 1, -3 - 2, -34 - 2]
    assert (none.helper_calls, some.helper_calls) == (0, 6)
    assert some.stores - none.stores >= 3
    assert some.loads - none.loads >= 6
    assert some.code_bytes == len(machine.code)


def test_cycles_are_modelled_for_xtensa_only(machines: Machines) -> None:
    counts = machines["xtensawin", "nested"].call([4, 4])
    stalls, branches, products = counts.load_use_stalls, counts.taken_branches, counts.multiply_use_stalls
    assert stalls > 0 and branches > 16
    assert counts.cycles[0] == counts.instructions + stalls + 2 * branches + products
    assert counts.cycles[1] - counts.cycles[0] == stalls + branches
    with pytest.raises(DeviceCodeError):
        _ = machines["rv32imc", "nested"].call([4, 4]).cycles


def test_a_product_used_at_once_stalls(machines: Machines) -> None:
    assert machines["xtensawin", "add"].call([1, 2]).multiply_use_stalls == 0
    assert machines["xtensawin", "multiply_pairs"].call([1, 2]).multiply_use_stalls > 0


@both
def test_a_loop_goes_back_once_per_iteration(machines: Machines, architecture: Architecture) -> None:
    machine = machines[architecture, "idle"]
    more, less = machine.call([9]), machine.call([2])
    # One jump back per iteration, and on Xtensa the step over the comparison's 0.
    each = 2 if architecture == "xtensawin" else 1
    assert more.taken_branches - less.taken_branches == 7 * each


@both
def test_what_never_returns_is_stopped(machines: Machines, architecture: Architecture) -> None:
    with pytest.raises(DeviceCodeError, match="still running after 1000"):
        machines[architecture, "forever"].call([], limit=1000)


@both
def test_a_runtime_call_that_is_not_simulated_is_named(machines: Machines, architecture: Architecture) -> None:
    with pytest.raises(DeviceCodeError, match="entry 5 of mp_fun_table"):  # its module's globals come first
        machines[architecture, "asks"].call([1])


@both
def test_null_pointers_are_caught(machines: Machines, architecture: Architecture) -> None:
    with pytest.raises(DeviceCodeError):
        machines[architecture, "widths"].call([0, 0, 0, 1])


@both
def test_an_unknown_instruction_is_shown(architecture: Architecture) -> None:
    known = {"xtensawin": b"\xf0\x20\x00", "rv32imc": b"\x01\x00"}[architecture]  # no operation
    with pytest.raises(DeviceCodeError, match=rf"at {len(known):#x}: 00 00"):
        Machine(known + bytes(4), architecture)


def test_a_module_that_does_not_compile_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n")
    with pytest.raises(DeviceCodeError, match="does not compile"):
        compile_viper(tmp_path / "broken.py", "rv32imc")


def xtensa_result(op2: int, op1: int, fields: tuple[int, int, int], registers: dict[int, int]) -> list[int]:
    """Run one instruction of the three-register format, put together from its fields r, s, t; return the registers."""
    r, s, t = fields
    word = op2 << 20 | op1 << 16 | r << 12 | s << 8 | t << 4
    code = word.to_bytes(3, "little") + b"\x1d\xf0"  # retw.n
    core = Xtensa(bytearray(0x2000), lambda _address, _first, _second: 0)
    for register, value in registers.items():
        core.registers[register] = value & 0xFFFFFFFF
    core.run({pc: decode(code, pc) for pc in (0, 3)}, 0x1000, Trace(len(code)), 10)
    return core.registers


# Instructions that a compiler could emit and mpy-cross does not, by op2 and op1 of the manual's opcode map.
THREE_REGISTERS: list[tuple[int, int, Formula]] = [
    (9, 0, lambda a, b: 2 * a + b),
    (10, 0, lambda a, b: 4 * a + b),
    (11, 0, lambda a, b: 8 * a + b),
    (13, 0, lambda a, b: 2 * a - b),
    (14, 0, lambda a, b: 4 * a - b),
    (15, 0, lambda a, b: 8 * a - b),
    (11, 2, lambda a, b: a * b >> 32),
    (13, 2, lambda a, b: int(a / b)),
    (15, 2, lambda a, b: a - b * int(a / b)),
    (12, 2, lambda a, b: a % 2**32 // (b % 2**32)),
    (14, 2, lambda a, b: a % 2**32 % (b % 2**32)),
    (4, 3, min),
    (5, 3, max),
    (6, 3, lambda a, b: min(a % 2**32, b % 2**32)),
    (7, 3, lambda a, b: max(a % 2**32, b % 2**32)),
    (8, 3, lambda a, b: a if b == 0 else 77),
    (9, 3, lambda a, b: a if b != 0 else 77),
    (10, 3, lambda a, b: a if b < 0 else 77),
    (11, 3, lambda a, b: a if b >= 0 else 77),
]


@pytest.mark.parametrize(("op2", "op1", "expected"), THREE_REGISTERS)
def test_xtensa_instructions_of_three_registers(op2: int, op1: int, expected: Formula) -> None:
    for a in EXTREMES:
        for b in EXTREMES:
            if op1 == 2 and b == 0:
                continue
            registers = xtensa_result(op2, op1, (5, 3, 4), {3: a, 4: b, 5: 77})
            assert wrapped(registers[5]) == wrapped(expected(a, b)), (a, b)


def test_xtensa_shifts_by_constants() -> None:
    for a in EXTREMES:
        for n in range(32):
            low, high = n & 15, n >> 4
            left = xtensa_result((32 - n) >> 4 & 1, 1, (5, 3, (32 - n) & 15), {3: a})[5] if n else a
            assert wrapped(left) == wrapped(a << n)
            assert wrapped(xtensa_result(2 | high, 1, (5, low, 3), {3: a})[5]) == a >> n
            assert xtensa_result(4, 1, (5, low, 3), {3: a})[5] == a % 2**32 >> low
            assert xtensa_result(9, 4 | high, (5, low, 3), {3: a})[5] == a % 2**32 >> n & 1023
        assert xtensa_result(6, 0, (5, 0, 3), {3: a})[5] == -a % 2**32
        assert xtensa_result(6, 0, (5, 1, 3), {3: a})[5] == abs(a)
