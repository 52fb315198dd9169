"""The gate before publishing: what speaks against serving the version that was just trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shop_recs.algorithms.base import Fitted, TrainingData
from shop_recs.algorithms.metrics import Lists, bootstrap_interval, top_lists
from shop_recs.algorithms.popular import Popular
from shop_recs.conf import settings
from shop_recs.models import ModelVersion
from shop_recs.training import judged
from shop_recs.training.evaluation import Judge, Judged, Split

LENGTH = 10
MEASURE = f"ndcg@{LENGTH}"
TOLERANCES = {"active": "WORSE_BY", "popular": "WORSE_THAN_POPULAR_BY"}
"""By which key of `GATE` a version may foretell worse than each of its rivals."""
LEAST_CASES = 30
"""Shoppers below which nothing is compared: chance would decide."""
LEAST_DIFFERING = 10
"""So many of them must be answered differently by two models before one counts as worse."""
PARTS = ("discovery", "all")
"""Each that has enough cases is compared with the active version, the first of them with popularity."""
DESCRIBED = "described"
"""Where a version's facts say how many of the products had a value of each feature."""
SHOPPERS_LOOKED_AT = 500
LEAST_ANSWERED = 0.05
"""Share of the shoppers with a history who must get a list; neighbours need not know what everybody likes."""


