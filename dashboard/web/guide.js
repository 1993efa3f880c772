// The series of each chart, and how to read it. A series named raw_… is the same
// statistic before the feature transformation; it is drawn dashed. A chart all of whose
// values are idle shows something that the method does not have, and is left out.

/** spaces is a chart of a measure in both spaces. */
const spaces = (name, title, read, id = name) => ({ id, title, read, series: [`head_${name}`, `backbone_${name}`], kinds: ["embeddings", "features"], sparse: true, look: "solid: embeddings, dashes and dots: features" });

/** singular is a chart of some singular values of a space. */
const singular = (space, title) => ({
  id: `${space}_singular`, title, sparse: true, steps: true, look: "from the top no. 2, 4, 8, 16, …",
  series: [2, 4, 8, 16, 32, 64, 128, 256, 512].map((i) => `${space}_sv${i}`),
  kinds: [2, 4, 8, 16, 32, 64, 128, 256, 512].map((i) => `no. ${i}`),
  read: "The logarithm of the 2nd, 4th, 8th … singular value, relative to the first. Lines that stay high and near each other mean that many dimensions are used; a line that drops far below the others is where dimensions collapse.",
});

const groups = [
  ["Learning", [
    { id: "loss", title: "Loss", series: ["loss"], read: "InfoNCE: −log of the softmax probability of the positive among all scores. At chance it is ln(K+1). It falls as the encoder learns to tell positives from negatives. SimSiam and BYOL have no negatives: their loss is minus the mean score, −1 at best. A jump when the transformation starts is intended: the task became harder. Compare losses only at equal K, τ and --loss." },
    { id: "accuracy", title: "Contrastive accuracy", series: ["accuracy"], read: "How often the positive scores higher than every negative. Near 100 % the task is solved and teaches little more. A high value while k-NN stays flat suggests a leak." },
    { id: "knn", title: "k-NN accuracy", series: ["knn"], read: "How often the nearest training images in feature space predict the class of a test image. It measures the features themselves; loss and accuracy measure the contrastive task." },
  ]],
  ["Positives", [
    { id: "pos_mean", title: "Positives: mean score", series: ["pos_mean"], read: "Mean similarity of two views of the same image. Extrapolation lowers it (dashed: before, solid: after), which makes positives harder. Near 1 they teach nothing." },
    { id: "pos_var", title: "Positives: variance", series: ["pos_var"], read: "How much positives differ within a batch. A low variance with a high mean means that all positives are easy." },
    { id: "exp_pos", title: "Positives: exp-score", series: ["exp_pos"], read: "Mean of exp(score/τ), the quantity in the loss. It depends on τ." },
    { id: "pos_q", title: "Positives: quantiles", series: ["pos_q50", "pos_q05", "pos_q25", "pos_q75", "pos_q95"], read: "The median with the 5, 25, 75 and 95 % quantiles. If the low quantiles drop, there are a few very hard positives, often crops with nothing in common." },
  ]],
  ["Negatives", [
    { id: "neg_mean", title: "Negatives: mean score", series: ["neg_mean"], read: "Mean similarity with other images, from the queue, the bank or the batch. If the method has no negatives (SimSiam, BYOL), the other images of the batch are shown for comparison. Around 0, features use all directions; a rise towards 1 is a collapse. Large jumps mean that the key encoder changes too fast." },
    { id: "neg_var", title: "Negatives: variance", series: ["neg_var"], read: "How much negatives differ. The paper uses it as a measure of stability and hardness: a larger variance means more hard negatives. Interpolation mixes the queue anew in every step." },
    { id: "hardest_neg", title: "Hardest negatives", series: ["hardest_neg"], read: "The largest negative score of a query, averaged over the batch. It should stay below the positives, but not far below: the loss learns from hard negatives." },
    { id: "effective_negatives", title: "Effective number of negatives", series: ["effective_negatives"], read: "exp of the entropy of the softmax over negatives: how many of them share the gradient. A small number means that a few hard ones dominate; K means that none stands out." },
    { id: "exp_neg", title: "Negatives: exp-score", series: ["exp_neg"], read: "Mean of exp(score/τ) over the negatives, which are the denominator of the loss." },
    { id: "neg_q", title: "Negatives: quantiles", series: ["neg_q50", "neg_q05", "neg_q25", "neg_q75", "neg_q95"], read: "The median with the 5, 25, 75 and 95 % quantiles of the negative scores." },
  ]],
  ["Features", [
    { id: "alignment", title: "Alignment", series: ["alignment"], read: "Mean squared distance of the two views of an image (Wang & Isola 2020). Lower means that views are mapped to the same place, which is good only together with uniformity." },
    { id: "uniformity", title: "Uniformity", series: ["uniformity"], read: "log of the mean of exp(−2·distance²) over pairs: about −4 for evenly spread features, 0 if all are one point. A rise towards 0 is a collapse. It does not see that features use a few dimensions only: W₂ does." },
    { id: "grad_q", title: "Gradient of the query", series: ["grad_q"], idle: (v) => Math.abs(v - 1) < 1e-4, read: "Norm of the gradient of the loss with respect to a query. A drop to almost 0 means that the task has become easy." },
  ]],
  ["Where the gradient comes from", [
    { id: "grad_hardest", title: "Gradient: the hardest negatives", series: ["grad_hardest1", "grad_hardest10", "grad_hardest100", "grad_hardest1000"], steps: true, kinds: ["hardest", "10 hardest", "100 hardest", "1,000 hardest"], read: "Which share of the negatives' gradient the 1, 10, 100 and 1,000 hardest negatives of a query give. If one gives nearly all, the temperature is low, or duplicates are among them; if 1,000 give no more than their number, it is high." },
    { id: "grad_ages", title: "Gradient: by age of the keys", series: ["grad_age1", "grad_age2", "grad_age3", "grad_age4", "grad_untrained"], steps: true, kinds: ["newest quarter", "second", "third", "oldest", "untrained"], read: "Which share of the negatives' gradient keys of each age give: a quarter each of the time from the newest to the oldest key. If the newest give more than a quarter, the key encoder moves faster than the queue is renewed." },
    { id: "grad_same", title: "Gradient: alike images", series: ["grad_own", "grad_near", "grad_class"], steps: true, kinds: ["own image", "near-duplicates", "own class"], read: "Which share of the negatives' gradient comes from older keys of the query's own image (--mask_self leaves them out), from other images that score at least as high as the query's own key, and from other images of its class, where there are labels. All of them push alike images apart." },
    { id: "grad_age", title: "Gradient: mean age of its keys", series: ["grad_age"], read: "How many steps ago the keys were computed, weighted by the gradient that they give. Compare the age of the keys in the queue." },
  ]],
  ["Spectrum: what features use, after epochs", [
    spaces("rankme", "RankMe", "Effective rank: how many dimensions the singular values spread over (Garrido et al. 2023). It is at most the number of images measured. Higher is better between runs of one method, not across methods. A fall while uniformity stays is a dimensional collapse."),
    spaces("lidar", "LiDAR", "Effective rank of what tells images apart, measured against what an augmentation changes, from several views of the same images (Thilak et al. 2024). Higher is better between runs of one method; between methods it failed where that was tried. It is at most the number of images minus one."),
    spaces("participation", "Participation ratio", "(Σλ)²/Σλ² of the covariance: the number of dimensions that carry most of the variance. It is too low with few images."),
    spaces("nesum", "NESum", "Sum of the covariance's eigenvalues over the largest (He & Ozay 2022). Near 1, one direction has everything."),
    spaces("alpha", "α-ReQ", "How fast the covariance's eigenvalues decay, λᵢ ∝ i^−α, fitted from the 11th to the 50th (Agrawal et al. 2022). Near 1 is best. It fails for features of a low rank; then it is missing."),
    spaces("alive", "Directions in use", "Share of the covariance's eigenvalues above a ten-thousandth of the largest. Below a quarter, dimensions have collapsed (Jing et al. 2022)."),
    spaces("wasserstein", "Uniformity W₂", "Distance from a uniform distribution on the sphere (Fang et al. 2024): 0 is uniform, 1.41 is one point. It sees a dimensional collapse, to which Wang and Isola's uniformity is blind."),
    spaces("uniformity", "Uniformity of the probe set", "Wang and Isola's uniformity, on images without augmentation. It is blind to a dimensional collapse: compare it with W₂.", "probe_uniformity"),
    spaces("alignment", "Alignment of the probe set", "Mean squared distance of two views of an image. Lower means that augmentations change less. It is low for a collapse, too: read it with W₂.", "probe_alignment"),
    spaces("relative_alignment", "Relative alignment", "Distance of two views of an image over that of two images. Lower means that images can be told apart whatever the augmentation. Unlike the alignment it is not low for a collapse. It is our ratio of Wang and Isola's two numbers, and ranks runs of several methods."),
    spaces("churn", "Neighbor churn", "Share of an image's ten nearest neighbors that changed since the epoch measured before. It falls as the features settle."),
    spaces("cka", "CKA with the measurement before", "Similarity of the features with those of the epoch measured before, up to a rotation and a scale (Kornblith et al. 2019). Near 1, they have settled. A few images far from the others can dominate it."),
    singular("head", "Singular values: embeddings"), singular("backbone", "Singular values: features"),
  ]],
  ["Detection", [
    { id: "ap", title: "AP", series: ["ap"], sparse: true, read: "Average precision on the test images, in percent: the mean over classes and over ten overlaps from 0.5 to 0.95. One test is at the end, others every --eval_every iterations." },
    { id: "ap50", title: "AP50", series: ["ap50"], sparse: true, read: "Average precision at an overlap of 0.5: was the object found at all?" },
    { id: "ap75", title: "AP75", series: ["ap75"], sparse: true, read: "Average precision at an overlap of 0.75: does the box fit well?" },
    { id: "mask_ap", title: "AP of masks", series: ["mask_ap"], sparse: true, read: "Average precision of masks instead of boxes, over ten overlaps from 0.5 to 0.95." },
    { id: "loss_total", title: "Loss of the detector", series: ["loss_total"], read: "The sum of the losses below. At the start it is about ln(classes + 1) + ln 2, and ln 2 more with masks. It rises at first if the boxes begin to move before the classes are known." },
    { id: "loss_cls", title: "Loss: classes", series: ["loss_cls"], read: "Cross entropy of the regions' classes. It starts at ln(classes + 1)." },
    { id: "loss_box_reg", title: "Loss: boxes", series: ["loss_box_reg"], read: "Distance of the regions' boxes from the annotated ones. It rises at first, when the region proposals begin to find objects." },
    { id: "loss_rpn_cls", title: "Loss: objectness", series: ["loss_rpn_cls"], read: "Cross entropy of the anchors: object or background. It starts at ln 2." },
    { id: "loss_rpn_loc", title: "Loss: proposals", series: ["loss_rpn_loc"], read: "Distance of the proposals from the annotated boxes." },
    { id: "loss_mask", title: "Loss: masks", series: ["loss_mask"], read: "Cross entropy of the masks' pixels. It starts at ln 2." },
    { id: "fg", title: "Foreground regions", series: ["fg"], read: "Regions of an object among those that train, per image: at most a quarter. Near zero, the heads learn background alone: are the anchors of the objects' size?" },
    { id: "cls_accuracy", title: "Regions classified right", series: ["cls_accuracy"], read: "The share of the regions that train whose likeliest class is the right one. Background alone gives three quarters or more." },
    { id: "fg_cls_accuracy", title: "Objects classified right", series: ["fg_cls_accuracy"], read: "The same for the regions with an object. At first it is near zero, as the heads learn background; it should rise soon." },
    { id: "false_negative", title: "Objects taken for background", series: ["false_negative"], read: "The share of the regions with an object whose likeliest class is background. It should fall from 100 %." },
    { id: "rpn_pos", title: "Positive anchors", series: ["rpn_pos"], read: "Anchors of an object among those that train, per image: at most half. Very few mean that the anchors do not fit the objects." },
  ]],
  ["System and schedule", [
    { id: "queue_fill", title: "Queue: share of trained keys", series: ["queue_fill"], idle: (v) => v === 0, read: "The queue starts with random vectors. Until it is full, the loss looks better than it is." },
    { id: "queue_age", title: "Queue: age of the keys", series: ["queue_age"], idle: (v) => v === 0, read: "How many steps ago the keys were computed, on average. Old keys come from an older encoder; a momentum near 1 keeps them comparable." },
    { id: "lambda", title: "λ of the transformation", series: ["lambda_pos", "lambda_neg"], kinds: ["positives", "negatives"], read: "Drawn anew in every step. Positives: 1 to 2, where 1 changes nothing. Negatives: 0 to 1, the share of the first of two mixed keys." },
    { id: "lr", title: "Learning rate", series: ["lr"], read: "The learning rate of the schedule." },
    { id: "speed", title: "Speed", series: ["speed"], read: "Images per second, without the evaluations between epochs." },
    { id: "cpu", title: "Processors", series: ["cpu"], read: "The share of the processors' time that this training uses, of all that it may use. If it is far below 100 %, the training waits for the disk or for other programs. It is measured between two steps: every ten seconds at first, and less often in long trainings. Evaluations between epochs are left out." },
    { id: "cpu_others", title: "Processors: other programs", series: ["cpu_others"], read: "The share of the processors' time that other programs use." },
    { id: "memory", title: "Memory", series: ["memory"], read: "The resident memory of the training process, in MiB. It should be level after the first steps." },
    { id: "memory_free", title: "Memory: free", series: ["memory_free"], read: "What the machine, or the limit of a container, can still give. Near zero, the system ends programs." },
    { id: "gpu", title: "GPU", series: ["gpu"], read: "The share of the time in which the GPU computed, as nvidia-smi tells it." },
    { id: "gpu_memory", title: "GPU memory", series: ["gpu_memory"], read: "Memory of the GPU that all programs use, in MiB." },
    { id: "slowest", title: "Slowest process", series: ["slowest"], read: "How much longer the slowest of several processes takes for a step than the median, images included. All others wait for it. Configuration says which one it is; log.txt, if it is the same one for long." },
    { id: "wait", title: "Waiting for data", series: ["wait"], read: "The share of the time in which the training waits for images. If it is more than a few percent, use more loader workers (-j) or packed data." },
  ]],
];

