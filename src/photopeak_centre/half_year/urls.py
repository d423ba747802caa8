"""Addresses of half-year reports."""

from django.urls import URLPattern, path

from photopeak_centre.half_year import views

urlpatterns: list[URLPattern] = [
    path("half-years/", views.half_years, name="half_years"),
    path("half-years/<int:id>/", views.half_year, name="half_year"),
    path("half-years/<int:id>/evidence/", views.half_year_evidence, name="half_year_evidence"),
    path("half-years/<int:id>/words/", views.half_year_edit, name="half_year_edit"),
    path("half-years/<int:id>/gather/", views.half_year_gather, name="half_year_gather"),
    path("half-years/<int:id>/release/", views.half_year_release, name="half_year_release"),
    path("half-years/<int:id>/amend/", views.half_year_amend, name="half_year_amend"),
    path("half-years/<int:id>/file/", views.half_year_file, name="half_year_file"),
]
