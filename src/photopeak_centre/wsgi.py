"""The application for a WSGI server, and what a server does before its first request."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "photopeak_centre.settings")
application = get_wsgi_application()


def settle() -> None:
    """Load what the first request would load, then take it out of the garbage collector's rounds, each of which costs a tenth of a second."""
    from django.urls import get_resolver

    from photopeak.procedure import roll

    roll()
    get_resolver().url_patterns  # noqa: B018
    gc.collect()
    gc.freeze()
