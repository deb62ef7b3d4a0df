"""Carousel: visitors send a picture, and get a video in which it turns round."""

from .celery import app as celery_app

__all__ = ["celery_app"]
