// Which series make a chart, and how to read it. A series named raw_… is the
// same statistic before the feature transformation; it is drawn dashed.

const groups = [
  ["Learning", [
    { id: "loss", title: "Loss", series: ["loss"], read: "InfoNCE: −log of the share that the positive has among all scores. At chance it is ln(K+1); falling means that positives are told from negatives. SimSiam and BYOL have no negatives: theirs is minus the mean score, −1 at best. A jump up where the transformation sets in is meant: the task became harder. Compare losses only at the same K and τ." },
    { id: "accuracy", title: "Contrastive accuracy", series: ["accuracy"], read: "How often the positive is ranked before every negative. Near 100 % the task is solved and teaches little more; high while k-NN stays flat hints at a leak." },
    { id: "knn", title: "k-NN accuracy", series: ["knn"], read: "How often the neighbors in feature space, out of the training images, know the class of a test image. This is about the features themselves; loss and accuracy are about the task." },
  ]],
  ["Positives", [
    { id: "pos_mean", title: "Positives: mean score", series: ["pos_mean"], read: "Mean similarity of two views of the same image. Extrapolation lowers it (the dashed line is before, the solid one after): positives become harder. Near 1 they teach nothing." },
    { id: "pos_var", title: "Positives: variance", series: ["pos_var"], read: "How much positives differ within a batch. A low one at a high mean means that all positives are easy." },
    { id: "exp_pos", title: "Positives: exp-score", series: ["exp_pos"], log: true, read: "Mean of exp(score/τ), what the loss compares. It depends on τ." },
    { id: "pos_q", title: "Positives: quantiles", series: ["pos_q50", "pos_q05", "pos_q25", "pos_q75", "pos_q95"], read: "The median with the 5, 25, 75 and 95 % quantiles. A lower end that falls away shows a few very hard positives, often crops with nothing in common." },
  ]],
  ["Negatives", [
    { id: "neg_mean", title: "Negatives: mean score", series: ["neg_mean"], read: "Mean similarity with other images, of the queue, the bank or the batch. Where the method has no negatives (SimSiam, BYOL), the batch's other images are shown to compare. Around 0 features use all directions; a rise towards 1 is a collapse. Strong jumps mean that the key encoder changes too fast." },
    { id: "neg_var", title: "Negatives: variance", series: ["neg_var"], read: "How much negatives differ. The paper reads stability and hardness from it: a larger variance means more hard negatives. Interpolation mixes the queue afresh in every step." },
    { id: "hardest_neg", title: "Hardest negatives", series: ["hardest_neg"], read: "The largest negative score of a query, averaged over the batch. It should stay below the positives, but not far: hard negatives are what the loss learns from." },
    { id: "effective_negatives", title: "Effective number of negatives", series: ["effective_negatives"], log: true, read: "exp of the entropy of the softmax over negatives: how many of them share the gradient. Small means that a few hard ones do all the work, K that none stands out." },
    { id: "exp_neg", title: "Negatives: exp-score", series: ["exp_neg"], log: true, read: "Mean of exp(score/τ) over the negatives, what stands under the fraction in the loss." },
    { id: "neg_q", title: "Negatives: quantiles", series: ["neg_q50", "neg_q05", "neg_q25", "neg_q75", "neg_q95"], read: "The median with the 5, 25, 75 and 95 % quantiles of the negative scores." },
  ]],
  ["Features", [
    { id: "alignment", title: "Alignment", series: ["alignment"], read: "Mean squared distance of the two views of an image (Wang & Isola 2020). Lower: views are mapped to the same place. It is only good together with uniformity." },
    { id: "uniformity", title: "Uniformity", series: ["uniformity"], read: "log of the mean of exp(−2·distance²) over pairs: −4 for features spread evenly, 0 when all are one point. Rising towards 0 is a collapse." },
    { id: "grad_q", title: "Gradient of the query", series: ["grad_q"], read: "Length of the loss's gradient at a query. A fall to almost nothing means that the task has become easy." },
  ]],
  ["System and schedule", [
    { id: "queue_fill", title: "Queue: share of trained keys", series: ["queue_fill"], read: "The queue begins with random vectors. Until it is full, negatives are easier than they look." },
    { id: "queue_age", title: "Queue: age of the keys", series: ["queue_age"], read: "How many steps ago the keys were made, on average. Old keys come from another encoder; a momentum near 1 keeps them comparable." },
    { id: "lambda", title: "λ of the transformation", series: ["lambda_pos", "lambda_neg"], read: "Drawn anew in every step. Positives: 1 to 2, 1 changes nothing. Negatives: 0 to 1, the share of the first of two mixed keys." },
    { id: "lr", title: "Learning rate", series: ["lr"], read: "What the schedule says." },
    { id: "speed", title: "Speed", series: ["speed"], read: "Images per second, evaluations between epochs left out." },
    { id: "wait", title: "Waiting for data", series: ["wait"], read: "Seconds that the training waited for images between two lines of the log. If it is more than a few percent, more loader workers (-j) or packed data help." },
  ]],
];

/** charts are all of groups' and one each for series that no chart has, as other programs record. */
export function charts(runs) {
  const has = new Map(runs.flatMap((r) => r.series.map((s) => [s.name, s])));
  const used = new Set(["epoch", "neg_entropy"]);
  const list = [];
  for (const [group, entries] of groups) {
    for (const c of entries) {
      c.series.forEach((n) => used.add(n).add(`raw_${n}`));
      if (c.series.some((n) => has.has(n))) list.push({ ...c, group, axis: has.get(c.series.find((n) => has.has(n))).axis });
    }
  }
  for (const [name, s] of has) {
    if (!used.has(name)) list.push({ id: name, title: s.title, axis: s.axis, series: [name], group: "Other", read: "A series that the training program recorded under this name." });
  }
  return list;
}

export const read = {
  heat: "Each column is a time, each row a score; bright means that many pairs have it. Follow the bright band: positives move up as the encoder learns, the transformation moves them down again and makes them wider. The few scores beyond the recorded range are left out.",
  distribution: "The distributions at the chosen time. Where positives and negatives overlap, the loss has work to do. Dashed: before the feature transformation. Each curve is scaled to the same area.",
  waterfall: "The same distributions as a landscape: score to the right, time into the depth, newest in front. A ridge that moves right is a score that rises; a flat wide ridge is a wide distribution. Turn it by dragging or with the arrow keys.",
  runs3d: "One statistic over the steps, one run behind the other: how a changed option moves it. Turn it by dragging or with the arrow keys.",
  embedding: "Each mark is an image of the probe set, placed by its features; near means similar to the encoder. Classes that the encoder has found on its own form groups. PCA keeps distances along the two strongest directions; UMAP keeps neighborhoods, so distances between far groups mean little.",
};
