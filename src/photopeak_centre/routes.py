"""Each view says what it is about: an object, fetched for this person or answered with 404, or an exemption with its reason.

A person who may not do an act gets the same 404 as one who asks for an object that does not exist.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect

View = Callable[..., HttpResponse]
Getter = Callable[[Any, int], Any]

GETTERS: dict[str, Getter] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`about`: the name of a getter; `exempt`: why there is no object. `act`: what a role must allow. `public`: without login."""

    about: str | None
    exempt: str
    methods: tuple[str, ...]
    act: str | None
    public: bool


def getter(name: str) -> Callable[[Getter], Getter]:
    """Enter `get_x_for(person, id)` under a name that routes use."""

    def enter(function: Getter) -> Getter:
        GETTERS[name] = function
        return function

    return enter


def route(
    about: str | None = None, *, exempt: str = "", methods: str = "GET", act: str | None = None, public: bool = False
) -> Callable[[View], View]:
    """Declare a view. With `about`, the view is called with the object in place of its id."""
    if (about is None) == (not exempt):
        raise TypeError("a route is about an object, or says why it is not")

    def declare(view: View) -> View:
        declared = Route(about=about, exempt=exempt, methods=tuple(methods.split()), act=act, public=public)

        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            person: Any = request.user
            if not public and not person.is_authenticated:
                return redirect_to_login(request)
            if request.method not in (*declared.methods, "HEAD"):
                return HttpResponseNotAllowed(declared.methods)
            if act is not None and not person.may(act):
                raise Http404
            if about is not None:
                args = (GETTERS[about](person, kwargs.pop("id")), *args)
            return view(request, *args, **kwargs)

        guarded.route = declared  # type: ignore[attr-defined]
        return guarded

    return declare


def redirect_to_login(request: HttpRequest) -> HttpResponse:
    from django.urls import reverse
    from django.utils.http import urlencode

    return redirect(f"{reverse('login')}?{urlencode({'next': request.get_full_path()})}")


class EveryRouteIsDeclared:
    """A view without a declaration is not served at all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        if not hasattr(view, "route"):
            raise Http404
