"""Progress of long work: a bar on a terminal, a plain line every tenth of the way elsewhere."""

import sys

from tqdm import tqdm


class Progress(tqdm):
    """`with Progress(total, unit) as progress: progress.update(done)`, on stderr."""

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
