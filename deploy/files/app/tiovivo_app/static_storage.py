"""The project's own static storage, made to read the manifest of the release that this process runs."""

import os

from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.files.storage import FileSystemStorage
from django.utils.module_loading import import_string

_Project = import_string(os.environ["TIOVIVO_STATIC_BACKEND"])

if issubclass(_Project, ManifestFilesMixin):

    class Storage(_Project):
        def __init__(self, *args, **kwargs):
            folder = os.path.join(os.environ["TIOVIVO_RELEASE_FOLDER"], "static-manifest")
            kwargs.setdefault("manifest_storage", FileSystemStorage(location=folder))
            super().__init__(*args, **kwargs)

else:
    Storage = _Project
