"""One question per file, asked of a Session and answered in numbers with units."""
