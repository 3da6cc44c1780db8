"""The boards: the same roles, wired as their tables say, and running with whatever part is missing."""

from __future__ import annotations

import inspect
import re
from array import array
from collections.abc import Callable
from typing import Any

import pytest

from boards import bench as benches
from mmc_drivers.missing import NoFrontEnd

ROLES = {
    "emg": {
        "begin": "",
        "read_into": "block",
        "take_lost": "",
        "lead_off": "",
        "late_us": "permille",
        "stop": "",
    },
    "imu": {"read_into": "reading"},
    "motor": {"on": "strength_pct", "off": ""},
    "button": {"is_down": ""},
    "power": {"percent": "", "minutes": "", "on_usb": ""},
    "console": {"read": "", "write": "data size", "set_rate": "bits_per_s"},
    "clock": {"ticks_ms": "", "sleep_ms": "ms", "doze_ms": "ms"},
    "flash": {"readblocks": "block buffer offset", "writeblocks": "block buffer offset", "ioctl": "operation argument"},
    "watchdog": {"feed": ""},
}
DATA = {"folder", "reset_cause", "facts", "missing", "micropython"}
EXPECTED_WORDS = {
    ("devkit_i2s", "emg"): "I2S ADC port 0: not opened: is there memory for 8 DMA buffers?",
    ("devkit_i2s", "imu"): "LSM6DS 0x6A register 0x0F: not read",
    ("devkit_i2s", "motor"): "DRV2605L 0x5A register 0x00: not read",
    ("devkit_myoware", "imu"): "MPU-6050 0x68 register 0x75: not read",
    ("s3_ads1292r", "emg"): "ADS1292R SPI register 0x00: identity 0xFF, not 0x73",
    ("s3_ads1292r", "imu"): "LSM6DS 0x6A register 0x0F: not read",
    ("s3_ads1292r", "motor"): "DRV2605L 0x5A register 0x00: not read",
    ("s3_ads1292r", "power"): "MAX17048 0x36 register 0x08: not read",
    ("s3_ads1292r_4ch", "emg"): "ADS1292R 1 SPI register 0x00: identity 0xFF, not 0x73",
    ("s3_ads1292r_4ch", "imu"): "LSM6DS 0x6A register 0x0F: not read",
    ("s3_ads1292r_4ch", "motor"): "DRV2605L 0x5A register 0x00: not read",
    ("s3_ads1292r_4ch", "power"): "MAX17048 0x36 register 0x08: not read",
}

# ESP32 data sheet and ESP32-S3 data sheet, pins: what is not for use, or only for some of it.
CHIPS: dict[str, dict[str, set[int]]] = {
    "esp32": {
        "there": {*range(24), *range(25, 28), *range(32, 40)} - {20},
        "flash": {*range(6, 12), 16, 17},  # 16 and 17: PSRAM of WROVER modules
        "strapping": {0, 2, 5, 12, 15},
        "console": {1, 3},
        "usb": set(),
        "input only": {*range(34, 40)},
        "adc1": {*range(32, 40)},
        "rtc": {0, 2, 4, *range(12, 16), *range(25, 28), *range(32, 40)},
    },
    "esp32s3": {
        "there": {*range(22), *range(26, 49)},
        "flash": {*range(26, 38)},  # 33 to 37: octal PSRAM
        "strapping": {0, 3, 45, 46},
        "console": {43, 44},
        "usb": {19, 20},
        "input only": set(),
        "adc1": {*range(1, 11)},
        "rtc": {*range(22)},
    },
}

Open = Callable[..., tuple[Any, benches.Bench]]


def test_every_flashable_board_is_on_a_bench(root: Any) -> None:
    from mmc_host.flash import boards

    assert boards.flashable(root / "boards") == sorted(benches.RIGS)


def test_roles_are_those_of_every_board(opened: Open) -> None:
    board, _ = opened()
    assert board.missing == ()
    for role, verbs in ROLES.items():
        for verb, parameters in verbs.items():
            found = inspect.signature(getattr(getattr(board, role), verb)).parameters
            assert " ".join(found) == parameters, (role, verb)
    assert {name for name in dir(board) if not name.startswith("_")} == {*ROLES, *DATA, "begun", "restart"}
    assert list(inspect.signature(board.restart).parameters) == ["maintenance"]
    assert (board.folder, board.reset_cause, board.micropython) == ("/config", 1, "1.29.0")


