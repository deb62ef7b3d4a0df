"""The control folder of the cluster under test: config.yaml, the zone, the application, an ssh key.

Checks are quicker than the defaults, so that the test is.
"""

import shutil
from pathlib import Path

from cluster import REPOSITORY, Cluster, run
from verdicts import Failed

CONFIG = """\
server: { listen: [0.0.0.0:53], dashboard: 127.0.0.1:8053, state: /var/lib/tiovivo }
zones:
  - { apex: midominio.com, file: zones/midominio.com.zone }
pools:
  web:
    names: [midominio.com, www.midominio.com]
    members: { role: child }
    ttl: 5
    # The test loses the same children again and again.
    damping: off
    check:
      http: { port: 80, path: /health, host: www.midominio.com }
      every: 1s
      timeout: 900ms
      fall: 2
      rise: 2
nodes:
  server-1:   { role: mother,  address: 192.0.2.17, private: 10.77.0.17 }
  server-1.1: { role: standby, address: 192.0.2.16, private: 10.77.0.16 }
  server-2:   { role: child,   address: 192.0.2.18, private: 10.77.0.18 }
  server-3:   { role: child,   address: 192.0.2.19, private: 10.77.0.19 }
  video-1:    { role: worker,  address: 192.0.2.30, private: 10.77.0.30 }
  ns1:        { role: dns,     address: 192.0.2.53, private: 10.77.0.53 }
  ns2:        { role: dns,     address: 198.51.100.53, private: 10.77.0.54 }
deploy:
  ssh: { key: id_ed25519 }
  mother_address: 10.77.0.10
  application:
    source: site
    requirements: requirements.txt
    settings: proyecto.settings
    wsgi: proyecto.wsgi
    celery: proyecto
    media: true
    hosts: [midominio.com, www.midominio.com]
  database: { name: proyecto }
"""


def make(cluster: Cluster) -> None:
    folder = cluster.config.parent
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "zones").mkdir(parents=True)
    cluster.config.write_text(CONFIG)
    zone = "zones/midominio.com.zone"
    shutil.copy(REPOSITORY / "examples/cluster" / zone, folder / zone)
    shutil.copytree(application(), folder / "site")
    key = folder / "id_ed25519"
    done = run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], 30)
    if not done.ok:
        raise Failed(done.out)


def application() -> Path:
    return REPOSITORY / "examples/django/site"
