"""Addresses of campaigns and visits."""

from django.urls import URLPattern, path

from photopeak_centre.campaigns import visit_pages

urlpatterns: list[URLPattern] = [
    path("visits/", visit_pages.visits, name="visits"),
    path("visits/worker.js", visit_pages.visits_worker, name="visits_worker"),
    path("visits/<int:id>/", visit_pages.visit, name="visit"),
    path("visits/<int:id>/sheet/", visit_pages.visit_sheet, name="visit_sheet"),
    path("visits/<int:id>/sync/", visit_pages.visit_sync, name="visit_sync"),
    path("visits/<int:id>/attach/", visit_pages.visit_attach, name="visit_attach"),
    path("visits/<int:id>/correct/", visit_pages.visit_correct, name="visit_correct"),
    path("visits/<int:id>/edit/", visit_pages.visit_edit, name="visit_edit"),
    path("visits/pictures/<int:id>/", visit_pages.visit_picture, name="visit_picture"),
]
