"""Tabular: how far a diabetes progresses, and whether it is in the worst third. Does the class help the number?"""

import torch
from sklearn.datasets import load_diabetes
from torch import nn

import grace


class Net(nn.Module):
    """Two shared layers, a regression head and a classification head."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU())
        self.progress, self.worst = nn.Linear(16, 1), nn.Linear(16, 1)

    def forward(self, x):
        features = self.backbone(x)
        return self.progress(features)[:, 0], self.worst(features)[:, 0]


def load():
    """442 patients, 10 features; 142 are held out."""
    x, y = (torch.tensor(part, dtype=torch.float32) for part in load_diabetes(return_X_y=True))
    parts = x / x.std(0), (y - y.mean()) / y.std(), (y > y.quantile(2 / 3)).float()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return [part[order[142:]] for part in parts], [part[order[:142]] for part in parts]


def losses(model, batch):
    x, progress, worst = batch
    value, logit = model(x)
    return {
        "progress": (value - progress).square().mean(),
        "worst third": nn.functional.binary_cross_entropy_with_logits(logit, worst),
    }


def main(inits=8, seeds=5, steps=200):
    train, held = load()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*train), batch_size=32, shuffle=True)

    def shared(model):
        return model.backbone.parameters()

    def error(model):
        return (model(held[0])[0] - held[1]).square().mean().sqrt()

    print(report := grace.diagnose(Net, loader, losses, shared, inits=inits, name="diabetes", training_steps=5_000))
    methods = {"progress alone": lambda: grace.Fixed(2, (1, 0)), "both, GABA": lambda: grace.GABA(2, floor=0.0)}
    print("Error on held-out patients after training, RMSE in standard deviations:")
    found = grace.compare(Net, loader, losses, shared, error, methods, steps=steps, seeds=seeds)
    print(found, found.against(report), sep="\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
