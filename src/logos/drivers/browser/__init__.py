"""A headless browser as tools: Chromium through Playwright, which is an extra (`logos[browser]`).

    Browsers     a place of tools: open, read, click, type, screenshot
    Relay        how its requests are made: by us, who check every address

A process has a Chromium of its own, with a profile of its own, in namespaces without a network.
"""

from logos.drivers.browser.driver import MANIFESTS, Browsers
from logos.drivers.browser.tab import Relay

__all__ = ["MANIFESTS", "Browsers", "Relay"]
