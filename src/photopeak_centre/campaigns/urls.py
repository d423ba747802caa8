"""Addresses of campaigns and visits."""

from django.urls import URLPattern, path

from photopeak_centre.campaigns import campaign_pages, reading_pages, visit_pages

urlpatterns: list[URLPattern] = [
    path("campaigns/", campaign_pages.campaigns, name="campaigns"),
    path("campaigns/new/", campaign_pages.campaign_new, name="campaign_new"),
    path("campaigns/<int:id>/", campaign_pages.campaign, name="campaign"),
    path("campaigns/<int:id>/edit/", campaign_pages.campaign_edit, name="campaign_edit"),
    path("campaigns/<int:id>/targets/", campaign_pages.campaign_targets, name="campaign_targets"),
    path("campaigns/<int:id>/arrange/", campaign_pages.campaign_arrange, name="campaign_arrange"),
    path("campaigns/<int:id>/move/", campaign_pages.campaign_move, name="campaign_move"),
    path("campaigns/<int:id>/images/", reading_pages.campaign_sample, name="campaign_sample"),
    path("campaigns/targets/<int:id>/", campaign_pages.target, name="target"),
    path("campaigns/targets/<int:id>/reason/", campaign_pages.target_reason, name="target_reason"),
    path("interests/", campaign_pages.interests, name="interests"),
    path("interests/own/", campaign_pages.own_interests, name="own_interests"),
    path("interests/<int:id>/end/", campaign_pages.interest_end, name="interest_end"),
    path("readings/", reading_pages.readings, name="readings"),
    path("readings/<int:id>/", reading_pages.reading, name="reading"),
    path("readings/<int:id>/picture/", reading_pages.reading_picture, name="reading_picture"),
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
