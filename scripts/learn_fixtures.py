#!/usr/bin/env python3
"""Writes tests/data/learn/*.safetensors: what PyTorch says about the networks of src/learn, for tests/learn_gradients.rs.

    python3 scripts/learn_fixtures.py

Needs torch and safetensors (pip); written with torch 2.15.0 and safetensors 0.8.0 on a CPU. Everything is computed in
float64 and stored in float32, weights and inputs being float32 numbers from the start.

cyclegan-step      one step of Zhu et al. 2017 (LSGAN + 10 cycle + 5 identity) on 32 x 32 pixels, batch 2: weights of both
                   generators (ResNet, width 8, 2 blocks) and discriminators (70 x 70, width 4), images, losses, and the
                   gradients of the generators' and of the discriminators' loss
networks           for each other network: weights, input x, its output y, and the gradients of sum(y cos(0, 1, 2, ..))
pytorch-resnet     a bare state_dict with the names of the published CycleGAN weights; its x and y stand in networks
"""

import math
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/data/learn"
SPECTRAL_ITERATIONS = 16
torch.set_default_dtype(torch.float64)
torch.manual_seed(20261124)


def norm_of(kind, channels):
    return {
        "instance": lambda: nn.InstanceNorm2d(channels),
        "affine": lambda: nn.InstanceNorm2d(channels, affine=True),
        "group": lambda: nn.GroupNorm(2, channels),
        "none": nn.Identity,
    }[kind]()


