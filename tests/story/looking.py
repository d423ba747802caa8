"""What the browser tests do on any page: look for barriers with axe, and keep a picture."""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
#: where the pictures of the pages go, build output
SCREENSHOTS = Path(os.environ.get("PHOTOPEAK_SCREENSHOTS") or HERE.parents[1] / "build" / "screenshots")
DESK, PHONE = {"width": 1440, "height": 1000}, {"width": 390, "height": 844}
#: findings of axe that a page may not have
SERIOUS = ("serious", "critical")
AXE = (HERE / "axe" / "axe.min.js").read_text("utf-8")


def axe_findings(page):
    """The serious and critical findings of axe on the page as it stands, as lines of text."""
    page.evaluate(AXE)  # by the debugger: the page's own policy lets no foreign script in
    found = page.evaluate("async () => JSON.stringify((await axe.run(document, {resultTypes: ['violations']})).violations)")
    return [
        f"{urlsplit(page.url).path}: {one['id']} ({one['impact']}): {node['html'][:160]}"
        for one in json.loads(found)
        if one["impact"] in SERIOUS
        for node in one["nodes"][:5]
    ]


def take_picture(page, name):
    """Keep the page as a person sees it, on a desk and on a phone."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for size, called in ((PHONE, "phone"), (DESK, "desk")):
        page.set_viewport_size(size)
        page.screenshot(path=SCREENSHOTS / f"{name}.{called}.png", full_page=True)
