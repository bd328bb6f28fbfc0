"""The command line: starts at once, keeps data and progress apart, and ends bad input with a message and status 2."""

import io
import json
import shutil
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
import typer
from PIL import Image

import crossbit.cli
import crossbit.methods
from crossbit.cli.output import print_json
from crossbit.collection import Collection, Raw

SCENES = "scenes(train=40,database=40,query=30)"
#: What takes long to import; no command needs all of it, and `--help` needs none.
HEAVY = {"faiss", "h5py", "matplotlib", "numba", "onnxruntime", "pyarrow", "scipy", "skimage", "sklearn", "torch"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with a model, a collection and an experiment, made by the command line itself."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        for words in (
            ["fit", "cca+itq", "-d", SCENES, "--bits", "8", "--out", str(folder / "fitted")],
            ["index", "create", str(folder / "items"), "--model", str(folder / "fitted"), "-d", SCENES, "--vectors"],
            ["index", "export", str(folder / "items"), str(folder / "items.parquet")],
        ):
            patch.setattr(sys, "argv", ["crossbit", *words])
            with pytest.raises(SystemExit) as end:
                crossbit.cli.main()
            assert not end.value.code
    (folder / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for part in ("query", "database"):
        np.save(folder / f"{part}-codes.npy", rng.integers(0, 2, (20, 16)) * 2 - 1)
        np.save(folder / f"{part}-labels.npy", rng.integers(0, 3, 20))
    (folder / "row.toml").write_text(
        f'method = "cca+itq"\ndataset = "{SCENES}"\nmeasure = "MAP"\nwhere = "nowhere"\nok = 1.0\n'
        "[parameters]\nridge = 1.0\npower = 1.0\n"
        '[published]\n8 = { "image->text" = 0.2 }\n'
    )
    return folder


@pytest.fixture(autouse=True)
def own_cache(request, monkeypatch):
    if "made" in request.fixturenames:
        monkeypatch.setenv("XDG_CACHE_HOME", str(request.getfixturevalue("made") / "cache"))
    monkeypatch.delenv("CROSSBIT_DATA", raising=False)


#: A run of every command that trains or encodes.
ON_A_DEVICE = (
    "compare cca -d scenes",
    "demo",
    "evaluate {made}/fitted -d scenes",
    "explain {made}/fitted x.png -o y.png",
    "extract -d scenes -o {made}/x",
    "fit cca -d scenes -o {made}/x",
    "index add {made}/items -",
    "index create {made}/x -m {made}/fitted",
    "index sync {made}/items {made}",
    "index update {made}/items a --set b=1",
    "search {made}/items -t red",
    "serve {made}/items",
)


def test_help_imports_nothing_heavy():
    code = "import sys, crossbit.cli; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY.isdisjoint(loaded)
    assert {"transformers", "pandas", "torchvision"}.isdisjoint(loaded)


def test_scoring_saved_codes_imports_no_torch(made):
    words = WITH_JSON["evaluate codes"].format(made=made).split()
    code = "import sys; from crossbit.cli import app; app(standalone_mode=False); print('torch' in sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", code, "evaluate", "codes", *words], capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == "False"


