"""Gym: one button and the motor are the whole interface, as a table of states. docs/button.md is made from it.

In:    gestures, the kernel's output block by block, ticks; what the app reports
Out:   calls of the app's verbs; patterns
State: the state, when it was entered, what is being chosen, asked or checked
Cost:  needed only while no session runs; a session lets go of it
Source: this table: every state leaves by itself after its time, and no press is without an answer

A row of TABLE: state, input, next state, action. What is in no row changes nothing and is answered by a tick. A number
of clicks is its own input. A double press confirms what costs data: the old calibration.
"""

from mmc_core import event, message
from mmc_core.compat import const, let_go
from mmc_device.button import LONG

STATE_READY = const(0)  # nothing runs
STATE_CHOOSE = const(1)  # which program: as many pulses as its place, one for "as you like"
STATE_WEARER = const(2)  # who wears it: as many pulses as the place in the list
STATE_SURE = const(3)  # calibrate? it replaces what 100 % is
STATE_CALIBRATE = const(4)  # rest, then three contractions
STATE_ASK = const(5)  # questions, one after the other: one pulse effort, two energy, three pain
STATE_CHECK = const(6)  # two seconds of rest: contact and interference
STATE_RENEW = const(7)  # the electrodes came off, or it was long ago: one contraction of three seconds
STATE_CONFIRM = const(8)  # tighten the muscle of the channel whose number is buzzed
STATE_TRAIN = const(9)  # a session runs
STATE_PAIR = const(10)  # a host that looks for "the one whose button is held" finds it
STATE_SLEEP = const(11)  # nothing is measured; a press or a movement wakes it

INPUT_LONG = const(99)  # pressed for a second
INPUT_DONE = const(100)  # what the state waits for has happened
INPUT_FAILED = const(101)  # it went wrong, and the motor said so
INPUT_TIME = const(102)  # the state's time is up
INPUT_CLICKS = const(103)  # any number of clicks
INPUT_RUNS = const(104)  # the host, or the wearable by itself, began a session
INPUT_HOST = const(105)  # the host began a calibration
INPUT_STIR = const(106)  # the wearable was moved, or a host asks something

ACT_NONE = const(0)
ACT_BEGIN = const(1)  # ask what is to be asked, else check at once
ACT_CHOOSE = const(2)  # buzz the place
ACT_NEXT = const(3)  # on to the next, and buzz its place
ACT_TAKE = const(4)  # keep it
ACT_DROP = const(5)  # leave everything as it was
ACT_SURE = const(6)  # two ticks: press twice to do it
ACT_CALIBRATE = const(7)
ACT_CANCEL = const(8)
ACT_BATTERY = const(9)  # one to five pulses
ACT_ANSWER = const(10)  # note it, ask the next
ACT_CHECK = const(11)
ACT_RENEW = const(12)  # if it is due, else go on
ACT_CONFIRM = const(13)  # if it is wanted, else go on
ACT_TRAIN = const(14)
ACT_WAKE = const(15)
ACT_SLEEP = const(16)
ACT_PAIR = const(17)

