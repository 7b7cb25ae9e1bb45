"""From a data set to training rows: problem file, source, snapshot, validation, split, balanced set."""