class Gate:
    """Gathers why a version should not be served.

    Args:
        active: the version of the same algorithm that is served now.

    Attributes:
        reasons: sentences, none where nothing speaks against the version.
        figures: what was compared, in JSON types, for `ModelVersion.metrics["gate"]`.
    """

    def __init__(self, active: ModelVersion | None) -> None:
        self.active = active
        self.reasons: list[str] = []
        self.figures: dict[str, Any] = {}

    @property
    def refusal(self) -> str:
        """All reasons as one text."""
        return " ".join(self.reasons)

    def look_at_log(self, data: TrainingData) -> None:
        """Refuse a log that is much shorter than before, that one shopper or one product fills, or whose
        products have lost what was said of them."""
        least = settings.GATE["INTERACTIONS"]
        before = self.active.interaction_count if self.active else None
        if least is not None and before and len(data) < least * before:
            self.reasons.append(
                f"The log has {len(data)} interactions to learn from, {self.active} had {before}: is a part"
                " of it missing?"
            )
        for name, who in (("ONE_VISITOR", data.users), ("ONE_PRODUCT", data.items)):
            share, most = np.bincount(who).max() / len(data), settings.GATE[name]
            if most is not None and share > most:
                what = name.removeprefix("ONE_").lower()
                self.reasons.append(f"{share:.0%} of the interactions are of one {what}: a bot, or a test?")
        self._look_at_features(data)

    def _look_at_features(self, data: TrainingData) -> None:
        """Refuse products of which far fewer have a price, a brand … than before."""
        least, before = settings.GATE["FEATURES"], self.active.info.get(DESCRIBED, {}) if self.active else {}
        for name, share in described(data).items():
            if least is not None and share < least * before.get(name, 0.0):
                self.reasons.append(
                    f"{share:.0%} of the products have a usable {name!r}, for {self.active} it was"
                    f" {before[name]:.0%}: was something deleted?"
                )

    def earlier(self, product_keys: Sequence[Any], *, before: float) -> Fitted | None:
        """What the active version was judged by, unless it saw the log from the moment `before` on."""
        if self.active is None:
            return None
        try:
            return judged.recall(self.active, product_keys, before=before)
        except LookupError as error:
            self.figures["active"] = {"not_compared": str(error)}
            return None

    def compare(self, fitted: Fitted, split: Split, earlier: Fitted | None) -> None:
        """Refuse what foretells the held-out choices worse than its rivals, or shows far fewer products.

        The rivals are `popular`, fitted on the same, and the fit by which the active version was judged: the
        one that is served saw a part of the choices that are to be foretold.

        Args:
            fitted: what was learned from `split.train`.
            split: the last part of the log, as figures are reported on it.
            earlier: from the method of that name.
        """
        judge = Judge(split, ks=(LENGTH,))
        own = judge.judge(split.scores(fitted))
        parts = [part for part in PARTS if part in own and len(own[part].cases) >= LEAST_CASES]
        if not parts:
            self.figures["not_compared"] = f"fewer than {LEAST_CASES} shoppers to compare by"
            return
        first = parts[0]
        self.figures |= {"part": first, "cases": len(own[first].cases)}
        if _is_personal(fitted):
            theirs = judge.judge(split.scores(Popular().fit(split.train)))
            self.figures["popular"] = self._compare("popular", own[first], theirs[first])
        if earlier is not None:
            theirs = judge.judge(split.scores(earlier))
            figures = {part: self._compare("active", own[part], theirs[part]) for part in parts}
            self.figures["active"] = {**figures, **figures[first], "version": self.active and self.active.pk}
            self._compare_lists(own["all"], theirs["all"])

    def look_at_lists(self, fitted: Fitted, data: TrainingData) -> None:
        """Refuse a model that has hardly a list for anybody, or the same list for everybody."""
        lists = _lists_of_today(fitted, data)
        answered = lists[lists[:, 0] >= 0]
        shown = len(np.unique(answered))
        can_tell = len(answered) >= LEAST_CASES and np.count_nonzero(fitted.known) > 2 * LENGTH
        if len(answered) < LEAST_ANSWERED * len(lists):
            self.reasons.append(f"It has a list for {len(answered)} of {len(lists)} shoppers with a history.")
        elif _is_personal(fitted) and can_tell and shown <= LENGTH:
            self.reasons.append(f"It shows the same {shown} products to each of {len(answered)} shoppers.")

    def _compare(self, rival: str, own: Judged, theirs: Judged) -> dict[str, Any]:
        """How the answers to the same cases differ; refuses those worse than the active version beyond noise,
        and those no better than popularity."""
        mine, other = own.by_case[MEASURE], theirs.by_case[MEASURE]
        low, high = bootstrap_interval(mine - other)
        difference = float(mine.mean() - other.mean())
        allowed = settings.GATE[TOLERANCES[rival]]
        if allowed is not None and np.count_nonzero(mine != other) >= LEAST_DIFFERING:
            bar = -allowed * other.mean()
            name = f"{self.active}, which is served," if rival == "active" else rival
            if high < bar:
                self.reasons.append(
                    f"It foretells worse than {name} what {len(mine)} shoppers chose next: NDCG@{LENGTH} is "
                    f"{mine.mean():.4f} against {other.mean():.4f}, {-high:.4f} to {-low:.4f} less."
                )
            elif rival == "popular" and difference <= bar:
                self.reasons.append(
                    f"It foretells no better than {name} what {len(mine)} shoppers chose next: "
                    f"NDCG@{LENGTH} is {mine.mean():.4f} against {other.mean():.4f}."
                )
        return {MEASURE: float(other.mean()), "difference": difference, "interval": [low, high]}

    def _compare_lists(self, own: Judged, theirs: Judged) -> None:
        """Refuse lists that show far fewer products than those of the active version for the same cases."""
        least = settings.GATE["COVERAGE"]
        mine, other = (len(np.unique(part.lists[part.lists >= 0])) for part in (own, theirs))
        self.figures["active"]["products_shown"] = [mine, other]
        if least is not None and mine < least * other:
            self.reasons.append(
                f"Its lists show {mine} products to {len(own.cases)} shoppers, those of {self.active}, which"
                f" is served, {other}."
            )


def described(data: TrainingData) -> dict[str, float]:
    """The share of the products with a value, by feature."""
    return {feature.name: float(np.mean(feature.codes >= 0)) for feature in data.features}


def _lists_of_today(fitted: Fitted, data: TrainingData) -> Lists:
    """`(c, LENGTH)` what some of the shoppers would be shown now."""
    users = np.unique(data.users[fitted.known[data.items]]).astype(np.int64)
    if len(users) > SHOPPERS_LOOKED_AT:
        users = np.sort(np.random.default_rng(0).choice(users, SHOPPERS_LOOKED_AT, replace=False))
    none, no_list = np.empty(0, dtype=np.int64), np.empty((0, LENGTH), dtype=np.int32)
    today = Split(
        train=data,
        log=data,
        users=users,
        nows=np.full(len(users), data.now),
        cases=none,
        targets=none,
        cold_targets=0,
    )
    return np.concatenate([no_list, *(top_lists(scores, LENGTH) for _, scores in today.scores(fitted))])


def _is_personal(fitted: Fitted) -> bool:
    """Whether it looks at a shopper's history at all."""
    return fitted.encoder.history_length > 0
