"""Coach: features to events, one question per file, time as an argument, nothing allocated per block."""
