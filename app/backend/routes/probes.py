"""For whatever runs the backend: probes and metrics."""

from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from app.backend.metrics import CONTENT_TYPE
from app.backend.readiness import Readiness
from app.backend.routes.shared import metrics_of
from app.backend.schemas import Problem, State

INTERNAL: dict[str, Any] = {"x-internal": True}

router = APIRouter(tags=["probes"])


@router.get("/health", operation_id="health", openapi_extra=INTERNAL)
async def health() -> State:
    """Tell that the process answers; the database is not asked."""
    return State(status="ok")


@router.get(
    "/ready",
    operation_id="ready",
    openapi_extra=INTERNAL,
    responses={503: {"model": Problem, "description": "Do not send requests here; `detail` says why."}},
)
async def ready(request: Request) -> State:
    """Tell whether to send requests here. That the database answers is asked seldom."""
    readiness: Readiness = request.app.state.readiness
    problem = await readiness.problem()
    if problem is not None:
        raise HTTPException(503, problem, {"Retry-After": "1"})
    return State(status="ready")


@router.get(
    "/metrics",
    operation_id="metrics",
    openapi_extra=INTERNAL,
    response_class=Response,
    responses={
        200: {
            "description": "Counters in Prometheus' text format.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    },
)
async def metrics(request: Request) -> Response:
    """Tell what was counted."""
    return Response(metrics_of(request).page(), media_type=CONTENT_TYPE)
