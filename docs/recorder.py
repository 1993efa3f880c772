"""Records the scores of any contrastive training for contralens. It needs only numpy.

    record = Recorder("runs/mine")                     # before training
    record(pos, neg, tau=0.2, loss=loss.item())        # in every step: scores q·k [N] and q·n [N, K], detached

`contralens serve runs` shows the run live, and `contralens scores plot runs/mine` plots it.
record-format.md describes the format.
"""
import json, os
import numpy as np

class Recorder:
    series = ["loss", "pos_mean", "pos_var", "neg_mean", "neg_var", "exp_pos", "exp_neg", "hardest_neg", "neg_entropy", "effective_negatives"]
    bins = 128

    def __init__(self, run):
        dir = os.path.join(run, "scores", "record")
        os.makedirs(dir, exist_ok=True)
        kinds = [{"kind": k, "low": -2, "high": 2, "bins": self.bins} for k in ("pos", "neg")]
        header = {"format": "contralens-scores", "version": 1, "first_step": 1, "fan": 8,
                  "series": self.series, "histograms": kinds, "histogram_steps": 1}
        for stale in os.listdir(dir):
            os.remove(os.path.join(dir, stale))
        with open(os.path.join(dir, "record.json"), "w") as f:
            json.dump(header, f)
        self.files = {name: open(os.path.join(dir, name + ".0"), "wb", buffering=0) for name in ("pos", "neg", "values")}
        self.step = 0

    def row(self, name, values):  # a row is the step and float32 values, little-endian
        self.files[name].write(np.uint32(self.step).astype("<u4").tobytes() + np.asarray(values).astype("<f4").tobytes())

    def __call__(self, pos, neg, tau, loss=np.nan):
        pos, neg = np.asarray(pos, np.float64).reshape(-1), np.asarray(neg, np.float64)
        self.step += 1
        p = np.exp((neg - neg.max(1, keepdims=True)) / tau)
        p /= p.sum(1, keepdims=True)
        entropy = -(p * np.log(p + 1e-300)).sum(1).mean()
        for name, scores in (("pos", pos), ("neg", neg)):
            self.row(name, np.histogram(np.clip(scores, -2, 2), self.bins, (-2, 2))[0])
        self.row("values", [loss, pos.mean(), pos.var(ddof=1), neg.mean(), neg.var(1, ddof=1).mean(), np.exp(pos / tau).mean(),
                            np.exp(neg / tau).mean(), neg.max(1).mean(), entropy, np.exp(entropy)])
