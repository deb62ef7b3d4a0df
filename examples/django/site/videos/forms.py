from django import forms
from django.utils.translation import gettext_lazy as _

from .models import Video

MAX_MEGABYTES = 20


class VideoForm(forms.ModelForm):
    class Meta:
        model = Video
        fields = ["title", "picture"]

    def clean_picture(self):
        picture = self.cleaned_data["picture"]
        if picture.size > MAX_MEGABYTES << 20:
            raise forms.ValidationError(
                _("The picture has more than %(limit)d MB."), params={"limit": MAX_MEGABYTES}
            )
        return picture
