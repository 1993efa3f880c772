"""Records any contrastive training for contralens. It needs only numpy; tensors of PyTorch may be on a GPU.

    record = Recorder("runs/mine", config=vars(args))       # before training
    record(pos, neg, tau=0.2, loss=loss, epoch=epoch)       # in every step: scores q·k [N] and q·n [N, K]
    record.epoch(epoch)                                     # after every epoch, counted from 1
    record.knn(76.2, epoch)                                 # after an evaluation: top-1 in percent

`contralens serve runs` shows the run live, and `contralens scores plot runs/mine` plots it.
record-format.md describes the format and all arguments.
"""
import json, pathlib, sys, time, numpy as np

FIRST = ["epoch", "loss", "accuracy", "lr", "neg_entropy", "effective_negatives", "lambda_pos", "lambda_neg"]
SCORES = ["pos_mean", "pos_var", "neg_mean", "neg_var", "exp_pos", "exp_neg", "hardest_neg"]
BINS, LOW, HIGH = 256, -2, 2

def array(x):
    return np.asarray(x.detach().float().cpu().numpy() if hasattr(x, "detach") else x, np.float64)

def load(path, otherwise):
    return json.loads(path.read_text()) if path.exists() else otherwise

class Recorder:
    def __init__(self, run, config={}, resume=None, ft=False, queries=None):
        dir, self.ft, self.queries, self.losses = pathlib.Path(run, "scores", "record"), ft, queries, []
        kinds = ["pos", "neg"] + ["raw_pos", "raw_neg"] * ft
        header = {"format": "contralens-scores", "version": 1, "first_step": 1, "fan": 8, "histogram_steps": 1,
                  "series": FIRST + SCORES + ["raw_" + s for s in SCORES if ft],
                  "histograms": [{"kind": k, "low": LOW, "high": HIGH, "bins": BINS} for k in kinds]}
        rows = {dir / f"{k}.0": 4 + 4 * BINS for k in kinds} | {dir / "values.0": 4 + 4 * len(header["series"])}
        done = min(path.stat().st_size // n if path.exists() else 0 for path, n in rows.items())
        resume = None if resume is False else resume  # as from a command line without --resume
        self.step = done if resume is None or resume is True else int(resume)
        if done and resume is None or load(dir / "record.json", header) != header or self.step > done:
            raise FileExistsError(f"{dir}: want no earlier record, or resume=True (or resume=STEP to go on after STEP) "
                                  f"with the same ft; got one of {done} steps, which is kept as it is")
        dir.mkdir(parents=True, exist_ok=True)
        self.files = {path.stem: open(path, "ab", buffering=0) for path in rows}
        for path, n in rows.items():  # n bytes each; cut what is incomplete or comes after the step
            self.files[path.stem].truncate(self.step * n)
        metrics, about = pathlib.Path(run, "metrics.jsonl"), pathlib.Path(run, "run.json")
        if resume is not None and metrics.exists():
            lines = [line for line in metrics.read_text().splitlines(True) if line.endswith("\n")]
            metrics.write_text("".join(line for line in lines if json.loads(line).get("step", 0) <= self.step))
        self.metrics = open(metrics, "a", buffering=1)
        session = {"command": sys.argv, "start": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        content = load(about, {**session, "config": {}})
        content["resumes"] = content.get("resumes", []) + [session] * (self.step > 0)
        content["config"].update({k: json.dumps(v) if isinstance(v, bool) else str(v) for k, v in config.items()})
        about.write_text(json.dumps(content))
        (dir / "record.json").write_text(json.dumps(header))

    def __call__(self, pos, neg, tau, loss=np.nan, epoch=np.nan, lr=np.nan, before=None, lam=(np.nan, np.nan)):
        self.step += 1
        self.losses.append(float(loss))
        pos, neg = array(pos).reshape(-1), array(neg[:self.queries])
        p = (e := np.exp((neg - neg.max(1, keepdims=True)) / tau)) / e.sum(1, keepdims=True)
        entropy = -(p * np.log(p + 1e-300)).sum(1).mean()
        values = [epoch, float(loss), 100 * (pos[:len(neg)] > neg.max(1)).mean(), lr, entropy, np.exp(entropy), *lam]
        values += self.scores("", pos, neg, tau)
        if self.ft:  # until features are transformed, the scores before are the same
            first, others = before or (pos, neg)
            values += self.scores("raw_", array(first).reshape(-1), array(others[:self.queries]), tau)
        self.row("values", values)

    def scores(self, raw, pos, neg, tau):
        for kind, x in (("pos", pos), ("neg", neg)):
            self.row(raw + kind, np.histogram(np.clip(x, LOW, HIGH), BINS, (LOW, HIGH))[0])
        return [pos.mean(), pos.var(ddof=1), neg.mean(), neg.var(1, ddof=1).mean(),
                np.exp(pos / tau).mean(), np.exp(neg / tau).mean(), neg.max(1).mean()]

    def row(self, kind, values):  # the step and float32 values, little-endian
        self.files[kind].write(np.asarray([self.step], "<u4").tobytes() + np.asarray(values, "<f4").tobytes())

    def epoch(self, epoch):
        mean, self.losses = sum(self.losses) / max(1, len(self.losses)), []
        self.metrics.write(json.dumps({"step": self.step, "epoch": epoch, "epoch_end": True, "loss_mean": mean}) + "\n")

    def knn(self, top1, epoch):
        self.metrics.write(json.dumps({"step": self.step, "epoch": epoch, "knn": float(top1)}) + "\n")
