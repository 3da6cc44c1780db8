"""Orders: what the line asks for, in the app's terms.

In:    requests with their values
Out:   result codes of message.py; the fields of a status
State: none of its own
Cost:  a small tuple per status
Source: message.py
"""

import gc

from mmc_core import event, message, record
from mmc_device.gym import INPUT_STIR
from mmc_device.recording import END_ASKED

_LAST_UTC_MS = 2147483647000  # what `calibrated_utc_s` holds


class Orders:
    """What `Link` needs of the app."""

    def __init__(self, app, version):
        self._app = app
        self.version = version
        self.facts = app.facts
        self.journal = app.journal
        self.wear = app.wear

    def stir(self):
        """Somebody is at the other end of the line."""
        app = self._app
        if app.desk:
            app.desk.gym.hear(INPUT_STIR, app.now_ms)

    def at_rest(self):
        """The desk, or None while it must not be disturbed."""
        return self._app.desk if self._app.activity <= message.ACTIVITY_IDLE else None

    def leave(self):
        """Close what is open and make room for MicroPython's console. Returns only where that fails."""
        app = self._app
        if app.activity == message.ACTIVITY_RECORDING:
            app.end(END_ASKED, False)
        elif app.activity == message.ACTIVITY_ASKING:
            app.finish()
        app.haptic.stop(app.now_ms)
        try:
            app.restart(True)
        except OSError as error:  # no room for the flag: the app would only start again
            app.health.note(event.FAULT_FLASH, error.errno or 0)

    def get_setting(self, index):
        """Return (how many settings there are, value, key) of one of them, or None behind the last."""
        from mmc_core import settings  # a session lets go of it; asked in one, it stays until the next

        names = tuple(settings.names())
        if index >= len(names):
            return None
        return (len(names),) + settings.to_wire(names[index], settings.Settings(self.wear.values)[names[index]])

    def health(self):
        """The fields of a HEALTH reply."""
        app, vitals = self._app, self._app.vitals
        gc.collect()
        free = getattr(gc, "mem_free", int)()  # CPython has none
        p50, p99, most, percent, minutes, power = vitals.figures()
        return (
            app.reset_cause, vitals.missing, percent, minutes, power, free, p50, p99, most, app.sampler.lost_samples,
            app.haptic.expired, vitals.micropython, vitals.words,
        )  # fmt: skip

    def status(self):
        """The fields of a STATUS reply."""
        app, journal, wear = self._app, self.journal, self.wear
        health = app.health
        flags = int(app.haptic.is_on) | (2 if app.desk and app.desk.is_pairing else 0)
        return (
            app.now_ms, app.utc_ms(), app.activity, wear.phase, wear.result | wear.target << 4, journal.session,
            health.faults, journal.ready_blocks, journal.free_blocks(), journal.blocks, health.newest, flags,
        )  # fmt: skip

    def set_time(self, utc_ms):
        """Set the wall clock; a session that runs gets a record that ties it to its counter."""
        app = self._app
        if utc_ms >= _LAST_UTC_MS:
            return message.RESULT_RANGE
        app.utc_offset_ms = utc_ms - app.now_ms
        if app.activity == message.ACTIVITY_RECORDING:
            app.recording.log(record.CLOCK, (app.sampler.t_samples, utc_ms))
        return message.OK

    def control(self, verb, argument):
        """Carry out a verb of message.py."""
        app = self._app
        is_recording = app.activity == message.ACTIVITY_RECORDING
        if verb == message.VERB_ON_USB:
            app.vitals.allows_usb = argument == 1
            return message.OK
        if verb in (message.VERB_CALIBRATE, message.VERB_CHECK):  # a start looks by itself
            refusal = app.refusal()
            if refusal:
                return refusal
        if verb == message.VERB_START:
            return app.start()
        if verb == message.VERB_STOP:
            if is_recording:
                app.end(END_ASKED, False)
            elif app.activity == message.ACTIVITY_ASKING:
                app.finish()
            return message.OK
        if verb == message.VERB_CANCEL:
            if app.desk:
                app.hush()
                app.desk.end_check()
            elif not is_recording:
                app.next = None
            return message.OK
        if verb == message.VERB_CALIBRATE and 1 <= argument <= message.CALIBRATE_RENEW:
            if is_recording:
                app.end(END_ASKED, False)
            if app.activity > message.ACTIVITY_IDLE:
                return message.RESULT_BUSY
            app.hush()
            if app.desk:
                app.desk.calibrate(argument, app.now_ms)
            else:
                app.next = argument
            return message.OK
        if verb == message.VERB_CHECK and self.at_rest():
            app.desk.check(True)
            return message.OK
        if verb == message.VERB_ANSWER and 1 <= argument >> 4 <= event.QUESTION_PAIN:
            if is_recording:
                app.note(event.EVENT_ANSWER, event.NO_CHANNEL, argument & 15, argument >> 4, event.REASON_AFTER)
            elif app.desk and app.desk.answer(argument >> 4, argument & 15, event.REASON_BEFORE):
                return message.RESULT_NOT_TODAY
            return message.OK
        return message.RESULT_BUSY if verb == message.VERB_CHECK else message.RESULT_RANGE
