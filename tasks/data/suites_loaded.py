"""Imported ahead by the process that validates: what a checker takes seconds to load is there, loaded quietly."""

from __future__ import annotations

from tasks.data.suites import Checker

Checker()
