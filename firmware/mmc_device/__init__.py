"""Shell of the wearable: the only code with tasks, time and storage. Every part has tick(now_ms); App wires them."""
