// Process groups and their collectives.
#define USE_C10D_GLOO // else ProcessGroupGloo.hpp is empty

#include "group.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

namespace {

using shim::Group;
using Work = c10::intrusive_ptr<c10d::Work>;

using Milliseconds = std::chrono::milliseconds;

std::terminate_handler terminate_before = nullptr;

// Ends the process with a sentence if Gloo does, on a thread of its own, where its exception has no
// one to catch it: ranks that call collectives of different sizes send more bytes than the other
// one waits for.
[[noreturn]] void end_with_sentence() {
  try {
    if (const std::exception_ptr error = std::current_exception()) std::rethrow_exception(error);
  } catch (const std::exception& e) {
    if (std::strstr(e.what(), "gloo/transport") != nullptr) {
      std::fprintf(
          stderr,
          "contralens: another rank is in a different exchange than this one (Gloo: %.200s): start all ranks with "
          "the same program, options and data; if they were, report a bug\n",
          e.what());
      std::fflush(stderr);
      _exit(1);
    }
  } catch (...) {
  }
  if (terminate_before != nullptr) terminate_before();
  std::abort();
}

c10::intrusive_ptr<c10d::ProcessGroupGloo> make_gloo(const shim::StorePointer& store, int rank, int size,
                                                     Milliseconds limit, int count, const char* const* addresses) {
  auto options = c10d::ProcessGroupGloo::Options::create(limit);
  for (int i = 0; i < count; i++) {
    const std::string address(addresses[i] + 3);
    options->devices.push_back(addresses[i][0] == 'i' ? c10d::ProcessGroupGloo::createDeviceForInterface(address)
                                                      : c10d::ProcessGroupGloo::createDeviceForHostname(address));
  }
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, options);
}

// Since libtorch 2.0 a process group passes each collective on to a backend, by the kind
// of device that the tensor is on. Before, the backend was the group.
template <typename G, typename Backend>
c10::intrusive_ptr<G> group_of(const shim::StorePointer& store, int rank, int size,
                               c10::intrusive_ptr<Backend> backend) {
  if constexpr (std::is_base_of_v<G, Backend>) {
    return backend;
  } else {
    using Kind = typename G::BackendType;
    auto group = c10::make_intrusive<G>(store, rank, size);
    group->setBackend(c10::DeviceType::CPU, Kind::GLOO, backend);
    group->setDefaultBackend(Kind::GLOO);
    return group;
  }
}

// The bytes of a contiguous tensor, as one more dimension. Collectives that only move data
// take them, because no backend knows all types.
at::Tensor bytes(const at::Tensor& t) { return t.unsqueeze(-1).view(at::kByte); }

// A tensor as collectives want it: contiguous, without history, and not made in inference
// mode, since the backend's own threads write to it. It may be t itself.
at::Tensor staged(const at::Tensor& t) {
  if (t.is_contiguous() && !t.is_inference()) return t.detach();
  at::Tensor to = at::empty_like(t, t.options(), at::MemoryFormat::Contiguous);
  return to.copy_(t.detach());
}

void wait(const Work& work) { work->wait(); }

// Leaves inference mode and the recording for autograd.
struct Plain {
  c10::InferenceMode inference{false};
  at::NoGradGuard no_grad;
};

// Calls f with tensors that a collective may change, and then copies what they have become.
template <typename F> void change(int count, const cl_tensor* ts, F f) {
  std::vector<at::Tensor> to;
  std::vector<at::Tensor> changed;
  {
    Plain plain;
    for (int i = 0; i < count; i++) {
      const at::Tensor t = shim::borrow(ts[i]);
      if (t.numel() == 0) continue;
      to.push_back(t);
      changed.push_back(staged(t));
    }
    f(changed);
  }
  at::NoGradGuard no_grad;
  for (size_t i = 0; i < to.size(); i++)
    if (to[i].data_ptr() != changed[i].data_ptr()) to[i].copy_(changed[i]);
}

// Moves rows. The counts are moved out by some versions, so they are handed over.
template <typename G>
Work exchange(G& group, at::Tensor& out, at::Tensor& in, std::vector<int64_t> out_rows, std::vector<int64_t> in_rows) {
  if constexpr (requires { group.all_to_all_single(out, in, out_rows, in_rows); })
    return group.all_to_all_single(out, in, out_rows, in_rows);
  else return group.alltoall_base(out, in, out_rows, in_rows);
}

} // namespace

