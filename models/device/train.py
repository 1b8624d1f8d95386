#!/usr/bin/env python3
# Trains the specialist on the CPU: seeded, resumable, on an endless stream of generated examples, loss on answers
# only. Muon for the matrices, AdamW for the embedding and the norms, warm-up, constant rate, linear decay.
# One process of one thread per worker, gradients summed once a step: on a shared machine threads that meet at every
# matrix product wait for each other most of the time. The length is a number of steps (bit-exact re-runs with the same
# number of workers) or of minutes (the decay follows the clock).
"""Trains the specialist.

Usage: train.py --minutes 60 | --steps 3000 [--out work] [--seed 1] [--resume]
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F

import batches
import evaluate_packed
import vocabulary
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
        for group in self.param_groups:
            shapes = {}
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                m.lerp_(p.grad, 1 - group["momentum"])
                shapes.setdefault(p.shape, []).append((p, p.grad.lerp(m, group["momentum"])))
            for shape, pairs in shapes.items():
                scale = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
                stack = torch.stack([u for _, u in pairs])
                update = torch.zeros_like(stack)
                mine = slice(dist.get_rank(), None, dist.get_world_size())
                update[mine] = orthogonalise(stack[mine])
                dist.all_reduce(update)
                for (p, _), u in zip(pairs, update):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).add_(u, alpha=-scale)


def spread_space(model, tokenizer):
    """Starts each token " word" near its twin "word": the same vector plus one vector for the space."""
    weight = model.model.embed_tokens.weight
    vocab = tokenizer.get_vocab()
    with torch.no_grad():
        space = torch.randn(weight.shape[1]) * 0.02
        for token, i in vocab.items():
            if token.startswith(vocabulary.SPACE) and token[1:] in vocab:
                weight[i] = weight[vocab[token[1:]]] + space


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
        spread_space(self.model, self.tokenizer)
        matrices = [p for n, p in self.model.named_parameters() if p.dim() == 2 and "embed" not in n]
        others = [p for n, p in self.model.named_parameters() if p.dim() == 1 or "embed" in n]
        self.optimisers = [Muon(matrices, lr=args.muon_lr),
                           torch.optim.AdamW(others, lr=args.adam_lr, betas=(0.9, 0.98), weight_decay=0.0)]
        self.rates = [args.muon_lr, args.adam_lr]
        self.step, self.seconds, self.tokens = 0, 0.0, 0
        (self.out / "config.json").write_text(json.dumps(dataclasses.asdict(config), indent=2) + "\n")

    def save(self):
        state = {"model": self.model.state_dict(), "optimisers": [o.state_dict() for o in self.optimisers],
                 "step": self.step, "seconds": self.seconds, "tokens": self.tokens, "args": vars(self.args)}
        part = self.out / "checkpoint.part"
        torch.save(state, part)
        os.replace(part, self.out / "checkpoint.pt")

    def load(self):
        state = torch.load(self.out / "checkpoint.pt", weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"]):
            optimiser.load_state_dict(saved)
        self.step, self.seconds, self.tokens = state["step"], state["seconds"], state["tokens"]

    def progress(self):
        """How much of the run is done, 0 to 1."""
        if self.args.steps:
            return self.step / self.args.steps
        return self.seconds / (60 * self.args.minutes)

    def train_step(self):
        """One step over all workers; the mean loss per answer token."""
        args, done = self.args, self.progress()
        factor = min(1.0, (self.step + 1) / args.warmup, max(0.02, (1 - done) / args.decay))
        for optimiser, rate in zip(self.optimisers, self.rates):
            optimiser.param_groups[0]["lr"] = rate * factor
        started, total, wanted, tokens = time.monotonic(), 0.0, 0, 0
        seed = f"{args.seed}:{dist.get_rank()}"
        for ids, positions, mask, targets in batches.step_batches(
                self.encoder, seed, self.step, args.homes // dist.get_world_size(), args.per_home, args.micro):
            select = targets != batches.IGNORE
            with torch.autocast("cpu", torch.bfloat16, enabled=bool(args.bf16)):
                logits = self.model(ids, positions, mask, select=select)
            loss = F.cross_entropy(logits.float(), targets[select], reduction="sum")
            loss.backward()
            total, wanted, tokens = total + loss.item(), wanted + int(select.sum()), tokens + ids.numel()
        params = list(self.model.parameters())
        flat = torch.cat([p.grad.flatten() for p in params] + [torch.tensor([total, wanted, tokens], dtype=torch.float32)])
        dist.all_reduce(flat)
        total, wanted, tokens = flat[-3:].tolist()
        for p, g in zip(params, (flat[:-3] / wanted).split([p.numel() for p in params])):
            p.grad = g.view_as(p)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        # A step that took minutes was a stopped process, not work; a pause must not eat the budget.
        took = torch.tensor([time.monotonic() - started])
        dist.broadcast(took, 0)
        self.seconds += took.item() if took.item() < 90 else 0
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
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    parser.add_argument("--bf16", type=int, choices=(0, 1), default=1, help="bf16 autocast (faster with AVX512_BF16)")
    parser.add_argument("--vocab", type=int, default=2048)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--ffn", type=int, default=512)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--homes", type=int, default=16, help="households a step")
    parser.add_argument("--per-home", type=int, default=8, help="requests a household")
    parser.add_argument("--micro", type=int, default=8, help="households a micro-batch")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--adam-lr", type=float, default=4e-3)
    parser.add_argument("--warmup", type=int, default=60)
    parser.add_argument("--decay", type=float, default=0.5, help="share of the run in which the rate falls to zero")
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
