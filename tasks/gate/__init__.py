"""The gate on registered versions: champion and challenger loaded and compared, the case and its verdict recorded."""
