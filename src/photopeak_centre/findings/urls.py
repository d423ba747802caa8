"""Addresses of findings and documents."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