class ResizeConv(nn.Conv2d):
    """Nearest neighbours, reflection by one pixel, 3 x 3."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, 3)

    def forward(self, x):
        return super().forward(F.pad(F.interpolate(x, scale_factor=2, mode="nearest"), (1, 1, 1, 1), mode="reflect"))


def up(kind, inputs, outputs, side):
    if kind == "resize":
        return ResizeConv(inputs, outputs)
    return nn.ConvTranspose2d(inputs, outputs, side, 2, 1, output_padding=side % 2)


class Block(nn.Module):
    def __init__(self, channels, norm):
        super().__init__()
        half = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), norm_of(norm, channels)]
        other = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), norm_of(norm, channels)]
        self.conv_block = nn.Sequential(*half, nn.ReLU(), *other)

    def forward(self, x):
        return x + self.conv_block(x)


class Resnet(nn.Module):
    def __init__(self, inputs, outputs, width, blocks, norm="instance", kind="transposed"):
        super().__init__()
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(inputs, width, 7), norm_of(norm, width), nn.ReLU()]
        for c in (width, 2 * width):
            layers += [nn.Conv2d(c, 2 * c, 3, 2, 1), norm_of(norm, 2 * c), nn.ReLU()]
        layers += [Block(4 * width, norm) for _ in range(blocks)]
        for c in (4 * width, 2 * width):
            layers += [up(kind, c, c // 2, 3), norm_of(norm, c // 2), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, outputs, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x)


class Gate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        between = max(channels // 2, 1)
        self.x = nn.Conv2d(channels, between, 1, bias=False)
        self.g = nn.Conv2d(channels, between, 1)
        self.psi = nn.Conv2d(between, 1, 1)

    def forward(self, skip, below):
        return skip * torch.sigmoid(self.psi(F.relu(self.x(skip) + self.g(below))))


class UnetLevels(nn.Module):
    def __init__(self, inputs, outputs, width, depth, gated, kind):
        super().__init__()
        c = [width * min(2**i, 8) for i in range(depth)]
        self.down = nn.ModuleList([nn.Sequential(nn.Conv2d(inputs, c[0], 4, 2, 1))])
        for i in range(1, depth):
            layers = [nn.LeakyReLU(0.2), nn.Conv2d(c[i - 1], c[i], 4, 2, 1)]
            self.down.append(nn.Sequential(*layers, *([nn.InstanceNorm2d(c[i])] if i + 1 < depth else [])))
        self.up = nn.ModuleList()
        for i in range(depth):
            into, out = (2 * c[i] if i + 1 < depth else c[i]), (c[i - 1] if i else outputs)
            self.up.append(nn.Sequential(nn.ReLU(), up(kind, into, out, 4), nn.InstanceNorm2d(out) if i else nn.Tanh()))
        self.gates = nn.ModuleList([Gate(c[i]) for i in range(depth - 1)] if gated else [])

    def forward(self, x):
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        for i in reversed(range(len(self.up))):
            x = self.up[i](x)
            if i:
                skip = skips[i - 1]
                x = torch.cat([self.gates[i - 1](skip, x) if len(self.gates) else skip, x], 1)
        return x


class Unet(nn.Module):
    def __init__(self, inputs, outputs, width, depth, gated=False, kind="transposed"):
        super().__init__()
        self.model = UnetLevels(inputs, outputs, width, depth, gated, kind)

    def forward(self, x):
        return self.model(x)


class SpectralConv(nn.Conv2d):
    """Weight over its greatest singular value: power iterations from sin(1, 2, ..), singular vectors held constant."""

    def forward(self, x):
        matrix = self.weight.flatten(1)
        with torch.no_grad():
            u = F.normalize(torch.sin(torch.arange(1.0, len(matrix) + 1)), dim=0)
            for _ in range(SPECTRAL_ITERATIONS):
                v = F.normalize(matrix.T @ u, dim=0)
                u = F.normalize(matrix @ v, dim=0)
        return F.conv2d(x, self.weight / (u @ matrix @ v), self.bias, self.stride, self.padding)


class PatchGan(nn.Module):
    """halvings: 0 (pixel), 1 (16), 3 (70), 5 (286)."""

    def __init__(self, inputs, width, halvings, norm="instance", spectral=False):
        super().__init__()
        conv = SpectralConv if spectral else nn.Conv2d
        c = [width * min(2**i, 8) for i in range(halvings + 1)]
        if halvings == 0:
            layers = [conv(inputs, width, 1), nn.LeakyReLU(0.2), conv(width, 2 * width, 1)]
            layers += [norm_of(norm, 2 * width), nn.LeakyReLU(0.2), conv(2 * width, 1, 1)]
        else:
            layers = [conv(inputs, width, 4, 2, 1), nn.LeakyReLU(0.2)]
            for i in range(1, halvings + 1):
                layers += [conv(c[i - 1], c[i], 4, 2 if i < halvings else 1, 1), norm_of(norm, c[i]), nn.LeakyReLU(0.2)]
            layers += [conv(c[halvings], 1, 4, 1, 1)]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x)


def single(tensor):
    """float64 that are float32 numbers."""
    return tensor.detach().to(torch.float32).to(torch.float64)


def filled(network):
    """Weights that keep the size of signals, biases and scales unlike 0 and 1."""
    with torch.no_grad():
        for name, p in network.named_parameters():
            if p.dim() == 4:
                p.copy_(single(torch.randn_like(p) * math.sqrt(1.5 / p[0].numel())))
            else:
                p.copy_(single(torch.randn_like(p) * 0.1 + (1.0 if name.endswith("weight") else 0.0)))
    return network


def images(*shape):
    return single(torch.tanh(torch.randn(*shape)))


def stored(name, tensors):
    OUT.mkdir(parents=True, exist_ok=True)
    plain = {k: t.detach().to(torch.float32).contiguous() for k, t in tensors.items()}
    save_file(plain, OUT / f"{name}.safetensors")
    print(f"{name}: {len(plain)} tensors, {(OUT / f'{name}.safetensors').stat().st_size} bytes")


def cyclegan_step():
    g = {k: filled(Resnet(1, 1, 8, 2)) for k in ("ab", "ba")}
    d = {k: filled(PatchGan(1, 4, 3)) for k in ("a", "b")}
    a, b = images(2, 1, 32, 32), images(2, 1, 32, 32)
    mse = lambda scores, target: ((scores - target) ** 2).mean()
    l1 = lambda x, y: (x - y).abs().mean()

    fake_b, fake_a = g["ab"](a), g["ba"](b)
    loss_g = mse(d["b"](fake_b), 1) + mse(d["a"](fake_a), 1)
    loss_g = loss_g + 10 * (l1(g["ba"](fake_b), a) + l1(g["ab"](fake_a), b))
    loss_g = loss_g + 5 * (l1(g["ba"](a), a) + l1(g["ab"](b), b))
    halves = [
        0.5 * (mse(d[k](real), 1) + mse(d[k](fake.detach()), 0)) for k, real, fake in (("a", a, fake_a), ("b", b, fake_b))
    ]
    loss_d = halves[0] + halves[1]

    out = {"a": a, "b": b, "loss.g": loss_g.reshape(1), "loss.d": loss_d.reshape(1)}
    for prefix, networks, loss in (("g", g, loss_g), ("d", d, loss_d)):
        for key, network in networks.items():
            names, parameters = zip(*network.named_parameters())
            gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
            for name, p, gradient in zip(names, parameters, gradients):
                out[f"{prefix}_{key}.weights.{name}"] = p
                out[f"{prefix}_{key}.gradients.{name}"] = gradient
    stored("cyclegan-step", out)


def networks():
    cases = {
        "resnet": (Resnet(1, 2, 2, 1), (2, 1, 16, 12)),
        "resnet-resize": (Resnet(2, 1, 2, 1, kind="resize"), (1, 2, 12, 16)),
        "resnet-affine": (Resnet(1, 1, 2, 1, norm="affine"), (2, 1, 16, 16)),
        "resnet-group": (Resnet(1, 1, 4, 1, norm="group"), (2, 1, 16, 16)),
        "resnet-none": (Resnet(1, 1, 2, 1, norm="none"), (1, 1, 16, 16)),
        "unet": (Unet(2, 1, 2, 4), (2, 2, 32, 16)),
        "unet-resize": (Unet(1, 1, 2, 3, kind="resize"), (1, 1, 16, 16)),
        "attention": (Unet(1, 1, 2, 4, gated=True), (2, 1, 16, 32)),
        "pixel": (PatchGan(2, 4, 0), (2, 2, 8, 8)),
        "patch16": (PatchGan(1, 4, 1), (2, 1, 16, 16)),
        "patch70": (PatchGan(1, 2, 3), (1, 1, 40, 48)),
        "patch286": (PatchGan(1, 2, 5), (1, 1, 128, 128)),
        "patch70-spectral": (PatchGan(1, 2, 3, norm="none", spectral=True), (2, 1, 32, 32)),
    }
    out = {}
    for case, (network, shape) in cases.items():
        filled(network)
        x = images(*shape).requires_grad_()
        y = network(x)
        names, parameters = zip(*network.named_parameters())
        loss = (y * torch.cos(torch.arange(float(y.numel()))).reshape(y.shape)).sum()
        gradients = torch.autograd.grad(loss, (x, *parameters))
        out |= {f"{case}.x": x, f"{case}.y": y, f"{case}.gradients.x": gradients[0]}
        for name, p, gradient in zip(names, parameters, gradients[1:]):
            out[f"{case}.gradients.{name}"] = gradient
            if case != "resnet":
                out[f"{case}.weights.{name}"] = p
        if case == "resnet":
            stored("pytorch-resnet", network.state_dict())
    stored("networks", out)


cyclegan_step()
networks()
