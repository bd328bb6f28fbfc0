r"""CLIP-based Fusion-modal Reconstructing Hashing (CFRH).

M. Li, Y. Li, M. Ge and L. Ma, "CLIP-based fusion-modal reconstructing hashing for large-scale unsupervised
cross-modal retrieval", International Journal of Multimedia Information Retrieval 12:2, 2023.

No labels: the similarities of frozen image features and of BoW text, and a third one fused from both, are what the
codes must rebuild, within and across the modalities; an autoencoder per modality makes the codes keep its feature.

    S   = mu (beta S_I + gamma S_T + eta S_C)
    J   = delta [ |S - II|^2 + |S - TT|^2 ]  +  phi [ |S - IT|^2 + |S - TI|^2 - mean cos(B_I, B_T) ]
        + lam [ |D_I(H_I) - rn(F_I)|^2 + |D_T(H_T) - rn(F_T)|^2 ]

    paper       here        shape       meaning
    F_I, F_T    F_I, F_T    m d         frozen features of a batch
    S_I, S_T    S_I, S_T    m m         2 cos - 1 of the features
    S_C         S_C         m m         high-order similarity, form A or form B
    H           H_I, H_T    m bits      tanh(alpha Z), alpha growing with the epoch; B is its row of unit length
    D           D_I, D_T                decoders of the modality-specific autoencoders
    II, IT      cosine(H)   m m         cosines between codes

What differs: the authors' trainer, networks and configuration are not released and the article's values were not
available to us, so every default marked ASSUMED is taken from siblings of the same group or lineage (CAGAN, AMTS,
JDSH). ASSUMED as well: which of the released names delte, phi and lamb weighs which term; the term mean cos (JDSH,
CAGAN, AMTS); rows of unit length, rn, as what the decoders rebuild (DSAH); one joint step for all networks.
The features need not be CLIP's, but the defaults were made for them. Of others, and of sparse tags, S_C may hardly
vary (docs/results.md tells how much, without a label); then it only adds an offset that draws all codes together. The
variant without it keeps the other two in proportion: beta=0.714, gamma=0.286, eta=0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import mse_loss, normalize

from ..data.pairs import Paired
from ..models.encoder import DualEncoder
from ..nn.losses import gram, pairing
from ..nn.similarity import require_vectors, rescaled_cosine, row_cosine, row_normed_product
from ..nn.tensors import dense
from ..nn.towers import mlp, perceptron
from ..training.run import PLAIN, Training, tanh_slope
from .base import Method, Source


class Target(NamedTuple):
    """The fused similarity of a batch and the three it is fused from."""

    S: Float[Tensor, "m m"]
    S_I: Float[Tensor, "m m"]
    S_T: Float[Tensor, "m m"]
    S_C: Float[Tensor, "m m"]


@final
@dataclass(frozen=True)
class CFRH(Method):
    """CLIP-based Fusion-modal Reconstructing Hashing."""

    source: ClassVar = Source(
        "CLIP-based fusion-modal reconstructing hashing for large-scale unsupervised cross-modal retrieval",
        "Li, Li, Ge and Ma",
        "International Journal of Multimedia Information Retrieval",
        2023,
        "https://doi.org/10.1007/s13735-023-00268-7",
        code="https://github.com/AwakerLee/CFRH",
    )
    supervised: ClassVar = False

    beta: float = 0.5  # ASSUMED (CAGAN, AMTS): share of S_I
    gamma: float = 0.2  # ASSUMED (CAGAN, AMTS): share of S_T
    eta: float = 0.3  # ASSUMED (CAGAN, AMTS): share of S_C
    mu: float = 1.4  # ASSUMED (CAGAN, AMTS, JDSH): stretch of the target
    fusion: Literal["row-cosine", "product"] = "row-cosine"  # form A (JDSH) or form B (AMTS); the figure allows both
    text_similarity: Literal["cosine", "sign"] = "cosine"  # "sign" is CAGAN's: any shared word counts as +1
    delta: float = 0.1  # ASSUMED (CAGAN): weight of the intra-modal reconstruction; 0 ablates it
    phi: float = 1.0  # ASSUMED (CAGAN): weight of the cross-modal reconstruction
    lam: float = 0.1  # ASSUMED (AMTS): weight of the autoencoders; 0 ablates them
    hidden: int = 4096  # ASSUMED (CAGAN): "two-layer" encoders are the paper's, their width is not
    decoder_hidden: int = 4096  # ASSUMED: depth and width of the decoders
    alpha: Literal["sqrt", "one"] = "sqrt"  # lineage: sqrt(epoch); the figure says only that alpha grows
    batch: int = 32  # ASSUMED (CAGAN, JDSH)
    epochs: int = 20  # ASSUMED (CAGAN); JDSH trains 300
    lr: float = 0.01  # ASSUMED (CAGAN, JDSH): of SGD, for all networks
    momentum: float = 0.9  # ASSUMED (CAGAN, JDSH)
    weight_decay: float = 5e-4  # ASSUMED (CAGAN, JDSH)

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return perceptrons into `dim` bits; the log carries every term and the mean and deviation of each S."""
        require_vectors("CFRH", train.image, train.text)
        with training.seeded(seed) as (rng, device):
            image, text = perceptron(train.image, self.hidden, dim), perceptron(train.text, self.hidden, dim)
            decoders = [mlp(dim, self.decoder_hidden, x.shape[1]) for x in (train.image, train.text)]
            optimiser = torch.optim.SGD(
                nn.ModuleList([image, text, *(decoders if self.lam else [])]).to(device).parameters(),
                self.lr,
                momentum=self.momentum,
                weight_decay=self.weight_decay,
                fused=True,
            )
            run = training.begin(rng, image, text, dim, optimiser=optimiser, decoders=nn.ModuleList(decoders))
            D_I, D_T = map(run.prepared, decoders)
            for epoch in run.epochs(self.epochs):
                alpha = tanh_slope(epoch.number) if self.alpha == "sqrt" else 1.0
                for batch in epoch.batches(train, self.batch, rng, drop_last=True):
                    F_I, F_T = dense(batch.image), dense(batch.text)
                    target = self.target(F_I, F_T)
                    H_I, H_T = torch.tanh(alpha * run.image(batch.image)), torch.tanh(alpha * run.text(batch.text))
                    terms = self.reconstruction(H_I, H_T, target.S)
                    if self.lam:
                        terms["L_ae"] = mse_loss(D_I(H_I), normalize(F_I)) + mse_loss(D_T(H_T), normalize(F_T))
                    loss = self.objective(terms)
                    epoch.step(loss, optimiser)
                    epoch.add(loss=loss, **terms, **statistics(target))
        return run.encoder()

    @torch.no_grad()
    def target(self, F_I: Float[Tensor, "m d_I"], F_T: Float[Tensor, "m d_T"]) -> Target:
        """Return S = mu (beta S_I + gamma S_T + eta S_C) and its parts."""
        S_I, S_T = rescaled_cosine(F_I), rescaled_cosine(F_T)
        if self.text_similarity == "sign":
            S_T = 2 * torch.sign((S_T + 1) / 2) - 1
        S_C = row_cosine(S_I, S_T) if self.fusion == "row-cosine" else row_normed_product(S_I, S_T)
        return Target(self.mu * (self.beta * S_I + self.gamma * S_T + self.eta * S_C), S_I, S_T, S_C)

    def reconstruction(
        self, H_I: Float[Tensor, "m bits"], H_T: Float[Tensor, "m bits"], S: Float[Tensor, "m m"]
    ) -> dict[str, Tensor]:
        """Return the intra- and cross-modal terms, unweighted."""
        intra = gram(H_I, H_I, S) + gram(H_T, H_T, S)
        cross = gram(H_I, H_T, S) + gram(H_T, H_I, S) + pairing(H_I, H_T)
        return {"L_intra": intra, "L_cross": cross}

    def objective(self, terms: dict[str, Tensor]) -> Tensor:
        """Return delta L_intra + phi L_cross + lam L_ae."""
        weights = {"L_intra": self.delta, "L_cross": self.phi, "L_ae": self.lam}
        return torch.stack([weights[name] * term for name, term in terms.items()]).sum()


def statistics(target: Target) -> dict[str, Tensor]:
    """Return the mean and the deviation of the fused similarity and of its parts."""
    parts = target._asdict()
    means = {f"mean_{name}": S.mean() for name, S in parts.items()}
    return means | {f"sd_{name}": S.std() if S.numel() > 1 else torch.zeros_like(S.mean()) for name, S in parts.items()}
