"""Sources of rows: one module per kind, and ``fetch`` for all of them."""
