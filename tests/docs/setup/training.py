"""The digits, and a tiny network of three stages."""

import keras_anytime as ka

train, val = ka.data.load("digits", batch_size=256)
model = ka.nets.width_nested_resnet((8, 8, 1), 10, units=(1,), filters=(8,))

SHORTER = {
    "epochs=200": "epochs=2",
    "epochs=60": "epochs=1",
    "synchronized=True)": "units=(1,), filters=(8,), synchronized=True)",
}


def check(folder, printed):
    run = folder / "run"
    assert (run / "checkpoints" / "epoch_00002.keras").exists()
    assert ka.load_model(run / "best.keras").num_stages == 3
    header, *rows = (run / "cosines.csv").read_text().splitlines()
    assert header == "epoch,cosine_1_2,cosine_1_3,cosine_2_3"
    assert len(rows) == 5
    assert (run / "cosines.png").exists()
    assert (run / "greedy" / "stage_3.keras").exists()
    assert (run / "heads" / "heads.keras").exists()
