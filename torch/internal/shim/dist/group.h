// Shared by the C++ files of package dist.
#pragma once

#include <c10/util/intrusive_ptr.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <utility>
#include <vector>

#include "dist.h"
#include "internal.h"
#include "version.h"

namespace shim {

using StorePointer = c10::intrusive_ptr<c10d::Store>;
using GroupPointer = c10::intrusive_ptr<c10d::ProcessGroup>;

struct Group {
  GroupPointer group;
};

// While it lives, libtorch logs nothing below FATAL, unless the user has chosen a level: what
// goes wrong on the way to other processes is an error here, or is tried again.
class Quiet {
 public:
  Quiet();
  ~Quiet();
  Quiet(const Quiet&) = delete;

 private:
  std::vector<std::pair<int*, int>> before_;
};

// Gives a group that has Gloo for the CPU NCCL for a GPU. Throws where has_nccl is false.
extern const bool has_nccl;
void add_nccl(const GroupPointer& group, const StorePointer& store, int gpu, std::chrono::milliseconds limit);

inline const StorePointer& store(cl_store s) { return *static_cast<StorePointer*>(s); }
inline Group& group(cl_group g) { return *static_cast<Group*>(g); }

} // namespace shim
