"""What Ray's workers import: installed packages, and nothing from the folder in which the server was started."""

from ray.job_config import JobConfig


class InstalledPackagesOnly(JobConfig):  # type: ignore[misc] # Ray ships no types
    """A job whose workers do not get the driver's folders on `sys.path`.

    Ray puts the driver's current directory in front of every worker's path. There, an operator's `monitoring.py` or `config/` would
    be imported in place of an installed package of the same name.
    """

    def _get_proto_job_config(self) -> object:
        self._py_driver_sys_path.clear()
        return super()._get_proto_job_config()
