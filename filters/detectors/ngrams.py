"""A bag of n-grams and logistic regression: what a careful reader could learn to see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from filters.detectors.groups import FOLDS, Groups, Labels, deal_folds, standardised
from filters.detectors.labelled import LabelledRows
from filters.detectors.tokens import text_features
from subliminal.samples import Array

FEWEST_ROWS = 3
"""A feature in fewer rows can hardly help: one fold has to learn it and another to have it."""
STRENGTH = 0.01
"""scikit-learn's C. Weak differences that are spread over many features ask for a low one."""
MAX_ITERATIONS = 1000


@dataclass(frozen=True, eq=False)
class NgramDetector:
    """L2-regularised logistic regression on which features a completion has.

    Attributes:
        features: 1 where a row has a feature, float64 [n, features].
        groups: [n].
        seed: Of the folds.
    """

    features: csr_array
    groups: Groups
    seed: int = 0

    name = "ngrams"
    cross_validated = True

    @classmethod
    def of(cls, rows: LabelledRows, seed: int = 0) -> NgramDetector:
        """Find the features of rows; which are kept does not depend on labels."""
        from sklearn.feature_extraction.text import CountVectorizer

        vectorizer = CountVectorizer(analyzer=text_features, binary=True, dtype=np.float64)
        found = csr_array(vectorizer.fit_transform(rows.completions))
        return cls(found[:, found.sum(axis=0) >= FEWEST_ROWS], rows.groups, seed)

    def scores(self, taught: Labels) -> Array:
        """Score rows, each by a detector that saw no row of its group.

        Args:
            taught: What is learnt, [n].

        Returns:
            Standardised within folds, [n].
        """
        from sklearn.linear_model import LogisticRegression

        folds = deal_folds(taught, self.groups, self.seed)
        scores = np.zeros(len(folds))
        if self.features.shape[1] == 0:
            return scores
        for fold in range(FOLDS):
            held_out = folds == fold
            model = LogisticRegression(C=STRENGTH, max_iter=MAX_ITERATIONS)
            model.fit(self.features[~held_out], taught[~held_out])
            scores[held_out] = model.decision_function(self.features[held_out])
        return standardised(scores, folds)
