"""Three tasks: predict a wine's grower, its alcohol and its colour. The gradients of which tasks align on the shared layer?"""

import torch
from sklearn.datasets import load_wine
from torch import nn

import grace

ALCOHOL, COLOUR = 0, 9  # columns that are predicted from the other eleven


class Net(nn.Module):
    """One shared layer and three heads."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(11, 12), nn.Tanh())
        self.grower, self.alcohol, self.colour = nn.Linear(12, 3), nn.Linear(12, 1), nn.Linear(12, 1)

    def forward(self, x):
        features = self.backbone(x)
        return self.grower(features), self.alcohol(features)[:, 0], self.colour(features)[:, 0]


def load():
    """178 wines; 60 are held out."""
    x, grower = (torch.tensor(part) for part in load_wine(return_X_y=True))
    x = ((x - x.mean(0)) / x.std(0)).float()
    parts = x[:, [c for c in range(13) if c not in (ALCOHOL, COLOUR)]], grower, x[:, ALCOHOL], x[:, COLOUR]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return [part[order[60:]] for part in parts], [part[order[:60]] for part in parts]


def losses(model, batch):
    x, *targets = batch
    grower, alcohol, colour = model(x)
    mse, grower_loss = nn.functional.mse_loss, nn.functional.cross_entropy(grower, targets[0])
    return {"alcohol": mse(alcohol, targets[1]), "colour": mse(colour, targets[2]), "grower": grower_loss}


def main(inits=8, seeds=5, steps=300):
    train, held = load()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*train), batch_size=32, shuffle=True)

    def shared(model):
        return model.backbone.parameters()

    def error(model):
        return (model(held[0])[1] - held[2]).square().mean().sqrt()

    print(report := grace.diagnose(Net, loader, losses, shared, inits=inits, name="wine", training_steps=5_000))
    methods = {"alcohol alone": lambda: grace.Fixed(3, (1, 0, 0)), "all, GABA": lambda: grace.GABA(3, floor=0.0)}
    print("Error of the alcohol on held-out wines, RMSE in standard deviations:")
    found = grace.compare(Net, loader, losses, shared, error, methods, steps=steps, seeds=seeds)
    print(found, found.against(report), sep="\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
