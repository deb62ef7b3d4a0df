"""Lines of deploy/status about mother and standby."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

from tiovivo_deploy.data import files
from tiovivo_deploy.inventory import Cluster
from tiovivo_deploy.ssh import Shell

LOOK_SECONDS = 15


def lines(cluster: Cluster, shell: Shell) -> list[str]:
    """One or two lines a machine; a fault stands in capitals at the line's beginning."""
    results = shell.run_all(files.pair(cluster), "tiovivo-data state", timeout=LOOK_SECONDS)
    states = {result.node.name: parse(result.out) if result.ok else None for result in results}
    told = [line for name, state in states.items() for line in describe(name, state)]
    return told + judge_pair(states)


def parse(text: str) -> dict | None:
    try:
        state = json.loads(text)
        return state if isinstance(state, dict) else None
    except ValueError:
        return None


def describe(name: str, state: dict | None, clock: Callable[[], float] = time.time) -> list[str]:
    if state is None:
        return [f"FAULT {name}: does not say how its data is"]
    kind = state.get("kind")
    if state.get("database_fault"):
        return [f"FAULT {name}: {kind}, the database does not answer: {state['database_fault']}"]
    if kind == "mother":
        return describe_mother(name, state)
    if kind == "standby":
        return describe_standby(name, state)
    return [f"FAULT {name}: {kind}: no standby until deploy/rejoin {name}"]


def describe_mother(name: str, state: dict) -> list[str]:
    since = state.get("since") or 0
    moment = f" since {datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M} UTC" if since else ""
    head = f"{name}: the mother, epoch {state.get('epoch')}{moment}"
    if not state.get("holds_address"):
        return [f"FAULT {head}, but serves nobody (it was booted): deploy/promote {name}"]
    if state.get("read_only"):
        return [f"FAULT {head}, but its database is read-only"]
    if state.get("synchronous") and state.get("standbys"):
        words = [f"{head}; writes are on the standby before they are acknowledged"]
    else:
        words = [f"FAULT {head}; writes are asynchronous: the standby does not acknowledge"]
    waiting = state.get("files_waiting")
    if waiting is not None:
        words.append(
            f"{name}: {waiting} changes of files wait to be sent (sent within a second: so much of"
            " the newest media a power cut can take)"
        )
    return words


def describe_standby(name: str, state: dict) -> list[str]:
    fault = state.get("replication_fault") or ("" if state.get("receiving") else "nothing received")
    head = f"{name}: the standby, epoch {state.get('epoch')}"
    if fault:
        return [f"FAULT {head}: {fault}"]
    behind = "applied" if state.get("applied") == state.get("received") else "received, not applied"
    return [
        f"{head}; {state.get('received') or state.get('applied')} {behind}; broker {state.get('broker')}"
    ]


def judge_pair(states: dict[str, dict | None]) -> list[str]:
    """What no machine can say of itself."""
    open_ones = [
        name
        for name, state in states.items()
        if state and (state.get("holds_address") or state.get("read_only") is False)
    ]
    if len(open_ones) > 1:
        return [f"FAULT {' and '.join(open_ones)}: both take writes; stop one of them at once"]
    if not open_ones:
        return ["FAULT no machine is the mother: deploy/promote"]
    return []
