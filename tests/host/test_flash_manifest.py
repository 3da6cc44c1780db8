"""What an update does, operation by operation, and that power may fail behind, or within, each of them."""

from pathlib import Path

import pytest
from flash_model import BLOCK, BOOT_TEXT, Disk, NotVerified
from hypothesis import given
from hypothesis import strategies as st

from mmc_host.flash import manifest
from mmc_host.flash.manifest import App, Copy, MakeFolder, Remove, RemoveFolder, Rename, Verify

NEW = {"main.py": b"new", "board.mpy": b"new board", "mmc_device/app.mpy": b"new app", "a.mpy": b"same"}
OLD = {"main.py": b"old", "board.mpy": b"old board", "b.mpy": b"stale", "a.mpy": b"same"}
BOOT = BOOT_TEXT.encode()


def app(folder: Path, files: dict[str, bytes], button: tuple[int, int] | None = (0, 0)) -> App:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return manifest.read_app(folder, BOOT, button)


@pytest.fixture
def new(tmp_path: Path) -> App:
    return app(tmp_path / "new", NEW)


def installed(files: dict[str, bytes], folder: str = "/app_a") -> Disk:
    """A device with this app in one folder and nothing in the other."""
    on = {f"{folder}/{path}": data for path, data in files.items()}
    folders = {folder} | {path.rsplit("/", 1)[0] for path in on}
    return Disk({**on, "/boot.py": BOOT, "/button": b"0 0\n", "/active": folder.encode()}, folders)


def update(disk: Disk, wanted: App) -> None:
    for operation in manifest.operations(wanted, disk.listing()):
        disk.apply(operation)


def test_the_first_installation_step_by_step(new: App) -> None:
    done = manifest.operations(new, Disk({"/boot.py": b"# stock"}).listing())
    assert done[:6] == [
        MakeFolder("/app_a"),
        MakeFolder("/app_a/mmc_device"),
        Copy(b"same", "/app_a/a.mpy"),
        Copy(b"new board", "/app_a/board.mpy"),
        Copy(b"new", "/app_a/main.py"),
        Copy(b"new app", "/app_a/mmc_device/app.mpy"),
    ]
    assert isinstance(done[6], Verify) and done[6].folder == "/app_a" and len(done[6].files) == 4
    assert [one for one in done if isinstance(one, Rename)] == [
        Rename("/boot.py", "/boot_before_mmc.py"),
        Rename("/boot.py.new", "/boot.py"),
        Rename("/button.new", "/button"),
        Rename("/active.new", "/active"),
    ]
    assert done[-1] == Rename("/active.new", "/active")


def test_an_update_goes_to_the_other_folder_and_the_next_one_copies_little(new: App, tmp_path: Path) -> None:
    disk = installed(OLD)
    update(disk, new)
    assert disk.boot() == "new" and disk.files["/active"] == b"/app_b"
    assert disk.files["/app_a/main.py"] == b"old"
    again = app(tmp_path / "again", {**NEW, "main.py": b"newer"})
    done = manifest.operations(again, disk.listing())
    assert done[0] == Remove("/app_a/b.mpy")
    assert [one.path for one in done if isinstance(one, Copy)] == [
        "/app_a/board.mpy",
        "/app_a/main.py",
        "/app_a/mmc_device/app.mpy",
        "/active.new",
    ]
    update(disk, again)
    assert disk.boot() == "newer" and disk.files["/active"] == b"/app_a"


def test_nothing_to_do_is_nothing(new: App) -> None:
    disk = Disk()
    update(disk, new)
    assert manifest.operations(new, disk.listing()) == []
    assert manifest.needed_bytes(new, disk.listing()) == 0


def test_a_button_that_is_no_more_and_a_damaged_file_of_the_running_app(tmp_path: Path) -> None:
    disk = installed(OLD)
    assert manifest.operations(app(tmp_path / "x", OLD, None), disk.listing()) == [Remove("/button")]
    disk.files["/app_a/a.mpy"] = b"damn"
    done = manifest.operations(app(tmp_path / "y", OLD), disk.listing())
    assert done[0] == MakeFolder("/app_b") and done[-1] == Rename("/active.new", "/active")


def test_what_stands_where_folders_and_files_shall_be_goes(new: App) -> None:
    disk = installed(OLD)
    disk.folders |= {"/app_b", "/app_b/a.mpy", "/app_b/old", "/app_b/old/deep"}
    disk.files |= {"/app_b/mmc_device": b"a file", "/app_b/old/deep/x.mpy": b"", "/app_b/board.mpy": b"new board"}
    done = manifest.operations(new, disk.listing())
    assert [one for one in done if isinstance(one, RemoveFolder)] == [
        RemoveFolder("/app_b/old/deep"),
        RemoveFolder("/app_b/old"),
        RemoveFolder("/app_b/a.mpy"),
    ]
    assert Copy(b"new board", "/app_b/board.mpy") not in done
    update(disk, new)
    assert disk.boot() == "new"


