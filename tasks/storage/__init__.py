"""The object store: one interface for a folder and for S3. Files are written completely or not at all."""