@pytest.mark.parametrize("missing", ["emg", "imu", "motor", "power"])
def test_a_part_that_does_not_answer_is_named_and_the_rest_runs(name: str, missing: str, opened: Open) -> None:
    words = EXPECTED_WORDS.get((name, missing))
    board, bench = opened((missing,))
    if words is None:  # nobody can tell that it is missing
        assert board.missing == ()
        return
    assert board.missing == ((missing, words),)
    works(board, bench, missing)


def test_all_parts_may_be_missing(name: str, opened: Open) -> None:
    board, bench = opened(("emg", "imu", "motor", "power"))
    assert {role for role, _ in board.missing} == {role for board_name, role in EXPECTED_WORDS if board_name == name}
    works(board, bench, "emg imu motor power")


def test_all_parts_work(opened: Open) -> None:
    board, bench = opened()
    works(board, bench, "")


def works(board: Any, bench: benches.Bench, missing: str) -> None:
    """Every role does what it is there for, those of missing parts nothing."""
    block = array("h", bytes(2 * 10 * board.facts.EMG_CHANNELS))
    reading = array("h", bytes(12))
    board.emg.begin()
    while board.emg.read_into(block):
        pass
    board.emg.take_lost()
    taken = 0
    values = set()
    for _ in range(30):
        board.clock.sleep_ms(10)
        while board.emg.read_into(block):
            taken += 10
            values |= set(block)
    if isinstance(board.emg, NoFrontEnd):
        assert (taken, board.emg.take_lost(), board.emg.lead_off(), board.emg.late_us(990)) == (0, 0, 0, 0)
    else:
        assert 270 <= taken <= 310 and board.emg.take_lost() == 0 and len(values) > 1
        assert board.emg.late_us(990) <= 1000
    board.clock.sleep_ms(20)
    if "imu" in missing:
        assert not board.imu.read_into(reading)
    else:
        assert board.imu.read_into(reading)
        assert abs(reading[2] - board.facts.IMU_ACCEL_COUNTS_PER_G) <= 1
    board.motor.on(60)
    pin = bench.pins[bench.motor_pin]

    def drive() -> int:
        return bench.motor.drive_pct if hasattr(bench, "motor") else pin.duty_pct

    if "motor" in missing and hasattr(bench, "motor"):
        assert pin.duty_pct == 0
    else:
        assert 59 <= drive() <= 60
        board.clock.sleep_ms(1100)  # Python is away: hardware ends it
        assert drive() == 0 and pin.duty_pct == 0
        board.motor.off()
        assert board.motor.expired == 1
    for _ in range(2):
        assert not board.button.is_down()
        bench.button.level = 0
        assert board.button.is_down()
        board.clock.doze_ms(200)
        assert board.button.is_down()
        bench.button.level = 1
    assert not board.power.on_usb()
    bench.usb.level = 1
    assert board.power.on_usb()
    has_gauge = hasattr(bench, "gauge") and "power" not in missing
    assert board.power.percent() == (50 if has_gauge else -1) and board.power.minutes() == -1
    bench.port.stdin.data.extend(b"\x03x")
    assert [board.console.read() for _ in range(3)] == [3, 0x78, -1]
    board.console.write(b"hello", 2)
    assert bench.port.stdout.data == b"he"
    assert board.flash.ioctl(4, 0) == board.facts.JOURNAL_BLOCKS
    board.watchdog.feed()
    assert ("kbd_intr", -1) in bench.port.told and ("wdt", 8000) in bench.port.told
    with pytest.raises(SystemExit):
        board.restart(False)


def test_two_wearables_of_a_kind_are_told_apart(opened: Open, toml: dict[str, Any]) -> None:
    board, _ = opened()
    assert f"{toml['device_id']}-0b00ee" == board.facts.DEVICE_ID


def test_a_brown_out_is_told(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benches, "CAUSE", 15)
    board, _ = opened()
    assert board.reset_cause == 6


