"""A real browser for pages of this machine; without one the test is skipped."""

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
    """A browser tab with its page and the errors found on it."""

    page: object
    errors: list[str] = field(default_factory=list)

    def open(self, url: str, *texts: str, timeout: float = 60) -> None:
        """Open an address and wait until every text is visible."""
        self.page.goto(url, timeout=timeout * 1000, wait_until="domcontentloaded")
        self.wait_for(*texts, timeout=timeout)

    def wait_for(self, *texts: str, timeout: float = 60) -> None:
        """Wait until every text is visible."""
        for text in texts:
            self.page.get_by_text(text).filter(visible=True).first.wait_for(timeout=timeout * 1000)

    def watch(self, allowed: str) -> None:
        """Collect uncaught errors, failed responses whose address does not match ``allowed``, and foreign addresses."""

        def on_response(response):
            if response.status >= 400 and not re.search(allowed, response.url):
                self.errors.append(f"{response.status} {response.url}")

        def on_request(request):
            address = urlsplit(request.url)
            if address.scheme in {"http", "https", "ws", "wss"} and address.hostname != "127.0.0.1":
                self.errors.append(f"foreign address {request.url}")

        self.page.on("response", on_response)
        self.page.on("request", on_request)
        self.page.on("pageerror", lambda error: self.errors.append(f"uncaught {error}"))


@contextmanager
def tab(allowed: str) -> Iterator[Tab]:
    """Open an empty tab of headless Chromium; failed responses whose address matches ``allowed`` are not errors."""
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
