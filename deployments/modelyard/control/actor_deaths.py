"""Why an actor is dead, from the actor table of Ray's GCS.

Ray's public API for that (ray.util.state) needs the dashboard, which does not run here.
"""

from pathlib import Path

import ray
from ray._private.state import state
from ray.core.generated.gcs_pb2 import ActorTableData

from modelyard.control.deaths import RayCause

VMSTAT = Path("/proc/vmstat")


class RayMachine:
    """Implements `death_watch.Machine`."""

    def ray_cause(self, actor_id: str) -> RayCause:
        """See `death_watch.Machine`. Empty if Ray has forgotten the actor or does not respond."""
        try:
            found = (
                state._connect_and_get_accessor().get_actor_info(ray.ActorID.from_hex(actor_id)) if actor_id else None
            )
        except Exception:  # noqa: BLE001 - private to Ray; a death without its reason is still reported
            return RayCause("")
        return _cause(ActorTableData.FromString(found)) if found else RayCause("")

    def kernel_out_of_memory(self) -> int:
        """See `death_watch.Machine`. 0 if the kernel does not report it."""
        try:
            lines = (line.split() for line in VMSTAT.read_text().splitlines())
            return next((int(count) for name, count in lines if name == "oom_kill"), 0)
        except (OSError, ValueError):
            return 0


def _cause(actor: ActorTableData) -> RayCause:
    cause = actor.death_cause
    kind = cause.WhichOneof("context")
    if kind == "oom_context":
        return RayCause("out_of_memory", cause.oom_context.error_message)
    if kind == "actor_died_error_context":
        context = cause.actor_died_error_context
        return RayCause(type(context).Reason.Name(context.reason), context.error_message)
    return RayCause(kind or "")
