from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("videos.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    # In development alone: elsewhere the web server has the files.
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
]
