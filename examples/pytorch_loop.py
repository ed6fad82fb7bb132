"""A loop in PyTorch as anybody writes it: ten lines, and one of ours.

pip install '.[pytorch]' && python examples/pytorch_loop.py
"""

import torch
from torch import nn

import autolog

autolog.autolog()  # the one line


def train(images, labels):
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for _ in range(5):
        for batch in torch.randperm(len(images)).split(64):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


torch.manual_seed(0)
labels = torch.arange(1280) % 10
train(torch.randn(10, 64)[labels] + torch.randn(1280, 64), labels)

# From here on: what the lines above left behind, read back.
client = autolog.MlflowClient()
run = client.get_run(autolog.last_active_run().info.run_id)
params = run.data.params
print(f"run {run.info.run_name} ({run.info.status})")
print(f"  {params['model']} of {params['parameters']} parameters")
print(f"  {params['optimizer_name']} with a learning rate of {params['lr']}")
curve = client.get_metric_history(run.info.run_id, "loss")
print(f"  loss in {len(curve)} steps: {curve[0].value:.3f} to {curve[-1].value:.3f}")
print(f"  {run.data.metrics['steps_per_second']:.0f} steps per second")
print(f"  files: {', '.join(f.path for f in client.list_artifacts(run.info.run_id))}")
