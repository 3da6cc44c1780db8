"""The outbox: columns in order, limits of 16 bits, and what happens when it is full."""

from mmc_core.coach.outbox import SIZE, Outbox


def rows(outbox: Outbox) -> list[tuple[int, ...]]:
    columns = outbox.times, outbox.kinds, outbox.channels, outbox.values, outbox.thresholds, outbox.reasons
    return list(zip(*(column[: outbox.count] for column in columns), strict=True))


def test_events_come_out_as_they_went_in() -> None:
    outbox = Outbox()
    outbox.tell(3, 1, 450, -20, 7, 1_000_000)
    outbox.tell(8, 255, 40_000, -40_000, 0, 5)
    assert rows(outbox) == [(1_000_000, 3, 1, 450, -20, 7), (5, 8, 255, 32767, -32768, 0)]
    outbox.clear()
    assert rows(outbox) == []


def test_a_full_outbox_keeps_the_first_and_counts_the_rest() -> None:
    outbox = Outbox()
    for number in range(SIZE + 3):
        outbox.tell(1, 0, number, 0, 0, number)
    assert [row[0] for row in rows(outbox)] == list(range(SIZE))
    assert outbox.dropped == 3
    outbox.clear()
    outbox.tell(1, 0, 9, 0, 0, 9)
    assert outbox.count == 1 and outbox.dropped == 3
