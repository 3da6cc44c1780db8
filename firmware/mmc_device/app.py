"""App: wires the wearable's parts and ticks them; the only place that knows what the device is doing.

In:    a board: roles `emg`, `imu`, `motor`, `button`, `power`, `console`, `flash`, `clock`, `watchdog`, `folder`,
       `reset_cause`, `restart`, `missing`, `micropython`, `facts`
Out:   a running wearable
State: the activity (see message.py), the wall clock's offset, patterns that wait for each other
Cost:  per tick: one pipeline step per block that waits, at most one flash program, one piece of a stream
Source: house plan: pure core, thin shell

`tick(now_ms)` does everything once, in the order that matters: signal, motor, log, line. `run` ticks on the board's
clock for ever; a simulated board has a simulated clock, and the very same loop runs on virtual time.

The heap is small: what is needed only between sessions (the desk), and what only in one (the coach), is imported when
it is needed and let go of before the other comes.
"""

import gc

from mmc_core import event, message
from mmc_core.coach.plan import DONE
from mmc_core.compat import const
from mmc_core.program import MODE, MODE_MVC
from mmc_core.sample import BLOCK_MS
from mmc_device import button, turns
from mmc_device.clock import Monotonic
from mmc_device.gym import INPUT_FAILED, INPUT_RUNS
from mmc_device.haptic import Haptic
from mmc_device.health import Health
from mmc_device.journal import Journal
from mmc_device.link import Link
from mmc_device.orders import Orders
from mmc_device.recording import END_ASKED, END_BATTERY, END_FULL, END_IDLE, Recording
from mmc_device.sampler import Sampler
from mmc_device.vitals import Vitals, is_trouble
from mmc_device.wear import Wear

VERSION = "0.1.0"

_SLEEP_MS = const(200)
_ETIMEDOUT = const(110)
_AFTER_PROGRAM_MS = const(30000)  # a session whose program is over ends after so long without a movement


