"""Addresses of campaigns and visits."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
