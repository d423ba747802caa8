"""Addresses of half-year reports."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
