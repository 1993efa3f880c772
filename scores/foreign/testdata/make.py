"""Writes the event files of testdata with the programs that people use: python make.py OUT.

It needs PyTorch and tensorboard. TensorFlow 2 writes tensors with plugins; tensorboard has
their form, so TensorFlow itself is not needed."""
import os, shutil, sys
import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.histogram import metadata as histograms
from tensorboard.plugins.scalar import metadata as scalars
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto

greater = np.greater  # PyTorch 1.13 calls it in a way that newer numpy refuses
np.greater = lambda a, b, dtype=None: greater(a, b).astype(np.int32)
from torch.utils.tensorboard import SummaryWriter

out = sys.argv[1]
rng = np.random.default_rng(0)
w = SummaryWriter(os.path.join(out, "pytorch"))
for step in range(40):
    w.add_scalar("train/loss", 8 * 0.97 ** step, step)
    w.add_scalar("lr", 0.03 * (1 - step / 40), step)
    if step % 10 == 0:
        w.add_scalar("val/knn, top-1", 40 + step / 2, step, new_style=True)
        w.add_histogram("scores/pos", rng.normal(0.3 + step / 100, 0.1, 1000).clip(-1, 1), step, bins=40)
w.add_text("note", "hello")
w.close()

w = EventFileWriter(os.path.join(out, "tensorflow"))
for step in range(20):
    values = [summary_pb2.Summary.Value(tag="epoch_loss", tensor=make_tensor_proto(np.float32(2 - step / 20)),
                                        metadata=scalars.create_summary_metadata("", "") if step == 0 else None)]
    if step % 10 == 0:
        buckets = np.array([[-1, 0, 30], [0, 0.5, 60], [0.5, 1, 10]])
        values.append(summary_pb2.Summary.Value(tag="kernel", tensor=make_tensor_proto(buckets),
                                                metadata=histograms.create_summary_metadata("", "")))
    w.add_event(event_pb2.Event(wall_time=1.7e9 + step, step=step, summary=summary_pb2.Summary(value=values)))
w.close()
