#!/usr/bin/env python3
# Trains the text model on books, on the CPU: seeded, resumable, packed windows of 512 tokens. Muon for the matrices,
# AdamW for the embedding and the norms, warm-up, constant rate, linear decay to the end of the budget.
# Workers are processes of one thread whose gradients are summed once a step: on a shared machine threads that meet at
# every product wait for each other. Stopping (Ctrl-C, SIGTERM) saves at the end of a step and ends every worker.
"""Trains the text model.

Usage: train.py FOLDER --minutes 70 | --steps 2000 [--out work] [--seed 1] [--resume]
"""

import argparse
import dataclasses
import datetime
import json
import math
import os
import pathlib
import signal
import time

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F

import corpus
from model import Config, Llama


def orthogonalise(g, steps=5):
    """Newton-Schulz iteration of Muon (Jordan et al. 2024) on a stack of matrices (n, rows, cols)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        s = x @ x.mT
        x = a * x + (b * s + c * (s @ s)) @ x
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised per matrix; each worker does its share of the matrices of one shape."""

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.02):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        rank, world = dist.get_rank(), dist.get_world_size()
        for group in self.param_groups:
            shapes = {}
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                m.lerp_(p.grad, 1 - group["momentum"])
                shapes.setdefault(p.shape, []).append((p, p.grad.lerp(m, group["momentum"])))
            stacks = []
            for pairs in shapes.values():
                stack = torch.stack([u for _, u in pairs])
                update = torch.zeros_like(stack)
                if len(stack[rank::world]):
                    update[rank::world] = orthogonalise(stack[rank::world])
                stacks.append(update)
            flat = torch.cat([s.flatten() for s in stacks])
            dist.all_reduce(flat)
            for (shape, pairs), part in zip(shapes.items(), flat.split([s.numel() for s in stacks])):
                scale = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
                for (p, _), u in zip(pairs, part.view(-1, *shape)):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).add_(u, alpha=-scale)


class Windows:
    """Windows of one token stream in an order that is a pure function of seed and step; every epoch is cut elsewhere."""

    def __init__(self, path, length, seed):
        self.ids, self.length, self.seed = np.fromfile(path, np.uint16), length, seed
        self.count = (len(self.ids) - 1) // length - 1

    def window(self, index):
        epoch, place = divmod(index, self.count)
        rng = np.random.default_rng([self.seed, epoch])
        offset = int(rng.integers(self.length))
        if getattr(self, "epoch", None) != epoch:
            self.epoch, self.order = epoch, rng.permutation(self.count)
        start = offset + int(self.order[place]) * self.length
        return self.ids[start:start + self.length + 1].astype(np.int64)

    def batch(self, first, count):
        """Windows first to first + count - 1: (count, length + 1)."""
        return torch.from_numpy(np.stack([self.window(i) for i in range(first, first + count)]))


