#!/usr/bin/env python3
# Trains the specialist on the CPU: seeded, resumable, on an endless stream of generated examples, loss on answers
# only. Muon for the matrices, AdamW for the embedding and the norms, warm-up, constant rate, linear decay.
# One process of one thread per worker, gradients summed once a step: on a shared machine threads that meet at every
# matrix product wait for each other most of the time. The length is a number of steps (bit-exact re-runs with the same
# number of workers) or of minutes (the decay follows the clock).
"""Trains the specialist.

Usage: train.py --minutes 60 | --steps 3000 [--out work] [--seed 1] [--resume [--fresh-clock]]
"""

import argparse
import dataclasses
import datetime
import itertools
import json
import os
import pathlib
import random
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F

import contract
import evaluate_packed
import generate
import packed
import vocabulary
from initialise import initialise
from model import Config, Llama


def orthogonalise(g, steps=5):
    """Newton-Schulz iteration of Muon (Jordan et al. 2024) on a stack of matrices (n, rows, cols)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.bfloat16()
    wide = x.shape[-2] > x.shape[-1]
    if wide:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        s = x @ x.mT
        x = a * x + (b * s + c * (s @ s)) @ x
    return (x.mT if wide else x).float()


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised per matrix; each worker does its share of the matrices of one shape."""

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.01):
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
                update[rank::world] = orthogonalise(stack[rank::world])
                stacks.append(update)
            flat = torch.cat([s.flatten() for s in stacks])
            dist.all_reduce(flat)
            for (shape, pairs), part in zip(shapes.items(), flat.split([s.numel() for s in stacks])):
                scale = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
                for (p, _), u in zip(pairs, part.view(-1, *shape)):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).add_(u, alpha=-scale)


def step_batches(encoder, seed, step, homes, per_home, micro):
    """One worker's part of a step; a pure function of its arguments, so a resumed run goes on exactly."""
    items = list(itertools.islice(generate.stream(f"{seed}:{step}", "train", per_home), homes))
    rng = random.Random(f"{seed}:{step}")
    firsts = [rng.randint(1, contract.MAX_ENTRIES) for _ in items]
    return [packed.pack(encoder, items[i:i + micro], firsts=firsts[i:i + micro]) for i in range(0, homes, micro)]


