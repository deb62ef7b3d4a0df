import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from unittest import skipUnless

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase, override_settings
from django.urls import reverse
from django.utils import translation
from proyecto.celery import app as celery_app

from videos.forms import MAX_MEGABYTES, VideoForm
from videos.models import Video
from videos.tasks import RenderError, render

# The smallest picture there is: one white dot.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753"
    "de0000000c49444154789c63f8ffff3f0005fe02fe0def46b80000000049454e"
    "44ae426082"
)
PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"


def picture(name="horse.png", content=PNG):
    return SimpleUploadedFile(name, content, content_type="image/png")


@override_settings(
    STORAGES={
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": PLAIN},
    }
)
class VideoCase(TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        media = override_settings(MEDIA_ROOT=self.folder)
        media.enable()
        self.addCleanup(media.disable)
        celery_app.conf.task_always_eager = True
        self.addCleanup(setattr, celery_app.conf, "task_always_eager", False)


class PageTests(VideoCase):
    def test_an_empty_list_says_so(self):
        self.assertContains(self.client.get(reverse("videos:list")), "Nothing here yet.")

    def test_pages_are_in_spanish_for_those_who_ask(self):
        answer = self.client.get(reverse("videos:list"), headers={"accept-language": "es"})
        self.assertContains(answer, "Aquí no hay nada todavía.")
        self.assertContains(answer, '<html lang="es">')

    def test_each_sentence_has_a_spanish_one(self):
        catalogue = settings.LOCALE_PATHS[0] / "es" / "LC_MESSAGES" / "django.po"
        sentences = re.findall(r'^msgid "(.+)"$', catalogue.read_text(), re.MULTILINE)
        self.assertGreater(len(sentences), 20)
        with translation.override("es"):
            same = [text for text in sentences if translation.gettext(text) == text]
        self.assertEqual(same, [])

    def test_a_page_of_a_video_that_is_not_ready_asks_again(self):
        video = Video.objects.create(title="Horse", picture=picture())
        answer = self.client.get(video.get_absolute_url())
        self.assertContains(answer, 'http-equiv="refresh"')
        self.assertContains(answer, 'data-state="waiting"')


class FormTests(VideoCase):
    def test_another_type_of_file_is_refused(self):
        form = VideoForm({"title": "Horse"}, {"picture": picture("horse.exe")})
        self.assertIn("picture", form.errors)

    def test_a_large_picture_is_refused(self):
        large = picture()
        large.size = (MAX_MEGABYTES << 20) + 1
        form = VideoForm({"title": "Horse"}, {"picture": large})
        self.assertEqual(form.errors["picture"], ["The picture has more than 20 MB."])


class RenderTests(VideoCase):
    @skipUnless(shutil.which("ffmpeg"), "ffmpeg is not installed")
    def test_a_picture_that_is_sent_becomes_a_video(self):
        with self.captureOnCommitCallbacks(execute=True):
            answer = self.client.post(
                reverse("videos:create"), {"title": "Horse", "picture": picture()}
            )
        video = Video.objects.get()
        self.assertRedirects(answer, video.get_absolute_url())
        self.assertEqual(video.state, Video.State.READY)
        command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"]
        seconds = subprocess.check_output([*command, video.video.path], text=True)
        self.assertAlmostEqual(float(seconds), 4, delta=0.5)
        page = self.client.get(video.get_absolute_url())
        self.assertContains(page, f'<video src="{video.video.url}"')
        self.assertContains(page, video.rendered_by)

    @skipUnless(shutil.which("ffmpeg"), "ffmpeg is not installed")
    def test_what_is_no_picture_fails(self):
        video = Video.objects.create(title="Noise", picture=picture(content=b"no picture"))
        with self.assertRaises(RenderError):
            render(video.pk)
        video.refresh_from_db()
        self.assertEqual(video.state, Video.State.FAILED)

    def test_a_row_that_is_gone_is_no_error(self):
        self.assertIsNone(render(4711))
