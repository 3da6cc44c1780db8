#!/usr/bin/env python3
"""Write the golden vectors of this version: a session's bytes with its text, and a frame of every message.

A version's vectors stay in `tests/vectors/` for ever, and readers are tested on all of them. This tool only ever writes
those of the version that `mmc_core` has now; a change of format that does not raise the version shows as a difference.

Usage: python tools/make_vectors.py [--check]
    --check: write nothing; exit 1 when a file is not what this tool makes
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmc_core import decoding, event, frame, message, page, record
from mmc_core.rice import Packer
from mmc_device.journal import Journal
from mmc_host.schema import message_rows, record_rows
from mmc_sim.flash import BLOCK_BYTES, Flash

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "vectors"
CHANNELS = 4
UTC_MS = 1_767_225_600_123  # 2026-01-01, and some milliseconds
RECORD_SAMPLES = 500  # of one features record and one IMU record

# Not the schema's rows: a new setting is no new format.
SETTINGS = (
    (0, "wearer=Zoë"),
    (1, "mains_hz"),
    (0, "target_channel"),
    (25, "target_low_pct"),
    (-2_147_483_648, "least_of_all"),
    (2_147_483_647, "greatest_of_all"),
    (0, "site=" + "ü" * 12),
    (2000, "cue_rest_ms"),
)

Record = tuple[int, tuple[Any, ...], Any, int]  # kind, values, tail, count


def header_records(session: int, log_mode: int = 0, boot_count: int = 7) -> Iterator[Record]:
    """Yield the records that a session begins with."""
    numbers = (record.FORMAT_MAJOR, record.FORMAT_MINOR, session, boot_count, 1, UTC_MS, 1000, 10, 5, 10, 3906, 1000)
    yield record.SESSION, (*numbers, CHANNELS, log_mode, "sim-0001", "0.1.0", "sim", "Zoë"), None, 0
    muscles = ("biceps brachii", "triceps brachii", "vastus medialis", "not stated")
    for channel, muscle in enumerate(muscles):
        kind = (1, 2, 1, 0)[channel]
        values = (channel, channel % 4, kind, 40 + channel, 3200 * kind, 250, UTC_MS if kind else 0)
        yield record.CHANNEL, (*values, muscle, "SENIAM", "permille" if kind else "uV"), None, 0
    for setting in SETTINGS:
        yield record.SETTING, setting, None, 0
    program = bytes(range(40))  # any bytes: what they mean is program.py's business
    yield record.PROGRAM, (3, 5, 1), program, len(program)


def body_records(seconds: float, raw: bool = False) -> Iterator[Record]:
    """Yield what follows: features, IMU, events of one hold per ten seconds, a gap, a clock; `raw`: EMG blocks too."""
    for t in range(0, round(seconds * 1000), RECORD_SAMPLES):
        step = t // RECORD_SAMPLES
        envelopes = [(97 * i + 131 * step) % 4096 for i in range(10 * CHANNELS)]
        quality = 0x0010 if step % 7 == 3 else 0
        yield record.FEATURES, (t, 50, 10, 50, CHANNELS, 1 << step % 10, quality), envelopes, 10 * CHANNELS
        readings = [(-2048, 2047, -1, 4095)[i % 4] + (step if i % 4 == 2 else 0) for i in range(20)]
        yield record.IMU, (t, 100, 5, step % 32), readings, 20
        if raw:
            for i in range(RECORD_SAMPLES // 10):
                counts = [(-16383, 16383, -1, i)[j % 4] for j in range(10 * CHANNELS)]
                yield record.RAW, (t + 10 * i, 10, CHANNELS, i % 2), counts, len(counts)
        if step % 20 == 4:
            values = (t + 17, event.EVENT_HOLD_START, 0, 310, 200, event.REASON_ENTER, 0)
            yield record.EVENT, values, None, 0
        if step % 20 == 12:
            yield record.EVENT, (t, event.EVENT_ACTIVATION_LOST, 0, -3, 103, event.REASON_LOST, 0), None, 0
            yield record.EVENT, (t, event.EVENT_CUE, 0, 80, 103, event.CUE_ENGAGE, 0), None, 0
            yield record.EVENT, (t + 1, event.EVENT_MOTOR_ON, event.NO_CHANNEL, 80, 0, 0, 1), None, 0
        if step % 20 == 16:
            values = (t - 1500, event.EVENT_HOLD_END, 0, 60, 80, event.REASON_LEAVE, 0)
            yield record.EVENT, values, None, 0
        if step == 10:
            yield record.CLOCK, (t, UTC_MS + t), None, 0
            yield record.FAULT, (t, event.FAULT_FLASH, -5), None, 0


def end_records(seconds: float, lost: int = 0) -> Iterator[Record]:
    """Yield a gap when samples were lost, and the end."""
    samples = round(seconds * 1000)
    if lost:
        yield record.GAP, (samples, lost, 1), None, 0
    yield record.END, (samples + lost, samples, lost, 0, 1, 1), None, 0


def session_records(session: int, seconds: float, raw: bool = False) -> Iterator[Record]:
    """Yield all records of a session, as the app and the pipeline would write them."""
    yield from header_records(session, int(raw))
    yield record.VITALS, (0, 16, 256, 3210, 83, 412, 0), None, 0
    yield from body_records(seconds, raw)
    yield from end_records(seconds, 37)


def record_text(kind: int, values: Any, tail: Any) -> dict[str, Any]:
    """A decoded record as names and values; an unknown one as its number and its bytes."""
    if values is None:
        return {"kind": kind, "body": bytes(tail).hex()}
    row = record_rows()[kind]
    text: dict[str, Any] = {"kind": row.name, "fields": dict(zip(row.names, values, strict=True))}
    if tail is not None:
        text["tail"] = tail.hex() if isinstance(tail, bytes) else tail
    return text


def page_text(data: bytes) -> dict[str, Any]:
    """A decoded page.

    Raises:
        FormatError: the page is damaged.
    """
    sequence, session, used, flags = page.unseal(data)
    found = decoding.decode(data, page.HEADER_BYTES, page.HEADER_BYTES + used)
    records = [record_text(kind, values, tail) for _, kind, values, tail in found]
    return {"sequence": sequence, "session": session, "used": used, "flags": flags, "records": records}


def packed_records(t_samples: int, blocks: int) -> Iterator[tuple[tuple[int, ...], bytes]]:
    """Yield packed records: a slow swing, full-scale steps, a constant, noise; readings with every other block."""
    packer = Packer(CHANNELS)
    for block in range(blocks):
        counts = array("h")
        for i in range(10 * block, 10 * block + 10):
            counts.extend((40 * i - 700, (-32768, 32767)[i % 2], -5, 7919 * i % 61 - 30))
        reading = array("h", (4096, -block, 32767, -32768, 25 * block, 0)) if block % 2 == 0 else None
        if packer.add(counts, reading, block == 1, t_samples + 10 * block) or block == blocks - 1:
            tail = bytes(packer.out[: packer.size()])
            yield (packer.t_samples, 10, CHANNELS, packer.blocks, packer.carried), tail
            packer.cut()
            packer.fit(60)


def make_session() -> tuple[bytes, bytes]:
    """A small session in the journal of a simulated flash: its bytes, and its page of acknowledgement."""
    file = io.BytesIO(b"\xff" * (8 * BLOCK_BYTES))
    journal = Journal(Flash(file, 8))
    journal.mount()
    session = journal.open()
    for kind, values, tail, count in session_records(session, 8.5):
        journal.write(kind, values, tail, count)
        journal.tick()
    counts = [(-16383, 16383, -1, 0)[i % 4] for i in range(40)]
    journal.write(record.RAW, (8537, 10, CHANNELS, 1), counts, 40)
    for values, tail in packed_records(8547, 5):
        journal.write(record.PACKED, values, tail, len(tail))
    journal.close()
    data = b"".join(bytes(journal.read(session, offset)) for offset in range(0, journal.size(session), page.PAGE_BYTES))
    while journal.acknowledge(session, len(data), hashlib.sha256(data).digest()) is None:
        pass
    at = page.FIRST_BLOCK_PAGES * page.PAGE_BYTES
    return data, file.getvalue()[at : at + page.PAGE_BYTES]


_REQUESTS: dict[int, tuple[Any, ...]] = {
    message.HELLO: (1, 0),
    message.STATUS: (),
    message.LIST: (65534,),
    message.READ: (1, 0, 16384),
    message.ACKNOWLEDGE: (1, 4352, bytes(range(32))),
    message.SET_TIME: (UTC_MS,),
    message.GET_SETTING: (7,),
    message.PUT_SETTING: (0, "ch3_muscle=" + "ü" * 12),
    message.CONTROL: (message.VERB_CALIBRATE, 2),
    message.BYE: (),
    message.RATE: (460800,),
    message.HEALTH: (),
}
_REPLIES: dict[int, tuple[Any, ...]] = {
    message.HELLO: (1, 0, 1, 0, "0.1.0", "sim-0001", "sim"),
    message.STATUS: (86_400_000, UTC_MS, 2, 5, 0x21, 3, 1, 380, 381, 384, 2, 1),
    message.LIST: (65535, 4352, 1, 0),
    message.READ: (1, 256, bytes(range(256))),
    message.ACKNOWLEDGE: (1, message.RESULT_PENDING),
    message.SET_TIME: (message.OK,),
    message.GET_SETTING: (52, 25, "target_low_pct"),
    message.PUT_SETTING: (message.RESULT_RANGE,),
    message.CONTROL: (message.RESULT_BUSY,),
    message.BYE: (message.OK,),
    message.RATE: (message.RESULT_RANGE,),
    message.HEALTH: (6, 6, -1, 95, 1, 41000, 16, 256, 3210, 37, 2, "1.29.0", "imu: MPU-6050 0x68: no answer"),
    message.REFUSED: (message.READ, message.RESULT_UNKNOWN),
}


def frame_bytes(kind: int, sequence: int, codes: str, values: Sequence[Any]) -> tuple[bytes, bytes]:
    """Payload and wire of one message."""
    scratch = bytearray(frame.MAX_PAYLOAD_BYTES + frame.OVERHEAD_BYTES)
    out = bytearray(frame.MAX_PAYLOAD_BYTES + frame.OVERHEAD_BYTES + 5)
    end = message.pack(codes, values, scratch, 5)
    payload = bytes(scratch[5:end])
    return payload, bytes(out[: frame.encode_into(out, scratch, kind, sequence, end - 5)])


def make_frames() -> list[dict[str, Any]]:
    """One frame of every message in both directions, with sequence numbers that hold zeros and all ones."""
    found = []
    for bit, samples in ((0, _REQUESTS), (message.REPLY, _REPLIES)):
        for kind, values in samples.items():
            row, codes = message_rows()[kind], message.MESSAGES[kind][1 if bit else 0]
            names = row.reply if bit else row.request
            sequence = 0xFFFFFFFF if kind == message.LIST else kind << 16 | 1
            payload, wire = frame_bytes(kind | bit, sequence, codes, values)
            plain = [value.hex() if isinstance(value, bytes) else value for value in values]
            found.append(
                {
                    "message": row.name,
                    "kind": kind | bit,
                    "sequence": sequence,
                    "fields": dict(zip(names, plain, strict=True)),
                    "payload": payload.hex(),
                    "wire": wire.hex(),
                }
            )
    return found


def make_files() -> dict[str, bytes]:
    """Every vector of this version, by file name."""
    data, acknowledgement = make_session()
    version = f"{record.FORMAT_MAJOR}.{record.FORMAT_MINOR}"
    text = {
        "format": version,
        "sha256": hashlib.sha256(data).hexdigest(),
        "pages": [page_text(data[at : at + page.PAGE_BYTES]) for at in range(0, len(data), page.PAGE_BYTES)],
        "acknowledgement": acknowledgement.hex(),
        "acknowledgement_page": page_text(acknowledgement),
    }
    protocol = f"{message.PROTOCOL_MAJOR}.{message.PROTOCOL_MINOR}"
    frames = {"protocol": protocol, "frames": make_frames()}
    return {
        f"format-{version}.mmc": data,
        f"format-{version}.json": _to_json(text),
        f"frames-{protocol}.json": _to_json(frames),
    }


def _to_json(value: Any) -> bytes:
    """JSON with one line for each thing that holds no further objects, so that a difference shows where it is."""
    return (_lines(value, "") + "\n").encode()


def _lines(value: Any, indent: str) -> str:
    inner = indent + " "
    if isinstance(value, dict) and any(isinstance(item, list) for item in value.values()) and "kind" not in value:
        items = [f"{json.dumps(key)}: {_lines(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(inner + item for item in items) + "\n" + indent + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(inner + _lines(item, inner) for item in value) + "\n" + indent + "]"
    return json.dumps(value, ensure_ascii=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the golden vectors of this version.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is out of date")
    options = parser.parse_args(arguments)
    stale = 0
    for name, made in make_files().items():
        path = FOLDER / name
        if path.exists() and path.read_bytes() == made:
            continue
        stale += 1
        if options.check:
            print(f"{path.relative_to(ROOT)} is not what tools/make_vectors.py makes", file=sys.stderr)
        else:
            FOLDER.mkdir(exist_ok=True)
            path.write_bytes(made)
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
