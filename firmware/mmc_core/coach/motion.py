"""How does the wearer move: still or not, how far from a marked pose, and where along which axis?

In:    every 10-ms block with a reading: six counts ax ay az gx gy gz
Out:   after `step`: is_still, speed_dps, drift_deg10; for cycle.py: `at` and `rate` along the axis of movement
State: six smoothed signals, the axis, a marked pose
Cost:  nothing allocated; two loops over six signals; all inside 31 bits, because what is added up is clamped
Source: the axis is the first principal component by L1 norm (Kwak 2008, IEEE TPAMI 30:1672) as a recursion; constants
       tuned on recorded exercises with known counts (`make truth`)

The six signals share a unit, 1/1024 of a g and of a radian: gravity turns against the sensor by what the gyroscope
adds up, so either may carry a movement, and without a gyroscope gravity does alone. Their rates of change, each with
the sign of its part along the axis, average to the axis; it learns only while something moves, and at rest forgets
nothing. Without a gyroscope speed is a guess from how gravity's direction changes.
"""

from array import array

from mmc_core.compat import const

_SMOOTH = const(3)  # shift of each of two low-passes in a row: 140 ms behind, together
_FORGET = const(12)  # shift of what the turned angle forgets: 41 s
_LEAK = const(14)  # and the place along the axis: 160 s
_AXIS = const(8)  # shift of the axis: 2.6 s of movement
_STILL_DPS = const(12)  # slower than this is calm
_QUIET_DPS = const(4)  # slower than this does not add up
_MOVE_DPS = const(18)  # faster than this no longer
_STILL_BLOCKS = const(20)  # calm for so long is still
_MOST = const(8191)  # of a rate: 28 g or radian per second
_FARTHEST = const(1 << 23)  # of the place: 256 g or radian


