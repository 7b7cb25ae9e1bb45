"""The page of the monitor: what a champion does on new rows, and the alarms with their limits."""
