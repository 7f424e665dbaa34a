"""The page needs nothing; building its networks takes seconds."""


def check(folder, printed):
    assert (folder / "run" / "structure.png").exists()
    assert "msdnet_7: MSDNet" in printed
    assert printed.splitlines()[-1].startswith("3 ")
