"""Addresses of the committee."""

from django.urls import URLPattern, path

from photopeak_centre.committee import views

urlpatterns: list[URLPattern] = [
    path("committee/", views.meetings, name="meetings"),
    path("committee/meetings/new/", views.meeting_new, name="meeting_new"),
    path("committee/meetings/<int:id>/", views.meeting, name="meeting"),
    path("committee/meetings/<int:id>/edit/", views.meeting_edit, name="meeting_edit"),
    path("committee/meetings/<int:id>/present/", views.meeting_present, name="meeting_present"),
    path("committee/meetings/<int:id>/minutes/", views.meeting_minutes, name="meeting_minutes"),
    path("committee/meetings/<int:id>/papers/", views.paper_add, name="paper_add"),
    path("committee/meetings/<int:id>/motions/", views.motion_add, name="motion_add"),
    path("committee/papers/<int:id>/", views.paper, name="paper"),
    path("committee/motions/<int:id>/vote/", views.motion_vote, name="motion_vote"),
    path("committee/motions/<int:id>/count/", views.motion_count, name="motion_count"),
    path("committee/motions/<int:id>/plan/", views.motion_plan, name="motion_plan"),
    path("committee/bodies/new/", views.body_new, name="body_new"),
    path("committee/bodies/<int:id>/", views.body, name="body"),
    path("committee/bodies/<int:id>/appoint/", views.term_new, name="term_new"),
    path("committee/experts/new/", views.expert_new, name="expert_new"),
]
