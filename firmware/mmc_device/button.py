"""Button: presses to gestures: so many clicks, or a long press.

In:    the board's `button` role, ticks
Out:   a gesture once: the number of clicks, or LONG
State: what is pressed since when, clicks so far
Cost:  nothing allocated
Source: contacts bounce for up to about 20 ms: a change counts when two ticks in a row agree
"""

from mmc_core.compat import const

NONE = const(0)
LONG = const(99)

# While a session runs: gesture, action. What else the button does is in gym.py, which a session lets go of.
MARK = const(1)  # remember this moment
SKIP = const(2)  # end the rest, or the set
STOP = const(3)  # end the session
IN_SESSION = b"\x01\x01\x02\x02\x63\x03"

_LONG_MS = const(1000)
_PAUSE_MS = const(500)  # without a press: the clicks are counted
_MOST_CLICKS = const(20)


class Button:
    """One button."""

    def __init__(self, role):
        self._role = role
        self._is_down = self._was_down = False
        self._since_ms = 0
        self._clicks = 0
        self._is_spent = False  # this press was told already

    @property
    def is_moving(self):
        """It is pressed, or was a moment ago: ticks must follow each other closely."""
        return self._is_down or self._clicks > 0 or self._role.is_down()

    def tick(self, now_ms):
        """The gesture that ended by now, or NONE."""
        down = self._role.is_down()
        changed = down == self._was_down and down != self._is_down
        self._was_down = down
        age_ms = now_ms - self._since_ms
        if changed:
            self._is_down = down
            self._since_ms = now_ms
            if not down:
                if not self._is_spent and self._clicks < _MOST_CLICKS:
                    self._clicks += 1
                self._is_spent = False
        elif down and self._is_down and age_ms >= _LONG_MS and not self._is_spent:
            self._is_spent = True
            self._clicks = 0
            return LONG
        elif not self._is_down and self._clicks and age_ms >= _PAUSE_MS:
            clicks, self._clicks = self._clicks, 0
            return clicks
        return NONE


def in_session(gesture):
    """The action of a gesture while a session runs, or 0."""
    for at in range(0, len(IN_SESSION), 2):
        if IN_SESSION[at] == gesture:
            return IN_SESSION[at + 1]
    return 0