# fmt: off
TABLE = bytes((
    STATE_READY, 1, STATE_ASK, ACT_BEGIN,
    STATE_READY, 2, STATE_CHOOSE, ACT_CHOOSE,
    STATE_READY, 3, STATE_SURE, ACT_SURE,
    STATE_READY, 4, STATE_READY, ACT_BATTERY,
    STATE_READY, 5, STATE_WEARER, ACT_CHOOSE,
    STATE_READY, INPUT_LONG, STATE_PAIR, ACT_PAIR,
    STATE_READY, INPUT_RUNS, STATE_TRAIN, ACT_NONE,
    STATE_READY, INPUT_HOST, STATE_CALIBRATE, ACT_NONE,
    STATE_READY, INPUT_TIME, STATE_SLEEP, ACT_SLEEP,
    STATE_CHOOSE, 1, STATE_CHOOSE, ACT_NEXT,
    STATE_CHOOSE, 2, STATE_READY, ACT_DROP,
    STATE_CHOOSE, INPUT_LONG, STATE_READY, ACT_TAKE,
    STATE_CHOOSE, INPUT_TIME, STATE_READY, ACT_DROP,
    STATE_WEARER, 1, STATE_WEARER, ACT_NEXT,
    STATE_WEARER, 2, STATE_READY, ACT_DROP,
    STATE_WEARER, INPUT_LONG, STATE_READY, ACT_TAKE,
    STATE_WEARER, INPUT_TIME, STATE_READY, ACT_DROP,
    STATE_SURE, 2, STATE_CALIBRATE, ACT_CALIBRATE,
    STATE_SURE, INPUT_CLICKS, STATE_READY, ACT_DROP,
    STATE_SURE, INPUT_LONG, STATE_READY, ACT_DROP,
    STATE_SURE, INPUT_TIME, STATE_READY, ACT_DROP,
    STATE_CALIBRATE, INPUT_LONG, STATE_READY, ACT_CANCEL,
    STATE_READY, INPUT_STIR, STATE_READY, ACT_NONE,
    STATE_CALIBRATE, INPUT_DONE, STATE_READY, ACT_NONE,
    STATE_CALIBRATE, INPUT_FAILED, STATE_READY, ACT_NONE,
    STATE_CALIBRATE, INPUT_TIME, STATE_READY, ACT_CANCEL,
    STATE_ASK, INPUT_CLICKS, STATE_ASK, ACT_ANSWER,
    STATE_ASK, INPUT_LONG, STATE_ASK, ACT_ANSWER,
    STATE_ASK, INPUT_TIME, STATE_ASK, ACT_ANSWER,
    STATE_ASK, INPUT_DONE, STATE_CHECK, ACT_CHECK,
    STATE_ASK, INPUT_FAILED, STATE_READY, ACT_NONE,
    STATE_CHECK, INPUT_DONE, STATE_RENEW, ACT_RENEW,
    STATE_CHECK, INPUT_FAILED, STATE_READY, ACT_NONE,
    STATE_CHECK, INPUT_LONG, STATE_READY, ACT_DROP,
    STATE_CHECK, INPUT_TIME, STATE_READY, ACT_DROP,
    STATE_RENEW, INPUT_DONE, STATE_CONFIRM, ACT_CONFIRM,
    STATE_RENEW, INPUT_FAILED, STATE_CONFIRM, ACT_CONFIRM,
    STATE_RENEW, INPUT_LONG, STATE_READY, ACT_CANCEL,
    STATE_RENEW, INPUT_TIME, STATE_READY, ACT_CANCEL,
    STATE_CONFIRM, INPUT_DONE, STATE_TRAIN, ACT_TRAIN,
    STATE_CONFIRM, INPUT_LONG, STATE_TRAIN, ACT_TRAIN,
    STATE_CONFIRM, INPUT_TIME, STATE_READY, ACT_DROP,
    STATE_TRAIN, INPUT_FAILED, STATE_READY, ACT_NONE,
    STATE_TRAIN, INPUT_HOST, STATE_CALIBRATE, ACT_NONE,
    STATE_PAIR, INPUT_CLICKS, STATE_READY, ACT_DROP,
    STATE_PAIR, INPUT_LONG, STATE_READY, ACT_DROP,
    STATE_PAIR, INPUT_TIME, STATE_READY, ACT_DROP,
    STATE_PAIR, INPUT_RUNS, STATE_TRAIN, ACT_NONE,
    STATE_SLEEP, INPUT_CLICKS, STATE_READY, ACT_WAKE,
    STATE_SLEEP, INPUT_LONG, STATE_READY, ACT_WAKE,
    STATE_SLEEP, INPUT_STIR, STATE_READY, ACT_NONE,
    STATE_SLEEP, INPUT_RUNS, STATE_TRAIN, ACT_NONE,
    STATE_SLEEP, INPUT_HOST, STATE_CALIBRATE, ACT_NONE,
))
# Longest stay in each state, seconds; 0: as long as it lasts.
STAYS_S = bytes((240, 15, 15, 8, 60, 12, 10, 30, 120, 0, 60, 0))
# fmt: on

_QUESTIONS_BEFORE = bytes((event.QUESTION_ENERGY, event.QUESTION_PAIN))
_QUESTIONS_AFTER = bytes((event.QUESTION_EFFORT, event.QUESTION_ENERGY, event.QUESTION_PAIN))
_NO_ENERGY = const(2)


