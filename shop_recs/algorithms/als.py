"""Collaborative filtering by alternating least squares, for visitors folded in by recency."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.base import (
    Fitted,
    Floats,
    NotEnoughData,
    Progress,
    Recommender,
    TrainingData,
    silent,
)
from shop_recs.algorithms.encoders.fold_in import FoldInEncoder

logger = logging.getLogger(__name__)

HALF_LIVES_DAYS = (math.inf, 90.0, 14.0, 2.0)
STEP_DECAYS = (1.0, 0.95, 0.8, 0.6, 0.4)


class ALS(Recommender):
    pass