class Motion:
    """Stillness, posture and movement of one sensor, whatever way it sits."""

    def __init__(self, accel_counts_per_g, gyro_counts_per_dps):
        self._per_g = accel_counts_per_g
        self._per_dps = gyro_counts_per_dps
        self._rad_q24 = 2928 // gyro_counts_per_dps  # what a count turns in a block: 2^24 * pi / 180 / 100
        self._most_turned = (1 << 29) // self._rad_q24
        self._turned = array("i", bytes(12))  # counts added up
        self._first = array("i", bytes(24))  # low-passed once, 1/16384
        self.now = array("i", bytes(24))  # and twice
        self._rates = array("i", bytes(24))  # 1/4096 per 80 ms
        self._axis = array("i", bytes(24))
        self._length = 1  # of the axis
        self._place = 0  # along it, 1/32768
        self._pose = array("i", bytes(12))
        self._is_fresh = True
        self._has_gyro = False
        self._is_calm = self._is_quiet = True
        self._speed_q4 = 0
        self.calm_blocks = 0
        self.is_still = False
        self.speed_dps = self.at = self.rate = 0

    def step(self, imu):
        """Take one reading."""
        if self._is_fresh:
            self._is_fresh = False
            for i in range(3):
                self._first[i] = self.now[i] = (imu[i] << 14) // self._per_g
        self._smooth(imu)
        self._judge(imu)
        self._project()

    def _smooth(self, imu):
        first, now = self._first, self.now
        for i in range(6):
            x = imu[i]
            if i < 3:
                x = (x << 14) // self._per_g
            else:
                if x:
                    self._has_gyro = True
                if not self._is_quiet:
                    x += self._turned[i - 3]
                    x -= x >> _FORGET
                    if not -self._most_turned < x < self._most_turned:
                        x = clamp(x, self._most_turned)
                    self._turned[i - 3] = x
                x = self._turned[i - 3] * self._rad_q24 >> 10
            y = first[i]
            first[i] = y = y + ((x - y) >> _SMOOTH)
            x = now[i]
            now[i] = x = x + ((y - x) >> _SMOOTH)
            x = (y - x) >> 2
            self._rates[i] = x if -_MOST < x < _MOST else clamp(x, _MOST)

    def _judge(self, imu):
        first, now = self._first, self.now
        # The second low-pass lags by 70 ms of movement: 57.3 / 16384 / 0.07 is a twentieth of a degree per second.
        shaken = (abs(first[0] - now[0]) + abs(first[1] - now[1]) + abs(first[2] - now[2])) // 20
        speed = shaken
        if self._has_gyro:
            speed = (length(imu[3] >> 2, imu[4] >> 2, imu[5] >> 2) << 2) // self._per_dps
        self._speed_q4 += ((speed << 4) - self._speed_q4) >> 3
        self.speed_dps = self._speed_q4 >> 4
        speed = max(self.speed_dps, shaken)
        self._is_quiet = speed < _QUIET_DPS
        self._is_calm = speed < (_MOVE_DPS if self._is_calm else _STILL_DPS)
        self.calm_blocks = self.calm_blocks + 1 if self._is_calm else 0
        self.is_still = self.calm_blocks >= _STILL_BLOCKS

    def _project(self):
        rates, axis = self._rates, self._axis
        rate = square = 0
        for i in range(6):
            x = axis[i] >> _AXIS
            rate += x * rates[i]
            square += x * x
        # The axis is slow, so one step of Newton's root per block follows its length.
        self._length = length = max(1, (self._length + square // self._length) >> 1)
        self.rate = clamp(rate // length, 3 * _MOST)
        if not self._is_quiet:
            self._place = clamp(self._place + self.rate - (self._place >> _LEAK), _FARTHEST)
            self.at = self._place >> 5
        if self._is_calm:
            return
        for i in range(6):
            x = axis[i]
            axis[i] = x - (x >> _AXIS) + (rates[i] if rate >= 0 else -rates[i])

    def turn_axis(self):
        """What was ahead along the axis is behind now."""
        for i in range(6):
            self._axis[i] = -self._axis[i]
        self._place = -self._place
        self.at = -self.at
        self.rate = -self.rate

    def mark_pose(self):
        """Remember this pose: `drift_deg10` is the angle from it."""
        for i in range(3):
            self._pose[i] = self.now[i]

    @property
    def drift_deg10(self):
        """Tenths of a degree between gravity's direction now and in the marked pose; true at rest only."""
        return angle_deg10(self.now, self._pose)

    def turned_deg(self, begin, end, ms):
        """Degrees from one state of `now` to another that came `ms` later."""
        if not self._has_gyro:
            return angle_deg10(begin, end) // 10
        x = y = z = 0
        for i in range(3, 6):
            x, y = y, z
            z = (begin[i] + end[i]) >> 5
            # and what the turned angle forgot on the way
            z = clamp(((end[i] - begin[i]) >> 4) + (z * (min(ms, 5000) // 10) >> _FORGET), _MOST)
        return length(x, y, z) * 573 // 10240


def clamp(x, most):
    """Limit to +-most."""
    return max(-most, min(most, x))


def length(x, y, z):
    """Length of a vector of components up to 16383, within 0.1 %."""
    x, y, z = abs(x), abs(y), abs(z)
    guess = max(x, y, z)
    if guess == 0:
        return 0
    square = x * x + y * y + z * z
    guess = (guess + square // guess) >> 1
    guess = (guess + square // guess) >> 1
    return (guess + square // guess) >> 1


def angle_deg10(a, b):
    """Tenths of a degree between two directions in 1/16384 g, each component up to 2 g; within half a degree."""
    ax, ay, az = clamp(a[0] >> 4, 2047), clamp(a[1] >> 4, 2047), clamp(a[2] >> 4, 2047)
    bx, by, bz = clamp(b[0] >> 4, 2047), clamp(b[1] >> 4, 2047), clamp(b[2] >> 4, 2047)
    across = length((ay * bz - az * by) >> 9, (az * bx - ax * bz) >> 9, (ax * by - ay * bx) >> 9)
    along = (ax * bx + ay * by + az * bz) >> 9
    most = max(across, abs(along), 1)
    slope_q10 = (min(across, abs(along)) << 10) // most
    angle = slope_q10 * (450 + (156 * (1024 - slope_q10) >> 10)) >> 10  # arc tangent, within 0.3 degrees
    if across > abs(along):
        angle = 900 - angle
    return angle if along >= 0 else 1800 - angle