def test_python_m_crossbit_is_the_command_line():
    ended = subprocess.run([sys.executable, "-m", "crossbit", "--help"], capture_output=True, text=True, check=True)
    assert "Usage:" in ended.stdout
    assert ended.stderr == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("methods show djsrq", "no method 'djsrq'; there are adah, "),
        ("datasets show nowhere", "no dataset 'nowhere'; there are "),
        ("protocols show mirflickr/dcmh", "no protocol 'mirflickr/dcmh'; there are coco/captions-1k, "),
        ("features show pictures", "no feature extractor 'pictures'; there are bow, "),
        ("fit cca -d scenes(sice=3) -o {made}/x", "Scenes has no sice; it has database, query, seed, task, train"),
        ("fit cca -d wikipedia -o {made}/x", "give --data-dir or set CROSSBIT_DATA"),
        ("fit cca -d wikipedia --data-dir {made}/nowhere -o {made}/x", "does not exist"),
        ("fit cca -d scenes --set ridge -o {made}/x", "cannot read option 'ridge': it should be key=value"),
        ("fit cca -d scenes --set rigde=1 -o {made}/x", "CCA has no rigde; it has power, ridge"),
        (
            "fit cca -d scenes --captions all -o {made}/x",
            "Invalid value for '--captions': 'all' is not one of 'join', 'first', 'each'",
        ),
        ("fit cca -d scenes -f sound=hog -o {made}/x", "no modality 'sound'; there are image, text"),
        (
            "fit cca -d scenes --on-error ask -o {made}/x",
            "Invalid value for '--on-error': 'ask' is not one of 'fail', 'skip'",
        ),
        ("evaluate {made}/nowhere -d scenes", "is not a model: it has no bundle.json"),
        ("evaluate {made}/fitted -m MAQ -d {scenes}", "no measure 'MAQ'; there are ACG, "),
        ("compare cca+sing -d scenes", "no binariser 'sing'; there are centred, itq, sign"),
        ("compare cca -d scenes -b 16;32", "--bits is '16;32', but should be comma-separated code lengths"),
        ("index create {made}/x -m {made}/items -d scenes", "is not a model"),
        *((f"{words} --device tpu", "no device 'tpu'; there are auto, cpu") for words in ON_A_DEVICE),
        ("search {made}/items", "a search needs --text, --image or --like"),
        ("search {made}/items -t red --in sound", "Invalid value for '--in': 'sound' is not one of 'image', 'text'"),
        ("search {made}/items -t red -w year=2", "equality is written =="),
        ("search {made}/items -t red --index hnsw", "no index 'hnsw'; there are auto, exact, flat, ivf"),
        ("index add {made}/items", "give one of the two"),
        ("index add {made}/items {made}/nowhere", "nowhere does not exist; a source is a folder"),
        ("index add {made}/items - --on-error ask", "'ask' is not one of 'fail', 'skip'"),
        ("index update {made}/items nobody --unset a", "there is no item 'nobody'"),
        ("index update {made}/items a", "an update needs --text, --set or --unset"),
        ("index update {made}/items", "give one of the two"),
        ("index update {made}/items a --set year", "--set is 'year', but should be key=value"),
        ("index sync {made}/items {made}/nowhere", "is not a folder; sync needs a folder of pictures"),
        ("index export {made}/items {made}/x.txt", "should end in .parquet, .faiss, .npy"),
        ("index export {made}/items {made}/x.npy --side sound", "'sound' is not one of 'image', 'text'"),
        ("index duplicates {made}/items --side sound", "'sound' is not one of 'image', 'text'"),
        ("index verify {made}/fitted", "is not a collection"),
        ("index remove {made}/items", "give one of the two"),
        ("index remove {made}/items nobody", "there is no item 'nobody'"),
        (
            "index create {made}/x -m {made}/fitted -d scenes --part some",
            "Invalid value for '--part': 'some' is not one of 'all', 'database'",
        ),
        ("search {made}/fitted -t red", "is not a collection: it has no items.db"),
        ("reproduce {made}/fitted/bundle.json", "is not TOML"),
        ("fit cca", "Missing option"),
        ("fit cca+itq -d {scenes} --bits 100000 -o {made}/x", "has 1 to 8,192 bits or dimensions, not 100,000"),
        ("fit cca+itq -d {scenes} --bits 8 -o {made}/row.toml/x", "row.toml is not a writable folder"),
        ("fit cca+itq -d {scenes} --bits 8 -o {made}/row.toml", "row.toml exists and is not a model"),
        ("index create {made}/row.toml/x -m {made}/nowhere -d scenes", "row.toml is not a writable folder"),
        ("index create {made}/items -m {made}/fitted -d nowhere", "items is a collection already"),
        ("search {made}/items -i {made}/nowhere.jpg", "nowhere.jpg is not a file"),
        ("fit cca -d scenes --bits 0 -o {made}/x", "Invalid value for '--bits'"),
    ],
)
def test_bad_input_ends_with_a_message_and_status_2(words, message, crossbit_cli, made):
    ended = crossbit_cli(*words.format(made=made, scenes=SCENES).split())
    assert ended.status == 2
    assert message in ended.err.replace("Value error, ", "")
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_too_little_memory_ends_with_a_message_and_status_2(crossbit_cli, monkeypatch):
    def greedy(name):
        raise MemoryError("Unable to allocate 74.5 GiB")

    monkeypatch.setattr(crossbit.methods, "method", greedy)
    ended = crossbit_cli("methods", "list")
    assert ended.status == 2
    assert ended.err.startswith("crossbit: out of memory: Unable to allocate 74.5 GiB")


