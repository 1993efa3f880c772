// Batch norm, the addition of a shortcut and ReLU on a GPU: two kernels forward (moments,
// apply) and two back (reduce, gradient). They follow passes.h, with one number per
// channel where that has vectors. The caller puts element.cuh and arguments.h before this
// text.
//
// All sums have a fixed order and use no atomic operations, so equal inputs give equal
// bits. A block sums its rows in single precision; every block of the second kernel adds
// the sums of all parts in double precision for its own channels. That rereads
// 8·parts bytes per channel from the L2 cache, and parts is at most the number of
// multiprocessors.
//
// Memory traffic, in passes over a tensor of activations (2 bytes per element in bf16):
//
//	moments           reads x                                     1
//	apply             reads x (and the shortcut), writes y        2 (3)
//	reduce            reads gy, x                                 2
//	  mask by result  reads gy, x, y, writes g                    4
//	gradient          reads g, x, writes gx                       3
//
// Operators one by one take 3 for batch norm, 3 for the addition and 2 for ReLU; back 5, 0
// and 3. The second kernel of each pair takes its rows from the last to the first: what the first one
// read last is still in the L2 cache (50 MB on an H100).
//
// A thread has 4 loads of 16 bytes in flight, and 64 registers let two blocks of 512
// threads run on a multiprocessor: 64 KB, or 32 KB with one block, as for 64 channels and
// fewer. To keep 3.35 TB/s busy for 700 ns, each of 132 multiprocessors needs 18 KB.

#define LOADS 4 // per thread

struct Place {
  int channel;    // first of the thread's channels
  bool active;    // whether there are such channels
  int row, rows;  // the thread's row among those that a block takes at once
  int tile, slot; // channels of the block; the thread's first of them
  long long begin, end, first; // rows of the part; first row of the group
  double count;                // rows of the group
};

DEVICE long long first_row(const NormArguments& p, int group) { return p.images * group / p.groups * p.pixels; }

DEVICE Place place(const NormArguments& p) {
  Place at;
  const int lane = threadIdx.x % p.lanes;
  at.row = threadIdx.x / p.lanes;
  at.rows = NORM_THREADS / p.lanes;
  at.tile = p.lanes * VECTOR;
  at.slot = lane * VECTOR;
  at.channel = blockIdx.x * at.tile + at.slot;
  at.active = at.channel < p.channels;
  at.first = first_row(p, blockIdx.z);
  const long long n = first_row(p, blockIdx.z + 1) - at.first;
  at.begin = at.first + n * blockIdx.y / p.parts;
  at.end = at.first + n * (blockIdx.y + 1) / p.parts;
  at.count = (double)n;
  return at;
}

template <int n> struct Count {
  static constexpr int value = n;
};

// Calls f(row, Count<n>) for the thread's rows of the part: n = loads rows at a distance
// of at.rows, upwards from `row`, and the last ones one by one.
template <int loads, typename F> DEVICE void upwards(const Place& at, const F& f) {
  long long row = at.begin + at.row;
  for (; row + (loads - 1) * at.rows < at.end; row += loads * at.rows) f(row, Count<loads>());
  for (; row < at.end; row += at.rows) f(row, Count<1>());
}

// Like upwards, from the last row to the first: the rows are at and before `row`.
template <int loads, typename F> DEVICE void downwards(const Place& at, const F& f) {
  long long row = at.end - 1 - at.row;
  for (; row - (loads - 1) * at.rows >= at.begin; row -= loads * at.rows) f(row, Count<loads>());
  for (; row >= at.begin; row -= at.rows) f(row, Count<1>());
}

// Adds two sums per channel over the threads of a block, and writes them to p.partial.
DEVICE void add_rows(const NormArguments& p, const Place& at, const float (&one)[VECTOR],
                     const float (&other)[VECTOR]) {
  __shared__ float sums[2 * VECTOR * NORM_THREADS]; // [rows, 2, tile]
  __shared__ float few[NORM_THREADS];               // [chunks, 2, tile]
  const int width = 2 * at.tile, chunks = NORM_THREADS / width;
#pragma unroll
  for (int i = 0; i < VECTOR; i++) {
    sums[at.row * width + at.slot + i] = one[i];
    sums[at.row * width + at.tile + at.slot + i] = other[i];
  }
  __syncthreads();
  const int column = threadIdx.x % width, chunk = threadIdx.x / width;
  float sum = 0;
#pragma unroll 4
  for (int r = chunk; r < at.rows; r += chunks) sum += sums[r * width + column];
  few[threadIdx.x] = sum;
  __syncthreads();
  const int channel = blockIdx.x * at.tile + column % at.tile;
  if (threadIdx.x >= width || channel >= p.channels) return;
  sum = 0;
  for (int k = 0; k < chunks; k++) sum += few[k * width + column];
  const long long part = (long long)blockIdx.z * p.parts + blockIdx.y;
  p.partial[(part * 2 + column / at.tile) * p.channels + channel] = sum;
}

