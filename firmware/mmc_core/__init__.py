"""Pure core of mmc: integers in, integers out, no clock, no I/O; the wearable and the host run these very files."""