/** charts lists the charts of all groups that have data, and one chart per remaining series, for records of other programs. */
export function charts(runs) {
  const has = new Map(runs.flatMap((r) => r.series.map((s) => [s.name, s])));
  const used = new Set(["epoch", "neg_entropy", "head_alpha_fit", "backbone_alpha_fit"]);
  const list = [];
  for (const [group, entries] of groups) {
    for (const c of entries) {
      c.series.forEach((n) => used.add(n).add(`raw_${n}`));
      if (c.series.some((n) => has.has(n))) list.push({ ...c, group, axis: has.get(c.series.find((n) => has.has(n))).axis });
    }
  }
  const others = [...has].filter(([name]) => !used.has(name)), order = [...new Set(others.map(([, s]) => groupOf(s.title)))];
  others.sort(([, a], [, b]) => order.indexOf(groupOf(a.title)) - order.indexOf(groupOf(b.title)));
  for (const [name, s] of others) {
    list.push({ id: name, title: s.title, axis: s.axis, series: [name], group: groupOf(s.title), read: "A series that the training program recorded under this name." });
  }
  return list;
}

/** groupOf returns the group of a series of another program: what comes before the first slash of its name. */
const groupOf = (title) => (title.indexOf("/") > 0 ? title.slice(0, title.indexOf("/")) : "Other");