class App:
    """The wearable on one board."""

    version = VERSION

    def __init__(self, board):
        self.facts = board.facts
        self.reset_cause = board.reset_cause
        self.restart = board.restart
        self._clock = board.clock
        self._watchdog = board.watchdog
        self._monotonic = Monotonic(board.clock.ticks_ms())
        self.now_ms = 0
        self.utc_offset_ms = None  # wall clock minus now_ms; None: not set
        self.health = Health()
        self.vitals = Vitals(board.power, board.emg, board.missing, board.micropython)
        if self.vitals.missing:
            self.health.note(event.FAULT_PART, self.vitals.missing)
        if is_trouble(board.reset_cause):
            self.health.note(event.FAULT_RESET, board.reset_cause)
        self.journal = Journal(board.flash)
        self.journal.mount()
        self.sampler = Sampler(board.emg, board.imu, board.facts)
        self.haptic = Haptic(board.motor, board.facts, self.health.note)
        self.play, self.hush = self.haptic.later, self.haptic.hush
        self.pipeline = None  # of the session under way
        self.recording = Recording(self.journal, self.sampler, self.haptic, self.health, self.vitals)
        self._button = button.Button(board.button)
        self.wear = Wear()
        self.orders = Orders(self, VERSION)
        self._link = Link(board.console, self.orders)
        self.starts_itself = True  # once, if the setting allows it
        self._stirred_ms = self._idle_stop_ms = 0  # when the session last showed life; how long without is too long
        self._begins = False  # a session, as soon as the desk has nothing under way
        self._end_reason = END_ASKED
        self._came_to = None  # units of the program, and how many were in its band
        self.cues = 0  # of the session before
        self._marks = 0
        self.activity = message.ACTIVITY_PREPARING
        self._folder = board.folder
        self.next = None  # of a session: settings in force and program's numbers; between two: a calibration to begin
        self.desk = None
        self._swap()

    def run(self):
        """Tick for ever; whatever ends it, the motor is off."""
        try:
            while True:
                self.tick(self._monotonic.now_ms(self._clock.ticks_ms()))
                self._watchdog.feed()
                self._pause()
        finally:
            self.haptic.stop(self.now_ms)

    def _pause(self):
        """Until the next tick. In a call of its own: what `run` looks at itself it keeps from being let go of."""
        if not self.desk or not self.desk.is_asleep or self._button.is_moving or not self.haptic.is_quiet(self.now_ms):
            self._clock.sleep_ms(BLOCK_MS)  # light sleep would stop the clock that bounds the motor's time
        elif not self.vitals.is_on_usb:
            self._clock.doze_ms(_SLEEP_MS)
        else:  # somebody may talk to it
            for _ in range(_SLEEP_MS // BLOCK_MS):
                self._clock.sleep_ms(BLOCK_MS)
                if self._button.is_moving:
                    return

    def tick(self, now_ms):
        """Do everything once."""
        first_ms = min(now_ms, self.now_ms + BLOCK_MS)  # end of the oldest block that waits
        self.now_ms = now_ms
        if self.desk is None and self.pipeline is None:
            self._swap()
        self.haptic.tick(now_ms)
        self.vitals.tick(now_ms)
        try:
            if self.desk and self.desk.is_asleep:
                self.sampler.rest()
                self.desk.feel(self.sampler.feel(), now_ms)
            else:
                self.sampler.wake(now_ms)
                self._take_blocks(now_ms, self.haptic.is_busy(first_ms))
        except OSError as error:
            self.health.note(event.FAULT_SAMPLER, error.errno or 0)
        gesture = self._button.tick(now_ms)
        if self.pipeline:
            self._train(gesture)
        elif self.desk:
            self._idle(gesture)
        try:
            self._link.tick(now_ms)
        except OSError as error:
            self.health.note(event.FAULT_FLASH, error.errno or 0)

    def _take_blocks(self, now_ms, busy):
        while True:
            if self.sampler.next_block():
                self._take_block(now_ms, busy)
            elif not self._take_gap():
                break
        if not self.vitals.missing & 1 and self.sampler.check(now_ms):
            self.health.note(event.FAULT_SAMPLER, _ETIMEDOUT)

    def _take_block(self, now_ms, busy):
        sampler, pipeline, desk = self.sampler, self.pipeline, self.desk
        if pipeline:
            cue = pipeline.step(sampler.block, sampler.t_samples, sampler.reading, busy, sampler.lead_off)
            self.haptic.play(cue, now_ms, pipeline.cue.pulses)
            pipeline.write_records(self.recording.log, sampler.block, sampler.t_samples, busy)
            if pipeline.coach.outbox.count:
                self._stirred_ms = now_ms
        elif desk:
            desk.kernel.process(sampler.block, busy and not desk.sees_motor, sampler.lead_off)
            desk.take_block(desk.kernel.out, busy, now_ms)
        self.wear.came_off |= sampler.lead_off
        if sampler.imu_error:
            self.health.note(event.FAULT_SAMPLER, sampler.imu_error)
            sampler.imu_error = 0

    def _take_gap(self):
        t_samples = self.sampler.t_samples
        lost = self.sampler.take_lost()
        if lost and self.pipeline:
            self.pipeline.skip(self.recording.log, t_samples, lost, self.sampler.cause)
        return lost

    # A session

    def start(self, by_itself=False):
        """Begin a session; a result code of message.py."""
        if self.activity != message.ACTIVITY_IDLE or self.desk is None:
            return message.RESULT_BUSY
        refusal = self.refusal()
        if refusal:
            return refusal
        config, found = self.desk.prepare()
        numbers = found[0].numbers if found else None
        if numbers and numbers[MODE] == MODE_MVC:  # its contractions are a calibration's
            if by_itself:
                return message.RESULT_BUSY  # nobody is asked for maxima who is not there
            self.desk.calibrate(message.CALIBRATE_MAXIMUM, self.now_ms)
            return message.OK
        session = self.journal.open()
        if session == 0:
            self.note_fault(event.FAULT_JOURNAL_FULL, 0)
            return message.RESULT_FLASH
        self.sampler.restart()
        self.recording.begin()
        self.desk.write_header(self.recording, config, found, session)
        self.desk.gym.hear(INPUT_RUNS, self.now_ms)
        self.haptic.configure(config)
        self._idle_stop_ms = config["idle_stop_min"] * 60000
        self._stirred_ms, self._marks = self.now_ms, 0
        self.next = (config, numbers)
        self.desk = None
        turns.let_go_of(turns.AT_THE_DESK)
        self.activity = message.ACTIVITY_RECORDING
        self.haptic.play(event.CUE_START, self.now_ms)
        return message.OK

    def _swap(self):
        """Bring in what is needed next. A tick after the other was let go of: until then its heap is in use."""
        gc.collect()  # what was let go of leaves room at the bottom: what comes shall take that, and no large piece
        if self.activity != message.ACTIVITY_RECORDING:
            from mmc_device.desk import Desk

            self.desk = Desk(self, self._folder, self.now_ms)
            if self._came_to:
                self.desk.note_progress(self._came_to[0], self._came_to[1])
                self._came_to = None
            if self.activity == message.ACTIVITY_ASKING:
                self.desk.gym.ask_after(self.now_ms)
            elif self.next:
                self.desk.calibrate(self.next, self.now_ms)
        else:
            from mmc_core.pipeline import Pipeline

            self.pipeline = Pipeline(self.next[0], self.facts, self.next[1])
            turns.let_go_of(turns.SETTINGS)
            self.sampler.restart()  # what came in meanwhile belongs to no session
        self.next = None

    def _train(self, gesture):
        """The button; what belongs in the log besides the pipeline's records; the end when nothing happens any more."""
        action = button.in_session(gesture)
        plan = self.pipeline.plan
        if action == button.MARK:
            self._marks += 1
            self.note(event.EVENT_MARK, event.NO_CHANNEL, self._marks)
        elif action == button.SKIP:
            self.note(event.EVENT_SKIP, event.NO_CHANNEL, 0)
            self.pipeline.skip_rest()
        if gesture and action != button.STOP:
            self.haptic.play(event.CUE_TICK, self.now_ms)
        if not self.recording.keep():
            self.recording.end_pipeline(self.pipeline)
            self.recording.close(END_FULL)  # the training goes on without it
            self.note_fault(event.FAULT_JOURNAL_FULL, self.journal.dropped_pages)
        if self.pipeline.is_raw and self.journal.is_low:
            self.pipeline.end_raw(self.recording.log)
            self.note(event.EVENT_DETAIL, event.NO_CHANNEL, self.journal.ready_blocks)
        still_ms = self.now_ms - self._stirred_ms
        longest_ms = self._idle_stop_ms
        if action == button.STOP:
            self.end(END_ASKED, True)
        elif self.vitals.is_empty:
            self.health.note(event.FAULT_BATTERY, self.vitals.percent)
            self.recording.keep()
            self.end(END_BATTERY, False)
            self.play(event.CUE_ERROR)
        elif (longest_ms and still_ms > longest_ms) or (plan and plan.phase == DONE and still_ms > _AFTER_PROGRAM_MS):
            self.end(END_IDLE, False)

    def end(self, reason, asks):
        """What is decided ends here. asks: the wearer is there to be asked how it was."""
        self.haptic.stop(self.now_ms)
        self._end_reason = reason
        if self.pipeline:
            self.recording.end_pipeline(self.pipeline)
            plan = self.pipeline.plan
            self._came_to = (plan.units, plan.in_band) if plan else None
            self.cues = self.pipeline.cues
        self.pipeline = self.next = None
        turns.let_go_of(turns.IN_A_SESSION)
        if asks and self.wear.asks:
            self.activity = message.ACTIVITY_ASKING
        else:
            self.finish()

    def finish(self):
        """Close the log; the motor says so."""
        self.haptic.stop(self.now_ms)
        self.recording.close(self._end_reason)
        self.activity = message.ACTIVITY_PREPARING
        self.starts_itself = False
        self.hush()
        self.haptic.play(event.CUE_STOP, self.now_ms)

    def note(self, kind, channel, value, threshold=0, reason=0):
        """Log an event of the shell's own in the session under way."""
        self.recording.note(kind, channel, value, threshold, reason)

    # No session

    def _idle(self, gesture):
        """Erase ahead; the desk's work; begin by itself when that is wanted and everything is ready."""
        self.haptic.take_change()
        self.haptic.go_on(self.now_ms)
        self.desk.step(gesture, self.now_ms)
        if self._begins:
            self._begins = False
            if self.start() != message.OK:
                self.haptic.play(event.CUE_ERROR, self.now_ms)
                self.desk.gym.hear(INPUT_FAILED, self.now_ms)
            return
        if self.activity <= message.ACTIVITY_IDLE and self._prepare_flash():
            if self.starts_itself and self.haptic.is_quiet(self.now_ms):
                self.starts_itself = False
                autostart = self.desk.config.settings["autostart"]
                if autostart == "always" or (autostart == "on" and self.desk.is_scored):
                    self.start(True)

    def _prepare_flash(self):
        try:
            is_ready = self.journal.prepare()
        except OSError as error:
            self.health.note(event.FAULT_FLASH, error.errno or 0)
            is_ready = True
        self.activity = message.ACTIVITY_IDLE if is_ready else message.ACTIVITY_PREPARING
        return is_ready

    def begin_soon(self):
        """Begin a session once the desk is through with what it is doing: then nothing of it is in use."""
        self._begins = True

    def spin(self, wanted):
        """Let the motor run, or stop it, for a check."""
        self.haptic.spin(wanted, self.now_ms)

    def enter(self, activity):
        """Something else begins between two sessions."""
        self.activity = activity

    def note_fault(self, code, detail):
        """Count a fault, and let the wearer know."""
        self.health.note(code, detail)
        self.haptic.play(event.CUE_ERROR, self.now_ms)

    def utc_ms(self):
        """Wall clock, or 0 when it was never set."""
        return 0 if self.utc_offset_ms is None else self.utc_offset_ms + self.now_ms

    def refuses(self):
        """Whether nobody may be measured now; the status says why, the motor that it is so."""
        refusal = self.refusal()
        if refusal:
            self.note_fault(event.FAULT_REFUSED, refusal)
        return refusal

    def refusal(self):
        """Why nobody may be measured now, as a result code; OK: they may."""
        try:
            self.sampler.wake(self.now_ms)
        except OSError as error:
            self.health.note(event.FAULT_SAMPLER, error.errno or 0)
        return self.vitals.refusal() if self.sampler.is_awake else message.RESULT_NO_PART
