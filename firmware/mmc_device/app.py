"""App: wires the wearable's parts and ticks them; the only place that knows what the device is doing.

In:    a board: roles `emg`, `imu`, `motor`, `console`, `flash`, `clock`, `watchdog`, `folder`, `reset_cause`, `facts`
Out:   a running wearable
State: the activity (preparing flash, idle, recording, calibrating), the wall clock's offset
Cost:  per tick: one pipeline step per block that waits, at most one flash program, one piece of a stream
Source: house plan: pure core, thin shell

`tick(now_ms)` does everything once, in the order that matters: signal, motor, log, line. `run` ticks on the board's
clock for ever; a simulated board has a simulated clock, and the very same loop runs on virtual time.
"""

from mmc_core import event, message, record, settings
from mmc_core.compat import const
from mmc_core.errors import UsageError
from mmc_core.pipeline import FRAME_BLOCKS, IMU_BLOCKS, IMU_SHIFT, Pipeline, to_nanovolt, to_q3
from mmc_core.sample import BLOCK_MS, BLOCK_SAMPLES, RATE_HZ
from mmc_device.calibrate import Calibration
from mmc_device.clock import Monotonic
from mmc_device.config import Config
from mmc_device.haptic import Haptic
from mmc_device.health import Health
from mmc_device.journal import Journal
from mmc_device.link import Link
from mmc_device.sampler import CAUSE_OVERRUN, Sampler

VERSION = "0.1.0"

_END_ASKED = const(1)
_END_FULL = const(2)
_LAST_UTC_MS = 2147483647000  # what `calibrated_utc_s` holds
_UNITS = ("uV", "permille", "permille")