export const read = {
  tags: "Values that the training program recorded under this name. Each column is a step, each row a value; bright means that many have it.",
  ridges: "Each ridge is the distribution of a step, the oldest at the top. Where ridges move right, scores rise. The ridges near the selected time are darker.",
  heat: "Each column is a step, each row a score; bright means that many pairs have it. Click to choose the time. Follow the bright band: positives move up as the encoder learns; the transformation moves them down again and spreads them. The few scores beyond the recorded range are not shown.",
  distribution: "The distributions at the selected step. Where positives and negatives overlap, the encoder still has to learn. Dashed: before the feature transformation. All curves are scaled to the same area.",
  waterfall: "The same distributions as a landscape: score from left to right, steps from back to front, the newest in front. If a ridge moves right, scores rise; a flat, wide ridge is a wide distribution. Drag it or use the arrow keys to turn it.",
  parallel: "A line is a run: it passes each axis at the value of that option, and ends at its results. Orange lines end high on the last axis, or low if that is the loss. If the lines between an option and the result hardly cross, the option decides the result. Point at a line for its values; click it to choose the run.",
  runs3d: "One statistic over the steps, one run behind the other. It shows the effect of a changed option. Drag it or use the arrow keys to turn it.",
  embedding: "Each mark is an image of the probe set, placed by its features: nearby images are similar to the encoder. Classes that it separates without labels form groups. PCA preserves distances along the two strongest directions; UMAP preserves neighborhoods, so distances between far groups mean little.",
};
