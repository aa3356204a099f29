"""The callback in Lightning's own trainer; the oracle is the same training without it, or by hand."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

import grace
from grace.controllers.fixed import Fixed
from grace.controllers.gaba import GABA
from grace.loop.lightning import GraceCallback
from tests.loop.foreign import Foreign, batch, losses

pl = pytest.importorskip("lightning.pytorch")
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*"),
    pytest.mark.filterwarnings("ignore:.*GPU available.*"),
    pytest.mark.filterwarnings("ignore:.*Checkpoint directory.*"),
]


class Module(pl.LightningModule):  # type: ignore[name-defined,misc]
    def __init__(self, manual: GraceCallback | None = None, flip: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net, self.manual, self.flip = Foreign(), manual, flip
        self.automatic_optimization = manual is None

    def training_step(self, data: list[Tensor], index: int) -> Any:
        both = losses(self.net, tuple(data))  # type: ignore[arg-type]
        if self.flip:
            both[1] = -both[0] + 0.01 * both[1]
        if self.manual is None:
            return {"loss": 0.5 * both[0] + 0.5 * both[1], "losses": both}
        optimiser = self.optimizers()
        optimiser.zero_grad()
        self.manual.backward(self, both)
        optimiser.step()
        return None

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.02)


def shared(module: Module) -> list[Tensor]:
    return list(module.net.shared())


def fit(module: Module, folder: Path, *callbacks: Any, epochs: int = 2, **options: Any) -> Any:
    trainer = pl.Trainer(
        max_epochs=epochs,
        callbacks=list(callbacks),
        accelerator="cpu",
        logger=options.pop("logger", False),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
        default_root_dir=folder,
        **options,
    )
    trainer.fit(module, DataLoader(TensorDataset(*batch(48)), batch_size=6))
    return trainer


def weights(module: Module) -> list[Tensor]:
    return [p.detach().clone() for p in module.net.parameters()]


def close(a: Module, b: Module) -> None:
    for x, y in zip(weights(a), weights(b), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-5, atol=1e-6)


def test_the_monitor_alone_changes_nothing(tmp_path: Path) -> None:
    plain, watched = Module(), Module()
    fit(plain, tmp_path)
    callback = GraceCallback(shared, every=1)
    fit(watched, tmp_path, callback)
    assert all(torch.equal(x, y) for x, y in zip(weights(plain), weights(watched), strict=True))
    mean, low, high = callback.watch.rho()
    assert -1 <= low < mean < high <= 1


@pytest.mark.parametrize("options", [{}, {"accumulate_grad_batches": 2}, {"gradient_clip_val": 0.5}])
def test_fixed_weights_give_the_plain_training(tmp_path: Path, options: dict[str, Any]) -> None:
    plain, ours = Module(), Module()
    fit(plain, tmp_path, **options)
    fit(ours, tmp_path, GraceCallback(shared, Fixed(2)), **options)
    close(plain, ours)


def test_automatic_and_manual_are_one_training_and_equal_a_loop_by_hand(tmp_path: Path) -> None:
    automatic, by_hand = Module(), Module()
    fit(automatic, tmp_path, GraceCallback(shared, GABA(2, beta=0.5, warmup=2), every=2))
    callback = GraceCallback(shared, GABA(2, beta=0.5, warmup=2), every=2)
    manual = Module(callback)
    fit(manual, tmp_path, callback)
    close(automatic, manual)
    outer, optimiser = GABA(2, beta=0.5, warmup=2), by_hand.configure_optimizers()
    for _ in range(2):
        for data in DataLoader(TensorDataset(*batch(48)), batch_size=6):
            optimiser.zero_grad()
            grace.backward(losses(by_hand.net, data), by_hand.net.shared(), outer, measure_every=2)
            optimiser.step()
    close(automatic, by_hand)


def test_values_reach_the_logger_and_the_alarm_is_raised(tmp_path: Path) -> None:
    from lightning.pytorch.loggers import CSVLogger

    logger = CSVLogger(tmp_path, name="log")
    callback = GraceCallback(shared, GABA(2), every=1, measure_on=lambda module: module.net.mix.parameters())
    with pytest.warns(UserWarning, match="rho of rul and health has turned below"):
        fit(Module(flip=True), tmp_path, callback, logger=logger)
    rows = list(csv.DictReader((Path(logger.log_dir) / "metrics.csv").read_text().splitlines()))
    assert {"grace/rho/rul-health", "grace/rho/rul-health/low", "grace/ratio", "grace/weight/rul"} <= rows[-1].keys()
    assert (float(rows[0]["grace/alarm"]), float(rows[-1]["grace/alarm"])) == (0, 1)
    assert float(rows[-1]["grace/rho/rul-health"]) < 0


def test_its_state_is_in_the_checkpoint(tmp_path: Path) -> None:
    whole, first = Module(), Module()

    def callback() -> GraceCallback:
        return GraceCallback(shared, GABA(2, beta=0.9, floor=0.0, warmup=3), every=1)

    fit(whole, tmp_path, callback(), epochs=2)
    fit(first, tmp_path, callback(), epochs=1).save_checkpoint(tmp_path / "half.ckpt")
    second = Module()
    trainer = pl.Trainer(
        max_epochs=2,
        callbacks=[callback()],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    loader = DataLoader(TensorDataset(*batch(48)), batch_size=6)
    trainer.fit(second, loader, ckpt_path=tmp_path / "half.ckpt")
    close(whole, second)


def test_the_module_gets_its_methods_back(tmp_path: Path) -> None:
    module = Module()
    fit(module, tmp_path, GraceCallback(shared, GABA(2)))
    assert "training_step" not in vars(module)
    assert "backward" not in vars(module)


class Stopped(Module):
    """Ends in the third batch."""

    def __init__(self, ending: type[BaseException]) -> None:
        super().__init__()
        self.ending: type[BaseException] | None = ending

    def training_step(self, data: list[Tensor], index: int) -> Any:
        if index == 2 and self.ending is not None:
            raise self.ending("stopped")
        return super().training_step(data, index)


@pytest.mark.parametrize(("ending", "seen"), [(ValueError, ValueError), (KeyboardInterrupt, SystemExit)])
def test_10_after_an_exception_or_ctrl_c_the_module_is_its_own(
    tmp_path: Path, ending: type[BaseException], seen: type[BaseException]
) -> None:
    module = Stopped(ending)
    with pytest.raises(seen):
        fit(module, tmp_path, GraceCallback(shared, Fixed(2, (1, 0))))
    assert not {"training_step", "backward"} & set(vars(module))


def test_10_a_later_fit_without_the_callback_is_not_weighted(tmp_path: Path) -> None:
    ours, plain = Stopped(ValueError), Module()
    before = {name: value.clone() for name, value in ours.net.state_dict().items()}
    with pytest.raises(ValueError, match="stopped"):
        fit(ours, tmp_path, GraceCallback(shared, Fixed(2, (1, 0))))
    ours.net.load_state_dict(before)
    ours.ending = None
    fit(ours, tmp_path)
    fit(plain, tmp_path)
    assert all(torch.equal(x, y) for x, y in zip(weights(ours), weights(plain), strict=True))


def test_10_methods_of_the_users_own_come_back(tmp_path: Path) -> None:
    module = Module()
    own = module.training_step
    module.training_step = own
    fit(module, tmp_path, GraceCallback(shared, GABA(2)))
    assert vars(module)["training_step"] is own


def test_10_losses_by_name_are_taken_by_name(tmp_path: Path) -> None:
    class Named(Module):
        def training_step(self, data: list[Tensor], index: int) -> Any:
            both = losses(self.net, tuple(data))  # type: ignore[arg-type]
            return {"loss": both[0], "losses": {"health": both[1], "rul": both[0]}}

    ours, plain = Named(), Module()
    fit(ours, tmp_path, GraceCallback(shared, Fixed(2, (0.9, 0.1))))
    fit(plain, tmp_path, GraceCallback(shared, Fixed(2, (0.9, 0.1))))
    close(ours, plain)
    with pytest.raises(grace.GraceError, match=r"named as the tasks of the callback, a, b\. Found health, rul"):
        fit(Named(), tmp_path, GraceCallback(shared, Fixed(2), tasks=("a", "b")))


def test_10_a_torchjd_weighting_is_measured_in_every_step(tmp_path: Path) -> None:
    callback = GraceCallback(shared, grace.TorchJDWeighting(2, "UPGrad"))
    fit(Module(), tmp_path, callback)
    assert len(callback.watch._rho[0, 1]) == 16


@pytest.mark.filterwarnings("ignore:.*returned `None`")
def test_10_a_step_that_returns_none_is_skipped(tmp_path: Path) -> None:
    class Skips(Module):
        def training_step(self, data: list[Tensor], index: int) -> Any:
            return None if index % 2 else super().training_step(data, index)

    plain, ours = Skips(), Skips()
    fit(plain, tmp_path)
    fit(ours, tmp_path, GraceCallback(shared, Fixed(2)))
    close(plain, ours)


@pytest.mark.parametrize("axis", ["uncertainty", "gradnorm"])
def test_3_learning_axes_under_accumulation(tmp_path: Path, axis: str) -> None:
    """Two halves of a batch give what the whole gives; GradNorm needs them to be alike."""

    class Learns(Module):
        def __init__(self) -> None:
            super().__init__()
            self.outer = grace.Uncertainty(2) if axis == "uncertainty" else grace.GradNorm(2)

    found = []
    for repeats, share in ((1, 1), (2, 2)):
        module = Learns()
        rows = [torch.cat([values] * repeats) for values in batch(12)]
        callback = GraceCallback(shared, module.outer, every=1)
        options: dict[str, Any] = {"accumulate_grad_batches": share}
        trainer = pl.Trainer(
            max_epochs=2,
            callbacks=[callback],
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=tmp_path,
            **options,
        )
        trainer.fit(module, DataLoader(TensorDataset(*rows), batch_size=12))
        found.append([*weights(module), *(p.detach().clone() for p in module.outer.parameters())])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    assert float((found[0][-1] - found[0][-1].mean()).abs().max()) > 0 or axis == "gradnorm"


def test_a_step_without_losses_is_named(tmp_path: Path) -> None:
    class Bare(Module):
        def training_step(self, data: list[Tensor], index: int) -> Any:
            return losses(self.net, tuple(data))[0]  # type: ignore[arg-type]

    with pytest.raises(grace.GraceError, match=r"should return a dict with 'loss' and 'losses', 2 scalars. Found none"):
        fit(Bare(), tmp_path, GraceCallback(shared, GABA(2)))
