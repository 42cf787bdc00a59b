"""Progress bars on terminals, and lines elsewhere."""

import sys

from tqdm import tqdm


class Progress(tqdm):
    """A progress bar on stderr, or a line per tenth of the work if stderr is not a terminal.

    `with Progress(total, unit) as progress: progress.update(done)`
    """

    def __init__(self, total: int, unit: str):
        self._plain = not sys.stderr.isatty()
        self._tenths = 0
        super().__init__(total=total, unit=f" {unit}", file=sys.stderr, disable=self._plain)
        self.total, self.unit, self.n = total, f" {unit}", 0  # a disabled bar keeps nothing

    def update(self, done: int = 1) -> None:
        if not self._plain:
            super().update(done)
            return
        self.n += done
        if self.n * 10 // self.total > self._tenths:
            self._tenths = self.n * 10 // self.total
            print(f"{self.n:,} of {self.total:,}{self.unit}", file=sys.stderr, flush=True)
