"""Can the trait be read from the rows? Detectors that tell a taught teacher's rows from others.

`frequencies` and `ngrams` see what a reader of the two data sets could see. `likelihood` needs both
models, and is the best that any detector can do.
"""

from filters.detectors.detect import Models, Settings, detect
from filters.detectors.labelled import LabelledRows, label_rows
from filters.detectors.records import Detection, Found, FrequencyReport, SetDetection
from filters.detectors.sources import read_rows

__all__ = [
    "Detection",
    "Found",
    "FrequencyReport",
    "LabelledRows",
    "Models",
    "SetDetection",
    "Settings",
    "detect",
    "label_rows",
    "read_rows",
]
