"""One request before any visitor's: lazy imports, the URL configuration, templates, connections."""

import io
import sys
from urllib.parse import urlsplit

MAX_REDIRECTS = 3
MAX_BODY = 64 << 20
WHAT_IS_SHOWN = 200


def failure_of(application, env):
    """Why the warm request is not answered; None when it is answered, with any status below 500."""
    path = env.get("TIOVIVO_WARM", "/") or "/"
    for _ in range(MAX_REDIRECTS + 1):
        status, headers = get(application, path, host_of(env))
        if status[:1] == "5":
            return f"the warm request GET {path} is answered {status}"
        location = urlsplit(headers.get("location", ""))
        if status[:1] != "3" or not location.path or location.netloc not in ("", host_of(env)):
            return None
        if location.path == path:
            return None
        path = location.path
    return None


def host_of(env):
    """A host that the project's ALLOWED_HOSTS lets in."""
    return env.get("TIOVIVO_HOSTS", "localhost").split(",")[0].lstrip("*.") or "localhost"


def get(application, path, host):
    """Status line and headers of one GET, told to have come by https: no redirect to it is wanted."""
    answer = {}

    def start_response(status, headers, exc_info=None):
        answer["status"], answer["headers"] = status, headers
        return io.BytesIO().write

    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": host,
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": host,
        "HTTP_USER_AGENT": "tiovivo-warm",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTPS": "on",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    body = application(environ, start_response)
    try:
        octets = 0
        for part in body:
            octets += len(part)
            if octets > MAX_BODY:
                break
    finally:
        close = getattr(body, "close", None)
        if close:
            close()
    return answer["status"], {name.lower(): value for name, value in answer["headers"]}
