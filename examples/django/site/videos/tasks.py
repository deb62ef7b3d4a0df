"""What a worker does: a picture turns round in a video."""

import socket
import subprocess
import tempfile
from pathlib import Path

from celery import shared_task
from django.core.files import File

from .models import Video

SECONDS = 4
SIZE = 320
LIMIT_SECONDS = 300


class RenderError(Exception):
    """ffmpeg could not make a video of the picture."""


@shared_task
def render(pk):
    """Renders the video of this row. May run twice for a row: the later one replaces the earlier."""
    video = Video.objects.filter(pk=pk).first()
    if video is None:
        return
    set_state(video, Video.State.RENDERING)
    try:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / f"{video.pk}.mp4"
            turn_round(video.picture.path, target)
            with target.open("rb") as file:
                # Saved under its final name only when it is whole.
                video.video.save(target.name, File(file), save=False)
    except (OSError, RenderError):
        set_state(video, Video.State.FAILED)
        raise
    video.rendered_by = socket.gethostname()
    video.state = Video.State.READY
    video.save(update_fields=["video", "rendered_by", "state"])


def set_state(video, state):
    video.state = state
    video.save(update_fields=["state"])


def turn_round(picture, target):
    """One turn in SECONDS, a size that every browser plays."""
    turn = (
        f"scale={SIZE}:{SIZE}:force_original_aspect_ratio=increase,crop={SIZE}:{SIZE},"
        f"rotate=2*PI*t/{SECONDS}:fillcolor=white,format=yuv420p"
    )
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-loop", "1", "-i", str(picture)]
    command += ["-t", str(SECONDS), "-r", "12", "-vf", turn, "-preset", "veryfast"]
    command += ["-movflags", "+faststart", str(target)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RenderError(f"not done within {LIMIT_SECONDS} s") from error
    if done.returncode != 0:
        raise RenderError(done.stderr.strip()[-400:])
