"""Tests of exports for TensorFlow Serving, with the loader that it uses."""

import http.server
import json
import re
import threading

import numpy as np
import pytest
import tensorflow as tf

import keras_anytime as ka
from tests.testing import digits
from tests.testing import hierarchical_net
from tests.testing import scramble
from tests.testing import tiny_net


class _Server(http.server.ThreadingHTTPServer):
    """Answers as the server's REST interface does, for one model.

    It loads the graph as the server does, with the tag "serve", and runs the
    tensors that a signature names in a session.
    """

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), _Handler)
        graph = tf.Graph()
        self.session = tf.compat.v1.Session(graph=graph)
        with graph.as_default():
            loaded = tf.compat.v1.saved_model.load(
                self.session, ["serve"], str(folder)
            )
        self.signatures = loaded.signature_def

    def answer(self, request):
        signature = self.signatures[request["signature_name"]]
        assert signature.method_name == "tensorflow/serving/predict"
        assert set(request["inputs"]) == set(signature.inputs)
        fed = {
            signature.inputs[key].name: np.array(
                value, tf.as_dtype(signature.inputs[key].dtype).as_numpy_dtype
            )
            for key, value in request["inputs"].items()
        }
        asked = {key: one.name for key, one in signature.outputs.items()}
        outputs = {
            key: value.tolist()
            for key, value in self.session.run(asked, fed).items()
        }
        # The server leaves out the name where there is one output.
        (first, *others) = outputs.values()
        return {"outputs": outputs if others else first}


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        assert self.path == "/v1/models/anytime:predict"
        length = int(self.headers["Content-Length"])
        request = json.loads(self.rfile.read(length))
        body = json.dumps(self.server.answer(request)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(name="serve")
def _serve():
    servers = []

    def serve(folder):
        servers.append(_Server(folder))
        threading.Thread(target=servers[-1].serve_forever).start()
        return servers[-1]

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
        server.session.close()


def test_the_pages_requests_are_answered(
    repository, serve, tmp_path, monkeypatch, capsys
):
    page = (repository / "docs" / "serving.md").read_text()
    export, program, *_ = re.findall(
        r"```python(?: notest)?\n(.*?)```", page, re.DOTALL
    )
    monkeypatch.chdir(tmp_path)
    model = scramble(tiny_net())
    images, _ = digits(4)
    exec(export, {"model": model})
    port = serve(tmp_path / "models" / "anytime" / "1").server_port
    assert "localhost:8501" in program
    exec(
        program.replace("localhost:8501", f"127.0.0.1:{port}"),
        {"images": images},
    )
    printed = dict(
        line.split(" ", 1) for line in capsys.readouterr().out.splitlines()
    )
    wanted = model.predict(images, verbose=0)
    for name, want in zip(
        ("step_1", "step_2", "step_3", "subnet_3"),
        (*wanted, wanted[2]),
        strict=True,
    ):
        np.testing.assert_allclose(
            json.loads(printed[name]), want, atol=1e-4 * np.abs(want).max()
        )


@pytest.mark.slow
def test_label_sets_and_pixels_are_served(serve, tmp_path):
    model = scramble(hierarchical_net())
    about = ka.data.info("digits")
    ka.export.saved_model(
        model,
        tmp_path / "1",
        pixels=True,
        preprocessing=about.preprocessing,
    )
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1))
    prepared = (pixels / 255 - np.array(about.mean)) / np.array(about.std)
    server = serve(tmp_path / "1")
    outputs = server.answer(
        {"signature_name": "subnet_2", "inputs": {"image": pixels.tolist()}}
    )["outputs"]
    wanted = model.predict(prepared.astype("float32"), verbose=0)
    for name, want in zip(("fine", "coarse"), wanted[2:4], strict=True):
        np.testing.assert_allclose(
            outputs[f"logits_{name}"], want, atol=1e-4 * np.abs(want).max()
        )
