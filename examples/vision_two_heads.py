"""Vision: which digit, and how much ink. Does learning the ink help to read the digit?"""

import torch
from sklearn.datasets import load_digits
from torch import nn

import grace


class TwoHeads(nn.Module):
    """A small convolutional backbone and two heads."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 32), nn.ReLU()
        )
        self.digit, self.ink = nn.Linear(32, 10), nn.Linear(32, 1)

    def forward(self, x):
        features = self.backbone(x)
        return self.digit(features), self.ink(features)[:, 0]


def load():
    """1,797 images of 8 x 8; a third is held out."""
    data = load_digits()
    x = torch.tensor(data.images, dtype=torch.float32)[:, None] / 16
    ink = x.mean((1, 2, 3))
    parts = x, torch.tensor(data.target), (ink - ink.mean()) / ink.std()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return [part[order[600:]] for part in parts], [part[order[:600]] for part in parts]


def losses(model, batch):
    x, digit, ink = batch
    logits, predicted = model(x)
    return {"digit": nn.functional.cross_entropy(logits, digit), "ink": (predicted - ink).square().mean()}


def main(inits=8, seeds=5, steps=300):
    train, held = load()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*train), batch_size=64, shuffle=True)

    def shared(model):
        return model.backbone.parameters()

    def error(model):
        return (model(held[0])[0].argmax(1) != held[1]).float().mean()

    print(report := grace.diagnose(TwoHeads, loader, losses, shared, inits=inits, name="digits", training_steps=10_000))
    methods = {"digit alone": lambda: grace.Fixed(2, (1, 0)), "both, GABA": lambda: grace.GABA(2, floor=0.0)}
    print("Share of held-out digits that are misread, after training:")
    found = grace.compare(TwoHeads, loader, losses, shared, error, methods, steps=steps, seeds=seeds)
    print(found, found.against(report), sep="\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
