"""Servers on this machine for who looks at the embedded stores."""
