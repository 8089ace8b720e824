"""Write the graph of the packaged embedder that ships in assets: `make embedder-graph`.

It holds no weight: of each it says where in the package's file it lies. The nodes are those that
onnxruntime has for BERT: several of ONNX's own in one.

Source: Devlin et al. 2018 (arXiv:1810.04805); onnxruntime's docs/ContribOperators.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from onnx import ModelProto, NodeProto, TensorProto, defs, helper

from routing.embeddings import packaged_folder
from routing.minilm import GRAPH, MIDDLE_LAYER, TOKENS

LAYERS, HEADS, DIMENSION = 6, 12, 384
NORM_EPSILON = 1e-12
# The last opset in which ReduceMean has its axes as an attribute.
OPSETS = {"": 17, "com.microsoft": 1}
IR_VERSION = 8
HEADER = 8  # bytes at a safetensors file's beginning: the length of what describes it


class Graph:
    """A graph in the making.

    Args:
        weights: a safetensors file.
    """

    def __init__(self, weights: Path) -> None:
        with weights.open("rb") as file:
            size = int.from_bytes(file.read(HEADER), "little")
            self._described = json.loads(file.read(size))
        self._name = weights.name
        self._start = HEADER + size
        self._nodes: list[NodeProto] = []
        self._weights: dict[str, TensorProto] = {}

    def weight(self, name: str) -> str:
        """The weight of that name, to be read from the file."""
        described = self._described[name]
        begin, end = described["data_offsets"]
        place = {"location": self._name, "offset": self._start + begin, "length": end - begin}
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=described["shape"])
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self._weights[name] = tensor
        return name

    def node(self, kind: str, *inputs: str, also: Sequence[str] = (), **attributes: object) -> str:
        """The name of what comes out of a node; `also` names what comes beside it."""
        domain = "" if defs.has(kind) else "com.microsoft"
        output = f"{kind}{len(self._nodes)}"
        node = helper.make_node(kind, inputs, [output, *also], domain=domain)
        node.attribute.extend(map(helper.make_attribute, attributes, attributes.values()))
        self._nodes.append(node)
        return output

    def model(self, rows: str, length: int) -> ModelProto:
        """The graph from a text's tokens to the row of that name, which has so many numbers."""
        tokens = helper.make_tensor_value_info(TOKENS, TensorProto.INT32, [1, "n"])
        row = helper.make_tensor_value_info(rows, TensorProto.FLOAT, [1, length])
        weights = list(self._weights.values())
        graph = helper.make_graph(self._nodes, "MiniLM", [tokens], [row], weights)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


def minilm(weights: Path) -> ModelProto:
    """From the tokens of a text to the mean of its last states beside that of its middle ones."""
    graph = Graph(weights)
    states = [_embedded(graph)]
    for number in range(LAYERS):
        states.append(_layer(graph, states[-1], f"encoder.layer.{number}"))
    means = (
        graph.node("ReduceMean", each, axes=[1], keepdims=0)
        for each in (states[-1], states[MIDDLE_LAYER])
    )
    return graph.model(graph.node("Concat", *means, axis=1), 2 * DIMENSION)


def _embedded(graph: Graph) -> str:
    """The states of the tokens by themselves, all of the first of the two kinds."""
    kinds = graph.node("Sub", TOKENS, TOKENS)
    tables = (
        graph.weight(f"embeddings.{of}_embeddings.weight")
        for of in ("word", "position", "token_type")
    )
    norm = _parts(graph, "embeddings.LayerNorm")
    return graph.node(
        "EmbedLayerNormalization",
        *(TOKENS, kinds, *tables, *norm),
        also=["lengths"],  # which this kind of node always tells
        epsilon=NORM_EPSILON,
    )


def _layer(graph: Graph, states: str, name: str) -> str:
    """Attention, then two dense layers; what goes in is added to what comes out, and normed."""
    parts = (
        graph.node("Add", *_dense(graph, states, f"{name}.attention.self.{part}"))
        for part in ("query", "key", "value")
    )
    heads = graph.node("MultiHeadAttention", *parts, num_heads=HEADS)
    attended = _normed(graph, heads, states, f"{name}.attention.output")
    wide = graph.node("BiasGelu", *_dense(graph, attended, f"{name}.intermediate.dense"))
    return _normed(graph, wide, attended, f"{name}.output")


def _normed(graph: Graph, inputs: str, states: str, name: str) -> str:
    """A dense layer's output added to the states, normed."""
    dense, bias = _dense(graph, inputs, f"{name}.dense")
    norm = _parts(graph, f"{name}.LayerNorm")
    return graph.node("SkipLayerNormalization", dense, states, *norm, bias, epsilon=NORM_EPSILON)


def _dense(graph: Graph, inputs: str, name: str) -> tuple[str, str]:
    """A dense layer's product, and the bias that is still to be added."""
    weight, bias = _parts(graph, name)
    return graph.node("FusedMatMul", inputs, weight, transB=1), bias


def _parts(graph: Graph, name: str) -> tuple[str, str]:
    return graph.weight(f"{name}.weight"), graph.weight(f"{name}.bias")


def main() -> None:
    """Write assets/minilm.onnx."""
    path = Path(__file__).parent.parent / "assets" / GRAPH
    path.write_bytes(minilm(packaged_folder() / "model.safetensors").SerializeToString())
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
