"""CIFAR-100, where the machine has it, and a network that builds fast."""

request.getfixturevalue("cifar100_dir")  # noqa: F821

SHORTER = {
    "batch_size=64,": 'batch_size=64, splits=("train[:64]", "test[:64]"),',
    'classes={"fine": 100, "coarse": 20}': (
        'classes={"fine": 100, "coarse": 20}, num_stages=2, units=(1,),'
        "filters=(16,)"
    ),
    "epochs=300": "epochs=1",
    "deadline_ms=50": "deadline_ms=1000",
}


def check(folder, printed):
    assert "{'digit': 10, 'form': 3}" in printed
    assert "top-1 error by label set, 64 examples" in printed
    fine, coarse = printed.splitlines()[-2:]
    assert fine.startswith("fine ")
    assert coarse.startswith("coarse ")
    assert (folder / "run" / "labels.png").exists()