def test_pins_are_those_of_the_facts_and_of_the_wiring_table(
    name: str, root: Any, opened: Open, toml: dict[str, Any]
) -> None:
    _, bench = opened()
    pins = toml["pins"]
    assert sorted(bench.uses) == sorted(pins.values())
    text = (root / "boards" / name / "README.md").read_text("utf-8")
    table = re.findall(r"^\| (?:GPIO )?(\d+) \| `(\w+)` \|", text, re.M)
    assert {wire: int(number) for number, wire in table} == pins
    drawing = (root / "boards/wiring" / f"{name}.svg").read_text("utf-8")
    assert sorted(int(number) for number in re.findall(r"GPIO (\d+)<", drawing)) == sorted(pins.values())
    assert (toml["boot"]["button_pin"], toml["boot"]["button_pressed"]) == (pins["button"], 0)
    assert ("wake", pins["button"], False) in bench.port.told


def test_no_pin_is_used_for_what_it_can_not_do(opened: Open, toml: dict[str, Any]) -> None:
    board, bench = opened()
    board.emg.begin()
    board.motor.on(50)
    chip = CHIPS[toml["chip"]]
    for pin, uses in bench.uses.items():
        assert pin in chip["there"]
        for reserved in ("flash", "strapping", "console", "usb"):
            assert pin not in chip[reserved], (pin, reserved)
        assert not (pin in chip["input only"] and uses & {"out", "i2c", "pull"}), (pin, uses)
        # The second converter is radio's, which nobody uses here; signals stay on the first.
        assert "adc" not in uses or pin in chip["adc1"] or pin == toml["pins"]["usb"]
    assert toml["pins"]["button"] in chip["rtc"]  # it wakes


def test_the_flash_holds_micropython_the_app_twice_and_the_journal(
    name: str, root: Any, toml: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmc_host.flash import app
    from mmc_host.flash.boards import read_board

    monkeypatch.setenv("MMC_HOME", str(tmp_path))
    board = read_board(root / "boards" / name)
    parts = {part.name: part for part in board.table}
    assert parts["factory"].end - (board.image.offset + board.image.size_bytes) >= 32 * 1024
    assert parts["journal"].end == board.flash_bytes
    assert parts["journal"].size == 4096 * toml["journal"]["blocks"]
    app.build(board)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    folders = {path.parent for path in files}
    # LittleFS: blocks of 4 KiB to each file, two to each folder; the app twice, 16 for settings and what is under way.
    blocks = sum(-(-path.stat().st_size // 4096) for path in files) + 2 * len(folders)
    print(f"{name}: {len(files)} files, {sum(path.stat().st_size for path in files)} bytes, {blocks} blocks")
    assert 2 * blocks + 16 <= parts["vfs"].size // 4096
    told = re.search(rf"^\| {name} \|.*\| (\d+) KiB \|$", (root / "README.md").read_text("utf-8"), re.M)
    assert told
    assert sum(path.stat().st_size for path in files) / 1024 == pytest.approx(int(told[1]), rel=0.1)


def test_facts_are_alike_and_one_micropython_serves_all(root: Any) -> None:
    import runpy

    from mmc_host.flash.boards import read_board

    kinds = []
    for facts in sorted((root / "boards").glob("*/board_facts.py")):
        found = runpy.run_path(str(facts))
        kinds.append({key: type(value) for key, value in found.items() if key.isupper()})
    assert len(kinds) == len(benches.RIGS) + 1 and all(kind == kinds[0] for kind in kinds)
    assert {read_board(root / "boards" / board).image.version for board in benches.RIGS} == {"1.29.0"}


def test_scales_are_those_of_the_chips(opened: Open) -> None:
    board, _ = opened()
    pv_per_count = getattr(board.emg, "pv_per_count", 0)
    if pv_per_count:
        assert abs(pv_per_count / 1000 - board.facts.EMG_NV_PER_COUNT) <= 0.5
    imu, facts = board.imu, board.facts
    if hasattr(imu, "accel_ug_per_count"):
        assert round(1_000_000 / imu.accel_ug_per_count) == facts.IMU_ACCEL_COUNTS_PER_G
        assert round(1_000_000 / imu.gyro_udps_per_count) == facts.IMU_GYRO_COUNTS_PER_DPS
    else:
        assert imu.accel_counts_per_g == facts.IMU_ACCEL_COUNTS_PER_G
        assert round(imu.gyro_counts_per_1000_dps / 1000) == facts.IMU_GYRO_COUNTS_PER_DPS
    assert 1 << 13 < facts.EMG_RAIL_COUNTS << facts.EMG_KERNEL_SHIFT <= 1 << 14
