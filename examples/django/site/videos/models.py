from django.core.validators import FileExtensionValidator
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

PICTURE_TYPES = ["jpg", "jpeg", "png", "webp"]


class Video(models.Model):
    """A picture that somebody sent, and the video that a worker makes of it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting for a worker")
        RENDERING = "rendering", _("being rendered")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")

    title = models.CharField(_("title"), max_length=80)
    picture = models.FileField(
        _("picture"),
        upload_to="pictures/%Y/%m/",
        validators=[FileExtensionValidator(PICTURE_TYPES)],
    )
    video = models.FileField(_("video"), upload_to="videos/%Y/%m/", blank=True, editable=False)
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.WAITING, editable=False
    )
    rendered_by = models.CharField(_("rendered by"), max_length=80, blank=True, editable=False)
    created = models.DateTimeField(_("sent"), auto_now_add=True, db_index=True)

    class Meta:
        ordering = ["-created"]
        verbose_name = _("video")
        verbose_name_plural = _("videos")

    def __str__(self):
        return self.title

    def get_absolute_url(self):
        return reverse("videos:detail", args=[self.pk])

    @property
    def is_pending(self):
        return self.state in (self.State.WAITING, self.State.RENDERING)
