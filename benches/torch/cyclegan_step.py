#!/usr/bin/env python3
"""Times the CycleGAN step that `skyfringe bench train` times, in PyTorch; prints one JSON object.

    python3 benches/torch/cyclegan_step.py --npix 64 --width 16 --blocks 3 --batch 4 --threads 1

Two ResNet generators, two 70 x 70 PatchGANs, LSGAN, cycle 10, identity 0.5, pools of 50, Adam (Zhu et al. 2017). Needs torch
(pip); on a GPU with --device cuda, TF32 off.
"""

import argparse
import itertools
import json
import random
import statistics
import time

import torch
from torch import nn


def block(channels):
    layers = []
    for last in (False, True):
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels)]
        layers += [] if last else [nn.ReLU(True)]
    return nn.Sequential(*layers)


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.inner = block(channels)

    def forward(self, x):
        return x + self.inner(x)


def generator(width, blocks):
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(1, width, 7), nn.InstanceNorm2d(width), nn.ReLU(True)]
    for n in (1, 2):
        layers += [nn.Conv2d(width * n, width * 2 * n, 3, 2, 1), nn.InstanceNorm2d(width * 2 * n), nn.ReLU(True)]
    layers += [Residual(4 * width) for _ in range(blocks)]
    for n in (4, 2):
        up = nn.ConvTranspose2d(width * n, width * n // 2, 3, 2, 1, output_padding=1)
        layers += [up, nn.InstanceNorm2d(width * n // 2), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 1, 7), nn.Tanh())


def discriminator(width):
    layers = [nn.Conv2d(1, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for n, stride in ((1, 2), (2, 2), (4, 1)):
        layers += [nn.Conv2d(width * n, 2 * width * n, 4, stride, 1), nn.InstanceNorm2d(2 * width * n), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))


class Pool:
    def __init__(self):
        self.images = []

    def exchange(self, images):
        given = []
        for image in images.detach():
            if len(self.images) < 50:
                self.images.append(image)
                given.append(image)
            elif random.random() < 0.5:
                given.append(image)
            else:
                i = random.randrange(50)
                given.append(self.images[i])
                self.images[i] = image
        return torch.stack(given)


def main():
    words = argparse.ArgumentParser()
    for name, default in (("npix", 64), ("width", 16), ("blocks", 3), ("batch", 4), ("steps", 5), ("threads", 1)):
        words.add_argument(f"--{name}", type=int, default=default)
    words.add_argument("--device", default="cpu")
    w = words.parse_args()
    torch.set_num_threads(w.threads)
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    g, f = generator(w.width, w.blocks).to(w.device), generator(w.width, w.blocks).to(w.device)
    da, db = discriminator(w.width).to(w.device), discriminator(w.width).to(w.device)
    adam = lambda *nets: torch.optim.Adam(itertools.chain(*(n.parameters() for n in nets)), 2e-4, (0.5, 0.999))
    opt_g, opt_d = adam(g, f), adam(da, db)
    pools = Pool(), Pool()
    wave = lambda phase: (torch.arange(w.batch * w.npix**2) * phase).sin().reshape(w.batch, 1, w.npix, w.npix).to(w.device) * 0.5
    a, b = wave(0.37), wave(0.11)
    mse = lambda scores, target: ((scores - target) ** 2).mean()

    def step():
        for d in (da, db):
            d.requires_grad_(False)
        fake_b, fake_a = g(a), f(b)
        loss = mse(db(fake_b), 1) + mse(da(fake_a), 1)
        loss = loss + 10 * ((f(fake_b) - a).abs().mean() + (g(fake_a) - b).abs().mean())
        loss = loss + 5 * ((g(b) - b).abs().mean() + (f(a) - a).abs().mean())
        opt_g.zero_grad()
        loss.backward()
        opt_g.step()
        opt_d.zero_grad()
        for d, real, fake, pool in ((da, a, fake_a, pools[0]), (db, b, fake_b, pools[1])):
            d.requires_grad_(True)
            (0.5 * (mse(d(real), 1) + mse(d(pool.exchange(fake)), 0))).backward()
        opt_d.step()
        return loss.item()

    step()
    wall, cpu = [], []
    for _ in range(w.steps):
        t, c = time.perf_counter(), time.process_time()
        step()
        wall.append(time.perf_counter() - t)
        cpu.append(time.process_time() - c)
    print(json.dumps({"program": f"torch {torch.__version__}", **vars(w), "step_cpu_s": statistics.median(cpu), "step_wall_s": statistics.median(wall)}))


main()
