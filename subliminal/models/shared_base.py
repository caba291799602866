"""One model in memory for all that is trained on it in turn."""

from __future__ import annotations

from subliminal.models.adapters import remove_adapter
from subliminal.models.language_model import LanguageModel
from subliminal.models.pretrained import Pretrained
from subliminal.models.stage_models import model_to_train
from subliminal.spec.recipes import Recipe
from subliminal.stage import Task


class SharedBase:
    """The model that the stages of a lot begin with, loaded once where they train adapters of it.

    What else is trained is changed by that, and loaded anew for each stage.
    """

    def __init__(self) -> None:
        self._kept: Pretrained | None = None

    def model_to_train(self, task: Task, recipe: Recipe, made: str, existing: str) -> LanguageModel:
        """See :func:`~.stage_models.model_to_train`; what it gave for the stage before is void."""
        if recipe.adapter is None or made in task.inputs:
            return model_to_train(task, recipe, made, existing)
        if self._kept is None:
            model = model_to_train(task, recipe, made, existing)
            if not isinstance(model, Pretrained):
                return model
            self._kept = model
        remove_adapter(self._kept)
        return self._kept