// Adds the sums of all parts of a group. The result is for thread t < tile, and channel t
// of the block's.
DEVICE void add_parts(const NormArguments& p, const Place& at, int group, double& one, double& other) {
  __shared__ double sums[NORM_THREADS]; // [chunks, 2, tile]
  const int width = 2 * at.tile, chunks = NORM_THREADS / width;
  const int column = threadIdx.x % width, chunk = threadIdx.x / width;
  const int channel = blockIdx.x * at.tile + column % at.tile;
  double sum = 0;
  if (channel < p.channels) {
    const float* from = p.partial + ((long long)group * p.parts * 2 + column / at.tile) * p.channels + channel;
#pragma unroll 8
    for (int part = chunk; part < p.parts; part += chunks) sum += from[(long long)part * 2 * p.channels];
  }
  __syncthreads(); // sums may be in use for another group
  sums[threadIdx.x] = sum;
  __syncthreads();
  one = other = 0;
  for (int k = 0; threadIdx.x < at.tile && k < chunks; k++) {
    one += sums[k * width + threadIdx.x];
    other += sums[k * width + at.tile + threadIdx.x];
  }
}

// Gives each thread the coefficients of its channels. values are those of channel t of
// the block, for thread t < tile.
template <int N>
DEVICE void spread(const Place& at, const float (&values)[N], float (&to)[N][VECTOR]) {
  __shared__ float table[N * 32 * VECTOR]; // [N, tile], tile <= 32·VECTOR
  if (threadIdx.x < at.tile) {
#pragma unroll
    for (int j = 0; j < N; j++) table[j * at.tile + threadIdx.x] = values[j];
  }
  __syncthreads();
#pragma unroll
  for (int j = 0; j < N; j++) {
#pragma unroll
    for (int i = 0; i < VECTOR; i++) to[j][i] = table[j * at.tile + at.slot + i];
  }
}

// Row j of a group's maps, at the block's channel t.
DEVICE float& map_of(const NormArguments& p, int group, int j, int channel) {
  return p.maps[((long long)group * NORM_MAP + j) * p.channels + channel];
}

// Sums of x - shift and its square. The squares of x itself may be far larger than its
// variance, so the shift is the first row of the group.
KERNEL __launch_bounds__(NORM_THREADS, 2) moments(NormArguments p) {
  const Place at = place(p);
  float sum[VECTOR] = {}, squares[VECTOR] = {}, shift[VECTOR] = {};
  if (at.active) {
    unpack(load(p.x, at.first * p.channels + at.channel), shift);
    if (blockIdx.y == 0 && at.row == 0) {
#pragma unroll
      for (int i = 0; i < VECTOR; i++) p.shift[(long long)blockIdx.z * p.channels + at.channel + i] = shift[i];
    }
    upwards<LOADS>(at, [&](long long row, auto count) {
      constexpr int n = decltype(count)::value;
      Packed x[n];
#pragma unroll
      for (int u = 0; u < n; u++) x[u] = load(p.x, (row + u * at.rows) * p.channels + at.channel);
#pragma unroll
      for (int u = 0; u < n; u++) {
        float v[VECTOR];
        unpack(x[u], v);
#pragma unroll
        for (int i = 0; i < VECTOR; i++) {
          v[i] -= shift[i];
          sum[i] += v[i];
          squares[i] = fmaf(v[i], v[i], squares[i]);
        }
      }
    });
  }
  add_rows(p, at, sum, squares);
}

