"""Static files: one growing root for all releases, and a manifest for each.

A project that puts a hash into the names (ManifestStaticFilesStorage and its children) looks them up
in a manifest. In one root the newest release's would stand in for every other's, so each release has
its own, in `releases/N/static-manifest`.
"""

import os

PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"


def settings(project, env):
    """STATIC_ROOT and STATIC_URL, and a storage with the manifest of this release."""
    found = {"STATIC_ROOT": env["TIOVIVO_STATIC_ROOT"]}
    # While a release is made, its files are collected apart; see mother.py.
    if env.get("TIOVIVO_COLLECT_INTO"):
        found["STATIC_ROOT"] = env["TIOVIVO_COLLECT_INTO"]
    if not project.get("STATIC_URL"):
        found["STATIC_URL"] = "/static/"
    backend = backend_of(project)
    folder = env.get("TIOVIVO_RELEASE_FOLDER")
    if not folder or env.get("TIOVIVO_COLLECT_INTO") or backend == PLAIN:
        return found
    os.environ["TIOVIVO_STATIC_BACKEND"] = backend
    ours = "tiovivo_app.static_storage.Storage"
    if "STATICFILES_STORAGE" in project:
        return found | {"STATICFILES_STORAGE": ours}
    storages = dict(project.get("STORAGES", {}))
    storages["staticfiles"] = dict(storages.get("staticfiles", {})) | {"BACKEND": ours}
    return found | {"STORAGES": storages}


def backend_of(project):
    """The storage class that the project names, in the old way or the new one."""
    if "STATICFILES_STORAGE" in project:
        return project["STATICFILES_STORAGE"]
    return project.get("STORAGES", {}).get("staticfiles", {}).get("BACKEND", PLAIN)
