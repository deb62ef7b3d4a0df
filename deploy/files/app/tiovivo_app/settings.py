"""The project's own settings, with what the cluster decides laid over them.

The project stays as it is: its settings module is imported first, whatever it reads of the
environment. Each value below comes from /etc/tiovivo-app/env.
"""

import importlib
import os

from tiovivo_app import database, static


def overlay(project, env):
    """The settings that differ from the project's, which are the upper-case names of `project`."""
    found = {"DEBUG": False, "ALLOWED_HOSTS": hosts(project, env)}
    if env.get("TIOVIVO_SECRET_KEY"):
        found["SECRET_KEY"] = env["TIOVIVO_SECRET_KEY"]
    if env.get("TIOVIVO_DATABASE_HOST"):
        databases = dict(project.get("DATABASES", {}))
        databases["default"] = database.default(databases.get("default", {}), env)
        found["DATABASES"] = databases
    if env.get("TIOVIVO_MEDIA_ROOT"):
        found["MEDIA_ROOT"] = env["TIOVIVO_MEDIA_ROOT"]
        if not project.get("MEDIA_URL"):
            found["MEDIA_URL"] = "/media/"
    if env.get("TIOVIVO_STATIC_ROOT"):
        found |= static.settings(project, env)
    if env.get("TIOVIVO_BROKER"):
        # Whatever namespace the project's Celery application reads: worker and web see the same.
        for name in ("CELERY_BROKER_URL", "BROKER_URL"):
            found[name] = env["TIOVIVO_BROKER"]
        backend = project.get("CELERY_RESULT_BACKEND") or ""
        if backend.startswith(("redis:", "rediss:")):
            found["CELERY_RESULT_BACKEND"] = env["TIOVIVO_BROKER"]
    found |= mail(env)
    # nginx on the child says in which scheme the client came.
    if "SECURE_PROXY_SSL_HEADER" not in project:
        found["SECURE_PROXY_SSL_HEADER"] = ("HTTP_X_FORWARDED_PROTO", "https")
    return found


def hosts(project, env):
    """The hosts of config.yaml; the project's own when it names none."""
    named = [host for host in env.get("TIOVIVO_HOSTS", "").split(",") if host]
    return named or list(project.get("ALLOWED_HOSTS", []))


def mail(env):
    """EMAIL_* and DEFAULT_FROM_EMAIL of the environment, with the types that Django wants."""
    found = {}
    for name in ("HOST", "HOST_USER", "HOST_PASSWORD", "SUBJECT_PREFIX", "BACKEND"):
        if f"EMAIL_{name}" in env:
            found[f"EMAIL_{name}"] = env[f"EMAIL_{name}"]
    if "EMAIL_PORT" in env:
        found["EMAIL_PORT"] = int(env["EMAIL_PORT"])
    for name in ("USE_TLS", "USE_SSL"):
        if f"EMAIL_{name}" in env:
            found[f"EMAIL_{name}"] = env[f"EMAIL_{name}"].lower() in ("1", "true", "yes", "on")
    for name in ("DEFAULT_FROM_EMAIL", "SERVER_EMAIL"):
        if name in env:
            found[name] = env[name]
    return found


def of_module(name):
    module = importlib.import_module(name)
    return {key: getattr(module, key) for key in dir(module) if key.isupper()}


if os.environ.get("DJANGO_SETTINGS_MODULE") == __name__:
    _project = of_module(os.environ["TIOVIVO_SETTINGS"])
    globals().update(_project | overlay(_project, os.environ))
