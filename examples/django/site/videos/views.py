from django.db import transaction
from django.http import HttpResponseRedirect
from django.views import generic

from .forms import VideoForm
from .models import Video
from .tasks import render

SHOWN = 24


class VideoList(generic.ListView):
    queryset = Video.objects.all()[:SHOWN]


class VideoDetail(generic.DetailView):
    model = Video


class VideoCreate(generic.CreateView):
    model = Video
    form_class = VideoForm

    def form_valid(self, form):
        with transaction.atomic():
            self.object = form.save()
            # The worker must find the row, so it hears of it after the commit.
            transaction.on_commit(lambda: render.delay(self.object.pk))
        return HttpResponseRedirect(self.get_success_url())
