// The argument of the CUDA kernels in kernels.cu, which NVRTC and the C++ compiler read.
#ifndef CONTRALENS_NORM_ARGUMENTS_H
#define CONTRALENS_NORM_ARGUMENTS_H

// Threads of a block.
#define NORM_THREADS 512

// Values per channel that the backward pass needs: the mean in single precision, a and b
// of y = a·(x - mean) + b, 1/sqrt(variance + eps), and the mean's rounding error.
#define NORM_MAP 5

// Tensors are matrices of rows of `channels` elements, one row per pixel. A block of
// threads takes a tile of `lanes`·VECTOR channels (blockIdx.x), a part of the rows
// (blockIdx.y of `parts`) of a group of images (blockIdx.z of `groups`). Group g of G has
// the images gN/G … (g+1)N/G-1.
struct NormArguments {
  const void* x;
  const void* residual; // or null
  void* y;              // may be x
  const void* gy;       // gradient of y
  void* g;              // gy under ReLU's mask; may be gy, and is gy unless the mask is by y
  void* gx;             // null: not wanted; may be g or x
  const float* weight;
  const float* bias;
  float* running_mean; // null in training: not updated
  float* running_variance;
  float* weight_gradient;
  float* bias_gradient;
  float* partial;           // [groups, parts, 2, channels]: sums of the parts
  float* shift;             // [groups, channels]: first row of each group
  float* maps;              // [groups, NORM_MAP, channels]; null in apply: not kept
  long long images, pixels; // pixels of an image
  int channels, groups, parts, lanes;
  int training;
  double momentum, eps;
};

#endif
