// NCCL, the collectives of NVIDIA's GPUs. It is there if all of NCCL's and CUDA's headers are:
// pip brings them in packages of their own, those in crt with triton.
#if __has_include(<nccl.h>) && __has_include(<cuda_runtime_api.h>) && __has_include(<crt/host_config.h>) && \
    __has_include(<c10/cuda/impl/cuda_cmake_macros.h>)
#define USE_C10D_NCCL
#include <ATen/ops/ones.h>
#include <c10/cuda/CUDAFunctions.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include "group.h"

#ifdef USE_C10D_NCCL

const bool shim::has_nccl = true;

void shim::add_nccl(const GroupPointer& group, const StorePointer& store, int gpu, std::chrono::milliseconds limit) {
  c10::cuda::set_device(static_cast<c10::DeviceIndex>(gpu));
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = limit;
  auto keys = c10::make_intrusive<c10d::PrefixStore>("nccl", store);
  auto nccl = c10::make_intrusive<c10d::ProcessGroupNCCL>(keys, group->getRank(), group->getSize(), options);
  group->setBackend(c10::DeviceType::CUDA, c10d::ProcessGroup::BackendType::NCCL, nccl);
  // The ranks connect in their first collective, so that errors come here.
  at::Tensor one = at::ones({1}, c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(gpu)));
  std::vector<at::Tensor> list{one};
  group->allreduce(list)->wait();
  TORCH_CHECK(one.item<float>() == static_cast<float>(group->getSize()), "NCCL does not sum over the ranks");
}

#else

const bool shim::has_nccl = false;

void shim::add_nccl(const GroupPointer&, const StorePointer&, int, std::chrono::milliseconds) {
  TORCH_CHECK(false, "this library was compiled without the headers of NCCL");
}

#endif
