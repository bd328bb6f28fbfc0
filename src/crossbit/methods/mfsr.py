r"""mFSR: features are separated into parts, of which one retrieves and all together rebuild the item.

L. Zhang and X. Wu, "Multi-task framework based on feature separation and reconstruction for cross-modal retrieval",
Pattern Recognition 2022.

Each item becomes three unit vectors: what is of its modality, what image and caption share, and what is its alone. Only
the semantic one retrieves; a GAN and an RNN rebuild picture and caption from all three, so that nothing is lost.

    L_se = sum_j max_{k != j} [alpha - <v_se^j, l_se^j> + <v_se^j, l_se^k>]_+  +  the same with v and l exchanged
    L_mo = mean_j (1 - <v_mo^j, v>) + mean_j (1 - <l_mo^j, l>) + <v, l>,    v, l = the means of v_mo and l_mo
    L_sp = mean_j <v_sp^j, v_se^j> + mean_j <l_sp^j, l_se^j>
    L_D1 = -E log D1(x) - E log(1 - D1(x'))
    L_D2 = -E log D2(x, aug x) - 1/2 E log(1 - D2(x, x')) - 1/2 E log(1 - D2(x, x''))
    L_G  = -E log D1(x') - E log D2(x, x')
    L_cap = - mean over words of log p(w_t | w_<t, l_mo, l_se, l_sp)
    L    = L_se + lam_mo L_mo + lam_sp L_sp + lam_img L_G + lam_cap L_cap

    paper              here        shape     meaning
    v_mo, v_se, v_sp   v[:, 0..2]  m 3 dim   parts of images, each of unit length; l are those of texts
    s(x, y)            S           m m       <v_se, l_se>, an image per row
    x, x', x''         x, x1, x2   m 3 h w   a picture, the one that G makes of its parts, another of the batch
    D1, D2             D           m         logits: a picture is real, two pictures have the same content
    G, RNN             G, R                  DCGAN's generator, without noise; a GRU that starts from FC2 of the parts

Each batch D1 steps down L_D1, D2 down L_D2, all else down L. L_mo is 2 - |v|^2 - |l|^2 + <v, l>; its other reading, by
squared distances, is 2 L_mo - 2. A batch that has collapsed sits at L_se = 2 m alpha; `warm_up` epochs over all
negatives lead past it. The signed L_sp is least at v_sp = -v_se, which separates nothing; "square" is orthogonality.

What differs: no code is released and the paper was not at hand; defaults marked "notes" are from notes on it without
formulas, the rest is ASSUMED. L_se is VSE++'s, a sum beside means unless reduction="mean"; other captions of an image
are masked. What x'' is, is not known: D2 follows GXN's matching-aware discriminator or, with D2="swapped", R2GAN: x'' =
G(v_mo, l_se, v_sp). delta > 0 adds R2GAN's reconstruction. The CNN is small and trained from scratch, or that of
`model`, frozen until `fine_tune`. Pictures are rebuilt from pixels, captions from word ids. A weight of 0 removes its
term, networks and steps; without all four it is VSE++ with one more layer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal, TypeAlias, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import softplus

from ..data.pairs import Paired
from ..models.encoder import DualEncoder
from ..nn.losses import fake_loss, hinge, real_loss
from ..nn.separation import Separated, caption_nll
from ..training.early_stopping import hold_out
from ..training.epoch import Epoch, MiniBatch
from ..training.run import PLAIN, Training
from . import mfsr_net as net
from .base import Method, Source
from .mfsr_net import Discriminators, Nets, Pooling

Pictures: TypeAlias = Float[Tensor, "m 3 h w"]
Scalar: TypeAlias = Float[Tensor, ""]


@final
@dataclass(frozen=True)
class MFSR(Method):
    """Multi-task framework based on Feature Separation and Reconstruction."""

    source: ClassVar = Source(
        "Multi-task framework based on feature separation and reconstruction for cross-modal retrieval",
        "Zhang and Wu",
        "Pattern Recognition",
        2022,
        "https://patents.google.com/patent/CN113656539A/en",
    )
    supervised: ClassVar = False

    alpha: float = 0.2  # ASSUMED (VSE++): the margin
    warm_up: int = 0  # epochs of the hinge over all negatives; VSE-infinity: 1
    reduction: Literal["sum", "mean"] = "sum"  # ASSUMED (VSE++): of L_se
    lam_mo: float = 1.0  # ASSUMED, as all weights are
    lam_sp: float = 1.0  # ASSUMED
    lam_img: float | None = None  # ASSUMED: none given is 1 where images are pixels, else 0
    lam_cap: float | None = None  # ASSUMED: none given is 1 where texts are word ids, else 0
    specific: Literal["signed", "square", "hinge"] = "signed"  # ASSUMED: the literal reading
    D2: Literal["pair", "swapped"] = "pair"  # ASSUMED: see above
    delta: float = 0.0  # notes: nothing of the kind; the weight of R2GAN's reconstruction
    beta: float = 1.0  # ours: the weight in it of pixels beside features of D1
    d: int = 3072  # notes: of FC1 and of the GRU
    separation: int = 1  # ASSUMED: layers that separate
    width: int = 300  # notes: of a word vector; given vectors bring their own
    layers: int = 4  # notes: of the GRU that reads
    hidden: int = 1024  # ASSUMED: of the GRU that says
    say_layers: int = 1  # ASSUMED
    convolutions: int = 4  # ours: of the small CNN
    pooling: Pooling = "mean"  # paper (ResNet); "flatten" keeps the places of a small picture
    model: str = ""  # a CLIP or the like whose image tower is the CNN, as a folder or on the hub; notes: ResNet-152
    side: int = 64  # ASSUMED (DCGAN): of a rebuilt picture
    channels: int = 64  # DCGAN: of the largest maps in G and D; each smaller one has twice as many
    batch: int = 24  # notes
    epochs: int = 30  # notes
    fine_tune: int = 0  # more epochs in which `model` learns too; notes: 15
    lr: float = 2e-4  # notes: of Adam
    lr_gan: float = 2e-4  # DCGAN: of Adam with beta_1 = 0.5, for G, D1 and D2
    lr_update: int = 15  # notes: the epochs until both rates are a tenth, 2e-5
    clip: float = 2.0  # ASSUMED (VSE++): norm of the gradient of L
    snapshot: float = 0.0  # share of training items held out to choose the epoch by rsum; the paper has others for it

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return towers into semantic parts of `dim` dimensions; they hold the other parts, generator and decoder."""
        total = self.epochs + self.fine_tune
        if self.snapshot and training.held is None:
            train, held = hold_out(train, seed, self.snapshot)
            training = replace(training, held=held, patience=total)
        with training.seeded(seed) as (rng, device):
            image, text = self.towers(train, dim, lam := self.weights(train))
            D = net.discriminators(self.side, self.channels, pair=self.D2 == "pair") if lam["L_G"] else {}
            steps = net.optimisers(nn.ModuleList([image, text]).to(device), D, self.lr, self.lr_gan)
            run = training.begin(rng, image, text, dim, space="cosine", **D, **steps)
            nets = Nets.of(run, image, text, D, steps)
            for epoch in run.epochs(total):
                net.scale_rates(steps.values(), 1.0 if epoch.number < self.lr_update else 0.1)
                if self.model:
                    image[0].requires_grad_(epoch.number >= self.epochs).train(epoch.number >= self.epochs)
                for batch in epoch.batches(train, self.batch, rng):
                    terms = self.terms(nets, lam, batch, epoch)
                    loss = torch.stack([lam[name] * term for name, term in terms.items()]).sum()
                    epoch.step(loss, steps["L"], clip=self.clip)
                    epoch.add(loss=loss, **terms)
        return run.encoder()

    def terms(self, nets: Nets, lam: dict[str, float], batch: MiniBatch, epoch: Epoch) -> dict[str, Scalar]:
        """Return the terms of L with a weight; before L_G, both discriminators take their steps."""
        v, l = nets.I(batch.image), nets.T(batch.text)
        terms = {"L_se": self.semantic(v[:, 1] @ l[:, 1].T, batch.item, epoch.number)}
        if lam["L_mo"]:
            terms["L_mo"] = modality(v[:, 0], l[:, 0])
        if lam["L_sp"]:
            terms["L_sp"] = self.disjoint(v[:, 2], v[:, 1]) + self.disjoint(l[:, 2], l[:, 1])
        if nets.G:
            x, x1 = net.target(batch.image, self.side), nets.G(v.flatten(1))
            x2 = x.roll(1, 0) if self.D2 == "pair" else nets.G(torch.cat([v[:, 0], l[:, 1], v[:, 2]], 1))
            L_D = self.d_losses(nets.D, x, x1.detach(), x2.detach(), batch.item != batch.item.roll(1))
            for name, loss in L_D.items():
                epoch.step(loss, nets.steps[name])
            epoch.add(**L_D)
            terms["L_G"] = self.g_loss(nets.D, x, x1, x2)
        if nets.R:
            terms["L_cap"] = caption_nll(nets.R, l.flatten(1), batch.text)
        return terms

    def semantic(self, S: Float[Tensor, "m m"], item: Int[Tensor, "m"], epoch: int) -> Scalar:
        """Return L_se in an epoch counted from 0; pairs of one item share their image."""
        loss = hinge(S, item[:, None] == item, self.alpha, "all" if epoch < self.warm_up else "hardest")
        return loss / len(S) if self.reduction == "mean" else loss

    def disjoint(self, sp: Float[Tensor, "m dim"], se: Float[Tensor, "m dim"]) -> Scalar:
        """Return the term of L_sp for one modality."""
        s = (sp * se).sum(1)
        return {"signed": s, "square": s.square(), "hinge": s.relu()}[self.specific].mean()

    def d_losses(self, D: Discriminators, x: Pictures, x1: Pictures, x2: Pictures, other: Tensor) -> dict[str, Scalar]:
        """Return L_D1 and L_D2; an x'' of the same item does not count."""
        L_D1 = real_loss(D["D1"](x)[0]) + fake_loss(D["D1"](x1)[0])
        if self.D2 == "swapped":
            return {"L_D1": L_D1, "L_D2": real_loss(D["D2"](x1)[0]) + fake_loss(D["D2"](x2)[0])}
        aug, same, wrong = (D["D2"](torch.cat([x, each], 1))[0] for each in (net.augmented(x), x1, x2))
        return {"L_D1": L_D1, "L_D2": real_loss(aug) + fake_loss(same) / 2 + (softplus(wrong) * other).mean() / 2}

    def g_loss(self, D: Discriminators, x: Pictures, x1: Pictures, x2: Pictures) -> Scalar:
        """Return L_G, with R2GAN's reconstruction where delta asks for it."""
        real, Phi1 = D["D1"](x1)
        loss = real_loss(real) + real_loss(D["D2"](torch.cat([x, x1], 1) if self.D2 == "pair" else x2)[0])
        if self.D2 == "swapped":
            loss = loss + real_loss(D["D1"](x2)[0])
        if self.delta:
            near = (D["D1"](x)[1].detach() - Phi1).square().mean() + self.beta * (x - x1).square().mean()
            loss = loss + self.delta * near / 2
        return loss

    def weights(self, train: Paired) -> dict[str, float]:
        """Return the weight of every term; one whose target is missing is 0, and cannot be set."""
        lam_img = net.weight("lam_img", self.lam_img, net.raw(train.image), "image=pixels")
        lam_cap = net.weight("lam_cap", self.lam_cap, train.vocabulary is not None, "text=words")
        return {"L_se": 1.0, "L_mo": self.lam_mo, "L_sp": self.lam_sp, "L_G": lam_img, "L_cap": lam_cap}

    def towers(self, train: Paired, dim: int, lam: dict[str, float]) -> tuple[nn.Sequential, nn.Sequential]:
        """Return the tower of each modality, with its generator or decoder."""
        image = net.image_features(train.image, self.d, self.convolutions, self.pooling, self.model)
        picture = {"side": self.side, "channels": self.channels} if lam["L_G"] else None
        text = net.text_features(train, self.d, self.width, self.layers)
        say = {"vector": self.width, "hidden": self.hidden, "layers": self.say_layers}
        words = {"words": len(train.vocabulary), **say} if train.vocabulary and lam["L_cap"] else None
        cut = partial(Separated, self.d, dim, self.separation)
        return image.append(cut(picture=picture)), text.append(cut(sentence=words))


def modality(v_mo: Float[Tensor, "m dim"], l_mo: Float[Tensor, "m dim"]) -> Scalar:
    """Return L_mo: parts near the mean of their modality, and the two means far apart."""
    v, l = v_mo.mean(0), l_mo.mean(0)
    return (1 - v_mo @ v).mean() + (1 - l_mo @ l).mean() + v @ l
