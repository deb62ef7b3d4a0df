"""Gets the project of a new release ready, in one process, as the user of the application:

prepare.py RELEASE

Lines that begin with @@ are for mother.py; everything else is what the project prints.
"""

import json
import os
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tiovivo_app import environment, wsgi


def main(release):
    step = "import"
    try:
        tell(step=step)
        environment.apply()
        os.environ["DJANGO_SETTINGS_MODULE"] = "tiovivo_app.settings"
        application = wsgi.import_project(release)
        import django
        from django.conf import settings
        from django.core.management import call_command

        django.setup()
        has_static = "django.contrib.staticfiles" in settings.INSTALLED_APPS
        if has_static and "TIOVIVO_STATIC_ROOT" in os.environ:
            step = "static"
            tell(step=step)
            call_command("collectstatic", interactive=False, verbosity=0)
        step = "migrate"
        tell(step=step)
        if os.environ.get("TIOVIVO_MIGRATE", "1") == "1":
            call_command("migrate", interactive=False, verbosity=1)
        step = "warm"
        tell(step=step)
        failure = wsgi.warm_up(application)
    except BaseException as error:  # noqa: BLE001 - the project may call sys.exit
        traceback.print_exc()
        sys.stdout.flush()
        tell(failed=in_words(step, error))
        return 1
    if failure:
        tell(failed=failure)
        return 1
    return 0


def in_words(step, error):
    what = {
        "import": "it does not import",
        "static": "its static files cannot be collected",
        "migrate": "a migration fails",
        "warm": "the warm request cannot be made",
    }[step]
    return f"{what}: {wsgi.in_words(error)}"


def tell(**words):
    sys.stdout.flush()
    print("@@" + json.dumps(words), flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
