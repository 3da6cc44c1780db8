"""Makes the bytes of a session with the device's own tables, one record at a time."""

from mmc_core import event, page, record

REST_Q3, REFERENCE_Q3, NV_PER_COUNT = 64, 3200, 250  # 2 uV and 100 uV at the skin
UTC_MS = 1_790_000_000_000  # 2026-09-21 14:13:20 UTC


class SessionBuilder:
    """Pages of records. Every method adds one record and returns self; `bytes()` seals what there is."""

    def __init__(self, session=7, first_sequence=100, rate_hz=1000):
        self.session, self.rate_hz = session, rate_hz
        self._sequence = first_sequence
        self._pages = []
        self._page, self._end = bytearray(page.PAGE_BYTES), page.HEADER_BYTES
        self.t_samples = self.samples = self.lost = self.cues = 0

    def add(self, kind, values, tail=None, count=0):
        """Any record, as the device writes it: into the page under way, or the next."""
        end = record.encode_into(self._page, self._end, kind, values, tail, count)
        if not end:
            self.flush()
            end = record.encode_into(self._page, self._end, kind, values, tail, count)
            assert end, "record is larger than a page"
        self._end = end
        return self

    def flush(self):
        """Seal the page under way, if it holds anything."""
        if self._end > page.HEADER_BYTES:
            first = page.FLAG_FIRST if not self._pages else 0
            page.seal(self._page, self._sequence, self.session, self._end - page.HEADER_BYTES, first)
            self._pages.append(bytes(self._page))
            self._sequence += 1
            self._page, self._end = bytearray(page.PAGE_BYTES), page.HEADER_BYTES
        return self

    def bytes(self):
        """All pages so far."""
        return b"".join(self.flush()._pages)

    def header(
        self,
        channels=1,
        utc_ms=UTC_MS,
        major=record.FORMAT_MAJOR,
        wearer="otter",
        device="mmc-3f2a",
        log_mode=0,
        reset_cause=1,
    ):
        values = (major, record.FORMAT_MINOR, self.session, 12, reset_cause, utc_ms, self.rate_hz, 10, 5, 10, 3906, 977)
        return self.add(record.SESSION, (*values, channels, log_mode, device, "0.1.0", "sim", wearer))

    def channel(
        self,
        index=0,
        muscle="biceps brachii",
        kind=1,
        side=2,
        site="SENIAM",
        units=None,
        calibrated_utc_ms=UTC_MS - 600_000,
    ):
        reference = REFERENCE_Q3 if kind else 0
        units = units or ("permille" if kind else "uV")
        values = (index, side, kind, REST_Q3, reference, NV_PER_COUNT, calibrated_utc_ms, muscle, site, units)
        return self.add(record.CHANNEL, values)

    def setting(self, key, value):
        return self.add(record.SETTING, (value, key))

    def features(self, frames, motor=0, quality=0, frame_samples=50, last_samples=None):
        """frames: a list of envelope tuples, one value per channel; continues at the counter."""
        last_samples = frame_samples if last_samples is None else last_samples
        values = [value for frame in frames for value in frame]
        row = (self.t_samples, frame_samples, len(frames), last_samples, len(frames[0]), motor, quality)
        self.add(record.FEATURES, row, values, len(values))
        taken = (len(frames) - 1) * frame_samples + last_samples
        self.t_samples += taken
        self.samples += taken
        return self

    def level(self, seconds, *values, frame_samples=50):
        """Constant levels for a while (a whole number of frames)."""
        frames = round(seconds * self.rate_hz) // frame_samples
        while frames:
            n = min(frames, 8)
            self.features([values] * n, frame_samples=frame_samples)
            frames -= n
        return self

    def imu(self, readings, t_samples=0, interval=100, motor=0):
        words = [word for reading in readings for word in reading]
        return self.add(record.IMU, (t_samples, interval, len(readings), motor), words, len(words))

    def event(self, kind, t_samples=None, channel=0, value=0, threshold=0, reason=0, motor=0):
        at = self.t_samples if t_samples is None else t_samples
        self.cues += kind == event.EVENT_CUE
        return self.add(record.EVENT, (at, kind, channel, value, threshold, reason, motor))

    def gap(self, lost, cause=1):
        self.add(record.GAP, (self.t_samples, lost, cause))
        self.t_samples += lost
        self.lost += lost
        return self

    def raw(self, blocks, t_samples=0, motor=0):
        """blocks: list of count tuples, one value per channel."""
        counts = [value for block in blocks for value in block]
        return self.add(record.RAW, (t_samples, len(blocks), len(blocks[0]), motor), counts, len(counts))

    def clock(self, utc_ms, t_samples=None):
        return self.add(record.CLOCK, (self.t_samples if t_samples is None else t_samples, utc_ms))

    def fault(self, code, detail=0):
        return self.add(record.FAULT, (self.t_samples, code, detail))

    def vitals(self, late_us=(0, 0, 0), battery_pct=-1, battery_min=-1, power=0):
        return self.add(record.VITALS, (self.t_samples, *late_us, battery_pct, battery_min, power))

    def end(self, reason=1, dropped=0):
        return self.add(record.END, (self.t_samples, self.samples, self.lost, dropped, self.cues, reason))
