"""New rows to classes and probabilities by the champion."""