class Run:
    """Model, optimisers and progress, saved as one file."""

    def __init__(self, args):
        self.args, self.out = args, pathlib.Path(args.out)
        torch.manual_seed(args.seed)
        config = Config(vocab_size=args.vocab, hidden_size=args.hidden, intermediate_size=args.ffn,
                        num_hidden_layers=args.layers, num_attention_heads=args.hidden // 32,
                        num_key_value_heads=args.hidden // 64)
        self.tokenizer = vocabulary.Tokenizer.from_file(str(self.out / "tokenizer.json"))
        self.encoder = vocabulary.Encoder(self.tokenizer)
        self.model = Llama(config)
        initialise(self.model, self.encoder)
        matrices = [p for n, p in self.model.named_parameters() if p.dim() == 2 and "embed" not in n]
        others = [p for n, p in self.model.named_parameters() if p.dim() == 1 or "embed" in n]
        self.optimisers = [Muon(matrices, lr=args.muon_lr),
                           torch.optim.AdamW(others, lr=args.adam_lr, betas=(0.9, 0.98), weight_decay=0.0)]
        self.rates = [args.muon_lr, args.adam_lr]
        self.step, self.seconds, self.tokens, self.took = 0, 0.0, 0, 0.0
        self.first = 0  # the step at which this run's budget began
        (self.out / "config.json").write_text(json.dumps(dataclasses.asdict(config), indent=2) + "\n")

    def save(self):
        state = {"model": self.model.state_dict(), "optimisers": [o.state_dict() for o in self.optimisers],
                 "step": self.step, "first": self.first, "seconds": self.seconds, "tokens": self.tokens, "args": vars(self.args)}
        part = self.out / "checkpoint.part"
        torch.save(state, part)
        os.replace(part, self.out / "checkpoint.pt")

    def load(self):
        state = torch.load(self.out / "checkpoint.pt", weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"]):
            optimiser.load_state_dict(saved)
        self.step, self.seconds, self.tokens = state["step"], state["seconds"], state["tokens"]
        self.first = state.get("first", 0)
        if self.args.fresh_clock:
            self.first, self.seconds = self.step, 0.0

    def progress(self):
        """How much of the run is done, 0 to 1."""
        if self.args.steps:
            return (self.step - self.first) / self.args.steps
        return self.seconds / (60 * self.args.minutes)

    def train_step(self):
        """One step over all workers; the mean loss per answer token."""
        args, done = self.args, self.progress()
        factor = min(1.0, (self.step - self.first + 1) / args.warmup, max(0.02, (1 - done) / args.decay))
        for optimiser, rate in zip(self.optimisers, self.rates):
            optimiser.param_groups[0]["lr"] = rate * factor
        started, total, wanted, tokens = time.monotonic(), 0.0, 0, 0
        for share in step_batches(self.encoder, f"{args.seed}:{dist.get_rank()}", self.step,
                                  args.homes // dist.get_world_size(), args.per_home, args.micro):
            with torch.autocast("cpu", torch.bfloat16, enabled=bool(args.bf16)):
                logits = packed.forward(self.model, share)
            right = share.targets[share.targets != packed.IGNORE]
            loss = F.cross_entropy(logits.float(), right, reduction="sum")
            loss.backward()
            total, wanted, tokens = total + loss.item(), wanted + len(right), tokens + len(share.ids)
        params = list(self.model.parameters())
        flat = torch.cat([p.grad.flatten() for p in params] + [torch.tensor(
            [total, wanted, tokens, self.took if dist.get_rank() == 0 else 0], dtype=torch.float32)])
        dist.all_reduce(flat)
        total, wanted, tokens, took = flat[-4:].tolist()
        for p, g in zip(params, (flat[:-4] / wanted).split([p.numel() for p in params])):
            p.grad = g.view_as(p)
        if self.step < args.hold:
            for layer in self.model.model.layers[:2]:
                for p in layer.self_attn.parameters():
                    p.grad.zero_()
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        # A step that took minutes was a stopped process, not work; a pause must not eat the budget.
        self.seconds += took if took < 90 else 0
        self.took = time.monotonic() - started
        self.step, self.tokens = self.step + 1, self.tokens + int(tokens)
        return total / wanted

    def report(self, loss, rate):
        done = max(self.progress(), 1e-9)
        eta = self.seconds / done * (1 - done)
        print(f"step {self.step}  loss {loss:.4f}  {self.tokens / 1e6:.2f}M tokens  {rate:.0f} tok/s  "
              f"{100 * done:.1f}%  eta {eta / 60:.1f} min", flush=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, default=0, help="train for so long; the rate decays by the clock")
    length.add_argument("--steps", type=int, default=0, help="train for so many steps; re-runs are bit-exact")
    parser.add_argument("--out", default=str(pathlib.Path(__file__).with_name("work")))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--fresh-clock", action="store_true",
                        help="with --resume: keep weights and moments, begin a new budget and a new decay")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    parser.add_argument("--bf16", type=int, choices=(0, 1), default=1, help="bf16 autocast (faster with AVX512_BF16)")
    parser.add_argument("--vocab", type=int, default=2048)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--ffn", type=int, default=512)
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--homes", type=int, default=12, help="households a step")
    parser.add_argument("--per-home", type=int, default=8, help="requests a household")
    parser.add_argument("--micro", type=int, default=6, help="households a micro-batch")
    parser.add_argument("--muon-lr", type=float, default=0.01)
    parser.add_argument("--adam-lr", type=float, default=0.008)
    parser.add_argument("--warmup", type=int, default=60)
    parser.add_argument("--decay", type=float, default=0.5, help="share of the run in which the rate falls to zero")
    parser.add_argument("--hold", type=int, default=150, help="steps that leave the attention made by initialise.py alone")
    parser.add_argument("--eval-every", type=int, default=500)
    parser.add_argument("--save-every", type=int, default=50)
    parser.add_argument("--log-every", type=int, default=20)
    return parser.parse_args()


def work(rank, args):
    """One worker's whole run; worker 0 saves and talks."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=f"file://{pathlib.Path(args.out).resolve()}/meeting", rank=rank,
                            world_size=args.workers, timeout=datetime.timedelta(hours=12))
    torch.set_num_threads(1)
    run = Run(args)
    if args.resume and (run.out / "checkpoint.pt").exists():
        run.load()
    if rank == 0:
        print(f"{sum(p.numel() for p in run.model.parameters())} parameters, from step {run.step}", flush=True)
    mean, since, tokens = 0.0, time.monotonic(), run.tokens
    while run.progress() < 1:
        mean += run.train_step()
        if rank == 0 and run.step % args.log_every == 0:
            run.report(mean / args.log_every, (run.tokens - tokens) / (time.monotonic() - since))
            mean, since, tokens = 0.0, time.monotonic(), run.tokens
        if rank == 0 and run.step % args.save_every == 0:
            run.save()
        if rank == 0 and run.step % args.eval_every == 0:
            print(evaluate_packed.summary(run.model, run.encoder), flush=True)
    if rank == 0:
        run.save()
        print(evaluate_packed.summary(run.model, run.encoder, homes=20), flush=True)
    dist.barrier()


def main():
    args = parse()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "meeting").unlink(missing_ok=True)
    if not (args.resume and (out / "tokenizer.json").exists()):
        vocabulary.build(args.vocab).save(str(out / "tokenizer.json"))
    torch.multiprocessing.spawn(work, (args,), nprocs=args.workers)


if __name__ == "__main__":
    main()