def test_a_file_that_arrived_damaged_stops_it_before_the_switch(new: App) -> None:
    disk = installed(OLD)
    with pytest.raises(NotVerified):
        for operation in manifest.operations(new, disk.listing()):
            disk.apply(operation)
            if isinstance(operation, Copy) and operation.path == "/app_b/a.mpy":
                disk.files["/app_b/a.mpy"] = b"sane"
    assert disk.boot() == "old"


def test_blocks_that_an_update_needs(new: App, tmp_path: Path) -> None:
    listing = installed(OLD).listing()
    # Four files of one block, a folder and one in it at two blocks each, and /active.new.
    assert manifest.needed_bytes(new, listing) == (4 + 2 * 2 + 1) * BLOCK
    big = app(tmp_path / "big", {**OLD, "big.mpy": bytes(BLOCK + 1)})
    assert manifest.needed_bytes(big, listing) == (4 + 2 + 2 + 1) * BLOCK


def stock() -> Disk:
    return Disk({"/boot.py": b"# stock"})


def of_others() -> Disk:
    """A board with somebody's program, who has been here before."""
    return Disk({"/boot.py": b"# theirs", "/main.py": b"theirs", "/main_before_mmc.py": b"kept", "/x.py": b""})


def half_done() -> Disk:
    disk = installed(OLD)
    disk.folders.add("/app_b")
    disk.files |= {"/app_b/main.py": b"ne", "/active.new": b"/a", "/app_b/old.mpy": b"x"}
    return disk


STATES = {
    "blank": (Disk, None),
    "stock": (stock, None),
    "of others": (of_others, "theirs"),
    "old in a": (lambda: installed(OLD), "old"),
    "old in b": (lambda: installed(OLD, "/app_b"), "old"),
    "half done": (half_done, "old"),
    "older boot.py": (lambda: Disk({**installed(OLD).files, "/boot.py": BOOT + b"# older\n"}, ["/app_a"]), "old"),
}


def cuts(disk: Disk, wanted: App) -> list[Disk]:
    """Every disk that a power cut in an update can leave."""
    left = [disk.copy()]
    for operation in manifest.operations(wanted, disk.listing()):
        left += disk.torn(operation)
        disk.apply(operation)
        left.append(disk.copy())
    return left


@pytest.mark.parametrize("state", STATES)
def test_power_cut_at_every_operation_and_in_every_repair(new: App, state: str) -> None:
    make, before = STATES[state]
    assert make().boot() == before
    left = cuts(make(), new)
    assert len(left) > 5
    for disk in left:
        assert disk.copy().boot() in (before, "new")
        for again in cuts(disk.copy(), new):
            assert again.copy().boot() in (before, "new")
            update(again, new)
            assert again.boot() == "new"
            assert manifest.operations(new, again.listing()) == []
    assert left[-1].boot() == "new"


def test_what_others_had_is_kept(new: App) -> None:
    disk = of_others()
    for left in cuts(disk, new):
        kept = set(left.files.values())
        assert {b"theirs", b"# theirs", b"kept"} <= kept
    assert disk.files["/main_before_mmc2.py"] == b"theirs"
    assert disk.files["/boot_before_mmc.py"] == b"# theirs"
    assert "/main.py" not in disk.files


CONTENTS = st.sampled_from([b"", b"1", b"22", b"333"])
TREES = st.dictionaries(st.sampled_from(["a.mpy", "b/c.mpy", "b/d.mpy", "e/f/g.mpy"]), CONTENTS)


@given(st.lists(TREES, min_size=2, max_size=4), st.data())
def test_any_sequence_of_versions_each_cut_somewhere(
    tmp_path_factory: pytest.TempPathFactory, trees: list[dict[str, bytes]], data: st.DataObject
) -> None:
    disk, runs = Disk(), None
    for number, tree in enumerate(trees):
        version = f"version {number}"
        wanted = app(tmp_path_factory.mktemp("app"), {**tree, "main.py": version.encode()})
        disk = data.draw(st.sampled_from(cuts(disk.copy(), wanted)))
        started = disk.copy().boot()
        assert started in (runs, version)
        runs = started
    update(disk, wanted)
    assert disk.boot() == version
