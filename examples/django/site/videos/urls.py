from django.urls import path

from . import views

app_name = "videos"
urlpatterns = [
    path("", views.VideoList.as_view(), name="list"),
    path("new/", views.VideoCreate.as_view(), name="create"),
    path("<int:pk>/", views.VideoDetail.as_view(), name="detail"),
]