// The map of a group's channel t, which thread t < tile computes, as {mean, a, b}. The
// first block of the first group also moves the running statistics towards the mean over
// the groups.
DEVICE void finish_moments(const NormArguments& p, const Place& at, float (&map)[3]) {
  const int channel = blockIdx.x * at.tile + threadIdx.x, group = blockIdx.z;
  const bool own = threadIdx.x < at.tile && channel < p.channels;
  const bool first = blockIdx.y == 0, leads = first && group == 0 && p.training && p.running_mean;
  double means = 0, variances = 0;
  for (int g = leads ? 0 : group; g < (leads ? p.groups : group + 1); g++) {
    double mean = 0, variance = 0;
    if (p.training) {
      add_parts(p, at, g, mean, variance);
      if (!own) continue;
      const double m = (double)(first_row(p, g + 1) - first_row(p, g));
      const double difference = mean / m;
      mean = p.shift[(long long)g * p.channels + channel] + difference;
      variance = variance / m - difference * difference;
      if (variance < 0) variance = 0; // NaN stays
      means += mean / p.groups;
      variances += variance * m / (m - 1) / p.groups;
    } else {
      if (!own) continue;
      mean = p.running_mean[channel];
      variance = p.running_variance[channel];
    }
    if (g != group) continue;
    const double inverse = 1 / sqrt(variance + p.eps), a = p.weight[channel] * inverse;
    const float single = (float)mean;
    const double rest = mean - single;
    map[0] = single;
    map[1] = (float)a;
    map[2] = (float)(p.bias[channel] - rest * a);
    if (!first || !p.maps) continue;
    const float kept[NORM_MAP] = {map[0], map[1], map[2], (float)inverse, (float)rest};
#pragma unroll
    for (int j = 0; j < NORM_MAP; j++) map_of(p, g, j, channel) = kept[j];
  }
  if (!leads || !own) return;
  p.running_mean[channel] = (float)(p.momentum * means + (1 - p.momentum) * p.running_mean[channel]);
  p.running_variance[channel] = (float)(p.momentum * variances + (1 - p.momentum) * p.running_variance[channel]);
}

// y = a·(x - mean) + b (+ residual), then max(y, 0). a·x + (b - a·mean) would lose
// precision if the mean is far from zero.
template <bool add, bool relu> DEVICE void apply_rows(const NormArguments& p) {
  const Place at = place(p);
  float own[3] = {}, map[3][VECTOR];
  finish_moments(p, at, own);
  spread(at, own, map);
  if (!at.active) return;
  downwards<add ? LOADS / 2 : LOADS>(at, [&](long long row, auto count) {
    constexpr int n = decltype(count)::value;
    Packed x[n], residual[n];
#pragma unroll
    for (int u = 0; u < n; u++) {
      const long long i = (row - u * at.rows) * p.channels + at.channel;
      x[u] = load(p.x, i);
      if (add) residual[u] = load(p.residual, i);
    }
#pragma unroll
    for (int u = 0; u < n; u++) {
      float v[VECTOR], s[VECTOR];
      unpack(x[u], v);
      if (add) unpack(residual[u], s);
#pragma unroll
      for (int i = 0; i < VECTOR; i++) {
        v[i] = fmaf(v[i] - map[0][i], map[1][i], map[2][i]);
        if (add) v[i] += s[i];
        if (relu) v[i] = v[i] < 0 ? 0 : v[i]; // NaN stays
      }
      store(p.y, (row - u * at.rows) * p.channels + at.channel, v);
    }
  });
}

KERNEL __launch_bounds__(NORM_THREADS, 2) apply(NormArguments p) { apply_rows<false, false>(p); }
KERNEL __launch_bounds__(NORM_THREADS, 2) apply_relu(NormArguments p) { apply_rows<false, true>(p); }
KERNEL __launch_bounds__(NORM_THREADS, 2) apply_add(NormArguments p) { apply_rows<true, false>(p); }
KERNEL __launch_bounds__(NORM_THREADS, 2) apply_add_relu(NormArguments p) { apply_rows<true, true>(p); }

// The elements that ReLU kept: all, those with a result above zero, or those with an
// argument a·(x - mean) + b above zero.
enum Mask { by_none, by_result, by_argument };

