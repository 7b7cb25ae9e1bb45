"""A real browser on pages of this machine; its absence skips the test."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
QUIET += ["--disable-sync", "--no-first-run", "--proxy-server=direct://"]


@dataclass
class Tab:
    """A page, and what went wrong on it."""

    page: object
    faults: list[str] = field(default_factory=list)

    def shows(self, url: str, *texts: str, timeout: float = 60) -> None:
        """Open an address and wait until every text is visible."""
        self.page.goto(url, timeout=timeout * 1000, wait_until="domcontentloaded")
        self.sees(*texts, timeout=timeout)

    def sees(self, *texts: str, timeout: float = 60) -> None:
        """Wait until every text is visible."""
        for text in texts:
            self.page.get_by_text(text).filter(visible=True).first.wait_for(timeout=timeout * 1000)

    def watch(self, allowed: str) -> None:
        """Note uncaught errors, failed answers whose address does not match ``allowed``, and every foreign address."""

        def answered(response):
            if response.status >= 400 and not re.search(allowed, response.url):
                self.faults.append(f"{response.status} {response.url}")

        def asked(request):
            address = urlsplit(request.url)
            if address.scheme in {"http", "https", "ws", "wss"} and address.hostname != "127.0.0.1":
                self.faults.append(f"foreign address {request.url}")

        self.page.on("response", answered)
        self.page.on("request", asked)
        self.page.on("pageerror", lambda error: self.faults.append(f"uncaught {error}"))


@contextmanager
def tab(allowed: str) -> Iterator[Tab]:
    """Open an empty tab of headless Chromium; failed answers whose address matches ``allowed`` are no fault."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=QUIET)
        try:
            opened = Tab(browser.new_page(viewport={"width": 1600, "height": 1000}))
            opened.watch(allowed)
            yield opened
        finally:
            browser.close()
