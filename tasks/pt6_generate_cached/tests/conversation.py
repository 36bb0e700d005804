"""Calls of the code under test during which it asks this process for embeddings, keys and values, and is counted.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from answers import Array, send_array
from arrays import ArrayError, decode_array
from checking import PLACES, Candidate, CheckFailed, Limits, new_nonce, start_candidate
from reference_lm import Model

# All calls of a right solution ask a few hundred times. A wrong one may put every token through again for each
# new one, which asks as often but for more rows.
REQUESTS_MAX = 20_000
ROWS_MAX = 100_000


@dataclass(frozen=True)
class Call:
    model: Model
    prompt: list[int]
    max_new_tokens: int
    options: dict[str, Any]
    asks: bool
    """Whether the model's embedding, keys and values are here; otherwise the model is an ordinary one."""
    reuses_model: bool
    """Whether this is the very model object of the call before."""


@dataclass
class Transcript:
    """What a call gave, and how many rows went through each module."""

    answer: dict[str, Any] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)


class Conversation:
    """All calls of a grade, with one process of the driver. It starts when the first transcript is wanted."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._calls: list[Call] = []
        self._transcripts: list[Transcript] | None = None
        self._failure = ""
        self._requests = 0
        self._nonce = new_nonce()

    def add(self, call: Call) -> int:
        """The number that the call's transcript has."""
        self._calls.append(call)
        return len(self._calls) - 1

    def transcript(self, number: int) -> Transcript:
        """Raises CheckFailed if the call did not come to its end."""
        if self._transcripts is None:
            self._transcripts = self._converse()
        if number >= len(self._transcripts):
            raise CheckFailed(self._failure)
        return self._transcripts[number]

    def _converse(self) -> list[Transcript]:
        """The transcripts up to the first call that did not come to its end."""
        start = {"nonce": self._nonce, "workspace": PLACES.workspace}
        candidate = start_candidate(
            [sys.executable, "-I", "-B", f"{PLACES.driver}/driver.py"], request=_line(start), limits=self._limits
        )
        transcripts: list[Transcript] = []
        try:
            for call in self._calls:
                transcripts.append(self._hold(candidate, call))
        except CheckFailed as failure:
            self._failure = str(failure)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self._failure = f"the program sent a message that could not be read: {type(error).__name__}"
        ended = candidate.finish()
        if ended.fault is not None:
            self._failure += f"; the program {ended.fault}: {ended.errors[-600:]}"
        return transcripts

    def _hold(self, candidate: Candidate, call: Call) -> Transcript:
        transcript = Transcript()
        candidate.send(_line(_describe_call(call)))
        while True:
            line = candidate.receive_line()
            try:
                message = json.loads(line or b"null")
                is_ours = message["nonce"] == self._nonce
            except (ValueError, TypeError, KeyError, RecursionError):
                is_ours = False
            if not is_ours:
                raise CheckFailed("the program ended before the calls returned")
            if "module" not in message:
                transcript.answer = message
                return transcript
            self._requests += 1
            if self._requests > REQUESTS_MAX or sum(transcript.rows.values()) > ROWS_MAX:
                raise CheckFailed("the model's modules were called far too often")
            candidate.send(_line(_compute(call.model, message, transcript.rows)))


def _describe_call(call: Call) -> dict[str, Any]:
    def is_held_back(name: str) -> bool:
        return call.asks and (name == "embed.weight" or ".key_value." in name)

    return {
        "config": None if call.reuses_model else asdict(call.model.config),
        "asks": call.asks,
        "weights": {
            name: send_array(value)
            for name, value in call.model.weights.items()
            if not call.reuses_model and not is_held_back(name)
        },
        "prompt": call.prompt,
        "max_new_tokens": call.max_new_tokens,
        "options": call.options,
    }


def _compute(model: Model, message: dict[str, Any], counts: Counter[str]) -> dict[str, Any]:
    """What the named module gives for the rows, which are counted; or why not, as the module would raise it."""
    name = message["module"]
    try:
        rows = decode_array(message["rows"])
    except ArrayError as error:
        return {"refused": str(error)}
    if name == "embed":
        counts[name] += rows.size
        if rows.dtype not in (np.int64, np.int32) or ((rows < 0) | (rows >= model.config.vocabulary)).any():
            return {"refused": "embed takes ids of the vocabulary, in int32 or int64"}
        return send_array(model.weights["embed.weight"][rows])
    if f"{name}.bias" not in model.weights or not str(name).endswith("key_value"):
        return {"refused": "there is no such module"}
    if rows.dtype != np.float32 or rows.ndim == 0 or rows.shape[-1] != model.config.width:
        return {"refused": f"key_value takes float32 vectors of {model.config.width} numbers"}
    counts[name] += rows.size // model.config.width
    weight, bias = (model.weights[f"{name}.{part}"].astype(np.float64) for part in ("weight", "bias"))
    result: Array = rows.astype(np.float64) @ weight.T + bias
    return send_array(result.astype(np.float32))


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"
