"""Addresses of EQA rounds."""

from django.urls import URLPattern, path

from photopeak_centre.eqa_rounds import views

urlpatterns: list[URLPattern] = [
    path("eqa-rounds/", views.eqa_rounds, name="eqa_rounds"),
    path("eqa-rounds/<int:id>/", views.eqa_round, name="eqa_round"),
    path("eqa-scores/", views.eqa_scores, name="eqa_scores"),
]
