"""Desk: what can be done while no session runs: settings, programs, calibration, checks; and the button's part in it.

In:    requests from the line and from the gym's states; the kernel's output block by block
Out:   result codes of message.py; what the next session needs
State: the calibration or check under way; the gym's state
Cost:  needed only while no session runs; a session lets go of it
Source: house plan: the shell fetches, calls, applies
"""

import struct

from mmc_core import event, message, record, settings
from mmc_core.compat import const, let_go
from mmc_core.errors import FormatError, UsageError
from mmc_core.fitting import make_kernel, to_nanovolt
from mmc_device import gym
from mmc_device.config import Config
from mmc_device.shelf import Shelf

_POWER_ON = const(1)  # the reset cause after which nobody knows how long the wearable was off
_FRESH_S = const(28800)  # so old may a calibration be that was made before the last start
_UNKNOWN_S = const(1)  # calibrated while the clock was not set
_MOVED_SHARE = const(8)  # of 1 g: gravity on the axes moves by more when somebody takes the wearable
_NO_ENERGY = const(2)


class Desk:
    """Everything between sessions."""

    def __init__(self, app, folder, now_ms):
        self.app = app
        wear = app.wear
        self.config = Config(folder, wear.values)
        if wear.values is None:
            self.config.load()
            wear.boot_count = self.config.boot_count
            if self.config.was_damaged:
                app.health.note(event.FAULT_SETTINGS, 0)
        wear.values = self.config.settings.values
        self.take_over()
        self.shelf = Shelf(self.config)
        self.gym = gym.Gym(self, now_ms)
        self._calibration = None
        self._contact = None
        self._spins = False
        self._before = None  # gravity on two axes when it was last felt

    def take_over(self):
        """The settings may have changed: the kernel, the motor and the status follow them."""
        app, config = self.app, self.config.settings
        self.kernel = make_kernel(config, app.facts)
        app.wear.asks = config["ask"] == "on"
        app.wear.target = min(config["target_channel"], app.facts.EMG_CHANNELS - 1)
        app.haptic.configure(config)

    @property
    def is_scored(self):
        """Whether the target has a reference."""
        return self.config.settings.channel(self.app.wear.target, "reference_kind") != "none"

    # The button's part

    def step(self, gesture, now_ms):
        """Take a gesture; follow what is under way."""
        self.gym.step(gesture, now_ms)
        wear = self.app.wear
        if self._calibration:
            wear.phase, wear.result = self._calibration.phase, self._calibration.result
            if not self._calibration.is_running:
                self._end_calibration(now_ms)

    def take_block(self, out, busy, now_ms):
        """Whatever is under way looks at the kernel's output."""
        if self._calibration:
            self.app.play(self._calibration.step(busy, now_ms))
        elif self._contact:
            self._follow_contact(out, now_ms)
        else:
            self.gym.take_block(out, busy, now_ms)

    @property
    def sees_motor(self):
        """The kernel shall not stand still while the motor runs: what it adds is measured."""
        return self._contact is not None

    @property
    def is_asleep(self):
        """Nothing is to be measured."""
        return self.gym.state == gym.STATE_SLEEP

    @property
    def is_pairing(self):
        """The wearer points at this one."""
        return self.gym.state == gym.STATE_PAIR

    def feel(self, reading, now_ms):
        """Asleep: does somebody take the wearable?"""
        if reading is None:
            return
        now = reading[0] + reading[1]
        if self._before is not None and abs(now - self._before) > self.app.facts.IMU_ACCEL_COUNTS_PER_G // _MOVED_SHARE:
            self.gym.hear(gym.INPUT_STIR, now_ms)
            now = None
        self._before = now

    # Calibration

    def calibrate(self, kind, now_ms):
        """Begin one; the app sees to it that nothing else runs."""
        from mmc_device.calibrate import Calibration

        app = self.app
        self.kernel.reset()
        self._calibration = Calibration(self.kernel, app.wear.target, self.config.settings)
        app.enter(message.ACTIVITY_CALIBRATING)
        app.play(self._calibration.start(kind, now_ms))
        self.gym.hear(gym.INPUT_HOST, now_ms)

    def cancel(self):
        """Give the calibration up."""
        if self._calibration and self._calibration.is_running:
            self.app.play(self._calibration.cancel())

    def _end_calibration(self, now_ms):
        calibration, config = self._calibration, self.config.settings
        self._calibration = None
        if calibration.found_hz:
            config.put("mains_found_hz", str(calibration.found_hz))
        is_good = calibration.phase == message.PHASE_DONE
        if is_good:
            self._keep_references(calibration)
        self.save()
        self.app.enter(message.ACTIVITY_CHECKING if self.gym.state == gym.STATE_RENEW else message.ACTIVITY_IDLE)
        self.app.starts_itself = is_good and self.gym.state != gym.STATE_RENEW
        let_go("mmc_device.calibrate")
        let_go("mmc_core.mains")
        self.gym.hear(gym.INPUT_DONE if is_good else gym.INPUT_FAILED, now_ms)

    def _keep_references(self, calibration):
        config, wear, facts = self.config.settings, self.app.wear, self.app.facts
        kind = "mvc" if calibration.kind == message.CALIBRATE_MAXIMUM else "ref"
        for channel in range(facts.EMG_CHANNELS):
            key = "ch{}_".format(channel)
            # What has no reference yet gets none by the way: nobody said that its muscle is to be tightened.
            is_new = calibration.kind == message.CALIBRATE_RENEW and config[key + "reference_kind"] == "none"
            if calibration.is_usable(channel) and not is_new:
                config.put(key + "reference_nv", to_nanovolt(calibration.reference_q3[channel], facts))
                config.put(key + "rest_nv", to_nanovolt(calibration.rest_q3[channel], facts))
                config.put(key + "calibrated_utc_s", self.app.utc_ms() // 1000 or _UNKNOWN_S)
                config.put(key + "reference_kind", kind)
                wear.calibrated |= 1 << channel
                wear.came_off &= ~(1 << channel)

    def stale(self):
        """Bits of the channels whose calibration may be another placement's."""
        app, found = self.app, 0
        now_s = app.utc_ms() // 1000
        for channel in range(app.facts.EMG_CHANNELS):
            then_s = self.config.settings.channel(channel, "calibrated_utc_s")
            if self.config.settings.channel(channel, "reference_kind") == "none" or then_s == 0:
                continue  # entered by hand: whoever did it knows
            is_old = now_s - then_s > _FRESH_S if now_s else app.reset_cause == _POWER_ON
            if app.wear.came_off >> channel & 1 or (is_old and not app.wear.calibrated >> channel & 1):
                found |= 1 << channel
        return found

    def renews(self, now_ms):
        """Begin one contraction of three seconds when a calibration is stale; False when none is."""
        if not self.stale():
            return False
        self.calibrate(message.CALIBRATE_RENEW, now_ms)
        return True

    # Checks

    def check(self, with_motor):
        """Begin a check of contact and interference."""
        from mmc_device.contact import Contact

        self.app.wear.checked = 1
        self.app.enter(message.ACTIVITY_CHECKING)
        self._contact = Contact(self.kernel, with_motor, self._level_of)

    def _level_of(self, channel, q3):
        config, nanovolt = self.config.settings, to_nanovolt(q3, self.app.facts)
        reference_nv = config.channel(channel, "reference_nv")
        if config.channel(channel, "reference_kind") == "none" or not reference_nv:
            return nanovolt // 1000, -1
        return nanovolt // 1000, nanovolt * 1000 // reference_nv

    def _follow_contact(self, out, now_ms):
        contact, app = self._contact, self.app
        self._spin(contact.step(out))
        if not contact.is_over:
            return
        self._contact = None
        wear, facts = app.wear, app.facts
        wear.checked, wear.bad = 2, 0
        self._forget((event.EVENT_CONTACT, event.EVENT_ARTEFACT), 0)
        findings = []
        for channel in range(facts.EMG_CHANNELS):
            reason, value, artefact = contact.reasons[channel], contact.values[channel], contact.artefact_pct[channel]
            rest = min(32767, to_nanovolt(contact.rest_q3(channel), facts) // 100)
            findings.append(struct.pack("<4h", reason, value, rest, artefact))
            if artefact >= 0:
                wear.notes.append((event.EVENT_ARTEFACT, channel, artefact, 0, 0))
            if reason and self._is_worn(channel):
                wear.bad |= 1 << channel
                wear.notes.append((event.EVENT_CONTACT, channel, value, 0, reason))
                app.play(event.CUE_ERROR)
                app.play(event.CUE_TICK, channel + 1)
        wear.findings = b"".join(findings)
        let_go("mmc_device.contact")
        if self.gym.state == gym.STATE_CHECK:
            is_bad = wear.bad >> wear.target & 1
            if is_bad:
                app.enter(message.ACTIVITY_IDLE)
            self.gym.hear(gym.INPUT_FAILED if is_bad else gym.INPUT_DONE, now_ms)
        else:
            app.enter(message.ACTIVITY_IDLE)

    def _spin(self, wanted):
        if wanted != self._spins:
            self._spins = wanted
            self.app.spin(wanted)

    def _is_worn(self, channel):
        config = self.config.settings
        return channel == self.app.wear.target or config.channel(channel, "reference_kind") != "none"

    def end_check(self):
        """Leave what was under way before a session."""
        self._contact = None
        self._spin(False)
        self.cancel()
        if self.app.activity == message.ACTIVITY_CHECKING:
            self.app.enter(message.ACTIVITY_IDLE)

    def channels_to_confirm(self):
        """Bits of the channels that are to answer by name: those with a reference, if there are several."""
        config, found, count = self.config.settings, 0, 0
        if config["confirm"] == "on":
            for channel in range(self.app.facts.EMG_CHANNELS):
                if config.channel(channel, "reference_kind") != "none" and not self.app.wear.bad >> channel & 1:
                    found |= 1 << channel
                    count += 1
        return found if count > 1 else 0

    def answer(self, question, value, reason):
        """Note what the wearer says; True when it means: not today."""
        if reason == event.REASON_AFTER:
            self.app.note(event.EVENT_ANSWER, event.NO_CHANNEL, value, question, reason)
            return False
        notes = self.app.wear.notes
        self._forget((event.EVENT_ANSWER, event.EVENT_ADVICE), question)  # the last answer counts
        notes.append((event.EVENT_ANSWER, event.NO_CHANNEL, value, question, reason))
        is_bad = (
            value > 0 if question == event.QUESTION_PAIN else question == event.QUESTION_ENERGY and value <= _NO_ENERGY
        )
        if is_bad:
            notes.append((event.EVENT_ADVICE, event.NO_CHANNEL, value, question, event.REASON_NOT_TODAY))
            self.app.play(event.CUE_TIRED)
        return is_bad

    def _forget(self, kinds, threshold):
        """Events noted before that a newer one replaces."""
        notes = self.app.wear.notes
        notes[:] = [note for note in notes if note[0] not in kinds or note[3] != threshold]

    # Settings and programs

    def put_setting(self, number, key):
        """Check, set and keep one setting. It is in force from the next session on."""
        try:
            name, value = settings.from_wire(number, key)
            self.config.settings.put(name, value)
        except UsageError:
            return message.RESULT_RANGE
        return self.save()

    def save(self):
        """Keep the settings, and take them over; a result code."""
        self.take_over()
        try:
            self.config.save()
        except OSError as error:
            self.app.note_fault(event.FAULT_FLASH, error.errno or 0)
            return message.RESULT_FLASH
        return message.OK

    def put_program(self, slot, data):
        """Keep a program, or none; a result code."""
        try:
            self.shelf.put(slot, data)
        except FormatError:
            return message.RESULT_RANGE
        except OSError as error:
            self.app.health.note(event.FAULT_FLASH, error.errno or 0)
            return message.RESULT_FLASH
        return message.OK

    def choose_program(self, slot):
        """Follow a program from the next session on; its muscles are the channels' now."""
        config = self.config.settings
        config.put("program", slot)
        found = self.shelf.load(slot) if slot else None
        if found:
            found[0].name_muscles(config)
        self.save()

    def note_progress(self, units, in_band):
        """A program's session is over; the motor says when its target moves."""
        try:
            if self.shelf.note(self.config.settings["program"], units, in_band):
                self.app.play(event.CUE_MILESTONE)
        except OSError as error:
            self.app.health.note(event.FAULT_FLASH, error.errno or 0)

    def prepare(self):
        """Return the settings in force for a session, and its program as `Shelf.load` gives it, or None."""
        config = self.config.settings.copy()
        slot = config["program"]
        found = self.shelf.load(slot) if slot else None
        if found:
            found[0].apply_to(config, found[1])
        stale = self.stale()
        for channel in range(self.app.facts.EMG_CHANNELS):
            key = "ch{}_reference_kind".format(channel)
            if self.app.wear.bad >> channel & 1:
                config.restore(key, "none")
            elif stale >> channel & 1 and config[key] != "none":  # the program may have named another muscle
                config.restore(key, "relative")
        return config, found

    def write_header(self, recording, config, found, session):
        """The beginning of the log: settings, program, and what was found before the session."""
        from mmc_device.header import write_header

        app = self.app
        numbers = (session, app.wear.boot_count, app.reset_cause, app.utc_ms())
        write_header(recording.log, config, app.facts, numbers, app.version)
        recording.write_vitals()
        if found:
            _, shift_pct, streak, data = found
            recording.log(record.PROGRAM, (config["program"], shift_pct, streak), data, len(data))
        for note in app.wear.notes:
            recording.note(*note)
        app.wear.notes = []
