"""A data set's way to its training rows: problem file, source, snapshot, validation, split, balanced set."""