class App:
    """The wearable on one board."""

    version = VERSION

    def __init__(self, board):
        self.facts = board.facts
        self._clock = board.clock
        self._watchdog = board.watchdog
        self._reset_cause = board.reset_cause
        self._monotonic = Monotonic(board.clock.ticks_ms())
        self._now_ms = 0
        self._utc_offset_ms = None  # wall clock minus now_ms; None: not set
        self.health = Health()
        self.config = Config(board.folder)
        self.config.load()
        if self.config.was_damaged:
            self.health.note(event.FAULT_SETTINGS, 0)
        self.journal = Journal(board.flash)
        self.journal.mount()
        self._sampler = Sampler(board.emg, board.imu, board.facts)
        self._haptic = Haptic(board.motor, self.config.settings, board.facts, self.health.note)
        self._link = Link(board.console, self)
        self._pipeline = Pipeline(self.config.settings, board.facts)
        self._calibration = self._make_calibration()
        self._starts_itself = True  # once, if the setting allows it
        self.activity = message.ACTIVITY_PREPARING
        board.emg.begin()

    def run(self):
        """Tick for ever; whatever ends it, the motor is off."""
        try:
            while True:
                self.tick(self._monotonic.now_ms(self._clock.ticks_ms()))
                self._watchdog.feed()
                self._clock.sleep_ms(BLOCK_MS)
        finally:
            self._haptic.stop(self._now_ms)

    def tick(self, now_ms):
        """Do everything once."""
        first_ms = min(now_ms, self._now_ms + BLOCK_MS)  # end of the oldest block that waits
        self._now_ms = now_ms
        self._haptic.tick(now_ms)
        try:
            while True:
                if self._sampler.next_block():
                    self._take_block(now_ms, self._haptic.is_busy(first_ms))
                elif not self._take_gap():
                    break
        except OSError as error:
            self.health.note(event.FAULT_SAMPLER, error.errno or 0)
        if self.activity == message.ACTIVITY_RECORDING:
            self._keep_log()
        else:
            self._idle()
        try:
            self._link.tick()
        except OSError as error:
            self.health.note(event.FAULT_FLASH, error.errno or 0)

    def _take_block(self, now_ms, busy):
        sampler, pipeline, haptic = self._sampler, self._pipeline, self._haptic
        if self.activity == message.ACTIVITY_RECORDING:
            cue = pipeline.step(sampler.block, sampler.t_samples, sampler.reading, busy, sampler.lead_off)
            haptic.play(cue, now_ms)
            pipeline.write_records(self._log, sampler.block, sampler.t_samples, busy)
        else:
            pipeline.kernel.process(sampler.block, busy, sampler.lead_off)
            if self.activity == message.ACTIVITY_CALIBRATING:
                haptic.play(self._calibration.step(busy, now_ms), now_ms)

    def _take_gap(self):
        t_samples = self._sampler.t_samples
        lost = self._sampler.take_lost()
        if lost and self.activity == message.ACTIVITY_RECORDING:
            self._pipeline.skip(self._log, t_samples, lost, CAUSE_OVERRUN)
        return lost

    def _log(self, kind, values, tail=None, count=0):
        """Append a record to the log while there is one. A page that the flash refuses is lost, this record is not."""
        for _ in range(2 if self.journal.is_open else 0):
            try:
                self.journal.write(kind, values, tail, count)
                return
            except OSError as error:
                self.health.note(event.FAULT_FLASH, error.errno or 0)

    # Recording

    def _start(self):
        """Begin a session; a result code of message.py."""
        if self.activity != message.ACTIVITY_IDLE:
            return message.RESULT_BUSY
        session = self.journal.open()
        if session == 0:
            self._note_fault(event.FAULT_JOURNAL_FULL, 0)
            return message.RESULT_FLASH
        self._pipeline = Pipeline(self.config.settings, self.facts)
        self._haptic.configure(self.config.settings)
        self._sampler.restart()
        self._write_header(session)
        self.activity = message.ACTIVITY_RECORDING
        self._haptic.play(event.CUE_START, self._now_ms)
        return message.OK

    def _write_header(self, session):
        facts, config, write = self.facts, self.config.settings, self._log
        channels = facts.EMG_CHANNELS
        numbers = (record.FORMAT_MAJOR, record.FORMAT_MINOR, session, self.config.boot_count, self._reset_cause)
        numbers += (self.utc_ms(), RATE_HZ, BLOCK_SAMPLES, FRAME_BLOCKS, facts.IMU_RATE_HZ // IMU_BLOCKS)
        numbers += ((1000000 << IMU_SHIFT) // facts.IMU_ACCEL_COUNTS_PER_G,)
        numbers += ((1000 << IMU_SHIFT) // facts.IMU_GYRO_COUNTS_PER_DPS,)
        numbers += (channels, 1 if config["log_mode"] == "raw" else 0)
        write(record.SESSION, numbers + (facts.DEVICE_ID, VERSION, facts.NAME, config["wearer"]))
        for channel in range(channels):
            kind, _ = settings.to_wire("ch{}_reference_kind".format(channel), config.channel(channel, "reference_kind"))
            side, _ = settings.to_wire("ch{}_side".format(channel), config.channel(channel, "side"))
            rest_q3 = to_q3(config.channel(channel, "rest_nv"), facts)
            reference_q3 = to_q3(config.channel(channel, "reference_nv"), facts) if kind else 0
            numbers = (channel, side, kind, rest_q3, reference_q3, facts.EMG_NV_PER_COUNT)
            numbers += (config.channel(channel, "calibrated_utc_s") * 1000,)
            texts = (config.channel(channel, "muscle"), config.channel(channel, "site"), _UNITS[kind])
            write(record.CHANNEL, numbers + texts)
        for name in settings.keys(settings.SCHEMA):
            write(record.SETTING, settings.to_wire(name, config[name]))

    def _keep_log(self):
        """What belongs in the log besides the pipeline's records; at most one page to flash."""
        self._log_motor()
        fault = self.health.take_unlogged()
        if fault:
            self._log(record.FAULT, (self._sampler.t_samples, fault[0], fault[1]))
        try:
            self.journal.tick()
        except OSError as error:
            self.health.note(event.FAULT_FLASH, error.errno or 0)
        if self.journal.is_full and self.journal.is_open:
            self._close_log(_END_FULL)  # the training goes on without it
            self._note_fault(event.FAULT_JOURNAL_FULL, self.journal.dropped_pages)

    def _log_motor(self):
        haptic = self._haptic
        changed = haptic.take_change()
        if changed:
            value = haptic.strength_pct if changed == event.EVENT_MOTOR_ON else haptic.pulse_ms
            values = (self._sampler.t_samples, changed, event.NO_CHANNEL, value, 0, 0, int(haptic.is_on))
            self._log(record.EVENT, values)

    def _close_log(self, reason):
        sampler, write = self._sampler, self._log
        self._pipeline.close(write, sampler.t_samples)
        numbers = (sampler.t_samples, sampler.samples, sampler.lost_samples, self.journal.dropped_pages)
        write(record.END, numbers + (self._pipeline.cues, reason))
        try:
            self.journal.close()
        except OSError as error:
            self.health.note(event.FAULT_FLASH, error.errno or 0)

    def _stop(self):
        """End the session; the motor says so."""
        self._haptic.stop(self._now_ms)
        self._log_motor()
        if self.journal.is_open:
            self._close_log(_END_ASKED)
        self.activity = message.ACTIVITY_PREPARING
        self._starts_itself = False
        self._haptic.play(event.CUE_STOP, self._now_ms)

    # Not recording

    def _idle(self):
        """Erase ahead; follow the calibration; begin by itself when that is wanted and everything is ready."""
        self._haptic.take_change()
        if self.activity == message.ACTIVITY_CALIBRATING:
            if not self._calibration.is_running:
                self._end_calibration()
        elif self._prepare_flash() and self._starts_itself and self._haptic.is_quiet(self._now_ms):
            self._starts_itself = False
            autostart = self.config.settings["autostart"]
            if autostart == "always" or (autostart == "on" and self._pipeline.coach.scored):
                self._start()

    def _prepare_flash(self):
        try:
            is_ready = self.journal.prepare()
        except OSError as error:
            self.health.note(event.FAULT_FLASH, error.errno or 0)
            is_ready = True
        self.activity = message.ACTIVITY_IDLE if is_ready else message.ACTIVITY_PREPARING
        return is_ready

    def _end_calibration(self):
        calibration, config = self._calibration, self.config.settings
        self.activity = message.ACTIVITY_IDLE
        if calibration.found_hz:
            config.put("mains_found_hz", str(calibration.found_hz))
        if calibration.phase == message.PHASE_DONE:
            self._keep_references()
            self._starts_itself = True
        self._save()
        self._pipeline = Pipeline(config, self.facts)

    def _keep_references(self):
        calibration, config = self._calibration, self.config.settings
        kind = "mvc" if calibration.kind == message.CALIBRATE_MAXIMUM else "ref"
        for channel in range(self.facts.EMG_CHANNELS):
            key = "ch{}_".format(channel)
            if calibration.is_usable(channel):
                config.put(key + "reference_nv", to_nanovolt(calibration.reference_q3[channel], self.facts))
                config.put(key + "rest_nv", to_nanovolt(calibration.rest_q3[channel], self.facts))
                config.put(key + "calibrated_utc_s", self.utc_ms() // 1000)
                config.put(key + "reference_kind", kind)

    def _save(self):
        """Keep the settings; a result code of message.py."""
        try:
            self.config.save()
        except OSError as error:
            self._note_fault(event.FAULT_FLASH, error.errno or 0)
            return message.RESULT_FLASH
        return message.OK

    def _note_fault(self, code, detail):
        self.health.note(code, detail)
        self._haptic.play(event.CUE_ERROR, self._now_ms)

    # What the line asks for

    def utc_ms(self):
        """Wall clock, or 0 when it was never set."""
        return 0 if self._utc_offset_ms is None else self._utc_offset_ms + self._now_ms

    def status(self):
        """The fields of a STATUS reply."""
        journal, calibration, health = self.journal, self._calibration, self.health
        result = calibration.result | self._pipeline.coach.target << 4
        return (
            self._now_ms, self.utc_ms(), self.activity, calibration.phase, result, journal.session, health.faults,
            journal.ready_blocks, journal.free_blocks(), journal.blocks, health.newest, int(self._haptic.is_on),
        )  # fmt: skip

    def set_time(self, utc_ms):
        """Set the wall clock; a session that runs gets a record that ties it to its counter."""
        if utc_ms >= _LAST_UTC_MS:
            return message.RESULT_RANGE
        self._utc_offset_ms = utc_ms - self._now_ms
        if self.activity == message.ACTIVITY_RECORDING:
            self._log(record.CLOCK, (self._sampler.t_samples, utc_ms))
        return message.OK

    def put_setting(self, number, key):
        """Check, set and keep one setting. It is in force from the next session on."""
        if self.activity in (message.ACTIVITY_RECORDING, message.ACTIVITY_CALIBRATING):
            return message.RESULT_BUSY
        try:
            name, value = settings.from_wire(number, key)
            self.config.settings.put(name, value)
        except UsageError:
            return message.RESULT_RANGE
        self._pipeline = Pipeline(self.config.settings, self.facts)
        return self._save()

    def control(self, verb, argument):
        """Carry out a verb of message.py."""
        if verb == message.VERB_START:
            return self._start()
        if verb == message.VERB_STOP:
            if self.activity == message.ACTIVITY_RECORDING:
                self._stop()
            return message.OK
        if verb == message.VERB_CALIBRATE and argument in (message.CALIBRATE_MAXIMUM, message.CALIBRATE_REFERENCE):
            return self._calibrate(argument)
        if verb == message.VERB_CANCEL:
            if self.activity == message.ACTIVITY_CALIBRATING:
                self._haptic.play(self._calibration.cancel(), self._now_ms)
            return message.OK
        return message.RESULT_RANGE

    def _make_calibration(self):
        return Calibration(self._pipeline.kernel, self._pipeline.coach.target, self.config.settings)

    def _calibrate(self, kind):
        if self.activity == message.ACTIVITY_RECORDING:
            self._stop()
        if self.activity == message.ACTIVITY_CALIBRATING:
            return message.RESULT_BUSY
        self.activity = message.ACTIVITY_CALIBRATING
        self._pipeline.kernel.reset()
        self._calibration = self._make_calibration()
        self._haptic.configure(self.config.settings)
        self._haptic.play(self._calibration.start(kind, self._now_ms), self._now_ms)
        return message.OK
