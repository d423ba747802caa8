"""Addresses of indicators."""

from django.urls import URLPattern, path

from photopeak_centre.indicators import views

urlpatterns: list[URLPattern] = [
    path("indicators/", views.indicators, name="indicators"),
    path("indicators/one/", views.indicator, name="indicator"),
    path("hospitals/<int:id>/indicators/", views.indicator_form, name="indicator_form"),
]