extern "C" const char* cl_group_backends(void) { return shim::has_nccl ? "gloo nccl" : "gloo"; }

extern "C" char* cl_group_new(cl_store store, int rank, int size, const char* backend, int gpu, int64_t milliseconds,
                              int count, const char* const* addresses, cl_group* out) {
  char* err = nullptr;
  CL_TRY(err, {
    const shim::Quiet quiet;
    static const bool once = (terminate_before = std::set_terminate(end_with_sentence), true);
    (void)once;
    const shim::StorePointer& s = shim::store(store);
    const Milliseconds limit(milliseconds);
    auto g = group_of<c10d::ProcessGroup>(s, rank, size, make_gloo(s, rank, size, limit, count, addresses));
    if (std::string(backend) == "nccl") shim::add_nccl(g, s, gpu, limit);
    *out = new Group{std::move(g)};
  });
  return err;
}

extern "C" void cl_group_free(cl_group g) { delete static_cast<Group*>(g); }

extern "C" cl_tensor_result cl_group_gather(cl_group g, cl_tensor t) {
  cl_tensor_result out{nullptr, nullptr};
  CL_TRY(out.err, {
    Plain plain;
    const at::Tensor mine = staged(shim::borrow(t));
    const auto& group = shim::group(g).group;
    std::vector<int64_t> shape = mine.sizes().vec();
    shape.insert(shape.begin(), group->getSize());
    const at::Tensor all = at::empty(shape, mine.options());
    if (mine.numel() > 0) {
      std::vector<at::Tensor> from{bytes(mine)};
      std::vector<std::vector<at::Tensor>> to{bytes(all).unbind(0)};
      wait(group->allgather(to, from));
    }
    out.t = shim::own(all);
  });
  return out;
}

extern "C" char* cl_group_sum(cl_group g, int count, const cl_tensor* ts) {
  char* err = nullptr;
  CL_TRY(err, change(count, ts, [&](std::vector<at::Tensor>& tensors) {
           const auto& group = shim::group(g).group;
           if (tensors.size() == 1) wait(group->allreduce(tensors));
           if (tensors.size() > 1) wait(group->allreduce_coalesced(tensors));
         }));
  return err;
}

extern "C" char* cl_group_broadcast(cl_group g, int root, int count, const cl_tensor* ts) {
  char* err = nullptr;
  CL_TRY(err, change(count, ts, [&](std::vector<at::Tensor>& tensors) {
           c10d::BroadcastOptions options;
           options.rootRank = root;
           std::vector<std::vector<at::Tensor>> moved; // until all work is done
           std::vector<Work> work;
           for (const at::Tensor& t : tensors) moved.push_back({bytes(t)});
           for (auto& m : moved) work.push_back(shim::group(g).group->broadcast(m, options));
           for (const Work& w : work) wait(w);
         }));
  return err;
}

extern "C" char* cl_group_exchange(cl_group g, cl_tensor out, cl_tensor in, int size, const int64_t* out_rows,
                                   const int64_t* in_rows) {
  char* err = nullptr;
  CL_TRY(err, {
    at::Tensor from;
    {
      Plain plain;
      from = bytes(staged(shim::borrow(in)));
    }
    const at::Tensor t = shim::borrow(out);
    at::Tensor to;
    {
      Plain plain;
      to = t.numel() == 0 ? t.detach() : staged(t);
      at::Tensor moved = bytes(to);
      wait(exchange(*shim::group(g).group, moved, from, std::vector<int64_t>(out_rows, out_rows + size),
                    std::vector<int64_t>(in_rows, in_rows + size)));
    }
    at::NoGradGuard no_grad;
    if (t.numel() > 0 && t.data_ptr() != to.data_ptr()) t.copy_(to);
  });
  return err;
}

extern "C" char* cl_group_barrier(cl_group g) {
  char* err = nullptr;
  CL_TRY(err, {
    Plain plain;
    wait(shim::group(g).group->barrier());
  });
  return err;
}
