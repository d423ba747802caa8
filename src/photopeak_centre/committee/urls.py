"""Addresses of the committee."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
