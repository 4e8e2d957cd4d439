"""Early stops: networks that a training left on its way."""

from contextlib import suppress
from dataclasses import dataclass

from smugbook.experiments import runs, trainings
from smugbook.experiments.parts import NOT_THERE, Training
from smuglib.models.weights import read_tensors
from smuglib.training.plan import Budget


@dataclass(frozen=True)
class Stops(Training):
    """The early stops of a profile's own training, which mostly is all that they need.

    A training that was made before there were stops kept none. Then it is trained again, beside it.
    """

    @property
    def kind(self) -> str:
        """Mostly there is nothing to do."""
        return f"early stops of {self.method}"

    @property
    def size(self) -> int:
        """Updates of the last stop."""
        return max(self.settings.snapshots().values())

    def n_done(self) -> int:
        """Return all updates once the networks of this training are in the store."""
        with suppress(*NOT_THERE):
            plan = trainings.finetuning_plan(self.settings, self.method, self.sigma, self._start)
            for fraction, update in self.settings.snapshots().items():
                weights = self._store.variant({runs.STOPPED: fraction})
                header = read_tensors(weights.weights(self.method, self.sigma))[1]
                if (header["settings"], header["update"]) != (plan.settings, update):
                    return 0
            return self.size
        return 0

    def compute(self, *, device: str = "auto", budget: Budget | None = None) -> None:
        """Train again what kept no stops, and take them."""
        store, stops = self._store, self.settings.snapshots()
        folder = self._checkpoints / runs.STOPPED
        run = self.settings, self.method, self.sigma, self._start, folder
        trainings.finetune(*run, device=device, budget=budget, stops=sorted({*stops.values()}))
        runs.keep_stops(store, self.method, self.sigma, folder, stops)
