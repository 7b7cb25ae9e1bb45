"""The object store: one interface over a folder and S3, and writing files whole or not at all."""
