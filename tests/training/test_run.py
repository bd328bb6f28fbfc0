"""Training: what is logged, kept, resumed to the same bytes, stopped early, and shared between processes."""

import math
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from crossbit.data.pairs import Paired
from crossbit.errors import InputError
from crossbit.methods.recipe import Recipe
from crossbit.models.encoder import DualEncoder
from crossbit.nn.towers import mlp
from crossbit.training.early_stopping import held_out_recall, hold_out
from crossbit.training.epoch import Epoch
from crossbit.training.run import CHECKPOINT, Training, seeded, tanh_slope
from helpers import peers

RECIPE = Recipe.parse("cfrh(hidden=16,decoder_hidden=16,epochs=6)")


def weights(encoder: DualEncoder) -> bytes:
    return b"".join(value.numpy().tobytes() for value in encoder.state_dict().values())


def test_alpha_of_the_square_root_schedule():
    assert [tanh_slope(epoch) for epoch in (0, 3, 8)] == [1.0, 2.0, 3.0]


def test_seeding_leaves_the_callers_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with seeded(11):
        torch.rand(5)
    assert (torch.rand(2) == expected).all()


class Stopped(BaseException):
    """Stands for a kill: nothing may catch it."""


def test_a_run_that_was_killed_goes_on_to_the_same_bytes(toy, tmp_path):
    whole = RECIPE.fit(toy.train, 16, seed=4)

    def die(epoch, encoder):
        if epoch == 4:
            raise Stopped

    kept = Training(folder=tmp_path, interval=0.0)
    with pytest.raises(Stopped):
        RECIPE.fit(toy.train, 16, seed=4, training=Training(folder=tmp_path, interval=0.0, watch=die))
    seen = []
    resumed = RECIPE.fit(
        toy.train, 16, seed=4, training=Training(folder=tmp_path, watch=lambda epoch, _: seen.append(epoch))
    )
    assert seen == [4, 5, 6]  # the fourth was not kept when the run died
    assert weights(resumed) == weights(whole)
    assert weights(RECIPE.fit(toy.train, 16, seed=4, training=kept)) == weights(whole)


KILLED = """
import sys
from pathlib import Path
import numpy as np
import torch
from crossbit.data.pairs import Paired
from crossbit.methods.recipe import Recipe
from crossbit.training.run import Training

torch.set_num_threads(1)
rng = np.random.default_rng(0)
train = Paired(rng.random((96, 12), dtype=np.float32), rng.random((96, 9), dtype=np.float32), rng.random((96, 3)) < 0.5)
told = lambda done, total, values: print(done, flush=True)
recipe = Recipe.parse(sys.argv[1])
encoder = recipe.fit(train, 8, training=Training(told, Path(sys.argv[2]), interval=0.0))
print("".join(value.numpy().tobytes().hex() for value in encoder.state_dict().values()))
"""


def test_a_process_killed_by_the_system_goes_on_to_the_same_bytes(tmp_path):
    command = [sys.executable, "-c", KILLED, "cfrh(hidden=8,decoder_hidden=8,epochs=40)"]
    whole = subprocess.run([*command, tmp_path / "whole"], capture_output=True, check=True, text=True).stdout.split()
    with subprocess.Popen([*command, tmp_path / "killed"], stdout=subprocess.PIPE, text=True) as process:
        while process.stdout.readline().strip() != "7":
            pass
        process.send_signal(signal.SIGKILL)
    rest = subprocess.run([*command, tmp_path / "killed"], capture_output=True, check=True, text=True).stdout.split()
    assert int(rest[0]) > 1
    assert rest[-1] == whole[-1]


def test_a_checkpoint_of_another_run_is_refused(toy, tmp_path):
    RECIPE.fit(toy.train, 16, training=Training(folder=tmp_path, interval=0.0, facts={"seed": 0}))
    with pytest.raises(InputError, match=r"seed was 0, is 1.*another folder"):
        RECIPE.fit(toy.train, 16, training=Training(folder=tmp_path, facts={"seed": 1}))
    with pytest.raises(InputError, match="has other parts"):
        RECIPE.fit(toy.train, 16, training=Training(folder=tmp_path, facts={"seed": 0}, patience=2))