// Sums of g and g·(x - mean), where g is gy under the mask. With a mask by the result, g
// is also written.
template <Mask mask> DEVICE void reduce_rows(const NormArguments& p) {
  const Place at = place(p);
  float sum[VECTOR] = {}, products[VECTOR] = {}, map[3][VECTOR] = {};
  if (at.active) {
#pragma unroll
    for (int j = 0; j < (mask == by_argument ? 3 : 1); j++) {
#pragma unroll
      for (int i = 0; i < VECTOR; i++) map[j][i] = map_of(p, blockIdx.z, j, at.channel + i);
    }
    upwards<LOADS / 2>(at, [&](long long row, auto count) {
      constexpr int n = decltype(count)::value;
      Packed gy[n], x[n], y[n];
#pragma unroll
      for (int u = 0; u < n; u++) {
        const long long i = (row + u * at.rows) * p.channels + at.channel;
        gy[u] = load(p.gy, i);
        x[u] = load(p.x, i);
        if (mask == by_result) y[u] = load(p.y, i);
      }
#pragma unroll
      for (int u = 0; u < n; u++) {
        float g[VECTOR], v[VECTOR], kept[VECTOR];
        unpack(gy[u], g);
        unpack(x[u], v);
        if (mask == by_result) unpack(y[u], kept);
#pragma unroll
        for (int i = 0; i < VECTOR; i++) {
          v[i] -= map[0][i];
          if (mask == by_argument) g[i] = fmaf(v[i], map[1][i], map[2][i]) <= 0 ? 0 : g[i];
          if (mask == by_result) g[i] = kept[i] <= 0 ? 0 : g[i];
          sum[i] += g[i];
          products[i] = fmaf(g[i], v[i], products[i]);
        }
        if (mask == by_result) store(p.g, (row + u * at.rows) * p.channels + at.channel, g);
      }
    });
  }
  add_rows(p, at, sum, products);
}

KERNEL __launch_bounds__(NORM_THREADS, 2) reduce(NormArguments p) { reduce_rows<by_none>(p); }
KERNEL __launch_bounds__(NORM_THREADS, 2) reduce_result(NormArguments p) { reduce_rows<by_result>(p); }
KERNEL __launch_bounds__(NORM_THREADS, 2) reduce_argument(NormArguments p) { reduce_rows<by_argument>(p); }

// The coefficients {mean, a, b, c, d} of a group's channel t. The first block of the
// first group also writes the gradients of weight and bias, over all groups.
DEVICE void finish_reduce(const NormArguments& p, const Place& at, float (&own)[5]) {
  const int channel = blockIdx.x * at.tile + threadIdx.x, group = blockIdx.z;
  const bool mine = threadIdx.x < at.tile && channel < p.channels;
  const bool leads = blockIdx.y == 0 && group == 0;
  double weight = 0, bias = 0;
  for (int g = leads ? 0 : group; g < (leads ? p.groups : group + 1); g++) {
    double sum, products;
    add_parts(p, at, g, sum, products);
    if (!mine) continue;
    const double inverse = map_of(p, g, 3, channel), rest = map_of(p, g, 4, channel);
    products -= rest * sum;
    weight += products * inverse;
    bias += sum;
    if (g != group) continue;
    const double d = p.training ? inverse * inverse * products / at.count : 0;
    const double c = p.training ? sum / at.count - d * rest : 0;
#pragma unroll
    for (int j = 0; j < 3; j++) own[j] = map_of(p, g, j, channel);
    own[3] = (float)c;
    own[4] = (float)d;
  }
  if (!leads || !mine) return;
  if (p.weight_gradient) p.weight_gradient[channel] = (float)weight;
  if (p.bias_gradient) p.bias_gradient[channel] = (float)bias;
}

// gx = a·((g - c) - d·(x - mean)): with statistics of the batch,
// gx = a (g - mean(g) - x̂ mean(g·x̂)).
template <Mask mask> DEVICE void gradient_rows(const NormArguments& p) {
  const Place at = place(p);
  float own[5] = {}, map[5][VECTOR];
  finish_reduce(p, at, own);
  spread(at, own, map);
  if (!at.active || !p.gx) return;
  downwards<LOADS / 2>(at, [&](long long row, auto count) {
    constexpr int n = decltype(count)::value;
    Packed g[n], x[n];
#pragma unroll
    for (int u = 0; u < n; u++) {
      const long long i = (row - u * at.rows) * p.channels + at.channel;
      g[u] = load(p.g, i);
      x[u] = load(p.x, i);
    }
#pragma unroll
    for (int u = 0; u < n; u++) {
      float w[VECTOR], v[VECTOR];
      unpack(g[u], w);
      unpack(x[u], v);
#pragma unroll
      for (int i = 0; i < VECTOR; i++) {
        v[i] -= map[0][i];
        if (mask == by_argument) w[i] = fmaf(v[i], map[1][i], map[2][i]) <= 0 ? 0 : w[i];
        w[i] = map[1][i] * fmaf(-map[4][i], v[i], w[i] - map[3][i]);
      }
      store(p.gx, (row - u * at.rows) * p.channels + at.channel, w);
    }
  });
}

KERNEL __launch_bounds__(NORM_THREADS, 2) gradient(NormArguments p) { gradient_rows<by_none>(p); }
KERNEL __launch_bounds__(NORM_THREADS, 2) gradient_argument(NormArguments p) { gradient_rows<by_argument>(p); }
