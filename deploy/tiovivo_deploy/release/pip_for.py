"""pip for another machine's Python: `python -m tiovivo_deploy.release.pip_for 3.11.2 x86_64 download …`

pip's own `--python-version` chooses wheels, but conditions of requirements (`python_version < "3.11.3"`)
are still decided for the Python that runs pip. Here they are decided for the nodes'."""

import sys

from pip._internal.cli.main import main
from pip._vendor.packaging import markers


def environment(python: str, machine: str) -> dict[str, str]:
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "sys_platform": "linux",
    }


if __name__ == "__main__":
    named = environment(*sys.argv[1:3])
    markers.default_environment = lambda: dict(named)
    sys.exit(main(sys.argv[3:]))
