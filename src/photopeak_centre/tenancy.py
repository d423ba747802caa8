"""Who sees which hospital's things: asked of the model's manager, never of a view."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.http import Http404
from django.shortcuts import get_object_or_404


class OwnedQuerySet(models.QuerySet[Any]):
    def visible_to(self, person: Any) -> OwnedQuerySet:
        """Only what belongs to the person's organisations; everything for the centre's staff; nothing for the rest."""
        reach = person.reach
        if reach == "all":
            return self
        if reach != "own":
            return self.none()
        path = self.model.OWNER
        if path is None:  # the centre's own
            return self.none()
        return self.filter(**{f"{path}__in" if path else "pk__in": person.own_keys})


Owned = models.Manager.from_queryset(OwnedQuerySet)


def get_for(model: type[models.Model], person: Any, id: int, *related: str) -> Any:
    """The object, or 404 where it does not exist or is another hospital's: the two answers are the same."""
    if id > 2**62:
        raise Http404
    return get_object_or_404(model.objects.visible_to(person).select_related(*related), pk=id)  # type: ignore[attr-defined]
