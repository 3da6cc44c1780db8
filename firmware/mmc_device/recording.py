"""Recording: what a session writes behind its header (header.py), to its end.

In:    records, events of the shell, ticks
Out:   records in the journal
State: whether the pipeline has ended already; the counter at that moment
Cost:  at most one page to flash per tick; a record is a small tuple
Source: FORMAT.md; order of degradation: log detail first, then the log, then cues
"""

from mmc_core import event, record
from mmc_core.compat import const

END_ASKED = const(1)
END_FULL = const(2)
END_BATTERY = const(3)
END_IDLE = const(4)


class Recording:
    """The log of the session under way."""

    def __init__(self, journal, sampler, haptic, health, vitals):
        self._journal = journal
        self._sampler = sampler
        self._haptic = haptic
        self._health = health
        self._vitals = vitals
        self._ended = None  # counter, samples, lost samples and cues when the pipeline ended

    def log(self, kind, values, tail=None, count=0):
        """Append a record to the log while there is one; return the bytes that its page has left, as far as known.

        A page that the flash refuses is lost, this record is not.
        """
        for _ in range(2 if self._journal.is_open else 0):
            try:
                return self._journal.write(kind, values, tail, count)
            except OSError as error:
                self._health.note(event.FAULT_FLASH, error.errno or 0)
        return 0

    def begin(self):
        """A session begins; its header comes next."""
        self._ended = None
        self._health.begin_log()

    def note(self, kind, channel, value, threshold=0, reason=0):
        """Log an event of the shell's own."""
        t_samples = self._ended[0] if self._ended else self._sampler.t_samples
        self.log(record.EVENT, (t_samples, kind, channel, value, threshold, reason, int(self._haptic.is_on)))

    def keep(self):
        """What belongs in the log besides the pipeline's records; at most one page to flash. False: it is full."""
        self._log_motor()
        fault = self._health.take_unlogged(self._sampler.t_samples)
        if fault:
            self.log(record.FAULT, (self._sampler.t_samples, fault[0], fault[1]))
        try:
            self._journal.tick()
        except OSError as error:
            self._health.note(event.FAULT_FLASH, error.errno or 0)
        return not (self._journal.is_full and self._journal.is_open)

    def _log_motor(self):
        haptic = self._haptic
        changed = haptic.take_change()
        if changed:
            value = haptic.strength_pct if changed == event.EVENT_MOTOR_ON else haptic.pulse_ms
            self.note(changed, event.NO_CHANNEL, value)

    def end_pipeline(self, pipeline):
        """What is decided ends here; what the wearer still says of the session may follow."""
        sampler = self._sampler
        if self._ended is None:
            self._log_motor()
            pipeline.close(self.log, sampler.t_samples)
            self._ended = sampler.t_samples, sampler.samples, sampler.lost_samples, pipeline.cues
            self.write_vitals()

    def write_vitals(self):
        """How the device itself fares."""
        self.log(record.VITALS, (self._ended or (self._sampler.t_samples,))[:1] + self._vitals.figures())

    def close(self, reason):
        """End the log; the pipeline has ended."""
        if not self._journal.is_open:
            return
        ended = self._ended or (0, 0, 0, 0)  # none: it ended before its first block
        self.log(record.END, ended[:3] + (self._journal.dropped_pages, ended[3], reason))
        try:
            self._journal.close()
        except OSError as error:
            self._health.note(event.FAULT_FLASH, error.errno or 0)
