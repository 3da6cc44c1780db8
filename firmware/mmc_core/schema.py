"""Every setting: its range, its default and, in a comment, what it does. The only place where defaults stand.

In:    -
Out:   SCHEMA, and CHANNEL_SCHEMA, whose rows exist once per channel, as `ch0_muscle` and so on
State: none
Cost:  one text each: a third of the heap of objects
Source: this file; docs and the host's help come from the rows and the comment under each

A row is `name|range|default`. Ranges: `1..200`, both included; `<=16`, a text of at most so many bytes; else words.
"""

MAX_CHANNELS = 4

SCHEMA = (
    "\nwearer|<=16|anonymous"
    # a pseudonym that goes into every session's header; never a real name
    "\nmains_hz|off,50,60,auto|auto"
    # frequency of the mains where you train: the notch filter sits there; auto: where calibration found it, else 50
    "\nmains_found_hz|not yet,50,60|not yet"
    # the mains that a calibration heard last, while you were at rest; written by calibration
    "\nmains_harmonic|off,on|off"
    # a second notch at twice the mains; it takes a little of the EMG too
    "\nhighpass|off,on|on"
    # high-pass at 20 Hz against movement of cables and skin; off only for tests
    "\nlowpass|off,on|on"
    # low-pass at 450 Hz, above the EMG
    "\ntarget_channel|0..3|0"
    # the channel on the muscle that you want to feel
    "\ntarget_low_pct|1..200|25"
    # lower edge of the target band, percent of the reference; the report counts time inside the band
    "\ntarget_high_pct|1..200|75"
    # upper edge of the target band, percent of the reference
    "\nholds|off,on|on"
    # watch for holds; a program of repetitions switches it off, because a slow repetition looks like one
    "\nhold_enter_pct|5..100|20"
    # a hold begins when the target muscle goes over this, percent of the reference
    "\nhold_keep_pct|2..100|10"
    # and stays over this
    "\nhold_enter_ms|100..3000|500"
    # for this long
    "\nhold_leave_pct|2..100|8"
    # below this the muscle counts as let go, percent of the reference, however light the hold
    "\nhold_leave_ms|100..5000|1000"
    # a hold ends when the muscle has let go for this long; the end is dated back to the crossing
    "\nlost_share_pct|10..90|33"
    # the muscle counts as let go below this share of the hold's own level
    "\nlost_ms|10..1000|30"
    # for this long, then the device buzzes
    "\nregain_share_pct|15..100|50"
    # it counts as back above this share of the hold's own level
    "\nregain_ms|10..1000|100"
    # for this long
    "\nlog_mode|features,raw|features"
    # what a session logs: features (fits a workout), or raw EMG too (minutes)
    "\nprogram|0..8|0"
    # the program that a session follows: its place on the device; 0: none, train as you like
    "\nwearers|<=40|"
    # pseudonyms among which the button chooses, with commas; empty: one wearer
    "\nask|off,on|off"
    # ask for effort, energy and pain by the button, before and after a session
    "\nconfirm|off,on|on"
    # before a program: tighten each muscle once, so that a swapped cable shows
    "\nidle_stop_min|0..240|30"
    # end a session in which nothing happened for so many minutes; 0: never
    "\nautostart|off,on,always|on"
    # begin a session by itself after power-on and after calibration: once the target is calibrated, or always
    "\ncue_pulse_ms|60..500|150"
    # length of one pulse of the motor
    "\ncue_gap_ms|50..500|100"
    # silence between two pulses of one cue
    "\ncue_pulses|1..5|2"
    # pulses of the cue "you are losing the muscle"
    "\ncue_strength_pct|10..100|80"
    # strength of the motor
    "\ncue_rest_ms|300..60000|2000"
    # least time from the end of one cue to the start of the next
    "\ncue_engage|off,on|on"
    # buzz when the muscle lets go during a hold; off: only log it
    "\ncue_squeeze|off,on|on"
    # buzz at the turn of a repetition whose peak is below what is wanted
    "\ncue_tired|off,on|on"
    # buzz when it is time to stop
    "\ncue_leak|off,on|off"
    # buzz when a helper muscle takes over
    "\ncue_drift|off,on|off"
    # buzz when the posture leaves the pose of the hold's start
    "\ncue_milestone|off,on|off"
    # buzz at half of a set, at its last repetition, when the hold's time is up
    "\ncue_tick|off,on|off"
    # buzz for every repetition that counts
    "\ncue_band_pct|0..50|15"
    # stay silent while a value is within so many percent of what is wanted
    "\ncue_fade|off,on|on"
    # leave out ever more cues as it gets better
    "\ncue_probe_every|0..20|0"
    # every so many holds or repetitions one goes without cues, to see what has been learnt; 0: none
    "\ncue_max_per_min|1..30|12"
    # at most so many cues in a minute
    "\ncue_fastest_dps|0..2000|150"
    # no cue while the limb turns faster than this, in degrees per second: it would not be felt; 0: always
    "\npeak_pct|0..200|0"
    # what the top of a repetition should reach, percent of the reference; 0: the mean of the set's first three
    "\npeak_hold_ms|0..5000|0"
    # and for how long
    "\npassive_pct|1..50|8"
    # a repetition whose peak stays below this share of the reference was gone through, not done
    "\ndrift_deg|3..90|15"
    # how far the posture may leave the pose of a hold's start, degrees
)

CHANNEL_SCHEMA = (
    "\nmuscle|<=24|not stated"
    # SENIAM muscle name, for example biceps brachii
    "\nside|not stated,left,right,midline|not stated"
    # side of the body
    "\nsite|<=24|SENIAM"
    # electrode site, when it is not the one that SENIAM recommends
    "\nrole|none,helper,stabiliser,antagonist,mirror|none"
    # what it does while the target works: may help a little; should steady; should rest; is the other side's twin
    "\nreference_kind|none,mvc,ref,relative|none"
    # what 100 % is: none yet; a maximum voluntary contraction; a sub-maximal reference contraction; one of these, but
    # from before the electrodes came off or the wearable was off for long
    "\nreference_nv|0..100000000|0"
    # mean rectified amplitude that counts as 100 %, in nanovolt at the skin; written by calibration
    "\nrest_nv|0..100000000|0"
    # mean rectified amplitude at rest, in nanovolt at the skin; written by calibration
    "\ncalibrated_utc_s|0..2147483647|0"
    # when it was calibrated, in seconds since 1970 UTC; 0: the clock was not set; written by calibration
)
