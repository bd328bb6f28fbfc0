r"""Attention-aware Deep Adversarial Hashing (ADAH).

X. Zhang, H. Lai and J. Feng, "Attention-Aware Deep Adversarial Hashing for Cross-Modal Retrieval", ECCV 2018.

Only some features of an item matter for retrieval. An attention module G selects them; the selected features have to
rank the items of both modalities, and so has the rest. G plays against that: it selects all that the rest would need.

    f = E(x),   P = softmax(G(f)),   Z = 1[P >= 1 / size of P],   H = D(Z f),   H^ = D((1 - Z) f)
    F(A, B) = sum over S_ij > S_ik of max(0, eps + |A_i - B_j|^2 - |A_i - B_k|^2)
    L_R = F(H_T, H_I) + F(H_I, H_T) + F(H_I, H_I) + F(H_T, H_T)
    L_A = F(H_T, H^_I) + F(H_I, H^_T)
    min over E, D of L_R + L_A;   max over G of L_A

    paper       here        shape       meaning
    E, G, D     E, G, D                 features, attention, hashing: each a network for images, .I, and texts, .T
    f           f           m C h w     features: a map; of texts, and of images that are vectors, m d
    Z           Z           m 1 h w     the mask over places; of vectors m d, over dimensions; dZ/dP is taken as 1
    H, H^       H, rest     m bits      codes, relaxed by tanh, of the attended part and of what was left out
    S           S           m m         1 for items that share a label
    eps         margin                  as a share of the bits, so that one value serves all lengths

What differs: no code is released and the article's values were not available to us. ASSUMED, besides the defaults so
marked: squared distances; one over its dimensions as the threshold for a vector; that the players move in turn for
each batch, G first, so that E is computed once; that Z is a constant in the move of E and D, and H in that of G. F is
a mean. E's convolutions for pixels are few and start from nothing; a map of another network's features (VGG's pool5,
CLIP's patches) is taken as it is, and images that are vectors pass one layer.

Two things can go wrong in this game, and the log shows them as the share attended to. If G marks everything, the rest
is the same for all items, and each of its triplets is exactly eps. If its scores grow without bound, the softmax has
ever less above its average. That share has no gradient, for P sums to one; `spread` therefore acts on how even P is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Adam

from ..data.pairs import Paired
from ..models.encoder import DualEncoder
from ..nn.losses import squared_distances, triplet
from ..nn.similarity import label_similarity
from ..training.run import PLAIN, Training
from .adah_net import Both, Branch, Networks, Pooling, hashed, image_branch, opposite, text_branch
from .base import Method, Source


@final
@dataclass(frozen=True)
class ADAH(Method):
    """Attention-aware Deep Adversarial Hashing."""

    source: ClassVar = Source(
        "Attention-Aware Deep Adversarial Hashing for Cross-Modal Retrieval",
        "Zhang, Lai and Feng",
        "ECCV",
        2018,
        "https://arxiv.org/abs/1711.09347",
    )
    supervised: ClassVar = True

    attention: Literal["adversarial", "plain", "none"] = "adversarial"  # ablation: "plain" lets G descend L_R, no L_A
    margin: float = 0.375  # ASSUMED (a reimplementation has 12 at 32 bits): eps as a share of the bits
    over: Literal["active", "all"] = "active"  # ASSUMED: the triplets that F is a mean over
    soft: bool = False  # ours: G ascends softplus, not max(0, .), and so gets a gradient from every triplet
    spread: float = 0.0  # ours: G ascends this share of eps times the evenness of P; below 0, it descends it
    G_steps: int = 1  # ASSUMED: moves of G for each of E and D
    layers: int = 3  # ours: convolutions on pixels; each halves height and width
    pooling: Pooling = "flatten"  # paper, by its use of VGG's layers: how D takes a map
    hidden: int = 4096  # paper: VGG's fc6 and fc7
    width: int = 512  # ASSUMED: features of a text, and of an image that is a vector
    text_hidden: int = 8192  # ASSUMED: "two-layer" is the paper's
    dropout: float = 0.5  # ASSUMED (VGG): after fc6 and fc7, and between the layers for texts
    batch: int = 128  # ASSUMED
    epochs: int = 50  # ASSUMED
    lr: float = 3e-4  # ours: of Adam, for E and D; 1e-4 learns too little in 50 epochs, by held-out training pairs
    lr_attention: float = 1e-5  # ASSUMED: of Adam, for G; at 1e-4 its scores outgrow the game on vectors

    def fit(self, train: Paired, dim: int, *, seed: int = 0, training: Training = PLAIN) -> DualEncoder:
        """Return towers that hash what they attend to; the log carries both losses and the share attended to."""
        with training.seeded(seed) as (rng, device):
            L = torch.from_numpy(train.known_labels).float().to(device)
            image = image_branch(train.image, dim, self.layers, self.pooling, self.width, self.hidden, self.dropout)
            text = text_branch(train.text, dim, self.text_hidden, self.width, self.dropout)
            playing = self.attention == "adversarial"
            hashing, attention = self.optimisers(image, text, device)
            I, T = (branch.tower(attend=self.attention != "none") for branch in (image, text))
            run = training.begin(rng, I, T, dim, hashing=hashing, attention=attention)
            E, G, D = (Networks(*map(run.prepared, both)) for both in zip(image, text, strict=True))
            for epoch in run.epochs(self.epochs):
                for batch in epoch.batches(train, self.batch, rng, drop_last=True):
                    S = label_similarity(L[batch.rows], L[batch.rows])
                    f = E(Both(batch.image, batch.text))
                    for _ in range(self.G_steps if playing else 0):
                        still = Both(f.I.detach(), f.T.detach())
                        even = image.G.evenness(still.I) + text.G.evenness(still.T) if self.spread else 0.0
                        gain = self.gain(G, D, still, S) + self.spread * self.margin * dim * even
                        epoch.step(-gain, attention)
                    Z = self.masks(G, f)
                    H = hashed(D, f, Z)
                    terms = {"L_R": self.retrieval(H, S)}
                    if playing:
                        terms["L_A"] = self.adversarial(H, hashed(D, f, opposite(Z)), S)
                    epoch.step(torch.stack([*terms.values()]).sum(), hashing)
                    epoch.add(**terms, attended_I=Z.I.mean(), attended_T=Z.T.mean())
        return run.encoder()

    def optimisers(self, image: Branch, text: Branch, device: torch.device) -> tuple[Adam, Adam]:
        """Return the optimiser of E and D, which takes G too with plain attention, and the one of G in the game."""
        nn.ModuleList([*image, *text]).to(device)
        G = [*image.G.parameters(), *text.G.parameters()]
        E_and_D = [p for net in (image.E, image.D, text.E, text.D) for p in net.parameters()]
        hashing = E_and_D + G if self.attention == "plain" else E_and_D
        return Adam(hashing, self.lr, fused=True), Adam(G, self.lr_attention, fused=True)

    def masks(self, G: Networks, f: Both) -> Both:
        """Return Z, a constant in the game; without attention it is 1 everywhere."""
        if self.attention == "none":
            return Both(f.I.new_ones(()), f.T.new_ones(()))
        with torch.set_grad_enabled(self.attention == "plain"):
            return G(f)

    def gain(self, G: Networks, D: Networks, f: Both, S: Float[Tensor, "m m"]) -> Float[Tensor, ""]:
        """Return L_A as a function of G alone, through the masked-out features."""
        Z = G(f)
        with torch.no_grad():
            H = hashed(D, f, Z)
        return self.adversarial(H, hashed(D, f, opposite(Z)), S, soft=self.soft)

    def triplets(
        self, A: Float[Tensor, "m bits"], B: Float[Tensor, "m bits"], S: Float[Tensor, "m m"], *, soft: bool = False
    ) -> Float[Tensor, ""]:
        """Return the loss of triplets of a query from A, a similar and a dissimilar item of B."""
        return triplet(squared_distances(A, B), S, self.margin * A.shape[1], over=self.over, soft=soft)

    def retrieval(self, H: Both, S: Float[Tensor, "m m"]) -> Float[Tensor, ""]:
        """Return the retrieval loss L_R of the attended parts."""
        return (
            self.triplets(H.T, H.I, S)
            + self.triplets(H.I, H.T, S)
            + self.triplets(H.I, H.I, S)
            + self.triplets(H.T, H.T, S)
        )

    def adversarial(self, H: Both, rest: Both, S: Float[Tensor, "m m"], *, soft: bool = False) -> Float[Tensor, ""]:
        """Return the adversarial loss L_A, of attended parts with the masked-out parts of the other modality."""
        return self.triplets(H.T, rest.I, S, soft=soft) + self.triplets(H.I, rest.T, S, soft=soft)
