"""Makes the stages that ask a model behind a service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from subliminal.paid import Paid
from subliminal.plan.service_costs import ServiceCosts
from subliminal.plan.service_rows import ServiceRows
from subliminal.plan.stage_maker import make_stage
from subliminal.services.endpoint import Endpoint
from subliminal.stage import Stage, digest


@dataclass(frozen=True)
class ServiceMaker:
    """Makes stages of one model behind a service."""

    endpoint: Endpoint
    rows: ServiceRows

    @cached_property
    def costs(self) -> ServiceCosts:
        """Of its stages."""
        return ServiceCosts(self.endpoint, self.rows)

    def make(
        self,
        kind: str,
        seed: int,
        params: Mapping[str, Any],
        inputs: Mapping[str, str] | None = None,
        *,
        paid: Paid,
        local: Mapping[str, str] | None = None,
    ) -> Stage:
        """A stage that asks the service.

        Where the service is, and what it calls the model, decide the result; its key, its prices
        and its terms do not. Jobs and batches are waited for side by side: whatever else they
        differ in, they form a lot.
        """
        service = self.endpoint.model_dump(include={"base_url", "model"})
        local = {**(local or {}), "service": self.endpoint.model_dump_json()}
        made = make_stage(kind, seed, {**params, "service": service}, inputs, local=local)
        waits = "tuning" in params or self.endpoint.batches
        return replace(made, paid=paid, shares=digest([self.endpoint.base_url]) if waits else None)