def test_a_reader_that_stops_early_is_no_fault():
    program = f"{sys.executable} -m crossbit datasets list | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", program], capture_output=True, text=True)
    assert ended.stderr == ""


def groups(command, path=()):
    below = getattr(command, "commands", {})
    return [path, *(found for name in below for found in groups(below[name], (*path, name)))] if below else []


@pytest.mark.parametrize("path", groups(typer.main.get_command(crossbit.cli.app)), ids=" ".join)
def test_no_line_of_help_is_cut_at_80_columns(path, crossbit_cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = crossbit_cli(*path, "--help").out.splitlines()
    assert "Commands:" in lines
    assert [line for line in lines if line.endswith("...") and "Usage:" not in line] == []


def test_titles_are_not_broken_to_the_width_of_their_table(crossbit_cli, made, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ended = crossbit_cli("evaluate", str(made / "fitted"), "-d", SCENES)
    assert ended.out.startswith(f"cca+itq, 8 bits, on {SCENES}: 30 queries, 40 in the database, split ")


def test_long_texts_and_measures_are_shortened_or_broken_between_words(crossbit_cli, made, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ended = crossbit_cli("protocols", "list")
    assert "MAP@50(over=hits,\n" in "\n".join(line.rstrip() for line in ended.out.splitlines())
    assert "…" in crossbit_cli("search", str(made / "items"), "-t", "red").out


@pytest.mark.parametrize("direction", [[], ["--by", "labels"]])
def test_a_calibration_fits_80_columns(direction, crossbit_cli, made, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = crossbit_cli("index", "calibrate", made / "items", *direction).out.splitlines()
    labels = [line.split("  ")[0].strip() for line in lines if ".0" in line or "0." in line or "–" in line]
    assert labels == [
        *("relevant hits", "Brier score", "calibration error", "good match", "risk, good match"),
        *("risk at 100%", "risk at 75%", "risk at 50%", "risk at 25%"),
    ]


def test_statistics_are_in_words(crossbit_cli, made):
    out = crossbit_cli("index", "stats", made / "items").out
    assert "settings: index auto, probes 64, shortlist 200, rescore yes\n" in out
    assert "{" not in out


def test_the_version_is_printed(crossbit_cli):
    ended = crossbit_cli("--version")
    assert (ended.status, ended.out) == (0, f"crossbit {crossbit.__version__}\n")


def test_only_what_scores_warns_of_memorisation(crossbit_cli, made, tmp_path):
    words = ("-d", "scenes(train=40,database=40,query=10)")
    assert "memorisation" not in crossbit_cli("fit", "cca+itq", *words, "-b", "8", "-o", tmp_path / "m").err
    assert "memorisation" in crossbit_cli("evaluate", made / "fitted", *words).err


def test_an_interrupt_ends_with_status_130(crossbit_cli, monkeypatch):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(crossbit.methods, "method", interrupted)
    ended = crossbit_cli("methods", "list")
    assert ended.status == 130
    assert ended.err.strip().endswith("crossbit: interrupted; finished work is kept")
    assert "Traceback" not in ended.err


#: A run of every command that has `--json`.
WITH_JSON = {
    "compare": "cca+sign,cca+itq -d {scenes} -b 8 --ledger {made}/ledger.jsonl",
    "datasets list": "",
    "datasets show": "{scenes}",
    "doctor": "",
    "evaluate codes": " ".join(
        f"--{part}-{what} {{made}}/{part}-{what}.npy" for part in ("query", "database") for what in ("codes", "labels")
    ),
    "evaluate model": "{made}/fitted -d {scenes}",
    "extract": "-d {scenes} -o {made}/extracted",
    "features list": "",
    "features show": "hog",
    "fit": "cca+itq -d {scenes} -b 8 -o {made}/again",
    "index add": "{made}/items -d {scenes}",
    "index create": "{made}/more -m {made}/fitted -d {scenes}",
    "index calibrate": "{made}/items --by labels",
    "index compact": "{made}/items",
    "index duplicates": "{made}/items --radius 0",
    "index export": "{made}/items {made}/items.npy",
    "index import": "{made}/items {made}/items.parquet",
    "index stats": "{made}/items",
    "index remove": '{made}/items --where id=="nobody"',
    "index sync": "{made}/items {made}/pictures",
    "index update": "{made}/items 000001 --set year=2020",
    "index verify": "{made}/items",
    "methods list": "",
    "methods show": "cfrh",
    "protocols list": "",
    "protocols show": "mirflickr25k/djsrh",
    "reproduce": "{made}/row.toml",
    "search": "{made}/items -t red -k 2",
    "tune": "{made}/items --recall 0.5",
}
#: Those that have a test of their own, because their input is larger or their work longer.
ELSEWHERE = {"demo", "explain", "index relocate"}


def json_commands(command, name=""):
    below = getattr(command, "commands", {})
    own = {name} if any("--json" in parameter.opts for parameter in command.params) else set()
    return own.union(*(json_commands(below[word], f"{name} {word}".strip()) for word in below))


def test_every_command_with_json_is_tried():
    assert json_commands(typer.main.get_command(crossbit.cli.app)) == WITH_JSON.keys() | ELSEWHERE


@pytest.mark.parametrize("command", WITH_JSON)
def test_json_is_all_that_goes_to_stdout(command, crossbit_cli, made):
    words = WITH_JSON[command].format(scenes=SCENES, made=made).split()
    ended = crossbit_cli(*command.split(), *words, "--json")
    assert ended.status == 0, ended.err
    assert json.loads(ended.out)


@pytest.mark.parametrize("command", WITH_JSON)
def test_without_json_people_get_something_to_read(command, crossbit_cli, made):
    words = WITH_JSON[command].format(scenes=SCENES, made=made).replace("/more", "/moremore").split()
    ended = crossbit_cli(*command.split(), *words)
    assert ended.status == 0, ended.err
    assert ended.out.strip()
    with pytest.raises(json.JSONDecodeError):
        json.loads(ended.out)


def test_a_collection_is_told_of_a_folder_that_moved(crossbit_cli, made, tmp_path):
    shelf = shutil.copytree(made / "items", tmp_path / "items")
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (32, 32), colour).save(photos / name)
    assert crossbit_cli("index", "add", shelf, photos).status == 0
    photos.rename(tmp_path / "disk")
    ended = crossbit_cli("index", "add", shelf, tmp_path / "disk")
    assert ended.status == 2
    assert f"`crossbit index relocate {shelf} {photos} {tmp_path / 'disk'}`" in ended.err
    told = json.loads(crossbit_cli("index", "relocate", shelf, photos, tmp_path / "disk", "--json").out)
    assert (told["pictures"], told["sources"]) == (2, ["photos"])
    ended = crossbit_cli("index", "relocate", shelf, "photos", tmp_path / "disk")
    assert ended.out.startswith("nothing to do")
    assert crossbit_cli("index", "update", shelf, "--where", 'id == "a.png"', "--reset").out.startswith("0 updated")
    assert "--reset alone" in crossbit_cli("index", "update", shelf, "000001", "--reset", "--text", "x").err


def test_a_damaged_collection_ends_with_status_1_and_is_repaired(crossbit_cli, made, tmp_path):
    folder = shutil.copytree(made / "items", tmp_path / "items")
    with sqlite3.connect(folder / "items.db") as connection:
        connection.execute("UPDATE items SET texts = '[]' WHERE number = (SELECT max(number) FROM items)")
    connection.close()
    ended = crossbit_cli("index", "verify", folder)
    assert (ended.status, ended.out.splitlines()[-1]) == (1, "69 items verified, 1 error")
    ended = crossbit_cli("index", "verify", folder, "--repair", "--json")
    assert (ended.status, json.loads(ended.out)["kept"], json.loads(ended.out)["sound_now"]) == (1, 69, True)
    assert crossbit_cli("index", "verify", folder).status == 0


def test_progress_goes_to_stderr(crossbit_cli, made, tmp_path):
    ended = crossbit_cli("fit", "scm", "-d", SCENES, "-b", "8", "-o", str(tmp_path / "fitted"))
    assert "fit scm at 8 bits: 8/8 correlation" in ended.err
    assert ended.out == f"scm fitted on 40 pairs of {SCENES}: 8 bits, saved in {tmp_path / 'fitted'}\n"


def test_reproduce_fails_when_a_number_is_off(crossbit_cli, made, tmp_path):
    row = (made / "row.toml").read_text().replace("ok = 1.0", "ok = 0.0\nnear = 0.0001").replace("0.2", "0.999")
    (tmp_path / "row.toml").write_text(row)
    ended = crossbit_cli("reproduce", str(tmp_path / "row.toml"), "--json")
    assert ended.status == 1
    assert [found["verdict"] for found in json.loads(ended.out)] == ["off"]


def test_a_number_that_json_does_not_have_is_null(capsys):
    print_json([{"value": float("nan"), "interval": (0.5, np.float64("inf"))}])
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == [{"value": None, "interval": [0.5, None]}]


CAPTION = "a red 圆 \x1b[31mcircle\x1b]0;mine\x07\x9b1m"


@pytest.fixture
def captioned(made, tmp_path):
    """Return a collection that holds a caption with control characters and letters of another script."""
    folder = shutil.copytree(made / "items", tmp_path / "items")
    with Collection(folder) as opened:
        opened.add([Raw("mine", None, (CAPTION,))])
    return folder


def test_control_characters_never_reach_the_terminal(crossbit_cli, captioned, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    ended = crossbit_cli("search", captioned, "--in", "text", "-t", "a red circle", "-k", 60)
    assert r"a red 圆 \x1b[31mcircle\x1b]0;mine\x07\x9b1m" in ended.out
    refused = crossbit_cli("search", captioned, "--like", "\x1b[31m")
    assert r"\x1b[31m" in refused.err
    assert "\x1b" not in ended.out + ended.err + refused.err


def test_the_name_of_an_item_that_is_left_out_is_made_visible(crossbit_cli, own_pictures, tmp_path):
    words = ("-f", "image=hog,text=bow(min_count=1)", "--on-error", "skip", "--cache", tmp_path / "cache")
    ended = crossbit_cli("extract", "-d", "folder(query=3)", "--data-dir", own_pictures, "-o", tmp_path / "out", *words)
    assert r"warning: skipped the image of x\x1b[31m" in ended.err
    assert "\x1b" not in ended.out + ended.err


@pytest.fixture
def own_pictures(tmp_path):
    """Return a folder of captioned pictures, of which one has a bad name and is damaged."""
    folder = tmp_path / "own"
    folder.mkdir()
    names = [f"{number}.png" for number in range(12)]
    for name in names:
        Image.new("RGB", (16, 16), "red").save(folder / name)
    (folder / "x\x1b[31m.png").touch()
    rows = [json.dumps({"image": name, "text": "a red square"}) for name in [*names, "x\x1b[31m.png"]]
    (folder / "captions.jsonl").write_text("\n".join(rows))
    return folder


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_no_output_fails_for_the_encoding_of_the_terminal(captioned, encoding, monkeypatch):
    def printed(*words):
        out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "argv", ["crossbit", "search", str(captioned), "--in", "text", "-k", "60", *words])
            with pytest.raises(SystemExit):
                crossbit.cli.main()
        out.flush()
        return out.buffer.getvalue().decode(encoding)

    assert r"\u5706" in printed("-t", "a red circle")
    found = json.loads(printed("-t", "a red circle", "--json"))
    assert CAPTION in [text for hit in found for text in hit["texts"]]


def test_a_text_without_a_known_word_is_named_on_stderr(crossbit_cli, made):
    told = "warning: no word of 'xyzzy' is in the model's vocabulary; results are meaningless\n"
    for words in ((), ("--json",)):
        assert crossbit_cli("search", made / "items", "-t", "xyzzy", "--minus", "red", *words).err.count(told) == 1
    assert told not in crossbit_cli("search", made / "items", "-t", "xyzzy red").err
    explained = json.loads(crossbit_cli("search", made / "items", "-t", "xyzzy", "--explain", "--json").out)
    assert explained["warning"].startswith("no word of 'xyzzy' is in")