@pytest.mark.parametrize("damage", [b"", b"\x00" * 64, b"cut"])
def test_a_damaged_checkpoint_is_refused(toy, tmp_path, damage):
    RECIPE.fit(toy.train, 16, training=Training(folder=tmp_path, interval=0.0))
    file = tmp_path / CHECKPOINT
    file.write_bytes(file.read_bytes()[:-1] if damage == b"cut" else damage)
    with pytest.raises(InputError, match="is damaged"):
        RECIPE.fit(toy.train, 16, training=Training(folder=tmp_path))


def test_nothing_is_written_before_its_time(toy, tmp_path):
    RECIPE.fit(toy.train, 16, training=Training(folder=tmp_path, interval=3600.0))
    assert not (tmp_path / CHECKPOINT).exists()


def test_a_checkpoint_holds_no_pickle(toy, tmp_path):
    RECIPE.fit(toy.train, 16, training=Training(folder=tmp_path, interval=0.0))
    assert "random/torch" in load_file(tmp_path / CHECKPOINT)


def test_tensorboard_reads_the_losses_by_their_names(toy, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told = []
    RECIPE.fit(toy.train, 16, training=Training(lambda *report: told.append(report), tmp_path))
    events = EventAccumulator(str(tmp_path)).Reload()
    assert {"loss", "L_intra", "L_cross", "L_ae"} <= set(events.Tags()["scalars"])
    shown = [(event.step, event.value) for event in events.Scalars("L_cross")]
    assert shown == [(done, pytest.approx(values["L_cross"], rel=1e-6)) for done, _, values in told]


def test_pairs_held_out_of_training_have_no_labels_and_no_caption_of_a_training_image(rng):
    pairs = Paired(rng.random((400, 3)), rng.random((400, 2)), rng.random((400, 2)) < 0.5, np.repeat(np.arange(80), 5))
    train, held = hold_out(pairs, seed=1, share=0.25)
    assert (len(train), len(held)) == (300, 100)
    assert not set(train.item) & set(held.item)
    assert held.labels is None
    assert train.labels is not None
    with pytest.raises(InputError, match="too few to hold"):
        hold_out(pairs[:5], seed=1)


def test_a_patience_needs_epochs_and_held_pairs(toy):
    with pytest.raises(InputError, match="early stopping needs held-out pairs"):
        RECIPE.method.fit(toy.train, 16, training=Training(patience=3))
    with pytest.raises(InputError, match="10 held-out items are too few to judge codes by"):
        RECIPE.fit(toy.train[:100], 16, training=Training(patience=3))
    with pytest.raises(InputError, match="cca has no epochs that could end early"):
        Recipe.parse("cca").fit(toy.train, 16, training=Training(patience=3))


def test_held_out_recall_of_perfect_and_of_constant_codes():
    x = np.eye(40, dtype=np.float32) * 2 - 1
    same, none = torch.nn.Linear(40, 40), torch.nn.Linear(40, 40)
    same.weight.data, same.bias.data = torch.eye(40), torch.zeros(40)
    none.weight.data, none.bias.data = torch.zeros(40, 40), torch.ones(40)
    pairs = Paired(x, x)
    assert held_out_recall(DualEncoder(same, same, "hamming", 40), pairs) == 1.0
    assert held_out_recall(DualEncoder(none, none, "hamming", 40), pairs) == pytest.approx(10 / 40)
    assert held_out_recall(DualEncoder(same, same, "cosine", 40), pairs) == 1.0


def test_vectors_agree_by_rsum(rng):
    """Ten images with three texts each: a collapsed space is at the chance level of each direction and recall."""
    item = np.repeat(np.arange(10), 3)
    pairs = Paired(np.eye(10, dtype=np.float32)[item], np.eye(10, dtype=np.float32)[item], item=item)
    none = torch.nn.Linear(10, 10)
    none.weight.data, none.bias.data = torch.zeros(10, 10), torch.ones(10)
    to_text = [1 - math.comb(27, k) / math.comb(30, k) for k in (1, 5, 10)]
    expected = (sum(to_text) + 1 / 10 + 5 / 10 + 10 / 10) / 6
    assert held_out_recall(DualEncoder(none, none, "cosine", 10), pairs) == pytest.approx(expected)


def test_early_stopping_returns_the_encoder_that_agreed_best(toy, monkeypatch):
    agreements = iter([0.1, 0.5, 0.4, 0.3, 0.9])
    monkeypatch.setattr("crossbit.training.run.held_out_recall", lambda encoder, held: next(agreements))
    seen, told = {}, []
    how = Training(
        log=lambda done, total, values: told.append(values["held_out_recall"]),
        watch=lambda epoch, encoder: seen.setdefault(epoch, weights(encoder)),
        patience=2,
    )
    stopped = RECIPE.fit(toy.train, 16, training=how)
    assert told == [0.1, 0.5, 0.4, 0.3]
    assert weights(stopped) == seen[2]


def test_early_stopping_resumes_with_its_memory(toy, tmp_path):
    def fit(**how):
        return RECIPE.fit(toy.train, 16, seed=2, training=Training(patience=3, **how))

    def die(epoch, encoder):
        if epoch == 3:
            raise Stopped

    with pytest.raises(Stopped):
        fit(folder=tmp_path, interval=0.0, watch=die)
    assert weights(fit(folder=tmp_path)) == weights(fit())


def test_half_precision_trains_nearly_as_single(toy):
    told = {}
    for precision in ("float32", "bfloat16"):
        how = Training(lambda done, total, values, p=precision: told.setdefault(p, values), precision=precision)
        assert RECIPE.fit(toy.train, 16, training=how).image[0].weight.dtype == torch.float32
    assert told["bfloat16"]["loss"] == pytest.approx(told["float32"]["loss"], rel=0.02)
    assert told["bfloat16"] != told["float32"]


def test_a_gradient_is_clipped_to_its_norm():
    network = mlp(2, 2)
    optimiser = torch.optim.SGD(network.parameters(), 1.0)
    before = [p.detach().clone() for p in network.parameters()]
    Epoch(0).step(1000 * network(torch.ones(1, 2)).sum(), optimiser, clip=0.5)
    moved = torch.cat([(a - b).flatten() for a, b in zip(before, network.parameters(), strict=True)])
    assert moved.norm().item() == pytest.approx(0.5, rel=1e-4)


PEERS = """
import gc
import sys
import numpy as np
import torch
from crossbit.data.pairs import Paired
from crossbit.training.distributed import all_gather, data_parallel, process_group, rank, world_size
from crossbit.errors import InputError
from crossbit.methods.recipe import Recipe
from crossbit.methods.infonce import Scale

torch.set_num_threads(1)
rng = np.random.default_rng(0)
train = Paired(rng.random((96, 12), dtype=np.float32), rng.random((96, 9), dtype=np.float32))
with process_group():
    assert world_size() == int(sys.argv[1])
    assert isinstance(data_parallel(torch.nn.Sequential()), torch.nn.Sequential)  # it has nothing to average
    assert all_gather(torch.full((2, 1), float(rank()))).flatten().tolist() == [r // 2 for r in range(2 * world_size())]
    recipes = ["cfrh(hidden=8,decoder_hidden=8,epochs=3,batch=16)", "infonce(epochs=3,batch=16)"]
    encoders = [Recipe.parse(text).fit(train, 8) for text in recipes]
    print("".join(v.numpy().tobytes().hex() for encoder in encoders for v in encoder.state_dict().values()))
    print(*(float(each.tau) for each in gc.get_objects() if isinstance(each, Scale)))
    try:
        Recipe.parse("cfrh(hidden=8,decoder_hidden=8,epochs=1,batch=96)").fit(train, 8)
    except InputError as refusal:
        print(refusal)
"""


def test_two_processes_train_the_same_encoder():
    """Both see other batches, average their gradients, and end with the same weights, which are not those of one."""
    ended = [[printed.strip() for printed in peers.run(PEERS, size, str(size), timeout=120)] for size in (2, 1)]
    assert ended[0][0] == ended[0][1]
    assert ended[0][0] != ended[1][0]
    assert "2 processes need a batch each, but the data has 1" in ended[0][0]


def test_the_command_goes_on_from_its_folder_and_tidies_up(crossbit_cli, tmp_path):
    words = ["fit", "cfrh", "--dataset", "scenes(train=40,query=10,database=40)", "--out", tmp_path / "m"]
    words += ["--set", "epochs=2", "--set", "hidden=8", "--set", "decoder_hidden=8", "--bits", "8"]
    assert crossbit_cli(*words).status == 0
    assert not Path(f"{tmp_path}/m.training").exists()
    assert crossbit_cli(*words, "--training", tmp_path / "logs").status == 0
    assert [file.name.split(".")[0] for file in (tmp_path / "logs").iterdir()] == ["events"]
    ended = crossbit_cli(*words, "--precision", "float8")
    assert ended.status == 2
    assert "float32" in ended.err