class Run:
    """Model, optimisers and progress, saved as one file."""

    def __init__(self, args):
        self.args, self.out = args, pathlib.Path(args.out)
        torch.manual_seed(args.seed)
        config = Config(vocab_size=args.vocab, num_hidden_layers=args.layers)
        self.config, self.model = config, Llama(config)
        self.data = Windows(self.out / "train.bin", config.max_position_embeddings, args.seed)
        matrices = [p for n, p in self.model.named_parameters() if p.dim() == 2 and "embed" not in n]
        others = [p for n, p in self.model.named_parameters() if p.dim() == 1 or "embed" in n]
        self.optimisers = [Muon(matrices, lr=args.muon_lr),
                           torch.optim.AdamW(others, lr=args.adam_lr, betas=(0.9, 0.95), weight_decay=0.0)]
        self.rates = [args.muon_lr, args.adam_lr]
        self.step, self.seconds, self.stop, self.curve = 0, 0.0, False, []
        (self.out / "config.json").write_text(json.dumps(dataclasses.asdict(config), indent=2) + "\n")

    def save(self):
        state = {"model": self.model.state_dict(), "optimisers": [o.state_dict() for o in self.optimisers],
                 "step": self.step, "seconds": self.seconds, "curve": self.curve}
        part = self.out / "checkpoint.part"
        torch.save(state, part)
        os.replace(part, self.out / "checkpoint.pt")

    def load(self):
        state = torch.load(self.out / "checkpoint.pt", weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"]):
            optimiser.load_state_dict(saved)
        self.step, self.seconds, self.curve = state["step"], state["seconds"], state["curve"]

    def progress(self):
        """How much of the run is done, 0 to 1."""
        return self.step / self.args.steps if self.args.steps else self.seconds / (60 * self.args.minutes)

    def loss(self, batch):
        """Summed cross-entropy of a batch of windows in nats, in float32 from bf16 logits."""
        with torch.autocast("cpu", torch.bfloat16, enabled=bool(self.args.bf16)):
            logits = self.model(batch[:, :-1])
        return F.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten(), reduction="sum")

    def gradients(self):
        """This worker's gradients into .grad; (summed loss, tokens)."""
        args, rank, share = self.args, dist.get_rank(), self.args.batch // dist.get_world_size()
        total, tokens = 0.0, 0
        for first in range(0, share, args.micro):
            count = min(args.micro, share - first)
            batch = self.data.batch(self.step * args.batch + rank * share + first, count)
            loss = self.loss(batch)
            loss.backward()
            total, tokens = total + loss.item(), tokens + count * (batch.shape[1] - 1)
        return total, tokens

    def train_step(self):
        """One step over all workers; the mean loss per token."""
        args, started = self.args, time.monotonic()
        factor = min(1.0, (self.step + 1) / args.warmup, max(0.02, (1 - self.progress()) / args.decay))
        for optimiser, rate in zip(self.optimisers, self.rates):
            optimiser.param_groups[0]["lr"] = rate * factor
        total, tokens = self.gradients()
        params = list(self.model.parameters())
        flat = torch.cat([p.grad.flatten() for p in params] + [torch.tensor([total, tokens, float(self.stop)])])
        dist.all_reduce(flat)
        total, tokens, stop = flat[-3:].tolist()
        grads = flat[:-3] / tokens
        grads *= min(1.0, args.clip / (grads.norm().item() + 1e-6))
        for p, g in zip(params, grads.split([p.numel() for p in params])):
            p.grad = g.view_as(p)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.step, self.stop = self.step + 1, stop > 0
        took = torch.tensor([time.monotonic() - started])
        dist.broadcast(took, 0)
        # A step that took minutes was a stopped process, not work; a pause must not eat the budget.
        self.seconds += took.item() if took.item() < 90 else 0
        return total / tokens

    @torch.no_grad()
    def validate(self, windows=40):
        """Mean loss on the start of the held-out book, each worker its share of the windows."""
        ids = np.fromfile(self.out / "validation.bin", np.uint16).astype(np.int64)
        length, rank, world = self.config.max_position_embeddings, dist.get_rank(), dist.get_world_size()
        sums = torch.zeros(2, dtype=torch.float64)
        for i in range(rank, min(windows, (len(ids) - 1) // length), world):
            sums += torch.tensor([self.loss(torch.from_numpy(ids[i * length:(i + 1) * length + 1])[None]).item(), length])
        dist.all_reduce(sums)
        return (sums[0] / sums[1]).item()


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="books, *.md or *.txt")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, default=0, help="train for so long; the rate decays by the clock")
    length.add_argument("--steps", type=int, default=0, help="train for so many steps; re-runs are bit-exact")
    parser.add_argument("--out", default=str(pathlib.Path(__file__).with_name("work")))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    parser.add_argument("--bf16", type=int, choices=(0, 1), default=1, help="bf16 autocast (faster with AVX512_BF16)")
    parser.add_argument("--vocab", type=int, default=4096)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--batch", type=int, default=8, help="windows of 512 tokens a step")
    parser.add_argument("--micro", type=int, default=4, help="windows a micro-batch")
    parser.add_argument("--muon-lr", type=float, default=0.015)
    parser.add_argument("--adam-lr", type=float, default=0.004)
    parser.add_argument("--clip", type=float, default=1.0, help="largest norm of the gradient")
    parser.add_argument("--warmup", type=int, default=50)
    parser.add_argument("--decay", type=float, default=0.6, help="share of the run in which the rate falls to zero")
    parser.add_argument("--eval-every", type=int, default=100)
    parser.add_argument("--save-every", type=int, default=50)
    args = parser.parse_args()
    if args.batch % args.workers:
        parser.error("--batch must be a multiple of --workers")
    return args


def work(rank, args):
    """One worker's whole run; worker 0 saves and talks."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=f"file://{pathlib.Path(args.out).resolve()}/meeting", rank=rank,
                            world_size=args.workers, timeout=datetime.timedelta(hours=12))
    torch.set_num_threads(1)
    run = Run(args)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: setattr(run, "stop", True))
    if args.resume and (run.out / "checkpoint.pt").exists():
        run.load()
    per_step = args.batch * run.config.max_position_embeddings
    if rank == 0:
        print(f"{sum(p.numel() for p in run.model.parameters())} parameters, {len(run.data.ids)} tokens an epoch, "
              f"from step {run.step}", flush=True)
    mean, seen, since = 0.0, 0, time.monotonic()
    while run.progress() < 1 and not run.stop:
        mean, seen = mean + run.train_step(), seen + 1
        if rank == 0 and run.step % 20 == 0:
            rate, done = per_step * seen / (time.monotonic() - since), run.progress()
            print(f"step {run.step}  loss {mean / seen:.4f}  {run.step * per_step / 1e6:.2f}M tokens  {rate:.0f} tok/s  "
                  f"{100 * done:.1f}%  eta {run.seconds / done * (1 - done) / 60:.1f} min", flush=True)
            mean, seen, since = 0.0, 0, time.monotonic()
        if run.step % args.eval_every == 0 or run.progress() >= 1:
            loss = run.validate()
            run.curve.append([run.step, round(loss, 4)])
            if rank == 0:
                print(f"step {run.step}  held-out loss {loss:.4f}  perplexity {math.exp(loss):.2f}", flush=True)
        if rank == 0 and (run.step % args.save_every == 0 or run.stop or run.progress() >= 1):
            run.save()
    dist.barrier()
    dist.destroy_process_group()


def main():
    args = parse()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "meeting").unlink(missing_ok=True)
    if not (args.resume and (out / "train.bin").exists()):
        corpus.prepare(args.folder, args.out, args.vocab)
    workers = torch.multiprocessing.spawn(work, (args,), nprocs=args.workers, join=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda sent, _: [os.kill(pid, sent) for pid in workers.pids()])
    while not workers.join():
        pass


if __name__ == "__main__":
    main()
