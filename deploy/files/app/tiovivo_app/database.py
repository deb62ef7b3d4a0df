"""The database of the mother for Django, by mysqlclient or else by PyMySQL."""

CONNECT_SECONDS = 3
READ_SECONDS = 60
# What Django asks of mysqlclient; PyMySQL has the same functions and another number.
MYSQLCLIENT_VERSION = (2, 2, 7, "final", 0)
# What a project may keep of its own entry: the rest names a server.
KEPT = ("ATOMIC_REQUESTS", "AUTOCOMMIT", "CONN_MAX_AGE", "CONN_HEALTH_CHECKS", "TEST", "TIME_ZONE")


def default(project, env):
    """DATABASES["default"]: the project's habits, the cluster's server."""
    engine = project.get("ENGINE", "")
    ours = engine if "mysql" in engine else "django.db.backends.mysql"
    options = {"charset": "utf8mb4"}
    if ours == engine:
        options |= project.get("OPTIONS", {})
    # Without a bound a worker waits for a dead mother until the kernel gives up.
    for name, seconds in (("connect", CONNECT_SECONDS), ("read", READ_SECONDS)):
        options.setdefault(f"{name}_timeout", seconds)
    if "read_default_file" in options:
        options.pop("read_default_file")
    provide_driver()
    return {key: project[key] for key in KEPT if key in project} | {
        "ENGINE": ours,
        "HOST": env["TIOVIVO_DATABASE_HOST"],
        "PORT": env.get("TIOVIVO_DATABASE_PORT", "3306"),
        "NAME": env["TIOVIVO_DATABASE_NAME"],
        "USER": env["TIOVIVO_DATABASE_USER"],
        "PASSWORD": env["TIOVIVO_DATABASE_PASSWORD"],
        "OPTIONS": options,
    }


def provide_driver():
    """PyMySQL under the name MySQLdb, unless the project brings mysqlclient."""
    try:
        import MySQLdb  # noqa: F401
    except ImportError:
        import pymysql

        pymysql.version_info = max(pymysql.version_info, MYSQLCLIENT_VERSION)
        pymysql.install_as_MySQLdb()
