from django.contrib import admin

from .models import Video


@admin.register(Video)
class VideoAdmin(admin.ModelAdmin):
    list_display = ["title", "state", "rendered_by", "created"]
    list_filter = ["state"]
    search_fields = ["title"]