class Gym:
    """What the wearer does with the button while no session runs."""

    def __init__(self, desk, now_ms):
        self._desk = desk
        self._app = desk.app
        self.state = STATE_READY
        self._since_ms = now_ms
        self._choice = 0
        self._questions = b""
        self._reason = event.REASON_BEFORE
        self._is_warned = False
        self._roll = None
        self._tries = 0

    def step(self, gesture, now_ms):
        """Take a gesture, or none, and see what became of what is under way."""
        if gesture:
            self._take(gesture, now_ms)
        stay_ms = STAYS_S[self.state] * 1000
        if stay_ms and now_ms - self._since_ms >= stay_ms:
            self._take(INPUT_TIME, now_ms)

    def hear(self, signal, now_ms):
        """Desk and app report INPUT_DONE, _FAILED, _RUNS, _HOST or _STIR."""
        self._take(signal, now_ms)

    def _take(self, signal, now_ms):
        row = self._row(signal)
        if row < 0 and signal < LONG:
            row = self._row(INPUT_CLICKS)
        if row < 0 and signal <= LONG:
            self._app.play(event.CUE_TICK)  # heard, and nothing to do
        if row < 0:
            return
        self._enter(TABLE[row + 2], now_ms)
        self._act(TABLE[row + 3], signal, now_ms)

    def _row(self, signal):
        for at in range(0, len(TABLE), 4):
            if TABLE[at] == self.state and TABLE[at + 1] == signal:
                return at
        return -1

    def _enter(self, state, now_ms):
        self._from = self.state
        self.state = state
        self._since_ms = now_ms

    def _act(self, action, signal, now_ms):
        app = self._app
        if action in (ACT_BEGIN, ACT_CALIBRATE) and app.refuses():
            self._take(INPUT_FAILED, now_ms)
        elif action == ACT_BEGIN:
            asks = self._desk.config.settings["ask"] == "on" and not self._is_warned
            self._ask(_QUESTIONS_BEFORE if asks else b"", event.REASON_BEFORE, now_ms)
        elif action == ACT_ANSWER:
            self._answer(signal, now_ms)
        elif action == ACT_CHOOSE:
            self._choice = self._desk.config.settings["program"] if self.state == STATE_CHOOSE else self._wearer()
            self._buzz_choice()
        elif action == ACT_NEXT:
            self._choice = self._desk.shelf.next_slot(self._choice) if self.state == STATE_CHOOSE else self._choice + 1
            if self.state == STATE_WEARER and self._choice >= len(self._wearers()):
                self._choice = 0
            self._buzz_choice()
        elif action == ACT_TAKE:
            if self._from == STATE_CHOOSE:
                self._desk.choose_program(self._choice)
            else:
                self._desk.config.settings.put("wearer", self._wearers()[self._choice])
                self._desk.save()
            app.play(event.CUE_STOP)
        elif action == ACT_DROP:
            self._desk.end_check()
            app.play(event.CUE_TICK)
        elif action == ACT_SURE:
            app.play(event.CUE_TICK, 2)
        elif action == ACT_CALIBRATE:
            self._desk.calibrate(message.CALIBRATE_MAXIMUM, now_ms)
        elif action == ACT_CANCEL:
            self._desk.end_check()
        elif action == ACT_BATTERY:
            percent = app.vitals.look()
            if percent < 0:
                app.play(event.CUE_ERROR)  # it can't tell
            else:
                app.play(event.CUE_TICK, max(1, min(5, (percent + 19) // 20)))
        elif action == ACT_CHECK:
            self._desk.check(False)
        elif action == ACT_RENEW:
            if not self._desk.renews(now_ms):
                self._take(INPUT_DONE, now_ms)
        elif action == ACT_CONFIRM:
            self._call_roll(now_ms)
        elif action == ACT_TRAIN:
            self._desk.end_check()
            app.begin_soon()
        elif action == ACT_WAKE:
            app.play(event.CUE_TICK)
        elif action == ACT_PAIR:
            app.play(event.CUE_MILESTONE)

    def _wearers(self):
        config = self._desk.config.settings
        return (config["wearers"] or config["wearer"]).split(",")

    def _wearer(self):
        wearers = self._wearers()
        wearer = self._desk.config.settings["wearer"]
        return wearers.index(wearer) if wearer in wearers else 0

    def _buzz_choice(self):
        self._app.play(event.CUE_TICK, self._choice + 1)

    def ask_after(self, now_ms):
        """The session's decisions are over: what did it feel like?"""
        self._enter(STATE_ASK, now_ms)
        self._ask(_QUESTIONS_AFTER, event.REASON_AFTER, now_ms)

    def _ask(self, questions, reason, now_ms):
        self._questions, self._reason = questions, reason
        self._put_question(now_ms)

    def _put_question(self, now_ms):
        if self._questions:
            self._since_ms = now_ms
            self._app.play(event.CUE_TICK, self._questions[0])
        elif self._reason == event.REASON_AFTER:
            self._enter(STATE_READY, now_ms)
            self._app.finish()
        else:
            self._is_warned = False
            self._take(INPUT_DONE, now_ms)

    def _answer(self, signal, now_ms):
        question, self._questions = self._questions[0], self._questions[1:]
        if signal != INPUT_TIME:
            value = 0 if signal == LONG else signal
            if question == event.QUESTION_PAIN:
                value = 1 if signal == 2 else 0  # one click no, two yes
            if self._desk.answer(question, min(10, value), self._reason):
                self._is_warned = True  # asked again, it starts
                self._take(INPUT_FAILED, now_ms)
                return
        self._put_question(now_ms)

    def _call_roll(self, now_ms):
        channels = self._desk.channels_to_confirm()
        if not channels:
            self._take(INPUT_DONE, now_ms)
            return
        from mmc_device.contact import Roll

        self._roll = Roll(channels)
        self._tries = 0
        self._roll_on(now_ms)

    def _roll_on(self, now_ms):
        if self._roll.next():
            self._app.play(event.CUE_TICK, self._roll.asked + 1)
        else:
            self._roll = None
            let_go("mmc_device.contact")
            self._take(INPUT_DONE, now_ms)

    def take_block(self, out, busy, now_ms):
        """Channels answer by name."""
        roll = self._roll
        if self.state != STATE_CONFIRM or not roll or not roll.step(out, busy):
            return
        is_right = roll.answer == roll.asked
        self._app.wear.notes.append((event.EVENT_CONFIRMED, roll.asked, roll.answer, self._tries, 0))
        self._tries = 0 if is_right else self._tries + 1
        if not is_right:
            self._app.play(event.CUE_ERROR)
            if self._tries < 2:
                roll.again()
            else:
                self._tries = 0
        self._roll_on(now_ms)
