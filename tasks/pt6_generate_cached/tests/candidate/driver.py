"""Calls the workspace's generate with models whose embedding, keys and values are asked of the judge row by row.

Those modules have no weights here, so that no row can be had without being counted where the code under test
cannot reach. Messages are lines of JSON: from standard input, and to the pipe of ANSWER_PIPE. Knows nothing
of the right answers.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent))
import torch  # noqa: E402
from arrays import encode_array  # noqa: E402
from tensors import describe, make_tensor, perform  # noqa: E402
from tiny_lm import Config, TinyLm  # noqa: E402
from torch import Tensor, nn  # noqa: E402

PIPE = os.fdopen(int(os.environ["ANSWER_PIPE"]), "w")
START: dict[str, Any] = json.loads(sys.stdin.readline())
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def tell(message: dict[str, Any]) -> None:
    PIPE.write(json.dumps({"nonce": START["nonce"], **message}) + "\n")
    PIPE.flush()


class AskedRows(nn.Module):
    """A module that has the judge compute."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, rows: Tensor) -> Tensor:
        tell({"module": self.name, "rows": encode_array(rows.detach().contiguous().numpy())})
        reply = json.loads(sys.stdin.readline())
        if "refused" in reply:
            raise RuntimeError(reply["refused"])
        return make_tensor(reply)


def make_model(call: dict[str, Any]) -> TinyLm:
    model = TinyLm(Config(**call["config"]))
    if call["asks"]:
        model.embed = AskedRows("embed")
        for number, block in enumerate(model.blocks):
            block.attention.key_value = AskedRows(f"blocks.{number}.attention.key_value")
    model.load_state_dict({name: make_tensor(value) for name, value in call["weights"].items()})
    return model


def describe_model(model: TinyLm) -> dict[str, Any]:
    return {
        "parameters": describe({name: parameter.detach() for name, parameter in model.named_parameters()}),
        "modules": [[name, type(module).__name__] for name, module in model.named_modules()],
        "hooks": sum(len(getattr(module, kind)) for module in model.modules() for kind in HOOKS),
    }


def main() -> None:
    torch.set_num_threads(1)
    sys.path.append(START["workspace"])
    code: ModuleType | None = None
    model: TinyLm | None = None
    for line in sys.stdin:
        call: dict[str, Any] = json.loads(line)
        if code is None:
            code = importlib.import_module("generate_cached")
        if call["config"] is not None:
            model = make_model(call)
        assert model is not None
        arguments = model, call["prompt"], call["max_new_tokens"]
        function, options = code.generate, call["options"]
        answer = perform(lambda: {"result": describe(function(*arguments, **options))})  # noqa: B023 (called here)
        tell({**answer, "prompt": describe(call["prompt"]), "model": describe_model(model)})
    # Nothing that the code under test registered for the end shall run.
    PIPE.close()
    os._exit(0)


main()
