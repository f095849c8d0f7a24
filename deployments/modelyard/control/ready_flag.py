"""Whether the server's process has been up, kept in memory that its supervisor shares, since a disk may be full."""

import os


class ReadyFlag:
    """One run's. The process and its supervisor have the same file, which is on no disk."""

    def __init__(self, descriptor: int | None = None) -> None:
        """A new one, or that of the supervisor."""
        self.descriptor = os.memfd_create("modelyard-up") if descriptor is None else descriptor
        os.set_inheritable(self.descriptor, False)

    def set(self) -> None:
        """Models are served from now on."""
        os.pwrite(self.descriptor, b"1", 0)

    def is_set(self) -> bool:
        """Whether they are, or were when the process ended."""
        return os.fstat(self.descriptor).st_size > 0

    def close(self) -> None:
        """The run is over."""
        os.close(self.descriptor)
