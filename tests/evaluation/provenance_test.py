from keras_anytime.evaluation import provenance as module
from tests.source import PACKAGE


def test_changes_anywhere_in_the_package_mark_the_commit(monkeypatch):
    folders = []

    def git(folder, command, *_):
        folders.append(folder)
        return {
            "ls-files": "version.py\n",
            "rev-parse": "c0ffee\n",
            "status": " M model.py\n",
        }[command]

    monkeypatch.setattr(module, "_git", git)
    assert module.provenance()["commit"] == "c0ffee+"
    assert set(folders) == {PACKAGE}
